"""Prices of network rows in one interval: layers clear the curves of homes again until every row has its price (theory 4.8).

    minimise  sum_i C_i(p_i) + G(q) + sum_r over_r (a_r p - room_r)+

A home pays the price of its place and `a_r` times the price of each row, so that its curve is worth so much less to the layers.
Where many are indifferent at one price, as panels are at nil, no price says who gives way: a curve is tilted by `TILT` per kW
around the power of the clearing before (proximal point), which vanishes once powers repeat. Prices of rows then move by Newton's
method on the dual function: the load of a row falls in its own price, by the slopes of the curves.

References
----------
R. T. Rockafellar, Monotone operators and the proximal point algorithm, SIAM J. Control Optim. 14 (1976), doi 10.1137/0314056.
D. P. Bertsekas, Projected Newton methods for optimization problems with simple constraints, SIAM J. Control Optim. 20 (1982),
doi 10.1137/0320018.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from gridagora.core.limits import Bounds
from gridagora.core.place import Places
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.coordination.box_step import best_step
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.layers import TreeCleared

TILT = 2e-3  # price of a kW away from the clearing before [$/kWh/kW]
NEAR_KW = 1e-3  # of the home that moves a row most: a row so near to its limit is there, powers so near repeat
STILL_KW = 1e-8  # rounding of a power to whole microwatts, and no more
AT_LIMIT_KW = 1e-6  # a place so near to its limit is there
TURNS = 40  # clearings that a curve is tilted around, at most
STEPS = 30  # steps of Newton's method for one tilt, at most
TRIES = 12  # lengths of a step, at most
ROUND_OFF = 1e-9  # of the largest curvature: rows that move alike have a step too
SHORT = 0.3  # part of the slope along a step that may be left at its end


class PricedRows(NamedTuple):
    """Sides of k rows over n parties, in kW of the party that moves each most: `by_kw` p <= `room_kw`, beyond at a price."""

    by_kw: Col  # (k, n) [1]
    room_kw: Col  # (k,)
    over_per_kwh: Col  # (k,) price of a kWh beyond


class PricedClearing(NamedTuple):
    """How an interval ended: what layers cleared last, and what each party pays above the price of its place."""

    cleared: TreeCleared
    added_per_kwh: Col  # (n,)
    price_per_kwh: Col  # (k,) of rows
    left_kw: float  # of the row that is furthest from what its price says


class LaidOut(NamedTuple):
    """Where n parties stand, what their m places may carry, and the prices at which the supply has power to spare."""

    tree: Places
    place: Index  # (n,)
    low_kw: Col  # (m,) of homes alone
    high_kw: Col  # (m,) of homes alone
    spare_per_kwh: Col  # (s,)


def lay_out(
    tree: Places, place: Index, bounds: Bounds, kept_share: float, supply: tuple[Col, Col]
) -> LaidOut:
    """Return what slopes need of a clearing; arguments as for `mechanisms.layers.clear_space`.

    `place` (n,) is that of each party, `supply` a rising polyline of power (k,) [kW] and price (k,) [$/kWh].
    """
    inner = tree.parent >= 0
    low, high = (
        np.where(inner, limit[:, 0] * kept_share - bounds.base_kw[:, 0], far)
        for limit, far in ((bounds.low_kw, -np.inf), (bounds.high_kw, np.inf))
    )
    power, price = supply
    return LaidOut(tree, place, low, high, price[1:][np.diff(power) > 0])


def price_rows(
    curves: Curves, at: LaidOut, rows: PricedRows, before_kw: Col, start_per_kwh: Col
) -> Generator[Curves, TreeCleared, PricedClearing]:
    """Find the price of every row: yields the curves that layers are to clear, and is sent what they cleared.

    Parameters
    ----------
    curves
        Of n homes.
    at
        Where they stand.
    rows
        Sides of k rows.
    before_kw
        What homes took in the last clearing, shape (n,) [kW].
    start_per_kwh
        Where prices of rows begin, shape (k,) [$/kWh].
    """
    price = np.clip(start_per_kwh, 0.0, rows.over_per_kwh)
    for _ in range(TURNS):
        added = rows.by_kw.T @ price
        offered = tilt_curves(curves, added, before_kw)
        cleared = yield offered
        slack = rows.by_kw @ cleared.p_kw - rows.room_kw
        for _ in range(STEPS):
            way = _find_step(rows, at, offered, cleared, price, slack)
            gain = float(slack @ way)
            if distance_kw(rows, price, slack) <= NEAR_KW or gain <= 0.0:
                break
            length, short, far, before = 1.0, 0.0, 1.0, gain
            for _ in range(TRIES):
                added = rows.by_kw.T @ (price + length * way)
                offered = tilt_curves(curves, added, before_kw)
                cleared = yield offered
                now = rows.by_kw @ cleared.p_kw - rows.room_kw
                along = float(now @ way)
                if along >= -SHORT * gain and (length == 1.0 or along <= SHORT * gain):
                    break
                if along > 0.0:
                    short, before = length, along
                    length = 0.5 * (short + far)
                else:
                    far = length
                    length = short + (far - short) * np.clip(before / (before - along), 0.1, 0.9)
            price, slack = np.clip(price + length * way, 0.0, rows.over_per_kwh), now
        moved = float(np.abs(cleared.p_kw - before_kw).max(initial=0.0))
        before_kw = cleared.p_kw
        if moved <= NEAR_KW:
            break
    return PricedClearing(cleared, added, price, distance_kw(rows, price, slack))


def tilt_curves(curves: Curves, added_per_kwh: Col, before_kw: Col) -> Curves:
    """Return curves of n homes that pay so much more, (n,) [$/kWh], and `TILT` for every kW away from a power (n,) [kW]."""
    count = np.diff(curves.offset)
    added, before = np.repeat(added_per_kwh, count), np.repeat(before_kw, count)
    tilted = curves.price_per_kwh - added - TILT * (curves.p_kw - before)
    return curves._replace(price_per_kwh=tilted)


def distance_kw(rows: PricedRows, price_per_kwh: Col, slack_kw: Col) -> float:
    """Return the largest of `distances_kw` [kW], of prices (k,) [$/kWh] and of what k rows are beyond their room, (k,) [kW]."""
    return float(distances_kw(rows, price_per_kwh, slack_kw).max(initial=0.0))


def distances_kw(rows: PricedRows, price_per_kwh: Col, slack_kw: Col) -> Col:
    """Return how far k rows are from what their prices say, (k,) [kW]: beyond at less than the full price, within at any.

    Prices are (k,) [$/kWh], and what rows are beyond their room is (k,) [kW].
    """
    beyond = np.where(price_per_kwh < rows.over_per_kwh, slack_kw.clip(min=0), 0.0)
    within = np.where(price_per_kwh > 0, (-slack_kw).clip(min=0), 0.0)
    return np.maximum(beyond, within)


def _find_step(
    rows: PricedRows, at: LaidOut, offered: Curves, cleared: TreeCleared, price: Col, slack: Col
) -> Col:
    """Return the step of prices (k,) [$/kWh] that gains most if slopes stay: parties below a fixed power share their change."""
    slope, group = find_slopes(offered, cleared.p_kw), find_fixed(at, cleared)
    moved = rows.by_kw * slope
    curvature = moved @ rows.by_kw.T
    known = group >= 0
    if known.any():
        m = len(at.tree.parent)
        total, of_place = np.bincount(group[known], slope[known], m), np.zeros((m, len(price)))
        np.add.at(of_place, group[known], moved[:, known].T)
        held = total > 0
        curvature -= (of_place[held].T / total[held]) @ of_place[held]
    curvature[np.diag_indices(len(price))] += ROUND_OFF * max(1.0, float(np.trace(curvature)))
    return best_step(slack, curvature, -price, rows.over_per_kwh - price)


def find_slopes(curves: Curves, p_kw: Col) -> Col:
    """Return how much each of n curves moves with its price at a power (n,) [kW], (n,) [kW per $/kWh]: nil at ends and gaps."""
    n, first = len(p_kw), curves.offset[:-1]
    owner = np.repeat(np.arange(n), np.diff(curves.offset))
    below, upto = (
        np.bincount(owner, curves.p_kw < p_kw[owner] + way, n).astype(np.int64)
        for way in (-STILL_KW, STILL_KW)
    )
    inside = (below >= 1) & (first + upto < curves.offset[1:]) & (upto - below < 2)
    left, right = np.where(inside, first + below - 1, 0), np.where(inside, first + upto, 0)
    rise = curves.price_per_kwh[left] - curves.price_per_kwh[right]
    span = curves.p_kw[right] - curves.p_kw[left]
    moves = inside & (rise > 0)
    return np.where(moves, span / np.where(moves, rise, 1.0), 0.0)


def find_fixed(at: LaidOut, cleared: TreeCleared) -> Index:
    """Return the nearest place above each party whose power is fixed, (n,), -1 where none is.

    A place at its limit is, and a root whose price lies in a gap of the supply's.
    """
    parent, price, q_kw = at.tree.parent, cleared.price_per_kwh, cleared.q_kw
    above = np.where(parent >= 0, price[parent], price)
    fixed: Flag = (np.abs(q_kw - at.high_kw) <= AT_LIMIT_KW) & (price > above)
    fixed |= (np.abs(q_kw - at.low_kw) <= AT_LIMIT_KW) & (price < above)
    root = parent < 0
    spare = np.isclose(price[root, None], at.spare_per_kwh, rtol=0.0, atol=1e-12)
    fixed[root] = ~spare.any(1)
    found, up = np.where(fixed, np.arange(len(parent)), -1), parent.copy()
    while ((found < 0) & (up >= 0)).any():
        ahead = (found < 0) & (up >= 0)
        found[ahead] = np.where(fixed[up[ahead]], up[ahead], -1)
        up[ahead] = parent[up[ahead]]
    return np.asarray(found[at.place], np.int64)
