"""OpenDSS scripts: the engine reads them, we take the network without loads and the loads as columns.

The script's own solution fixes taps, capacitors and switches; after that they stay. Loads keep their model. What injects power
beside them is left out by name, since the scenario's homes hold panels and batteries.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.components import GROUND, Buses, LoadRows, Meters, Nodes
from gridagora.core.errors import InputError, Problem, nearest, require
from gridagora.core.feeder import Feeder
from gridagora.core.registry import register
from gridagora.core.tables import Col, Index
from gridagora.files.path import require_path
from gridagora.grid.impossible import say_doubts
from gridagora.population.customers import classify_meters
from gridagora.sources.opendss import bases, elements, load_models
from gridagora.sources.opendss.components import components
from gridagora.sources.opendss.elements import LoadElement
from gridagora.sources.opendss.engine import compile_script, fault_type, require_engine, running
from gridagora.sources.opendss.network import PassiveNetwork, buses_of, network
from gridagora.sources.opendss.opened import switch_off_open
from gridagora.sources.opendss.state import settle, some

COMMERCIAL = re.compile(r"\b(com|ind)_|commercial|industrial")
RESIDENTIAL = re.compile(
    r"\bres_|residential"
)  # words of SMART-DS; other feeders go by power, phases and voltage
DEAD_PU = 0.1  # a pair of nodes that sees less than this without load is not connected


class PlacedLoads(NamedTuple):
    """LoadRows with a live terminal, and the ends of each of their pairs as rows of nodes, GROUND for earth."""

    loads: list[LoadElement]
    ends: list[list[tuple[int, int]]]
    notes: list[str]
    problems: list[Problem]


class PlacedBuses(NamedTuple):
    """The b buses of the nodes: place, base voltage [V] and highest voltage without load [V], shape (b,); notes on the bases."""

    name: tuple[str, ...]
    of_node: Index  # (m,) row of the bus
    x: Col
    y: Col
    base_v: Col
    still_v: Col
    notes: list[str]


@register("source", "feeder.source=opendss")
def read(path: str | Path, *, taps: Mapping[str, int] | None = None) -> Feeder:
    """Read a feeder from the master script of an OpenDSS model.

    Parameters
    ----------
    path
        The script that one would hand to `Compile`.
    taps
        Tap number of regulator controls by name; others keep the tap of the script's own solution.

    Raises
    ------
    InputError
        OpenDSS that is not installed, missing files, errors of the script, a first solution that does not converge, loads on a
        bus that nothing names, unknown regulators, a network that floats: all at once.

    References
    ----------
    EPRI, OpenDSS manual (load element, system admittance); dss-python 0.15, https://github.com/dss-extensions/dss_python
    """
    require_path(path, "read_feeder", "the path of the master script of an OpenDSS model")
    if taps is not None:
        require(
            taps,
            Mapping,
            "read_feeder: taps",
            "tap numbers by the name of their regulator, as {'reg1': 4}",
        )
        for name, tap in taps.items():
            require(tap, int, f"read_feeder: tap of {name!r}", "a whole number")
    path = Path(path).absolute()  # the engine works in a folder of its own
    require_engine(path)
    with running() as engine:
        notes = compile_script(engine, path)
        try:
            return _feeder(engine, path, taps or {}, notes)
        except fault_type() as fault:
            hint = "Look at the solution of the script in OpenDSS."
            said = " ".join(str(fault).split())
            raise InputError(
                [Problem(str(path), f"an error of OpenDSS: {said}", "a circuit it can solve", hint)]
            ) from fault


def _feeder(engine: Any, path: Path, taps: Mapping[str, int], notes: tuple[str, ...]) -> Feeder:
    circuit = engine.ActiveCircuit
    if circuit is None or engine.NumCircuits == 0:
        raise InputError(
            [Problem(str(path), "no circuit", "a script with a 'New Circuit' command")]
        )
    engine.Text.Command = "MakeBusList"  # a script that does not solve has no nodes yet
    loads, told = elements.loads(circuit)
    switch_off_open(circuit)
    state = settle(engine, taps)
    told += [] if state.problems else elements.describe_solution(circuit, loads)
    told += elements.leave_out(circuit)
    elements.switch_off_loads(circuit)
    named = buses_of(circuit)
    net, problems = network(engine)
    places = _buses(circuit, net)
    placed = _placed(places, loads, net, named) if not problems else PlacedLoads([], [], [], [])
    problems += bases.problems(
        places.name, places.base_v, places.still_v, {load.bus for load in loads}
    )
    problems = [*state.problems, *problems, *placed.problems]
    if not loads:
        problems.append(
            Problem(str(path), "no load", "at least one load, since homes take the places of loads")
        )
    elif not placed.loads and not problems:
        hint = " ".join([*_dead(net), *placed.notes])
        problems.append(
            Problem(str(path), "no load that is fed", "at least one load that a source feeds", hint)
        )
    if problems:
        raise InputError(problems)
    told = [*notes, *state.notes, *told, *_dead(net), *placed.notes, *places.notes]
    feeder = _columns(engine, placed, net, places, tuple(told), are_off=state.are_off)
    feeder = replace(feeder, notes=(*feeder.notes, *say_doubts(feeder)))
    return _with_homes(feeder, circuit, placed.loads)


def _dead(net: PassiveNetwork) -> list[str]:
    buses = tuple(dict.fromkeys(name.rsplit(".", 1)[0] for name in net.dead))
    what = "1 bus has a node" if len(buses) == 1 else f"{len(buses)} buses have nodes"
    return [f"{what} that no source feeds, left out: {some(buses)}."] if buses else []


def _placed(
    places: PlacedBuses, loads: list[LoadElement], net: PassiveNetwork, named: set[str]
) -> PlacedLoads:
    """Put loads on nodes; those on a dead section are left out by name, those on a bus that nothing names are problems."""
    at = {name: i for i, name in enumerate(net.nodes)}
    base = dict(zip(places.name, places.base_v.tolist(), strict=True))
    kept, ends, dead, cut, problems = [], [], [], [], list[Problem]()
    for load in loads:
        if unknown := _unknown(load, at, net, named):
            hint = nearest(load.bus, sorted({name.split(".")[0] for name in net.nodes}))
            problems.append(
                Problem(
                    f"Load.{load.name}",
                    f"bus {unknown}",
                    "nodes that a line or transformer feeds",
                    hint,
                )
            )
            continue
        rows = [
            row for row in (_ends(load.bus, a, b, at) for a, b in load.pairs) if row is not None
        ]
        if not rows:
            dead.append(load.name)
            continue
        base_v = base[load.bus]
        live = [(f, t) for f, t in rows if _across_v(net, f, t) >= DEAD_PU * base_v]
        if not live:
            dead.append(load.name)
            continue
        if base_v <= 0:
            hint = "Add 'Set VoltageBases=[...]' with every level of the feeder, then 'CalcVoltageBases'."
            problems.append(
                Problem(
                    f"bus {load.bus}",
                    "no base voltage",
                    "a base voltage of every bus with load",
                    hint,
                )
            )
            continue
        if len(live) < len(load.pairs):
            cut.append(load.name)
        part = len(live) / len(load.pairs)
        kept.append(load._replace(p_kw=load.p_kw * part, q_kvar=load.q_kvar * part))
        ends.append(live)
    notes = [f"{len(dead)} loads without voltage are left out: {some(dead)}."] if dead else []
    if cut:
        notes.append(
            f"LoadRows of which a phase has no voltage keep the other phases: {some(cut)}."
        )
    if given := [load.name for load in kept if load.p_kw < 0]:
        notes.append(f"Loads below zero feed power in, all the time: {some(given)}.")
    return PlacedLoads(kept, ends, notes, problems)


def _unknown(load: LoadElement, at: Mapping[str, int], net: PassiveNetwork, named: set[str]) -> str:
    """Return the nodes of a load that nothing else names, as text; '' where there is none."""
    known = {*at, *net.dead}
    wanted = sorted({node for pair in load.pairs for node in pair if node})
    absent = [f"{load.bus}.{node}" for node in wanted if f"{load.bus}.{node}" not in known]
    switched_off = load.bus in named and not any(
        name.rsplit(".", 1)[0] == load.bus for name in known
    )
    return "" if switched_off else ", ".join(absent)


def _ends(bus: str, a: int, b: int, at: Mapping[str, int]) -> tuple[int, int] | None:
    """Return the rows of two nodes of a bus, earth second; None where one is dead or both are earth."""
    if not a:
        a, b = b, a
    start = at.get(f"{bus}.{a}", GROUND)
    end = at.get(f"{bus}.{b}", GROUND) if b else GROUND
    dead = start == GROUND or (b != 0 and end == GROUND)
    return None if dead or start == end else (start, end)


def _across_v(net: PassiveNetwork, start: int, end: int) -> float:
    return float(abs(net.v_no_load[start] - (net.v_no_load[end] if end != GROUND else 0.0)))


def _columns(
    engine: Any,
    placed: PlacedLoads,
    net: PassiveNetwork,
    places: PlacedBuses,
    notes: tuple[str, ...],
    *,
    are_off: bool,
) -> Feeder:
    names, node_bus = places.name, places.of_node
    bus_at = {name: i for i, name in enumerate(names)}
    loads = placed.loads
    rows = [(i, f, t) for i, ends in enumerate(placed.ends) for f, t in ends]
    count = np.array([len(ends) for ends in placed.ends])
    circuit, parts = engine.ActiveCircuit, components(engine, net, bus_at, are_off=are_off)
    meter = np.array([i for i, _, _ in rows], np.int64)
    p_kw, q_kvar = (
        np.array([load.p_kw for load in loads]),
        np.array([load.q_kvar for load in loads]),
    )
    base = places.base_v[node_bus]
    # buses that the script gave no base voltage take that of the unloaded network
    base = np.where(base > 0, base, np.maximum(np.abs(net.v_no_load), 1.0))
    none, ends = (
        np.zeros(0, np.int64),
        [np.array([row[k] for row in rows], np.int64) for k in (1, 2)],
    )
    model = np.array([load.model.number for load in loads], np.int64)
    bus = np.array([bus_at[load.bus] for load in loads], np.int64)
    return Feeder(
        name=circuit.Name,
        buses=Buses(names, places.x, places.y, places.base_v),
        nodes=Nodes(net.nodes, node_bus, base, net.v_no_load),
        sources=parts.sources,
        lines=parts.lines,
        transformers=parts.transformers,
        regulators=parts.regulators,
        capacitors=parts.capacitors,
        capacitor_controls=parts.capacitor_controls,
        others=parts.others,
        loads=LoadRows(
            tuple(loads[i].name for i in meter),
            meter,
            ends[0],
            ends[1],
            (p_kw / count)[meter],
            (q_kvar / count)[meter],
            model[meter],
            load_models.dependence([loads[i].model for i in meter]),
        ),
        meters=Meters(
            tuple(load.name for load in loads),
            bus,
            p_kw,
            np.ones(len(loads), np.bool_),
            none,
            (),
            none,
        ),
        notes=(*notes, *parts.notes),
    )


def _with_homes(feeder: Feeder, circuit: Any, loads: list[LoadElement]) -> Feeder:
    """Return the feeder with its homes, and the load shapes of those that have one."""
    words = [f"{load.shape} {load.name}".lower() for load in loads]
    commercial = np.array([COMMERCIAL.search(word) is not None for word in words], bool)
    residential = np.array([RESIDENTIAL.search(word) is not None for word in words], bool)
    customers, phases = (
        np.array([load.customers for load in loads]),
        np.array([load.phases for load in loads]),
    )
    feeder = classify_meters(feeder, customers, phases, commercial, residential)
    wanted = [
        load.shape if home else "" for load, home in zip(loads, feeder.meters.is_home, strict=True)
    ]
    found = elements.shapes(circuit, set(wanted) - {""})
    row = {name: at for at, name in enumerate(found)}
    shape = np.array([row.get(name, -1) for name in wanted], np.int64)
    return replace(
        feeder, meters=feeder.meters._replace(shape=shape), shape_share=tuple(found.values())
    )


def _buses(circuit: Any, net: PassiveNetwork) -> PlacedBuses:
    own = [name.rsplit(".", 1)[0] for name in net.nodes]
    names = tuple(dict.fromkeys(own))
    row = {name: at for at, name in enumerate(names)}
    of_node = np.array([row[name] for name in own], np.int64)
    x, y, base_v = np.full(len(names), np.nan), np.full(len(names), np.nan), np.zeros(len(names))
    for i, name in enumerate(names):
        circuit.SetActiveBus(name)
        bus = circuit.ActiveBus
        base_v[i] = 1e3 * bus.kVBase
        if bus.Coorddefined:
            x[i], y[i] = bus.x, bus.y
    still_v = np.zeros(len(names))
    np.maximum.at(still_v, of_node, np.abs(net.v_no_load))
    base_v, notes = bases.mended(names, base_v, still_v, circuit.Settings.VoltageBases)
    return PlacedBuses(names, of_node, x, y, base_v, still_v, notes)
