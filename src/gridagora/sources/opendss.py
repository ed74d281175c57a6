"""OpenDSS scripts: the engine reads them, we take the network without loads and the loads as columns.

Controls act once, in a first solution with the script's own loads; after that taps, capacitors and switches stay. All
loads become constant power. PV, storage and generators of the script are left out, since the scenario's homes hold them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.feeder import GROUND, Feeder, Phasors
from gridagora.core.registry import register
from gridagora.core.tables import Col, Index

REFERS = re.compile(r"^\s*(redirect|compile|buscoords)\s+[\"'\[({]?([^\"'\])}\s!]+)", re.IGNORECASE)
OTHER_SOURCES = ("pvsystem", "storage", "generator")
CONSTANT_POWER = 1
DEAD_PU = 0.1  # a load whose terminals see less than this without load is not connected


class Load(NamedTuple):
    """One load element as the engine holds it; `nodes` are the phase conductors and then the neutral where wye."""

    name: str
    bus: str
    nodes: tuple[int, ...]
    phases: int
    delta: bool
    p_kw: float
    q_kvar: float
    model: int
    shape: str


class Network(NamedTuple):
    """The network without loads, in the engine's order of nodes."""

    nodes: tuple[str, ...]
    y: csc_matrix
    source_i: Phasors
    source_y: Phasors


@register("source", "opendss")
def read(path: str | Path, *, taps: Mapping[str, int] | None = None) -> Feeder:
    """Read a feeder from the master script of an OpenDSS model.

    Parameters
    ----------
    path
        The script that one would hand to `Compile`.
    taps
        Tap number of regulator controls by name; others keep the tap of the first solution.

    Raises
    ------
    InputError
        Missing files, errors of the script, loads without a network, unknown regulators, a network that floats: all at once.

    References
    ----------
    EPRI, OpenDSS manual (load element, system admittance); dss-python 0.15, https://github.com/dss-extensions/dss_python
    """
    path = Path(path)
    missing = _missing(path)
    if missing:
        raise InputError(missing)
    with _engine() as engine:
        try:
            engine.Text.Command = f'Compile "{path.resolve()}"'
            return _feeder(engine, path, taps or {})
        except _fault() as fault:
            hint = "OpenDSS stops at its first error; mend it and try again."
            problem = Problem(str(path), f"an error of OpenDSS: {fault}", "a script that OpenDSS can read", hint)
            raise InputError([problem]) from fault


def _fault() -> type[Exception]:
    from dss import DSSException  # noqa: PLC0415  the engine is heavy and not every run needs it

    kind: type[Exception] = DSSException
    return kind


@contextmanager
def _engine() -> Iterator[Any]:
    """Yield an engine of our own that neither changes the folder of the process nor opens editors."""
    from dss import DSS  # noqa: PLC0415

    engine = DSS.NewContext()
    before = engine.AllowChangeDir
    engine.AllowChangeDir = False
    engine.AllowEditor = False
    try:
        yield engine
    finally:
        engine.ClearAll()
        engine.AllowChangeDir = before


