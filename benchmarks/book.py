"""Orders a second of the order book, as a ratio to plain Python on the head of the same stream, both timed in one run.

python benchmarks/book.py
"""

import heapq
import time
import timeit

import numpy as np

from gridagora.kernels.coordination.book import BUY, CANCEL, SELL, match

ORDERS, HEAD, LEVELS = 2_000_000, 50_000, 1000


def stream(seed: int, cancels: float) -> tuple[np.ndarray, ...]:
    """Return side, tick, quantity, party: prices around the middle, some orders taken back soon after they were sent."""
    rng = np.random.default_rng(seed)
    side = rng.choice([BUY, SELL], ORDERS).astype(np.int8)
    tick = np.clip(rng.normal(LEVELS / 2 - side * 40, 60, ORDERS), 0, LEVELS - 1).astype(np.int64)
    gone = rng.random(ORDERS) < cancels
    gone[:1000] = False
    tick[gone] = np.flatnonzero(gone) - rng.integers(1, 1000, gone.sum())
    side[gone] = CANCEL
    return side, tick, rng.integers(1, 50, ORDERS), rng.integers(0, 100_000, ORDERS)


def plain(side: list, tick: list, quantity: list, party: list) -> int:
    """Return the number of trades: the same rules with one heap a side; what was taken back is skipped when it comes up."""
    queues: dict[int, list] = {BUY: [], SELL: []}
    left, trades = [0] * len(side), 0
    for i, (s, at, whole, who) in enumerate(zip(side, tick, quantity, party, strict=True)):
        if s == CANCEL:
            left[at] = 0
            continue
        other, much = queues[-s], whole
        while much and other:
            first = other[0][1]
            if left[first] and s * (at - tick[first]) < 0:
                break
            part = 0 if party[first] == who else min(much, left[first])
            trades += part > 0
            much, left[first] = much - part, left[first] - part if part else 0
            if not left[first]:
                heapq.heappop(other)
        if much:
            left[i] = much
            heapq.heappush(queues[s], (-s * at, i))
    return trades


def main() -> None:
    for cancels in (0.0, 0.2, 0.5):
        columns = stream(0, cancels)
        match(*columns, LEVELS)
        seconds = min(
            timeit.repeat(
                lambda columns=columns: match(*columns, LEVELS),
                number=1,
                repeat=5,
                timer=time.process_time,
            )
        )
        trades = len(match(*columns, LEVELS)[0].tick)
        head = [column[:HEAD].tolist() for column in columns]
        slow = min(
            timeit.repeat(
                lambda head=head: plain(*head), number=1, repeat=3, timer=time.process_time
            )
        )
        assert plain(*head) == len(match(*(column[:HEAD] for column in columns), LEVELS)[0].tick)
        rate, reference = ORDERS / seconds, HEAD / slow
        print(
            f"{cancels:.0%} taken back: {rate / 1e6:.1f} million orders/s, {trades / ORDERS:.2f} trades an order, "
            f"plain Python {reference / 1e6:.2f} million/s: {rate / reference:.0f} times that"
        )


if __name__ == "__main__":
    main()
