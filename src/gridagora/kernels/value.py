"""The marginal value of stored energy: exact best response of many one-state stores, and the slopes behind their bids.

W_t is the value of ending step t in x'. Its slope is a polyline, and so is the marginal cost of a step; as the state at
the start rises the best power falls, so the slope one step earlier follows by one walk along both. The recursion is the
convex case of dynamic programming with piecewise quadratic costs (Bertsekas, Dynamic Programming and Optimal Control,
vol. 1, 4th ed., sections 1.3 and 3.1). Bounds on the state carry a slack priced `PENALTY` per unit of x, so that every row
has an answer and `missing` says how far a bound is beyond reach.
"""

import numpy as np
from numba import njit, types
from numpy.typing import ArrayLike

from gridagora.kernels.flat import flat_step
from gridagora.kernels.polyline import (
    JIT,
    LEAF,
    PENALTY,
    cut,
    dress,
    left_value,
    mean_after_draws,
    right_value,
    roomier,
    terminal,
)
from gridagora.kernels.stage import (
    DEAD,
    GAIN_IN,
    GAIN_OUT,
    INFLOW,
    K_C,
    K_X,
    LEAK,
    PROX,
    X_MAX,
    X_MIN,
    X_SET,
    best,
    convex_pieces,
    cross_terms,
    exclusive,
    gather,
    paid,
    pieces,
    power,
    step_back,
)
from gridagora.kernels.stores import (
    COLUMNS,
    INDEX,
    READ1,
    READ2,
    Floats,
    Response,
    Slopes,
    Stores,
    prices,
    ready,
    spans,
    stores,
)
from gridagora.kernels.tender import bid, blend

__all__ = ["PENALTY", "Response", "Slopes", "Stores", "bid", "blend", "respond", "slopes", "stores"]

_STAGE = 16  # room for the points of one stage
_GROWTH = 24  # a step adds fewer points than this


@njit(**LEAF)
def _earlier(f, t, dt, buy, sell, x, mu, k, lo, hi, s, g, zx, zm):  # type: ignore[no-untyped-def]
    """Write V_t' on [lo, hi] from W_t'; return its length and whether the stage was hulled."""
    n, hulled = convex_pieces(f, t, buy, sell, dt, s, g)
    cross, own, level = cross_terms(f, t, dt)
    c = step_back(x, mu, k, f[t, LEAK], f[t, INFLOW], s, g, n, cross, own, level, lo, hi, zx, zm)
    return c, hulled


@njit(**JIT)
def _backward(f, i, r, dt, buy, sell, end_x, end_mu, x, mu, span, s, g, zx, zm):  # type: ignore[no-untyped-def]
    """Stack W_t' of all steps, the last first; span[t] = (start, length). Returns the stack and hulled steps."""
    c, last = end_x.shape[1], dt.shape[0] - 1
    zx[:c], zm[:c] = end_x[i], end_mu[i]
    at, hulled = 0, 0
    lo, hi = f[last, X_MIN], f[last, X_MAX]
    k = dress(zx, zm, c, lo, hi, dt[last] * f[last, K_X], f[last, X_SET], f[last, DEAD], x, mu)
    span[last, 0], span[last, 1] = 0, k
    for t in range(last, 0, -1):
        e = t - 1
        x, mu = roomier(x, mu, at + 2 * k + 2 * _GROWTH)
        lo, hi, taste_k, x_set, dead = f[e, X_MIN], f[e, X_MAX], dt[e] * f[e, K_X], f[e, X_SET], f[e, DEAD]
        if f[t, PROX] == 0.0 and f[t, K_C] == 0.0 and (taste_k == 0.0 or dead == 0.0):
            n, bent = convex_pieces(f, t, buy[r, t], sell[r, t], dt[t], s, g)
            longer = flat_step(x, mu, at, k, f[t, LEAK], f[t, INFLOW], s, g, n, lo, hi, taste_k, x_set)
        else:
            c, bent = _earlier(f, t, dt[t], buy[r, t], sell[r, t], x[at:], mu[at:], k, lo, hi, s, g, zx, zm)
            longer = dress(zx, zm, c, lo, hi, taste_k, x_set, dead, x[at + k :], mu[at + k :])
        hulled += bent
        at, k = at + k, longer
        span[e, 0], span[e, 1] = at, k
    return x, mu, hulled


