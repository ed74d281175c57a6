"""Cost of one step of a store as a function of s, the change of state that its power causes.

gamma(s, x) = G(s) + cross x is the marginal cost per unit of s: a polyline (S, G), both rising, at most three pieces
(power below and above zero, net load below and above zero), plus a term in the state x at the start of the step where
comfort feels the power at once. Where gamma falls at p = 0 (a negative price) the convex hull takes its place.
"""

import numpy as np
from numba import njit

from gridagora.kernels.polyline import LEAF, after, append, area, left_value, right_value

# columns of the table of a row, in the order of `stores.FIELDS`
LEAK, INFLOW, P_MIN, P_MAX, X_MIN, X_MAX, GAIN_IN, GAIN_OUT, WEAR = range(9)
K_X, X_SET, DEAD, K_C, C_X, C_P, C_0, LOAD, PROX, P_REF = range(9, 19)


@njit(**LEAF)
def gather(columns, i, f):  # type: ignore[no-untyped-def]
    """Copy row i of all columns (n, h) to the table f (h, 19): one array is cheap to hand on, nineteen are not."""
    for c in range(len(columns)):
        column = columns[c]
        for t in range(f.shape[0]):
            f[t, c] = column[i, t]


@njit(**LEAF)
def shift(p, gain_in, gain_out, dt):  # type: ignore[no-untyped-def]
    """Return the change of state s that power p causes."""
    return p * gain_in * dt if p >= 0.0 else p * dt / gain_out


@njit(**LEAF)
def power(s, gain_in, gain_out, dt):  # type: ignore[no-untyped-def]
    """Return the power behind a change of state s."""
    return s / (gain_in * dt) if s >= 0.0 else s * gain_out / dt


@njit(**LEAF)
def pieces(f, t, buy, sell, dt, s, g):  # type: ignore[no-untyped-def]
    """Write the marginal cost (s, g) of step t; return its length and the index of the first point with p >= 0."""
    lo, hi, load = f[t, P_MIN], f[t, P_MAX], f[t, LOAD]
    gain_in, gain_out, wear, prox, p_ref = f[t, GAIN_IN], f[t, GAIN_OUT], f[t, WEAR], f[t, PROX], f[t, P_REF]
    felt = f[t, K_C] * f[t, C_P]
    steep, level = prox + felt * f[t, C_P], felt * f[t, C_0] - prox * p_ref
    n, zero, p = 0, -1, lo
    for stop in (min(0.0, -load), max(0.0, -load), hi):
        end = min(max(stop, lo), hi)
        if end <= p:
            continue
        price = buy if 0.5 * (p + end) + load >= 0.0 else sell
        if p >= 0.0:
            if zero < 0:
                zero = n
            base, per_s, scale = price + wear + level, 1.0 / gain_in, gain_in * dt
        else:
            base, per_s, scale = price - wear + level, gain_out, dt / gain_out
        s[n], g[n] = p * scale, (base + steep * p) * per_s
        s[n + 1], g[n + 1] = end * scale, (base + steep * end) * per_s
        n, p = n + 2, end
    if n == 0:
        s[0], g[0], n = shift(lo, gain_in, gain_out, dt), 0.0, 1
    return n, zero


@njit(**LEAF)
def cross_terms(f, t, dt):  # type: ignore[no-untyped-def]
    """Return (cross, own, level): comfort adds cross x to gamma and own x + cross s + level to the slope in x."""
    if f[t, K_C] == 0.0:
        return 0.0, 0.0, 0.0
    kc = dt * f[t, K_C] * f[t, C_X]
    return kc * f[t, C_P] / (f[t, GAIN_IN] * dt), kc * f[t, C_X], kc * f[t, C_0]


