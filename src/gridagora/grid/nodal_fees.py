"""Nodal fees of a plan: prices of limits that move until the plan that homes make of them keeps the network, and losses.

The price of a limit rises where the flow of a plan is beyond it, falls where there is room, and is never above what the
operator charges beyond it nor below nothing. All limits of a step move together, in proportion to how far the flow is beyond
them, by as much as changes the fee of the home that they move most by a stated amount; that grows while the step stays on one
side, and is halved when it changes sides. The fee of a home is the derivative of losses, at the price of energy, and of all
limits at their prices, in its power, by the adjoint of the exact flow.

References
----------
Projected subgradients of a dual: D. P. Bertsekas, Nonlinear Programming, 3rd ed. (2016), section 7.5. Steps by signs: M.
Riedmiller, H. Braun, A direct adaptive method for faster backpropagation learning, IEEE ICNN (1993), doi
10.1109/ICNN.1993.298623.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gridagora.core.flow import Flow
from gridagora.core.network_operator import NetworkRules
from gridagora.core.nodal_prices import PriceParts, RowDuals, SourcePrices
from gridagora.core.ports import Grid
from gridagora.core.tables import Col, Flag, Index
from gridagora.grid.limited import LimitedQuantities, limited_quantities, phasors_of

ROUNDS = 10  # of plans after the first, at most
MARGIN = 0.03  # of a rating or half the band that stays free, for what is not as planned
SLACK = 0.02  # of them beyond the margin: less room than this leaves a price where it is
FIRST_SHARE = 0.3  # of the mean price of energy: by how much a fee moves in the first round
GROWTH, HALF = 1.5, 0.5
SAME = 1e-3  # of a rating or half the band: rounds that are beyond by as much are alike


class FeeProblem(NamedTuple):
    """Homes on a network over h steps, and what energy costs at its source."""

    grid: Grid
    home_meter: Index  # (n,)
    kvar_per_kw: Col  # (n,) that a kWh more of a home draws beside itself
    rules: NetworkRules
    per_kwh: Col  # (h,) [$/kWh]
    other_kw: Col  # (h,) of everybody else together
    limit_kw: float = float("inf")  # of the substation, either way
    over_per_kwh: float = 0.0  # what a kWh beyond it costs


class NodalFees(NamedTuple):
    """The parts of a fee of n homes over h steps, (n, h) each [$/kWh], and how a plan at them stands."""

    loss: Col
    congestion: Col
    voltage: Col
    beyond_share: Col  # (h,) of a rating or half a band, 0 within
    rounds: int  # of plans


class LimitPrices(NamedTuple):
    """Prices of a unit of k quantities, (h, k) [$/h], and of the substation, (h,) [$/kWh]; below zero at a lower bound."""

    of_rows: Col
    of_substation: Col


class _Standing(NamedTuple):
    """How far a plan is beyond upper and lower bounds less the margin, (h, k) each, and the substation's, (h,) each [1]."""

    up: Col
    down: Col
    import_up: Col
    export_up: Col

    def worst(self) -> Col:
        """Return the furthest of every step, (h,)."""
        rows = np.maximum(self.up, self.down).max(1, initial=-np.inf)
        return np.asarray(np.maximum(rows, np.maximum(self.import_up, self.export_up)))


def find_fees(
    problem: FeeProblem,
    solve: Callable[[Col], Flow],
    answer: Callable[[Col], Col],
    rounds: int = ROUNDS,
) -> NodalFees:
    """Return fees at which homes plan to keep the network, as far as some rounds find them.

    A plan that keeps it at no fee has the loss part alone. Of several the round that is least beyond counts, of those alike the
    one with the lowest prices of limits.

    Parameters
    ----------
    problem
        Homes, network and prices.
    solve
        Returns the flow of what homes take, (n, h) [kW].
    answer
        Returns what homes plan to take at a fee, both (n, h) [$/kWh], [kW].
    """
    of = limited_quantities(problem.grid.feeder)
    n, h = len(problem.home_meter), len(problem.per_kwh)
    prices = LimitPrices(np.zeros((h, len(of.name))), np.zeros(h))
    mean_per_kwh = float(np.abs(problem.per_kwh).mean()) or problem.over_per_kwh
    size, before = np.full(h, FIRST_SHARE * mean_per_kwh), np.zeros(h)
    p_kw = answer(np.zeros((n, h)))
    at = solve(p_kw)
    standing = stand(problem, of, at, p_kw)
    tried = [(standing, prices, price_limits(problem, of, at, prices))]
    for _ in range(rounds):
        side = _sides(standing, prices)
        size = np.where(side * before < 0, HALF, np.where(side * before > 0, GROWTH, 1.0)) * size
        moved = _move(problem, of, at, standing, prices, np.where(side != 0, size, 0.0))
        if moved is None:
            break
        prices, before = moved, np.where(side != 0, side, before)
        fees = price_limits(problem, of, at, prices)
        p_kw = answer(total_fee(fees))
        at = solve(p_kw)
        standing = stand(problem, of, at, p_kw)
        tried.append((standing, prices, fees))
    beyond = [each.worst().clip(min=0) for each, _, _ in tried]
    paid = [np.abs(each.of_rows).sum() + np.abs(each.of_substation).sum() for _, each, _ in tried]
    least = min(float(each.sum()) for each in beyond)
    alike = [row for row, each in enumerate(beyond) if each.sum() <= least + SAME]
    best = min(alike, key=lambda row: paid[row])
    left = (beyond[best] - MARGIN).clip(min=0)
    return tried[best][2]._replace(beyond_share=left, rounds=len(tried))


