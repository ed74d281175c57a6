"""How a market keeps the limits of a network: soft rows around an exact flow, a price of each, and a new flow until both agree.

The network operator answers a plan with its exact flow and with rows that are linear around it (`core.network_operator`). A
market plans again with these rows and their prices, and asks anew: the rows now stand around that plan. Once the exact flow is
what the rows said of it, plan and prices are those of the network itself. A row that no plan keeps costs its price beyond.

    price at a meter = energy + sum over rows of (how a kW there moves the row) x (price of the row)

References
----------
Prices of rows as marginal prices of a network: L. Bai and others, doi 10.1109/TPWRS.2017.2767632. Successive linearisation around
an exact flow: S. Bolognani, F. Dorfler, Fast power system analysis via implicit linearization of the power flow manifold,
Allerton 2015, doi 10.1109/ALLERTON.2015.7447032.
"""

from collections.abc import Callable, Generator
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.limits import Limits
from gridagora.core.network_operator import NetworkCheck, NetworkState
from gridagora.core.product import Product
from gridagora.core.tables import Col, Flag
from gridagora.kernels.coordination.bundle_master import SupplyCost

Found = TypeVar("Found")

NETWORKS = ("none", "limits")  # what a market with prices of its own knows of the network
ROW_REACH_KW = 1e4  # of a party: above the power of any
PRICED = 1e-6  # of the dearest row: a price below it is what rounding left
LEAST_KW = 1e-9  # of a row that no party moves, in its own unit


class LimitTerms(NamedTuple):
    """How a market follows the network: plans after the first, and how well rows and exact flow agree at the end.

    Both shares are of half the band of a voltage, and of the rating of a line or transformer. `reserve_share` of each limit is
    kept free.
    """

    plans: int = 4
    agreed_share: float = 0.02
    near_share: float = 0.1
    reserve_share: float = 0.0


class RowTable(NamedTuple):
    """k rows over n parties and h steps, each in kW of the party that moves it most and moved so that nil keeps its limits."""

    name: tuple[str, ...]
    by_kw: Col  # (k, n) at most one either way [1]
    base_kw: Col  # (k, h) what else counts
    low_kw: Col  # (k, h)
    high_kw: Col  # (k, h)
    over_per_kwh: Col  # (k,)
    unit_per_kw: Col  # (k,) [unit of the row/kW]


class RowPath(NamedTuple):
    """Prices of k rows over h consecutive steps from a time on, by name; nil of rows that it does not name."""

    start_s: int
    step_s: int
    name: tuple[str, ...]
    per_unit_h: Col  # (k, h) [$/h] of one unit: above nil at an upper limit, below at a lower one


class NetworkPlan(NamedTuple, Generic[Found]):
    """What a market plans: the power of n parties in h steps, the price of every row, and what else it found."""

    p_kw: Col  # (n, h)
    rows: RowPath
    found: Found


class NetworkFit(NamedTuple, Generic[Found]):
    """A plan with the exact flow that it makes, how far rows and flow still differ, and the plans that were made for it.

    `state` is None and `plans` is 0 where the first plan keeps all limits.
    """

    plan: NetworkPlan[Found]
    state: NetworkState | None
    gap_share: float  # of half the band, or of the rating
    plans: int


Replan = Callable[[NetworkState, NetworkPlan[Found]], Generator[Any, Any, NetworkPlan[Found]]]


def no_rows(product: Product, steps: int) -> RowPath:
    """Return the prices of no rows over so many steps."""
    return RowPath(product.start_s, product.duration_s, (), np.zeros((0, steps)))


