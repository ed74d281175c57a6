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
    Phasors,
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
    banks = _capacitors(engine, _of(net, "capacitor"), bus_at)
    return Components(
        _sources(circuit, net, bus_at),
        _lines(circuit, _of(net, "line"), bus_at),
        transformers,
        regulators(circuit, transformers, net, are_off=are_off),
        banks,
        controls.table,
        _others(net),
        (*controls.notes, *_counted_twice(banks)),
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
    found, states, shares = {}, {}, {}
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
            states[name] = np.array([int(step) for step in bank.States], np.int64)
            shares[name] = _step_shares(terminal)
    phases, kv, kvar, delta, steps = _columns(found, elements, 5)
    names = tuple(element.name for element in elements)
    bus: Index = np.array([_bus(element, 0, bus_at) for element in elements], np.int64)
    step_share = np.zeros((len(names), max([1, *(len(shares[name]) for name in names)])))
    for row, name in enumerate(names):
        step_share[row, : len(shares[name])] = shares[name]
    of_steps = _of_steps(engine, elements)
    standing = [
        _standing(element, each, states[element.name], is_delta=bool(is_delta))
        for element, each, is_delta in zip(elements, of_steps, delta, strict=True)
    ]
    full = [
        one._replace(y=sum(each[1:], each[0])) for one, each in zip(elements, of_steps, strict=True)
    ]
    return Capacitors(
        names,
        bus,
        phases.astype(np.int64),
        kv,
        kvar,
        delta > 0,
        steps.astype(np.int64),
        np.array([states[name].sum() for name in names], np.int64),
        stacked(standing),
        step_share,
        stacked(full),
    )


def _step_shares(terminal: Any) -> Col:
    """Return the part of each step of the active bank, (s,) [1]."""
    each = np.array(
        [float(word) for word in re.findall(r"[^\s,\[\]()]+", terminal.Properties("kvar").Val)]
    )
    return np.asarray(each / each.sum())


def _of_steps(engine: Any, elements: Sequence[Element]) -> list[list[Phasors]]:
    """Return the admittance of each step of each bank alone; the engine keeps all on.

    The engine counts steps of a delta more than once as soon as two are on: all of three steps give twice the rating.
    """
    circuit = engine.ActiveCircuit
    counts = [_switch_on(circuit, element.name, 0) for element in elements]
    found: list[list[Phasors]] = [[] for _ in elements]
    for step in range(max(counts, default=0)):
        for element in elements:
            _switch_on(circuit, element.name, step)
        engine.YMatrix.BuildYMatrixD(WHOLE_MATRIX, 1)
        for at, element in enumerate(elements):
            if step < counts[at]:
                circuit.SetActiveElement(f"capacitor.{element.name}")
                y = np.asarray(circuit.ActiveCktElement.Yprim, float).view(complex)
                found[at].append(y.reshape(element.y.shape))
    if max(counts, default=0) > 1:  # else the one step of every bank is on already
        for element, count in zip(elements, counts, strict=True):
            circuit.Capacitors.Name = element.name
            circuit.Capacitors.States = np.ones(count, np.int32)
        engine.YMatrix.BuildYMatrixD(WHOLE_MATRIX, 1)
    return found


def _switch_on(circuit: Any, name: str, step: int) -> int:
    """Have one step of a bank on and the others off, and return how many it has."""
    banks = circuit.Capacitors
    banks.Name = name
    if circuit.ActiveCktElement.IsOpen(1, 0):
        banks.Close()
    count = int(banks.NumSteps)
    banks.States = (np.arange(count) == step).astype(np.int32)
    return count


def _standing(bank: Element, steps: Sequence[Phasors], states: Index, *, is_delta: bool) -> Element:
    """Return a bank as it stands, with the admittance of the steps that are on and no more."""
    if not is_delta or states.sum() < 2:
        return bank
    total: Phasors = np.tensordot(states.astype(float), np.array(steps), 1)
    return bank._replace(y=total)


def _counted_twice(banks: Capacitors) -> list[str]:
    """Return a note on each bank whose steps differ from those of the engine."""
    return [
        f"Capacitor {name} is a delta of {steps} steps: each gives its rating; OpenDSS gives two the power of three."
        for name, steps, is_delta in zip(banks.name, banks.steps, banks.is_delta, strict=True)
        if is_delta and steps > 1
    ]


def _others(net: PassiveNetwork) -> Others:
    elements = [element for element in net.elements if element.kind not in TYPED]
    return Others(
        tuple(element.name for element in elements),
        tuple(element.kind for element in elements),
        stacked(elements),
    )
