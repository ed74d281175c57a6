"""A limit order book with price-time priority: whole ticks, whole quantities, orders as columns, one number an order.

Theory 3.7.

Prices are ticks 0 .. levels - 1. Ticks make a tie a tie, which decides who is first, and a price is then the place of its queue:
no tree, no sorting. The window of ticks is fixed: whoever trades here also has an outside offer below and one above, so no
trade can lie beyond them. Quantities are integers: what is bought is what is sold, without rounding.

A bid that reaches an ask trades at the price of the order that rested, the best price first, the oldest first within a price;
what is left of it rests. An order that meets one of its own party cancels it and goes on. Resting bids all lie below resting
asks, so that one array of queues serves both sides.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.stores.polyline import INLINE, JIT, LEAF
from gridagora.kernels.stores.table import INDEX, compile_entry

Ints = NDArray[np.int64]
BUY, SELL, CANCEL = 1, -1, 0
SPAN = 64  # levels of one entry of `used`: a search steps over empty ones


class Book(NamedTuple):
    """State of a book: queues by level (levels,), orders by number (orders,), and the best bid and ask.

    A queue is a chain of order numbers, the oldest first, -1 where it ends. `best` holds the best bid (-1 without one) and the
    best ask (levels without one).
    """

    first: NDArray[np.int32]
    last: NDArray[np.int32]
    used: NDArray[np.int32]  # levels with orders in each span
    after: NDArray[np.int32]
    before: NDArray[np.int32]
    left: Ints  # what still rests, 0 where nothing does
    tick: NDArray[np.int32]
    side: NDArray[np.int8]
    party: NDArray[np.int32]
    best: Ints


class BookTrades(NamedTuple):
    """Trades in the order they were made: the numbers of both orders, the quantity and the tick, all (trades,)."""

    buy: Ints
    sell: Ints
    quantity: Ints
    tick: Ints


@register_jitable(**JIT)
def open_book(levels, orders):  # type: ignore[no-untyped-def]
    """Return an empty book with room for `orders` order numbers."""
    return Book(
        np.full(levels, -1, np.int32),
        np.full(levels, -1, np.int32),
        np.zeros(levels // SPAN + 1, np.int32),
        np.empty(orders, np.int32),
        np.empty(orders, np.int32),
        np.zeros(orders, np.int64),
        np.empty(orders, np.int32),
        np.empty(orders, np.int8),
        np.empty(orders, np.int32),
        np.array([-1, levels]),
    )


@register_jitable(**LEAF)
def _next_bid(b, at):  # type: ignore[no-untyped-def]
    """Return the highest level with orders at or below `at`, else -1."""
    while at >= 0 and b.first[at] < 0:
        if b.used[at // SPAN] == 0:
            at = at // SPAN * SPAN
        at -= 1
    return at


@register_jitable(**LEAF)
def _next_ask(b, at):  # type: ignore[no-untyped-def]
    """Return the lowest level with orders at or above `at`, else the number of levels."""
    levels = b.first.shape[0]
    while at < levels and b.first[at] < 0:
        at = (at // SPAN + 1) * SPAN if b.used[at // SPAN] == 0 else at + 1
    return min(at, levels)


@register_jitable(**INLINE)
def _take_out(b, order):  # type: ignore[no-untyped-def]
    """Take an order out of its queue and keep the best prices right."""
    at, older, younger = b.tick[order], b.before[order], b.after[order]
    b.left[order] = 0
    if older >= 0:
        b.after[older] = younger
    else:
        b.first[at] = younger
    if younger >= 0:
        b.before[younger] = older
    else:
        b.last[at] = older
    if older < 0 and younger < 0:
        b.used[at // SPAN] -= 1
        if at == b.best[0]:
            b.best[0] = _next_bid(b, at)
        elif at == b.best[1]:
            b.best[1] = _next_ask(b, at)


@register_jitable(**INLINE)
def _rest(b, order, side, tick, quantity, party):  # type: ignore[no-untyped-def]
    """Put an order at the end of the queue of its level."""
    older = b.last[tick]
    b.left[order], b.tick[order], b.side[order], b.party[order] = quantity, tick, side, party
    b.before[order], b.after[order] = older, -1
    b.last[tick] = order
    if older >= 0:
        b.after[older] = order
        return
    b.first[tick] = order
    b.used[tick // SPAN] += 1
    if side > 0:
        b.best[0] = max(b.best[0], tick)
    else:
        b.best[1] = min(b.best[1], tick)


@register_jitable(**LEAF)
def cancel(b, order):  # type: ignore[no-untyped-def]
    """Take an order back; nothing happens where it no longer rests."""
    if b.left[order] > 0:
        _take_out(b, order)


@register_jitable(**LEAF)
def place(b, order, side, tick, quantity, party, trades, n):  # type: ignore[no-untyped-def]
    """Match an order and let the rest of it rest; write buy, sell, quantity, tick from row n on; return the new end."""
    while quantity > 0:
        at = b.best[1] if side > 0 else b.best[0]
        if (side > 0 and at > tick) or (side < 0 and at < tick):
            break
        resting = b.first[at]
        if b.party[resting] == party:
            _take_out(b, resting)
            continue
        much = min(quantity, b.left[resting])
        trades[n, 0], trades[n, 1] = (order, resting) if side > 0 else (resting, order)
        trades[n, 2], trades[n, 3] = much, at
        n, quantity = n + 1, quantity - much
        if much == b.left[resting]:
            _take_out(b, resting)
        else:
            b.left[resting] -= much
    if quantity > 0:
        _rest(b, order, side, tick, quantity, party)
    return n


@njit(**JIT)
def _stream(side, tick, quantity, party, levels, left):  # type: ignore[no-untyped-def]
    orders = side.shape[0]
    b = open_book(levels, orders)
    trades, n = np.empty((2 * orders, 4), np.int64), 0  # a trade ends an order, or two
    for order in range(orders):
        if side[order] == CANCEL:
            cancel(b, tick[order])
        else:
            n = place(b, order, side[order], tick[order], quantity[order], party[order], trades, n)
    left[:] = b.left
    return trades[:n]


_READ8 = types.Array(types.int8, 1, "A", readonly=True)
_WRITE = types.Array(types.int64, 1, "C")


def match(
    side: ArrayLike, tick: ArrayLike, quantity: ArrayLike, party: ArrayLike, levels: int
) -> tuple[BookTrades, Ints]:
    """Return the trades of a stream of orders, and what rests of every order at its end, shape (orders,).

    Parameters
    ----------
    side
        `BUY`, `SELL` or `CANCEL`, shape (orders,); order i arrives before order i + 1.
    tick
        Limit price, 0 .. levels - 1; where the side is `CANCEL`, the number of the earlier order that is taken back.
    quantity
        Above zero; not read where the side is `CANCEL`.
    party
        Who sends the order.
    levels
        Number of ticks.

    Raises
    ------
    ValueError
        An order outside these bounds; the message names it.
    """
    columns = [np.asarray(column, np.int64) for column in (tick, quantity, party)]
    sides = np.asarray(side, np.int8)
    ticks, quantities, parties = columns
    if sides.ndim != 1 or any(column.shape != sides.shape for column in columns):
        raise ValueError(
            f"orders: side, tick, quantity and party differ in shape: {sides.shape}, {[c.shape for c in columns]}"
        )
    cancels = sides == CANCEL
    top = np.where(cancels, np.arange(len(sides)), levels)
    rules = (
        (
            "side",
            sides,
            np.abs(sides.astype(np.int64)) > 1,
            f"{BUY} to buy, {SELL} to sell or {CANCEL} to cancel",
        ),
        (
            "tick",
            ticks,
            (ticks < 0) | (ticks >= top),
            f"a tick in 0..{levels - 1}, or the number of an earlier order to cancel",
        ),
        ("quantity", quantities, (quantities <= 0) & ~cancels, "a whole number above zero"),
    )
    for name, column, broken, expected in rules:
        if broken.any():
            row = int(np.argmax(broken))
            raise ValueError(f"order {row}: {name} {column[row]}, expected {expected}")
    left = np.empty(len(sides), np.int64)
    rows = compile_entry(_stream, _READ8, INDEX, INDEX, INDEX, types.int64, _WRITE)(
        sides, ticks, quantities, parties, levels, left
    )
    return BookTrades(*rows.T), left
