"""Time of bilateral consensus: a thousand homes over a day, and the cost of a round from 100 to 100,000 homes.

python benchmarks/consensus.py
"""

import time

import numpy as np

from gridagora.core.place import Level, Places, places
from gridagora.kernels.coordination.consensus import (
    ConsensusResult,
    ConsensusRule,
    TradeLinks,
    agree,
)
from gridagora.kernels.curves.curve import Curves, power_at
from gridagora.mechanisms.trade_graph import nearest

BUY, SELL = 0.15, 0.05


def ground(homes: int) -> tuple[Places, np.ndarray]:
    """Return a feeder of transformers with three homes each in four zones, and the place of each home."""
    rng = np.random.default_rng(1)
    transformers = homes // 3 + 1
    zone = transformers + np.sort(rng.integers(0, 4, transformers))
    levels = np.repeat([Level.TRANSFORMER, Level.ZONE, Level.FEEDER], [transformers, 4, 1])
    parent = np.concatenate([zone, np.full(4, transformers + 4), [-1]])
    place = np.sort(rng.integers(0, transformers, homes))  # homes are numbered along the feeder
    return places([str(i) for i in range(len(levels))], levels, parent), place


def hour(homes: int, seed: int, spare_kw: float) -> Curves:
    """Return curves of two to seven points; at the middle price homes together leave `spare_kw` each."""
    rng = np.random.default_rng(seed)
    points = rng.integers(2, 8, homes)
    offset = np.concatenate([[0], np.cumsum(points)])
    row = np.repeat(np.arange(homes), points)
    p, price = rng.uniform(-4, 4, offset[-1]), rng.uniform(0, 0.5, offset[-1])
    p, price = p[np.lexsort((p, row))], price[np.lexsort((-price, row))]
    found = Curves(offset, p, price)
    return found._replace(p_kw=p - power_at(found, (BUY + SELL) / 2, 0.5).mean() - spare_kw)


def timed(
    tables: list[Curves],
    graph: TradeLinks,
    rule: ConsensusRule,
    outside: tuple[float, float],
    cost: float = 0.0,
) -> tuple[ConsensusResult, float]:
    began = time.perf_counter()
    found = agree(tables, graph, BUY, outside=outside, costs=(cost, cost), rule=rule, threads=2)
    return found, time.perf_counter() - began


def day(homes: int) -> None:
    tree, place = ground(homes)
    graphs = {
        "8 partners, 2 of them far": nearest(tree, place, 8, 1),
        "8 nearest": nearest(tree, place, 8),
    }
    for name, graph in graphs.items():
        for words, outside, spare, cost in (
            ("supplier, homes short of energy", (BUY, SELL), -1.0, 0.0),
            ("supplier, homes long", (BUY, SELL), 1.0, 0.0),
            ("supplier, charges of 2 ct at each end", (BUY, SELL), -1.0, 0.02),
            ("supplier, homes just balanced", (BUY, SELL), 0.0, 0.0),
            ("nobody outside, just balanced", (np.inf, -np.inf), 0.0, 0.0),
        ):
            tables = [hour(homes, seed, spare) for seed in range(24)]
            found, spent = timed(tables, graph, ConsensusRule(rounds_max=300), outside, cost)
            done = f"{found.converged.sum()} of 24 converged in at most {found.rounds.max()} rounds, {spent:.2f} s"
            print(f"{homes} homes, 24 products, {name}; {words}: {done}")


def rounds() -> None:
    print("cost of a round, two threads on two products:")
    for homes in (100, 1_000, 10_000, 100_000):
        tree, place = ground(homes)
        graph, tables = nearest(tree, place, 8, 1), [hour(homes, seed, 0.0) for seed in range(2)]
        count = max(10, 2_000_000 // homes // 8)
        for cost in (0.0, 0.01):
            found, spent = timed(
                tables, graph, ConsensusRule(1e-300, 1e-300, count, adapts=False), (BUY, SELL), cost
            )
            each = spent / found.rounds.sum()
            ends = len(graph.peer)
            words = f"{homes:7d} homes, {ends // 2:7d} pairs, charge {cost}"
            print(f"  {words}: {each * 1e3:9.3f} ms a round, {each / ends * 1e9:5.1f} ns an end")


def main() -> None:
    tree, place = ground(50)
    graph = nearest(tree, place, 8, 1)
    timed([hour(50, 0, 0.0)], graph, ConsensusRule(), (BUY, SELL))  # compiles
    day(1_000)
    rounds()


if __name__ == "__main__":
    main()
