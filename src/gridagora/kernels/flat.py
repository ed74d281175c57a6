"""One step back in one pass, where the stage is made of flat pieces and comfort has no dead zone: the common store.

`stage.step_back` followed by `polyline.dress` gives the same points and covers every other case.
"""

import numpy as np
from numba import njit

from gridagora.kernels.polyline import LEAF, PENALTY


@njit(**LEAF)
def _copy(x, mu, i, end, m, level, y_end, away, inv, leak, taste_k, x_set):  # type: ignore[no-untyped-def]
    """Copy points i.. that stay at one end of a stage piece, before y_end, to place m; return how many."""
    lo, hi = i, end
    while lo < hi:
        mid = (lo + hi) // 2
        if mu[mid] >= level and x[mid] < y_end:
            lo = mid + 1
        else:
            hi = mid
    for v in range(lo - i):
        nx = (x[i + v] - away) * inv
        x[m + v], mu[m + v] = nx, leak * mu[i + v] + taste_k * (x_set - nx)
    return lo - i


@njit(**LEAF)
def _met(x, mu, o, i, level):  # type: ignore[no-untyped-def]
    """Return where W' passes a level on the edge that ends in point i > o."""
    if i == o or x[i] == x[i - 1]:
        return x[i]
    return x[i] - (x[i] - x[i - 1]) * ((level - mu[i]) / (mu[i - 1] - mu[i]))


@njit(**LEAF)
def flat_step(x, mu, o, k, leak, inflow, s, g, n, lo, hi, taste_k, x_set):  # type: ignore[no-untyped-def]
    """Write W' of the step before behind points o:o+k of W', in the same arrays; return its length.

    Points of W' and of the stage are met in falling order of marginal value. The value itself is thinned (the middle of
    three points on one line is dropped) before the linear comfort slope is added: what was a line stays one.
    """
    inv, end, m = 1.0 / leak, o + k, o + k
    i, j = o, n - 1 if n > 1 else -1
    level, away = (g[j] if j >= 0 else -np.inf), s[n - 1] + inflow
    ppx, ppv, px, pv, run = np.nan, np.nan, -np.inf, leak * mu[o], 0
    while i < end:
        if mu[i] >= level:
            if run == 2 and m >= end + 4:  # only the first two of a run can make a point redundant: copy the rest
                more = _copy(x, mu, i, end, m, level, leak * hi + away, away, inv, leak, taste_k, x_set)
                if more > 1:
                    i, m, run = i + more, m + more, 3
                    ppx, ppv = (x[i - 2] - away) * inv, leak * mu[i - 2]
                    px, pv = (x[i - 1] - away) * inv, leak * mu[i - 1]
                    continue
            nx, nv = (x[i] - away) * inv, leak * mu[i]
            i, run = i + 1, run + 1
        else:
            found, y = i > o, _met(x, mu, o, i, level)
            away = s[j] + inflow
            nx, nv, run = (y - away) * inv, leak * level, 0
            j -= 1
            level = g[j] if j >= 0 else -np.inf
            if not found:  # W' nowhere reaches the level: this part of the stage is never used
                away = s[max(j, 0)] + inflow
                continue
        if nx <= lo:
            px, pv, run = nx, nv, 0
            continue
        if m == end:
            pv = pv + (nv - pv) * ((lo - px) / (nx - px)) if px > -np.inf else nv
            px, taste = lo, taste_k * (x_set - lo)
            x[m], mu[m], x[m + 1], mu[m + 1] = lo, max(PENALTY, pv + taste), lo, pv + taste
            m += 2
        if nx >= hi:
            break
        if (nv == pv and pv == ppv) or (nx == px and px == ppx):
            m -= 1
        else:
            ppx, ppv = px, pv
        x[m], mu[m] = nx, nv + taste_k * (x_set - nx)
        px, pv, m = nx, nv, m + 1
    else:
        nx, nv = np.inf, pv
    return _close(x, mu, end, m, lo, hi, px, pv, nx, nv, taste_k, x_set) - end


@njit(**LEAF)
def _close(x, mu, first, m, lo, hi, px, pv, nx, nv, taste_k, x_set):  # type: ignore[no-untyped-def]
    """End the polyline at `hi`, on the edge from (px, pv) to (nx, nv); return the next free place."""
    if m == first:  # every point lies left of lo: constant beyond the last
        value = pv + taste_k * (x_set - lo)
        x[m], mu[m], x[m + 1], mu[m + 1] = lo, max(PENALTY, value), lo, value
        m += 2
    value = pv if nx == np.inf or hi == lo else pv + (nv - pv) * ((hi - px) / (nx - px))
    value += taste_k * (x_set - hi)
    x[m], mu[m], x[m + 1], mu[m + 1] = hi, value, hi, min(-PENALTY, value)
    return m + 2
