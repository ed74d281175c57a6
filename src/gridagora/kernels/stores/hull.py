"""The convex hull of the cost of a step, where its marginal cost falls at zero power (theory 2.2)."""

from numba.extending import register_jitable

from gridagora.kernels.stores.polyline import LEAF


@register_jitable(**LEAF)
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
        if (
            right <= left
        ):  # both sides touch at one power: a full or an empty store; any level between them is a tangent
            break
        new = total / (right - left)
        if abs(new - level) <= 1e-15 * (1.0 + abs(level)):
            break
        level = new
    tail = n - 1 - j
    for q in range(tail):  # i + 2 <= j + 1: the copy never overtakes its source
        s[i + 2 + q], g[i + 2 + q] = s[j + 1 + q], g[j + 1 + q]
    s[i], g[i], s[i + 1], g[i + 1] = left, level, right, level
    return i + 2 + tail
