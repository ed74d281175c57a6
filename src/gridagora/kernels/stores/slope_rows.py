"""Slopes of value at the start of the first steps, rows one after another, inflows known or left to chance (theory 2.2, 2.6)."""

import numpy as np
from numba import njit
from numba.extending import register_jitable

from gridagora.kernels.stores.bellman import (
    DEAD,
    GROWTH,
    K_C,
    K_X,
    LEAK,
    P_MIN,
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
    room_after,
)
from gridagora.kernels.stores.even_grid import walk_grid
from gridagora.kernels.stores.grid_mean import POINTS, REACH, mean_on_grid
from gridagora.kernels.stores.polyline import (
    JIT,
    LEAF,
    add_comfort,
    cut,
    enlarge,
    mean_after_draws,
    read_even,
    write_even,
)


@register_jitable(**JIT)
def _grid_scratch(h):  # type: ignore[no-untyped-def]
    """Return what a row of h steps is worked out in.

    Shares of the draws by step, the points by which the least of them moves a store and their number, the taste, one row
    beyond both ends, three rows, and the places of the shares.
    """
    return (
        np.empty((h, 2 * REACH + 2)),
        np.empty(h, np.int64),
        np.empty(h, np.int64),
        np.empty(POINTS + 2 * REACH + 2),
        np.empty(POINTS + 2 * REACH + 2),
        np.empty((3, POINTS)),
        np.empty(2 * REACH + 6, np.int64),
    )


@register_jitable(**LEAF)
def _fits_grid(f, dt):  # type: ignore[no-untyped-def]
    """Whether a row (h, 19) only charges, at one price a step, within one range and to one taste."""
    for t in range(f.shape[0]):
        if f[t, P_MIN] < 0.0 or f[t, LEAK] <= 0.0 or f[t, K_C] != 0.0 or f[t, PROX] != 0.0:
            return False
        if dt[t] * f[t, K_X] != dt[0] * f[0, K_X]:
            return False
        for c in (X_MIN, X_MAX, X_SET, DEAD):
            if f[t, c] != f[0, c]:
                return False
    return f[0, X_MAX] > f[0, X_MIN]


@register_jitable(**LEAF)
def _after_chance(x, mu, at, k, f, t, taste_k, draws, to):  # type: ignore[no-untyped-def]
    """Write the slope before the draws (S,) of step t to place `to`; return its length."""
    lo, hi = f[t, X_MIN], f[t, X_MAX]
    part_x, part_mu = x[at : at + k], mu[at : at + k]
    mid, dead = f[t, X_SET], f[t, DEAD]
    return mean_after_draws(
        part_x, part_mu, k, lo, hi, taste_k, mid, dead, draws, POINTS, x[to:], mu[to:]
    )


@register_jitable(**LEAF)
def _after_even_chance(x, mu, at, k, f, t, work, to):  # type: ignore[no-untyped-def]
    """Write the same of a row that `walk_grid` has begun."""
    lo, hi = f[0, X_MIN], f[0, X_MAX]
    read, mean = work[5][1], work[5][0]
    step = (hi - lo) / (mean.shape[0] - 1)
    read_even(x[at : at + k], mu[at : at + k], k, lo, step, read)
    mean_on_grid(read, work, t, mean)
    return write_even(mean, lo, hi, x[to:], mu[to:])


@register_jitable(**LEAF)
def _step_slopes(x, mu, at, k, f, t, price, dt, note, lane, draws, grid, is_even):  # type: ignore[no-untyped-def]
    """Write V_t', given V_{t + 1}' at `at`, in the other of two lanes; return its place and length."""
    free = 0 if at >= lane else lane
    taste_k = dt * f[t, K_X]
    if draws.shape[0] > 0:
        to = free + 1
        if is_even:
            k = _after_even_chance(x, mu, at, k, f, t, grid, to)
        else:
            k = _after_chance(x, mu, at, k, f, t, taste_k, draws[:, t], to)
        at, taste_k, free = to, 0.0, lane - free
    at, k = add_comfort(x, mu, at, k, taste_k, f[t, X_SET], f[t, DEAD])
    before = max(t - 1, 0)
    n, _ = convex_pieces(f, t, price, price, dt, note[t, S], note[t, G])
    return bellman_step(x, mu, at, k, f, t, dt, note, n, f[before, X_MIN], f[before, X_MAX], free)


