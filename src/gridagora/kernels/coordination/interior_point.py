"""The interior point of the master problem, compiled: all Newton steps of one solution in one call (theory 3.4).

A step eliminates columns, simplexes and supply blocks by hand, so that one dense Cholesky of the size of the horizon is left
whatever the number of groups. Where rows of a network make the supply longer than there are columns, the factor is of the size
of the columns instead (`thin`): a diagonal and a matrix of low rank are inverted by the identity of Woodbury.
"""

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.coordination.newton_system import (
    factor_newton,
    newton_matrix,
    solve_newton,
    sum_rows,
    thin_matrix,
    times,
)
from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import compile_entry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR = 0.995  # share of the way to the boundary


@register_jitable(**LEAF)
def _longest(x, dx, far):  # type: ignore[no-untyped-def]
    """Return the longest step, at most `far`, that keeps a variable positive."""
    for i in range(x.shape[0]):
        if dx[i] < 0.0:
            far = min(far, -x[i] / dx[i])
    return far


@register_jitable(**JIT)
def _by_group(values, first):  # type: ignore[no-untyped-def]
    """Return the sums of values (m,) over the columns of every group, (g,)."""
    total = np.zeros(first.shape[0] - 1)
    for g in range(total.shape[0]):
        for i in range(first[g], first[g + 1]):
            total[g] += values[i]
    return total


@register_jitable(**JIT)
def _mean_column(p, weight, total, first):  # type: ignore[no-untyped-def]
    """Return the weighted mean of the columns of every group, (g, h)."""
    mean = np.zeros((total.shape[0], p.shape[1]))
    for g in range(total.shape[0]):
        own = mean[g]
        for i in range(first[g], first[g + 1]):
            row, share = p[i], weight[i]
            for t in range(row.shape[0]):
                own[t] += share * row[t]
        for t in range(own.shape[0]):
            own[t] /= total[g]
    return mean


@register_jitable(**LEAF)
def _products(x, y):  # type: ignore[no-untyped-def]
    """Return the sum of products, one after another."""
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * y[i]
    return total


@register_jitable(**LEAF)
def _products_ahead(x, dx, far_x, y, dy, far_y):  # type: ignore[no-untyped-def]
    """Return the sum of products after a step."""
    total = 0.0
    for i in range(x.shape[0]):
        total += (x[i] + far_x * dx[i]) * (y[i] + far_y * dy[i])
    return total


@register_jitable(**LEAF)
def _aim(x, y, dx, dy, sense, sigma, out):  # type: ignore[no-untyped-def]
    """Write what is too much of every product x y where a step has moved x by dx in its sense, and y by dy."""
    for i in range(out.shape[0]):
        out[i] = x[i] * y[i] + sense * dx[i] * dy[i] - sigma


@register_jitable(**LEAF)
def _follow(x, y, dx, sense, aim, out):  # type: ignore[no-untyped-def]
    """Write how the multiplier y of x moves with it."""
    for i in range(out.shape[0]):
        out[i] = -(aim[i] + sense * y[i] * dx[i]) / x[i]


@register_jitable(**LEAF)
def _move(x, dx, far):  # type: ignore[no-untyped-def]
    """Take a step."""
    for i in range(x.shape[0]):
        x[i] += far * dx[i]


@register_jitable(**LEAF)
def _sum_blocks(x, out):  # type: ignore[no-untyped-def]
    """Write the sums over the blocks of the supply, (4 h,) to (h,)."""
    h = out.shape[0]
    for t in range(h):
        out[t] = x[t]
    for start in range(h, x.shape[0], h):
        for t in range(h):
            out[t] += x[start + t]


