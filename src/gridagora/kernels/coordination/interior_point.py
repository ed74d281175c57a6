"""The interior point of the master problem, compiled: all Newton steps of one solution in one call (theory 3.4).

A step eliminates columns, simplexes and supply blocks by hand, so that one dense Cholesky of the size of the horizon is left
whatever the number of groups. Where rows of a network make the supply longer than there are columns, the factor is of the size
of the columns instead (`thin`): a diagonal and a matrix of low rank are inverted by the identity of Woodbury.
"""

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import INLINE, JIT, LEAF
from gridagora.kernels.stores.table import compile_entry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR = 0.995  # share of the way to the boundary
RIDGE = 1e-13  # of the largest diagonal entry, where a Newton matrix is singular
LANES = 8  # sums side by side, in an order that no compiler chooses
PANEL = 4  # columns of a matrix that are factored before the rest hears of them
RIDGES = 6  # times that a ridge grows a hundredfold before the point stays where it is


@njit(**LEAF)
def _longest(x, dx, far):  # type: ignore[no-untyped-def]
    """Return the longest step, at most `far`, that keeps a variable positive."""
    for i in range(x.shape[0]):
        if dx[i] < 0.0:
            far = min(far, -x[i] / dx[i])
    return far


@njit(**LEAF)
def _factor_panel(a, start, end, columns, ridge):  # type: ignore[no-untyped-def]
    """Factor columns start:end of a matrix, in place, and copy them to the rows of `columns`; return whether it is positive."""
    n = a.shape[0]
    for k in range(start, end):
        if not a[k, k] + ridge > 0.0:
            return False
        a[k, k] = np.sqrt(a[k, k] + ridge)
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            columns[k - start, i] = a[i, k]
        for i in range(k + 1, n):
            for j in range(k + 1, min(i + 1, end)):
                a[i, j] -= a[i, k] * columns[k - start, j]
    return True


@njit(**JIT)
def _cholesky(a, ridge):  # type: ignore[no-untyped-def]
    """Factor a matrix in its lower half, in place, with a ridge on the diagonal; return whether it is positive.

    What a panel of four columns takes off the rest is taken off in one pass over it, term by term in the order of the columns.
    """
    n = a.shape[0]
    columns = np.empty((PANEL, n))
    for start in range(0, n, PANEL):
        end = min(n, start + PANEL)
        if not _factor_panel(a, start, end, columns, ridge):
            return False
        for i in range(end, n):
            row, c = a[i, end : i + 1], columns[:, end : i + 1]
            l0, l1, l2, l3 = a[i, start], a[i, start + 1], a[i, start + 2], a[i, start + 3]
            for j in range(row.shape[0]):
                row[j] = (((row[j] - l0 * c[0, j]) - l1 * c[1, j]) - l2 * c[2, j]) - l3 * c[3, j]
    return True


@njit(**LEAF)
def _substitute(a, x):  # type: ignore[no-untyped-def]
    """Solve with the factor, in place."""
    n = x.shape[0]
    for i in range(n):
        for k in range(i):
            x[i] -= a[i, k] * x[k]
        x[i] /= a[i, i]
    for i in range(n - 1, -1, -1):
        x[i] /= a[i, i]
        for k in range(i):
            x[k] -= a[i, k] * x[i]


@njit(**JIT)
def _by_group(values, first):  # type: ignore[no-untyped-def]
    """Return the sums of values (m,) over the columns of every group, (g,)."""
    total = np.zeros(first.shape[0] - 1)
    for g in range(total.shape[0]):
        for i in range(first[g], first[g + 1]):
            total[g] += values[i]
    return total


@njit(**JIT)
def _mean_column(p, weight, total, first):  # type: ignore[no-untyped-def]
    """Return the weighted mean of the columns of every group, (g, h)."""
    mean = np.zeros((total.shape[0], p.shape[1]))
    for g in range(total.shape[0]):
        for i in range(first[g], first[g + 1]):
            mean[g] += weight[i] * p[i]
        mean[g] /= total[g]
    return mean


