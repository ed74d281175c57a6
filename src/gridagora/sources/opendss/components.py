"""The components of a circuit as typed columns: what the engine knows of each, beside its primitive admittance."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.components import (
    NO_BUS,
    Capacitors,
    Lines,
    Others,
    PrimitiveBlocks,
    Regulators,
    Sources,
    Transformers,
    Windings,
)
from gridagora.core.controls import CapacitorControls
from gridagora.core.tables import Col, Index
from gridagora.sources.opendss.controls import capacitor_controls, regulators
from gridagora.sources.opendss.network import (
    SOURCES,
    WHOLE_MATRIX,
    Element,
    PassiveNetwork,
    stacked,
)

METRES = {
    1: 1609.344,
    2: 304.8,
    3: 1000.0,
    4: 1.0,
    5: 0.3048,
    6: 0.0254,
    7: 0.01,
    8: 0.001,
}  # by the engine's code of a unit
TYPED = (*SOURCES, "line", "transformer", "capacitor")


class Components(NamedTuple):
    """The tables of a feeder that hold its network."""

    sources: Sources
    lines: Lines
    transformers: Transformers
    regulators: Regulators
    capacitors: Capacitors
    capacitor_controls: CapacitorControls
    others: Others
    notes: tuple[str, ...]


def components(
    engine: Any, net: PassiveNetwork, bus_at: Mapping[str, int], *, are_off: bool
) -> Components:
    """Return all components that are switched on and fed, in the order of the script; `are_off` its controls stay as they are."""
    circuit = engine.ActiveCircuit
    transformers = _transformers(circuit, _of(net, "transformer"), bus_at)
    controls = capacitor_controls(circuit, net, are_off=are_off)
    return Components(
        _sources(circuit, net, bus_at),
        _lines(circuit, _of(net, "line"), bus_at),
        transformers,
        regulators(circuit, transformers, net, are_off=are_off),
        _capacitors(engine, _of(net, "capacitor"), bus_at),
        controls.table,
        _others(net),
        controls.notes,
    )


def _of(net: PassiveNetwork, *kinds: str) -> list[Element]:
    return [element for element in net.elements if element.kind in kinds]


def _bus(element: Element, end: int, bus_at: Mapping[str, int]) -> int:
    return bus_at.get(element.buses[end], NO_BUS) if end < len(element.buses) else NO_BUS


def _read(circuit: Any, table: Any, names: Sequence[str]) -> dict[str, list[float]]:
    """Return properties of all elements of a class that are switched on, by their name."""
    found = {}
    for one in table:
        if circuit.ActiveCktElement.Enabled:
            found[str(one.Name).lower()] = [
                float(getattr(one, name)) for name in names
            ]  # a name of the engine's own interface
    return found


def _columns(
    found: Mapping[str, list[float]], elements: Sequence[Element], count: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return (
        np.array([found[element.name] for element in elements], np.float64)
        .reshape(len(elements), count)
        .T
    )


def _sources(circuit: Any, net: PassiveNetwork, bus_at: Mapping[str, int]) -> Sources:
    elements, left = _of(net, *SOURCES), net.source_i.copy()
    pu, currents = _read(circuit, circuit.Vsources, ("pu",)), [np.zeros(0, complex)]
    for element in elements:
        node = element.node[element.node >= 0]
        currents.append(left[node])
        left[node] = 0.0  # the current of several sources at one node stands with the first
    return Sources(
        tuple(element.name for element in elements),
        np.array([_bus(element, 0, bus_at) for element in elements], np.int64),
        np.array(
            [
                pu.get(element.name, [np.nan])[0] if element.kind == SOURCES[0] else np.nan
                for element in elements
            ]
        ),
        stacked(elements),
        np.concatenate(currents),
    )


def _lines(circuit: Any, elements: Sequence[Element], bus_at: Mapping[str, int]) -> Lines:
    found = _read(
        circuit, circuit.Lines, ("Phases", "Length", "Units", "NormAmps", "EmergAmps", "IsSwitch")
    )
    phases, length, unit, rating, emergency, switch = _columns(found, elements, 6)
    metres = np.array([METRES.get(int(code), np.nan) for code in unit])
    ends = [
        np.array([_bus(element, end, bus_at) for element in elements], np.int64) for end in (0, 1)
    ]
    names, count = tuple(element.name for element in elements), phases.astype(np.int64)
    known_a, most_a = (np.where(amps > 0, amps, np.nan) for amps in (rating, emergency))
    metres = metres * length
    return Lines(
        names, ends[0], ends[1], count, metres, known_a, most_a, switch > 0, stacked(elements)
    )


def _transformers(
    circuit: Any, elements: Sequence[Element], bus_at: Mapping[str, int]
) -> Transformers:
    row = {element.name: at for at, element in enumerate(elements)}
    shares = np.full(
        (len(elements), 6), np.nan
    )  # phases, three reactances, no-load loss, magnetising current
    of: list[list[list[float]]] = [[] for _ in elements]
    for unit in circuit.Transformers:
        at = row.get(str(unit.Name).lower(), -1) if circuit.ActiveCktElement.Enabled else -1
        if at < 0:
            continue
        of[at] = _windings(unit, at, elements[at], bus_at)
        own, three = circuit.ActiveCktElement.Properties, len(of[at]) > 2
        x = [unit.Xhl, unit.Xht, unit.Xlt] if three else [unit.Xhl, np.nan, np.nan]
        shares[at] = [
            circuit.ActiveCktElement.NumPhases,
            *x,
            float(own("%noloadloss").Val),
            float(own("%imag").Val),
        ]
    table = (
        np.array([winding for unit_of in of for winding in unit_of], np.float64).reshape(-1, 10).T
    )
    whole = [table[k].astype(np.int64) for k in (0, 1, 9)]
    windings = Windings(
        whole[0],
        whole[1],
        table[2],
        table[3],
        table[4] > 0,
        table[5],
        table[6],
        table[7],
        table[8],
        whole[2],
    )
    first = np.searchsorted(windings.transformer, np.arange(len(elements)))
    names = tuple(element.name for element in elements)
    phases, x_share = shares[:, 0].astype(np.int64), 0.01 * shares[:, 1:4]
    core, magnetising = 0.01 * shares[:, 4:].T
    return Transformers(
        names, phases, windings.kva[first], x_share, core, magnetising, windings, stacked(elements)
    )


def _windings(unit: Any, at: int, element: Element, bus_at: Mapping[str, int]) -> list[list[float]]:
    """Return the columns of `Windings` of one transformer, a row each."""
    found = []
    for winding in range(int(unit.NumWindings)):
        unit.Wdg = winding + 1
        rated = [
            unit.kV,
            unit.kVA,
            float(unit.IsDelta),
            0.01 * unit.R,
            unit.Tap,
            unit.MinTap,
            unit.MaxTap,
            unit.NumTaps,
        ]
        found.append([at, _bus(element, winding, bus_at), *rated])
    return found


def _capacitors(engine: Any, elements: Sequence[Element], bus_at: Mapping[str, int]) -> Capacitors:
    circuit = engine.ActiveCircuit
    found, on, shares = {}, {}, {}
    for bank in circuit.Capacitors:
        terminal = circuit.ActiveCktElement
        if terminal.Enabled:
            name = str(bank.Name).lower()
            found[name] = [
                float(terminal.NumPhases),
                bank.kV,
                bank.kvar,
                float(bank.IsDelta),
                bank.NumSteps,
            ]
            on[name] = sum(int(step) for step in bank.States)
            shares[name] = _step_shares(terminal)
    phases, kv, kvar, delta, steps = _columns(found, elements, 5)
    names = tuple(element.name for element in elements)
    bus: Index = np.array([_bus(element, 0, bus_at) for element in elements], np.int64)
    closed = np.array([on[name] for name in names], np.int64)
    step_share = np.zeros((len(names), max([1, *(len(shares[name]) for name in names)])))
    for row, name in enumerate(names):
        step_share[row, : len(shares[name])] = shares[name]
    return Capacitors(
        names,
        bus,
        phases.astype(np.int64),
        kv,
        kvar,
        delta > 0,
        steps.astype(np.int64),
        closed,
        stacked(elements),
        step_share,
        _all_on(engine, elements),
    )


def _step_shares(terminal: Any) -> Col:
    """Return the part of each step of the active bank, (s,) [1]."""
    each = np.array(
        [float(word) for word in re.findall(r"[^\s,\[\]()]+", terminal.Properties("kvar").Val)]
    )
    return np.asarray(each / each.sum())


def _all_on(engine: Any, elements: Sequence[Element]) -> PrimitiveBlocks:
    """Return the blocks of the banks with all their steps on; the engine keeps them on."""
    circuit = engine.ActiveCircuit
    for element in elements:
        circuit.Capacitors.Name = element.name
        if not all(circuit.Capacitors.States) or circuit.ActiveCktElement.IsOpen(1, 0):
            circuit.Capacitors.Close()
            circuit.Capacitors.States = np.ones(int(circuit.Capacitors.NumSteps), np.int32)
    engine.YMatrix.BuildYMatrixD(WHOLE_MATRIX, 1)
    full = []
    for element in elements:
        circuit.SetActiveElement(f"capacitor.{element.name}")
        entries = np.asarray(circuit.ActiveCktElement.Yprim, float).view(complex)
        full.append(element._replace(y=entries.reshape(element.y.shape)))
    return stacked(full)


def _others(net: PassiveNetwork) -> Others:
    elements = [element for element in net.elements if element.kind not in TYPED]
    return Others(
        tuple(element.name for element in elements),
        tuple(element.kind for element in elements),
        stacked(elements),
    )
