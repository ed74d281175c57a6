"""Which phases a line or a transformer carries, by the letters A, B and C."""

import numpy as np

from gridagora.core.components import PrimitiveBlocks, terminals_of
from gridagora.core.feeder import Feeder, live_nodes, source_bus, transformer_spans
from gridagora.core.tables import Flag, Index

LETTERS = ("A", "B", "C")
OF_NAME = {"1": "A", "2": "B", "3": "C", "a": "A", "b": "B", "c": "C"}
STEP_DEG = 30.0
SEXTANTS = ("A", "AB", "B", "BC", "C", "AC")  # by the angle of a leg or its opposite, step by step
OPPOSITE = 0.1  # of a voltage: legs of one winding add up to less


def branch_phases(feeder: Feeder) -> dict[tuple[int, int], str]:
    """Return the phases of what joins each pair of buses, such as "ABC" or "B", by the pairs of `core.feeder.branches`.

    The legs of a winding with a centre tap are of the phases between which it stands. A phase is read off the name of the node,
    "" where that tells none.
    """
    letters, lines = node_phases(feeder), feeder.lines
    ends = zip(lines.from_bus.tolist(), lines.to_bus.tolist(), strict=True)
    spans = [(row, a, b) for row, (a, b) in enumerate(ends) if a >= 0 and b >= 0 and a != b]
    both = (
        (lines.blocks, spans),
        (feeder.transformers.blocks, transformer_spans(feeder.transformers)),
    )
    found: dict[tuple[int, int], str] = {}
    for blocks, joined in both:
        for row, a, b in joined:
            own = found.get((a, b), "") + "".join(letters[at] for at in _first_end(blocks, row))
            found[a, b] = "".join(each for each in LETTERS if each in own)
    return found


def _first_end(blocks: PrimitiveBlocks, row: int) -> list[int]:
    terminal = terminals_of(blocks, row)
    node = blocks.node[blocks.start[row] : blocks.start[row + 1]]
    held: list[int] = node[terminal == terminal.min()].tolist() if len(node) else []
    return held


def node_phases(feeder: Feeder) -> list[str]:
    """Return the phase of every node, m of them: "A", or "AB" of a leg between two, "" of a neutral."""
    nodes, live = feeder.nodes, live_nodes(feeder)
    letters = [
        OF_NAME.get(name.rpartition(".")[2].lower(), "") if alive else ""
        for name, alive in zip(nodes.name, live, strict=True)
    ]
    for first, other in _leg_pairs(feeder, live):
        letters[first] = letters[other] = _between(feeder, first)
    return letters


def _leg_pairs(feeder: Feeder, live: Flag) -> list[tuple[int, int]]:
    """Return the nodes of buses that have two alone, of opposite voltages."""
    nodes = feeder.nodes
    at = np.flatnonzero(live)
    at = at[np.argsort(nodes.bus[at], kind="stable")]
    _, first, count = np.unique(nodes.bus[at], return_index=True, return_counts=True)
    pairs: Index = np.stack([at[first[count == 2]], at[first[count == 2] + 1]], 1)
    v = nodes.v_no_load[pairs]
    legs = np.abs(v.sum(1)) < OPPOSITE * np.abs(v[:, 0])
    return [(int(one), int(other)) for one, other in pairs[legs]]


def _between(feeder: Feeder, leg: int) -> str:
    """Return the phases that a leg stands between, by its angle against phase A of the source."""
    nodes, source = feeder.nodes, source_bus(feeder)
    own = np.flatnonzero(nodes.bus == source)
    names = [nodes.name[at].rpartition(".")[2].lower() for at in own]
    letters = [OF_NAME.get(name, "") for name in names]
    if "A" not in letters:
        return ""
    turn = nodes.v_no_load[leg] / nodes.v_no_load[own[letters.index("A")]]
    # of a leg and its opposite: 0 on A, 60 on B, 120 on C; a voltage from line to line stands 30 before
    return SEXTANTS[int(np.round(np.degrees(np.angle(turn)) / STEP_DEG)) % len(SEXTANTS)]
