"""The dense algebra of an interior point: products, the two Newton matrices, their factor and its solutions (theory 3.4)."""

import numpy as np
from numba import njit
from numba.extending import register_jitable

from gridagora.kernels.stores.polyline import INLINE, JIT, LEAF

RIDGE = 1e-13  # of the largest diagonal entry, where a Newton matrix is singular
LANES = 8  # sums side by side, in an order that no compiler chooses
PANEL = 4  # columns of a matrix that are factored before the rest hears of them
RIDGES = 6  # times that a ridge grows a hundredfold before the point stays where it is


@register_jitable(**LEAF)
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


@register_jitable(**JIT)
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
def substitute(a, x):  # type: ignore[no-untyped-def]
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


@register_jitable(**INLINE)
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


@register_jitable(**JIT)
def times(p, x):  # type: ignore[no-untyped-def]
    """Return p x, a sum for every row of p. A library's threads would take longer to meet than the sums take."""
    total = np.empty(p.shape[0])
    for i in range(p.shape[0]):
        total[i] = _dot(p[i], x)
    return total


@register_jitable(**JIT)
def sum_rows(weight, p):  # type: ignore[no-untyped-def]
    """Return the weighted sum of the rows of p."""
    total = np.zeros(p.shape[1])
    for i in range(p.shape[0]):
        row, share = p[i], weight[i]
        for t in range(row.shape[0]):
            total[t] += share * row[t]
    return total


@register_jitable(**JIT)
def newton_matrix(apart, diagonal):  # type: ignore[no-untyped-def]
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


@register_jitable(**JIT)
def thin_matrix(apart, diagonal):  # type: ignore[no-untyped-def]
    """Return the lower half of 1 + apart diagonal^-1 apart', of the size of the columns."""
    m, n = apart.shape
    matrix, even = np.zeros((m, m)), np.empty((m, n))
    for i in range(m):
        for t in range(n):
            even[i, t] = apart[i, t] / np.sqrt(diagonal[t])
    for i in range(m):
        for j in range(i + 1):
            matrix[i, j] = _dot(even[i], even[j])
        matrix[i, i] += 1.0
    return matrix


@register_jitable(**JIT)
def solve_newton(factor, apart, diagonal, thin, x):  # type: ignore[no-untyped-def]
    """Solve (apart' apart + diagonal) x' = x by the factor of either size, in place."""
    if not thin:
        substitute(factor, x)
        return
    for t in range(x.shape[0]):
        x[t] /= diagonal[t]
    y = times(apart, x)
    substitute(factor, y)
    back = sum_rows(y, apart)
    for t in range(x.shape[0]):
        x[t] -= back[t] / diagonal[t]


@njit(**JIT)
def factor_newton(matrix):  # type: ignore[no-untyped-def]
    """Return the factor of a Newton matrix, and whether there is one; a ridge is added where it is singular."""
    most, ridge = matrix[0, 0], 0.0
    for i in range(1, matrix.shape[0]):
        most = max(most, matrix[i, i])
    for _ in range(RIDGES):
        factor = matrix.copy()
        if _cholesky(factor, ridge):
            return factor, True
        ridge = RIDGE * most if ridge == 0.0 else 100.0 * ridge
    return matrix, False
