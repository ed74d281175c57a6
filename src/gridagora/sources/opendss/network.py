"""The network without loads: every element with the engine's primitive admittance, cut to what a source feeds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.csgraph import connected_components

from gridagora.core.components import GROUND, Phasors, PrimitiveBlocks, stack_blocks
from gridagora.core.errors import Problem
from gridagora.core.tables import Index
from gridagora.grid.admittance import sum_blocks, unloaded

WHOLE_MATRIX = 2
SOURCES = ("vsource", "isource")
NO_NETWORK = ("load", "energymeter", "monitor")
SAME = 1e-9  # of the largest entry around, how far the sum of all elements may be from the engine's matrix


class Element(NamedTuple):
    """One element that is switched on: the buses of its ends, and its admittance over the rows of its conductors."""

    kind: str
    name: str
    buses: tuple[str, ...]
    node: Index  # (c,) row, GROUND for earth and for what is not fed
    terminal: Index  # (c,) end of each conductor
    y: Phasors  # (c, c) [S]
    order: int  # in the script


class PassiveNetwork(NamedTuple):
    """The network without loads, in the engine's order of nodes; `dead` are the nodes that no source feeds."""

    nodes: tuple[str, ...]
    elements: tuple[Element, ...]
    source_i: Phasors  # (m,) of all sources together [A]
    v_no_load: Phasors  # (m,) [V]
    dead: tuple[str, ...]


def network(engine: Any) -> tuple[PassiveNetwork, list[Problem]]:
    """Return the network as it stands now, without the nodes that no source feeds."""
    circuit = engine.ActiveCircuit
    engine.YMatrix.BuildYMatrixD(WHOLE_MATRIX, 1)
    engine.YMatrix.ZeroInjCurr()
    engine.YMatrix.GetSourceInjCurrents()
    names = tuple(name.lower() for name in circuit.YNodeOrder)
    m = len(names)
    elements = _elements(circuit, {name: row for row, name in enumerate(names)})
    y = sum_blocks([stacked(elements)], m)
    if problem := _off(y, engine):
        return PassiveNetwork((), (), np.zeros(0, complex), np.zeros(0, complex), names), [problem]
    source_i = np.array(engine.YMatrix.getI(), dtype=float).view(complex)[1 : m + 1].copy()
    fed = _fed(y, source_i)
    dead = tuple(names[at] for at in np.flatnonzero(~fed))
    nodes, source_i = tuple(names[at] for at in np.flatnonzero(fed)), source_i[fed]
    row = np.append(
        np.where(fed, np.cumsum(fed) - 1, GROUND), GROUND
    )  # earth is the last, and GROUND is -1
    renumbered = [element._replace(node=row[element.node]) for element in elements]
    elements = [element for element in renumbered if (element.node != GROUND).any()]
    none = np.zeros(len(nodes), complex)
    found = PassiveNetwork(nodes, tuple(elements), source_i, none, dead)
    if not nodes:
        expected = "a source that is switched on and has a voltage"
        return found, [Problem("network", "no node that a source feeds", expected)]
    try:
        v = unloaded(sum_blocks([stacked(elements)], len(nodes)), source_i)
    except RuntimeError:
        return found, [_floating()]
    return found._replace(v_no_load=v), [] if np.isfinite(v).all() else [_floating()]


def _elements(circuit: Any, row: Mapping[str, int]) -> list[Element]:
    """Return every element with an admittance that is switched on; controls and meters have none."""
    found: list[Element] = []
    for full in circuit.AllElementNames:
        kind, _, name = full.lower().partition(".")
        if kind in NO_NETWORK:
            continue
        circuit.SetActiveElement(full)
        element = circuit.ActiveCktElement
        entries = np.asarray(element.Yprim, float)
        if not element.Enabled or entries.size <= 1:
            continue
        buses, each = (
            tuple(bus.split(".")[0].lower() for bus in element.BusNames),
            int(element.NumConductors),
        )
        count = each * int(element.NumTerminals)
        y = entries.view(complex).reshape(count, count)
        terminal = np.arange(count) // each
        at = (
            row.get(f"{buses[end]}.{node}", GROUND)
            for end, node in zip(terminal, element.NodeOrder, strict=True)
        )
        found.append(
            Element(kind, name, buses, np.array(list(at), np.int64), terminal, y, len(found))
        )
    return found


def stacked(elements: Sequence[Element]) -> PrimitiveBlocks:
    """Return the blocks of elements, to be summed in the order of the script."""
    parts = [(element.node, element.terminal, element.y) for element in elements]
    return stack_blocks(parts, [element.order for element in elements])


def _off(y: csc_matrix, engine: Any) -> Problem | None:
    """Return a problem where the elements do not add up to the engine's own matrix."""
    entry, row, start = engine.YMatrix.GetCompressedYMatrix()
    whole = csc_matrix((entry, row, start), shape=y.shape)
    scale = np.sqrt(abs(whole).max(axis=0).toarray().ravel())
    off = abs(whole - y).tocoo()
    far = off.data > SAME * scale[off.row] * scale[off.col]
    if not far.any():
        return None
    name = engine.ActiveCircuit.YNodeOrder[int(off.row[np.argmax(far)])].lower()
    hint = "An element may have the name of another, or be of a kind that is not read."
    return Problem(
        f"node {name}",
        "elements that do not add up to OpenDSS' own matrix",
        "a sum within 1e-9 of it",
        hint,
    )


def _fed(y: csc_matrix, source_i: Phasors) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mask of the nodes with a path to a source."""
    _, part = connected_components(abs(y), directed=False)
    return np.isin(part, part[source_i != 0])


def _floating() -> Problem:
    hint = "Connect a neutral or a winding to earth."
    return Problem(
        "network",
        "a winding without path to earth",
        "every node to have a voltage against earth",
        hint,
    )


def buses_of(circuit: Any) -> set[str]:
    """Return the buses that lines, transformers, reactors and the like name, switched off or not."""
    named = set()
    for name in circuit.AllElementNames:
        if name.split(".")[0].lower() not in NO_NETWORK:
            circuit.SetActiveElement(name)
            named |= {bus.split(".")[0].lower() for bus in circuit.ActiveCktElement.BusNames}
    return named
