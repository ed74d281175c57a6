"""The marginal value of stored energy: exact best response of many one-state stores, and the slopes behind their bids.

Theory 2.1 to 2.6.

W_t is the value of ending step t in x'. Its slope is a polyline, and so is the marginal cost of a step; as the state at
the start rises the best power falls, so the slope one step earlier follows by one walk along both. The recursion is the
convex case of dynamic programming with piecewise quadratic costs (Bertsekas, Dynamic Programming and Optimal Control,
vol. 1, 4th ed., sections 1.3 and 3.1). Bounds on the state carry a slack priced `PENALTY` per unit of x, so that every row
has an answer and `missing` says how far a bound is beyond reach.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.stores.bellman import (
    C_P,
    DEAD,
    GAIN_IN,
    GAIN_OUT,
    GROWTH,
    INFLOW,
    K_C,
    K_X,
    LEAK,
    PROX,
    STAGE,
    X_MAX,
    X_MIN,
    X_SET,
    G,
    S,
    bellman_step,
    convex_pieces,
    copy_pair,
    copy_row,
    cross_terms,
    exclusive,
    follow,
    marginal_cost,
    power,
    room_after,
    step_cost,
)
from gridagora.kernels.stores.bid_curve import bid, blend
from gridagora.kernels.stores.polyline import (
    JIT,
    LEAF,
    PENALTY,
    add_comfort,
    cut,
    left_value,
    right_value,
    terminal,
)
from gridagora.kernels.stores.slope_rows import slope_rows
from gridagora.kernels.stores.table import (
    ALONE,
    ALONE_STEPS,
    COLUMNS,
    INDEX,
    READ1,
    READ2,
    Floats,
    MarginalValue,
    Response,
    Stores,
    broadcast_prices,
    compile_entry,
    run_blocks,
    stores,
)

__all__ = [
    "PENALTY",
    "MarginalValue",
    "Response",
    "Stores",
    "best_response",
    "bid",
    "blend",
    "join_slopes",
    "marginal_value",
    "stores",
]


@register_jitable(**LEAF)
def _backward(f, dt, buy, sell, end_x, end_mu, x0, x, mu, lane, span, note):  # type: ignore[no-untyped-def]
    """Walk from the last step to the first; leave in `note` what the roll-out follows.

    span[t] = first point and length of W_t', length of the stage, and whether it was hulled. With lane = 0 all W_t' are
    stacked one behind the other; else two lanes of that length take turns, which keeps the work in the nearest cache.
    Returns place and length of V_0', and the number of hulled steps; no length where the arrays are too short.
    """
    last, hulled = dt.shape[0] - 1, 0
    k = cut(end_x, end_mu, end_x.shape[0], f[last, X_MIN], f[last, X_MAX], x[1:], mu[1:])
    at = 1
    for t in range(last, -1, -1):
        at, k = add_comfort(x, mu, at, k, dt[t] * f[t, K_X], f[t, X_SET], f[t, DEAD])
        n, bent = convex_pieces(f, t, buy[t], sell[t], dt[t], note[t, S], note[t, G])
        span[t, 0], span[t, 1], span[t, 2], span[t, 3] = at, k, n, bent
        hulled += bent
        if t > 0:
            lo, hi = f[t - 1, X_MIN], f[t - 1, X_MAX]
        else:
            lo, hi = min(f[0, X_MIN], x0), max(f[0, X_MAX], x0)
        free = 0 if at >= lane else lane
        if lane == 0:
            free = at + k
        if room_after(f, t, k) > (lane if lane > 0 else x.shape[0] - free):
            return 0, 0, 0
        at, k = bellman_step(x, mu, at, k, f, t, dt[t], note, n, lo, hi, free)
    return at, k, hulled


@register_jitable(**LEAF)
def _hull_cost(f, t, x, s_best, buy, sell, dt, s, g, n, extra):  # type: ignore[no-untyped-def]
    """Return the hulled cost of s: the cost at the left end plus the integral of gamma."""
    total = step_cost(f, t, x, power(s[0], f[t, GAIN_IN], f[t, GAIN_OUT], dt), buy, sell, dt)
    for j in range(1, n):
        if s_best > s[j - 1] and s[j] > s[j - 1]:
            end = min(s_best, s[j])
            rise = (g[j] - g[j - 1]) / (s[j] - s[j - 1])
            total += (end - s[j - 1]) * (g[j - 1] + 0.5 * rise * (end - s[j - 1]) + extra)
    return total


@register_jitable(**LEAF)
def _forward(f, dt, buy, sell, x, mu, span, note, spare, state, p_kw, path, relaxed):  # type: ignore[no-untyped-def]
    """Roll out from `state`; relaxed follows the hull to a lower bound. Returns cost before the end, slack and last state."""
    cost, missing = 0.0, 0.0
    for t in range(dt.shape[0]):
        at, k, n, bent = span[t, 0], span[t, 1], span[t, 2], span[t, 3] > 0
        b, c, h = buy[t], sell[t], dt[t]
        z = f[t, LEAK] * state + f[t, INFLOW]
        extra = cross_terms(f, t, h)[0] * state
        if bent and not relaxed:
            n, zero = marginal_cost(f, t, b, c, h, spare[0], spare[1])
            move = exclusive(
                x[at : at + k],
                mu[at : at + k],
                k,
                z,
                spare[0],
                spare[1],
                n,
                zero,
                state,
                f,
                t,
                b,
                c,
                h,
                extra,
            )
        else:
            own_sense = state if f[t, LEAK] > 0.0 else -state
            move = follow(x, mu, own_sense, z, note, t, n, extra)
        p = power(move, f[t, GAIN_IN], f[t, GAIN_OUT], h)
        if bent and relaxed:
            cost += _hull_cost(f, t, state, move, b, c, h, note[t, S], note[t, G], n, extra)
        else:
            cost += step_cost(f, t, state, p, b, c, h)
        state = min(max(z + move, f[t, X_MIN]), f[t, X_MAX])
        slack = abs(state - z - move)
        if slack > 1e-11 * (1.0 + abs(state)):
            missing += slack
            cost += PENALTY * slack
        cost += 0.5 * h * f[t, K_X] * max(0.0, abs(state - f[t, X_SET]) - f[t, DEAD]) ** 2
        if not relaxed:
            p_kw[t], path[t + 1] = p, state
    return cost, missing, state


@register_jitable(**LEAF)
def _sloped(f):  # type: ignore[no-untyped-def]
    """Whether some step's marginal cost rises with power, so that a roll-out must look into W'."""
    most = 0.0
    for t in range(f.shape[0]):
        most = max(most, f[t, PROX] + f[t, K_C] * f[t, C_P])
    return most > 0.0


@njit(**JIT)
def scratch(h, points):  # type: ignore[no-untyped-def]
    """Return what `respond_row` works in, for h steps and an end value of so many points."""
    room = 8 * (GROWTH * (h + 2) + points)
    return (
        np.empty(room),
        np.empty(room),
        np.empty((h, 4), np.int64),
        np.empty((h, 5, STAGE)),
        np.empty((2, STAGE)),
    )


@register_jitable(**JIT)
def walk_back(f, dt, buy, sell, end_x, end_mu, x0, work):  # type: ignore[no-untyped-def]
    """Note what roll-outs of the store f (h, 19) follow; return the scratch, enlarged where needed, hulled steps and V_0'.

    Prices are those of the steps (h,), and the end value is a polyline (J,); all are rows of their own memory, so that every
    caller shares one compiled form.
    """
    x, mu, span, note, spare = work
    room = x.shape[0] // 2
    at, k, hulled, lane = 0, 0, 0, 0 if _sloped(f) else room
    while k == 0:
        at, k, hulled = _backward(f, dt, buy, sell, end_x, end_mu, x0, x, mu, lane, span, note)
        if k == 0:
            x, mu = np.empty(2 * x.shape[0]), np.empty(2 * x.shape[0])
            lane = x.shape[0] // 2 if lane > 0 else 0
        elif hulled > 0 and lane > 0:  # the roll-out must look into W' here too
            lane, k = 0, 0
    return (x, mu, span, note, spare), hulled, at, k


@register_jitable(**JIT)
def roll_out(f, dt, buy, sell, end_x, end_mu, x0, work, hulled, p_kw, path):  # type: ignore[no-untyped-def]
    """Write the best schedule from x0 by what `walk_back` noted; return cost, bound and missing."""
    x, mu, span, note, spare = work
    path[0] = x0
    cost, bound, missing = 0.0, 0.0, 0.0
    for turn in range(2 if hulled > 0 else 1):  # one call in the text is compiled once
        relaxed = turn > 0
        bound, slack, end = _forward(
            f, dt, buy, sell, x, mu, span, note, spare, x0, p_kw, path, relaxed
        )
        bound -= terminal(end_x, end_mu, end)
        if not relaxed:
            cost, missing = bound, slack
    return cost, bound, missing


@njit(**JIT)
def respond_row(f, dt, buy, sell, end_x, end_mu, x0, work, p_kw, path):  # type: ignore[no-untyped-def]
    """Write the best schedule of the store f (h, 19) from x0; return cost, bound, slope, missing and hulled steps."""
    work, hulled, at, k = walk_back(f, dt, buy, sell, end_x, end_mu, x0, work)
    vx, vm = work[0][at : at + k], work[1][at : at + k]
    # a full store is worth what its last unit is, an empty one its next
    slope = left_value(vx, vm, k, x0) if x0 >= f[0, X_MAX] else right_value(vx, vm, k, x0)
    cost, bound, missing = roll_out(f, dt, buy, sell, end_x, end_mu, x0, work, hulled, p_kw, path)
    return cost, bound, slope, missing, hulled


@njit(**JIT)
def _respond_rows(start, stop, columns, dt, buy, sell, row, end_x, end_mu, x0, p_kw, path, out):  # type: ignore[no-untyped-def]
    """Answer rows start..stop; out columns: cost, bound, slope, missing, hulled."""
    h, points = dt.shape[0], end_x.shape[1]
    f, work = np.empty((h, len(columns))), scratch(h, points)
    own_buy, own_sell, own_x, own_mu = np.empty(h), np.empty(h), np.empty(points), np.empty(points)
    for i in range(start, stop):
        copy_row(columns, i, f, i == start)
        if i == start or row[i] != row[i - 1]:
            copy_pair(buy, sell, row[i], own_buy, own_sell)
        copy_pair(end_x, end_mu, i, own_x, own_mu)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3], out[i, 4] = respond_row(
            f, dt, own_buy, own_sell, own_x, own_mu, x0[i], work, p_kw[i], path[i]
        )


_WRITE2 = types.Array(types.float64, 2, "C")
_WRITE_INT = types.Array(types.int64, 1, "C")
ROWS_ALONE = 256  # rows of marginal values that take less time than threads take to start
_READ3 = types.Array(types.float64, 3, "A", readonly=True)
_I = types.int64


def rows(table: Stores, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Stores:
    """Return chosen rows of a table, as truths (n,), rows (k,) or a slice, copied unless they are a slice.

    A column that holds for all steps stays one number a row.
    """
    if isinstance(chosen, slice):
        first, dt_h, *rest = table
        return Stores(first[chosen], dt_h, *(column[chosen] for column in rest))

    def pick(column: Floats) -> Floats:
        if column.ndim == 2 and column.strides[1] == 0:
            return np.broadcast_to(column[chosen, :1], (len(column[chosen, 0]), column.shape[1]))
        return np.asarray(column[chosen])

    return Stores(
        *(column if name == "dt_h" else pick(column) for name, column in table._asdict().items())
    )


def join_slopes(parts: Sequence[MarginalValue]) -> MarginalValue:
    """Return the slopes of several tables as those of one, the rows of the first table first; each kept as many steps."""
    if len(parts) == 1:
        return parts[0]
    points = np.cumsum([0, *(len(each.x) for each in parts)])
    offset = [each.offset[1:] + before for each, before in zip(parts, points[:-1], strict=True)]
    return MarginalValue(
        np.concatenate([np.zeros(1, np.int64), *offset]),
        np.concatenate([each.x for each in parts]),
        np.concatenate([each.mu for each in parts]),
        parts[0].keep,
    )


def best_response(
    table: Stores,
    buy_per_kwh: ArrayLike,
    sell_per_kwh: ArrayLike,
    row: ArrayLike | None = None,
    threads: int = 1,
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
    buy, sell, index = broadcast_prices(buy_per_kwh, sell_per_kwh, row, n, h)
    p_kw, path, out = np.empty((n, h)), np.empty((n, h + 1)), np.empty((n, 5))
    entry = compile_entry(
        _respond_rows,
        _I,
        _I,
        COLUMNS,
        READ1,
        READ2,
        READ2,
        INDEX,
        READ2,
        READ2,
        READ1,
        _WRITE2,
        _WRITE2,
        _WRITE2,
    )
    columns = tuple(table[2:21])
    run_blocks(
        n,
        lambda i, j: entry(
            i,
            j,
            columns,
            table.dt_h,
            buy,
            sell,
            index,
            table.end_x,
            table.end_mu,
            table.x0,
            p_kw,
            path,
            out,
        ),
        threads,
        alone=max(ALONE, ALONE_STEPS // max(h, 1)),
    )
    return Response(
        p_kw, path, out[:, 0], out[:, 1], out[:, 2], out[:, 3], out[:, 4].astype(np.int64)
    )


def marginal_value(
    table: Stores,
    price_per_kwh: ArrayLike,
    keep: int = 1,
    row: ArrayLike | None = None,
    threads: int = 1,
    draws: Floats | None = None,
) -> MarginalValue:
    """Return V_t'(x), the worth of one more unit of x at the start of steps t = 0..keep, of every row.

    `draws` (n, S, h) [unit of x]: S equally likely additional inflows of a step, known only after its power is chosen;
    the slope is then resampled at 41 points of [x_min, x_max] a step. A draw beyond a bound costs comfort, no penalty. Rows
    that only charge, within one range and to one taste, stay on these points in every step after `keep` (theory 2.6).

    Raises
    ------
    ValueError
        As for `best_response`, and where `keep` or `draws` do not fit the table.
    """
    n, h = len(table.x0), len(table.dt_h)
    price, _, index = broadcast_prices(price_per_kwh, price_per_kwh, row, n, h)
    if not 0 <= keep <= h:
        raise ValueError(f"keep is {keep}, expected 0..{h}")
    if draws is not None and (
        draws.ndim != 3 or draws.shape[::2] != (n, h) or not np.isfinite(draws).all()
    ):
        raise ValueError(
            f"draws have shape {draws.shape}, expected finite numbers of shape ({n}, S, {h})"
        )
    chances = np.empty((n, 0, h)) if draws is None else np.asarray(draws, np.float64)
    offset = np.zeros(n * (keep + 1) + 1, np.int64)
    entry = compile_entry(
        slope_rows, _I, _I, COLUMNS, READ1, READ2, INDEX, READ2, READ2, _READ3, _I, _WRITE_INT
    )
    columns, block = tuple(table[2:21]), min(256, max(1, -(-n // max(1, threads))))
    found = run_blocks(
        n,
        lambda i, j: entry(
            i,
            j,
            columns,
            table.dt_h,
            price,
            index,
            table.end_x,
            table.end_mu,
            chances,
            keep,
            offset,
        ),
        threads,
        block,
        alone=ROWS_ALONE,
    )
    before = 0
    for start, (x, _) in zip(range(0, n, block), found, strict=True):
        offset[start * (keep + 1) + 1 : min(start + block, n) * (keep + 1) + 1] += before
        before += len(x)
    if not found:
        return MarginalValue(offset, np.empty(0), np.empty(0), keep)
    return MarginalValue(
        offset, np.concatenate([x for x, _ in found]), np.concatenate([mu for _, mu in found]), keep
    )
