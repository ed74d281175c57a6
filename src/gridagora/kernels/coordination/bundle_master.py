"""The master problem of a price coordinator: mix columns of answers, buy the rest from the supply, stay near a price.

Theory 3.4.

    minimise  sum w F + sum dt G(q) + sum dt (centre r + r^2 / (2 step))      over w on one simplex a group, q, r
    with      r = base + sum w P - q,     price = centre + r / step

r is the imbalance that the proximal term forgives; `step = 0` forbids it. The interior point eliminates columns, simplexes
and supply blocks by hand, so that a step is one dense Cholesky of the size of the horizon whatever the number of groups.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import LEAF
from gridagora.kernels.stores.table import READ1, compile_entry

Col = NDArray[np.float64]

ROUNDS_MAX = 40  # Newton steps
TOLERANCE = 1e-10  # mean complementarity [$ a home]; further steps only lose digits
NEAR = 0.995  # share of the way to the boundary
RIDGE = 1e-13  # of the largest diagonal entry, where a Newton matrix is singular


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

    References
    ----------
    S. Mehrotra, On the implementation of a primal-dual interior point method, SIAM J. Optim. 2 (1992), doi 10.1137/0802028.
    """
    marginal, length = blocks(s)
    problem = _Problem(
        columns_kw / scale,
        cost_usd / scale,
        start,
        np.diff(np.append(start, len(cost_usd))),
        s.dt_h,
        s.base_kw / scale,
        s.q_min_kw / scale,
        marginal,
        np.maximum(length / scale, 1e-9),
        s.slope_per_kwh_kw * scale,
        centre,
        step / scale,
    )
    point = _begin(problem)
    residual = np.inf
    for _ in range(ROUNDS_MAX):
        point, residual = _newton(problem, point)
        if residual < TOLERANCE:
            break
    weight = np.maximum(point.w, 0.0)
    weight = weight / np.repeat(np.add.reduceat(weight, start), problem.size)
    q = s.base_kw + weight @ columns_kw
    price = point.lam / s.dt_h
    return Mix(weight, q, price, float(weight @ cost_usd) + supply_cost(s, q), residual)


class _Problem(NamedTuple):
    p: Col
    f: Col
    start: NDArray[np.int64]
    size: NDArray[np.int64]
    dt: Col
    base: Col
    q_min: Col
    marginal: Col  # (4, h)
    length: Col  # (4, h)
    slope: Col
    centre: Col
    step: float


class _Point(NamedTuple):
    w: Col  # (m,) weights
    z: Col  # (m,) their multipliers
    u: Col  # (4, h) supply blocks
    v: Col  # (4, h) length - u
    a: Col  # (4, h) multipliers of u >= 0
    b: Col  # (4, h) multipliers of v >= 0
    y: Col  # (g,) simplexes
    lam: Col  # (h,) dt times price


def _begin(c: _Problem) -> _Point:
    w = 1.0 / np.repeat(c.size, c.size).astype(float)
    u = 0.5 * c.length
    lam = c.dt * c.centre
    reduced = c.f + c.p @ lam
    y = -np.minimum.reduceat(reduced, c.start)
    spread = max(float(np.mean(reduced + np.repeat(y, c.size))), 1e-4)
    gain = c.dt * c.marginal - lam
    a = np.maximum(gain, 0.0) + 0.1 * c.dt
    return _Point(w, reduced + np.repeat(y, c.size) + spread, u, c.length - u, a, a - gain, y, lam)