@register_jitable(**JIT)
def _direct(p, first, of, dt, slope, point, parts, residuals, aims, moved):  # type: ignore[no-untyped-def]
    """Write the solution of one Newton system for the given residuals and aims; v moves against u."""
    w, z, u, v, a, b = point
    factor, dw, total, mean, du, sum_u, damp, apart, diagonal, thin = parts
    r_w, r_u, r_y, r_l = residuals
    aim_w, aim_u, aim_v = aims
    d_w, d_z, d_u, d_a, d_b, y, lam = moved
    m, h = p.shape
    g_w, g_u, drawn, part = np.empty(m), np.empty(4 * h), np.empty(h), np.empty(m)
    for i in range(4 * h):
        g_u[i] = r_u[i] + aim_u[i] / u[i] - aim_v[i] / v[i]
        d_u[i] = du[i] * g_u[i]
    _sum_blocks(d_u, drawn)
    # weights: d_w = -dw (g_w + p lam + y), y from each simplex
    for i in range(m):
        g_w[i] = r_w[i] + aim_w[i] / w[i]
        part[i] = dw[i] * g_w[i]
    push = _by_group(part, first)
    for g in range(push.shape[0]):
        push[g] = (push[g] - r_y[g]) / total[g]
    for i in range(m):
        part[i] = -dw[i] * (g_w[i] - push[of[i]])
    given = sum_rows(part, p)
    for t in range(h):
        lam[t] = r_l[t] + given[t] + drawn[t] / damp[t]
    solve_newton(factor, apart, diagonal, thin, lam)
    given, taken = times(mean, lam), times(p, lam)
    for g in range(push.shape[0]):
        y[g] = -(push[g] + given[g])
    for i in range(m):
        d_w[i] = -dw[i] * (g_w[i] + taken[i] + y[of[i]])
    for t in range(h):
        both = (sum_u[t] * lam[t] - drawn[t]) / damp[t]
        for i in range(t, 4 * h, h):
            d_u[i] = du[i] * (lam[t] - g_u[i] - dt[t] * slope[t] * both)
    _follow(w, z, d_w, 1.0, aim_w, d_z)
    _follow(u, a, d_u, 1.0, aim_u, d_a)
    _follow(v, b, d_u, -1.0, aim_v, d_b)


@register_jitable(**JIT)
def _reach(point, moved):  # type: ignore[no-untyped-def]
    """Return the longest step that keeps every bounded variable positive."""
    w, z, u, v, a, b = point
    d_w, d_z, d_u, d_a, d_b, _, _ = moved
    far = _longest(z, d_z, _longest(w, d_w, np.inf))
    far = _longest(u, d_u, far)
    for i in range(v.shape[0]):
        if d_u[i] > 0.0:
            far = min(far, v[i] / d_u[i])
    return _longest(b, d_b, _longest(a, d_a, far))


@register_jitable(**JIT)
def _begin(p, f, first, dt, marginal, length, centre, w, lam):  # type: ignore[no-untyped-def]
    """Write the first weights and prices; return the group of every column, and the other variables."""
    m, h = p.shape
    of, y = np.empty(m, np.int64), np.empty(first.shape[0] - 1)
    z, u, v, a, b = np.empty(m), np.empty(4 * h), np.empty(4 * h), np.empty(4 * h), np.empty(4 * h)
    for g in range(y.shape[0]):
        for i in range(first[g], first[g + 1]):
            of[i], w[i] = g, 1.0 / (first[g + 1] - first[g])
    for t in range(h):
        lam[t] = dt[t] * centre[t]
        for k in range(4):
            gain, i = dt[t] * marginal[k, t] - lam[t], k * h + t
            u[i] = v[i] = 0.5 * length[k, t]
            a[i] = max(gain, 0.0) + 0.1 * dt[t]
            b[i] = a[i] - gain
    reduced, total = times(p, lam), 0.0
    for g in range(y.shape[0]):
        least = np.inf
        for i in range(first[g], first[g + 1]):
            reduced[i] = f[i] + reduced[i]
            least = min(least, reduced[i])
        y[g] = -least
        for i in range(first[g], first[g + 1]):
            z[i] = reduced[i] + y[g]
            total += z[i]
    rise = max(total / m, 1e-4)
    for i in range(m):
        z[i] += rise
    return of, y, z, u, v, a, b


