"""Curves up a tree of places, price and tie share down: sums of groups, soft limits, blocks, and the way back (theory 4.3, 4.4).

A place sums the curves below it, may shorten the sum to blocks, applies its own limit and passes one curve up. The limit is
soft: a kW above it is wanted only at a price lower by `over`, which is the exact curve of a place that pays `over` for each kWh
beyond its limit, since the marginal worth of net power q inside a place is the price of the sum at q, and the penalty adds its
own slope to the cost. A large `over` is a hard limit.

Rows are summed in an order that depends on their content alone (a key over all points, then the points one by one), pairwise as
in `curve.add`: the order of rows changes no bit of a sum. Grouping does change the last digits: a sum of sums agrees with the
flat sum within rounding. What comes down is kept in whole microwatts, so the parts of a place add up to its power exactly.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.curves.curve import MICROWATTS, Curves, _blocks, _integer, _range
from gridagora.kernels.curves.merge import (
    allocate,
    limit_curve,
    list_members,
    point_rows,
    settle,
    sum_up,
)
from gridagora.kernels.stores.polyline import JIT
from gridagora.kernels.stores.table import INDEX, READ1, compile_entry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Shrunk(NamedTuple):
    """Curves of few blocks, and the most welfare each can lose, (n,) [$/h]; see `curve.compress`."""

    curves: Curves
    loss_usd_per_h: Floats


@njit(**JIT)
def _gather(offset, p_kw, price, group, base, out_offset):  # type: ignore[no-untyped-def]
    count, points = base.shape[0], p_kw.shape[0]
    n = group.shape[0]
    first, who = np.empty(count + 1, np.int64), np.empty(n, np.int64)
    ra, rb, key = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    p, c, one, two = p_kw.copy(), price.copy(), np.empty((2, points)), np.empty((2, points))
    q, d, end = np.empty(points + count), np.empty(points + count), np.int64(0)
    list_members(group, first, who)
    point_rows(offset[:-1], offset[1:], who, 0, n, ra, rb)
    for g in range(count):
        end = sum_up(p, c, ra, rb, key, first[g], first[g + 1], base[g], one, two, q, d, end)
        out_offset[g + 1] = end
    return q[:end].copy(), d[:end].copy()


@njit(**JIT)
def _toll_rows(offset, p_kw, price, low, high, over, out_offset):  # type: ignore[no-untyped-def]
    p, c, n = p_kw.copy(), price.copy(), 0
    q, d = np.empty(p.shape[0] + 4 * low.shape[0]), np.empty(p.shape[0] + 4 * low.shape[0])
    for i in range(low.shape[0]):
        n = limit_curve(p, c, offset[i], offset[i + 1], low[i], high[i], over[i], q, d, n)
        out_offset[i + 1] = n
    return q[:n].copy(), d[:n].copy()


@njit(**JIT)
def _shrink_rows(offset, p_kw, price, blocks, out_offset, loss):  # type: ignore[no-untyped-def]
    n, rows, most = 0, loss.shape[0], 0
    for i in range(rows):
        most = max(most, offset[i + 1] - offset[i])
    p, c, cuts = np.empty(most + 1), np.empty(most + 1), np.empty(blocks + 1, np.int64)
    q, d = np.empty(2 * p_kw.shape[0] + 4 * rows), np.empty(2 * p_kw.shape[0] + 4 * rows)
    for i in range(rows):
        a, m = offset[i], offset[i + 1] - offset[i]
        p[:m], c[:m] = p_kw[a : a + m], price[a : a + m]
        n, loss[i] = _blocks(p, c, 0, m, blocks, cuts, q, d, n)
        out_offset[i + 1] = n
    return q[:n].copy(), d[:n].copy()


@njit(**JIT)
def _inside_groups(offset, p_kw, price, group, q_kw, level, share, out_level, out_share):  # type: ignore[no-untyped-def]
    count, n = q_kw.shape[0], group.shape[0]
    first, who = np.empty(count + 1, np.int64), np.empty(n, np.int64)
    ra, rb, found = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(p_kw.shape[0])
    p, c = p_kw.copy(), price.copy()  # memory of its own, for which `layers` has all below compiled
    list_members(group, first, who)
    point_rows(offset[:-1], offset[1:], who, 0, n, ra, rb)
    for g in range(count):
        out_level[g], out_share[g] = settle(
            p,
            c,
            ra,
            rb,
            first[g],
            first[g + 1],
            _integer(q_kw[g]),
            level[g],
            share[g],
            found,
        )


@njit(**JIT)
def _each_row(offset, p_kw, price, group, level, share, q_kw, exact, out):  # type: ignore[no-untyped-def]
    count, n = level.shape[0], group.shape[0]
    first, who = np.empty(count + 1, np.int64), np.empty(n, np.int64)
    ra, rb, taken = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    p, c = p_kw.copy(), price.copy()
    list_members(group, first, who)
    point_rows(offset[:-1], offset[1:], who, 0, n, ra, rb)
    for i in range(n):
        low, high = _range(p, c, offset[i], offset[i + 1], level[group[i]])
        taken[i] = _integer(low + share[group[i]] * (high - low))
    if exact:
        for g in range(count):
            allocate(
                p,
                c,
                ra,
                rb,
                who,
                first[g],
                first[g + 1],
                level[g],
                share[g],
                _integer(q_kw[g]),
                taken,
            )
    for i in range(n):
        out[i] = taken[i] / MICROWATTS


_WRITE = types.Array(types.float64, 1, "C")
_WRITE_INT = types.Array(types.int64, 1, "C")
_CURVES: tuple[Any, ...] = (INDEX, READ1, READ1)


def _spread(value: ArrayLike, count: int) -> Floats:
    column = np.asarray(value, np.float64)
    return column if column.shape == (count,) else np.broadcast_to(column, (count,))


def gather(curves: Curves, group: Ints, count: int, base_kw: ArrayLike = 0.0) -> Curves:
    """Return the exact sum of the rows of each group: every breakpoint is kept, and the order of rows changes no bit.

    Parameters
    ----------
    curves
        n rows.
    group
        Group of each row, shape (n,), 0 .. count - 1, in any order.
    count
        Groups.
    base_kw
        Fixed power of each group, scalar or shape (count,) [kW]. A group without rows is one point there, at price 0.

    Raises
    ------
    ValueError
        Groups that are not one a row or do not exist.
    """
    index = _checked(curves, group, count)
    offset = np.zeros(count + 1, np.int64)
    entry = compile_entry(_gather, *_CURVES, INDEX, READ1, _WRITE_INT)
    p_kw, price = entry(
        curves.offset, curves.p_kw, curves.price_per_kwh, index, _spread(base_kw, count), offset
    )
    return Curves(offset, p_kw, price)


def soft_limit(
    curves: Curves, low_kw: ArrayLike, high_kw: ArrayLike, over_per_kwh: ArrayLike
) -> Curves:
    """Return the published curve of every row under a soft limit of its power.

    A kW above `high_kw` is wanted only at a price lower by `over_per_kwh`, one below `low_kw` (negative: the export limit)
    is kept back until the price is higher by as much: the exact optimum of a place that pays `over_per_kwh` for each kWh
    beyond. Each argument is a scalar or has shape (n,); infinite limits change nothing. Raises ValueError naming a row whose
    limits cross or whose `over_per_kwh` is negative or infinite.
    """
    n = len(curves.offset) - 1
    low, high, over = _spread(low_kw, n), _spread(high_kw, n), _spread(over_per_kwh, n)
    _limits(low, high, over)
    offset = np.zeros(n + 1, np.int64)
    entry = compile_entry(_toll_rows, *_CURVES, READ1, READ1, READ1, _WRITE_INT)
    p_kw, price = entry(curves.offset, curves.p_kw, curves.price_per_kwh, low, high, over, offset)
    return Curves(offset, p_kw, price)


def _limits(low: Floats, high: Floats, over: Floats) -> None:
    bad = np.flatnonzero(
        ~((low <= high) & (over >= 0.0) & np.isfinite(over) & (low < np.inf) & (high > -np.inf))
    )
    if len(bad):
        i = bad[0]
        got = f"low {low[i]}, high {high[i]} kW, over {over[i]} $/kWh"
        raise ValueError(
            f"limit of row {i}: got {got}, expected low <= high and a finite price of zero or more"
        )


def compress_groups(curves: Curves, blocks: int) -> Shrunk:
    """Return every row as at most `blocks` blocks with the most it can lose, as `curve.compress` does for one.

    Raises
    ------
    ValueError
        Less than one block.
    """
    if blocks < 1:
        raise ValueError(f"shrink: got {blocks} blocks, expected one or more")
    n = len(curves.offset) - 1
    offset, loss = np.zeros(n + 1, np.int64), np.zeros(n)
    entry = compile_entry(_shrink_rows, *_CURVES, types.int64, _WRITE_INT, _WRITE)
    p_kw, price = entry(curves.offset, curves.p_kw, curves.price_per_kwh, blocks, offset, loss)
    return Shrunk(Curves(offset, p_kw, price), loss)


def price_at_quantity(
    curves: Curves, group: Ints, q_kw: Floats, price_per_kwh: ArrayLike, share: ArrayLike
) -> tuple[Floats, Floats]:
    """Return price and tie share, (count,) each, at which the rows of every group take just q_kw (count,).

    The given price and share (those of the parent; scalar or (count,)) stay where the rows already do so; else the share
    alone changes, else the price goes to the nearest one at which they do. Equal means within half a microwatt a row and two.
    A power the rows cannot take at any price gives their last breakpoint.
    """
    count = len(q_kw)
    index = _checked(curves, group, count)
    level, part = np.empty(count), np.empty(count)
    entry = compile_entry(_inside_groups, *_CURVES, INDEX, READ1, READ1, READ1, _WRITE, _WRITE)
    given = _spread(price_per_kwh, count), _spread(share, count)
    entry(
        curves.offset,
        curves.p_kw,
        curves.price_per_kwh,
        index,
        np.asarray(q_kw, np.float64),
        *given,
        level,
        part,
    )
    return level, part


def allocate_rows(
    curves: Curves, group: Ints, price_per_kwh: Floats, share: Floats, q_kw: Floats | None = None
) -> Floats:
    """Return the power of every row, (n,) [kW] in whole microwatts, at the price and tie share (count,) of its group.

    The sum of a group is what it takes at that price within half a microwatt a row. With `q_kw` (count,) it is just that:
    the rest, those few microwatts, goes round one by one to rows that have room for it, the first rows first.
    """
    count = len(price_per_kwh)
    index = _checked(curves, group, count)
    out = np.empty(len(index))
    entry = compile_entry(_each_row, *_CURVES, INDEX, READ1, READ1, READ1, types.boolean, _WRITE)
    level, part = _spread(price_per_kwh, count), _spread(share, count)
    target = _spread(0.0 if q_kw is None else q_kw, count)
    entry(
        curves.offset,
        curves.p_kw,
        curves.price_per_kwh,
        index,
        level,
        part,
        target,
        q_kw is not None,
        out,
    )
    return out


def _checked(curves: Curves, group: Ints, count: int) -> Ints:
    index = np.asarray(group, np.int64)
    n = len(curves.offset) - 1
    if index.shape != (n,) or (n and (index.min() < 0 or index.max() >= count)):
        raise ValueError(
            f"group must have shape ({n},) and values in 0..{count - 1}, one for each curve"
        )
    return index
