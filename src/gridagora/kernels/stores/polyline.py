"""Polylines of marginal value: x never falls, mu never rises; two points at one x are a jump, at one mu a flat (theory 2.2).

Everything here is compiled and works on the first `n` entries of a pair of arrays owned by the caller.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable

JIT: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}  # no language but Python calls them
LEAF = JIT | {
    "_nrt": False
}  # functions that allocate nothing need not count references: that took 40 % of the time
INLINE = LEAF | {
    "forceinline": True
}  # small functions of the recursion's inner loop: the calls took half of the time
PENALTY = 1e3  # money per unit of x for state that no schedule can deliver, or must shed; far above any price


@register_jitable(**LEAF)
def append(x, mu, n, x_new, mu_new):  # type: ignore[no-untyped-def]
    """Append a point and return the new length; the middle of three points on one flat or one jump is dropped."""
    if n > 0:
        x_new = max(
            x_new, x[n - 1]
        )  # rounding must not undo the order that the mathematics guarantees
        mu_new = min(mu_new, mu[n - 1])
        if x[n - 1] == x_new and mu[n - 1] == mu_new:
            return n
        if n > 1 and (
            (mu[n - 1] == mu_new and mu[n - 2] == mu_new)
            or (x[n - 1] == x_new and x[n - 2] == x_new)
        ):
            x[n - 1], mu[n - 1] = x_new, mu_new
            return n
    x[n], mu[n] = x_new, mu_new
    return n + 1


@register_jitable(**LEAF)
def first_after(x, lo, n, at):  # type: ignore[no-untyped-def]
    """Return the first index in [lo, n) whose x exceeds `at`, else n."""
    count = n - lo
    while count > 0:  # no branch inside: the outcome is not predictable
        half = count >> 1
        go = x[lo + half] <= at
        lo = lo + half + 1 if go else lo
        count = count - half - 1 if go else half
    return lo


@register_jitable(**LEAF)
def first_not_before(x, lo, n, at):  # type: ignore[no-untyped-def]
    """Return the first index in [lo, n) whose x is at least `at`, else n."""
    count = n - lo
    while count > 0:
        half = count >> 1
        go = x[lo + half] < at
        lo = lo + half + 1 if go else lo
        count = count - half - 1 if go else half
    return lo


@register_jitable(**LEAF)
def between(x, mu, n, i, at):  # type: ignore[no-untyped-def]
    """Return mu at `at` on the edge that ends in point i; constant beyond both ends."""
    if i == 0:
        return mu[0]
    if i == n:
        return mu[n - 1]
    return mu[i - 1] + (mu[i] - mu[i - 1]) * ((at - x[i - 1]) / (x[i] - x[i - 1]))


@njit(**LEAF)
def right_value(x, mu, n, at):  # type: ignore[no-untyped-def]
    """Return the value just right of `at`."""
    return between(x, mu, n, first_after(x, 0, n, at), at)


@register_jitable(**LEAF)
def left_value(x, mu, n, at):  # type: ignore[no-untyped-def]
    """Return the value just left of `at`."""
    return between(x, mu, n, first_not_before(x, 0, n, at), at)


@register_jitable(**LEAF)
def area(x, mu, n, start, end):  # type: ignore[no-untyped-def]
    """Return the integral from `start` to `end`, start <= end."""
    total, px, pm = 0.0, start, right_value(x, mu, n, start)
    for i in range(first_after(x, 0, n, start), n):
        if x[i] >= end:
            break
        total += 0.5 * (pm + mu[i]) * (x[i] - px)
        px, pm = x[i], mu[i]
    return total + 0.5 * (pm + left_value(x, mu, n, end)) * (end - px)


@njit(**LEAF)
def comfort_slope(x, k, x_set, dead):  # type: ignore[no-untyped-def]
    """Return the slope of -k/2 max(0, |x - x_set| - dead)^2."""
    away = x - x_set
    if away > dead:
        return -k * (away - dead)
    if away < -dead:
        return -k * (away + dead)
    return 0.0


@register_jitable(**LEAF)
def cut(zx, zm, c, lo, hi, x, mu):  # type: ignore[no-untyped-def]
    """Copy the polyline (zx, zm) on [lo, hi] to (x, mu), constant where it does not reach; return its length."""
    i = first_after(zx, 0, c, lo)
    n = append(x, mu, 0, lo, between(zx, zm, c, i, lo))
    while i < c and zx[i] < hi:
        n = append(x, mu, n, zx[i], zm[i])
        i += 1
    return (
        append(x, mu, n, hi, between(zx, zm, c, first_not_before(zx, 0, c, hi), hi))
        if hi > lo
        else n
    )


@register_jitable(**LEAF)
def _insert(x, mu, first, n, at):  # type: ignore[no-untyped-def]
    """Add a point on the edge around `at`, if there is one; return the new length."""
    i = first_after(x, first, first + n, at)
    if i == first or i == first + n or x[i - 1] == at:
        return n
    level = between(x, mu, first + n, i, at)
    for v in range(first + n, i, -1):
        x[v], mu[v] = x[v - 1], mu[v - 1]
    x[i], mu[i] = at, level
    return n + 1


@register_jitable(**INLINE)
def add_comfort(x, mu, first, n, k, x_set, dead):  # type: ignore[no-untyped-def]
    """Add the comfort slope and vertical ends at the penalty to points first:first+n; return the new first and length.

    One place before them and three behind are overwritten.
    """
    if k > 0.0:
        if dead > 0.0:
            n = _insert(x, mu, first, n, x_set + dead)
            n = _insert(x, mu, first, n, x_set - dead)
        part_x, part_mu = x[first : first + n], mu[first : first + n]
        for v in range(n):
            away = part_x[v] - x_set
            part_mu[v] -= k * (away - min(max(away, -dead), dead))
    end = first + n
    x[first - 1], mu[first - 1] = x[first], max(PENALTY, mu[first])
    x[end], mu[end] = x[end - 1], min(-PENALTY, mu[end - 1])
    return first - 1, n + 2


@register_jitable(**LEAF)
def mirror(x, mu, first, n):  # type: ignore[no-untyped-def]
    """Count points first:first+n in the other sense of the state: mu(x) becomes -mu(-x), which falls as well."""
    a, b = first, first + n - 1
    while a <= b:
        x[a], x[b] = -x[b], -x[a]
        mu[a], mu[b] = -mu[b], -mu[a]
        a, b = a + 1, b - 1


@register_jitable(**LEAF)
def terminal(x, mu, at):  # type: ignore[no-untyped-def]
    """Return the integral of an end polyline from its first point to `at`, constant slope beyond both ends."""
    n = x.shape[0]
    if at <= x[0]:
        return mu[0] * (at - x[0])
    total = 0.0
    for j in range(1, n):
        if x[j] > x[j - 1]:
            stop = min(at, x[j])
            total += 0.5 * (mu[j - 1] + between(x, mu, n, j, stop)) * (stop - x[j - 1])
            if at <= x[j]:
                return total
    return total + mu[n - 1] * (at - x[n - 1])


@njit(**LEAF)
def mean_after_draws(zx, zm, c, lo, hi, k, x_set, dead, draws, points, x, mu):  # type: ignore[no-untyped-def]
    """Expected slope before equally likely additional inflows `draws` (S,), on `points` even points of [lo, hi].

    Beyond the bounds the slope of value stays constant and the comfort slope goes on: a draw that empties a store costs
    comfort, not the penalty. (zx, zm) starts at lo and ends at hi.
    """
    step, part = (hi - lo) / (points - 1), 1.0 / draws.shape[0]
    for v in range(points):
        x[v], mu[v] = lo + step * v, 0.0
    x[points - 1] = hi
    for a in range(draws.shape[0]):
        d, first, many = draws[a], a, 0.0
        for b in range(draws.shape[0] - 1, -1, -1):
            if draws[b] == d:
                first, many = b, many + part
        if first < a:  # a draw of hours without hot water stands for all of them
            continue
        i, v = 0, 0
        while i <= c and v < points:  # both the points and the grid are walked once a draw
            until = zx[i] if i < c else np.inf
            base, rise = zm[min(i, c - 1)], 0.0
            if 0 < i < c and zx[i] > zx[i - 1]:
                base, rise = zm[i - 1], (zm[i] - zm[i - 1]) / (zx[i] - zx[i - 1])
            from_x = zx[max(i - 1, 0)]
            while v < points and x[v] + d < until:
                y = x[v] + d
                mu[v] += many * (
                    base + rise * (y - from_x) - k * (y - x_set - min(max(y - x_set, -dead), dead))
                )
                v += 1
            i += 1
    n = 0
    for v in range(points):
        n = append(x, mu, n, x[v], mu[v])
    return n


@register_jitable(**LEAF)
def read_even(x, mu, n, lo, step, out):  # type: ignore[no-untyped-def]
    """Write a polyline of n points at even points from lo on, constant beyond its ends."""
    i = 0
    for v in range(out.shape[0]):
        at = lo + step * v
        while i < n and x[i] <= at:
            i += 1
        out[v] = between(x, mu, n, i, at)


@register_jitable(**LEAF)
def write_even(mu, lo, hi, x, to_mu):  # type: ignore[no-untyped-def]
    """Write even points of [lo, hi] as a polyline, the middle ones of a flat left out; return its length."""
    last, n = mu.shape[0] - 1, 0
    step = (hi - lo) / last
    for v in range(last):
        n = append(x, to_mu, n, lo + step * v, mu[v])
    return append(x, to_mu, n, hi, mu[last])


@register_jitable(**JIT)
def enlarge(x, mu, need):  # type: ignore[no-untyped-def]
    """Return the pair of arrays with room for `need` entries, their content kept."""
    if need <= x.shape[0]:
        return x, mu
    new_x, new_mu = np.empty(2 * need), np.empty(2 * need)
    for v in range(x.shape[0]):
        new_x[v], new_mu[v] = x[v], mu[v]
    return new_x, new_mu
