"""Sums, limits and answers of curves that lie in one buffer: what `tree` and `ladder` are made of (theory 4.2).

A curve is the points a..b-1 of a pair of arrays (p, c), power rising and price falling. A group of curves is a stretch s..e-1
of references (ra, rb) to such points. Powers that come down are integer microwatts.
"""

import numpy as np
from numba.extending import register_jitable

from gridagora.kernels.curves.curve import _integer, _pivot, _range, _shrink
from gridagora.kernels.stores.polyline import JIT, LEAF

KEY = 0.6180339887498949


@register_jitable(**LEAF)
def append_point(p, c, start, n, p_new, c_new):  # type: ignore[no-untyped-def]
    """Append a point to the curve that begins at `start`; return the new end. Middles of flats and gaps are dropped."""
    if n > start:
        p_new, c_new = (
            max(p_new, p[n - 1]),
            min(c_new, c[n - 1]),
        )  # rounding must not undo the order
        if p[n - 1] == p_new and c[n - 1] == c_new:
            return n
        if n > start + 1 and (
            (c[n - 1] == c_new and c[n - 2] == c_new) or (p[n - 1] == p_new and p[n - 2] == p_new)
        ):
            p[n - 1], c[n - 1] = p_new, c_new
            return n
    p[n], c[n] = p_new, c_new
    return n + 1


@register_jitable(**LEAF)
def _rise(p, c, i, end):  # type: ignore[no-untyped-def]
    """Return the power gained for each $/kWh of falling price beyond point i - 1; zero beyond the end and along a block."""
    if i == end or c[i] == c[i - 1]:
        return 0.0
    return (p[i] - p[i - 1]) / (c[i - 1] - c[i])


@register_jitable(**LEAF)
def merge(p, c, a, a_end, b, b_end, q, d, n):  # type: ignore[no-untyped-def]
    """Append the sum of the curves [a, a_end) and [b, b_end) of (p, c) to (q, d); return the new end.

    Each point is the own power of one curve plus the other's on the line from its last point: nothing cancels.
    """
    i, j, start = a, b, n
    at_a, at_b, rise_a, rise_b, from_a, from_b = p[a], p[b], 0.0, 0.0, c[a], c[b]
    while i < a_end and j < b_end:
        price = max(c[i], c[j])
        step_a, step_b = c[i] == price, c[j] == price
        if step_a:
            at_a, from_a, i = p[i], price, i + 1
            rise_a = _rise(p, c, i, a_end)
        if step_b:
            at_b, from_b, j = p[j], price, j + 1
            rise_b = _rise(p, c, j, b_end)
        n = append_point(
            q,
            d,
            start,
            n,
            (at_a + rise_a * (from_a - price)) + (at_b + rise_b * (from_b - price)),
            price,
        )
    if j < b_end:
        i, a_end, at_b = j, b_end, at_a
    least = q[n - 1]
    for v in range(i, a_end):
        q[n], d[n] = max(p[v] + at_b, least), c[v]
        n += 1
    return n