def follow_network(
    product: Product, first: NetworkPlan[Found], replan: Replan[Found], terms: LimitTerms
) -> Generator[Any, Any, NetworkFit[Found]]:
    """Plan around the exact flow of the plan before until both agree, or the plans are spent; yields `NetworkCheck`.

    Parameters
    ----------
    product
        First of the h steps.
    first
        A plan that knows no row; it is the last where the network carries it.
    replan
        Makes a plan with the rows of a state, given the plan that the state is of.
    terms
        How often, and how well.

    Raises
    ------
    InputError
        Nobody answers for the network.
    """
    plan, plans, gap = first, 0, 0.0
    state = yield NetworkCheck(product, first.p_kw, near_share=terms.near_share)
    if not isinstance(state, NetworkState):
        expected = "a run that knows its feeder"
        raise InputError([Problem("network 'limits'", "no network operator", expected)])
    state = keep_rows_reserve(state, terms.reserve_share)
    if not state.beyond.any():
        return NetworkFit(first, None, 0.0, 0)
    while plans < terms.plans:
        plan = yield from replan(state, plan)
        plans += 1
        told = yield NetworkCheck(
            product, plan.p_kw, near_share=terms.near_share, kept=priced_rows(plan.rows)
        )
        told = keep_rows_reserve(told, terms.reserve_share)
        gap = find_misfit(state, told, plan)
        state = told
        if gap <= terms.agreed_share:
            break
    return NetworkFit(plan, state, gap, plans)


def keep_rows_reserve(state: NetworkState, share: float) -> NetworkState:
    """Return a state whose rows are nearer to the middle of their band, or to nil, by a share."""
    limits = state.limits
    spare = share * np.where(np.isfinite(span := find_spans(limits.low, limits.high)), span, 0.0)
    low, high = limits.low + spare, limits.high - spare
    beyond = np.maximum(state.load - high, low - state.load).clip(min=0)
    return state._replace(limits=limits._replace(low=low, high=high), beyond=beyond)


def find_misfit(before: NetworkState, after: NetworkState, plan: NetworkPlan[Any]) -> float:
    """Return how far the exact flow of a plan is from what the rows said of it: the most of rows that are priced or beyond.

    A row that was not near its limit before was taken to keep it. The share is of half the band, or of the rating [1].
    """
    limits = after.limits
    if not len(limits.name):
        return 0.0
    row_of = {name: row for row, name in enumerate(before.limits.name)}
    said = before.limits.c + dense_rows(before.limits) @ plan.p_kw
    known = np.array([row_of.get(name, -1) for name in limits.name])
    kept = np.clip(after.load, limits.low, limits.high)
    expected = np.where((known >= 0)[:, None], said[known] if len(said) else kept, kept)
    at_row = dict(zip(plan.rows.name, _are_priced(plan.rows), strict=True))
    nowhere = np.zeros(limits.c.shape[1], np.bool_)
    priced = np.array([at_row.get(name, nowhere) for name in limits.name])
    matters = priced | (after.beyond > 0)
    missed = np.where(matters, np.abs(after.load - expected), 0.0)
    # two plans beyond a limit have one price: what they miss there changes none
    both = (after.beyond > 0) & ((expected > limits.high) | (expected < limits.low))
    return float(np.where(both, 0.0, missed / find_spans(limits.low, limits.high)).max(initial=0.0))


def find_spans(low: Col, high: Col) -> Col:
    """Return half the band of every row, or its rating, (k, h), of bounds (k, h) [unit of the row]; inf of a row without."""
    banded = np.isfinite(low)
    span = np.where(banded, 0.5 * (high - np.where(banded, low, 0.0)), high)
    return np.asarray(np.where(np.isfinite(span) & (span > 0), span, np.inf))


def dense_rows(limits: Limits) -> Col:
    """Return how rows of a network state move with the power of each party, shape (k, n) [unit of the row/kW]."""
    return limits.a.value.reshape(len(limits.name), -1)


