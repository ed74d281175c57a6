"""The network of a GridLAB-D model: its elements cut to what a source feeds, and the voltage bases of its buses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridagora.core.components import (
    GROUND,
    Phasors,
    PrimitiveBlocks,
    pi_block,
    stack_blocks,
)
from gridagora.core.tables import Index
from gridagora.sources.gridlabd.elements import (
    CapacitorElement,
    LineElement,
    Node,
    OtherElement,
    SourceElement,
    TransformerElement,
)

FAR = 1.2  # a stated voltage this many times off what transformers make of the source's is of another level
SOURCE_OHM_PER_V = 1e-9  # behind a swing bus: its voltage sinks by less than a millionth


class Elements(NamedTuple):
    """All elements of a network."""

    sources: tuple[SourceElement, ...]
    lines: tuple[LineElement, ...]
    transformers: tuple[TransformerElement, ...]
    capacitors: tuple[CapacitorElement, ...]
    others: tuple[OtherElement, ...]


class Fed(NamedTuple):
    """Nodes that a source feeds, in the order in which elements name them, and the buses that none feeds."""

    nodes: tuple[Node, ...]
    dead: tuple[str, ...]  # buses without a node that is fed
    cut: tuple[Node, ...]  # nodes of other buses that are not fed


def nodes_of(
    element: LineElement | TransformerElement | CapacitorElement | SourceElement | OtherElement,
) -> tuple[Node, ...]:
    """Return the nodes of an element in the order of its admittance."""
    if isinstance(element, LineElement):
        return tuple((bus, phase) for bus in element.ends for phase in element.phases)
    if isinstance(element, SourceElement):
        return tuple((element.bus, phase) for phase in element.phases)
    return element.nodes


def find_fed(elements: Elements, buses: Iterable[str]) -> Fed:
    """Return the nodes with a path of conductors to a source."""
    joined = [nodes_of(each) for kind in elements for each in kind]
    order = list(dict.fromkeys(node for nodes in joined for node in nodes))
    row = {node: at for at, node in enumerate(order)}
    pairs = [
        (row[first], row[other])
        for kind in (elements.lines, elements.transformers, elements.others)
        for each in kind
        for first, other in _links(each)
    ]
    a, b = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(order), len(order)))
    _, part = connected_components(graph, directed=False)
    live = {part[row[node]] for each in elements.sources for node in nodes_of(each)}
    nodes = tuple(node for node, of in zip(order, part, strict=True) if of in live)
    known, kept = {bus for bus, _ in nodes}, set(nodes)
    cut = tuple(node for node in order if node[0] in known and node not in kept)
    return Fed(nodes, tuple(bus for bus in dict.fromkeys(buses) if bus not in known), cut)


def _links(each: LineElement | TransformerElement | OtherElement) -> list[tuple[Node, Node]]:
    """Return the pairs of nodes that carry current between them: both ends of each conductor, of a transformer all."""
    nodes = nodes_of(each)
    if isinstance(each, LineElement):
        count = len(each.phases)
        return list(zip(nodes[:count], nodes[count:], strict=True))
    rows, columns = np.nonzero(each.y)
    return [(nodes[a], nodes[b]) for a, b in zip(rows, columns, strict=True) if a < b]


def base_voltages(
    elements: Elements, nominal_v: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the voltage of each bus line to neutral, and those that the model states otherwise with what it is instead [V].

    From a source on lines keep the voltage and transformers turn it; a stated voltage that is near stays as it is.
    """
    base = {each.bus: each.base_v for each in elements.sources}
    beside: dict[str, list[tuple[str, float]]] = {}
    for line in elements.lines:
        _join(beside, line.ends[0], line.ends[1], 1.0)
    for unit in elements.transformers:
        start, *others = unit.windings
        for end in others:
            _join(beside, start.bus, end.bus, end.kv / start.kv)
    todo = list(base)
    changed: dict[str, float] = {}
    while todo:
        bus = todo.pop()
        for other, ratio in beside.get(bus, []):
            if other in base:
                continue
            turned, stated = base[bus] * ratio, nominal_v.get(other, 0.0)
            near = stated > 0 and 1 / FAR < turned / stated < FAR
            base[other] = stated if near else turned
            if not near:
                changed[other] = turned
            todo.append(other)
    return base, changed


def _join(beside: dict[str, list[tuple[str, float]]], a: str, b: str, ratio: float) -> None:
    beside.setdefault(a, []).append((b, ratio))
    beside.setdefault(b, []).append((a, 1 / ratio))


def stacked(
    elements: Sequence[LineElement | TransformerElement | CapacitorElement | OtherElement],
    row: Mapping[Node, int],
) -> PrimitiveBlocks:
    """Return the blocks of elements over the rows of the nodes that are fed."""
    parts: list[tuple[Index, Index, Phasors]] = []
    for each in elements:
        nodes = nodes_of(each)
        at = np.array([row.get(node, GROUND) for node in nodes], np.int64)
        parts.append((at, _terminals(each), each.y))
    return stack_blocks(parts)


def _terminals(
    each: LineElement | TransformerElement | CapacitorElement | OtherElement,
) -> Index:
    if isinstance(each, LineElement):
        return np.repeat([0, 1], len(each.phases))
    if isinstance(each, TransformerElement):
        return np.array(each.terminals, np.int64)
    return np.zeros(len(each.nodes), np.int64)


def live(elements: Elements, row: Mapping[Node, int]) -> Elements:
    """Return the elements of which a part is fed; of lines only the conductors that are."""
    lines = [_trimmed(line, row) for line in elements.lines]
    return Elements(
        tuple(each for each in elements.sources if _is_live(each, row)),
        tuple(line for line in lines if line is not None),
        tuple(each for each in elements.transformers if _is_live(each, row)),
        tuple(each for each in elements.capacitors if _is_live(each, row)),
        tuple(each for each in elements.others if _is_live(each, row)),
    )


def _is_live(
    each: TransformerElement | CapacitorElement | OtherElement | SourceElement,
    row: Mapping[Node, int],
) -> bool:
    return any(node in row for node in nodes_of(each))


def _trimmed(line: LineElement, row: Mapping[Node, int]) -> LineElement | None:
    """Return a line with the conductors that are fed alone, None without any; one that is not carries no current."""
    kept = [at for at, phase in enumerate(line.phases) if (line.ends[0], phase) in row]
    count = len(line.phases)
    if len(kept) == count:
        return line
    if not kept:
        return None
    own = np.ix_(kept, kept)
    across = line.y[:count, count:]
    ohm: Phasors = np.asarray(np.linalg.inv(-across)[own], np.complex128)
    shunt: Phasors = 2 * (line.y[:count, :count] + across)[own]
    phases = tuple(line.phases[at] for at in kept)
    return line._replace(phases=phases, y=pi_block(ohm, shunt))


def close_loops(elements: Elements) -> list[str]:
    """Return the transformers that join buses which other ways join already, in the order of the text, after all lines."""
    top: dict[str, str] = {}

    def root(bus: str) -> str:
        while (above := top.get(bus, bus)) != bus:
            top[bus] = top.get(above, above)
            bus = above
        return bus

    for line in elements.lines:
        top[root(line.ends[0])] = root(line.ends[1])
    found = []
    seen: set[tuple[str, ...]] = set()
    for unit in elements.transformers:
        ends = tuple(winding.bus for winding in unit.windings)
        first, other = root(ends[0]), root(ends[1])
        if first == other and ends not in seen:
            found.append(unit.name)
        top[first] = other
        seen.add(ends)  # units of one bank between the same buses are no loop
    return found
