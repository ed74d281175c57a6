"""What a run records: homes and devices in a recorder, in memory where there is room, else in files; the rest as series."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.ports import DeviceGroup
from gridagora.core.records import MemoryRecorder, Recorder
from gridagora.core.tables import Col, Flag
from gridagora.files.recorder import ParquetRecorder

HELD_VALUES = (
    1 << 23
)  # numbers of a run that are held in memory; a longer record is written to files
HOME, AWARD = (
    "home_kw",
    "award_kw",
)  # names of columns: net power of every home, what it was awarded
OpenRecorder = Callable[[int, Mapping[str, int]], Recorder]


class Record(NamedTuple):
    """What a run recorded: homes and devices in a recorder, sums over them and prices by interval, shape (t,) unless stated."""

    kinds: tuple[str, ...]  # of the groups of the fleet, in its order
    recorder: Recorder  # power of every kind, what groups tell of their rows, net power and awards of homes
    device_kw: Col  # (g, t) of every group, all homes
    committed_kw: Col  # what homes were awarded, nan where nothing is
    has_award: Flag  # whether any home was awarded anything
    price_per_kwh: Col
    credit_per_kwh: Col  # for what leaves a home
    place_per_kwh: Col  # (m, t) price at every place; no rows where all homes see one price
    import_per_kwh: Col  # (t, 1) what meters are charged, (t, n) where every home pays the price of its own transactions
    export_per_kwh: Col  # likewise, what they are credited
    worst: Col  # (2,) largest energy imbalance [kWh], largest plan gap, nan where none is certified

    @property
    def kind_kw(self) -> Col:
        """Power of every group in every home, shape (g, t, n) [kW], read whole."""
        return np.array([np.asarray(self.recorder.column(power_of(kind))).T for kind in self.kinds])

    @property
    def award_kw(self) -> Col:
        """What every home was awarded, shape (t, n) [kW], read whole; nan where nothing is."""
        return np.asarray(self.recorder.column(AWARD)).T


def power_of(kind: str) -> str:
    """Return the name of the column that holds the power of a kind of device."""
    return f"{kind}_kw"


def open_recorder(intervals: int, rows: Mapping[str, int]) -> Recorder:
    """Return the recorder of a run, given its intervals and the number of rows of each column by name."""
    if intervals * sum(rows.values()) <= HELD_VALUES:
        return MemoryRecorder(intervals, rows)
    return ParquetRecorder(intervals, rows)


def open_record(
    groups: Sequence[DeviceGroup],
    homes: int,
    intervals: int,
    *,
    places: int = 0,
    meter_prices: int = 1,
    recorder: OpenRecorder = open_recorder,
) -> Record:
    """Return an empty record of a run.

    Parameters
    ----------
    groups
        Of the fleet, in its order.
    homes, intervals
        How many there are.
    places
        Places with a price of their own.
    meter_prices
        Prices of an interval at meters: one, or one for each home.
    recorder
        Where homes and devices are recorded.
    """
    t, kinds = intervals, tuple(group.about.kind for group in groups)
    rows = {name: len(group.home) for group in groups for name in group.about.series}
    rows |= dict.fromkeys([*map(power_of, kinds), HOME, AWARD], homes)
    return Record(
        kinds,
        recorder(t, rows),
        device_kw=np.zeros((len(kinds), t)),
        committed_kw=np.full(t, np.nan),
        has_award=np.zeros(t, dtype=np.bool_),
        price_per_kwh=np.zeros(t),
        credit_per_kwh=np.zeros(t),
        place_per_kwh=np.zeros((places, t)),
        import_per_kwh=np.zeros((t, meter_prices)),
        export_per_kwh=np.zeros((t, meter_prices)),
        worst=np.array([0.0, np.nan]),
    )


def write_interval(
    track: Record,
    i: int,
    load_kw: Col,
    kind_kw: Col,
    series: Mapping[str, Col],
    award_kw: Col | None = None,
) -> Col:
    """Write an interval to the record of a run and return the net power of homes, shape (n,) [kW].

    Parameters
    ----------
    load_kw
        Load of homes without devices, shape (n,) [kW].
    kind_kw
        Power of every group in every home, shape (g, n) [kW].
    series
        What groups tell of their rows, by name, shape (r,) each [unit of the name].
    award_kw
        What homes were awarded, shape (n,) [kW], nan where nothing is; left out: nobody was.
    """
    home_kw: Col = load_kw + kind_kw.sum(0)
    track.recorder.write(i, HOME, home_kw)
    for row, kind in enumerate(track.kinds):
        track.recorder.write(i, power_of(kind), kind_kw[row])
        track.device_kw[row, i] = kind_kw[row].sum()
    for name, values in series.items():
        track.recorder.write(i, name, values)
    if award_kw is None:
        return home_kw
    track.recorder.write(i, AWARD, award_kw)
    track.committed_kw[i], track.has_award[i] = award_kw.sum(), np.isfinite(award_kw).any()
    return home_kw