@njit(**LEAF)
def _hull_cost(f, t, x, s_best, buy, sell, dt, s, g, n, extra):  # type: ignore[no-untyped-def]
    """Return the hulled cost of s: the cost at the left end plus the integral of gamma."""
    total = paid(f, t, x, power(s[0], f[t, GAIN_IN], f[t, GAIN_OUT], dt), buy, sell, dt)
    for j in range(1, n):
        if s_best > s[j - 1] and s[j] > s[j - 1]:
            end = min(s_best, s[j])
            rise = (g[j] - g[j - 1]) / (s[j] - s[j - 1])
            total += (end - s[j - 1]) * (g[j - 1] + 0.5 * rise * (end - s[j - 1]) + extra)
    return total


@njit(**LEAF)
def _forward(f, i, r, dt, buy, sell, end_x, end_mu, x, mu, span, s, g, state, p_kw, path, relaxed):  # type: ignore[no-untyped-def]
    """Roll out from `state`; relaxed follows the hull and returns the lower bound. Returns cost and slack."""
    cost, missing = 0.0, 0.0
    for t in range(dt.shape[0]):
        at, k = span[t, 0], span[t, 1]
        wx, wm, b, c, h = x[at : at + k], mu[at : at + k], buy[r, t], sell[r, t], dt[t]
        gain_in, gain_out = f[t, GAIN_IN], f[t, GAIN_OUT]
        z = f[t, LEAK] * state + f[t, INFLOW]
        extra = cross_terms(f, t, h)[0] * state
        n, zero = pieces(f, t, b, c, h, s, g)
        bent = zero > 0 and g[zero - 1] > g[zero]
        if bent and relaxed:
            n = convex_pieces(f, t, b, c, h, s, g)[0]
        if bent and not relaxed:
            move = exclusive(wx, wm, k, z, s, g, n, zero, state, f, t, b, c, h, extra)
        else:
            move = best(wx, wm, k, z, s, g, n, extra)
        p = power(move, gain_in, gain_out, h)
        cost += _hull_cost(f, t, state, move, b, c, h, s, g, n, extra) if bent and relaxed else paid(f, t, state, p, b, c, h)
        state = min(max(z + move, f[t, X_MIN]), f[t, X_MAX])
        slack = abs(state - z - move)
        if slack > 1e-11 * (1.0 + abs(state)):
            missing += slack
            cost += PENALTY * slack
        cost += 0.5 * h * f[t, K_X] * max(0.0, abs(state - f[t, X_SET]) - f[t, DEAD]) ** 2
        if not relaxed:
            p_kw[t], path[t + 1] = p, state
    return cost - terminal(end_x[i], end_mu[i], state), missing


@njit(**LEAF)
def _start_slope(f, r, dt, buy, sell, x, mu, k, x0, s, g, zx, zm):  # type: ignore[no-untyped-def]
    """Return V_0'(x0) towards the inside of the bounds: a full store is worth what its last unit is, an empty one its next."""
    lo, hi = min(f[0, X_MIN], x0), max(f[0, X_MAX], x0)
    c, hulled = _earlier(f, 0, dt[0], buy[r, 0], sell[r, 0], x, mu, k, lo, hi, s, g, zx, zm)
    value = left_value(zx, zm, c, x0) if x0 >= f[0, X_MAX] else right_value(zx, zm, c, x0)
    return value, hulled


