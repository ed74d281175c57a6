"""Demand curves of price: exact sum, exact clearing, each party's answer, and compression to blocks (theory 4.1, 4.5).

A curve lists its own points, power rising and price falling; two points at one price are a block to which the party is
indifferent, two at one power a gap in price. Beyond its ends the power stays at its limit. The price of a tie goes with
`share` in [0, 1]: the part of every block at that price which is served.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.stores.polyline import JIT, LEAF, append, between
from gridagora.kernels.stores.table import INDEX, READ1, compile_entry

Floats = NDArray[np.float64]
MICROWATTS = (
    1e9  # per kW: sums of powers are kept as integers, so that no order of rows changes a bit
)


class Curves(NamedTuple):
    """Curves of n rows, ragged: points offset[i]:offset[i+1] are row i; p_kw rises, price_per_kwh falls along a row."""

    offset: NDArray[np.int64]  # (n + 1,)
    p_kw: Floats  # (points,)
    price_per_kwh: Floats  # (points,)


class Cleared(NamedTuple):
    """Where demand meets supply: price [$/kWh], part of the blocks at that price that is served, net power [kW]."""

    price_per_kwh: float
    share: float
    q_kw: float


class Compressed(NamedTuple):
    """A curve of few blocks at their mean price, and the most welfare per hour that clearing with it can lose [$/h]."""

    curve: Curves
    loss_usd_per_h: float


@register_jitable(**LEAF)
def _first_at_most(price, lo, hi, level):  # type: ignore[no-untyped-def]
    """Return the first index in [lo, hi) whose falling price is at most `level`, else hi."""
    while lo < hi:
        mid = (lo + hi) // 2
        if price[mid] <= level:
            hi = mid
        else:
            lo = mid + 1
    return lo


@register_jitable(**LEAF)
def _range(p_kw, price, start, stop, level):  # type: ignore[no-untyped-def]
    """Return the powers of one row just above and just below a price."""
    i = _first_at_most(price, start, stop, level)
    if i == stop:
        return p_kw[stop - 1], p_kw[stop - 1]
    if price[i] < level:
        if i == start:
            return p_kw[start], p_kw[start]
        way = (price[i - 1] - level) / (price[i - 1] - price[i])
        p = p_kw[i - 1] + (p_kw[i] - p_kw[i - 1]) * way
        return p, p
    j = i
    while j + 1 < stop and price[j + 1] == level:
        j += 1
    return p_kw[i], p_kw[j]


@register_jitable(**LEAF)
def _integer(p):  # type: ignore[no-untyped-def]
    return np.int64(np.rint(p * MICROWATTS))


@njit(**LEAF)
def _total_range(offset, p_kw, price, level):  # type: ignore[no-untyped-def]
    """Return the sums of powers just above and just below a price [integer microwatts]."""
    above, below = np.int64(0), np.int64(0)
    for i in range(offset.shape[0] - 1):
        low, high = _range(p_kw, price, offset[i], offset[i + 1], level)
        above += _integer(low)
        below += _integer(high)
    return above, below


@njit(**LEAF)
def _at_rows(offset, p_kw, price, level, share, out):  # type: ignore[no-untyped-def]
    for i in range(offset.shape[0] - 1):
        low, high = _range(p_kw, price, offset[i], offset[i + 1], level)
        out[i] = low + share * (high - low)


@register_jitable(**LEAF)
def _supply_range(p_kw, price, level):  # type: ignore[no-untyped-def]
    """Return what a rising supply offers just below and just above a price."""
    n = p_kw.shape[0]
    i = 0
    while i < n and price[i] < level:
        i += 1
    if i == n or price[i] > level:
        if i == 0 or i == n:
            p = p_kw[min(i, n - 1)]
            return p, p
        p = p_kw[i - 1] + (p_kw[i] - p_kw[i - 1]) * (
            (level - price[i - 1]) / (price[i] - price[i - 1])
        )
        return p, p
    j = i
    while j + 1 < n and price[j + 1] == level:
        j += 1
    return p_kw[i], p_kw[j]


@register_jitable(**LEAF)
def _gather(offset, price, sp, s_price, lo, hi, found):  # type: ignore[no-untyped-def]
    """Collect the distinct-looking breakpoint prices strictly inside (lo, hi)."""
    n = 0
    for v in range(offset[0], offset[-1]):
        if lo < price[v] < hi:
            found[n] = price[v]
            n += 1
    for v in range(sp.shape[0]):
        if lo < s_price[v] < hi:
            found[n] = s_price[v]
            n += 1
    return n


@register_jitable(**LEAF)
def _shrink(found, n, lo, hi):  # type: ignore[no-untyped-def]
    m = 0
    for v in range(n):
        if lo < found[v] < hi:
            found[m] = found[v]
            m += 1
    return m


@njit(**JIT)
def _in_order(offset, p_kw, price):  # type: ignore[no-untyped-def]
    if offset[0] != 0 or offset[-1] != p_kw.shape[0] or p_kw.shape[0] != price.shape[0]:
        return False
    for i in range(offset.shape[0] - 1):
        if offset[i + 1] <= offset[i]:
            return False
        for j in range(offset[i], offset[i + 1]):
            if not (np.isfinite(p_kw[j]) and np.isfinite(price[j])):
                return False
            if j > offset[i] and not (p_kw[j] >= p_kw[j - 1] and price[j] <= price[j - 1]):
                return False
    return True


@register_jitable(**JIT)
def _pivot(found, n):  # type: ignore[no-untyped-def]
    """Return the median of nine entries spread over the list: few rounds without sorting."""
    few = np.empty(9)
    count = min(n, 9)
    for v in range(count):
        few[v] = found[(v * n) // count]
    return np.sort(few[:count])[count // 2]


@njit(**JIT)
def _clear(offset, p_kw, price, base, sp, s_price):  # type: ignore[no-untyped-def]
    """Return price, share and power; see `clear`."""
    found = np.empty(offset[-1] - offset[0] + sp.shape[0])
    lo, hi = -np.inf, np.inf
    n = _gather(offset, price, sp, s_price, lo, hi, found)
    fixed = _integer(base)
    over_lo, over_hi = np.int64(0), np.int64(0)  # excess demand just above lo, just below hi
    q_lo = np.int64(0)
    while n > 0:
        level = _pivot(found, n)
        low, high = _total_range(offset, p_kw, price, level)
        offer_low, offer_high = _supply_range(sp, s_price, level)
        s_low, s_high = _integer(offer_low), _integer(offer_high)
        low, high = low + fixed, high + fixed
        if low > s_high:  # demand exceeds supply even just above this price
            lo, over_lo, q_lo = level, low - s_high, low
        elif high < s_low:
            hi, over_hi = level, high - s_low
        else:
            q = min(high, s_high)
            return (
                level,
                (float(q - low) / float(high - low) if high > low else 0.0),
                q / MICROWATTS,
            )
        n = _shrink(found, n, lo, hi)
    if (
        lo == -np.inf
    ):  # even the lowest price leaves an excess of supply, or there is nothing to clear
        low, _ = _total_range(offset, p_kw, price, hi)
        return hi, 1.0, (_total_range(offset, p_kw, price, hi)[1] + fixed) / MICROWATTS
    if hi == np.inf:
        return lo, 0.0, q_lo / MICROWATTS
    level = lo + (hi - lo) * (float(over_lo) / float(over_lo - over_hi))
    level = min(max(level, np.nextafter(lo, hi)), np.nextafter(hi, lo))
    low, _ = _total_range(offset, p_kw, price, level)
    return level, 0.0, (low + fixed) / MICROWATTS


@register_jitable(**LEAF)
def _sum_two(ap, ac, bp, bc, p_kw, cost):  # type: ignore[no-untyped-def]
    """Add two curves given as power over falling price; cost = minus price, rising. Returns the length."""
    na, nb = ap.shape[0], bp.shape[0]
    i, j, n = 0, 0, 0
    while i < na or j < nb:
        at = min(ac[i] if i < na else np.inf, bc[j] if j < nb else np.inf)
        a, b = between(ac, ap, na, i, at), between(bc, bp, nb, j, at)
        n = append(p_kw, cost, n, a + b, -at)
        while i < na and ac[i] == at:
            a, i = ap[i], i + 1
        while j < nb and bc[j] == at:
            b, j = bp[j], j + 1
        n = append(p_kw, cost, n, a + b, -at)
    return n


@njit(**JIT)
def _add(offset, p_kw, price):  # type: ignore[no-untyped-def]
    """Add neighbours pairwise until one curve is left: every point is an interpolation, so nothing cancels."""
    rows = offset.shape[0] - 1
    total = 2 * (offset[-1] - offset[0]) + 2
    start, p, cost = (
        offset - offset[0],
        p_kw[offset[0] : offset[-1]].copy(),
        -price[offset[0] : offset[-1]],
    )
    while rows > 1:
        new_start, new_p, new_price = (
            np.zeros((rows + 1) // 2 + 1, np.int64),
            np.empty(total),
            np.empty(total),
        )
        n = 0
        for r in range(0, rows, 2):
            a, b = start[r], start[r + 1]
            c = start[r + 2] if r + 1 < rows else b
            if b < c:
                n += _sum_two(p[a:b], cost[a:b], p[b:c], cost[b:c], new_p[n:], new_price[n:])
            else:
                new_p[n : n + b - a], new_price[n : n + b - a] = p[a:b], -cost[a:b]
                n += b - a
            new_start[r // 2 + 1] = n
        start, p, cost, rows = new_start, new_p, -new_price, (rows + 1) // 2
    return p[: start[rows]].copy(), -cost[: start[rows]]


@register_jitable(**LEAF)
def _split(p_kw, price, a, b):  # type: ignore[no-untyped-def]
    """Return the point inside a stretch that leaves the smallest rectangles on both sides."""
    least, found = np.inf, a + 1
    for v in range(a + 1, b):
        left = (p_kw[v] - p_kw[a]) * (price[a] - price[v]) + (p_kw[b] - p_kw[v]) * (
            price[v] - price[b]
        )
        if left < least:
            least, found = left, v
    return found


@register_jitable(**LEAF)
def _stretches(p_kw, price, a, last, blocks, cuts):  # type: ignore[no-untyped-def]
    """Write the ends of at most `blocks` stretches of the points a..last to `cuts`; return how many ends there are."""
    cuts[0], cuts[1], count = a, last, 2
    while count - 1 < blocks:
        widest, at = 0.0, -1
        for j in range(count - 1):
            i, k = cuts[j], cuts[j + 1]
            room = (p_kw[k] - p_kw[i]) * (price[i] - price[k]) if k - i > 1 else 0.0
            if room > widest:
                widest, at = room, j
        if at < 0:
            break
        for j in range(count, at + 1, -1):
            cuts[j] = cuts[j - 1]
        cuts[at + 1] = _split(p_kw, price, cuts[at], cuts[at + 2])
        count += 1
    return count


@njit(**LEAF)
def _blocks(p_kw, price, a, b, blocks, cuts, out_p, out_price, n):  # type: ignore[no-untyped-def]
    """Write the points a..b-1 as blocks from index n on; return the new length and the loss. Point b may be overwritten."""
    if p_kw[b - 1] == p_kw[a]:
        out_p[n], out_price[n] = p_kw[a], price[a]
        return n + 1, 0.0
    if b - a == 2:  # a lone line is split in the middle
        p_kw[b], price[b] = p_kw[a + 1], price[a + 1]
        p_kw[a + 1], price[a + 1] = 0.5 * (p_kw[a] + p_kw[b]), 0.5 * (price[a] + price[b])
        b += 1
    count = _stretches(p_kw, price, a, b - 1, blocks, cuts)
    loss, last = 0.0, np.inf
    for j in range(count - 1):
        i, k = cuts[j], cuts[j + 1]
        width, worth = p_kw[k] - p_kw[i], 0.0
        if width <= 0.0:
            continue
        loss = max(loss, width * (price[i] - price[k]))
        for v in range(i, k):
            worth += 0.5 * (price[v] + price[v + 1]) * (p_kw[v + 1] - p_kw[v])
        last = min(last, worth / width)
        out_p[n], out_price[n] = p_kw[i], last
        out_p[n + 1], out_price[n + 1] = p_kw[k], last
        n += 2
    return n, loss


_WRITE = types.Array(types.float64, 1, "C")
_I = types.int64
_F = types.float64
_CURVES: tuple[Any, ...] = (INDEX, READ1, READ1)


def power_at(curves: Curves, price_per_kwh: float, share: float = 0.0) -> Floats:
    """Return the power of every row at a price, (n,) [kW]; `share` of each block at just that price is served."""
    out = np.empty(len(curves.offset) - 1)
    compile_entry(_at_rows, *_CURVES, _F, _F, _WRITE)(
        curves.offset, curves.p_kw, curves.price_per_kwh, price_per_kwh, share, out
    )
    return out


def total(curves: Curves, price_per_kwh: float, share: float = 0.0) -> float:
    """Return the sum of all powers at a price [kW]; the order of rows changes no bit."""
    above, below = compile_entry(_total_range, *_CURVES, _F)(
        curves.offset, curves.p_kw, curves.price_per_kwh, price_per_kwh
    )
    return float((above + share * (below - above)) / MICROWATTS)


def add(curves: Curves) -> Curves:
    """Return the exact sum of all rows as one curve; it holds the breakpoints of every row.

    Raises
    ------
    ValueError
        No row.
    """
    if len(curves.offset) < 2:
        raise ValueError("add: no curve to add")
    p_kw, price = compile_entry(_add, *_CURVES)(curves.offset, curves.p_kw, curves.price_per_kwh)
    return Curves(np.array([0, len(p_kw)]), p_kw, price)


def list_points(
    begin: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the offsets (k + 1,) of rows of some lengths (k,) one after another, and where each of their points stands.

    A row begins at `begin` (k,), of the same length, in the table that it is taken from.
    """
    offset = np.concatenate([[0], np.cumsum(length)])
    return offset, np.repeat(begin - offset[:-1], length) + np.arange(offset[-1])


