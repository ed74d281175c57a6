"""Best heating or cooling of two-state houses against a price: box-constrained linear-quadratic control, with a proven bound.

Theory 5.3.

State (air, mass, running mean of air - best in this block), one duty 0 <= s <= 1 a step. Prices and comfort hold over blocks
of `sub` steps:

    minimise  sum_t cost_t s_t + sum_blocks weight_b/2 mean^2 + end . (air, mass)

A primal-dual interior point whose Newton system is a Riccati recursion: time grows as steps, not their cube. For any duty s
with gradient g, convexity gives f >= f(s) + sum_t min over 0 <= r <= 1 of g_t (r - s_t): that number is returned as the
bound, whatever the iteration did.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Col = NDArray[np.float64]
JIT = {"nogil": True, "cache": True, "error_model": "numpy"}

ROUNDS_MAX = 40  # Newton steps
NEAR = 0.995  # share of the way to the boundary


class TwoStateHouses(NamedTuple):
    """Some houses, n of them, over h blocks of `sub` steps. The matrices of one step are those of `discretise`.

    Columns (n,) unless stated: step (n, 2, 2) x -> x'; push (n, 2, 2) source -> x'; mean (n, 2) x -> mean air; lift (n, 2)
    source -> mean air; start (n, 2) [degC]; source (n, h, 2) [K/h] heat into air and mass over their capacities; gain (n, h)
    [K/h] of air at full duty, signed; power (n, h) [kW] electric at full duty; best (n, h) [degC]; weight (n, h) [$/K2] of each
    block; end (n, 2) [$/K] paid for the last state.
    """

    step: Col
    push: Col
    mean: Col
    lift: Col
    start: Col
    source: Col
    gain: Col
    power: Col
    best: Col
    weight: Col
    end: Col


class Controls(NamedTuple):
    """Best control of n houses.

    p_kw (n, h) mean electric power of each block; own_usd (n,) its comfort and end cost; bound_usd (n,) <= optimum with
    energy; rounds (n,).
    """

    p_kw: Col
    own_usd: Col
    bound_usd: Col
    rounds: NDArray[np.int64]


def discretise(
    ua_kw_k: Col, hm_kw_k: Col, ca_kwh_k: Col, cm_kwh_k: Col, dt_h: float
) -> tuple[Col, Col, Col, Col]:
    """Return step [1], push [h] (n, 2, 2), mean [1], lift [h] (n, 2) over dt_h hours of constant sources, in closed form.

    f(A) = (f(l1) (A - l2) - f(l2) (A - l1)) / (l1 - l2) for the eigenvalues l1 > l2 of a 2 x 2 matrix A (Sylvester).
    """
    a = np.empty((len(ua_kw_k), 2, 2))
    a[:, 0, 0], a[:, 0, 1] = -(hm_kw_k + ua_kw_k) / ca_kwh_k, hm_kw_k / ca_kwh_k
    a[:, 1, 0], a[:, 1, 1] = hm_kw_k / cm_kwh_k, -hm_kw_k / cm_kwh_k
    half, det = 0.5 * (a[:, 0, 0] + a[:, 1, 1]), a[:, 0, 0] * a[:, 1, 1] - a[:, 0, 1] * a[:, 1, 0]
    root = np.sqrt(half**2 - det)
    slow, fast = half + root, half - root

    def at(f_slow: Col, f_fast: Col) -> Col:
        eye = np.eye(2)
        wide = f_slow[:, None, None] * (a - fast[:, None, None] * eye) - f_fast[:, None, None] * (
            a - slow[:, None, None] * eye
        )
        return wide / (slow - fast)[:, None, None]

    step = at(np.exp(slow * dt_h), np.exp(fast * dt_h))
    push = at(_phi1(slow * dt_h), _phi1(fast * dt_h)) * dt_h
    lift = at(_phi2(slow * dt_h), _phi2(fast * dt_h)) * dt_h
    return step, push, push[:, 0] / dt_h, lift[:, 0]


def _phi1(x: Col) -> Col:
    """(e^x - 1) / x."""
    safe = np.where(np.abs(x) < 1e-12, 1.0, x)
    return np.where(np.abs(x) < 1e-12, 1.0, np.expm1(safe) / safe)


def _phi2(x: Col) -> Col:
    """(e^x - 1 - x) / x^2, by its series where x is small."""
    safe = np.where(np.abs(x) < 1e-2, 1.0, x)
    series = 0.5 + x / 6.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0))))
    return np.where(np.abs(x) < 1e-2, series, (np.expm1(safe) - safe) / safe**2)


def steer(
    houses: TwoStateHouses, price_per_kwh: Col, dt_h: float, sub: int = 1, threads: int = 1
) -> Controls:
    """Best control of every house against a price.

    Parameters
    ----------
    houses
        n houses; the matrices hold over one step of dt_h / sub hours.
    price_per_kwh
        Shape (h,) [$/kWh], one a block of dt_h hours.
    sub
        Steps of duty in a block.
    threads
        Threads over houses; the answer does not depend on it.

    References
    ----------
    C. V. Rao, S. J. Wright, J. B. Rawlings, Application of interior-point methods to model predictive control, JOTA 99
    (1998), doi 10.1023/A:1021711402723.
    """
    n, h = houses.gain.shape
    p_kw, out, rounds = np.empty((n, h)), np.empty((n, 2)), np.empty(n, np.int64)
    columns = [np.ascontiguousarray(column, float) for column in houses]
    price = np.ascontiguousarray(price_per_kwh, float)
    cuts = np.linspace(0, n, threads + 1).astype(int)

    def work(span: tuple[int, int]) -> None:
        _steer(span[0], span[1], *columns, price, dt_h, sub, p_kw, out, rounds)

    spans = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
    if threads == 1:
        work(spans[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, spans))
    return Controls(p_kw, out[:, 0], out[:, 1], rounds)


@njit(**JIT)
def _steer(  # type: ignore[no-untyped-def]
    first,
    last,
    step,
    push,
    mean,
    lift,
    start,
    source,
    gain,
    power,
    best,
    weight,
    end,
    price,
    dt,
    sub,
    p_kw,
    out,
    rounds,
):
    h = price.shape[0]
    steps = h * sub
    a, b, v, c = np.empty((2, 3)), np.empty((h, 3)), np.empty((h, 3)), np.empty(h)
    s, z = np.empty((8, steps)), np.empty((steps + 1, 3))
    g, gains = np.empty(steps), np.empty((steps, 4))
    for i in range(first, last):
        for j in range(2):
            for m in range(2):
                a[j, m] = step[i, j, m]
        a[0, 2], a[1, 2] = mean[i, 0] / sub, mean[i, 1] / sub
        for t in range(h):
            for m in range(2):
                b[t, m] = push[i, m, 0] * gain[i, t]
                v[t, m] = push[i, m, 0] * source[i, t, 0] + push[i, m, 1] * source[i, t, 1]
            b[t, 2] = lift[i, 0] * gain[i, t] / sub
            v[t, 2] = (
                lift[i, 0] * source[i, t, 0] + lift[i, 1] * source[i, t, 1] - best[i, t]
            ) / sub
            c[t] = price[t] * power[i, t] * dt / sub
        rounds[i] = _interior(a, b, v, c, weight[i], start[i], end[i], sub, s, z, g, gains)
        cost = _forward(a, b, v, weight[i], start[i], end[i], sub, s[0], z)
        _gradient(a, b, c, weight[i], end[i], sub, z, g)
        slack, paid = 0.0, 0.0
        for t in range(steps):
            slack += max(g[t] * s[0, t], -g[t] * (1.0 - s[0, t]))
            paid += c[t // sub] * s[0, t]
        out[i, 0], out[i, 1] = cost, cost + paid - slack
        for t in range(h):
            duty = 0.0
            for m in range(sub):
                duty += s[0, t * sub + m]
            p_kw[i, t] = duty / sub * power[i, t]


@njit(**JIT)
def _forward(a, b, v, weight, start, end, sub, s, z):  # type: ignore[no-untyped-def]
    """States z (steps + 1, 3) under duty s; returns comfort and end cost."""
    x, y, r, cost = start[0], start[1], 0.0, 0.0
    z[0, 0], z[0, 1], z[0, 2] = x, y, r
    for t in range(s.shape[0]):
        k = t // sub
        if t % sub == 0:
            r = 0.0
        r += a[0, 2] * x + a[1, 2] * y + b[k, 2] * s[t] + v[k, 2]
        x, y = (
            a[0, 0] * x + a[0, 1] * y + b[k, 0] * s[t] + v[k, 0],
            a[1, 0] * x + a[1, 1] * y + b[k, 1] * s[t] + v[k, 1],
        )
        z[t + 1, 0], z[t + 1, 1], z[t + 1, 2] = x, y, r
        if (t + 1) % sub == 0:
            cost += 0.5 * weight[k] * r * r
    return cost + end[0] * x + end[1] * y


@njit(**JIT)
def _gradient(a, b, c, weight, end, sub, z, g):  # type: ignore[no-untyped-def]
    """Gradient of the whole cost in every duty, by one sweep back."""
    x, y, r = end[0], end[1], 0.0
    for t in range(g.shape[0] - 1, -1, -1):
        k = t // sub
        if (t + 1) % sub == 0:
            r = weight[k] * z[t + 1, 2]
        g[t] = c[k] + b[k, 0] * x + b[k, 1] * y + b[k, 2] * r
        x, y = a[0, 0] * x + a[1, 0] * y + a[0, 2] * r, a[0, 1] * x + a[1, 1] * y + a[1, 2] * r


@njit(**JIT)
def _factor(a, b, weight, sub, d, gains):  # type: ignore[no-untyped-def]
    """Riccati recursion of the Newton matrix: gains (steps, 4) hold the feedback on the three states and 1 / pivot."""
    p00 = p01 = p02 = p11 = p12 = p22 = 0.0
    e00, e01, e10, e11, e20, e21 = a[0, 0], a[0, 1], a[1, 0], a[1, 1], a[0, 2], a[1, 2]
    for t in range(gains.shape[0] - 1, -1, -1):
        k = t // sub
        if (t + 1) % sub == 0:  # the mean of a new block forgets the old one
            p02, p12, p22 = 0.0, 0.0, weight[k]
        b0, b1, b2 = b[k, 0], b[k, 1], b[k, 2]
        h0, h1, h2 = (
            p00 * b0 + p01 * b1 + p02 * b2,
            p01 * b0 + p11 * b1 + p12 * b2,
            p02 * b0 + p12 * b1 + p22 * b2,
        )
        one = 1.0 / (d[t] + b0 * h0 + b1 * h1 + b2 * h2)
        f0, f1, f2 = h0 * e00 + h1 * e10 + h2 * e20, h0 * e01 + h1 * e11 + h2 * e21, h2
        q00, q01 = p00 * e00 + p01 * e10 + p02 * e20, p00 * e01 + p01 * e11 + p02 * e21
        q10, q11 = p01 * e00 + p11 * e10 + p12 * e20, p01 * e01 + p11 * e11 + p12 * e21
        q20, q21 = p02 * e00 + p12 * e10 + p22 * e20, p02 * e01 + p12 * e11 + p22 * e21
        p00 = e00 * q00 + e10 * q10 + e20 * q20 - f0 * f0 * one
        p01 = e00 * q01 + e10 * q11 + e20 * q21 - f0 * f1 * one
        p11 = e01 * q01 + e11 * q11 + e21 * q21 - f1 * f1 * one
        p02, p12, p22 = q20 - f0 * f2 * one, q21 - f1 * f2 * one, p22 - f2 * f2 * one
        gains[t, 0], gains[t, 1], gains[t, 2], gains[t, 3] = f0 * one, f1 * one, f2 * one, one


@njit(**JIT)
def _solve(a, b, sub, gains, r, d):  # type: ignore[no-untyped-def]
    """Newton step d of the right-hand side r (overwritten) with the factor at hand."""
    x = y = w = 0.0
    for t in range(r.shape[0] - 1, -1, -1):
        k = t // sub
        if (t + 1) % sub == 0:
            w = 0.0
        f = r[t] + b[k, 0] * x + b[k, 1] * y + b[k, 2] * w
        r[t] = f * gains[t, 3]
        up = a[0, 0] * x + a[1, 0] * y + a[0, 2] * w - gains[t, 0] * f
        y = a[0, 1] * x + a[1, 1] * y + a[1, 2] * w - gains[t, 1] * f
        x, w = up, w - gains[t, 2] * f
    x = y = w = 0.0
    for t in range(r.shape[0]):
        k = t // sub
        if t % sub == 0:
            w = 0.0
        e = -gains[t, 0] * x - gains[t, 1] * y - gains[t, 2] * w - r[t]
        d[t] = e
        w += a[0, 2] * x + a[1, 2] * y + b[k, 2] * e
        x, y = a[0, 0] * x + a[0, 1] * y + b[k, 0] * e, a[1, 0] * x + a[1, 1] * y + b[k, 1] * e


@njit(**JIT)
def _interior(a, b, v, c, weight, start, end, sub, s, z, g, gains):  # type: ignore[no-untyped-def]  # noqa: C901
    """Leave the best duty in s[0]; returns the Newton steps taken. s[1], s[2]: multipliers of s >= 0 and s <= 1."""
    n = g.shape[0]
    x, low, high, d, r, e, dl, dh = s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
    x[:] = 0.5
    _forward(a, b, v, weight, start, end, sub, x, z)
    _gradient(a, b, c, weight, end, sub, z, g)
    scale = 0.0
    for t in range(n):
        scale += abs(g[t]) / n
    if scale == 0.0:  # no unit: no duty changes anything
        return 0
    for t in range(n):
        low[t], high[t] = max(g[t], 0.0) + 0.1 * scale, max(-g[t], 0.0) + 0.1 * scale
    for turn in range(ROUNDS_MAX):
        mu, rest = 0.0, 0.0
        for t in range(n):
            mu += (low[t] * x[t] + high[t] * (1.0 - x[t])) / (2 * n)
            rest = max(rest, abs(g[t] - low[t] + high[t]))
            e[t] = low[t] / x[t] + high[t] / (1.0 - x[t])
        if mu < 1e-8 * scale and rest < 1e-6 * scale:
            return turn
        _factor(a, b, weight, sub, e, gains)
        for t in range(n):
            r[t] = g[t]
        _solve(a, b, sub, gains, r, d)
        far = 1.0
        for t in range(n):
            dl[t], dh[t] = -low[t] - low[t] * d[t] / x[t], -high[t] + high[t] * d[t] / (1.0 - x[t])
            far = min(
                far,
                _room(x[t], d[t]),
                _room(1.0 - x[t], -d[t]),
                _room(low[t], dl[t]),
                _room(high[t], dh[t]),
            )
        ahead = 0.0
        for t in range(n):
            ahead += (low[t] + far * dl[t]) * (x[t] + far * d[t]) / (2 * n)
            ahead += (high[t] + far * dh[t]) * (1.0 - x[t] - far * d[t]) / (2 * n)
        aim = mu * (ahead / mu) ** 3
        for t in range(n):
            dl[t], dh[t] = (aim - dl[t] * d[t]) / x[t], (aim + dh[t] * d[t]) / (1.0 - x[t])
            r[t] = g[t] - dl[t] + dh[t]
        _solve(a, b, sub, gains, r, d)
        far = 1.0
        for t in range(n):
            dl[t] += -low[t] - low[t] * d[t] / x[t]
            dh[t] += -high[t] + high[t] * d[t] / (1.0 - x[t])
            room = min(
                _room(x[t], d[t]),
                _room(1.0 - x[t], -d[t]),
                _room(low[t], dl[t]),
                _room(high[t], dh[t]),
            )
            far = min(far, NEAR * room)
        for t in range(n):
            x[t] += far * d[t]
            low[t] += far * dl[t]
            high[t] += far * dh[t]
        _forward(a, b, v, weight, start, end, sub, x, z)
        _gradient(a, b, c, weight, end, sub, z, g)
    return ROUNDS_MAX


@njit(**JIT)
def _room(x, d):  # type: ignore[no-untyped-def]
    """How far x can move along d and stay positive."""
    return -x / d if d < 0.0 else 1e300
