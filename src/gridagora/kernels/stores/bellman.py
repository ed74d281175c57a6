"""Cost of one step of a store as a function of s, the change of state that its power causes (theory 2.2).

gamma(s, x) = G(s) + cross x is the marginal cost per unit of s: a polyline (S, G), both rising, at most five pieces
(power below and above zero, net load below and above zero and beyond a limit of import or export), plus a term in the state x
at the start of the step where comfort feels the power at once. Where gamma falls at p = 0 (a negative price) the convex hull
takes its place.
"""

import numpy as np
from numba.extending import register_jitable

from gridagora.kernels.stores.hull import hull
from gridagora.kernels.stores.polyline import (
    INLINE,
    LEAF,
    area,
    between,
    first_after,
    first_not_before,
    left_value,
    mirror,
    right_value,
)

# columns of the table of a row, in the order of `stores.FIELDS`
LEAK, INFLOW, P_MIN, P_MAX, X_MIN, X_MAX, GAIN_IN, GAIN_OUT, WEAR = range(9)
K_X, X_SET, DEAD, K_C, C_X, C_P, C_0, LOAD, PROX, P_REF = range(9, 19)
LIMIT, OVER = (
    19,
    20,
)  # of a meter with a limit alone: net load beyond LIMIT costs OVER more a kWh; no other table has them
FLOOR, UNDER = 21, 22  # of a meter with a limit of export: net load below FLOOR earns UNDER less

# what a step back notes of its stage, point by point: the stage itself, then the x at which the best s leaves the point, the
# y where it arrives, and the point of W' that ends the edge there
S, G, AT, Y, EDGE = range(5)

STAGE = 10  # room for the points of one stage
GROWTH = 24  # a step adds fewer points than this
FOLDS = 11  # where comfort feels the power at once: walks along W' in a step, one down each of five pieces and back


@register_jitable(**LEAF)
def copy_row(columns, i, f, anew):  # type: ignore[no-untyped-def]
    """Copy row i of all columns (n, h) to the table f (h, 19): one array is cheap to hand on, nineteen are not.

    Columns that are the same for all rows are copied only `anew`.
    """
    for c in range(len(columns)):
        column = columns[c]
        if column.strides[0] == 0 and not anew:
            continue
        for t in range(f.shape[0]):
            f[t, c] = column[i, t]


@register_jitable(**LEAF)
def copy_pair(one, two, i, to_one, to_two):  # type: ignore[no-untyped-def]
    """Copy row i of two tables to rows whose memory is theirs: kernels are compiled once for those, and read them faster."""
    for t in range(to_one.shape[0]):
        to_one[t], to_two[t] = one[i, t], two[i, t]


@register_jitable(**INLINE)
def room_after(f, t, k):  # type: ignore[no-untyped-def]
    """Return the room that step t takes at most, given k points of W': a walk that turns back carries points again."""
    return k + GROWTH if f[t, K_C] == 0.0 else FOLDS * (k + GROWTH)


@register_jitable(**LEAF)
def shift(p, gain_in, gain_out, dt):  # type: ignore[no-untyped-def]
    """Return the change of state s that power p causes."""
    return p * gain_in * dt if p >= 0.0 else p * dt / gain_out


@register_jitable(**INLINE)
def power(s, gain_in, gain_out, dt):  # type: ignore[no-untyped-def]
    """Return the power behind a change of state s."""
    return s / (gain_in * dt) if s >= 0.0 else s * gain_out / dt


@register_jitable(**INLINE)
def _bend(part, load, limit, floor):  # type: ignore[no-untyped-def]
    """Return the power at which a piece ends: zero, no net load and the two limits of it, the least first."""
    if part < 0:
        return min(0.0, floor - load)
    if part == 0:
        return max(min(0.0, -load), floor - load)
    if part == 1:
        return max(min(0.0, limit - load), -load)
    return max(0.0, limit - load)


