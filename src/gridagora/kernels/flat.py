"""One step back in one pass, where the stage is made of flat pieces and comfort has no dead zone: the common store.

`stage.step_back` followed by `polyline.dress` gives the same points and covers every other case.
"""

import numpy as np
from numba import njit

from gridagora.kernels.polyline import JIT, PENALTY


@njit(**JIT)
def flat_step(x, mu, o, k, leak, inflow, s, g, n, lo, hi, taste_k, x_set):  # type: ignore[no-untyped-def]
    """Write W' of the step before behind points o:o+k of W', in the same arrays; return its length.

    Points of W' and of the stage are met in falling order of marginal value. The value itself is thinned (the middle of
    three points on one line is dropped) before the linear comfort slope is added: what was a line stays one.
    """
    inv, end, m = 1.0 / leak, o + k, o + k
    i, j = o, n - 1 if n > 1 else -1
    level, away = (g[j] if j >= 0 else -np.inf), s[n - 1] + inflow
    ppx, ppv, px, pv = np.nan, np.nan, -np.inf, leak * mu[o]
    while i < end:
        if mu[i] >= level:
            nx, nv = (x[i] - away) * inv, leak * mu[i]
            i += 1
        else:
            found, y = i > o, x[i]
            if found and x[i] > x[i - 1]:
                y -= (x[i] - x[i - 1]) * ((level - mu[i]) / (mu[i - 1] - mu[i]))
            away = s[j] + inflow
            nx, nv = (y - away) * inv, leak * level
            j -= 1
            level = g[j] if j >= 0 else -np.inf
            if not found:  # W' nowhere reaches the level: this part of the stage is never used
                away = s[max(j, 0)] + inflow
                continue
        if nx <= lo:
            px, pv = nx, nv
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


@njit(**JIT)
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
