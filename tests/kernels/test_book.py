"""Laws of the order book: price before time, both limits kept, nothing made or lost, trade for trade as plain Python does it."""

import numpy as np
import pytest

from gridagora.kernels.coordination.book import BUY, CANCEL, SELL, match


def plain(side, tick, quantity, party) -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """Return the trades (buy, sell, quantity, tick) and what rests: the same rules with sorted lists."""
    queues: dict[int, list[tuple[int, int]]] = {
        BUY: [],
        SELL: [],
    }  # (rank of the price, number of the order), best first
    left, trades = [0] * len(side), []
    for i, (s, at, whole, who) in enumerate(zip(side, tick, quantity, party, strict=True)):
        if s == CANCEL:
            left[at] = 0
            queues = {
                own: [entry for entry in queue if entry[1] != at] for own, queue in queues.items()
            }
            continue
        much = whole
        while much and queues[-s] and s * (at - tick[queues[-s][0][1]]) >= 0:
            first = queues[-s][0][1]
            part = 0 if party[first] == who else min(much, left[first])
            if part:
                trades.append((*((i, first) if s == BUY else (first, i)), part, tick[first]))
            much, left[first] = much - part, left[first] - part if part else 0
            if not left[first]:
                queues[-s].pop(0)
        if much:
            left[i] = much
            queues[s] = sorted([*queues[s], (-s * at, i)])
    return trades, left


def orders(
    seed: int, count: int, levels: int, parties: int, cancels: float = 0.2
) -> tuple[np.ndarray, ...]:
    """Return a random stream: side, tick, quantity, party."""
    rng = np.random.default_rng(seed)
    side = rng.choice([BUY, SELL], count)
    tick = np.clip(
        rng.normal(levels / 2 - side * levels / 12, levels / 8, count), 0, levels - 1
    ).astype(int)
    gone = (rng.random(count) < cancels) & (np.arange(count) > 0)
    tick[gone] = rng.integers(0, np.arange(count)[gone])
    side[gone] = CANCEL
    return side, tick, rng.integers(1, 50, count), rng.integers(0, parties, count)


@pytest.mark.parametrize(
    ("seed", "levels", "parties"),
    [(0, 3, 2), (1, 40, 10**6), (2, 1000, 30), (3, 5000, 3), (4, 1, 9)],
)
def test_every_trade_is_that_of_plain_python(seed, levels, parties):
    stream = orders(seed, 1500, levels, parties)
    trades, left = match(*stream, levels)
    expected, rest = plain(*(column.tolist() for column in stream))
    assert len(expected) > 100
    assert np.column_stack(trades).tolist() == [list(trade) for trade in expected]
    assert left.tolist() == rest


def test_no_trade_outside_both_limits_and_nothing_is_made_or_lost():
    side, tick, quantity, party = orders(7, 20_000, 500, 10**6)
    trades, left = match(side, tick, quantity, party, 500)
    assert (tick[trades.sell] <= trades.tick).all()
    assert (trades.tick <= tick[trades.buy]).all()
    assert (trades.tick == tick[np.minimum(trades.buy, trades.sell)]).all(), (
        "the price of the order that rested"
    )
    assert (side[trades.buy] == BUY).all()
    assert (side[trades.sell] == SELL).all()
    filled = np.bincount(trades.buy, trades.quantity, len(side)) + np.bincount(
        trades.sell, trades.quantity, len(side)
    )
    kept = np.ones(len(side), bool)
    kept[tick[side == CANCEL]] = False
    kept &= side != CANCEL
    assert np.array_equal((filled + left)[kept], quantity[kept])
    assert (filled[~kept & (side != CANCEL)] <= quantity[~kept & (side != CANCEL)]).all()
    bids, asks = tick[(left > 0) & (side == BUY)], tick[(left > 0) & (side == SELL)]
    assert bids.max() < asks.min(), "the book is not crossed"


def test_the_older_order_goes_first_and_the_better_price_before_it():
    side, tick = [SELL, SELL, SELL, BUY], [5, 5, 4, 6]
    trades, left = match(side, tick, [2, 2, 2, 5], range(4), 10)
    assert np.column_stack(trades).tolist() == [[3, 2, 2, 4], [3, 0, 2, 5], [3, 1, 1, 5]]
    assert left.tolist() == [0, 1, 0, 0]


def test_a_party_does_not_trade_with_itself():
    trades, left = match([SELL, SELL, BUY], [3, 3, 5], [4, 4, 6], [1, 2, 1], 10)
    assert np.column_stack(trades).tolist() == [[2, 1, 4, 3]]
    assert left.tolist() == [0, 0, 2]


def test_what_was_filled_or_taken_back_cannot_be_taken_back_again():
    side, tick = [SELL, BUY, CANCEL, CANCEL, SELL, CANCEL, CANCEL, BUY], [3, 3, 0, 1, 3, 4, 4, 9]
    trades, left = match(side, tick, [1] * 8, range(8), 10)
    assert np.column_stack(trades).tolist() == [[1, 0, 1, 3]]
    assert left.tolist() == [0] * 7 + [1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"side": [1, 2, -1]}, "order 1: side 2, expected 1 to buy"),
        ({"tick": [0, 10, 0]}, r"order 1: tick 10, expected a tick in 0\.\.9"),
        ({"side": [1, -1, 0], "tick": [0, 1, 2]}, "order 2: tick 2"),
        ({"quantity": [1, 1, 0]}, "order 2: quantity 0, expected a whole number above zero"),
        ({"quantity": [1, 1]}, "differ in shape"),
    ],
)
def test_a_bad_order_is_named(change, sentence):
    good = {"side": [1, -1, -1], "tick": [0, 1, 2], "quantity": [1, 1, 1], "party": [0, 1, 2]}
    with pytest.raises(ValueError, match=sentence):
        match(**good | change, levels=10)