@njit(**INLINE)
def _dot(x, y):  # type: ignore[no-untyped-def]
    """Return x y, eight sums side by side."""
    n = x.shape[0]
    whole = n - n % LANES
    a = b = c = d = e = f = g = h = 0.0
    for t in range(0, whole, LANES):
        a += x[t] * y[t]
        b += x[t + 1] * y[t + 1]
        c += x[t + 2] * y[t + 2]
        d += x[t + 3] * y[t + 3]
        e += x[t + 4] * y[t + 4]
        f += x[t + 5] * y[t + 5]
        g += x[t + 6] * y[t + 6]
        h += x[t + 7] * y[t + 7]
    one = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for t in range(whole, n):
        one += x[t] * y[t]
    return one


@njit(**JIT)
def _times(p, x):  # type: ignore[no-untyped-def]
    """Return p x, a sum for every row of p. A library's threads would take longer to meet than the sums take."""
    total = np.empty(p.shape[0])
    for i in range(p.shape[0]):
        total[i] = _dot(p[i], x)
    return total


@njit(**JIT)
def _sum_rows(weight, p):  # type: ignore[no-untyped-def]
    """Return the weighted sum of the rows of p."""
    total = np.zeros(p.shape[1])
    for i in range(p.shape[0]):
        row, share = p[i], weight[i]
        for t in range(row.shape[0]):
            total[t] += share * row[t]
    return total


@njit(**JIT)
def _newton_matrix(apart, diagonal):  # type: ignore[no-untyped-def]
    """Return the lower half of apart' apart and a diagonal; zeros above. Four rows at a time go into every sum."""
    m, n = apart.shape
    matrix = np.zeros((n, n))
    whole = m - m % PANEL
    for i in range(0, whole, PANEL):
        for j in range(n):
            row, c = matrix[j, : j + 1], apart[i : i + PANEL, : j + 1]
            l0, l1, l2, l3 = apart[i, j], apart[i + 1, j], apart[i + 2, j], apart[i + 3, j]
            for k in range(j + 1):
                row[k] += l0 * c[0, k] + l1 * c[1, k] + l2 * c[2, k] + l3 * c[3, k]
    for i in range(whole, m):
        for j in range(n):
            row, c, one = matrix[j, : j + 1], apart[i, : j + 1], apart[i, j]
            for k in range(j + 1):
                row[k] += one * c[k]
    for j in range(n):
        matrix[j, j] += diagonal[j]
    return matrix


@njit(**JIT)
def _thin_matrix(apart, diagonal):  # type: ignore[no-untyped-def]
    """Return the lower half of 1 + apart diagonal^-1 apart', of the size of the columns."""
    m = apart.shape[0]
    matrix, even = np.zeros((m, m)), apart / np.sqrt(diagonal)
    for i in range(m):
        for j in range(i + 1):
            matrix[i, j] = _dot(even[i], even[j])
        matrix[i, i] += 1.0
    return matrix


@njit(**JIT)
def _solve_newton(factor, apart, diagonal, thin, x):  # type: ignore[no-untyped-def]
    """Solve (apart' apart + diagonal) x' = x by the factor of either size, in place."""
    if not thin:
        _substitute(factor, x)
        return
    x /= diagonal
    y = _times(apart, x)
    _substitute(factor, y)
    x -= _sum_rows(y, apart) / diagonal


@njit(**JIT)
def _factor(matrix):  # type: ignore[no-untyped-def]
    """Return the factor of a Newton matrix, and whether there is one; a ridge is added where it is singular."""
    most = np.max(np.diag(matrix))
    ridge = 0.0
    for _ in range(RIDGES):
        factor = matrix.copy()
        if _cholesky(factor, ridge):
            return factor, True
        ridge = RIDGE * most if ridge == 0.0 else 100.0 * ridge
    return matrix, False


@njit(**JIT)
def _direction(p, first, of, dt, slope, point, parts, residuals, aims):  # type: ignore[no-untyped-def]
    """Return the solution of one Newton system for the given residuals and aims; that of v is minus that of u."""
    w, z, u, v, a, b = point
    factor, dw, total, mean, du, damp, apart, diagonal, thin = parts
    r_w, r_u, r_y, r_l = residuals
    aim_w, aim_u, aim_v = aims
    g_w = r_w + aim_w / w
    g_u = r_u + aim_u / u - aim_v / v
    drawn = (du * g_u).sum(axis=0)
    # weights: d_w = -dw (g_w + p lam + y), y from each simplex
    push = (_by_group(dw * g_w, first) - r_y) / total
    lam = r_l + _sum_rows(-dw * (g_w - push[of]), p) + drawn / damp
    _solve_newton(factor, apart, diagonal, thin, lam)
    y = -(push + _times(mean, lam))
    d_w = -dw * (g_w + _times(p, lam) + y[of])
    both = (du.sum(axis=0) * lam - drawn) / damp
    d_u = du * (lam - g_u - dt * slope * both)
    return (
        d_w,
        -(aim_w + z * d_w) / w,
        d_u,
        -(aim_u + a * d_u) / u,
        -(aim_v - b * d_u) / v,
        y,
        lam,
    )


