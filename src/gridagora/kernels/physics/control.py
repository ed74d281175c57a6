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
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.physics.riccati import (
    duty_gradient,
    factor_newton,
    roll_out,
    roll_states,
    sweep_back,
)
from gridagora.kernels.stores.polyline import JIT

Col = NDArray[np.float64]
# For maxima. Sums keep their order and products their rounding: a kernel gives the same bits wherever it is compiled.
FAST = JIT | {"fastmath": {"nnan", "nsz"}}

ROUNDS_MAX = 40  # Newton steps
NEAR = 0.995  # share of the way to the boundary
TOLERANCE = 1e-7  # mean complementarity at which to stop, of the mean worth of a step's duty


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
    s, z = np.empty((11, steps)), np.empty((steps + 1, 3))
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
        cost = roll_states(a, b, v, weight[i], start[i], end[i], sub, s[0], z)
        duty_gradient(a, b, c, weight[i], end[i], sub, z, g)
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


@register_jitable(**FAST)
def _weigh(x, low, high, g, into, out, e):  # type: ignore[no-untyped-def]
    """Write 1/x, 1/(1 - x) and the barrier's diagonal e; return the mean complementarity and the largest residual."""
    mu, rest = 0.0, 0.0
    for t in range(x.shape[0]):
        into[t], out[t] = 1.0 / x[t], 1.0 / (1.0 - x[t])
        e[t] = low[t] * into[t] + high[t] * out[t]
        mu += low[t] * x[t] + high[t] * (1.0 - x[t])
    for t in range(x.shape[0]):
        apart = g[t] - low[t] + high[t]
        rest = max(rest, apart, -apart)
    return mu / (2 * x.shape[0]), rest


@register_jitable(**FAST)
def _predict(x, low, high, d, into, out, dl, dh):  # type: ignore[no-untyped-def]
    """Write the multipliers' step for duty step d that aims at no barrier; return the complementarity at the boundary."""
    most, ahead = 1.0, 0.0
    for t in range(x.shape[0]):
        down, up = d[t] * into[t], d[t] * out[t]
        dl[t], dh[t] = -low[t] * (1.0 + down), -high[t] * (1.0 - up)
        most = max(most, -down, up, 1.0 + down, 1.0 - up)
    far = 1.0 / most
    for t in range(x.shape[0]):
        ahead += (low[t] + far * dl[t]) * (x[t] + far * d[t])
        ahead += (high[t] + far * dh[t]) * (1.0 - x[t] - far * d[t])
    return ahead / (2 * x.shape[0])


@register_jitable(**FAST)
def _correct(d, g, aim, into, out, dl, dh, r):  # type: ignore[no-untyped-def]
    """Write the right-hand side r that aims at a complementarity, and what the step so far leaves of it in dl, dh."""
    for t in range(d.shape[0]):
        dl[t], dh[t] = (aim - dl[t] * d[t]) * into[t], (aim + dh[t] * d[t]) * out[t]
        r[t] = g[t] - dl[t] + dh[t]


@register_jitable(**FAST)
def _advance(x, low, high, d, into, out, dl, dh, g, r, e):  # type: ignore[no-untyped-def]
    """Go along the step as far as all stays positive; the gradient g moves by what the Newton matrix says of d."""
    most = NEAR
    for t in range(x.shape[0]):
        down, up = d[t] * into[t], d[t] * out[t]
        dl[t] -= low[t] * (1.0 + down)
        dh[t] -= high[t] * (1.0 - up)
        most = max(most, -down, up, -dl[t] / low[t], -dh[t] / high[t])
    far = NEAR / most
    for t in range(x.shape[0]):
        g[t] -= far * (r[t] + e[t] * d[t])
        x[t] += far * d[t]
        low[t] += far * dl[t]
        high[t] += far * dh[t]


@register_jitable(**JIT)
def _interior(a, b, v, c, weight, start, end, sub, s, z, g, gains):  # type: ignore[no-untyped-def]
    """Leave the best duty in s[0]; returns the Newton steps taken. s[1], s[2]: multipliers of s >= 0 and s <= 1."""
    n = g.shape[0]
    x, low, high, d, r, e, dl, dh, into, out, f = s
    x[:] = 0.5
    roll_states(a, b, v, weight, start, end, sub, x, z)
    duty_gradient(a, b, c, weight, end, sub, z, g)
    scale = 0.0
    for t in range(n):
        scale += abs(g[t]) / n
    if scale == 0.0:  # no unit: no duty changes anything
        return 0
    for t in range(n):
        low[t], high[t] = max(g[t], 0.0) + 0.1 * scale, max(-g[t], 0.0) + 0.1 * scale
    for turn in range(ROUNDS_MAX):
        mu, rest = _weigh(x, low, high, g, into, out, e)
        if mu < TOLERANCE * scale and rest < 100.0 * TOLERANCE * scale:
            return turn
        factor_newton(a, b, weight, sub, e, gains, g, r)
        roll_out(a, b, sub, gains, r, d)
        ahead = _predict(x, low, high, d, into, out, dl, dh)
        _correct(d, g, mu * (ahead / mu) ** 3, into, out, dl, dh, r)
        sweep_back(a, b, sub, gains, r, f)
        roll_out(a, b, sub, gains, f, d)
        _advance(x, low, high, d, into, out, dl, dh, g, r, e)
    return ROUNDS_MAX