def total_fee(fees: NodalFees) -> Col:
    """Return what a kWh costs a home beside what it is quoted, (n, h) [$/kWh]."""
    return np.asarray(fees.loss + fees.congestion + fees.voltage)


def price_limits(
    problem: FeeProblem, of: LimitedQuantities, at: Flow, prices: LimitPrices
) -> NodalFees:
    """Return the fees that losses and prices of limits make in a flow of h steps.

    The limit of the substation is part of congestion. In a step without a flow they are nil.
    """
    found = problem.grid.prices(
        at,
        SourcePrices(problem.per_kwh, np.zeros(len(problem.per_kwh))),
        _named(of, prices.of_rows),
    )

    def of_homes(p: Col, q: Col) -> Col:
        both = p + problem.kvar_per_kw[:, None] * q
        return np.nan_to_num(both)

    pairs = zip(_parts(found.p), _parts(found.q), strict=True)
    loss, congestion, voltage = (
        of_homes(p.T[problem.home_meter], q.T[problem.home_meter]) for p, q in pairs
    )
    if not problem.rules.fees_hold_losses:
        loss = np.zeros_like(loss)
    within = np.zeros(len(problem.per_kwh))
    return NodalFees(loss, congestion + prices.of_substation, voltage, within, 1)


def stand(problem: FeeProblem, of: LimitedQuantities, at: Flow, p_kw: Col) -> _Standing:
    """Return how a flow of h steps, in which homes take (n, h) [kW], stands to limits less the margin."""
    low, high = of.bounds(problem.rules.band_pu)
    half = np.full(len(of.node), 0.5 * (problem.rules.band_pu[1] - problem.rules.band_pu[0]))
    unit = np.concatenate([half, of.rating])
    value = np.abs(phasors_of(of, np.nan_to_num(at.v)).value)
    carried = at.converged[:, None]
    up = np.where(carried, (value - high) / unit + MARGIN, -np.inf)
    down = np.where(carried, (low - value) / unit + MARGIN, -np.inf)
    load_kw, limit_kw = p_kw.sum(0) + problem.other_kw, problem.limit_kw
    return _Standing(
        up, down, load_kw / limit_kw - 1.0 + MARGIN, -load_kw / limit_kw - 1.0 + MARGIN
    )


def _parts(parts: PriceParts) -> tuple[Col, Col, Col]:
    return parts.loss, parts.congestion, parts.voltage


def _named(of: LimitedQuantities, per_unit_h: Col) -> RowDuals:
    """Return those of the prices of k quantities, (h, k) [$/h], that are not nil."""
    some = np.flatnonzero(per_unit_h.any(axis=0))
    return RowDuals(tuple(of.name[row] for row in some), per_unit_h[:, some])


def _sides(standing: _Standing, prices: LimitPrices) -> Col:
    """Return 1 in steps that are beyond, -1 in those with room and a price, 0 in others, (h,)."""
    worst = standing.worst()
    priced: Flag = prices.of_rows.any(axis=1) | (prices.of_substation != 0)
    return np.where(worst > 0, 1.0, np.where((worst < -SLACK) & priced, -1.0, 0.0))


def _move(
    problem: FeeProblem,
    of: LimitedQuantities,
    at: Flow,
    standing: _Standing,
    prices: LimitPrices,
    size: Col,
) -> LimitPrices | None:
    """Return prices of limits that move the fee of some home by a size, (h,) [$/kWh]; None where none moves any."""
    most = of.over_price(problem.rules.prices)
    rows = most * _direction(standing.up, standing.down, prices.of_rows)
    top = problem.over_per_kwh * _direction(
        standing.import_up, standing.export_up, prices.of_substation
    )
    still = size == 0
    rows[still], top[still] = 0.0, 0.0
    bare = problem._replace(per_kwh=np.zeros(len(size)))
    effect = np.abs(total_fee(price_limits(bare, of, at, LimitPrices(rows, top)))).max(0)
    scale = np.divide(size, effect, out=np.zeros_like(size), where=effect > 0)
    found = LimitPrices(
        _keep_side(prices.of_rows, rows * scale[:, None], most, standing.up, standing.down),
        _keep_side(
            prices.of_substation,
            top * scale,
            problem.over_per_kwh,
            standing.import_up,
            standing.export_up,
        ),
    )
    same = zip(found, prices, strict=True)
    return None if all(np.array_equal(now, then) for now, then in same) else found


def _direction(up: Col, down: Col, price: Col) -> Col:
    """Return where prices go: up where an upper bound is broken, down where a lower one is, back where there is room."""
    above = np.where((up > 0) | ((price > 0) & np.isfinite(up)), up, 0.0)
    below = np.where((down > 0) | ((price < 0) & np.isfinite(down)), down, 0.0)
    return above - below


def _keep_side(price: Col, change: Col, most: Col | float, up: Col, down: Col) -> Col:
    """Return prices that moved, none beyond the most, nor on the side of a bound that is not broken."""
    moved = np.clip(price + change, -np.asarray(most), most)
    moved = np.where((price > 0) & (down <= 0), moved.clip(min=0), moved)
    return np.asarray(np.where((price < 0) & (up <= 0), moved.clip(max=0), moved))