@njit(**JIT)
def _reach(point, moved):  # type: ignore[no-untyped-def]
    """Return the longest step that keeps every bounded variable positive."""
    w, z, u, v, a, b = point
    d_w, d_z, d_u, d_a, d_b, _, _ = moved
    far = _longest(z, d_z, _longest(w, d_w, np.inf))
    for k in range(4):
        far = _longest(u[k], d_u[k], _longest(v[k], -d_u[k], far))
        far = _longest(a[k], d_a[k], _longest(b[k], d_b[k], far))
    return far


@njit(**JIT)
def _solve_master(p, f, first, dt, base, q_min, marginal, length, slope, centre, step, rounds, tolerance, thin, w, lam):  # type: ignore[no-untyped-def]  # fmt: skip
    """Write the weights and dt times the price of the solution; return the mean complementarity that is left."""
    m, h = p.shape
    size = first[1:] - first[:-1]
    of = np.repeat(np.arange(size.shape[0]), size)
    w[:], lam[:] = (1.0 / size)[of], dt * centre
    u, v = 0.5 * length, 0.5 * length
    gain = dt * marginal - lam
    a = np.maximum(gain, 0.0) + 0.1 * dt
    b = a - gain
    reduced = f + _times(p, lam)
    y = np.empty(size.shape[0])
    for g in range(size.shape[0]):
        y[g] = -np.min(reduced[first[g] : first[g + 1]])
    z = reduced + y[of]
    z += max(np.mean(z), 1e-4)
    mu = np.inf
    for _ in range(rounds):
        mu = (np.sum(w * z) + np.sum(u * a) + np.sum(v * b)) / (m + 8 * h)
        if mu < tolerance:
            break
        q = q_min + u.sum(axis=0)
        r_w = f + _times(p, lam) - z + y[of]
        r_u = dt * (marginal + slope * q) - lam - a + b
        r_y = _by_group(w, first) - 1.0
        r_l = base + _sum_rows(w, p) - q - step * (lam / dt - centre)
        dw, du = w / z, 1.0 / (a / u + b / v)
        total, sum_u = _by_group(dw, first), du.sum(axis=0)
        mean, damp = _mean_column(p, dw, total, first), 1.0 + dt * slope * sum_u
        apart = np.sqrt(dw).reshape(m, 1) * (p - mean[of])
        diagonal = step / dt + sum_u / damp
        matrix = _thin_matrix(apart, diagonal) if thin else _newton_matrix(apart, diagonal)
        factor, whole = _factor(matrix)
        if not whole:  # nothing is left to move: it stays where it is
            break
        point, parts = (
            (w, z, u, v, a, b),
            (factor, dw, total, mean, du, damp, apart, diagonal, thin),
        )
        residuals, aims = (r_w, r_u, r_y, r_l), (w * z, u * a, v * b)
        moved = _direction(p, first, of, dt, slope, point, parts, residuals, aims)
        far = min(_reach(point, moved), 1.0)
        d_w, d_z, d_u, d_a, d_b, _, _ = moved
        ahead = np.sum((w + far * d_w) * (z + far * d_z))
        ahead += np.sum((u + far * d_u) * (a + far * d_a))
        ahead += np.sum((v - far * d_u) * (b + far * d_b))
        sigma = mu * (ahead / (m + 8 * h) / mu) ** 3
        aims = (w * z + d_w * d_z - sigma, u * a + d_u * d_a - sigma, v * b - d_u * d_b - sigma)
        moved = _direction(p, first, of, dt, slope, point, parts, residuals, aims)
        far = min(NEAR * _reach(point, moved), 1.0)
        d_w, d_z, d_u, d_a, d_b, d_y, d_l = moved
        w += far * d_w
        z += far * d_z
        u += far * d_u
        v -= far * d_u
        a += far * d_a
        b += far * d_b
        y += far * d_y
        lam += far * d_l
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