def _missing(path: Path) -> list[Problem]:
    """Every file that the script or one it redirects to names and that is not there, as OpenDSS itself stops at the first."""
    if not path.is_file():
        return [Problem(str(path), "no such file", "the master script of an OpenDSS model", "Check the path in the scenario.")]
    problems: list[Problem] = []
    seen, waiting = set[Path](), [path]
    while waiting:
        script = waiting.pop()
        seen.add(script)
        for number, line in enumerate(script.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            match = REFERS.match(line)
            if match is None:
                continue
            target = script.parent / match[2].replace("\\", "/")
            if not target.is_file():
                where = f"{script}, line {number}"
                problems.append(Problem(where, f"{match[1]} {match[2]}", "a file that exists", f"Looked for {target}."))
            elif match[1].lower() != "buscoords" and target not in seen:
                waiting.append(target)
    return problems


def _feeder(engine: Any, path: Path, taps: Mapping[str, int]) -> Feeder:
    circuit = engine.ActiveCircuit
    if circuit is None or engine.NumCircuits == 0:
        raise InputError([Problem(str(path), "no circuit", "a script with a 'New Circuit' command")])
    problems = _freeze(circuit, taps)
    loads, notes = _loads(circuit), _notes(engine)
    if not loads:
        problems.append(Problem(str(path), "no load", "at least one load, since homes take the places of loads"))
    network = _network(engine)
    v_no_load, floating = _no_load(network)
    problems += floating
    if not floating:
        problems += _unfed(circuit, loads, network, v_no_load)
    if problems:
        raise InputError(problems)
    return _columns(circuit, loads, network, v_no_load, notes)


def _freeze(circuit: Any, taps: Mapping[str, int]) -> list[Problem]:
    """Let the controls settle on the script's own loads, then stop them."""
    known = [name.lower() for name in circuit.RegControls.AllNames if name.lower() != "none"]
    solution = circuit.Solution
    solution.Mode = 0
    solution.ControlMode = 0
    solution.Solve()
    solution.ControlMode = -1
    problems = []
    for name, tap in taps.items():
        if name.lower() in known:
            circuit.RegControls.Name = name
            circuit.RegControls.TapNumber = tap
        else:
            problems.append(Problem(f"taps.{name}", f"'{name}'", "the name of a regulator control", nearest(name.lower(), known)))
    return problems


def _loads(circuit: Any) -> list[Load]:
    loads = []
    for element in circuit.Loads:
        terminal = circuit.ActiveCktElement
        if not terminal.Enabled:
            continue
        shape = element.Yearly or element.daily
        bus = terminal.BusNames[0].split(".")[0].lower()
        nodes = tuple(int(node) for node in terminal.NodeOrder)
        phases, delta = int(element.Phases), bool(element.IsDelta)
        loads.append(Load(element.Name, bus, nodes, phases, delta, element.kW, element.kvar, int(element.Model), shape))
    return loads


def _notes(engine: Any) -> tuple[str, ...]:
    circuit = engine.ActiveCircuit
    notes = []
    models = [element.Name for element in circuit.Loads if int(element.Model) != CONSTANT_POWER]
    if models:
        notes.append(f"{len(models)} of {circuit.Loads.Count} loads are not of constant power in the script; here all are.")
    regulators = [name for name in circuit.RegControls.AllNames if name.lower() != "none"]
    if regulators:
        held = [f"{control.Name} {control.TapNumber}" for control in circuit.RegControls]
        notes.append(f"Regulators stay at their taps: {', '.join(held)}.")
    others = [name for name in circuit.AllElementNames if name.split(".")[0].lower() in OTHER_SOURCES]
    if others:
        notes.append(f"{len(others)} PV, storage and generator elements are left out; the scenario's homes bring their own.")
    return tuple(notes)


def _network(engine: Any) -> Network:
    """Take loads and other sources out, and read admittance, nodes and the source's Norton currents."""
    circuit = engine.ActiveCircuit
    for _ in circuit.Loads:
        circuit.ActiveCktElement.Enabled = False
    for name in circuit.AllElementNames:
        if name.split(".")[0].lower() in OTHER_SOURCES:
            circuit.SetActiveElement(name)
            circuit.ActiveCktElement.Enabled = False
    whole_matrix = 2
    engine.YMatrix.BuildYMatrixD(whole_matrix, 1)
    engine.YMatrix.ZeroInjCurr()
    engine.YMatrix.GetSourceInjCurrents()
    nodes = tuple(name.lower() for name in circuit.YNodeOrder)
    m = len(nodes)
    entry, row, start = engine.YMatrix.GetCompressedYMatrix()
    y = csc_matrix((entry, row, start), shape=(m, m))
    y.sort_indices()
    source_i = np.array(engine.YMatrix.getI(), dtype=float).view(complex)[1 : m + 1].copy()
    return Network(nodes, y, source_i, _source_y(circuit, nodes, y))


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
        buses = [bus.split(".")[0].lower() for bus in element.BusNames for _ in range(int(element.NumConductors))]
        place = [at.get(f"{bus}.{node}", -1) for bus, node in zip(buses, element.NodeOrder, strict=True)]
        for i, row in enumerate(place):
            for j, column in enumerate(place):
                if row >= 0 and column >= 0 and primitive[i, j] != 0:
                    rows.append(row)
                    columns.append(column)
                    entries.append(primitive[i, j])
    inner = csc_matrix((entries, (rows, columns)), shape=y.shape, dtype=complex)
    by_column = np.repeat(np.arange(y.shape[0]), np.diff(y.indptr))
    return np.asarray(inner[y.indices, by_column], complex).ravel()


def _no_load(network: Network) -> tuple[Phasors, list[Problem]]:
    """Voltages without load, or the parts of the network that no source holds."""
    try:
        v = _unloaded(network.y, network.source_i)
    except RuntimeError:
        return np.zeros(len(network.nodes), complex), [_floating(network)]
    return (v, []) if np.isfinite(v).all() else (v, [_floating(network)])


def _unloaded(y: csc_matrix, source_i: Phasors) -> Phasors:
    """Voltages without load [V]; RuntimeError where the matrix is singular."""
    lu = splu(y)
    v: Phasors = lu.solve(source_i)
    # one step of refinement: source admittances are a million times those of the lines
    v += lu.solve(source_i - y @ v)
    return v


def _floating(network: Network) -> Problem:
    _, part = connected_components(abs(network.y), directed=False)
    alone = np.flatnonzero(~np.isin(part, part[network.source_i != 0]))
    some = ", ".join(network.nodes[i] for i in alone[:5]) or "a winding without path to earth"
    hint = "Close the switch or line that feeds it, or connect a neutral to earth."
    return Problem("network", f"{max(len(alone), 1)} nodes that float ({some})", "every node to have a path to the source", hint)


def _pairs(load: Load) -> list[tuple[int, int]]:
    """Node numbers between which a load draws its power in equal parts."""
    phases = load.nodes[: load.phases] if not load.delta else load.nodes
    if not load.delta:
        neutral = load.nodes[load.phases] if len(load.nodes) > load.phases else 0
        return [(node, neutral) for node in phases]
    return [(phases[i], phases[(i + 1) % len(phases)]) for i in range(load.phases)]


def _unfed(circuit: Any, loads: list[Load], network: Network, v_no_load: Phasors) -> list[Problem]:
    """Loads whose terminals no line or transformer feeds, and buses whose base voltage is not known."""
    at = {name: i for i, name in enumerate(network.nodes)}
    problems = []
    for load in loads:
        where = f"Load.{load.name}"
        if load.p_kw < 0:
            hint = "Model generation by PV in the scenario."
            problems.append(Problem(where, f"{load.p_kw} kW", "a load that draws power", hint))
        absent = [f"{load.bus}.{node}" for node in sorted(set(load.nodes)) if node and f"{load.bus}.{node}" not in at]
        if absent:
            hint = nearest(load.bus, sorted({name.split(".")[0] for name in network.nodes}))
            problems.append(Problem(where, f"bus {', '.join(absent)}", "nodes that a line or transformer feeds", hint))
            continue
        circuit.SetActiveBus(load.bus)
        base_v = 1e3 * circuit.ActiveBus.kVBase
        ends = [(at[f"{load.bus}.{f}"], at.get(f"{load.bus}.{t}", GROUND)) for f, t in _pairs(load)]
        across = min(abs(v_no_load[f] - (v_no_load[t] if t >= 0 else 0.0)) for f, t in ends)
        if base_v <= 0:
            hint = "Add 'Set VoltageBases=[...]' with every level of the feeder, then 'CalcVoltageBases'."
            problems.append(Problem(f"bus {load.bus}", "no base voltage", "a base voltage of every bus with load", hint))
        elif across < DEAD_PU * base_v:
            got = f"{across:.1f} V on bus {load.bus} without load"
            problems.append(Problem(where, got, f"about {base_v:.0f} V", "Feed this bus."))
    return problems


def _columns(circuit: Any, loads: list[Load], network: Network, v_no_load: Phasors, notes: tuple[str, ...]) -> Feeder:
    at = {name: i for i, name in enumerate(network.nodes)}
    names, x, y, base_v = _buses(circuit, network.nodes)
    bus_at = {name: i for i, name in enumerate(names)}
    node_bus = np.array([bus_at[name.rsplit(".", 1)[0]] for name in network.nodes], np.int64)
    rows = [(i, f, t) for i, load in enumerate(loads) for f, t in _pairs(load)]
    count = np.array([len(_pairs(load)) for load in loads])
    start, end, kind, kva = _lines(circuit, bus_at)
    meter = np.array([i for i, _, _ in rows], np.int64)
    p_kw, q_kvar = np.array([load.p_kw for load in loads]), np.array([load.q_kvar for load in loads])
    base = base_v[node_bus]
    # buses that the script gave no base voltage take that of the unloaded network
    base = np.where(base > 0, base, np.maximum(np.abs(v_no_load), 1.0))
    return Feeder(
        name=circuit.Name,
        node_name=network.nodes, node_bus=node_bus, node_base_v=base,
        y_data=np.asarray(network.y.data, complex), y_indices=network.y.indices.astype(np.int64),
        y_indptr=network.y.indptr.astype(np.int64),
        source_i=network.source_i, source_y=network.source_y, v_no_load=v_no_load,
        load_name=tuple(loads[i].name for i in meter),
        load_from=np.array([at[f"{loads[i].bus}.{f}"] for i, f, _ in rows], np.int64),
        load_to=np.array([at[f"{loads[i].bus}.{t}"] if t else GROUND for i, _, t in rows], np.int64),
        load_kw=(p_kw / count)[meter], load_kvar=(q_kvar / count)[meter], load_meter=meter,
        meter_name=tuple(load.name for load in loads),
        meter_bus=np.array([bus_at[load.bus] for load in loads], np.int64),
        meter_kw=p_kw, meter_is_home=_homes(loads),
        bus_name=names, bus_x=x, bus_y=y, line_from_bus=start, line_to_bus=end, line_kind=kind, line_kva=kva, notes=notes,
    )  # fmt: skip


def _homes(loads: list[Load]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Residential by the words of SMART-DS in shape or name; a load that says nothing counts as a home."""
    words = [f"{load.shape} {load.name}".lower() for load in loads]
    return np.array([re.search(r"\b(com|ind)_|commercial|industrial", word) is None for word in words], bool)


def _buses(circuit: Any, nodes: tuple[str, ...]) -> tuple[tuple[str, ...], Col, Col, Col]:
    names = tuple(dict.fromkeys(name.rsplit(".", 1)[0] for name in nodes))
    x, y, base_v = np.full(len(names), np.nan), np.full(len(names), np.nan), np.zeros(len(names))
    for i, name in enumerate(names):
        circuit.SetActiveBus(name)
        bus = circuit.ActiveBus
        base_v[i] = 1e3 * bus.kVBase
        if bus.Coorddefined:
            x[i], y[i] = bus.x, bus.y
    return names, x, y, base_v


def _lines(circuit: Any, bus_at: dict[str, int]) -> tuple[Index, Index, tuple[str, ...], Col]:
    """Two-ended elements as pairs of buses; a transformer of three windings appears once for each pair of buses."""
    ends: dict[tuple[int, int], tuple[str, float]] = {}
    for kind, elements in (("line", circuit.Lines), ("transformer", circuit.Transformers)):
        for _ in elements:
            element = circuit.ActiveCktElement
            if not element.Enabled:
                continue
            kva = float(elements.kVA) if kind == "transformer" else np.nan
            buses = [bus_at.get(bus.split(".")[0].lower(), -1) for bus in element.BusNames]
            for other in buses[1:]:
                if buses[0] >= 0 and other >= 0 and other != buses[0]:
                    ends.setdefault((buses[0], other), (kind, kva))
    pairs = np.array(list(ends), np.int64).reshape(-1, 2)
    return (
        pairs[:, 0].copy(),
        pairs[:, 1].copy(),
        tuple(kind for kind, _ in ends.values()),
        np.array([kva for _, kva in ends.values()]),
    )
