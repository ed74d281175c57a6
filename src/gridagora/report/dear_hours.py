"""Load that moved out of dear hours: what of it lies before them, heated or cooled ahead, and what after, as rebound."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.report.facts import ComparisonView, baseline, frame, of, step_s

DAY_S = 86_400
NEAR_S = 3 * 3600  # of a dear hour: what is farther was not moved out of it


class Moved(NamedTuple):
    """Energy above the limit, or above the load of the reference without one, within three hours of dear hours [kWh]."""

    before_kwh: float
    after_kwh: float
    limited: bool  # whether it is counted above the limit

    @property
    def kwh(self) -> float:
        """Both together."""
        return self.before_kwh + self.after_kwh

    @property
    def before_share(self) -> float:
        """Share that lies before dear hours; nan where nothing moved."""
        return self.before_kwh / self.kwh if self.kwh > 0 else float("nan")


def moved(result: ComparisonView, name: str) -> Moved | None:
    """Return what a design moved to the hours around its dear ones; None without prices, or where they never change.

    Dear is an interval whose price lies above the middle between the lowest and the highest of its day. An interval between two
    dear spells belongs to the nearer one.
    """
    table = frame(result, "intervals", "load_kw", "price_per_kwh", "start_s")
    if table is None:
        return None
    rows, reference = (
        of(table, name).sort_values("start_s"),
        of(table, baseline(result)).sort_values("start_s"),
    )
    if rows.empty or not np.array_equal(rows["start_s"], reference["start_s"]):
        return None
    start_s, price = rows["start_s"].to_numpy(np.int64), rows["price_per_kwh"].to_numpy(np.float64)
    dear = dear_spells(start_s, price)
    if not dear.any():
        return None
    limited = "limit_kw" in rows and bool(np.isfinite(rows["limit_kw"]).all())
    over = (
        rows["load_kw"].to_numpy()
        - (rows["limit_kw"] if limited else reference["load_kw"]).to_numpy()
    )
    over_kwh = over.clip(min=0) * step_s(rows) / 3600
    to_come, gone = _apart(start_s, dear)
    near = ~dear & (np.minimum(to_come, gone) <= NEAR_S)
    return Moved(
        float(over_kwh[near & (to_come <= gone)].sum()),
        float(over_kwh[near & (to_come > gone)].sum()),
        limited,
    )


def dear_spells(
    start_s: NDArray[np.int64], price_per_kwh: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which intervals are dear, shape (t,), by their start [s UTC] and price (t,) [$/kWh]."""
    dear = np.zeros(len(start_s), np.bool_)
    day = (start_s - start_s[0]) // DAY_S
    for each in np.unique(day):
        own = day == each
        low, high = price_per_kwh[own].min(), price_per_kwh[own].max()
        dear[own] = price_per_kwh[own] > 0.5 * (low + high)
    return dear


def _apart(
    start_s: NDArray[np.int64], dear: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how long until the next dear interval and since the last one [s], inf where there is none."""
    at = np.append(start_s[dear].astype(np.float64), np.inf)
    following = np.searchsorted(at, start_s)
    before = np.append(-np.inf, at)
    return at[following] - start_s, start_s - before[np.searchsorted(at, start_s, side="right")]


def in_words(found: Moved) -> str:
    """Return where most of it lies, the larger part first, to go on a sentence about dear hours."""
    share = round(100 * found.before_share)
    if found.before_kwh >= found.after_kwh:
        return f"{share} % lies before them (pre-heating or pre-cooling), {100 - share} % after (rebound)"
    return (
        f"{100 - share} % lies after them (rebound), {share} % before (pre-heating or pre-cooling)"
    )