def take_rows(curves: Curves, rows: NDArray[np.int64]) -> Curves:
    """Return the curves of some rows (k,), in that order."""
    offset, point = list_points(curves.offset[rows], np.diff(curves.offset)[rows])
    return Curves(offset, curves.p_kw[point], curves.price_per_kwh[point])


def join_curves(tables: Sequence[Curves]) -> Curves:
    """Return the rows of several tables one after another."""
    rows = sum(len(each.offset) - 1 for each in tables)
    offset, row, point = np.zeros(rows + 1, np.int64), 1, 0
    for each in tables:
        last = row + len(each.offset) - 1
        np.add(each.offset[1:], point, out=offset[row:last])
        row, point = last, point + len(each.p_kw)
    return Curves(
        offset,
        np.concatenate([each.p_kw for each in tables]),
        np.concatenate([each.price_per_kwh for each in tables]),
    )


def is_in_order(offset: NDArray[np.int64], p_kw: Floats, price_per_kwh: Floats) -> bool:
    """Return whether every row has a point, and its points are finite, power rising and price falling.

    Offsets (n + 1,) and points, power [kW] and price [$/kWh], are those of `Curves`.
    """
    entry = compile_entry(_in_order, INDEX, READ1, READ1)
    return bool(entry(offset, p_kw, price_per_kwh))