@register_jitable(**INLINE)
def marginal_cost(f, t, buy, sell, dt, s, g):  # type: ignore[no-untyped-def]
    """Write the marginal cost (s, g) of step t; return its length and the index of the first point with p >= 0."""
    lo, hi, load = f[t, P_MIN], f[t, P_MAX], f[t, LOAD]
    gain_in, gain_out, wear, prox, p_ref = (
        f[t, GAIN_IN],
        f[t, GAIN_OUT],
        f[t, WEAR],
        f[t, PROX],
        f[t, P_REF],
    )
    felt = f[t, K_C] * f[t, C_P]
    steep, level = prox + felt * f[t, C_P], felt * f[t, C_0] - prox * p_ref
    n, zero, p = 0, -1, lo
    begin, parts, limit, over, floor, under = 0, 3, np.inf, 0.0, -np.inf, 0.0
    if f.shape[1] > LIMIT:
        parts, limit, over = 4, f[t, LIMIT], f[t, OVER]
    if f.shape[1] > FLOOR:
        begin, floor, under = -1, f[t, FLOOR], f[t, UNDER]
    for part in range(begin, parts):
        end = hi if part == parts - 1 else min(max(_bend(part, load, limit, floor), lo), hi)
        if end <= p:
            continue
        price = buy if 0.5 * (p + end) + load >= 0.0 else sell
        if 0.5 * (p + end) + load > limit:
            price += over
        elif 0.5 * (p + end) + load < floor:
            price -= under
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


@register_jitable(**INLINE)
def cross_terms(f, t, dt):  # type: ignore[no-untyped-def]
    """Return (cross, own, level): comfort adds cross x to gamma and own x + cross s + level to the slope in x."""
    if f[t, K_C] == 0.0:
        return 0.0, 0.0, 0.0
    kc = dt * f[t, K_C] * f[t, C_X]
    return kc * f[t, C_P] / (f[t, GAIN_IN] * dt), kc * f[t, C_X], kc * f[t, C_0]


@register_jitable(**INLINE)
def convex_pieces(f, t, buy, sell, dt, s, g):  # type: ignore[no-untyped-def]
    """Write the marginal cost, hulled where needed; return its length and whether it was hulled."""
    n, zero = marginal_cost(f, t, buy, sell, dt, s, g)
    if zero > 0 and g[zero - 1] > g[zero]:
        return hull(s, g, n, zero), True
    return n, False


@register_jitable(**INLINE)
def step_cost(f, t, x, p, buy, sell, dt):  # type: ignore[no-untyped-def]
    """Return the cost of power p in state x: meter, wear, proximal term and comfort felt at once."""
    net = f[t, LOAD] + p
    felt = f[t, C_X] * x + f[t, C_P] * p + f[t, C_0]
    meter = (buy if net >= 0.0 else sell) * net + f[t, WEAR] * abs(p)
    if f.shape[1] > LIMIT and net > f[t, LIMIT]:
        meter += f[t, OVER] * (net - f[t, LIMIT])
    if f.shape[1] > FLOOR and net < f[t, FLOOR]:
        meter += f[t, UNDER] * (f[t, FLOOR] - net)
    return dt * (meter + 0.5 * f[t, PROX] * (p - f[t, P_REF]) ** 2 + 0.5 * f[t, K_C] * felt * felt)


@register_jitable(**INLINE)
def _passed(x, mu, first, end, q, i, bend):  # type: ignore[no-untyped-def]
    """Return the end of the points that have W'(x) - q x >= bend; i is a first guess."""
    lo, count = first, 0
    if i < end and mu[i] - q * x[i] >= bend:
        lo, count = i + 1, end - i - 1
    elif (
        q == 0.0 or i == first or mu[i - 1] - q * x[i - 1] >= bend
    ):  # without feed-through the bends fall as we go
        return i
    else:
        count = i - 1 - first
    while count > 0:
        half = count >> 1
        go = mu[lo + half] - q * x[lo + half] >= bend
        lo = lo + half + 1 if go else lo
        count = count - half - 1 if go else half
    return lo


@register_jitable(**INLINE)
def _met(x, mu, first, end, q, i, bend):  # type: ignore[no-untyped-def]
    """Return the y with W'(y) - q y = bend on the edge that ends in point i, constant W' beyond both ends."""
    if i <= first or i >= end:
        return (mu[min(i, end - 1)] - bend) / q
    low, high = mu[i] - q * x[i], mu[i - 1] - q * x[i - 1]
    return x[i] - (x[i] - x[i - 1]) * ((bend - low) / (high - low)) if high > low else x[i]


