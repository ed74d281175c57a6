"""How far a bus is from the source electrically: impedance of the way, on one base across all voltages."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from gridagora.core.components import PrimitiveBlocks, block_of, terminals_of
from gridagora.core.feeder import LIVE_PU, Feeder, source_bus, transformer_spans
from gridagora.core.tables import Col

BASE_VA = 1e6


def bus_distance_pu(feeder: Feeder) -> Col:
    """Return the impedance of the way from the source to every bus on 1 MVA, shape (b,) [pu]; nan where none leads there.

    What stands between two buses counts by the power into its first end at nominal voltage with the other end shorted, all
    of its phases together: on one phase a way is about three times as long as on three. Components that join the same buses count
    together, and of several ways the shortest counts.
    """
    power: dict[tuple[int, int], float] = {}
    units, others = feeder.transformers, feeder.others.blocks
    parts = (
        (feeder.lines.blocks, _spans(feeder, feeder.lines.blocks)),
        (units.blocks, transformer_spans(units)),
        (others, _spans(feeder, others)),
    )
    for blocks, joined in parts:
        for row, a, b in joined:
            pair = min(a, b), max(a, b)
            power[pair] = power.get(pair, 0.0) + _short_circuit_va(feeder, blocks, row)
    known = {pair: va for pair, va in power.items() if va > 0}
    pairs = np.array(list(known), np.int64).reshape(-1, 2)
    length = BASE_VA / np.array(list(known.values()), np.float64)
    count = len(feeder.buses.name)
    graph = csr_array((length, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    start = np.array([source_bus(feeder)])
    found: Col = dijkstra(graph, directed=False, indices=start)[0]
    return np.where(np.isfinite(found), found, np.nan)


def _spans(feeder: Feeder, blocks: PrimitiveBlocks) -> Iterator[tuple[int, int, int]]:
    """Yield the row of each component that stands between two buses, with both."""
    for row in range(len(blocks.start) - 1):
        node = blocks.node[blocks.start[row] : blocks.start[row + 1]]
        buses = np.unique(feeder.nodes.bus[node]).tolist()
        if len(buses) == 2:
            yield row, buses[0], buses[1]


def _short_circuit_va(feeder: Feeder, blocks: PrimitiveBlocks, row: int) -> float:
    node, y = block_of(blocks, row)
    terminal = terminals_of(blocks, row)
    if not len(node):
        return 0.0
    own = terminal == terminal.min()
    at = node[own]
    size = np.abs(feeder.nodes.v_no_load[at])
    turn = np.divide(
        feeder.nodes.v_no_load[at], size, out=np.zeros(len(at), complex), where=size > 0
    )
    v = np.where(size > LIVE_PU * feeder.nodes.base_v[at], feeder.nodes.base_v[at] * turn, 0.0)
    return float(abs(np.conj(v) @ y[np.ix_(own, own)] @ v))
