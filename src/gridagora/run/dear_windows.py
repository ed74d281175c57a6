"""Dear windows of the prices that a design posts, for homes that act on them by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridagora.core.device import DearWindows
from gridagora.core.errors import PartError
from gridagora.core.ports import Market
from gridagora.core.tables import Col, Flag, Index
from gridagora.settlement.retail_terms import RatesByClass
from gridagora.settlement.tariff import ROUNDING, Tariff

HOUR_S = 3600


def find_windows(
    market: Market[Any], state: Any, local_hour: Index, by_hand: Flag | None
) -> DearWindows | None:
    """Return the windows that homes which act by hand know of; None where there are none, or no such home.

    Dear is an hour at the highest price of its local day, where that day has a lower one.

    Parameters
    ----------
    market, state
        The design, and what it remembers at the start of a run: of one that posts windows its tariff, or its rates by class.
    local_hour
        Local hour of day of every hour of the run, shape (H,) [h].
    by_hand
        Which homes act by hand, shape (n,); None: none.

    Raises
    ------
    PartError
        A design whose rules say that it posts windows, but which starts with no tariff.
    """
    if by_hand is None or not market.rules.posts_windows:
        return None
    tariff = state.tariff if isinstance(state, RatesByClass) else state
    if not isinstance(tariff, Tariff):
        got = f"{type(market).__name__}.start returned {type(state).__name__}"
        raise PartError(f"{got}, expected a Tariff, for its rules say posts_windows")
    hourly = tariff.import_per_kwh[..., :: HOUR_S // tariff.duration_s]
    is_dear = find_dear_hours(np.atleast_2d(hourly), local_hour)
    if not is_dear.any():
        return None
    groups, hours = is_dear.shape
    never = np.zeros((1, hours), np.bool_)
    row = np.arange(len(by_hand)) % groups
    if isinstance(state, RatesByClass):
        row = state.home_class
    own = 1 + row
    return DearWindows(np.where(by_hand, own, 0), find_ends(np.concatenate([never, is_dear])))


def find_dear_hours(price_per_kwh: Col, local_hour: Index) -> Flag:
    """Return which hours are at the highest price of their local day, (g, H), of prices (g, H) [$/kWh]; none of an even day."""
    hours = price_per_kwh.shape[1]
    begins = np.flatnonzero((local_hour[:hours] == 0) | (np.arange(hours) == 0))
    day = np.repeat(np.arange(len(begins)), np.diff(begins, append=hours))
    most, least = (
        each.reduceat(price_per_kwh, begins, axis=1)[:, day] for each in (np.maximum, np.minimum)
    )
    slack = ROUNDING * np.abs(most)
    return np.asarray((price_per_kwh >= most - slack) & (most > least + slack))


def find_ends(is_dear: Flag) -> Index:
    """Return the first hour after each dear one (g, H) that is not, (g, H); one that is not dear itself."""
    hours = is_dear.shape[1]
    later = np.where(is_dear, hours, np.arange(hours))
    return np.asarray(np.minimum.accumulate(later[:, ::-1], axis=1)[:, ::-1])


def join_windows(windows: Sequence[DearWindows | None], sizes: Sequence[int]) -> DearWindows | None:
    """Return the windows of all homes of several runs of so many homes each; None where no home knows of any."""
    known = [each for each in windows if each is not None]
    if not known:
        return None
    rows, tables, before = [], [], 0
    for each, size in zip(windows, sizes, strict=True):
        rows.append(np.zeros(size, np.int64) if each is None else each.row + before)
        if each is not None:
            tables.append(each.end_h)
            before += len(each.end_h)
    return DearWindows(np.concatenate(rows), np.concatenate(tables))