@njit(**LEAF)
def hull(s, g, n, zero):  # type: ignore[no-untyped-def]
    """Replace a marginal cost that falls at point `zero` by that of the convex hull; return the length.

    The common tangent has the slope at which the area between contact points is zero; Newton's steps find it.
    """
    level = 0.5 * (g[zero - 1] + g[zero])
    left, right, i, j = s[zero], s[zero], zero - 1, zero
    for _ in range(200):
        i, j, total = zero - 1, zero, 0.0
        left, right = s[i], s[j]
        while i > 0 and g[i - 1] >= level:
            total += 0.5 * (g[i] + g[i - 1]) * (s[i] - s[i - 1])
            i -= 1
            left = s[i]
        if i > 0 and g[i] > level:
            left = s[i] - (g[i] - level) / (g[i] - g[i - 1]) * (s[i] - s[i - 1])
            total += 0.5 * (g[i] + level) * (s[i] - left)
        while j < n - 1 and g[j + 1] <= level:
            total += 0.5 * (g[j] + g[j + 1]) * (s[j + 1] - s[j])
            j += 1
            right = s[j]
        if j < n - 1 and g[j] < level:
            right = s[j] + (level - g[j]) / (g[j + 1] - g[j]) * (s[j + 1] - s[j])
            total += 0.5 * (g[j] + level) * (right - s[j])
        new = total / (right - left)
        if abs(new - level) <= 1e-15 * (1.0 + abs(level)):
            break
        level = new
    tail = n - 1 - j
    for q in range(tail):  # i + 2 <= j + 1: the copy never overtakes its source
        s[i + 2 + q], g[i + 2 + q] = s[j + 1 + q], g[j + 1 + q]
    s[i], g[i], s[i + 1], g[i + 1] = left, level, right, level
    return i + 2 + tail


@njit(**LEAF)
def convex_pieces(f, t, buy, sell, dt, s, g):  # type: ignore[no-untyped-def]
    """Write the marginal cost, hulled where needed; return its length and whether it was hulled."""
    n, zero = pieces(f, t, buy, sell, dt, s, g)
    if zero > 0 and g[zero - 1] > g[zero]:
        return hull(s, g, n, zero), True
    return n, False


@njit(**LEAF)
def paid(f, t, x, p, buy, sell, dt):  # type: ignore[no-untyped-def]
    """Return the cost of power p in state x: meter, wear, proximal term and comfort felt at once."""
    net = f[t, LOAD] + p
    felt = f[t, C_X] * x + f[t, C_P] * p + f[t, C_0]
    meter = (buy if net >= 0.0 else sell) * net + f[t, WEAR] * abs(p)
    return dt * (meter + 0.5 * f[t, PROX] * (p - f[t, P_REF]) ** 2 + 0.5 * f[t, K_C] * felt * felt)


@njit(**LEAF)
def emit(x, mu, n, x_new, mu_new, end_mu, lo):  # type: ignore[no-untyped-def]
    """Append a point of V'; the first one right of `lo` is preceded by the value at `lo`."""
    if n == 0 and x_new > lo:
        n = append(x, mu, n, lo, end_mu)
    return append(x, mu, n, x_new, mu_new)


@njit(**LEAF)
def _passed(x, mu, k, q, i, bend):  # type: ignore[no-untyped-def]
    """Return how many points have W'(x) - q x >= bend, looked for from point i."""
    while i < k and mu[i] - q * x[i] >= bend:
        i += 1
    while i > 0 and mu[i - 1] - q * x[i - 1] < bend:
        i -= 1
    return i


@njit(**LEAF)
def _met(x, mu, k, q, i, bend):  # type: ignore[no-untyped-def]
    """Return the y with W'(y) - q y = bend on the edge that ends in point i, constant W' beyond both ends."""
    if i == 0 or i == k:
        return (mu[min(i, k - 1)] - bend) / q
    low, high = mu[i] - q * x[i], mu[i - 1] - q * x[i - 1]
    return x[i] - (x[i] - x[i - 1]) * ((bend - low) / (high - low)) if high > low else x[i]