@njit(**JIT)
def _respond_rows(start, stop, columns, dt, buy, sell, row, end_x, end_mu, x0, p_kw, path, out):  # type: ignore[no-untyped-def]
    """Answer rows start..stop; out columns: cost, bound, slope, missing, hulled."""
    h = dt.shape[0]
    room = _GROWTH * h + end_x.shape[1] + 2 * _GROWTH
    x, mu, zx, zm = np.empty(8 * room), np.empty(8 * room), np.empty(room), np.empty(room)
    s, g, span = np.empty(_STAGE), np.empty(_STAGE), np.empty((h, 2), np.int64)
    f = np.empty((h, len(columns)))
    for i in range(start, stop):
        r = row[i]
        gather(columns, i, f)
        x, mu, hulled = _backward(f, i, r, dt, buy, sell, end_x, end_mu, x, mu, span, s, g, zx, zm)
        path[i, 0] = x0[i]
        cost, missing = _forward(f, i, r, dt, buy, sell, end_x, end_mu, x, mu, span, s, g, x0[i], p_kw[i], path[i], False)
        at, k = span[0, 0], span[0, 1]
        slope, bent = _start_slope(f, r, dt, buy, sell, x[at : at + k], mu[at : at + k], k, x0[i], s, g, zx, zm)
        hulled += bent
        bound = cost
        if hulled > 0:
            bound, _ = _forward(f, i, r, dt, buy, sell, end_x, end_mu, x, mu, span, s, g, x0[i], p_kw[i], path[i], True)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3], out[i, 4] = cost, bound, slope, missing, hulled


@njit(**JIT)
def _slope_rows(start, stop, columns, dt, price, row, end_x, end_mu, draws, keep, count, offset):  # type: ignore[no-untyped-def]
    """Return V_t' of t = 0..keep for rows start..stop, one after another; offset is filled relative to this block."""
    h = dt.shape[0]
    room = _GROWTH * h + end_x.shape[1] + 2 * _GROWTH + 64
    zx, zm, wx, wm = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    s, g = np.empty(_STAGE), np.empty(_STAGE)
    kept, kx, km = np.empty(keep + 1, np.int64), np.empty((keep + 1, room)), np.empty((keep + 1, room))
    out_x, out_mu, total = np.empty(64 * (stop - start) * (keep + 1)), np.empty(64 * (stop - start) * (keep + 1)), 0
    f = np.empty((h, len(columns)))
    for i in range(start, stop):
        gather(columns, i, f)
        c = end_x.shape[1]
        zx[:c], zm[:c] = end_x[i], end_mu[i]
        for t in range(h, -1, -1):
            if t < h:
                lo, hi = f[t, X_MIN], f[t, X_MAX]
                taste_k, mid, dead = dt[t] * f[t, K_X], f[t, X_SET], f[t, DEAD]
                if draws.shape[1] > 0:
                    k = mean_after_draws(zx, zm, c, lo, hi, taste_k, mid, dead, draws[i, :, t], count, wx, wm)
                    c = cut(wx, wm, k, lo, hi, zx, zm)
                    taste_k = 0.0
                k = dress(zx, zm, c, lo, hi, taste_k, mid, dead, wx, wm)
                lo, hi = f[max(t - 1, 0), X_MIN], f[max(t - 1, 0), X_MAX]
                c, _ = _earlier(f, t, dt[t], price[row[i], t], price[row[i], t], wx, wm, k, lo, hi, s, g, zx, zm)
            if t <= keep:
                b = max(t - 1, 0)
                kept[t] = cut(zx, zm, c, f[b, X_MIN], f[b, X_MAX], kx[t], km[t])
        for t in range(keep + 1):
            out_x, out_mu = roomier(out_x, out_mu, total + kept[t])
            out_x[total : total + kept[t]], out_mu[total : total + kept[t]] = kx[t, : kept[t]], km[t, : kept[t]]
            total += kept[t]
            offset[i * (keep + 1) + t + 1] = total
    return out_x[:total], out_mu[:total]


_WRITE2 = types.Array(types.float64, 2, "C")
_WRITE_INT = types.Array(types.int64, 1, "C")
_READ3 = types.Array(types.float64, 3, "A", readonly=True)
_I = types.int64