@register_jitable(**JIT)
def _widen(x, mu, at, k, kx, km, need):  # type: ignore[no-untyped-def]
    """Return both lanes and the rows kept with room for `need` points each, and where the k points at `at` now stand."""
    wide_x, wide_mu = np.empty(4 * need), np.empty(4 * need)
    for v in range(k):
        wide_x[1 + v], wide_mu[1 + v] = x[at + v], mu[at + v]
    all_x, all_mu = np.empty((len(kx), 2 * need)), np.empty((len(km), 2 * need))
    for t in range(len(kx)):
        copy_pair(kx, km, t, all_x[t, : kx.shape[1]], all_mu[t, : km.shape[1]])
    return wide_x, wide_mu, 1, all_x, all_mu


@njit(**JIT)
def slope_rows(start, stop, columns, dt, price, row, end_x, end_mu, draws, keep, offset):  # type: ignore[no-untyped-def]
    """Return V_t' of t = 0..keep for rows start..stop, one after another; offset is filled relative to this block."""
    h = dt.shape[0]
    lane = 4 * (GROWTH * (h + 2) + end_x.shape[1] + POINTS)
    x, mu, f = np.empty(2 * lane), np.empty(2 * lane), np.empty((h, len(columns)))
    note, even = np.empty((h, 5, STAGE)), np.empty(POINTS)
    own_x, own_mu = np.empty(end_x.shape[1]), np.empty(end_x.shape[1])
    grid = _grid_scratch(h if draws.shape[1] > 0 else 0)
    kept, kx, km = (
        np.empty(keep + 1, np.int64),
        np.empty((keep + 1, lane)),
        np.empty((keep + 1, lane)),
    )
    out_x, out_mu, total = (
        np.empty(64 * (stop - start) * (keep + 1)),
        np.empty(64 * (stop - start) * (keep + 1)),
        0,
    )
    for i in range(start, stop):
        copy_row(columns, i, f, i == start)
        copy_pair(end_x, end_mu, i, own_x, own_mu)
        at, last, own = (
            np.int64(1),
            h,
            draws[i],
        )  # of a literal, all that takes it is compiled twice
        is_even = own.shape[0] > 0 and keep + 1 < h and _fits_grid(f, dt)
        is_even = is_even and walk_grid(f, dt, price, row[i], own_x, own_mu, own, keep, grid, even)
        lo, hi = f[h - 1, X_MIN], f[h - 1, X_MAX]
        if is_even:
            last = keep + 1
            k = write_even(even, lo, hi, x[1:], mu[1:])
        else:
            k = cut(own_x, own_mu, own_x.shape[0], lo, hi, x[1:], mu[1:])
        for t in range(last, -1, -1):
            if t < last:
                if room_after(f, t, k) > lane:
                    x, mu, at, kx, km = _widen(x, mu, at, k, kx, km, room_after(f, t, k))
                    lane = kx.shape[1]
                at, k = _step_slopes(
                    x, mu, at, k, f, t, price[row[i], t], dt[t], note, lane, own, grid, is_even
                )
            if t <= keep:
                kept[t] = k
                for v in range(k):
                    kx[t, v], km[t, v] = x[at + v], mu[at + v]
        for t in range(keep + 1):
            out_x, out_mu = enlarge(out_x, out_mu, total + kept[t])
            for v in range(kept[t]):
                out_x[total + v], out_mu[total + v] = kx[t, v], km[t, v]
            total += kept[t]
            offset[i * (keep + 1) + t + 1] = total
    return out_x[:total], out_mu[:total]
