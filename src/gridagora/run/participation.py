"""Homes that take no part: their devices keep to their own switches in every design, and others count on what they then take.

Some of them act by hand where a design posts dear windows; those who plan still count on what they take under the flat design.
"""

from collections.abc import Sequence

import numpy as np

from gridagora.core.records import RunColumn, row_blocks
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Flag, Index

DAY_H = 24


def draw_participation(seed: int, home_id: Sequence[str], share: float) -> Flag | None:
    """Return which homes take part, shape (n,), as near to a share of them as whole homes are; None where all do.

    A larger share has the homes of a smaller one among its own.
    """
    if share >= 1.0:
        return None
    order = _order(seed, home_id)
    chosen: Flag = np.zeros(len(home_id), np.bool_)
    chosen[order[: round(share * len(home_id))]] = True
    return chosen


def draw_by_hand(
    seed: int, home_id: Sequence[str], participation_share: float, share: float
) -> Flag | None:
    """Return which of the homes that take no part act by hand on dear windows, shape (n,), a share of all; None where none does.

    They are the last to take part, so that a larger share of either kind has the homes of a smaller one.
    """
    if share <= 0.0:
        return None
    order = _order(seed, home_id)
    most, automated = (
        round(each * len(order)) for each in (participation_share + share, participation_share)
    )
    chosen: Flag = np.zeros(len(order), np.bool_)
    chosen[order[::-1][: min(most, len(order)) - automated]] = True
    return chosen


def _order(seed: int, home_id: Sequence[str]) -> Index:
    """Return the rows of homes in the order in which they come to take part, shape (n,)."""
    return np.argsort([stream(seed, "participation", home).random() for home in home_id])


def expect_load_kw(
    load_kw: Col, automated: Flag | None, baseline_kw: RunColumn | None, days: int
) -> Col:
    """Return what no plan or bid of a run moves, shape (H, n) [kW]: load (H, n) without devices, with them where a home is out.

    `automated` (n,) are the homes that take part, `baseline_kw` (n, t) is what all took in the flat design, in which the others
    do the same: by the hour they take that, and after the run what they took in the same hour of the last day. Plans know it as
    they know the load.
    """
    if automated is None or baseline_kw is None or automated.all():
        return load_kw
    taken, hours = load_kw.copy(), DAY_H * days
    for block in row_blocks(baseline_kw.shape):
        own = np.flatnonzero(~automated[block])
        if own.size:
            power = np.asarray(baseline_kw[block])[own]
            taken[:hours, block.start + own] = power.reshape(len(own), hours, -1).mean(2).T
    for hour in range(hours, len(taken)):
        more = taken[hour - DAY_H] - load_kw[hour - DAY_H]
        taken[hour] = load_kw[hour] + np.where(automated, 0.0, more)
    return taken
