"""The price inside a home whose meter buys dear and sells cheap: one clearing a home, exact on the curves of its devices.

Theory 2.9.

A home that still imports at the import price pays it, one that still exports at the credit earns it; between the two lies
one price at which nothing crosses the meter, and flat pieces at that price are shared. Where import beyond a limit costs more,
one that would take more than that at the import price sees a price at which it takes just the limit, and that of import
beyond it where it still takes more. Export beyond a limit earns less, likewise: the price falls below the credit.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.curves.curve import Curves, _range
from gridagora.kernels.curves.meter_limits import spread_limits
from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import INDEX, READ1, compile_entry

Floats = NDArray[np.float64]


class InsidePrice(NamedTuple):
    """Price inside each home (n,) [$/kWh], and the part of the blocks at just that price that is served (n,)."""

    price_per_kwh: Floats
    share: Floats


@register_jitable(**LEAF)
def _net(offset, p_kw, price, own, rest, level):  # type: ignore[no-untyped-def]
    """Return the net power of a home just above and just below a price."""
    above, below = rest, rest
    for i in own:
        low, high = _range(p_kw, price, offset[i], offset[i + 1], level)
        above += low
        below += high
    return above, below


@register_jitable(**LEAF)
def _idle(offset, p_kw, price, own, rest, lo, hi, over, under):  # type: ignore[no-untyped-def]
    """Return price and share at which nothing crosses: net power is `over` > 0 just above lo, `under` < 0 just below hi."""
    for i in own:
        a, b = offset[i], offset[i + 1]
        while a < b:
            mid = (a + b) // 2
            level = price[mid]
            if level >= hi:
                a = mid + 1
            elif level <= lo:
                b = mid
            else:
                above, below = _net(offset, p_kw, price, own, rest, level)
                if above > 0.0:
                    lo, over, b = level, above, mid
                elif below < 0.0:
                    hi, under, a = level, below, mid + 1
                else:
                    return level, (-above / (below - above) if below > above else 0.0)
    level = lo + (hi - lo) * (over / (over - under))
    return min(max(level, np.nextafter(lo, hi)), np.nextafter(hi, lo)), 0.0


@register_jitable(**LEAF)
def _beyond(offset, p_kw, price, own, rest, buy, limit, over):  # type: ignore[no-untyped-def]
    """Return price and share in a home that takes more than its limit at the import price, or may at a tie."""
    above, under = _net(offset, p_kw, price, own, rest, buy)
    if above <= limit:
        return buy, (limit - above) / (under - above)
    top = buy + over
    under = _net(offset, p_kw, price, own, rest, top)[1]
    if under >= limit:
        return top, 1.0
    return _idle(offset, p_kw, price, own, rest - limit, buy, top, above - limit, under - limit)


@register_jitable(**LEAF)
def _below(offset, p_kw, price, own, rest, sell, floor, less, most):  # type: ignore[no-untyped-def]
    """Return price and share in a home that gives more than its limit at the credit, at which it takes `most` < floor."""
    bottom = sell - less
    above, under = _net(offset, p_kw, price, own, rest, bottom)
    if under <= floor:
        return bottom, 1.0
    if above <= floor:
        return bottom, (floor - above) / (under - above)
    return _idle(offset, p_kw, price, own, rest - floor, bottom, sell, above - floor, most - floor)


@njit(**JIT)
def _clear_homes(  # type: ignore[no-untyped-def]
    offset, p_kw, price, order, first, rest, buy, sell, limit, more, floor, less, inside, share
):
    for home in range(rest.shape[0]):
        own = order[first[home] : first[home + 1]]
        under = _net(offset, p_kw, price, own, rest[home], buy[home])[1]
        over, most = _net(offset, p_kw, price, own, rest[home], sell[home])
        if under > limit[home]:
            inside[home], share[home] = _beyond(
                offset, p_kw, price, own, rest[home], buy[home], limit[home], more[home]
            )
        elif under >= 0.0:
            inside[home], share[home] = buy[home], 1.0
        elif most < floor[home]:
            inside[home], share[home] = _below(
                offset, p_kw, price, own, rest[home], sell[home], floor[home], less[home], most
            )
        elif over <= 0.0:
            inside[home], share[home] = sell[home], (1.0 if most <= 0.0 else -over / (most - over))
        else:
            inside[home], share[home] = _idle(
                offset, p_kw, price, own, rest[home], sell[home], buy[home], over, under
            )


@njit(**LEAF)
def _at_own(offset, p_kw, price, level, share, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        low, high = _range(p_kw, price, offset[i], offset[i + 1], level[i])
        out[i] = low + share[i] * (high - low)


_WRITE = types.Array(types.float64, 1, "C")
_CURVES = (INDEX, READ1, READ1)


def clear(
    curves: Curves,
    home: NDArray[np.int64],
    rest_kw: Floats,
    buy_per_kwh: ArrayLike,
    sell_per_kwh: ArrayLike,
    limit_kw: ArrayLike = np.inf,
    over_per_kwh: ArrayLike = 0.0,
    export_kw: ArrayLike = np.inf,
    under_per_kwh: ArrayLike = 0.0,
) -> InsidePrice:
    """Return the price inside each home and its tie share.

    Parameters
    ----------
    curves
        Demand of every device, r rows.
    home
        Home of each row, shape (r,).
    rest_kw
        Everything else behind each meter, load less generation, shape (n,) [kW].
    buy_per_kwh, sell_per_kwh
        Price of import and credit for export, anything that spreads to (n,), sell <= buy [$/kWh].
    limit_kw, over_per_kwh
        Import beyond the first [kW] costs the second more [$/kWh], both zero or more, anything that spreads to (n,).
    export_kw, under_per_kwh
        Export beyond the first [kW] earns the second less [$/kWh], likewise.

    Notes
    -----
    Where a tie leaves a choice the most power is used, but none is imported to be used at the credit.
    """
    n = len(rest_kw)
    given = (np.asarray(price, np.float64) for price in (buy_per_kwh, sell_per_kwh))
    buy, sell = (each if each.shape == (n,) else np.broadcast_to(each, (n,)) for each in given)
    limit, over = spread_limits(limit_kw, over_per_kwh, (n,))
    export, under = spread_limits(export_kw, under_per_kwh, (n,))
    order = np.argsort(home, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(home, minlength=n))])
    inside, share = np.empty(n), np.empty(n)
    entry = compile_entry(_clear_homes, *_CURVES, INDEX, INDEX, *(READ1,) * 7, _WRITE, _WRITE)
    entry(*curves, order, first, rest_kw, buy, sell, limit, over, -export, under, inside, share)
    return InsidePrice(inside, share)


def power_at_own(curves: Curves, price_per_kwh: Floats, share: Floats) -> Floats:
    """Return the power of every row at its own price and tie share, all (r,) [kW]."""
    out = np.empty(len(curves.offset) - 1)
    compile_entry(_at_own, *_CURVES, READ1, READ1, _WRITE)(*curves, price_per_kwh, share, out)
    return out