@njit(**LEAF)
def step_back(x, mu, k, leak, inflow, s, g, n, cross, own, level, lo, hi, zx, zm):  # type: ignore[no-untyped-def]
    """Write V' = d/dx max_s {W(leak x + inflow + s) - C(s, x)} for x in [lo, hi] to (zx, zm); return its length.

    As x rises the best s falls along (s, g), from its greatest value to its least. Point j of the stage is left where
    W'(y) - q y = bend_j with q = cross / leak; between two of them the points of W' are passed upwards, or downwards
    where the feed-through is so strong that y falls as x rises.
    """
    q, inv = cross / leak, 1.0 / leak
    c, i, s_now = 0, 0, s[n - 1]
    bend_before = np.inf
    for j in range(n - 1, -2, -1):
        bend = g[j] - q * (s[j] + inflow) if j >= 0 and n > 1 else -np.inf
        stop = _passed(x, mu, k, q, i, bend)
        ratio = 0.0
        if 0 <= j < n - 1 and bend != bend_before:
            ratio = (s[j + 1] - s[j]) / (bend_before - bend)
        way = 1 if stop >= i else -1
        first, last = (i, stop) if way > 0 else (i - 1, stop - 1)
        s_now = s[min(j + 1, n - 1)]
        for v in range(first, last, way):
            if ratio != 0.0:
                s_now = s[j] + ratio * (mu[v] - q * x[v] - bend)
            at = (x[v] - s_now - inflow) * inv
            end = leak * mu[0] - own * lo - cross * s_now - level
            c = emit(zx, zm, c, at, leak * mu[v] - own * at - cross * s_now - level, end, lo)
        i = stop
        if j < 0 or n == 1:
            break
        bend_before = bend
        if q == 0.0 and (stop == 0 or stop == k):  # W' nowhere reaches the bend: this part is never used
            continue
        y = _met(x, mu, k, q, stop, bend)
        s_now = s[j]
        at = (y - s_now - inflow) * inv
        end = leak * mu[0] - own * lo - cross * s_now - level
        c = emit(zx, zm, c, at, leak * (g[j] + cross * at) - own * at - cross * s_now - level, end, lo)
    if c == 0 or zx[c - 1] < hi:
        c = append(zx, zm, c, hi, leak * mu[k - 1] - own * hi - cross * s_now - level)
    return c


@njit(**LEAF)
def best(x, mu, k, z, s, g, n, extra):  # type: ignore[no-untyped-def]
    """Return the s that maximises W(z + s) - C(s); gamma is g + extra."""
    if n == 1 or right_value(x, mu, k, z + s[0]) <= g[0] + extra:
        return s[0]
    lo, hi = 1, n
    while lo < hi:
        mid = (lo + hi) // 2
        if right_value(x, mu, k, z + s[mid]) > g[mid] + extra:
            lo = mid + 1
        else:
            hi = mid
    if lo == n:
        return s[n - 1]
    if s[lo] == s[lo - 1] or left_value(x, mu, k, z + s[lo]) >= g[lo] + extra:
        return s[lo]
    return _root(x, mu, k, z, s[lo - 1], s[lo], g[lo - 1] + extra, g[lo] + extra)


@njit(**LEAF)
def _root(x, mu, k, z, s0, s1, g0, g1):  # type: ignore[no-untyped-def]
    """Return the s inside one sloped or flat piece where W'(z + s) meets its marginal cost."""
    rise = (g1 - g0) / (s1 - s0)
    lo, hi = after(x, 0, k, z + s0), k
    while lo < hi:
        mid = (lo + hi) // 2
        if mu[mid] > g0 + rise * (x[mid] - z - s0):
            lo = mid + 1
        else:
            hi = mid
    if lo == 0 or lo == k:
        if rise == 0.0:
            return s0 if lo == 0 else s1
        return min(max(s0 + (mu[min(lo, k - 1)] - g0) / rise, s0), s1)
    y = x[lo]
    if x[lo] > x[lo - 1]:
        over = mu[lo - 1] - (g0 + rise * (x[lo - 1] - z - s0))
        under = g0 + rise * (x[lo] - z - s0) - mu[lo]
        y = x[lo - 1] + (x[lo] - x[lo - 1]) * (over / (over + under)) if over + under > 0.0 else x[lo]
        y = min(max(y, x[lo - 1]), x[lo])
    return min(max(y - z, s0), s1)


@njit(**LEAF)
def exclusive(x, mu, k, z, s, g, n, zero, state, f, t, buy, sell, dt, extra):  # type: ignore[no-untyped-def]
    """Return the better of the best discharge and the best charge where the stage is not convex at zero."""
    gain_in, gain_out = f[t, GAIN_IN], f[t, GAIN_OUT]
    down = best(x, mu, k, z, s, g, zero, extra)
    up = best(x, mu, k, z, s[zero:], g[zero:], n - zero, extra)
    gain = area(x, mu, k, z + down, z + up) if up > down else 0.0
    more = paid(f, t, state, power(up, gain_in, gain_out, dt), buy, sell, dt) - paid(
        f, t, state, power(down, gain_in, gain_out, dt), buy, sell, dt
    )
    return up if gain > more else down
