"""Sweeps over the steps of one two-state house: states, gradient, and the Newton system of its control as a Riccati recursion.

Theory 5.3. Matrices of a step: a (2, 3) the state's part in air, mass and the mean of a block; b and v (h, 3) those of duty
and of sources in every block; h blocks of `sub` steps each.
"""

from numba.extending import register_jitable

from gridagora.kernels.stores.polyline import JIT


@register_jitable(**JIT)
def roll_states(a, b, v, weight, start, end, sub, s, z):  # type: ignore[no-untyped-def]
    """States z (steps + 1, 3) under duty s; returns comfort and end cost."""
    x, y, cost = start[0], start[1], 0.0
    e00, e01, e10, e11, e20, e21 = a[0, 0], a[0, 1], a[1, 0], a[1, 1], a[0, 2], a[1, 2]
    z[0, 0], z[0, 1], z[0, 2] = x, y, 0.0
    for k in range(b.shape[0]):
        b0, b1, b2, v0, v1, v2 = b[k, 0], b[k, 1], b[k, 2], v[k, 0], v[k, 1], v[k, 2]
        r = 0.0
        for t in range(k * sub, (k + 1) * sub):
            r += e20 * x + e21 * y + b2 * s[t] + v2
            x, y = e00 * x + e01 * y + b0 * s[t] + v0, e10 * x + e11 * y + b1 * s[t] + v1
            z[t + 1, 0], z[t + 1, 1], z[t + 1, 2] = x, y, r
        cost += 0.5 * weight[k] * r * r
    return cost + end[0] * x + end[1] * y


@register_jitable(**JIT)
def duty_gradient(a, b, c, weight, end, sub, z, g):  # type: ignore[no-untyped-def]
    """Gradient of the whole cost in every duty, by one sweep back."""
    x, y = end[0], end[1]
    e00, e01, e10, e11, e20, e21 = a[0, 0], a[0, 1], a[1, 0], a[1, 1], a[0, 2], a[1, 2]
    for k in range(b.shape[0] - 1, -1, -1):
        b0, b1 = b[k, 0], b[k, 1]
        r = weight[k] * z[(k + 1) * sub, 2]
        level, r0, r1 = c[k] + b[k, 2] * r, e20 * r, e21 * r
        for t in range((k + 1) * sub - 1, k * sub - 1, -1):
            g[t] = level + b0 * x + b1 * y
            x, y = e00 * x + e10 * y + r0, e01 * x + e11 * y + r1


@register_jitable(**JIT)
def factor_newton(a, b, weight, sub, d, gains, r, f_r):  # type: ignore[no-untyped-def]
    """Riccati recursion of the Newton matrix, and its sweep back over a right-hand side r.

    gains (steps, 4) hold the feedback on the three states and 1 / pivot, f_r the feedforward of r.
    """
    p00 = p01 = p11 = x = y = 0.0
    e00, e01, e10, e11, e20, e21 = a[0, 0], a[0, 1], a[1, 0], a[1, 1], a[0, 2], a[1, 2]
    for k in range(b.shape[0] - 1, -1, -1):
        b0, b1, b2 = b[k, 0], b[k, 1], b[k, 2]
        p02, p12, p22, w = 0.0, 0.0, weight[k], 0.0  # the mean of a new block forgets the old one
        for t in range((k + 1) * sub - 1, k * sub - 1, -1):
            h0, h1, h2 = (
                p00 * b0 + p01 * b1 + p02 * b2,
                p01 * b0 + p11 * b1 + p12 * b2,
                p02 * b0 + p12 * b1 + p22 * b2,
            )
            one = 1.0 / (d[t] + b0 * h0 + b1 * h1 + b2 * h2)
            f0, f1, f2 = h0 * e00 + h1 * e10 + h2 * e20, h0 * e01 + h1 * e11 + h2 * e21, h2
            q00, q01 = p00 * e00 + p01 * e10 + p02 * e20, p00 * e01 + p01 * e11 + p02 * e21
            q10, q11 = p01 * e00 + p11 * e10 + p12 * e20, p01 * e01 + p11 * e11 + p12 * e21
            q20, q21 = p02 * e00 + p12 * e10 + p22 * e20, p02 * e01 + p12 * e11 + p22 * e21
            p00 = e00 * q00 + e10 * q10 + e20 * q20 - f0 * f0 * one
            p01 = e00 * q01 + e10 * q11 + e20 * q21 - f0 * f1 * one
            p11 = e01 * q01 + e11 * q11 + e21 * q21 - f1 * f1 * one
            p02, p12, p22 = q20 - f0 * f2 * one, q21 - f1 * f2 * one, p22 - f2 * f2 * one
            gains[t, 0], gains[t, 1], gains[t, 2], gains[t, 3] = f0 * one, f1 * one, f2 * one, one
            pushed = (r[t] + b0 * x + b1 * y + b2 * w) * one
            f_r[t] = pushed
            x, y, w = (
                e00 * x + e10 * y + e20 * w - f0 * pushed,
                e01 * x + e11 * y + e21 * w - f1 * pushed,
                w - f2 * pushed,
            )


@register_jitable(**JIT)
def sweep_back(a, b, sub, gains, r, f_r):  # type: ignore[no-untyped-def]
    """Write the feedforward f_r of a right-hand side r with the factor at hand."""
    e00, e01, e10, e11, e20, e21 = a[0, 0], a[0, 1], a[1, 0], a[1, 1], a[0, 2], a[1, 2]
    x = y = 0.0
    for k in range(b.shape[0] - 1, -1, -1):
        b0, b1, b2, w = b[k, 0], b[k, 1], b[k, 2], 0.0
        for t in range((k + 1) * sub - 1, k * sub - 1, -1):
            f = r[t] + b0 * x + b1 * y + b2 * w
            f_r[t] = f * gains[t, 3]
            x, y, w = (
                e00 * x + e10 * y + e20 * w - gains[t, 0] * f,
                e01 * x + e11 * y + e21 * w - gains[t, 1] * f,
                w - gains[t, 2] * f,
            )


@register_jitable(**JIT)
def roll_out(a, b, sub, gains, f_r, d):  # type: ignore[no-untyped-def]
    """Write the Newton step d of a feedforward."""
    e00, e01, e10, e11, e20, e21 = a[0, 0], a[0, 1], a[1, 0], a[1, 1], a[0, 2], a[1, 2]
    x = y = 0.0
    for k in range(b.shape[0]):
        b0, b1, b2, w = b[k, 0], b[k, 1], b[k, 2], 0.0
        for t in range(k * sub, (k + 1) * sub):
            e = -(f_r[t] + gains[t, 2] * w + gains[t, 1] * y + gains[t, 0] * x)
            d[t] = e
            w += e20 * x + e21 * y + b2 * e
            x, y = e00 * x + e01 * y + b0 * e, e10 * x + e11 * y + b1 * e
