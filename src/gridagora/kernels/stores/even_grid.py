"""The slope of value of a store whose inflows are left to chance, on even points of its range (theory 2.6).

Draws spread a slope over the whole range, so its own points would lie everywhere. On even points a step is three sweeps
over one row of numbers: the mean after the draws is a sum of shifted rows, power moves the row by its least and by its
greatest charge, and between the two the slope is the price of charging.
"""

from numba.extending import register_jitable

from gridagora.kernels.stores.bellman import (
    DEAD,
    GAIN_IN,
    INFLOW,
    K_X,
    LEAK,
    P_MAX,
    P_MIN,
    WEAR,
    X_MAX,
    X_MIN,
    X_SET,
)
from gridagora.kernels.stores.grid_mean import REACH, mean_on_grid, spread_draws
from gridagora.kernels.stores.polyline import LEAF, PENALTY, read_even


@register_jitable(**LEAF)
def _write_taste(k, x_set, dead, lo, step, felt):  # type: ignore[no-untyped-def]
    """Write the comfort slope at points -REACH, ... of the grid."""
    begin = lo - step * REACH - x_set
    for v in range(felt.shape[0]):
        away = begin + step * v
        felt[v] = -k * (away - min(max(away, -dead), dead))


@register_jitable(**LEAF)
def _move(mu, leak, away, out):  # type: ignore[no-untyped-def]
    """Write the slope at places leak v + away between the even points, the penalty below the first and above the last."""
    points, v = mu.shape[0], 0
    bend = leak - 1.0
    while v < points:
        place = leak * v + away
        i = int(place)
        if place < 0.0 or i >= points - 1:
            beyond = PENALTY if place < 0.0 else -PENALTY
            out[v] = mu[points - 1] if place == points - 1 else beyond
            v += 1
            continue
        part, n = place - i, min(points - v, points - 1 - i)
        if bend < 0.0:
            n = min(n, int(part / -bend) + 1)
        elif bend > 0.0:
            n = min(n, int((1.0 - part) / bend) + 1)
        here, there, to = mu[i : i + n], mu[i + 1 : i + n + 1], out[v : v + n]
        for j in range(n):
            to[j] = here[j] + (part + bend * j) * (there[j] - here[j])
        v += n


@register_jitable(**LEAF)
def step_on_grid(mu, f, t, price, dt, lo, step, least, most, out):  # type: ignore[no-untyped-def]
    """Write V' at even points, given W': what power in full and none leave, and the price of charging between them."""
    leak, gain = f[t, LEAK], f[t, GAIN_IN]
    away = (leak * lo + f[t, INFLOW] - lo) / step
    per_kw = gain * dt / step
    _move(mu, leak, away + per_kw * f[t, P_MIN], least)
    _move(mu, leak, away + per_kw * f[t, P_MAX], most)
    gamma = (price + f[t, WEAR]) / gain
    for v in range(out.shape[0]):
        out[v] = leak * max(min(least[v], gamma), most[v])


@register_jitable(**LEAF)
def walk_grid(f, dt, price, r, end_x, end_mu, draws, keep, work, out):  # type: ignore[no-untyped-def]
    """Write V' at the start of step keep + 1 at even points; whether a row that fits has draws that do, else nothing is."""
    lo = f[0, X_MIN]
    step = (f[0, X_MAX] - lo) / (out.shape[0] - 1)
    if not spread_draws(draws, step, work[0], work[1], work[2]):
        return False
    _write_taste(dt[0] * f[0, K_X], f[0, X_SET], f[0, DEAD], lo, step, work[3])
    read_even(end_x, end_mu, end_x.shape[0], lo, step, out)
    mean, least, most = work[5][0], work[5][1], work[5][2]
    for t in range(dt.shape[0] - 1, keep, -1):
        mean_on_grid(out, work, t, mean)
        step_on_grid(mean, f, t, price[r, t], dt[t], lo, step, least, most, out)
    return True