def respond(
    table: Stores, buy_per_kwh: ArrayLike, sell_per_kwh: ArrayLike, row: ArrayLike | None = None, threads: int = 1
) -> Response:
    """Return the cheapest schedule of every row against prices known for all steps.

    Parameters
    ----------
    table
        n stores, h steps.
    buy_per_kwh, sell_per_kwh
        Price of net import and of net export at the row's meter, (h,) or (R, h), sell <= buy [$/kWh].
    row
        Price row that each store sees, (n,); by default row i of n, or the only one.
    threads
        Rows are shared among so many threads; the result does not depend on it.

    Returns
    -------
    Response
        `cost_usd` equals `bound_usd` unless a step's cost was not convex at zero power (`hulled` counts such steps).

    Raises
    ------
    ValueError
        Prices of another length, not finite, or sell above buy.
    """
    n, h = len(table.x0), len(table.dt_h)
    buy, sell, index = prices(buy_per_kwh, sell_per_kwh, row, n, h)
    p_kw, path, out = np.empty((n, h)), np.empty((n, h + 1)), np.empty((n, 5))
    entry = ready(_respond_rows, _I, _I, COLUMNS, READ1, READ2, READ2, INDEX, READ2, READ2, READ1, _WRITE2, _WRITE2, _WRITE2)
    columns = tuple(table[2:21])
    spans(
        n,
        lambda i, j: entry(i, j, columns, table.dt_h, buy, sell, index, table.end_x, table.end_mu, table.x0, p_kw, path, out),
        threads,
    )
    return Response(p_kw, path, out[:, 0], out[:, 1], out[:, 2], out[:, 3], out[:, 4].astype(np.int64))


def slopes(
    table: Stores,
    price_per_kwh: ArrayLike,
    keep: int = 1,
    row: ArrayLike | None = None,
    threads: int = 1,
    draws: Floats | None = None,
) -> Slopes:
    """Return V_t'(x), the worth of one more unit of x at the start of steps t = 0..keep, of every row.

    `draws` (n, S, h) [unit of x]: S equally likely additional inflows of a step, known only after its power is chosen;
    the slope is then resampled at 41 points of [x_min, x_max] a step. A draw beyond a bound costs comfort, no penalty.
    Raises ValueError as `respond` does, and where `keep` or `draws` do not fit the table.
    """
    n, h = len(table.x0), len(table.dt_h)
    price, _, index = prices(price_per_kwh, price_per_kwh, row, n, h)
    if not 0 <= keep <= h:
        raise ValueError(f"keep is {keep}, expected 0..{h}")
    if draws is not None and (draws.ndim != 3 or draws.shape[::2] != (n, h) or not np.isfinite(draws).all()):
        raise ValueError(f"draws have shape {draws.shape}, expected finite numbers of shape ({n}, S, {h})")
    chances = np.empty((n, 0, h)) if draws is None else np.asarray(draws, np.float64)
    offset = np.zeros(n * (keep + 1) + 1, np.int64)
    entry = ready(_slope_rows, _I, _I, COLUMNS, READ1, READ2, INDEX, READ2, READ2, _READ3, _I, _I, _WRITE_INT)
    columns, block = tuple(table[2:21]), min(256, max(1, -(-n // max(1, threads))))
    found = spans(
        n,
        lambda i, j: entry(i, j, columns, table.dt_h, price, index, table.end_x, table.end_mu, chances, keep, 41, offset),
        threads,
        block,
    )
    before = 0
    for start, (x, _) in zip(range(0, n, block), found, strict=True):
        offset[start * (keep + 1) + 1 : min(start + block, n) * (keep + 1) + 1] += before
        before += len(x)
    if not found:
        return Slopes(offset, np.empty(0), np.empty(0), keep)
    return Slopes(offset, np.concatenate([x for x, _ in found]), np.concatenate([mu for _, mu in found]), keep)
