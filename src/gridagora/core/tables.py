"""The tables that cross rooms: prices, weather and homes, as columns. Time runs in hours from `start_s` (UTC seconds)."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.brief import brief

Col = NDArray[np.float64]
Flag = NDArray[np.bool_]
Index = NDArray[np.int64]

LEAD_H = 48  # hours of price history before the start of a run
TAIL_H = 25  # hours of every series after the end of a run, for the look-ahead


class Prices(NamedTuple):
    """Wholesale prices from `LEAD_H` hours before the start to `TAIL_H` hours after the end.

    day_ahead_per_kwh (48 + H,) hourly, real_time_per_kwh (4 (48 + H),) every 15 minutes [$/kWh]; H = 24 days + 25.
    """

    start_s: int
    day_ahead_per_kwh: Col
    real_time_per_kwh: Col

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Weather(NamedTuple):
    """Hourly weather, shape (H,) each, interval start; sun angles at the middle of the hour."""

    start_s: int
    t_out_degc: Col
    ghi_w_m2: Col
    dni_w_m2: Col
    dhi_w_m2: Col
    zenith_deg: Col
    azimuth_deg: Col
    wind_m_s: Col

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Quality(NamedTuple):
    """What service is worth to n homes, and what they pay for not delivering it; one row where all homes are alike.

    Comfort is worth `slider_ratio` times that of a standard home, and `tier_ratio` times more in its tier, which also holds
    for hot water and for charge missing in a car.
    """

    slider_ratio: Col  # (n,)
    tier: Index  # (n,) row of `population.quality.TIERS`
    tier_ratio: Col  # (n,) value of energy of the tier over that of a standard home
    deviation_per_kwh: Col  # (n,) charge on every kWh delivered other than awarded [$/kWh]
    window_h: float  # deviation is the mean over so many hours; 0: over each interval

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


NOTHING: Mapping[
    str, Any
] = {}  # no frozen view: homes go to other processes, and a view cannot be pickled
ALIKE = Quality(np.ones(1), np.zeros(1, np.int64), np.ones(1), np.zeros(1), 1.0)


BLOCK_BYTES = 1 << 20


def blocks_of(column: Any) -> Iterator[bytes]:
    """Yield bytes that stand for all that a column holds, some at a time: arrays, tables of devices, or what prints in full."""
    if isinstance(column, np.ndarray):
        rows = np.atleast_1d(column)
        step = max(1, BLOCK_BYTES * len(rows) // max(1, rows.nbytes))
        yield from (rows[at : at + step].tobytes() for at in range(0, len(rows), step))
    elif isinstance(column, Mapping):
        for key in sorted(column):
            yield str(key).encode()
            yield from blocks_of(column[key])
    elif is_dataclass(column) and not isinstance(column, type):
        for field in fields(column):
            yield field.name.encode()
            yield from blocks_of(vars(column)[field.name])
    elif isinstance(column, tuple) and any(isinstance(part, np.ndarray | tuple) for part in column):
        for part in column:
            yield from blocks_of(part)
    else:
        yield repr(column).encode()


class Homes(NamedTuple):
    """n homes over H hours from the start: what they draw beside their devices, and what service is worth to them.

    `owned` holds a table of devices of each kind that any of them has, whose column `home` is a row of this one. The meter of a
    home is that of the scene.
    """

    home_id: tuple[str, ...]
    load_kw: Col  # (n, H) appliances, withdrawal
    quality: Quality = ALIKE
    owned: Mapping[str, Any] = NOTHING  # by kind of device

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)
