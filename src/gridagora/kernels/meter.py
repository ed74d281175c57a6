"""Several stores of one home behind a meter whose import price exceeds its export price.

Inside the home one price lies in [sell, buy], strictly between them while nothing crosses the meter. Sharing ADMM finds it:
every store answers with a proximal term, the meter by a soft threshold. One sweep of block descent then lets each store see
the others as its load; alone it would stop at the kink, where no single store can move. Any inside price bounds the home's
cost from below, so each home gets its own gap.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.kernels.value import Stores, respond

Col = NDArray[np.float64]

RHO = 0.02  # $/kWh for each kW a store moves in a round; larger bends the cost of charging until it is no longer convex
OVER = 1.8  # over-relaxation
PROOFS = 5  # inside prices tried as lower bound: the mean of the late ones, then the latest


class Home(NamedTuple):
    """Plan of n homes with m stores each.

    p_kw (m, n, h); cost_usd (n,) at the meter with wear, comfort and end value; bound_usd (n,) below every plan; gap_usd
    (n,); price_per_kwh (n, h) inside the home.
    """

    p_kw: Col
    cost_usd: Col
    bound_usd: Col
    gap_usd: Col
    price_per_kwh: Col


def share(
    stores: Sequence[Stores],
    load_kw: Col,
    buy_per_kwh: Col,
    sell_per_kwh: Col,
    *,
    rounds: int = 40,
    threads: int = 1,
    rho: float = RHO,
) -> Home:
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
    rounds
        Rounds of ADMM before the sweep: 40 leave a median excess near 2e-4 of the cost.

    References
    ----------
    S. Boyd et al., Distributed optimization and statistical learning via ADMM, Found. Trends Mach. Learn. 3 (2011), section
    7.3, doi 10.1561/2200000016.
    """
    n, h = load_kw.shape
    buy, sell = (np.ascontiguousarray(np.broadcast_to(price, (n, h)), float) for price in (buy_per_kwh, sell_per_kwh))
    m = len(stores)
    row = np.arange(n)
    p = np.zeros((m, n, h))
    inside, mean = 0.5 * (buy + sell), np.zeros((n, h))
    late: list[Col] = []
    for turn in range(rounds):
        toward = mean - p.mean(0)
        for j, table in enumerate(stores):
            p[j] = respond(_with(table, rho, p[j] + toward), inside, inside, row=row, threads=threads).p_kw
        relaxed = OVER * p.mean(0) + (1.0 - OVER) * mean
        crossing = _cross(load_kw, m * (inside / rho + relaxed), m / rho, buy, sell)
        inside = np.clip(inside + rho * (relaxed - crossing / m), sell, buy)
        mean = crossing / m
        if turn >= rounds // 2:
            late.append(inside)
    p, cost = _sweep(stores, p, load_kw, buy, sell, row, threads)
    bound, price = _prove(stores, load_kw, late or [inside], row, threads)
    return Home(p, cost, bound, cost - bound, price)


def _with(table: Stores, prox: float, aim: Col, load_kw: Col | float = 0.0) -> Stores:
    """The table with another proximal term and load; fields stay views."""
    shape = table.p_max_kw.shape
    prox_table, load = np.broadcast_to(prox, shape), np.broadcast_to(np.asarray(load_kw, float), shape)
    return table._replace(prox=prox_table, p_ref_kw=np.broadcast_to(aim, shape), load_kw=load)


def _metered(net_kw: Col, buy: Col, sell: Col) -> Col:
    """Cost rate [$/h] of net power at the meter."""
    return buy * np.maximum(net_kw, 0.0) - sell * np.maximum(-net_kw, 0.0)


def _cross(load_kw: Col, aim_kw: Col, kw_per_price: float, buy: Col, sell: Col) -> Col:
    """Sum of stores that the meter likes best near `aim_kw`: a soft threshold between export and import."""
    imports, exports = aim_kw - kw_per_price * buy, aim_kw - kw_per_price * sell
    return np.where(load_kw + imports > 0.0, imports, np.where(load_kw + exports < 0.0, exports, -load_kw))


def _sweep(
    stores: Sequence[Stores], p: Col, load_kw: Col, buy: Col, sell: Col, row: NDArray[np.int64], threads: int
) -> tuple[Col, Col]:
    """Let each store in turn answer the meter with the others as its load. Never dearer than before; p is overwritten."""
    own = np.zeros(p.shape[:2])
    for j, table in enumerate(stores):
        rest = load_kw + p.sum(0) - p[j]
        answer = respond(_with(table, 0.0, np.zeros(1), rest), buy, sell, row=row, threads=threads)
        p[j] = answer.p_kw
        own[j] = answer.cost_usd - _metered(rest + p[j], buy, sell) @ table.dt_h
    return p, own.sum(0) + _metered(load_kw + p.sum(0), buy, sell) @ stores[0].dt_h


def _prove(stores: Sequence[Stores], load_kw: Col, late: list[Col], row: NDArray[np.int64], threads: int) -> tuple[Col, Col]:
    """Best lower bound of each home over a few inside prices, and the price that gives it."""
    dt = stores[0].dt_h
    tried = [np.mean(late, axis=0), *late[:: -max(len(late) // (PROOFS - 1), 1)][: PROOFS - 1]]
    best, price = np.full(len(load_kw), -np.inf), tried[0].copy()
    for inside in tried:
        bound = (inside * load_kw) @ dt
        for table in stores:
            bound = bound + respond(_with(table, 0.0, np.zeros(1)), inside, inside, row=row, threads=threads).bound_usd
        better = bound > best
        best = np.where(better, bound, best)
        price[better] = inside[better]
    return best, price
