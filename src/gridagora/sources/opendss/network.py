"""The network without loads: the engine's admittance matrix, its sources as Norton currents, cut to what a source feeds."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from gridagora.core.errors import Problem
from gridagora.core.feeder import Phasors

WHOLE_MATRIX = 2


class PassiveNetwork(NamedTuple):
    """The network without loads, in the engine's order of nodes; `dead` are the nodes that no source feeds."""

    nodes: tuple[str, ...]
    y: csc_matrix  # (m, m) with z entries [S]
    source_i: Phasors  # (m,) [A]
    source_y: Phasors  # (z,) share of the sources in each entry of `y` [S]
    v_no_load: Phasors  # (m,) [V]
    dead: tuple[str, ...]


def network(engine: Any) -> tuple[PassiveNetwork, list[Problem]]:
    """Return the network as it stands now, without the nodes that no source feeds."""
    circuit = engine.ActiveCircuit
    engine.YMatrix.BuildYMatrixD(WHOLE_MATRIX, 1)
    engine.YMatrix.ZeroInjCurr()
    engine.YMatrix.GetSourceInjCurrents()
    nodes = tuple(name.lower() for name in circuit.YNodeOrder)
    m = len(nodes)
    entry, row, start = engine.YMatrix.GetCompressedYMatrix()
    y = csc_matrix((entry, row, start), shape=(m, m))
    source_i = np.array(engine.YMatrix.getI(), dtype=float).view(complex)[1 : m + 1].copy()
    fed = _fed(y, source_i)
    dead = tuple(nodes[at] for at in np.flatnonzero(~fed))
    nodes, source_i = tuple(nodes[at] for at in np.flatnonzero(fed)), source_i[fed]
    y = csc_matrix(y[fed][:, fed])
    y.sort_indices()
    none = np.zeros(len(nodes), complex)
    if not nodes:
        expected = "a source that is switched on and has a voltage"
        return PassiveNetwork(nodes, y, source_i, none, none, dead), [
            Problem("network", "no node that a source feeds", expected)
        ]
    found = PassiveNetwork(nodes, y, source_i, _source_y(circuit, nodes, y), none, dead)
    try:
        v = _unloaded(y, source_i)
    except RuntimeError:
        return found, [_floating()]
    return found._replace(v_no_load=v), [] if np.isfinite(v).all() else [_floating()]


def _fed(y: csc_matrix, source_i: Phasors) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mask of the nodes with a path to a source."""
    _, part = connected_components(abs(y), directed=False)
    return np.isin(part, part[source_i != 0])


def _source_y(circuit: Any, nodes: tuple[str, ...], y: csc_matrix) -> Phasors:
    """Share of the voltage sources in each entry of the matrix."""
    at = {name: i for i, name in enumerate(nodes)}
    rows, columns, entries = [], [], []
    for _ in circuit.Vsources:
        element = circuit.ActiveCktElement
        if not element.Enabled:
            continue
        primitive = np.asarray(element.Yprim, float).view(complex)
        conductors = int(element.NumConductors) * int(element.NumTerminals)
        primitive = primitive.reshape(conductors, conductors)
        buses = [
            bus.split(".")[0].lower()
            for bus in element.BusNames
            for _ in range(int(element.NumConductors))
        ]
        place = [
            at.get(f"{bus}.{node}", -1) for bus, node in zip(buses, element.NodeOrder, strict=True)
        ]
        for i, row in enumerate(place):
            for j, column in enumerate(place):
                if row >= 0 and column >= 0 and primitive[i, j] != 0:
                    rows.append(row)
                    columns.append(column)
                    entries.append(primitive[i, j])
    inner = csc_matrix((entries, (rows, columns)), shape=y.shape, dtype=complex)
    by_column = np.repeat(np.arange(y.shape[0]), np.diff(y.indptr))
    return np.asarray(inner[y.indices, by_column], complex).ravel()


def _unloaded(y: csc_matrix, source_i: Phasors) -> Phasors:
    """Voltages without load [V]; RuntimeError where the matrix is singular."""
    lu = splu(y)
    v: Phasors = lu.solve(source_i)
    # one step of refinement: source admittances are a million times those of the lines
    v += lu.solve(source_i - y @ v)
    return v


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
        if name.split(".")[0].lower() not in {"load", "energymeter", "monitor"}:
            circuit.SetActiveElement(name)
            named |= {bus.split(".")[0].lower() for bus in circuit.ActiveCktElement.BusNames}
    return named
