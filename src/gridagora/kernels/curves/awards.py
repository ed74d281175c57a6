"""What rows of curves are awarded: a clearing among some while others have a fixed price, and whether awards fit curves."""

from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from gridagora.kernels.curves.curve import MICROWATTS, Curves, Floats, _clear, _integer, _range
from gridagora.kernels.stores.polyline import JIT
from gridagora.kernels.stores.table import INDEX, READ1, READ2, compile_entry


@njit(**JIT)
def _within(offset, p_kw, party, power, price, tolerance):  # type: ignore[no-untyped-def]
    for i in range(party.shape[0]):
        low, high = p_kw[offset[i]], p_kw[offset[i + 1] - 1]
        least, most = min(low, high) - tolerance, max(low, high) + tolerance
        if party[i] != i or not (least <= power[i, 0] <= most and np.isfinite(price[i, 0])):
            return False
    return True


@njit(**JIT)
def _clear_some(offset, p_kw, price, some, fixed_price, base, sp, s_price, level, power):  # type: ignore[no-untyped-def]
    """Serve rows that are not among some at a fixed price, clear the others for the rest; write price and power of all."""
    n, rows, points, taken = some.shape[0], 0, np.int64(0), np.int64(0)
    for i in range(n):
        if some[i]:
            rows, points = rows + 1, points + offset[i + 1] - offset[i]
        else:
            low, high = _range(p_kw, price, offset[i], offset[i + 1], fixed_price)
            level[i], power[i] = fixed_price, low + (high - low)
            taken += _integer(power[i])
    own, own_kw, own_price = np.zeros(rows + 1, np.int64), np.empty(points), np.empty(points)
    k = 0
    for i in range(n):
        if some[i]:
            a, b = offset[i], offset[i + 1]
            own[k + 1] = own[k] + b - a
            own_kw[own[k] : own[k + 1]], own_price[own[k] : own[k + 1]] = p_kw[a:b], price[a:b]
            k += 1
    found, share, _ = _clear(own, own_kw, own_price, base + taken / MICROWATTS, sp, s_price)
    for i in range(n):
        if some[i]:
            low, high = _range(p_kw, price, offset[i], offset[i + 1], found)
            level[i], power[i] = found, low + share * (high - low)


_WRITE = types.Array(types.float64, 1, "C")
_FLAGS = types.Array(types.boolean, 1, "A", readonly=True)
_F = types.float64
_CURVES: tuple[Any, ...] = (INDEX, READ1, READ1)


def are_within(
    curves: Curves,
    party: NDArray[np.int64],
    power_kw: Floats,
    price_per_kwh: Floats,
    tolerance_kw: float,
) -> bool:
    """Return whether rows i are of party i, (n,), take a power on their curve or so near, (n, 1) [kW], and have a finite price.

    Prices have shape (n, 1) [$/kWh]; the power is between the ends of the curve, or within the tolerance of them.
    """
    entry = compile_entry(_within, INDEX, READ1, INDEX, READ2, READ2, _F)
    return bool(entry(curves.offset, curves.p_kw, party, power_kw, price_per_kwh, tolerance_kw))


def clear_some(
    curves: Curves,
    some: NDArray[np.bool_],
    fixed_per_kwh: float,
    base_kw: float,
    supply_p_kw: Floats,
    supply_price_per_kwh: Floats,
) -> tuple[Floats, Floats]:
    """Return price [$/kWh] and power [kW] of every row, (n,) each, where some rows, (n,), are cleared as by `curve.clear`.

    The others take what they want at a fixed price, of which the supply also serves the sum.
    """
    price, power = np.empty(len(some)), np.empty(len(some))
    entry = compile_entry(_clear_some, *_CURVES, _FLAGS, _F, _F, READ1, READ1, _WRITE, _WRITE)
    entry(*curves, some, fixed_per_kwh, base_kw, supply_p_kw, supply_price_per_kwh, price, power)
    return price, power
