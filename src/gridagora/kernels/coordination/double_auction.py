"""Homes that trade with each other on their own curves, turn by turn, through one order book (theory 3.7).

A home stands at a net purchase t from others, nil at first. The supplier buys and sells any power at two prices, so the next kW
is worth to the home w(t), the price of its curve at t, but never more than the import price nor less than the export credit:
beyond t it takes or gives what its curve wants at the supplier's prices. Every order is one block at a limit that no kW of the
block is worth less than (a bid) or costs more than (an ask). So each trade leaves both homes at least as well off, and the sum
of what they gain is at most that of the uniform-price auction.

A home has one order in the book; a new one replaces it. It may sell again what it bought, where that pays.

A buyer may owe a charge beside the price of a trade. It then bids the worth of a kW less the charge, and no price is above the
import price less the charge.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.coordination.book import BUY, SELL, cancel, open_book, place
from gridagora.kernels.curves.curve import MICROWATTS, Curves, _range
from gridagora.kernels.stores.polyline import JIT, LEAF, first_after, first_not_before
from gridagora.kernels.stores.table import INDEX, READ1, compile_entry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST = 1_000_000  # microwatts: no block is smaller than a watt


class Dealt(NamedTuple):
    """What n homes agreed: net purchase of each from the others (n,) [microwatts]; trades (m,) as they were made; counts."""

    net_uw: Ints
    buyer: Ints
    seller: Ints
    p_uw: Ints
    tick: Ints
    turn: Ints
    orders: int
    turns: int


@register_jitable(**LEAF)
def _price(tick, top, low, high):  # type: ignore[no-untyped-def]
    return high if tick == top else low + (high - low) * (tick / top)


@register_jitable(**LEAF)
def _floor_tick(price, top, low, high):  # type: ignore[no-untyped-def]
    """Return the highest tick whose price is at most `price`, inside the window."""
    if price >= high:
        return top
    tick = np.int64(max((price - low) / (high - low) * top, 0.0))
    while tick > 0 and _price(tick, top, low, high) > price:  # the last digit of the division
        tick -= 1
    return tick


@register_jitable(**LEAF)
def _ceil_tick(price, top, low, high):  # type: ignore[no-untyped-def]
    """Return the lowest tick whose price is at least `price`, inside the window."""
    if price <= low:
        return np.int64(0)
    tick = min(np.int64(np.ceil((price - low) / (high - low) * top)), top)
    while tick < top and _price(tick, top, low, high) < price:
        tick += 1
    return tick


@register_jitable(**LEAF)
def _worth(p, c, a, b, at, upper):  # type: ignore[no-untyped-def]
    """Return what the kW just below a power is worth (`upper`), or the kW just above it; without end beyond the curve."""
    i = first_not_before(p, a, b, at) if upper else first_after(p, a, b, at)
    if i == a:
        return np.inf
    if i == b:
        return -np.inf
    return c[i - 1] + (c[i] - c[i - 1]) * ((at - p[i - 1]) / (p[i] - p[i - 1]))


@register_jitable(**LEAF)
def _find_volume(p, c, a, b, price):  # type: ignore[no-untyped-def]
    """Return the least and the most power wanted at a price, rounded inwards [microwatts]."""
    low, high = _range(p, c, a, b, price)
    return np.int64(np.ceil(low * MICROWATTS)), np.int64(np.floor(high * MICROWATTS))


@register_jitable(**LEAF)
def _draw_price(p, c, a, b, at, tick, price, due, most):  # type: ignore[no-untyped-def]
    """Return side and quantity at a price drawn blindly: a bid where more is worth it, an ask where less is, nothing between."""
    least = _find_volume(p, c, a, b, price + due)[0]
    if least > at:
        return BUY, tick, min(least - at, most)
    most_wanted = _find_volume(p, c, a, b, price)[1]
    if most_wanted < at:
        return SELL, tick, min(at - most_wanted, most)
    return BUY, tick, np.int64(0)


@register_jitable(**LEAF)
def _take_order(p, c, a, b, at, best, top, low, high, due, most):  # type: ignore[no-untyped-def]
    """Return side, tick and quantity of what pays at the best price shown by others; quantity 0 where nothing does."""
    if best[1] < top:
        least = _find_volume(p, c, a, b, _price(best[1], top, low, high) + due)[0]
        if least > at:
            return BUY, best[1], min(least - at, most)
    if best[0] > 0:
        least = _find_volume(p, c, a, b, _price(best[0], top, low, high))[1]
        if least < at:
            return SELL, best[0], min(at - least, most)
    return BUY, np.int64(0), np.int64(0)


@register_jitable(**LEAF)
def _place_order(p, c, a, b, at, top, low, high, due, block, shade):  # type: ignore[no-untyped-def]
    """Return side, tick and quantity to show to others: the side with more to gain, at the worth of the last kW of the block."""
    here = at / MICROWATTS
    bid, ask = _worth(p, c, a, b, here, False) - due, _worth(p, c, a, b, here, True)
    side = BUY if min(max(bid, low), high) - low >= high - min(max(ask, low), high) else SELL
    block = min(
        block,
        _find_volume(p, c, a, b, low + due)[1] - at
        if side == BUY
        else at - _find_volume(p, c, a, b, high)[0],
    )
    while block >= LEAST:
        end = at + side * block
        worth = _worth(p, c, a, b, end / MICROWATTS, side == BUY) - (due if side == BUY else 0.0)
        worth = min(max(worth, low), high)
        worth += shade * ((low if side == BUY else high) - worth)
        tick = (
            _floor_tick(worth, top, low, high) if side == BUY else _ceil_tick(worth, top, low, high)
        )
        if 0 < tick < top or (tick == top and side == BUY) or (tick == 0 and side == SELL):
            return side, tick, block
        block //= 2
    return side, np.int64(0), np.int64(0)


@register_jitable(**LEAF)
def _sign(trades, n, turn, who, net, log):  # type: ignore[no-untyped-def]
    """Write who bought from whom in the newest rows."""
    for t in range(n[0], n[1]):
        buyer, seller, much = who[trades[t, 0]], who[trades[t, 1]], trades[t, 2]
        log[t, 0], log[t, 1], log[t, 2], log[t, 3], log[t, 4] = (
            buyer,
            seller,
            much,
            trades[t, 3],
            turn,
        )
        net[buyer] += much
        net[seller] -= much


@njit(**JIT)
def _deal(offset, p, c, low, high, due, top, order, draw, most, shade):  # type: ignore[no-untyped-def]
    turns, n = order.shape
    room = turns * n
    book, trades, log = (
        open_book(top + 1, room),
        np.empty((2 * room, 4), np.int64),
        np.empty((2 * room, 5), np.int64),
    )
    net, mine, sent = np.zeros(n, np.int64), np.full(n, -1, np.int64), np.zeros(n, np.int64)
    block = np.full(n, most)
    number, made, turn = 0, 0, 0
    while turn < turns:
        begun, still = number, shade * (1.0 - turn / max(turns - 1, 1))
        for k in range(n):
            i = order[turn, k]
            a, b, at, old = offset[i], offset[i + 1], net[i], mine[i]
            rests = book.left[old] if old >= 0 else 0
            if draw.shape[0] > 0:
                tick = draw[turn, i]
                side, tick, much = _draw_price(
                    p, c, a, b, at, tick, _price(tick, top, low, high), due, most
                )
            else:
                side, tick, much = _take_order(p, c, a, b, at, book.best, top, low, high, due, most)
                if much == 0:
                    block[i] = (
                        most
                        if rests < sent[i]
                        else max(block[i] // 2, LEAST)
                        if rests > 0
                        else block[i]
                    )
                    side, tick, much = _place_order(
                        p, c, a, b, at, top, low, high, due, block[i], still
                    )
                if rests > 0 and book.side[old] == side and book.tick[old] == tick:
                    continue  # what is wanted already waits in the queue, and keeps its place
            if much == 0:
                continue
            if rests > 0:
                cancel(book, old)
            done, book.party[number] = made, i
            made = place(book, number, side, tick, much, i, trades, made)
            _sign(trades, (done, made), turn, book.party, net, log)
            mine[i], sent[i], number = number, much, number + 1
        turn += 1
        if number == begun and draw.shape[0] == 0 and still == 0.0:
            break
    return net, log[:made].copy(), number, turn


@register_jitable(**JIT)
def _rows(party, side, out):  # type: ignore[no-untyped-def]
    """Write the row of the party at one side of every trade."""
    plain = True
    for i in range(party.shape[0]):
        plain &= party[i] == i
    if plain:
        out[:] = side
        return
    rank = np.argsort(party)
    ranked = party[rank]
    for k in range(side.shape[0]):
        out[k] = rank[np.searchsorted(ranked, side[k])]


@njit(**JIT)
def _settle(offset, p, c, party, buyer, seller, p_kw, price, due, net, low, high, power, mean):  # type: ignore[no-untyped-def]
    n, made = net.shape[0], p_kw.shape[0]
    volume, above, base = np.empty(n), np.zeros(n), np.empty(n)
    for i in range(n):
        first, last = _range(p, c, offset[i], offset[i + 1], low)
        most = first + (last - first)
        first, last = _range(p, c, offset[i], offset[i + 1], high)
        power[i] = max(min(net[i], most), first + (last - first))
        rest = power[i] - net[i]
        base[i] = low if rest < 0.0 else high
        volume[i] = abs(rest)
    row, moved, gained = np.empty(made, np.int64), np.empty(n), np.empty(n)
    for side, more in ((buyer, due), (seller, 0.0)):
        _rows(party, side, row)
        moved[:], gained[:] = 0.0, 0.0
        for k in range(made):
            moved[row[k]] += p_kw[k]
            gained[row[k]] += p_kw[k] * (price[k] + more - base[row[k]])
        volume += moved
        above += gained
    for i in range(n):
        mean[i] = base[i] + (above[i] / volume[i] if volume[i] > 0.0 else 0.0)


_READ2 = types.Array(types.int64, 2, "A", readonly=True)
_WRITE = types.Array(types.float64, 1, "C")
_ENTRY = (
    INDEX,
    READ1,
    READ1,
    types.float64,
    types.float64,
    types.float64,
    types.int64,
    _READ2,
    _READ2,
    types.int64,
    types.float64,
)


def trade(
    curves: Curves,
    low_per_kwh: float,
    high_per_kwh: float,
    ticks: int,
    arrival: Ints,
    draw: Ints,
    block_kw: float,
    shade: float,
    due_per_kwh: float = 0.0,
) -> Dealt:
    """Return what homes agree in some turns.

    Parameters
    ----------
    curves
        Demand of n homes.
    low_per_kwh, high_per_kwh
        What the supplier pays and takes [$/kWh].
    ticks
        Steps of price from what the supplier pays to what it takes less `due_per_kwh`: tick 0 is the one, tick `ticks` the other.
    arrival
        Rows in the order they arrive, shape (turns, n), each row 0 .. n - 1 once a turn.
    draw
        Tick that each home names in each turn, shape (turns, n), or (0, n): homes then look at the book and at their curve.
    block_kw
        Largest quantity of an order.
    shade
        Part of the gain that a home asks for itself in the first turn, falling to nothing in the last; not read with `draw`.
    due_per_kwh
        What a buyer owes beside the price of a trade, 0 or more [$/kWh].

    Raises
    ------
    ValueError
        Prices that leave nothing between them; arrivals or draws that name no row or no tick.
    """
    n, shape = len(curves.offset) - 1, arrival.shape
    if arrival.ndim != 2 or shape[1] != n or draw.shape not in (shape, (0, n)):
        raise ValueError(
            f"deal: arrival {shape} and draw {draw.shape}, expected (turns, {n}), and as many or no draws"
        )
    for name, table, end in (("row", arrival, n), ("tick", draw, ticks + 1)):
        if table.size and not 0 <= table.min() <= table.max() < end:
            raise ValueError(
                f"deal: a {name} from {table.min()} to {table.max()}, expected 0..{end - 1}"
            )
    top_per_kwh = high_per_kwh - due_per_kwh
    if not top_per_kwh > low_per_kwh:
        raise ValueError(f"deal: nothing lies between {low_per_kwh} and {top_per_kwh} $/kWh")
    most = max(round(block_kw * MICROWATTS), LEAST)
    entry = compile_entry(_deal, *_ENTRY)
    net, log, orders, turns = entry(
        curves.offset,
        curves.p_kw,
        curves.price_per_kwh,
        low_per_kwh,
        top_per_kwh,
        due_per_kwh,
        ticks,
        arrival,
        draw,
        most,
        shade,
    )
    buyer, seller, p_uw, tick, turn = log.T
    return Dealt(net, buyer, seller, p_uw, tick, turn, orders, turns)


class Settled(NamedTuple):
    """What n homes take in all, (n,) [kW], and the mean price of what each traded and of the rest, (n,) [$/kWh]."""

    p_kw: Floats
    price_per_kwh: Floats


def settle(
    curves: Curves,
    party: Ints,
    trades: tuple[Ints, Ints, Floats, Floats],
    net_kw: Floats,
    low_per_kwh: float,
    high_per_kwh: float,
    due_per_kwh: float = 0.0,
) -> Settled:
    """Return what homes take once they have traded: the rest is the supplier's, where a curve wants it at its price.

    Parameters
    ----------
    curves, party
        Demand of n homes and who they are, shape (n,).
    trades
        Buyer and seller of each trade, its power above zero [kW] and price [$/kWh], shape (m,) each.
    net_kw
        Bought of other homes less sold to them, shape (n,) [kW].
    low_per_kwh, high_per_kwh
        What the supplier pays and takes [$/kWh].
    due_per_kwh
        What a buyer owes beside the price of a trade [$/kWh]; it is part of its mean price.
    """
    power, mean = np.empty(len(net_kw)), np.empty(len(net_kw))
    entry = compile_entry(
        _settle,
        *(INDEX, READ1, READ1, INDEX, INDEX, INDEX, READ1, READ1, types.float64, READ1),
        *(types.float64, types.float64, _WRITE, _WRITE),
    )
    prices = low_per_kwh, high_per_kwh
    entry(*curves, party, *trades, due_per_kwh, net_kw, *prices, power, mean)
    return Settled(power, mean)