def _newton(c: _Problem, at: _Point) -> tuple[_Point, float]:
    """One predictor-corrector step. Returns the new point and the mean complementarity before it."""
    q = c.q_min + at.u.sum(0)
    r_w = c.f + c.p @ at.lam - at.z + np.repeat(at.y, c.size)
    r_u = c.dt * (c.marginal + c.slope * q) - at.lam - at.a + at.b
    r_y = np.add.reduceat(at.w, c.start) - 1.0
    r_l = c.base + at.w @ c.p - q - c.step * (at.lam / c.dt - c.centre)
    mu = (at.w @ at.z + np.sum(at.u * at.a) + np.sum(at.v * at.b)) / (len(at.w) + 2 * at.u.size)
    if mu < TOLERANCE:
        return at, float(mu)
    solve = _factor(c, at)
    aim = (at.w * at.z, at.u * at.a, at.v * at.b)
    d = solve(r_w, r_u, r_y, r_l, aim)
    far = min(_reach(at, d), 1.0)
    ahead = (at.w + far * d.w) @ (at.z + far * d.z) + np.sum(
        (at.u + far * d.u) * (at.a + far * d.a)
    )
    ahead = (ahead + np.sum((at.v + far * d.v) * (at.b + far * d.b))) / (len(at.w) + 2 * at.u.size)
    sigma = mu * (ahead / mu) ** 3
    aim = (aim[0] + d.w * d.z - sigma, aim[1] + d.u * d.a - sigma, aim[2] + d.v * d.b - sigma)
    d = solve(r_w, r_u, r_y, r_l, aim)
    far = min(NEAR * _reach(at, d), 1.0)
    moved = [old + far * new for old, new in zip(at, d, strict=True)]
    return _Point(*moved), float(mu)


def _reach(at: _Point, d: _Point) -> float:
    """Longest step that keeps every bounded variable positive."""
    pairs = ((at.w, d.w), (at.z, d.z), (at.u, d.u), (at.v, d.v), (at.a, d.a), (at.b, d.b))
    least = compile_entry(_least_ratio, READ1, READ1)
    return float(min(least(x.ravel(), dx.ravel()) for x, dx in pairs))


@njit(**LEAF)
def _least_ratio(x, dx):  # type: ignore[no-untyped-def]
    """Least step at which some entry is nil that falls: a loop, since numpy is called some thousand times a day for it."""
    far = np.inf
    for i in range(x.shape[0]):
        if dx[i] < 0.0:
            far = min(far, -x[i] / dx[i])
    return far


def _factor(
    c: _Problem, at: _Point
) -> Callable[[Col, Col, Col, Col, tuple[Col, Col, Col]], _Point]:
    """Eliminate columns, simplexes and blocks; return a function that solves one Newton system."""
    dw = at.w / at.z
    total = np.add.reduceat(dw, c.start)
    mean = np.add.reduceat(dw[:, None] * c.p, c.start, axis=0) / total[:, None]
    apart = c.p - np.repeat(mean, c.size, axis=0)
    scaled = np.sqrt(dw)[:, None] * apart
    du = 1.0 / (at.a / at.u + at.b / at.v)
    sum_u = du.sum(0)
    damp = 1.0 + c.dt * c.slope * sum_u
    h = scaled.T @ scaled
    h.flat[:: len(h) + 1] += c.step / c.dt + sum_u / damp
    try:
        inverse = np.linalg.inv(h)
    except np.linalg.LinAlgError:  # a step at which nothing is left to move: it stays where it is
        h.flat[:: len(h) + 1] += RIDGE * np.diag(h).max()
        inverse = np.linalg.inv(h)

    def solve(r_w: Col, r_u: Col, r_y: Col, r_l: Col, aim: tuple[Col, Col, Col]) -> _Point:
        g_w = r_w + aim[0] / at.w
        g_u = r_u + aim[1] / at.u - aim[2] / at.v
        pull = (du * g_u).sum(0) / damp
        # weights: dw = -D (g_w + P dlam + dy), dy from each simplex
        push = (np.add.reduceat(dw * g_w, c.start) - r_y) / total
        fixed = -dw * (g_w - np.repeat(push, c.size))
        rhs = r_l + fixed @ c.p + pull
        lam = inverse @ rhs
        y = -(push + mean @ lam)
        w = -dw * (g_w + c.p @ lam + np.repeat(y, c.size))
        both = (sum_u * lam - (du * g_u).sum(0)) / damp
        u = du * (lam - g_u - c.dt * c.slope * both)
        z = -(aim[0] + at.z * w) / at.w
        a = -(aim[1] + at.a * u) / at.u
        return _Point(w, z, u, -u, a, -(aim[2] - at.b * u) / at.v, y, lam)

    return solve