@register_jitable(**JIT)
def _newton_parts(p, first, of, dt, slope, step, point, sum_u, thin):  # type: ignore[no-untyped-def]
    """Return what the Newton systems of a point have in common, and whether its matrix could be factored."""
    w, z, u, v, a, b = point
    m, h = p.shape
    dw, du, apart = np.empty(m), np.empty(4 * h), np.empty((m, h))
    damp, diagonal = np.empty(h), np.empty(h)
    for i in range(m):
        dw[i] = w[i] / z[i]
    for i in range(4 * h):
        du[i] = 1.0 / (a[i] / u[i] + b[i] / v[i])
    _sum_blocks(du, sum_u)
    total = _by_group(dw, first)
    mean = _mean_column(p, dw, total, first)
    for t in range(h):
        damp[t] = 1.0 + dt[t] * slope[t] * sum_u[t]
        diagonal[t] = step / dt[t] + sum_u[t] / damp[t]
    for i in range(m):
        row, off, side, root = p[i], mean[of[i]], apart[i], np.sqrt(dw[i])
        for t in range(h):
            side[t] = root * (row[t] - off[t])
    matrix = thin_matrix(apart, diagonal) if thin else newton_matrix(apart, diagonal)
    factor, whole = factor_newton(matrix)
    return (factor, dw, total, mean, du, sum_u, damp, apart, diagonal, thin), whole


@register_jitable(**JIT)
def _residuals(p, f, first, of, dt, supply, centre, step, point, y, lam, sum_u):  # type: ignore[no-untyped-def]
    """Return what is left of the conditions of first order: of weights, supply, simplexes and balance."""
    w, z, u, _, a, b = point
    base, q_min, marginal, slope = supply
    h = p.shape[1]
    r_w, r_u, r_y, r_l = times(p, lam), np.empty(4 * h), _by_group(w, first), sum_rows(w, p)
    for i in range(r_w.shape[0]):
        r_w[i] = f[i] + r_w[i] - z[i] + y[of[i]]
    for g in range(r_y.shape[0]):
        r_y[g] -= 1.0
    _sum_blocks(u, sum_u)
    for t in range(h):
        q = q_min[t] + sum_u[t]
        r_l[t] = base[t] + r_l[t] - q - step * (lam[t] / dt[t] - centre[t])
        for k in range(4):
            i = k * h + t
            r_u[i] = dt[t] * (marginal[k, t] + slope[t] * q) - lam[t] - a[i] + b[i]
    return r_w, r_u, r_y, r_l