@register_jitable(**INLINE)
def _carry(x, mu, a, b, to, away, inv, leak, level):  # type: ignore[no-untyped-def]
    """Write points a..b, which one power in full moves, to place `to`: no comfort within the step."""
    if b - a < 8:  # too few to be worth the checks before a vector loop
        for v in range(a, b):
            x[to + v - a], mu[to + v - a] = (x[v] - away) * inv, leak * mu[v] - level
        return
    part_x, part_mu, to_x, to_mu = x[a:b], mu[a:b], x[to : to + b - a], mu[to : to + b - a]
    for v in range(b - a):
        to_x[v] = (part_x[v] - away) * inv
        to_mu[v] = leak * part_mu[v] - level


@register_jitable(**LEAF)
def _slide(x, mu, a, b, to, way, base, ratio, bend, q, inflow, inv, leak, own, cross, level):  # type: ignore[no-untyped-def]
    """Write points a..b, met along one piece of the stage, to place `to`; the last first where way < 0."""
    part_x, part_mu, to_x, to_mu = x[a:b], mu[a:b], x[to : to + b - a], mu[to : to + b - a]
    last = b - a - 1
    for v in range(b - a):
        u = v if way > 0 else last - v
        s = base + ratio * (part_mu[u] - q * part_x[u] - bend)
        to_x[v] = (part_x[u] - s - inflow) * inv
        to_mu[v] = leak * part_mu[u] - own * to_x[v] - cross * s - level


@register_jitable(**INLINE)
def bellman_step(x, mu, o, k, f, t, dt, note, n, lo, hi, w):  # type: ignore[no-untyped-def]
    """Write V' = d/dx max_s {W(leak x + inflow + s) - C(s, x)} on [lo, hi]; return its place behind w, and its length.

    W' is points o:o+k of the same arrays. As x rises the best s falls along (s, g), from its greatest value to its least.
    Point j of the stage is left where W'(y) - q y = bend_j with q = cross / leak; between two of them the points of W' are
    passed upwards, or downwards where the feed-through is so strong that y falls as x rises. All that a roll-out needs are
    the x and y at which each point of the stage is left, and between which points of W' that is. Where the sense of the state
    turns, x is counted in the sense of the step until V' is done, and so are the x of the notes.
    """
    leak, inflow, turned = f[t, LEAK], f[t, INFLOW], f[t, LEAK] < 0.0
    cross, own, level = cross_terms(f, t, dt)
    if turned:
        leak, cross, level, lo, hi = -leak, -cross, -level, -hi, -lo
    first, length = _step_back(x, mu, o, k, leak, inflow, cross, own, level, note, t, n, lo, hi, w)
    if turned:
        mirror(x, mu, first, length)
    return first, length


@register_jitable(**INLINE)
def _step_back(x, mu, o, k, leak, inflow, cross, own, level, note, t, n, lo, hi, w):  # type: ignore[no-untyped-def]
    """Take the step of `step_back` in the sense of the step: leak above zero, cross terms given."""
    inv, end = 1.0 / leak, o + k
    q = cross * inv
    c, i, before, y, s_above = w + 2, o, np.inf, 0.0, note[t, S, n - 1]
    for j in range(n - 1, -1, -1):
        s, g = note[t, S, j], note[t, G, j]
        bend = g - q * (s + inflow) if n > 1 else -np.inf
        if bend != before:
            stop = _passed(x, mu, o, end, q, i, bend) if n > 1 else end
            if stop != i:
                a, b = min(i, stop), max(i, stop)
                ratio = (s_above - s) / (before - bend) if s_above > s else 0.0
                if ratio == 0.0 and own == 0.0 and stop > i:
                    _carry(x, mu, a, b, c, s_above + inflow, inv, leak, level)
                else:
                    way = 1 if stop > i else -1
                    from_bend = bend if n > 1 else 0.0
                    _slide(
                        x,
                        mu,
                        a,
                        b,
                        c,
                        way,
                        s,
                        ratio,
                        from_bend,
                        q,
                        inflow,
                        inv,
                        leak,
                        own,
                        cross,
                        level,
                    )
                c, i = c + b - a, stop
            if n == 1:
                break
            # W' nowhere reaches the bend: this part is never used
            y = (
                _met(x, mu, o, end, q, i, bend)
                if q != 0.0 or (i > o and i < end)
                else (-np.inf if i == o else np.inf)
            )
        before, s_above = bend, s
        at = (y - s - inflow) * inv
        note[t, AT, j], note[t, Y, j], note[t, EDGE, j] = at, y, i
        if abs(y) < np.inf:
            value = leak * (g + cross * at) - own * at - cross * s - level
            if (
                mu[c - 1] == value and c > w + 3 and mu[c - 2] == value
            ):  # a third point on one flat replaces the second
                c -= 1
            x[c], mu[c], c = at, value, c + 1
    if i < end:
        if own == 0.0:
            _carry(x, mu, i, end, c, s_above + inflow, inv, leak, level)
        else:
            _slide(x, mu, i, end, c, 1, s_above, 0.0, 0.0, q, inflow, inv, leak, own, cross, level)
        c += end - i
    low, high = (
        leak * mu[o] - cross * note[t, S, n - 1] - level,
        leak * mu[end - 1] - cross * note[t, S, 0] - level,
    )
    return _trim(x, mu, w + 2, c, lo, hi, low, high, own)


