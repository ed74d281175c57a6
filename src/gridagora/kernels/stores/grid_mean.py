"""Expected slope of value before draws, on even points of the range of a store: a sum of shifted rows (theory 2.6)."""

import numpy as np
from numba.extending import register_jitable

from gridagora.kernels.stores.polyline import LEAF

POINTS = 41  # of the range of the state
REACH = 512  # points by which a draw may move a store


@register_jitable(**LEAF)
def spread_draws(draws, step, weight, first, taps):  # type: ignore[no-untyped-def]
    """Write the share of the draws (S, h) that move a store by first, first + 1, ... points; whether none goes too far.

    A draw between two points is split among both, which leaves its mean as it is.
    """
    inv, part = 1.0 / step, 1.0 / draws.shape[0]
    for t in range(draws.shape[1]):
        low, high = 0.0, 0.0
        for a in range(draws.shape[0]):
            low, high = min(low, draws[a, t]), max(high, draws[a, t])
        if max(-low, high) * inv > REACH - 1:
            return False
        first[t] = int(np.floor(low * inv))
        taps[t] = int(np.floor(high * inv)) + 2 - first[t]
        weight[t, : taps[t]] = 0.0
    for a in range(draws.shape[0]):
        for t in range(draws.shape[1]):
            away = draws[a, t] * inv - first[t]
            i = int(away)
            weight[t, i] += part * (1.0 - (away - i))
            weight[t, i + 1] += part * (away - i)
    return True


@register_jitable(**LEAF)
def _add_moved(wide, weight, tap, b, points, out):  # type: ignore[no-untyped-def]
    """Add rows tap[b] to tap[b + 3] of a wide row by their weights; a place that is named twice counts once."""
    i, j, k, m = tap[b], tap[b + 1], tap[b + 2], tap[b + 3]
    wi, wj = weight[i], weight[j] if j > i else 0.0
    wk, wm = weight[k] if k > i else 0.0, weight[m] if m > i else 0.0
    p, q, r, s = (
        wide[i : i + points],
        wide[j : j + points],
        wide[k : k + points],
        wide[m : m + points],
    )
    for v in range(points):
        out[v] += (wi * p[v] + wj * q[v]) + (wk * r[v] + wm * s[v])


@register_jitable(**LEAF)
def mean_on_grid(mu, work, t, out):  # type: ignore[no-untyped-def]
    """Write the expected slope before the draws of step t, comfort counted after them.

    Beyond both ends the slope of value stays and the comfort slope goes on.
    """
    weight, felt, wide, tap = work[0][t], work[3], work[4], work[6]
    first, taps, points = work[1][t], work[2][t], mu.shape[0]
    own = felt[REACH + first : REACH + first + points + taps]
    for v in range(-first):
        wide[v] = own[v] + mu[0]
    inner, inner_own = wide[-first : points - first], own[-first : points - first]
    for v in range(points):
        inner[v] = inner_own[v] + mu[v]
    for v in range(points - first, points + taps - 1):
        wide[v] = own[v] + mu[points - 1]
    used = 0
    for i in range(taps):
        if weight[i] != 0.0:
            tap[used], used = i, used + 1
    while used % 4 > 0:
        tap[used], used = tap[0], used + 1
    for v in range(points):
        out[v] = 0.0
    for b in range(0, used, 4):
        _add_moved(wide, weight, tap, b, points, out)