@njit(**JIT)
def _solve_master(columns, f, first, dt, base, q_min, marginal, length, slope, centre, step, rounds, tolerance, thin, w, lam):  # type: ignore[no-untyped-def]  # fmt: skip
    """Write the weights and dt times the price of the solution; return the mean complementarity that is left.

    The four blocks of the supply stand one behind the other in rows of 4 h. Loops over numbers take a small part of the time
    that expressions over arrays take to compile.
    """
    p = columns.copy()
    m, h = p.shape
    of, y, z, u, v, a, b = _begin(p, f, first, dt, marginal, length, centre, w, lam)
    point, supply, sum_u = (w, z, u, v, a, b), (base, q_min, marginal, slope), np.empty(h)
    d_w, d_z, d_y, d_l = np.empty(m), np.empty(m), np.empty(y.shape[0]), np.empty(h)
    d_u, d_a, d_b = np.empty(4 * h), np.empty(4 * h), np.empty(4 * h)
    aims, moved = (
        (np.empty(m), np.empty(4 * h), np.empty(4 * h)),
        (d_w, d_z, d_u, d_a, d_b, d_y, d_l),
    )
    mu = np.inf
    for _ in range(rounds):
        mu = (_products(w, z) + _products(u, a) + _products(v, b)) / (m + 8 * h)
        if mu < tolerance:
            break
        residuals = _residuals(p, f, first, of, dt, supply, centre, step, point, y, lam, sum_u)
        parts, whole = _newton_parts(p, first, of, dt, slope, step, point, sum_u, thin)
        if not whole:  # nothing is left to move: it stays where it is
            break
        sigma = 0.0
        d_w[:], d_z[:], d_u[:], d_a[:], d_b[:] = 0.0, 0.0, 0.0, 0.0, 0.0
        for turn in range(2):  # first all the way, then as far as that showed to be well
            _aim(w, z, d_w, d_z, 1.0, sigma, aims[0])
            _aim(u, a, d_u, d_a, 1.0, sigma, aims[1])
            _aim(v, b, d_u, d_b, -1.0, sigma, aims[2])
            _direct(p, first, of, dt, slope, point, parts, residuals, aims, moved)
            far = min((NEAR if turn > 0 else 1.0) * _reach(point, moved), 1.0)
            if turn == 0:
                ahead = _products_ahead(w, d_w, far, z, d_z, far)
                ahead += _products_ahead(u, d_u, far, a, d_a, far)
                ahead += _products_ahead(v, d_u, -far, b, d_b, far)
                sigma = mu * (ahead / (m + 8 * h) / mu) ** 3
        _move(w, d_w, far)
        _move(z, d_z, far)
        _move(u, d_u, far)
        _move(v, d_u, -far)
        _move(a, d_a, far)
        _move(b, d_b, far)
        _move(y, d_y, far)
        _move(lam, d_l, far)
    return mu


_READ1 = types.Array(types.float64, 1, "C", readonly=True)
_READ2 = types.Array(types.float64, 2, "C", readonly=True)
_INDEX = types.Array(types.int64, 1, "C", readonly=True)
_WRITE = types.Array(types.float64, 1, "C")


def solve_master(
    columns_kw: Floats,
    cost_usd: Floats,
    first: Ints,
    supply: tuple[Floats, ...],
    centre: Floats,
    step: float,
    rounds: int,
    tolerance: float,
    *,
    thin: bool = False,
) -> tuple[Floats, Floats, float]:
    """Return the weight of every column (m,), dt times the price (h,) [$/kW], and the complementarity left [$ a home].

    Parameters
    ----------
    columns_kw, cost_usd
        Columns (m, h) [kW] of an average home, those of a group side by side, and what each costs (m,) [$].
    first
        First column of every group, and after the last, shape (g + 1,).
    supply
        Length of a step [h], base load, least supply [kW], (h,) each; marginal price [$/kWh] and length [kW] of its four blocks,
        (4, h) each; slope of the price (h,) [$/kWh per kW].
    centre, step
        Price that the proximal term holds to, shape (h,) [$/kWh], and imbalance that it forgives [kW per $/kWh].
    rounds, tolerance
        Newton steps at most, and the mean complementarity at which they end earlier.
    thin
        Whether steps are solved in the space of the columns, which need a `step` above zero then.

    References
    ----------
    S. Mehrotra, On the implementation of a primal-dual interior point method, SIAM J. Optim. 2 (1992), doi 10.1137/0802028.
    """
    weight, lam = np.empty(len(cost_usd)), np.empty(len(centre))
    reads = (_READ2, _READ1, _INDEX, _READ1, _READ1, _READ1, _READ2, _READ2, _READ1, _READ1)
    numbers = (types.float64, types.int64, types.float64, types.boolean)
    entry = compile_entry(_solve_master, *reads, *numbers, _WRITE, _WRITE)
    columns = [np.ascontiguousarray(each, np.float64) for each in (columns_kw, cost_usd)]
    terms = [np.ascontiguousarray(each, np.float64) for each in (*supply, centre)]
    index = np.ascontiguousarray(first, np.int64)
    left = entry(*columns, index, *terms, step, rounds, tolerance, thin, weight, lam)
    return weight, lam, float(left)