@register_jitable(**INLINE)
def _trim(x, mu, first, c, lo, hi, first_value, last_value, own):  # type: ignore[no-untyped-def]
    """Cut points first:c to [lo, hi] in place, W' constant beyond both ends; return the new first place and the length."""
    a = first_after(x, first, c, lo)
    b = first_not_before(x, a, c, hi)
    low, high = last_value - own * lo, first_value - own * hi
    if a == first:
        low = first_value - own * lo
    elif a < c:
        low = between(x, mu, c, a, lo)
    if b == c:
        high = last_value - own * hi
    elif b > first:
        high = between(x, mu, c, b, hi)
    x[a - 1], mu[a - 1] = lo, low
    x[b], mu[b] = hi, min(high, low)
    return a - 1, b - a + 2


@register_jitable(**INLINE)
def follow(x, mu, state, z, note, t, n, extra):  # type: ignore[no-untyped-def]
    """Return the s that maximises W(z + s) - C(s) by what `step_back` has noted; gamma is g + extra.

    `state` is counted in the sense of the step. W' is read only on pieces of the stage with a slope.
    """
    j = n - 1
    while j >= 0 and n > 1 and state > note[t, AT, j]:
        j -= 1
    s0 = note[t, S, max(j, 0)]
    if j == n - 1 or j < 0 or s0 == note[t, S, j + 1]:
        return s0
    s1, g0, g1 = note[t, S, j + 1], note[t, G, j], note[t, G, j + 1]
    if g0 == g1:
        return min(max(note[t, Y, j] - z, s0), s1)
    a, b = int(note[t, EDGE, j]), int(note[t, EDGE, j + 1])
    return _root(x, mu, min(a, b), max(a, b), z, s0, s1, g0 + extra, g1 + extra)


@register_jitable(**LEAF)
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
    return _root(
        x[:k],
        mu[:k],
        first_after(x, 0, k, z + s[lo - 1]),
        k,
        z,
        s[lo - 1],
        s[lo],
        g[lo - 1] + extra,
        g[lo] + extra,
    )


@register_jitable(**LEAF)
def _root(x, mu, first, last, z, s0, s1, g0, g1):  # type: ignore[no-untyped-def]
    """Return the s inside one sloped or flat piece where W'(z + s) meets its marginal cost, on an edge first..last."""
    k, rise = x.shape[0], (g1 - g0) / (s1 - s0)
    lo, hi = first, last
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
        y = (
            x[lo - 1] + (x[lo] - x[lo - 1]) * (over / (over + under))
            if over + under > 0.0
            else x[lo]
        )
        y = min(max(y, x[lo - 1]), x[lo])
    return min(max(y - z, s0), s1)


@register_jitable(**LEAF)
def exclusive(x, mu, k, z, s, g, n, zero, state, f, t, buy, sell, dt, extra):  # type: ignore[no-untyped-def]
    """Return the better of the best discharge and the best charge where the stage is not convex at zero."""
    gain_in, gain_out = f[t, GAIN_IN], f[t, GAIN_OUT]
    down = best(x, mu, k, z, s, g, zero, extra)
    up = best(x, mu, k, z, s[zero:], g[zero:], n - zero, extra)
    gain = area(x, mu, k, z + down, z + up) if up > down else 0.0
    more = step_cost(f, t, state, power(up, gain_in, gain_out, dt), buy, sell, dt) - step_cost(
        f, t, state, power(down, gain_in, gain_out, dt), buy, sell, dt
    )
    return up if gain > more else down
