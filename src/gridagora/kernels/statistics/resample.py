"""Statistics of resampled rows: the mean of every column, and the tail of one column or the difference of two tails.

A resample is a row of `index` (b, n): which of n rows it holds, some of them twice. All columns of a sample are resampled by the
same rows, so that what was paired stays paired. B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics
7, 1979, doi 10.1214/aos/1176344552.
"""

import numpy as np
from numba import njit

from gridagora.kernels.stores.polyline import JIT

ROUNDING = 1e-9  # of a row: a level times a count is a whole number but for rounding


@njit("f8[:,:](f8[:,:],i4[:,:])", **JIT)
def resampled_means(values, index):  # type: ignore[no-untyped-def]
    """Return the mean of every column (b, k) of `values` (n, k) over each resample of `index` (b, n) [unit of the values]."""
    draws, n = index.shape
    found = np.zeros((draws, values.shape[1]))
    for b in range(draws):
        for i in range(n):
            found[b] += values[index[b, i]]
        found[b] /= n
    return found


@njit("UniTuple(f8,2)(f8[:],i8[:],i8[:],f8)", **JIT)
def weighted_tail(values, order, count, level):  # type: ignore[no-untyped-def]
    """Return the quantile at `level` and the mean beyond it, of `values` (n,) [unit of the values] that stand `count` (n,) times.

    `order` (n,) lists rows by rising value. The row at the quantile is counted with the part of it that lies in the tail: R. T.
    Rockafellar, S. Uryasev, Journal of Banking and Finance 26, 2002, doi 10.1016/S0378-4266(02)00271-6, proposition 8.
    """
    n = 0
    for i in range(len(count)):
        n += count[i]
    left = n * (1.0 - level)
    whole = np.round(left)
    if np.abs(left - whole) < ROUNDING * n:
        left = whole
    size = left
    total, quantile = 0.0, values[order[0]]
    for k in range(len(order) - 1, -1, -1):
        row = order[k]
        if count[row] == 0:
            continue
        quantile = values[row]
        if count[row] > left:
            total += left * quantile
            break
        total += count[row] * quantile
        left -= count[row]
    return quantile, total / size


@njit("Tuple((f8[:],f8[:]))(f8[:],i8[:],f8[:],i8[:],i4[:,:],f8)", **JIT)
def resampled_tails(first, first_order, second, second_order, index, level):  # type: ignore[no-untyped-def]
    """Return, for each resample, the difference of two tail means and its standard error, (b,) each [unit of the values].

    `first` and `second` (n,) are paired by row, `first_order` and `second_order` (n,) list rows by rising value, `index` is
    (b, n). The error is that of the excess over the quantile, (x - quantile)^+ / (1 - level), whose variance over n is that of
    the tail mean: S. X. Chen, Journal of Financial Econometrics 6, 2008, doi 10.1093/jjfinec/nbm019, theorem 2.
    """
    draws, n = index.shape
    gap, error = np.empty(draws), np.empty(draws)
    count = np.zeros(n, dtype=np.int64)
    for b in range(draws):
        count[:] = 0
        for i in range(n):
            count[index[b, i]] += 1
        first_at, first_mean = weighted_tail(first, first_order, count, level)
        second_at, second_mean = weighted_tail(second, second_order, count, level)
        total, squares = 0.0, 0.0
        for i in range(n):
            if count[i]:
                pull = max(first[i] - first_at, 0.0) - max(second[i] - second_at, 0.0)
                total += count[i] * pull
                squares += count[i] * pull * pull
        spread = max(squares - total * total / n, 0.0) / (n - 1)
        gap[b] = first_mean - second_mean
        error[b] = np.sqrt(spread / n) / (1.0 - level)
    return gap, error
