"""Bids in ticks and without points that rounding makes, so that a tie of two bids is a tie on every machine.

Two devices to which a kWh is worth the same say so up to the last digit, and the last digit is not the same on every processor:
who is served first, or whether both are served in part, would hang on it. In ticks both say the same. Likewise a point between
two others on one line says nothing, and whether it is there at all depends on rounding.
"""

import numpy as np
from numba import njit, types
from numba.extending import register_jitable

from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import INDEX, READ1, compile_entry

TICK_PER_KWH = (
    2.0**-27
)  # 7.5e-9: a thousandth of what wholesale markets trade in, far above rounding
ROUNDING = 2.0**-17  # of a tick, by which a price may be past one and still counts as on it
SAME_KW = 1e-9  # points so near each other have one power
SAME_PER_KWH = 1e-9  # a point so near the line between its neighbours is on it


@register_jitable(**LEAF)
def _is_between(p, price, n, p_new, price_new):  # type: ignore[no-untyped-def]
    """Whether the last of n points is on the line, flat or jump from the one before it to a new one."""
    if n < 2:
        return False
    wide = p_new - p[n - 2]
    if wide <= SAME_KW:
        return True
    share = (p[n - 1] - p[n - 2]) / wide
    on_line = price[n - 2] + share * (price_new - price[n - 2])
    return abs(price[n - 1] - on_line) <= SAME_PER_KWH


@register_jitable(**LEAF)
def _thin_row(p_kw, price, new_p, new_price):  # type: ignore[no-untyped-def]
    """Write the points of one row that say something; return how many they are."""
    n = 0
    for v in range(p_kw.shape[0]):
        p, level = p_kw[v], price[v]
        if n > 0 and p - new_p[n - 1] <= SAME_KW:
            p = new_p[n - 1]
            if new_price[n - 1] - level <= SAME_PER_KWH:
                continue
        while _is_between(new_p, new_price, n, p, level):
            n -= 1
        new_p[n], new_price[n] = p, level
        n += 1
    return n


@njit(**JIT)
def _in_ticks(offset, p_kw, price, new_offset, new_p, new_price):  # type: ignore[no-untyped-def]
    """Write the rows in ticks; return how many points are left."""
    n = 0
    new_offset[0] = 0
    for i in range(offset.shape[0] - 1):
        a, b = offset[i], offset[i + 1]
        more = n + _thin_row(p_kw[a:b], price[a:b], new_p[n:], new_price[n:])
        for v in range(n, more):
            new_price[v] = TICK_PER_KWH * (np.ceil(new_price[v] / TICK_PER_KWH - ROUNDING) + 0.0)
        n = more
        new_offset[i + 1] = n
    return n


_WRITE_INT = types.Array(types.int64, 1, "C")
_WRITE = types.Array(types.float64, 1, "C")


def state_in_ticks(curves: Curves) -> Curves:
    """Return curves whose prices are the next `TICK_PER_KWH` above, or the one they are at, less the points that say nothing.

    Prices go up, never down: who is indifferent at a price still buys at it. A row moves by no more than a tick and
    `SAME_PER_KWH` for each point that it loses, and by no more than `SAME_KW`.
    """
    offset = np.empty(len(curves.offset), np.int64)
    p_kw, price = np.empty(len(curves.p_kw)), np.empty(len(curves.p_kw))
    entry = compile_entry(_in_ticks, INDEX, READ1, READ1, _WRITE_INT, _WRITE, _WRITE)
    n = entry(*curves, offset, p_kw, price)
    return Curves(offset, p_kw[:n], price[:n])
