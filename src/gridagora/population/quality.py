"""Quality of service of homes: what a tier and a comfort slider make energy worth, and how far deliveries miss awards."""

import numpy as np

from gridagora.core.records import PairwiseSum, RunColumn, by_row, interval_blocks
from gridagora.core.tables import Col, Homes, Quality

TIERS = ("standard", "firm", "flexible")
HOUR_H = 1.0  # the longer of the two windows on which deliveries are held against awards; the other is the interval


def per_home(quality: Quality, count: int) -> Quality:
    """Return the same with one row for each of `count` homes."""
    return Quality(
        np.broadcast_to(quality.slider_ratio, (count,)),
        np.broadcast_to(quality.tier, (count,)),
        np.broadcast_to(quality.tier_ratio, (count,)),
        np.broadcast_to(quality.deviation_per_kwh, (count,)),
        quality.window_h,
    )


def comfort_ratio(homes: Homes) -> Col:
    """Return the ratio of what comfort is worth to each home to what it is worth to a standard one, shape (n,)."""
    own = per_home(homes.quality, len(homes.home_id))
    return own.slider_ratio * own.tier_ratio


def denied_ratio(homes: Homes) -> Col:
    """Return the same ratio for hot water and for charge missing in a car, where only the tier counts, shape (n,)."""
    return per_home(homes.quality, len(homes.home_id)).tier_ratio


def deviation_kwh(home_kw: Col, award_kw: Col, dt_h: float, window_h: float = 0.0) -> Col:
    """Return |delivered less awarded| of every home and window of time, shape (n, w) [kWh].

    Parameters
    ----------
    home_kw, award_kw
        Delivered and awarded power, shape (n, t) [kW]; an award is nan where there is none, and its interval does not count.
    dt_h, window_h
        Length of an interval and of a window [h]: inside a window too much and too little make up for each other. 0: each
        interval is a window.

    Returns
    -------
    Col
        nan where a home had no award in the window.

    Raises
    ------
    ValueError
        The windows do not tile the run.

    References
    ----------
    Theory 8.5. An on/off unit cannot keep to a mean power over five minutes, over an hour it can.
    """
    n, t = home_kw.shape
    gap_kw = (home_kw - award_kw).reshape(n, -1, min(t, max(1, round(window_h / dt_h))))
    held = np.isfinite(gap_kw)
    missed = np.abs(np.where(held, gap_kw, 0.0).sum(2)) * dt_h
    return np.where(held.any(2), missed, np.nan)


def together(home_kw: RunColumn, award_kw: RunColumn) -> tuple[Col, Col]:
    """Return what all homes with an award delivered and were awarded, shape (1, t) each [kW]; the award is nan where none was.

    Read some intervals at a time, each summed as numpy sums the whole arrays.
    """
    delivered, awarded = [np.zeros(0)], [np.zeros(0)]
    for at in interval_blocks(home_kw.shape):
        award = np.asarray(award_kw[:, at])
        held = np.isfinite(award)
        delivered.append(np.cumsum(np.where(held, home_kw[:, at], 0.0), axis=0)[-1])
        total = by_row(np.where(held, award, 0.0).T).sum(1)
        awarded.append(np.where(held.any(0), total, np.nan))
    return np.concatenate(delivered)[None], np.concatenate(awarded)[None]


def mean_kw(deviation: Col, award_kw: Col, dt_h: float) -> Col:
    """Return the deviation (n, w) [kWh] of each home over the hours in which it held an award, shape (n,) [kW], else nan."""
    return _over(deviation, np.isfinite(award_kw).sum(1) * dt_h)


def energy_share(deviation: Col, home_kw: Col, award_kw: Col, dt_h: float) -> Col:
    """Return the deviation (n, w) [kWh] of each home over the energy through its meter while it held an award, shape (n,)."""
    return _over(deviation, np.where(np.isfinite(award_kw), np.abs(home_kw), 0.0).sum(1) * dt_h)


def mean_of_homes(each: Col) -> float:
    """Return the mean over homes that have a value, given that of every home (n,) [any unit], nan where it has none; else nan."""
    held = each[np.isfinite(each)]
    return float(held.mean()) if held.size else float("nan")


class TotalShare:
    """The deviations of all rows, each by itself, over the energy of all, of rows that come some at a time.

    Parameters
    ----------
    shape
        Rows and intervals that will come.
    dt_h, window_h
        Length of an interval and of a window [h], as in `deviation_kwh`.
    """

    def __init__(self, shape: tuple[int, ...], dt_h: float, window_h: float) -> None:
        n, t = shape
        self._dt_h, self._window_h = dt_h, window_h
        self._missed = PairwiseSum(n * (t // min(t, max(1, round(window_h / dt_h)))))
        self._moved = PairwiseSum(n * t)

    def add(self, home_kw: Col, award_kw: Col) -> None:
        """Take in delivered and awarded power of some rows, shape (k, t) [kW]."""
        missed = deviation_kwh(home_kw, award_kw, self._dt_h, self._window_h)
        self._missed.add(np.where(np.isnan(missed), 0.0, missed))
        self._moved.add(np.where(np.isfinite(award_kw), np.abs(home_kw), 0.0))

    @property
    def value(self) -> float:
        """The share; nan where no row had an award."""
        moved = self._moved.value * self._dt_h
        return float(self._missed.value / moved) if moved > 0 else float("nan")


def total_share(home_kw: Col, award_kw: Col, dt_h: float, window_h: float) -> float:
    """Return the deviations of all rows, each by itself, over the energy of all; arrays are of shape (n, t) [kW]."""
    total = TotalShare(home_kw.shape, dt_h, window_h)
    total.add(home_kw, award_kw)
    return total.value


def _over(deviation: Col, by: Col) -> Col:
    share: Col = np.divide(np.nansum(deviation, 1), by, out=np.full(len(by), np.nan), where=by > 0)
    return share