def make_rows(limits: Limits) -> RowTable:
    """Return the rows of a network state in kW, for a coordinator."""
    dense = dense_rows(limits)
    unit = np.maximum(np.abs(dense).max(1, initial=0.0), LEAST_KW)
    banded = np.isfinite(limits.low) & np.isfinite(limits.high)
    middle = np.zeros(limits.c.shape)
    middle[banded] = 0.5 * (limits.low[banded] + limits.high[banded])
    base, low, high = (
        (each - middle) / unit[:, None] for each in (limits.c, limits.low, limits.high)
    )
    by_kw = dense / unit[:, None]
    return RowTable(limits.name, by_kw, base, low, high, limits.over_per_kwh * unit, unit)


def add_rows(supply: SupplyCost, rows: RowTable, dt_h: float = 1.0) -> SupplyCost:
    """Return the supply of h steps with k rows behind it, shape (h + k h,) of every field."""
    k, h = rows.base_kw.shape
    by_party = ROW_REACH_KW * np.abs(rows.by_kw).sum(1)[:, None] + np.abs(rows.base_kw)
    finite = [
        np.where(np.isfinite(each), np.abs(each), 0.0) for each in (rows.low_kw, rows.high_kw)
    ]
    reach = by_party + finite[0] + finite[1]
    nil = np.zeros((k, h))
    behind = SupplyCost(
        np.full((k, h), dt_h),
        rows.base_kw,
        nil,
        nil,
        np.maximum(rows.low_kw, -reach),
        np.minimum(rows.high_kw, reach),
        np.repeat(rows.over_per_kwh[:, None], h, axis=1),
        nil,
        -reach,
        reach,
    )
    return SupplyCost(
        *(
            np.concatenate([np.broadcast_to(own, (h,)), row.ravel()])
            for own, row in zip(supply, behind, strict=True)
        )
    )


def read_rows(price_per_kwh: Col, rows: RowTable, product: Product) -> RowPath:
    """Return the prices of rows out of those of a supply with rows behind it, (h + k h,) [$/kWh]."""
    k = len(rows.name)
    own = price_per_kwh.reshape(1 + k, -1)[1:] / rows.unit_per_kw[:, None]
    return RowPath(product.start_s, product.duration_s, rows.name, own)


def begin_rows(path: RowPath | None, rows: RowTable, product: Product) -> Col:
    """Return first prices of rows, shape (k, h) [$/kWh]: those of a path at the same time, nil where it has none."""
    k, h = rows.base_kw.shape
    start = np.zeros((k, h))
    if path is None or not len(path.name):
        return start
    at = product.start_s + product.duration_s * np.arange(h)
    step = (at - path.start_s) // path.step_s
    usable = (step >= 0) & (step < path.per_unit_h.shape[1])
    row_of = {name: row for row, name in enumerate(path.name)}
    for row, name in enumerate(rows.name):
        if name in row_of:
            start[row, usable] = path.per_unit_h[row_of[name], step[usable]]
    start *= rows.unit_per_kw[:, None]
    return np.clip(start, -rows.over_per_kwh[:, None], rows.over_per_kwh[:, None])


def priced_rows(path: RowPath) -> tuple[str, ...]:
    """Return the names of rows that have a price in some step."""
    has: Flag = np.asarray(_are_priced(path).any(1))
    return tuple(path.name[row] for row in np.flatnonzero(has))


def _are_priced(path: RowPath) -> Flag:
    """Return where rows have a price that is more than rounding, (k, h)."""
    size = np.abs(path.per_unit_h)
    return np.asarray(size > PRICED * size.max(initial=0.0))


def price_at_homes(state: NetworkState, path: RowPath) -> Col:
    """Return what rows add to the price of energy at every home, shape (H, h) [$/kWh]."""
    row_of = {name: row for row, name in enumerate(state.limits.name)}
    total = np.zeros((state.a_home.shape[1], path.per_unit_h.shape[1]))
    known = [row for row, name in enumerate(path.name) if name in row_of]
    at = [row_of[path.name[row]] for row in known]
    return np.asarray(total + state.a_home[at].T @ path.per_unit_h[known])
