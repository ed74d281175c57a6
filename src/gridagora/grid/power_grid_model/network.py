"""A feeder as power-grid-model can hold it: three phases at every bus, and everything that has no type there told by name.

A source stands at a bus of its own behind its impedance, which is a line: so any impedance between phases can be had. An ideal
transformer of some vector group carries the leakage, and what else its admittance holds is a shunt at either side.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder, moving_units
from gridagora.core.tables import Col, Index
from gridagora.grid.power_grid_model import branches
from gridagora.grid.power_grid_model.branches import (
    PHASES,
    SAME,
    TURN,
    PhaseBlock,
    PhaseLine,
    PhaseShunt,
    PhaseUnit,
    Refusal,
)
from gridagora.grid.power_grid_model.loads import EarthedLoads, phase_loads, refused_loads

TOLD = 4  # elements of one kind that are named
STIFF = 1e-3  # part of a source's impedance that stays with it
BALANCED = np.array([1, TURN**2, TURN])
EXPECTED = "what power-grid-model has a type for"
HINT = 'Set engine = "own" or "opendss" in [feeder].'
HINTS = {
    "loads that change outside of a band of voltages": f'{HINT} Or load_models = "constant_power".',
    "regulators and capacitor banks that move": f'{HINT} Or controls = "hold".',
}


class StiffSource(NamedTuple):
    """A source of balanced voltage behind a reactance, at a bus of its own."""

    bus: int
    volts: complex  # of the first phase
    ohm: float


class EngineNetwork(NamedTuple):
    """A feeder of b buses as columns of power-grid-model; sources stand at further buses."""

    base_v: Col  # (b + s,) line to neutral
    lines: tuple[PhaseLine, ...]
    units: tuple[PhaseUnit, ...]
    shunts: tuple[PhaseShunt, ...]
    sources: tuple[StiffSource, ...]
    loads: tuple[EarthedLoads, ...]
    node_bus: Index  # (m,)
    node_phase: Index  # (m,) from 0


class _Taken(NamedTuple):
    """What was read so far."""

    lines: list[PhaseLine]
    units: list[PhaseUnit]
    shunts: list[PhaseShunt]
    sources: list[StiffSource]
    refused: list[tuple[str, str]]  # kind and name
    base_v: list[float]  # of the buses of sources


def refusals(feeder: Feeder, where: str) -> list[Problem]:
    """Return what of a feeder power-grid-model cannot represent, each kind with the first of its names; empty where it can."""
    return _problems(_read(feeder), where)


def _problems(read: _Taken, where: str) -> list[Problem]:
    found = dict[str, list[str]]()
    for kind, name in read.refused:
        found.setdefault(kind, []).append(name)
    return [
        Problem(where, _tell(kind, names), EXPECTED, HINTS.get(kind, HINT))
        for kind, names in found.items()
    ]


def network_of(feeder: Feeder) -> EngineNetwork:
    """Return a feeder as power-grid-model holds it.

    Raises
    ------
    InputError
        What has no type there, by kind and name.
    """
    read, phase = _read(feeder), _phases(feeder)
    problems = _problems(read, f"feeder '{feeder.name}'")
    if problems:
        raise InputError(problems)
    return EngineNetwork(
        np.array([*_bus_volts(feeder), *read.base_v]),
        tuple(read.lines),
        tuple(read.units),
        tuple(read.shunts),
        tuple(read.sources),
        phase_loads(feeder, phase),
        feeder.nodes.bus,
        phase,
    )


def _tell(kind: str, names: list[str]) -> str:
    several = list(dict.fromkeys(names))
    rest = len(several) - TOLD
    shown = ", ".join(several[:TOLD])
    return f"{kind} ({len(several)}): {shown}{f' and {rest} others' if rest > 0 else ''}"


def _read(feeder: Feeder) -> _Taken:
    found, phase = _Taken([], [], [], [], [], []), _phases(feeder)
    neutral = np.flatnonzero(phase < 0)
    if neutral.size:
        kind = "nodes that are no phase 1, 2 or 3"
        found.refused.extend((kind, feeder.nodes.name[row]) for row in neutral.tolist())
        return found
    found.refused.extend(_moving(feeder))
    found.refused.extend(refused_loads(feeder))
    bus, volts = feeder.nodes.bus, _bus_volts(feeder)
    for of in branches.components(feeder.lines.blocks, feeder.lines.name, bus, phase):
        _keep_line(found, of)
    for of in branches.components(feeder.transformers.blocks, feeder.transformers.name, bus, phase):
        _keep_unit(found, of, volts)
    for table in (feeder.capacitors, feeder.others):
        for of in branches.components(table.blocks, table.name, bus, phase):
            _keep_line(found, of)
    _keep_sources(found, feeder, phase, volts)
    if not found.refused:  # else what is missing there may be what is refused
        found.refused.extend(_bridged(feeder, phase, found.lines))
    return found


def _phases(feeder: Feeder) -> Index:
    """Return the phase of each node, shape (m,), from 0; -1 of a neutral."""
    known = {str(number + 1): number for number in range(PHASES)}
    ends = [name.rpartition(".")[2] for name in feeder.nodes.name]
    return np.array([known.get(end, -1) for end in ends], np.int64)


def _bus_volts(feeder: Feeder) -> Col:
    """Return the base of each bus that its nodes have, shape (b,) [V]."""
    found = np.ones(len(feeder.buses.name))
    found[feeder.nodes.bus] = feeder.nodes.base_v
    return found


def _moving(feeder: Feeder) -> Iterator[tuple[str, str]]:
    kind, own = "regulators and capacitor banks that move", feeder.regulators
    rows = np.flatnonzero(np.isin(own.transformer, moving_units(feeder)) & (own.at_once > 0))
    yield from ((kind, own.name[row]) for row in rows.tolist())
    yield from ((kind, name) for name in feeder.capacitor_controls.name)


def _keep_line(found: _Taken, of: PhaseBlock) -> None:
    try:
        read, shunts = branches.line(of)
    except Refusal as fault:
        found.refused.append((str(fault), of.name))
        return
    found.shunts.extend(shunts)
    if read is not None:
        found.lines.append(read)


def _keep_unit(found: _Taken, of: PhaseBlock, volts: Col) -> None:
    try:
        read, shunts = branches.unit(of, volts)
    except Refusal as fault:
        found.refused.append((str(fault), of.name))
        return
    found.units.append(read)
    found.shunts.extend(shunts)


def _keep_sources(found: _Taken, feeder: Feeder, phase: Index, volts: Col) -> None:
    """Keep each source as a stiff one behind a line."""
    own, seen = feeder.sources, set[int]()
    for of in branches.components(own.blocks, own.name, feeder.nodes.bus, phase):
        name, bus = of.name, int(of.bus[0])
        current_a = own.current_a[own.blocks.start[of.row] : own.blocks.start[of.row + 1]]
        fault = "sources at the bus of another" if bus in seen else _source_fault(of)
        fault = "sources of current" if np.isnan(own.pu[of.row]) else fault
        seen.add(bus)
        if fault:
            found.refused.append((fault, name))
            continue
        order = np.argsort(of.phase)
        ohm = np.linalg.inv(of.y[np.ix_(order, order)])
        inner = ohm @ current_a[order]
        if np.abs(inner - inner[0] * BALANCED).max() > SAME * np.abs(inner).max():
            found.refused.append(("sources of voltages that are not balanced", name))
            continue
        stiff = STIFF * float(np.abs(np.diag(ohm)).min())
        at = len(feeder.buses.name) + len(found.base_v)
        found.base_v.append(float(volts[bus]))
        found.sources.append(StiffSource(at, complex(inner[0]), stiff))
        rest = ohm - 1j * stiff * np.eye(PHASES)
        found.lines.append(
            PhaseLine(name, (at, bus), tuple(range(PHASES)), rest, np.zeros((PHASES, PHASES)))
        )


def _source_fault(of: PhaseBlock) -> str:
    if sorted(of.phase.tolist()) != list(range(PHASES)) or np.ptp(of.bus):
        return "sources of one or two phases"
    if np.abs(of.y - of.y.T).max() > SAME * np.abs(of.y).max():
        return "sources whose phases are not alike"
    return ""


def _bridged(feeder: Feeder, phase: Index, lines: list[PhaseLine]) -> Iterator[tuple[str, str]]:
    """Yield lines whose added conductors would carry current between phases of the feeder, and buses where none ends at one."""
    buses = len(feeder.buses.name)
    real = np.zeros(PHASES * buses, np.bool_)
    real[PHASES * feeder.nodes.bus + phase] = True
    added = [
        (row, PHASES * each.buses[0] + other, PHASES * each.buses[1] + other)
        for row, each in enumerate(lines)
        for other in range(PHASES)
        if other not in each.phases
    ]
    line, start, end = np.array(added, np.int64).reshape(-1, 3).T
    joined = coo_array((np.ones(len(line)), (start, end)), shape=(len(real), len(real)))
    _, part = connected_components(joined, directed=False)
    count = np.bincount(part, real)[part]
    ring = np.unique(line[count[start] > 1])
    yield from (
        ("lines of fewer phases than both places they join", lines[row].name) for row in ring
    )
    is_fed = np.repeat(np.bincount(feeder.nodes.bus, minlength=buses) > 0, PHASES)
    alone = np.unique(np.flatnonzero(~real & is_fed & (count == 0)) // PHASES)
    yield from (("buses that lack a phase", feeder.buses.name[bus]) for bus in alone.tolist())
