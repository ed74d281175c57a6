"""Cuts of a convex cost: straight lines below it, and their upper envelope as the end value of a store (theory 2.10)."""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import READ1, READ2, compile_entry

Floats = NDArray[np.float64]


class Envelope(NamedTuple):
    """Upper envelope of cuts on [lo, hi]: its marginal worth as end_x, end_mu (n, 2K), its cost at end_x[:, 0] (n,) [$]."""

    end_x: Floats
    end_mu: Floats
    cost_usd: Floats


@register_jitable(**LEAF)
def _leader(slope, intercept, at):  # type: ignore[no-untyped-def]
    """Return the highest cut just right of `at`: of equal ones the steepest."""
    best = 0
    for k in range(1, slope.shape[0]):
        ahead = (intercept[k] - intercept[best]) + (slope[k] - slope[best]) * at
        if ahead > 0.0 or (ahead == 0.0 and slope[k] > slope[best]):
            best = k
    return best


@register_jitable(**LEAF)
def _next(slope, intercept, now, hi):  # type: ignore[no-untyped-def]
    """Return where a steeper cut overtakes, at most hi, and which; the cut itself where none does."""
    x, found = hi, now
    for k in range(slope.shape[0]):
        if slope[k] > slope[now]:
            cross = (intercept[now] - intercept[k]) / (slope[k] - slope[now])
            if cross < x or (cross == x and found != now and slope[k] > slope[found]):
                x, found = cross, k
    return x, found


@njit(**JIT)
def _envelope(slope, intercept, lo, hi, end_x, end_mu, cost):  # type: ignore[no-untyped-def]
    n, cuts = slope.shape
    for i in range(n):
        k = _leader(slope[i], intercept[i], lo[i])
        cost[i] = intercept[i, k] + slope[i, k] * lo[i]
        x, m = lo[i], 0
        for _ in range(cuts):
            end_x[i, m], end_mu[i, m] = x, -slope[i, k]
            x, after = _next(slope[i], intercept[i], k, hi[i])
            x = max(x, end_x[i, m])
            end_x[i, m + 1], end_mu[i, m + 1] = x, -slope[i, k]
            m += 2
            if after == k:
                break
            k = after
        for j in range(m, 2 * cuts):
            end_x[i, j], end_mu[i, j] = end_x[i, m - 1], end_mu[i, m - 1]


def envelope(slope: Floats, intercept: Floats, lo: Floats, hi: Floats) -> Envelope:
    """Return the largest of K cuts intercept + slope x of every row, (n, K) each, on [lo, hi] (n,), by its slopes.

    The worth of a unit in store is minus the slope of the cost, so the steps fall; a row with fewer than K pieces repeats its
    last point. All of it is exact.
    """
    n, cuts = slope.shape
    end_x, end_mu, cost = np.empty((n, 2 * cuts)), np.empty((n, 2 * cuts)), np.empty(n)
    write = types.Array(types.float64, 2, "C")
    entry = compile_entry(
        _envelope, READ2, READ2, READ1, READ1, write, write, types.Array(types.float64, 1, "C")
    )
    entry(slope, intercept, lo, hi, end_x, end_mu, cost)
    return Envelope(end_x, end_mu, cost)
