"""What devices of a kind did in an interval, added up by home in one pass over their rows."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import LEAF

Col = NDArray[np.float64]
Index = NDArray[np.int64]


@register_jitable(**LEAF)
def _add_by_home(home, values, total):  # type: ignore[no-untyped-def]
    for i in range(total.shape[0]):
        total[i] = 0.0
    for r in range(home.shape[0]):
        total[home[r]] += values[r]


@njit(**LEAF)
def _add_group(  # type: ignore[no-untyped-def]
    home, p_kw, asked_kw, is_asked, before, after, account, kind_kw, told_kw, drawn_kw, ordered_kw, widest
):  # fmt: skip
    _add_by_home(home, p_kw, kind_kw)
    for i in range(kind_kw.shape[0]):
        drawn_kw[i] += kind_kw[i]
    if is_asked:
        _add_by_home(home, asked_kw, told_kw)
        for i in range(told_kw.shape[0]):
            ordered_kw[i] += told_kw[i]
    for r in range(home.shape[0]):
        gap, i = abs(after[r] - before[r] - account[r]), home[r]
        if gap > widest[i] or np.isnan(gap):
            widest[i] = gap


class HomeSums(NamedTuple):
    """What n homes took in an interval so far, (n,) each: of all devices, of all orders, and the largest gap of a store."""

    drawn_kw: Col
    ordered_kw: Col
    widest_kwh: Col
    told_kw: Col  # space for the orders of one kind


def no_sums(n: int) -> HomeSums:
    """Return the sums of n homes before any device has stepped."""
    return HomeSums(np.zeros(n), np.zeros(n), np.zeros(n), np.empty(n))


def add_group(
    sums: HomeSums,
    home: Index,
    p_kw: Col,
    asked_kw: Col | None,
    stores_kwh: tuple[Col, Col, Col],
    kind_kw: Col,
) -> None:
    """Add the devices of a kind to the sums of their homes, rows of a home in their order, and write `kind_kw` (n,) [kW].

    Parameters
    ----------
    home
        Home of each device, shape (r,).
    p_kw, asked_kw
        What each took, and what it was asked for, shape (r,) [kW]; None where nobody asked.
    stores_kwh
        What each stored before and after, and what must have been added by its account, shape (r,) each [kWh]; nan stays.
    """
    _add_group(
        np.ascontiguousarray(home),
        p_kw,
        p_kw if asked_kw is None else asked_kw,
        asked_kw is not None,
        *stores_kwh,
        kind_kw,
        sums.told_kw,
        sums.drawn_kw,
        sums.ordered_kw,
        sums.widest_kwh,
    )
