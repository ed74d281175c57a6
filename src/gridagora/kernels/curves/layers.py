"""All layers of a tree in one call: `up` publishes a curve for every place, `down` settles every place and row (theory 4.3, 4.4).

The same steps as `tree.gather`, `tree.shrink`, `tree.toll`, then `tree.inside` and `tree.each`, layer by layer, without a call
between them. Rows are the n curves at the leaves, then the m places: row n + k is place k.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.curves.curve import MICROWATTS, Curves, _blocks, _clear, _integer, _range
from gridagora.kernels.curves.merge import (
    allocate,
    limit_curve,
    list_members,
    point_rows,
    settle,
    sum_up,
)
from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import INDEX, READ1, compile_entry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class LayerLimits(NamedTuple):
    """Soft limit of the net power of m places: low_kw <= high_kw [kW], over_per_kwh [$/kWh] beyond; base_kw fixed power [kW]."""

    low_kw: Floats
    high_kw: Floats
    over_per_kwh: Floats
    base_kw: Floats


class Rungs(NamedTuple):
    """What went up: row i published the points begin[i] to end[i] - 1; who[first[k]:first[k + 1]] are the rows at place k."""

    p_kw: Floats
    price_per_kwh: Floats
    begin: Ints  # (n + m,)
    end: Ints  # (n + m,)
    first: Ints  # (m + 1,)
    who: Ints  # (n + m,)
    loss_usd_per_h: Floats  # (m,)


class LayerResult(NamedTuple):
    """What came down: price, tie share and net power of every place (m,), power of every leaf (n,); whole microwatts."""

    price_per_kwh: Floats
    share: Floats
    q_kw: Floats
    p_kw: Floats


@njit(**LEAF)
def _room(offset, group, order, blocks, first, who, size):  # type: ignore[no-untyped-def]
    """List the rows at every place; return the most points that all curves have, and the most that any sum has."""
    n = offset.shape[0] - 1
    list_members(group, first, who)
    for i in range(n):
        size[i] = offset[i + 1] - offset[i]
    points, most = offset[n], np.int64(0)
    for k in order:
        need = np.int64(2)
        for r in range(first[k], first[k + 1]):
            need += size[who[r]]
        size[n + k] = 4 + (
            2 * min(need, blocks[k]) if blocks[k] > 0 else need
        )  # each stretch between points can be a block
        points, most = points + size[n + k], max(most, 2 * need)
    return points, most


@njit(**LEAF)
def _up(  # type: ignore[no-untyped-def]
    offset,
    p_kw,
    price,
    order,
    low,
    high,
    over,
    base,
    blocks,
    first,
    who,
    begin,
    end,
    loss,
    p,
    c,
    work,
    ref,
    key,
    cuts,
):
    """Write the curves of all rows to (p, c), one after another; `work` (6, room), `ref` (2, n + m) are scratch."""
    n, at = offset.shape[0] - 1, p_kw.shape[0]
    for v in range(at):
        p[v], c[v] = p_kw[v], price[v]
    for i in range(n):
        begin[i], end[i] = offset[i], offset[i + 1]
    ra, rb, one, two, q, d = ref[0], ref[1], work[0:2], work[2:4], work[4], work[5]
    for k in order:
        s, e = first[k], first[k + 1]
        point_rows(begin, end, who, s, e, ra, rb)
        length = sum_up(p, c, ra, rb, key, s, e, base[k], one, two, q, d, 0)
        begin[n + k] = at
        if blocks[k] > 0:
            length, loss[k] = _blocks(q, d, 0, length, blocks[k], cuts, one[0], one[1], 0)
            at = limit_curve(one[0], one[1], 0, length, low[k], high[k], over[k], p, c, at)
        else:
            at = limit_curve(q, d, 0, length, low[k], high[k], over[k], p, c, at)
        end[n + k] = at
    return at


@njit(**JIT)
def _down(  # type: ignore[no-untyped-def]
    p,
    c,
    begin,
    end,
    first,
    who,
    parent,
    order,
    low,
    high,
    over,
    base,
    given,
    price,
    share,
    q_kw,
    p_kw,
):
    """Settle the places from the roots down; price and share hold those of the roots and are overwritten."""
    m, rows = order.shape[0], who.shape[0]
    n = rows - m
    taken, found = np.zeros(rows, np.int64), np.empty(p.shape[0])
    ra, rb = np.empty(rows, np.int64), np.empty(rows, np.int64)
    for j in range(m - 1, -1, -1):
        k = order[j]
        up, s, e = parent[k], first[k], first[k + 1]
        if up < 0 and not np.isnan(given[k]):
            taken[n + k] = _integer(given[k])
        elif up < 0:
            least, most = _range(p, c, begin[n + k], end[n + k], price[k])
            taken[n + k] = _integer(least + share[k] * (most - least))
        else:
            price[k], share[k] = price[up], share[up]
        q = taken[n + k]
        q_kw[k] = q / MICROWATTS
        slack = ((e - s) // 2 + 2) / MICROWATTS
        if q_kw[k] > high[k] + slack:
            price[k] += over[k]
        elif q_kw[k] < low[k] - slack:
            price[k] -= over[k]
        if e > s:
            q -= _integer(base[k])
            point_rows(begin, end, who, s, e, ra, rb)
            price[k], share[k] = settle(p, c, ra, rb, s, e, q, price[k], share[k], found)
            allocate(p, c, ra, rb, who, s, e, price[k], share[k], q, taken)
    for i in range(n):
        p_kw[i] = taken[i] / MICROWATTS


@register_jitable(**JIT)
def _publish(begin, end, n, chosen, p, c):  # type: ignore[no-untyped-def]
    """Return the curves that chosen places passed up, one after another."""
    offset = np.zeros(chosen.shape[0] + 1, np.int64)
    for j in range(chosen.shape[0]):
        k = n + chosen[j]
        offset[j + 1] = offset[j] + end[k] - begin[k]
    power, price = np.empty(offset[-1]), np.empty(offset[-1])
    for j in range(chosen.shape[0]):
        k = n + chosen[j]
        power[offset[j] : offset[j + 1]] = p[begin[k] : end[k]]
        price[offset[j] : offset[j + 1]] = c[begin[k] : end[k]]
    return offset, power, price


@njit(**JIT)
def _clear_tree(  # type: ignore[no-untyped-def]
    offset,
    p_kw,
    price,
    place,
    parent,
    level,
    low,
    high,
    over,
    base,
    kept,
    most_blocks,
    load,
    supply_kw,
    supply_price,
    worth,
    q_kw,
    out,
):
    """Write price and power of every place and the power of every row; return whether limits hold, and what places passed up."""
    n, m = place.shape[0], parent.shape[0]
    root, every = np.flatnonzero(parent < 0), np.arange(m)
    lower, upper, fixed = np.full(m, -np.inf), np.full(m, np.inf), np.zeros(m)
    group, blocks, good = np.empty(n + m, np.int64), np.full(m, most_blocks), root.shape[0] > 0
    for i in range(n):
        group[i] = place[i]
        good &= 0 <= place[i] < m
    for k in range(m):
        group[n + k] = parent[k] if parent[k] >= 0 else m
        if parent[k] >= 0:
            lower[k], upper[k] = low[k] * kept - base[k], high[k] * kept - base[k]
        good &= lower[k] <= upper[k] and lower[k] < np.inf and upper[k] > -np.inf
        good &= 0.0 <= over[k] < np.inf
    if not good:
        return False, (np.zeros(1, np.int64), np.zeros(0), np.zeros(0))
    order = np.argsort(level, kind="mergesort")
    first, who, size = (
        np.empty(m + 2, np.int64),
        np.empty(n + m, np.int64),
        np.empty(n + m, np.int64),
    )
    points, most = _room(offset, group, order, blocks, first, who, size)
    p, c, work, loss = np.empty(points), np.empty(points), np.empty((6, most)), np.zeros(m)
    begin, end = np.empty(n + m, np.int64), np.empty(n + m, np.int64)
    ref, key, cuts = (
        np.empty((2, n + m), np.int64),
        np.empty(n + m),
        np.empty(most_blocks + 2, np.int64),
    )
    at = _up(
        offset,
        p_kw,
        price,
        order,
        lower,
        upper,
        over,
        fixed,
        blocks,
        first,
        who,
        begin,
        end,
        loss,
        p,
        c,
        work,
        ref,
        key,
        cuts,
    )
    p, c = p[:at], c[:at]
    own, own_kw, own_price = _publish(begin, end, n, root, p, c)
    cleared, part, _ = _clear(own, own_kw, own_price, load, supply_kw, supply_price)
    share, given = np.zeros(m), np.full(m, np.nan)
    worth[:] = 0.0
    for top in root:
        worth[top], share[top] = cleared, part
    _down(
        p,
        c,
        begin,
        end,
        first[:-1],
        who,
        parent,
        order,
        lower,
        upper,
        over,
        fixed,
        given,
        worth,
        share,
        q_kw,
        out,
    )
    return True, _publish(begin, end, n, every, p, c)


_WRITE = types.Array(types.float64, 1, "C")
_WRITE_INT = types.Array(types.int64, 1, "C")
_TABLE, _TABLE_INT = types.Array(types.float64, 2, "C"), types.Array(types.int64, 2, "C")
_SCRATCH = (*(_WRITE,) * 3, _TABLE, _TABLE_INT, _WRITE, _WRITE_INT)


def up(
    curves: Curves, place: Ints, parent: Ints, order: Ints, limits: LayerLimits, blocks: Ints
) -> Rungs:
    """Return what every place publishes: sum, blocks (where blocks[k] > 0), limit.

    `place` (n,) holds the place of every curve, `parent` (m,) the place above each, -1 at a root; `order` (m,) names every
    place once, no parent before its children; limits and blocks have shape (m,). Nothing is checked: `mechanisms.layers` does.
    """
    n, m = len(place), len(parent)
    begin, end, who, size = (np.empty(n + m, np.int64) for _ in range(4))
    first, loss = np.empty(m + 2, np.int64), np.zeros(m)
    group = np.concatenate([place, np.where(parent < 0, m, parent)])
    room = compile_entry(_room, *(INDEX,) * 4, *(_WRITE_INT,) * 3)
    points, most = room(curves.offset, group, order, blocks, first, who, size)
    p, c, work = np.empty(points), np.empty(points), np.empty((6, most))
    ref, key, cuts = (
        np.empty((2, n + m), np.int64),
        np.empty(n + m),
        np.empty(int(blocks.max(initial=0)) + 2, np.int64),
    )
    entry = compile_entry(
        _up,
        INDEX,
        *(READ1,) * 2,
        INDEX,
        *(READ1,) * 4,
        *(INDEX,) * 3,
        *(_WRITE_INT,) * 2,
        *_SCRATCH,
    )
    at = entry(
        *curves, order, *limits, blocks, first, who, begin, end, loss, p, c, work, ref, key, cuts
    )
    return Rungs(p[:at], c[:at], begin, end, first[:-1], who, loss)


def down(
    rungs: Rungs,
    parent: Ints,
    order: Ints,
    limits: LayerLimits,
    price_per_kwh: Floats,
    share: Floats,
    given_kw: Floats | None = None,
) -> LayerResult:
    """Return price, tie share and power of every place and the power of every leaf.

    `price_per_kwh` and `share` (m,) are read at the roots, where `given_kw` (m,) [kW], if it is no nan, is what a root takes at
    them: the part of a larger tree that hangs below a place is settled as that place was. A place beyond its limit has the price
    of its parent plus (minus) `over_per_kwh`; one at its limit the price nearest to the parent's at which its rows take that;
    any other the parent's.
    """
    m = len(parent)
    n = len(rungs.who) - m
    level, part = np.array(price_per_kwh, np.float64), np.array(share, np.float64)
    q_kw, p_kw = np.empty(m), np.empty(n)
    given = np.full(m, np.nan) if given_kw is None else np.array(given_kw, np.float64)
    entry = compile_entry(_down, *(_WRITE,) * 2, *(INDEX,) * 6, *(READ1,) * 5, *(_WRITE,) * 4)
    entry(
        rungs.p_kw,
        rungs.price_per_kwh,
        *rungs[2:6],
        parent,
        order,
        *limits,
        given,
        level,
        part,
        q_kw,
        p_kw,
    )
    return LayerResult(level, part, q_kw, p_kw)


class TreeCleared(NamedTuple):
    """A tree that was cleared at its root: curves that m places passed up, their price and power, and the power of n rows."""

    passed: Curves
    price_per_kwh: Floats  # (m,)
    q_kw: Floats  # (m,)
    p_kw: Floats  # (n,)


def clear_tree(
    curves: Curves,
    tree: tuple[Ints, Ints, Ints],
    limits: LayerLimits,
    kept_share: float,
    blocks: int,
    load_kw: float,
    supply: tuple[Floats, Floats],
) -> TreeCleared | None:
    """Return what `up`, one clearing at the roots and `down` find, in one call; None where `up` would have to be refused.

    Parameters
    ----------
    curves
        Demand of n rows.
    tree
        The place of every row, (n,), and the place above and the level of every place, (m,) each.
    limits
        Of every place, of which `kept_share` may be used, less its fixed power; those of a root are the supply's and not read.
    blocks
        Most blocks of a curve that a place passes up; 0 keeps every breakpoint.
    load_kw, supply
        Fixed power at the roots [kW], and the supply as a rising polyline, power [kW] and price [$/kWh], (k,) each.
    """
    place, parent, level = tree
    low, high, over, base = limits
    price, q_kw, p_kw = np.empty(len(parent)), np.empty(len(parent)), np.empty(len(place))
    entry = compile_entry(
        _clear_tree,
        INDEX,
        *(READ1,) * 2,
        *(INDEX,) * 3,
        *(READ1,) * 4,
        types.float64,
        types.int64,
        types.float64,
        *(READ1,) * 2,
        *(_WRITE,) * 3,
    )
    good, passed = entry(
        *curves,
        place,
        parent,
        level,
        low,
        high,
        over,
        base,
        kept_share,
        blocks,
        load_kw,
        *supply,
        price,
        q_kw,
        p_kw,
    )
    return TreeCleared(Curves(*passed), price, q_kw, p_kw) if good else None
