"""Bids of one short step, from the marginal value of what it leaves in store (theory 2.7)."""

import numpy as np
from numba import njit, types
from numba.extending import register_jitable

from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.stores.bellman import (
    C_0,
    C_P,
    C_X,
    DEAD,
    GAIN_IN,
    GAIN_OUT,
    INFLOW,
    K_C,
    K_X,
    LEAK,
    P_MAX,
    P_MIN,
    P_REF,
    PROX,
    WEAR,
    X_MAX,
    X_MIN,
    X_SET,
)
from gridagora.kernels.stores.hull import hull
from gridagora.kernels.stores.polyline import (
    INLINE,
    JIT,
    LEAF,
    PENALTY,
    append,
    between,
    comfort_slope,
    first_after,
    first_not_before,
    left_value,
    right_value,
)
from gridagora.kernels.stores.table import (
    INDEX,
    READ1,
    READ2,
    Ints,
    MarginalValue,
    Stores,
    compile_entry,
)


@register_jitable(**LEAF)
def _mix(ax, am, bx, bm, share, lo, hi, x, mu):  # type: ignore[no-untyped-def]
    """Write (1-share) A + share B on [lo, hi], exact on the points of both; return its length."""
    na, nb = ax.shape[0], bx.shape[0]
    i, j = first_not_before(ax, 0, na, lo), first_not_before(bx, 0, nb, lo)
    a = between(ax, am, na, first_after(ax, i, na, lo), lo)
    b = between(bx, bm, nb, first_after(bx, j, nb, lo), lo)
    n = append(x, mu, 0, lo, (1.0 - share) * a + share * b)
    while i < na or j < nb:
        at = min(ax[i] if i < na else np.inf, bx[j] if j < nb else np.inf)
        if at >= hi:
            break
        a, b = between(ax, am, na, i, at), between(bx, bm, nb, j, at)
        if at > lo:
            n = append(x, mu, n, at, (1.0 - share) * a + share * b)
        while i < na and ax[i] == at:
            a, i = am[i], i + 1
        while j < nb and bx[j] == at:
            b, j = bm[j], j + 1
        if at > lo:
            n = append(x, mu, n, at, (1.0 - share) * a + share * b)
    if hi > lo:  # the points before i and j are those below hi
        a, b = between(ax, am, na, i, hi), between(bx, bm, nb, j, hi)
        n = append(x, mu, n, hi, (1.0 - share) * a + share * b)
    return n


@njit(**JIT)
def _blend_rows(offset, x, mu, keep, t0, t1, share, lo, hi, out_offset, out_x, out_mu):  # type: ignore[no-untyped-def]
    n = 0
    for i in range(out_offset.shape[0] - 1):
        a, b = i * (keep + 1) + t0, i * (keep + 1) + t1
        ax, am = x[offset[a] : offset[a + 1]], mu[offset[a] : offset[a + 1]]
        bx, bm = x[offset[b] : offset[b + 1]], mu[offset[b] : offset[b + 1]]
        start, stop = min(ax[0], bx[0]), max(ax[-1], bx[-1])
        n += _mix(ax, am, bx, bm, share, start, stop, out_x[n:], out_mu[n:])
        out_offset[i + 1] = n
    return n


@register_jitable(**INLINE)
def _side(f, lo_p, hi_p, per_kw, wear, z, state, dt, ax, am, bx, bm, share, x, mu, p_kw, cost, c):  # type: ignore[no-untyped-def]
    """Append the points of one sign of power, lo_p < hi_p; cost = minus price, rising. Returns the new length."""
    lo, hi = f[0, X_MIN], f[0, X_MAX]
    k, mid, dead = dt * f[0, K_X], f[0, X_SET], f[0, DEAD]
    y0, y1 = z + per_kw * lo_p, z + per_kw * hi_p
    felt = f[0, K_C] * f[0, C_P]
    base = felt * (f[0, C_X] * state + f[0, C_0]) + wear - f[0, PROX] * f[0, P_REF]
    steep = felt * f[0, C_P] + f[0, PROX]
    worth = per_kw / dt
    if y0 < lo:  # below the lower bound every unit is worth the penalty
        level = max(PENALTY, right_value(ax, am, ax.shape[0], lo))
        end = min((lo - z) / per_kw, hi_p)
        p_kw[c], cost[c] = lo_p, base + steep * lo_p - worth * level
        p_kw[c + 1], cost[c + 1] = end, base + steep * end - worth * level
        c += 2
    a, b = max(y0, lo), min(y1, hi)
    if a <= b:
        n = _mix(ax, am, bx, bm, share, a, b, x, mu)
        low, high, px, pm = mid - dead, mid + dead, a, mu[0]
        kinked = k > 0.0 and dead > 0.0
        for v in range(n):
            if kinked:
                for kink in (low, high):
                    if px < kink < x[v]:
                        level = (
                            pm
                            + (mu[v] - pm) * ((kink - px) / (x[v] - px))
                            + comfort_slope(kink, k, mid, dead)
                        )
                        p = min(max((kink - z) / per_kw, lo_p), hi_p)
                        p_kw[c], cost[c] = p, base + steep * p - worth * level
                        c += 1
            p = min(max((x[v] - z) / per_kw, lo_p), hi_p)
            p_kw[c], cost[c] = (
                p,
                base + steep * p - worth * (mu[v] + comfort_slope(x[v], k, mid, dead)),
            )
            px, pm = x[v], mu[v]
            c += 1
    if y1 > hi:
        level = min(-PENALTY, left_value(ax, am, ax.shape[0], hi))
        start = max((hi - z) / per_kw, lo_p)
        p_kw[c], cost[c] = start, base + steep * start - worth * level
        p_kw[c + 1], cost[c + 1] = hi_p, base + steep * hi_p - worth * level
        c += 2
    return c


