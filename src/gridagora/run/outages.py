"""Agents of homes that are offline for a while: who, when, and what a home does meanwhile.

An agent that is offline neither sends nor hears. A home that bids is cleared as if its messages were lost, and keeps to its curve
at the price that it last heard; one that follows a posted price keeps to the last one it heard; one whose devices an operator
dispatches leaves them to their own switches. A price that was set before the run needs no message, so that nothing changes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.exchange import Quotes
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Flag, Index
from gridagora.population.fleet import Fleet

HOUR_S = 3600
DAY_H = 24
BEFORE = 6.0  # mean durations before the run in which an outage that reaches into it may begin


class Outages(NamedTuple):
    """Spells of m outages of n homes [s UTC]; those of one home may overlap."""

    homes: int
    home: Index  # (m,)
    from_s: Col  # (m,)
    to_s: Col  # (m,)

    def offline(self, now_s: float) -> Flag:
        """Return which homes are offline at an instant [s UTC], shape (n,)."""
        found = np.zeros(self.homes, np.bool_)
        found[self.home[(self.from_s <= now_s) & (now_s < self.to_s)]] = True
        return found


def draw_outages(
    seed: int, homes: int, start_s: int, days: int, per_day: float, mean_h: float
) -> Outages | None:
    """Return the outages of a run, a draw of the seed that all designs share; None where there are none.

    They begin as a Poisson process in each home, at most one an hour, and last exponentially long, so that a home is offline
    with the share 1 - exp(-per_day mean_h / 24) of the time (M/G/infinity: those under way are Poisson, the mean being their
    rate times their duration). More homes, or a longer run, begin with the same outages.

    References
    ----------
    L. Takacs, Introduction to the Theory of Queues, 1962, chapter 3, section 2.
    """
    if per_day <= 0.0:
        return None
    begins = 1.0 - np.exp(-per_day / DAY_H)
    rows, starts, lasts = [], [], []
    for hour in range(-int(np.ceil(BEFORE * mean_h)), DAY_H * days):
        draws = stream(seed, "outages", hour).random((homes, 3))
        own = np.flatnonzero(draws[:, 0] < begins)
        rows.append(own)
        starts.append(start_s + HOUR_S * (hour + draws[own, 1]))
        lasts.append(-mean_h * HOUR_S * np.log1p(-draws[own, 2]))
    from_s = np.concatenate(starts)
    return Outages(homes, np.concatenate(rows), from_s, from_s + np.concatenate(lasts))


def offline_hours(outages: Outages, start_s: int, days: int, dt_h: float) -> float:
    """Return for how long homes are offline in a run, all together [h], by the instants at which gates close."""
    steps = range(round(days * DAY_H / dt_h))
    times = (start_s + HOUR_S * dt_h * step for step in steps)
    return float(sum(int(outages.offline(now).sum()) for now in times) * dt_h)


class HeardPrices(NamedTuple):
    """What every home last heard of a posted price, (n,) each [$/kWh]."""

    buy_per_kwh: Col
    sell_per_kwh: Col


def hear_quotes(
    posted: Quotes, home: Index, offline: Flag, last: HeardPrices | None
) -> tuple[Quotes, HeardPrices]:
    """Return the quotes to devices (r,) of homes as these know them, and what each home has heard by now.

    A home that is offline keeps to the price that it last heard, or before it heard any to the first one.
    """
    now = HeardPrices(*(_of_homes(column[:, 0], home, len(offline)) for column in posted[2:4]))
    before = now if last is None else last
    heard = HeardPrices(
        *(np.where(offline, old, new) for old, new in zip(before, now, strict=True))
    )
    columns = (each[home][:, None] for each in heard)
    buy, sell = columns
    return posted._replace(buy_per_kwh=buy, sell_per_kwh=sell), heard


def _of_homes(quoted_per_kwh: Col, home: Index, homes: int) -> Col:
    """Return the price of every home, (n,) [$/kWh], from what its devices (r,) are quoted; one without any has the first."""
    price = np.full(homes, quoted_per_kwh[0])
    price[home] = quoted_per_kwh
    return price


def release_devices(
    orders: Sequence[Col | None], fleet: Fleet, offline: Flag
) -> tuple[Col | None, ...]:
    """Return the orders of all rows of every group, (r,) each [kW], nan where the home is offline: its switch decides."""
    return tuple(
        power if power is None else np.where(offline[group.home], np.nan, power)
        for group, power in zip(fleet.groups, orders, strict=True)
    )
