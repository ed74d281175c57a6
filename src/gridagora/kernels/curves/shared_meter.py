"""Several stores of one home behind a meter whose import price exceeds its export price (theory 2.8).

Inside the home one price lies in [sell, buy], strictly between them while nothing crosses the meter. Sharing ADMM finds it:
every store answers with a proximal term, the meter by a soft threshold. One sweep of block descent then lets each store see
the others as its load; alone it would stop at the kink, where no single store can move. Any inside price bounds the home's
cost from below, so each home gets its own gap, and leaves once that is small.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.kernels.stores.value import Stores, best_response

Col = NDArray[np.float64]

RHO = 0.02  # $/kWh for each kW a store moves in a round; larger bends the cost of charging until it is no longer convex
OVER = 1.8  # over-relaxation
LATE = 10  # rounds whose mean price is tried as a lower bound, beside the latest
CHECK = 10  # rounds from one sweep and proof to the next: together they cost as much as a round and a half


class Meter(NamedTuple):
    """What homes see of the world: other load (n, h) [kW], import and export price (n, h) [$/kWh]."""

    load_kw: Col
    buy_per_kwh: Col
    sell_per_kwh: Col


class MeteredHomes(NamedTuple):
    """Plan of n homes with m stores each.

    p_kw (m, n, h); cost_usd (n,) at the meter with wear, comfort and end value; bound_usd (n,) below every plan; gap_usd
    (n,); price_per_kwh (n, h) inside the home.
    """

    p_kw: Col
    cost_usd: Col
    bound_usd: Col
    gap_usd: Col
    price_per_kwh: Col


def solve_meter(
    stores: Sequence[Stores],
    load_kw: Col,
    buy_per_kwh: Col,
    sell_per_kwh: Col,
    *,
    rounds: int = 80,
    tolerance: float = 1e-3,
    threads: int = 1,
    rho: float = RHO,
    start_per_kwh: Col | None = None,
    start_kw: Col | None = None,
) -> MeteredHomes:
    """Plan the stores of n homes behind one kinked meter each.

    Parameters
    ----------
    stores
        m tables of n rows over the same h steps; row i belongs to home i. Their own `load_kw`, `prox` and `p_ref_kw` are not
        read.
    load_kw
        Everything else behind the meter, shape (n, h).
    buy_per_kwh, sell_per_kwh
        Import and export price, sell <= buy, broadcast to (n, h) [$/kWh].
    rounds, tolerance
        A home has at most so many rounds of ADMM; it leaves at a multiple of `CHECK` once its gap is at most `tolerance` of
        its cost, or of a dollar. No home depends on another.
    start_per_kwh, start_kw
        Price inside each home, broadcast to (n, h), and powers of the stores, (m, n, h), to begin with: those of an earlier
        plan, moved on by the time that has passed. 6 rounds from both leave the excess of 20 from nothing.

    References
    ----------
    S. Boyd et al., Distributed optimization and statistical learning via ADMM, Found. Trends Mach. Learn. 3 (2011), section
    7.3, doi 10.1561/2200000016.
    """
    n, h = load_kw.shape
    buy, sell = (
        np.ascontiguousarray(np.broadcast_to(price, (n, h)), float)
        for price in (buy_per_kwh, sell_per_kwh)
    )
    p = np.zeros((len(stores), n, h)) if start_kw is None else np.array(start_kw, float)
    inside = (
        0.5 * (buy + sell)
        if start_per_kwh is None
        else np.clip(np.broadcast_to(start_per_kwh, (n, h)), sell, buy)
    )
    plan = MeteredHomes(
        p.copy(), np.full(n, np.inf), np.full(n, -np.inf), np.full(n, np.inf), inside.copy()
    )
    mean, past, live, meter = p.mean(0), [inside], np.arange(n), Meter(load_kw, buy, sell)
    for turn in range(1, max(rounds, 1) + 1):
        p, inside, mean = _round(stores, p, inside, mean, meter, rho, threads)
        past.append(inside)
        if turn % CHECK and turn != rounds:
            continue
        _keep(plan, live, *_sweep(stores, p.copy(), meter, threads))
        for tried in (np.mean(past[-LATE:], axis=0), inside):
            _prove(plan, live, tried, stores, meter.load_kw, threads)
        stay = plan.cost_usd[live] - plan.bound_usd[live] > tolerance * np.maximum(
            np.abs(plan.cost_usd[live]), 1.0
        )
        live = live[stay]
        if not len(live):
            break
        if not stay.all():
            stores, meter = (
                [_rows(table, stay) for table in stores],
                Meter(*(column[stay] for column in meter)),
            )
            p, inside, mean, past = (
                p[:, stay],
                inside[stay],
                mean[stay],
                [price[stay] for price in past[-LATE:]],
            )
    return plan._replace(gap_usd=plan.cost_usd - plan.bound_usd)


def _rows(table: Stores, chosen: NDArray[np.bool_]) -> Stores:
    """Chosen rows of a table; what is one value for all rows stays a view."""
    count = int(chosen.sum())
    columns = {
        name: np.broadcast_to(column[:1], (count, *column.shape[1:]))
        if column.strides[0] == 0
        else column[chosen]
        for name, column in table._asdict().items()
        if name != "dt_h"
    }
    return Stores(dt_h=table.dt_h, **columns)


def _round(
    stores: Sequence[Stores], p: Col, inside: Col, mean: Col, meter: Meter, rho: float, threads: int
) -> tuple[Col, Col, Col]:
    """One round of sharing: return the powers, the inside price and the mean power of a store as the meter wants it."""
    m, row, toward = len(stores), np.arange(len(inside)), mean - p.mean(0)
    p = np.stack(
        [
            best_response(
                _with(table, rho, p[j] + toward), inside, inside, row=row, threads=threads
            ).p_kw
            for j, table in enumerate(stores)
        ]
    )
    relaxed = OVER * p.mean(0) + (1.0 - OVER) * mean
    crossing = _cross(meter, m * (inside / rho + relaxed), m / rho)
    price = np.clip(inside + rho * (relaxed - crossing / m), meter.sell_per_kwh, meter.buy_per_kwh)
    return p, price, crossing / m


def _with(table: Stores, prox: float, aim: Col, load_kw: Col | float = 0.0) -> Stores:
    """The table with another proximal term and load; fields stay views."""
    shape = table.p_max_kw.shape
    prox_table, load = (
        np.broadcast_to(prox, shape),
        np.broadcast_to(np.asarray(load_kw, float), shape),
    )
    return table._replace(prox=prox_table, p_ref_kw=np.broadcast_to(aim, shape), load_kw=load)


def _metered(net_kw: Col, buy: Col, sell: Col) -> Col:
    """Cost rate [$/h] of net power at the meter."""
    return buy * np.maximum(net_kw, 0.0) - sell * np.maximum(-net_kw, 0.0)


def _cross(meter: Meter, aim_kw: Col, kw_per_price: float) -> Col:
    """Sum of stores that the meter likes best near `aim_kw`: a soft threshold between export and import."""
    imports, exports = (
        aim_kw - kw_per_price * meter.buy_per_kwh,
        aim_kw - kw_per_price * meter.sell_per_kwh,
    )
    load = meter.load_kw
    return np.where(load + imports > 0.0, imports, np.where(load + exports < 0.0, exports, -load))


def _sweep(stores: Sequence[Stores], p: Col, meter: Meter, threads: int) -> tuple[Col, Col]:
    """Let each store in turn answer the meter with the others as its load. Never dearer than before; p is overwritten."""
    cost, row, (load, buy, sell) = (
        np.zeros(len(meter.load_kw)),
        np.arange(len(meter.load_kw)),
        meter,
    )
    for j, table in enumerate(stores):
        rest = load + p.sum(0) - p[j]
        answer = best_response(
            _with(table, 0.0, np.zeros(1), rest), buy, sell, row=row, threads=threads
        )
        p[j] = answer.p_kw
        cost += answer.cost_usd - (_metered(rest + p[j], buy, sell) * table.dt_h).sum(1)
    return p, cost + (_metered(load + p.sum(0), buy, sell) * stores[0].dt_h).sum(1)


def _keep(plan: MeteredHomes, live: NDArray[np.int64], p: Col, cost_usd: Col) -> None:
    """Take over the plans that are cheaper than those before."""
    better = cost_usd < plan.cost_usd[live]
    plan.p_kw[:, live[better]], plan.cost_usd[live[better]] = p[:, better], cost_usd[better]


def _prove(
    plan: MeteredHomes,
    live: NDArray[np.int64],
    inside: Col,
    stores: Sequence[Stores],
    load_kw: Col,
    threads: int,
) -> None:
    """Take over the lower bounds that are above those before, and the inside price that gives them."""
    bound, row = (inside * load_kw * stores[0].dt_h).sum(1), np.arange(len(load_kw))
    for table in stores:
        bound += best_response(
            _with(table, 0.0, np.zeros(1)), inside, inside, row=row, threads=threads
        ).bound_usd
    better = bound > plan.bound_usd[live]
    plan.bound_usd[live[better]], plan.price_per_kwh[live[better]] = bound[better], inside[better]