@njit(**JIT)
def _bid_rows(  # type: ignore[no-untyped-def]
    shared, varied, own, dt_h, x0, row, offset, x, mu, keep, t0, t1, share, out_offset, out_p, out_price
):  # fmt: skip
    """Write the curve of every row; return the number of points.

    `shared` (1, 19) holds what is the same for all rows, `own` (m, n) the columns `varied` (m,) of the others.
    """
    room = 0
    for i in range(x0.shape[0]):
        a = row[i] * (keep + 1)
        room = max(room, offset[a + keep + 1] - offset[a])
    room = 2 * room + 32
    wx, wm, p_kw, cost = np.empty(room), np.empty(room), np.empty(2 * room), np.empty(2 * room)
    dt, n = dt_h[0], 0
    f = shared.copy()
    for i in range(x0.shape[0]):
        for c in range(varied.shape[0]):
            f[0, varied[c]] = own[c, i]
        a, b = row[i] * (keep + 1) + t0, row[i] * (keep + 1) + t1
        ax, am = x[offset[a] : offset[a + 1]], mu[offset[a] : offset[a + 1]]
        bx, bm = x[offset[b] : offset[b + 1]], mu[offset[b] : offset[b + 1]]
        z = f[0, LEAK] * x0[i] + f[0, INFLOW]
        lo, hi, wear = f[0, P_MIN], f[0, P_MAX], f[0, WEAR]
        zero = -1
        c = np.int64(0)  # type: ignore[assignment]  # of a literal, all that takes it is compiled twice
        if lo < min(hi, 0.0):
            per_kw = dt / f[0, GAIN_OUT]
            c = _side(
                f,
                lo,
                min(hi, 0.0),
                per_kw,
                -wear,
                z,
                x0[i],
                dt,
                ax,
                am,
                bx,
                bm,
                share,
                wx,
                wm,
                p_kw,
                cost,
                c,
            )
        if max(lo, 0.0) < hi:
            zero = c
            per_kw = dt * f[0, GAIN_IN]
            c = _side(
                f,
                max(lo, 0.0),
                hi,
                per_kw,
                wear,
                z,
                x0[i],
                dt,
                ax,
                am,
                bx,
                bm,
                share,
                wx,
                wm,
                p_kw,
                cost,
                c,
            )
        if zero > 0 and cost[zero - 1] > cost[zero]:
            c = hull(p_kw, cost, c, zero)
        if c == 0:
            p_kw[0], cost[0], c = lo, 0.0, 1
        m = 0
        for v in range(c):
            m = append(out_p[n:], out_price[n:], m, p_kw[v], -cost[v])
        n += m
        out_offset[i + 1] = n
    return n


_WRITE = types.Array(types.float64, 1, "C")
_WRITE_INT = types.Array(types.int64, 1, "C")
_I, _F = types.int64, types.float64
_BID = (
    *(READ2, INDEX, READ2, READ1, READ1, INDEX, INDEX, READ1, READ1),
    *(_I,) * 3,
    _F,
    *(_WRITE_INT, _WRITE, _WRITE),
)


def blend(values: MarginalValue, t0: int, t1: int, share: float) -> MarginalValue:
    """Return V' at a fraction `share` between steps t0 and t1, exact on the points of both (keep = 0)."""
    n = (len(values.offset) - 1) // (values.keep + 1)
    offset, x, mu = (
        np.zeros(n + 1, np.int64),
        np.empty(2 * len(values.x) + 4 * n),
        np.empty(2 * len(values.x) + 4 * n),
    )
    entry = compile_entry(
        _blend_rows, INDEX, READ1, READ1, _I, _I, _I, _F, _F, _F, _WRITE_INT, _WRITE, _WRITE
    )
    used = entry(
        values.offset, values.x, values.mu, values.keep, t0, t1, share, 0.0, 0.0, offset, x, mu
    )
    return MarginalValue(offset, x[:used], mu[:used], 0)


def bid(
    table: Stores,
    values: MarginalValue,
    share: float = 0.0,
    t0: int = 0,
    t1: int | None = None,
    row: Ints | None = None,
) -> Curves:
    """Return the exact bid of every row for its one step, each price answered by the best power.

    `table` has h = 1; the worth of the state at the end of the step is V_t0' + share (V_t1' - V_t0') of `values`
    (t1 = the last kept by default), plus the step's own comfort; `row` (n,) is the row of `values` that holds for each store,
    left out where each has its own. Nothing is checked here: the call is meant for every
    five minutes of a run, with `table._replace(x0=...)` of a table that `stores` has checked.
    """
    last = values.keep if t1 is None else t1
    n, columns = len(table.x0), table[2:21]
    varied = [c for c, column in enumerate(columns) if column.strides[0] != 0]
    if row is None:
        index, room = np.arange(n), 2 * len(values.x) + 24 * n
    else:
        index = row
        points = values.offset[:: values.keep + 1]
        room = 2 * int(np.diff(points)[row].sum()) + 24 * n
    offset, p_kw, price = np.zeros(n + 1, np.int64), np.empty(room), np.empty(room)
    used = compile_entry(_bid_rows, *_BID)(
        np.array([[column[0, 0] if n else 0.0 for column in columns]]),
        np.array(varied, np.int64),
        np.array([columns[c][:, 0] for c in varied]).reshape(len(varied), n),
        table.dt_h,
        table.x0,
        index,
        values.offset,
        values.x,
        values.mu,
        values.keep,
        t0,
        last,
        share,
        offset,
        p_kw,
        price,
    )
    return Curves(offset, p_kw[:used], price[:used])
