"""Time of one interval of a layered market: 450 device curves, 186 homes, 60 transformers, 4 zones, 1 feeder; and ten times that.

python benchmarks/layers.py
"""

import timeit

import numpy as np

from gridagora.core.place import Level, Places, places
from gridagora.kernels.curves.curve import Curves, clear, curves
from gridagora.mechanisms.layers import descend, lift_space, published

SUPPLY = (np.array([-5e4, 5e4]), np.array([0.2, 0.5]))


def scene(size: int) -> tuple[Curves, np.ndarray, Places]:
    """Return `size` such feeders' worth of devices below one root."""
    rng = np.random.default_rng(1)
    counts = np.array([186, 60, 4]) * size
    ends = np.cumsum(counts)
    parent = [
        start + rng.integers(0, count, below)
        for start, count, below in zip(ends, [*counts[1:], 1], counts, strict=True)
    ]
    level = np.repeat([Level.HOME, Level.TRANSFORMER, Level.ZONE, Level.FEEDER], [*counts, 1])
    tree = places([str(i) for i in range(len(level))], level, np.concatenate([*parent, [-1]]))
    rows = []
    for _ in range(450 * size):
        points = int(rng.integers(2, 10))
        rows.append((np.sort(rng.uniform(-5, 5, points)), -np.sort(-rng.uniform(0, 1, points))))
    return curves(rows), rng.integers(0, counts[0], 450 * size), tree


def least_ms(work, times: int) -> float:
    return min(timeit.repeat(work, number=times, repeat=5)) / times * 1e3


def main(size: int) -> None:
    devices, place, tree = scene(size)
    high = np.select(
        [tree.level == Level.TRANSFORMER, tree.level == Level.ZONE], [12.0, 100.0], np.inf
    )
    lifted = lift_space(devices, place, tree, high, -high, 0.3)
    price, share, _ = clear(published(lifted), 0.0, *SUPPLY)
    times = 200 // size
    up = least_ms(lambda: lift_space(devices, place, tree, high, -high, 0.3), times)
    blocks = least_ms(lambda: lift_space(devices, place, tree, high, -high, 0.3, 16), times)
    top = least_ms(lambda: clear(published(lifted), 0.0, *SUPPLY), times)
    down = least_ms(lambda: descend(lifted, price, share), times)
    flat = least_ms(lambda: clear(devices, 0.0, *SUPPLY), times)
    points = len(devices.p_kw)
    print(
        f"{len(place)} curves, {points} points: up {up:.2f} ms (16 blocks {blocks:.2f}), clearing at the top {top:.2f},"
    )
    print(
        f"  down {down:.2f}; a flat market clears in {flat:.2f} ms: {(up + top + down) / flat:.1f} times that"
    )


if __name__ == "__main__":
    for feeders in (1, 10):
        main(feeders)