def clear(
    curves: Curves, base_kw: float, supply_p_kw: Floats, supply_price_per_kwh: Floats
) -> Cleared:
    """Return the price at which the curves plus a fixed `base_kw` take what a supply offers.

    The supply is a rising polyline of price over power, constant in power beyond its ends; a flat piece offers any power at
    one price. Where a tie leaves a choice the most power is traded. If demand exceeds supply at every price the highest
    breakpoint is returned with share 0, if supply exceeds demand at every price the lowest with share 1; `q_kw` is then what
    the demand side takes. Powers are summed as integer microwatts.
    """
    entry = compile_entry(_clear, *_CURVES, _F, READ1, READ1)
    price, share, q_kw = entry(
        curves.offset, curves.p_kw, curves.price_per_kwh, base_kw, supply_p_kw, supply_price_per_kwh
    )
    return Cleared(price, share, q_kw)


def compress(curve: Curves, blocks: int) -> Compressed:
    """Return one curve as at most `blocks` blocks, each at the mean price of the stretch that it stands for.

    Stretches are split one by one where the rectangle around them is largest, so more blocks refine fewer: at any clearing
    price the welfare lost, at most that of the stretch which holds the price, never grows with `blocks`.

    Raises
    ------
    ValueError
        Less than one block, or other than one curve.
    """
    if blocks < 1 or len(curve.offset) != 2:
        raise ValueError(
            f"compress: got {blocks} blocks and {len(curve.offset) - 1} curves, expected one or more and one"
        )
    room = max(2 * blocks, 1)
    p_kw, price, cuts = np.empty(room), np.empty(room), np.empty(blocks + 1, np.int64)
    p, c = np.append(curve.p_kw, 0.0), np.append(curve.price_per_kwh, 0.0)  # room for one point
    length, loss = compile_entry(
        _blocks, *(_WRITE,) * 2, _I, _I, _I, types.Array(_I, 1, "C"), *(_WRITE,) * 2, _I
    )(p, c, 0, len(p) - 1, blocks, cuts, p_kw, price, 0)
    return Compressed(Curves(np.array([0, length]), p_kw[:length], price[:length]), loss)


def curves(rows: list[tuple[ArrayLike, ArrayLike]]) -> Curves:
    """Return curves from (p_kw, price_per_kwh) pairs.

    Raises
    ------
    ValueError
        A row that is not monotone or is empty, by name.
    """
    p = [np.asarray(row[0], np.float64) for row in rows]
    price = [np.asarray(row[1], np.float64) for row in rows]
    for i, (a, b) in enumerate(zip(p, price, strict=True)):
        if len(a) == 0 or a.shape != b.shape or np.any(np.diff(a) < 0) or np.any(np.diff(b) > 0):
            raise ValueError(
                f"curve {i}: expected as many prices as powers, at least one, power rising and price falling"
            )
    offset = np.concatenate([[0], np.cumsum([len(a) for a in p])]).astype(np.int64)
    return Curves(offset, np.concatenate([*p, np.empty(0)]), np.concatenate([*price, np.empty(0)]))
