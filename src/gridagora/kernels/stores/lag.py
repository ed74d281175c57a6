"""First-order lags of many series."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Col = NDArray[np.float64]


@njit(cache=True)
def filter_lag(x: Col, keep: Col) -> Col:
    """Return y of y[t] = keep y[t - 1] + (1 - keep) x[t] for r series, shape (r, t); y starts at x[0].

    x (r, t) [any unit]; keep (r,) is the share that a step leaves of the state.
    """
    y = np.empty_like(x)
    for row in range(x.shape[0]):
        state = x[row, 0]
        for t in range(x.shape[1]):
            state = keep[row] * state + (1.0 - keep[row]) * x[row, t]
            y[row, t] = state
    return y
