"""The master problem of a price coordinator: mix columns of answers, buy the rest from the supply, stay near a price.

Theory 3.4.

    minimise  sum w F + sum dt G(q) + sum dt (centre r + r^2 / (2 step))      over w on one simplex a group, q, r
    with      r = base + sum w P - q,     price = centre + r / step

r is the imbalance that the proximal term forgives; `step = 0` forbids it. The interior point eliminates columns, simplexes
and supply blocks by hand, so that a step is one dense Cholesky of the size of the horizon whatever the number of groups.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.kernels.coordination.interior_point import solve_master

Col = NDArray[np.float64]

ROUNDS_MAX = 40  # Newton steps
TOLERANCE = 1e-10  # mean complementarity [$ a home]; further steps only lose digits


class SupplyCost(NamedTuple):
    """What the rest of the world asks for net power q of an area, by step; every field broadcasts to (h,).

    Cost rate [$/h]: buy q+ - sell q- + slope / 2 q^2 + over ((q - high)+ + (low - q)+), with sell <= buy, over >= 0,
    low <= 0 <= high (inf allowed), slope >= 0. `q_min_kw` and `q_max_kw` enclose every power the area can
    reach: they cut nothing off and keep the dual finite at any price.
    """

    dt_h: Col
    base_kw: Col
    buy_per_kwh: Col
    sell_per_kwh: Col
    low_kw: Col
    high_kw: Col
    over_per_kwh: Col
    slope_per_kwh_kw: Col
    q_min_kw: Col
    q_max_kw: Col


class Mix(NamedTuple):
    """Answer of the master.

    weight (m,) of every column, supply q_kw (h,), price (h,), value [$] of the mix without proximal term, last
    complementarity.
    """

    weight: Col
    q_kw: Col
    price_per_kwh: Col
    value_usd: float
    residual: float


def blocks(s: SupplyCost) -> tuple[Col, Col]:
    """Return marginal prices [$/kWh] and lengths [kW] of the four blocks of the supply, (4, h), filled from `q_min_kw` up."""
    zero = np.clip(0.0, s.q_min_kw, s.q_max_kw)
    limit = np.clip(s.high_kw, zero, s.q_max_kw)
    back = np.clip(s.low_kw, s.q_min_kw, zero)
    price = np.stack(
        [
            s.sell_per_kwh - s.over_per_kwh,
            s.sell_per_kwh,
            s.buy_per_kwh,
            s.buy_per_kwh + s.over_per_kwh,
        ]
    )
    return price, np.stack([back - s.q_min_kw, zero - back, limit - zero, s.q_max_kw - limit])


def supply_cost(s: SupplyCost, q_kw: Col) -> float:
    """Cost [$] of buying net power q (h,) [kW]."""
    rate = (
        s.buy_per_kwh * np.maximum(q_kw, 0.0)
        - s.sell_per_kwh * np.maximum(-q_kw, 0.0)
        + 0.5 * s.slope_per_kwh_kw * q_kw**2
    )
    beyond = np.maximum(np.maximum(q_kw - s.high_kw, s.low_kw - q_kw), 0.0)
    return float(np.sum(s.dt_h * (rate + s.over_per_kwh * beyond)))


def supply_bound(s: SupplyCost, price_per_kwh: Col) -> tuple[float, Col]:
    """Least of cost - revenue [$] when the supply sells at a price (h,), and the q (h,) that attains it.

    The cost rate is convex, so the marginal cost is inverted block by block.
    """
    price, length = blocks(s)
    q = np.asarray(s.q_min_kw, float) + np.zeros_like(price_per_kwh)
    with np.errstate(divide="ignore", invalid="ignore"):
        for marginal, span in zip(price, length, strict=True):
            reach = np.where(
                s.slope_per_kwh_kw > 0.0,
                (price_per_kwh - marginal) / s.slope_per_kwh_kw - q,
                np.inf,
            )
            reach = np.where((s.slope_per_kwh_kw == 0.0) & (price_per_kwh <= marginal), 0.0, reach)
            q = q + np.clip(reach, 0.0, span)
    return supply_cost(s, q) - float(np.sum(s.dt_h * price_per_kwh * q)), q


def mix(
    columns_kw: Col,
    cost_usd: Col,
    start: NDArray[np.int64],
    s: SupplyCost,
    centre: Col,
    step: float,
    scale: float = 1.0,
    *,
    thin: bool = False,
) -> Mix:
    """Solve the master problem by a primal-dual interior point.

    Parameters
    ----------
    columns_kw
        Summed answers, shape (m, h) [kW], the columns of one group side by side.
    cost_usd
        Own cost of every column, shape (m,) [$].
    start
        First column of every group, shape (g,), rising from 0.
    s
        Supply and base load; every field (h,).
    centre, step
        Price the proximal term holds to, shape (h,) [$/kWh]; imbalance it forgives for each $/kWh of distance [kW per $/kWh];
        0 forbids any.
    scale
        Number of homes: the problem is solved for one average home.
    thin
        Whether Newton steps are solved in the space of the columns, which takes less where there are fewer of them than steps;
        `step` is above zero then.

    References
    ----------
    S. Mehrotra, On the implementation of a primal-dual interior point method, SIAM J. Optim. 2 (1992), doi 10.1137/0802028.
    """
    marginal, length = blocks(s)
    supply = (
        s.dt_h,
        s.base_kw / scale,
        s.q_min_kw / scale,
        marginal,
        np.maximum(length / scale, 1e-9),
        s.slope_per_kwh_kw * scale,
    )
    first = np.append(start, len(cost_usd))
    point, lam, residual = solve_master(
        columns_kw / scale,
        cost_usd / scale,
        first,
        supply,
        centre,
        step / scale,
        ROUNDS_MAX,
        TOLERANCE,
        thin=thin,
    )
    weight = np.maximum(point, 0.0)
    weight = weight / np.repeat(np.add.reduceat(weight, start), np.diff(first))
    q = s.base_kw + weight @ columns_kw
    price = lam / s.dt_h
    return Mix(weight, q, price, float(weight @ cost_usd) + supply_cost(s, q), residual)
