"""The best step of prices in a box under a quadratic model, as Newton's method with bounds asks for (theory 4.8)."""

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import JIT
from gridagora.kernels.stores.table import READ1, compile_entry

Col = NDArray[np.float64]

SWEEPS = 200  # at most
STILL = 1e-6  # of the longest change of a sweep, as part of the largest step


@njit(**JIT)
def _step(gain, curvature, low, high, way):  # type: ignore[no-untyped-def]
    """Write the step (k,) that maximises gain way - way curvature way / 2 within low..high, entry by entry, to `way`."""
    k = gain.shape[0]
    slope = gain.copy()
    way[:] = 0.0
    for _ in range(SWEEPS):
        changed, largest = 0.0, 0.0
        for r in range(k):
            bend = curvature[r, r]
            if bend == 0.0 and slope[r] == 0.0:
                continue
            ahead = slope[r] / bend if bend > 0.0 else np.copysign(np.inf, slope[r])
            new = min(max(way[r] + ahead, low[r]), high[r])
            moved = new - way[r]
            if moved != 0.0:
                way[r] = new
                for s in range(k):
                    slope[s] -= curvature[r, s] * moved
            changed, largest = max(changed, abs(moved)), max(largest, abs(new))
        if changed <= STILL * largest:
            break


def best_step(gain: Col, curvature: Col, low: Col, high: Col) -> Col:
    """Return the step within a box that gains most, (k,): `gain` way - way `curvature` way / 2, one entry after another.

    Parameters
    ----------
    gain, low, high
        Slope of what is maximised, and the ends of the step with `low` <= 0 <= `high`, shape (k,) each [any unit].
    curvature
        Positive semidefinite, shape (k, k) [any unit].

    References
    ----------
    Coordinate ascent: D. P. Bertsekas, Nonlinear Programming, 2nd ed. (1999), section 2.7.
    """
    way = np.empty(len(gain))
    table = types.Array(types.float64, 2, "C")
    entry = compile_entry(_step, READ1, table, READ1, READ1, types.Array(types.float64, 1, "C"))
    entry(gain, np.ascontiguousarray(curvature), low, high, way)
    return way