@register_jitable(**LEAF)
def _key(p, c, a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for v in range(a, b):
        total += (p[v] + KEY * c[v]) * (v - a + 1)
    return total


@register_jitable(**LEAF)
def _before(p, c, a, a_end, b, b_end):  # type: ignore[no-untyped-def]
    """Say whether one curve comes before another, point by point: only curves of one content are neither."""
    for v in range(min(a_end - a, b_end - b)):
        if p[a + v] != p[b + v]:
            return p[a + v] < p[b + v]
        if c[a + v] != c[b + v]:
            return c[a + v] < c[b + v]
    return a_end - a < b_end - b


@register_jitable(**LEAF)
def _sort(p, c, ra, rb, key, s, e):  # type: ignore[no-untyped-def]
    """Sort the references s..e-1 by key and content (Shell): where neither is first the curves are one and the same."""
    for r in range(s, e):
        key[r] = _key(p, c, ra[r], rb[r])
    gap = 1
    while gap < (e - s) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for r in range(s + gap, e):
            a, b, k, at = ra[r], rb[r], key[r], r
            while at >= s + gap:
                u = at - gap
                if key[u] < k or (key[u] == k and not _before(p, c, a, b, ra[u], rb[u])):
                    break
                ra[at], rb[at], key[at] = ra[u], rb[u], key[u]
                at = u
            ra[at], rb[at], key[at] = a, b, k
        gap //= 3


@register_jitable(**LEAF)
def _halve(p, c, ra, rb, s, e, q, d):  # type: ignore[no-untyped-def]
    """Add neighbours among the references s..e-1 into (q, d), where the references then point. Returns their new end."""
    n, last = np.int64(0), s
    for r in range(s, e, 2):
        start = n
        if r + 1 < e:
            n = merge(p, c, ra[r], rb[r], ra[r + 1], rb[r + 1], q, d, n)
        else:
            for v in range(ra[r], rb[r]):
                q[n], d[n] = p[v], c[v]
                n += 1
        ra[last], rb[last] = start, n
        last += 1
    return last


@register_jitable(**LEAF)
def sum_up(p, c, ra, rb, key, s, e, base, one, two, q, d, n):  # type: ignore[no-untyped-def]
    """Append the sum of the references s..e-1 plus `base` to (q, d). `one`, `two` (2, room) are scratch; the references die."""
    if s == e:
        q[n], d[n] = base, 0.0
        return n + 1
    _sort(p, c, ra, rb, key, s, e)
    while e - s > 1:
        e = _halve(p, c, ra, rb, s, e, one[0], one[1])
        p, c, one, two = one[0], one[1], two, one
    for v in range(ra[s], rb[s]):
        q[n], d[n] = p[v] + base, c[v]
        n += 1
    return n


@register_jitable(**LEAF)
def _price_at(p, c, i, at):  # type: ignore[no-untyped-def]
    """Return the price at a power on the edge that ends in point i, its first end not beyond and its second end beyond."""
    level = c[i - 1] + (c[i] - c[i - 1]) * ((at - p[i - 1]) / (p[i] - p[i - 1]))
    return min(max(level, c[i]), c[i - 1])


@register_jitable(**LEAF)
def _copy(p, c, i, end, most, over, q, d, n):  # type: ignore[no-untyped-def]
    """Append the points from i on whose power is at most `most`, their prices raised; return the next point and the new end."""
    while i < end and p[i] <= most:
        q[n], d[n] = p[i], c[i] + over
        i, n = i + 1, n + 1
    return i, n


@register_jitable(**LEAF)
def limit_curve(p, c, a, b, low, high, over, q, d, n):  # type: ignore[no-untyped-def]
    """Append the published curve of [a, b) under its limits to (q, d); at most four points more. Returns the new end."""
    i = a
    if p[a] < low:
        i, n = _copy(p, c, a, b, np.nextafter(low, -np.inf), over, q, d, n)
        if i < b:
            level = c[i] if p[i] == low else _price_at(p, c, i, low)
            q[n], q[n + 1], d[n], d[n + 1] = low, low, level + over, level
            n += 2
    i, n = _copy(p, c, i, b, high, 0.0, q, d, n)
    if i < b:
        if i > a:
            level = c[i - 1] if p[i - 1] == high else _price_at(p, c, i, high)
            q[n], q[n + 1], d[n], d[n + 1] = high, high, level, level - over
            n += 2
        i, n = _copy(p, c, i, b, np.inf, -over, q, d, n)
    return n


@register_jitable(**LEAF)
def sum_sides(p, c, ra, rb, s, e, level):  # type: ignore[no-untyped-def]
    """Return the summed powers of the references just above and just below a price [integer microwatts]."""
    above, below = np.int64(0), np.int64(0)
    for r in range(s, e):
        low, high = _range(p, c, ra[r], rb[r], level)
        above += _integer(low)
        below += _integer(high)
    return above, below


@register_jitable(**LEAF)
def _part(q, low, high):  # type: ignore[no-untyped-def]
    """Return the tie share at which q is taken."""
    return min(max(float(q - low) / float(high - low), 0.0), 1.0) if high > low else 0.0


@register_jitable(**LEAF)
def _beyond(c, ra, rb, s, e, lo, hi, found):  # type: ignore[no-untyped-def]
    """Collect the breakpoint prices strictly inside (lo, hi); return how many."""
    n = 0
    for r in range(s, e):
        for v in range(ra[r], rb[r]):
            if lo < c[v] < hi:
                found[n] = c[v]
                n += 1
    return n


@register_jitable(**JIT)
def _nearest(p, c, ra, rb, s, e, q, level, low, high, slack, found):  # type: ignore[no-untyped-def]
    """Return the price nearest to `level` at which the rows take q, and the tie share; they take low..high at `level`."""
    up = q < low
    lo, hi = (level, np.inf) if up else (-np.inf, level)
    over, under = low, high  # powers just above lo and just below hi
    met, m_low, m_high = (
        level,
        low,
        high,
    )  # the nearest breakpoint that passes, and the powers there
    n = _beyond(c, ra, rb, s, e, lo, hi, found)
    while n > 0:  # one end of (lo, hi) passes, the other does not
        at = _pivot(found, n)
        low, high = sum_sides(p, c, ra, rb, s, e, at)
        passed = low <= q + slack if up else high >= q - slack
        if passed:
            met, m_low, m_high = at, low, high
        if passed == up:
            hi, under = at, high
        else:
            lo, over = at, low
        n = _shrink(found, n, lo, hi)
    if met == level:  # no price does
        return (lo, 0.0) if up else (hi, 1.0)
    if m_low - slack <= q <= m_high + slack:
        return met, _part(q, m_low, m_high)
    at = lo + (hi - lo) * (float(over - q) / float(over - under))
    return min(max(at, np.nextafter(lo, hi)), np.nextafter(hi, lo)), 0.0


@register_jitable(**JIT)
def settle(p, c, ra, rb, s, e, q, level, share, found):  # type: ignore[no-untyped-def]
    """Return the price and tie share at which the references s..e-1 take q [integer microwatts]; see `tree.inside`."""
    slack = np.int64((e - s) // 2 + 2)
    low, high = sum_sides(p, c, ra, rb, s, e, level)
    if abs(low + share * (high - low) - q) <= slack:
        return level, share
    if low - slack <= q <= high + slack:
        return level, _part(q, low, high)
    return _nearest(p, c, ra, rb, s, e, q, level, low, high, slack, found)


@register_jitable(**LEAF)
def allocate(p, c, ra, rb, who, s, e, level, share, q, out):  # type: ignore[no-untyped-def]
    """Write the power of every reference to out[who] so that they add up to q; the rest goes round in small equal parts."""
    rest, open_rows = q, e - s
    for r in range(s, e):
        low, high = _range(p, c, ra[r], rb[r], level)
        out[who[r]] = _integer(low + share * (high - low))
        rest -= out[who[r]]
    while rest != 0 and open_rows > 0:
        part = max(abs(rest) // open_rows, 1) * (1 if rest > 0 else -1)
        open_rows = 0
        for r in range(s, e):
            now = out[who[r]]
            new = min(max(now + part, _integer(p[ra[r]])), _integer(p[rb[r] - 1]))
            out[who[r]], rest = new, rest - (new - now)
            open_rows += new != now
            if rest == 0:
                break


@register_jitable(**LEAF)
def list_members(group, first, who):  # type: ignore[no-untyped-def]
    """List the rows of every group in row order: who[first[g]:first[g + 1]]."""
    first[:] = 0
    for g in group:
        first[g + 1] += 1
    for g in range(first.shape[0] - 1):
        first[g + 1] += first[g]
    for i in range(group.shape[0] - 1, -1, -1):  # from behind: each group is filled downwards
        g = group[i] + 1
        first[g] -= 1
        who[first[g]] = i
    for g in range(first.shape[0] - 1):  # first[g + 1] is now where g begins
        first[g] = first[g + 1]
    first[-1] = group.shape[0]


@register_jitable(**LEAF)
def point_rows(begin, end, who, s, e, ra, rb):  # type: ignore[no-untyped-def]
    """Point the references s..e-1 to the curves of the rows `who`, row i being begin[i]..end[i]-1."""
    for r in range(s, e):
        ra[r], rb[r] = begin[who[r]], end[who[r]]
