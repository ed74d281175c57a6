"""A Texas-like radial feeder from a seed, no file needed: substation, three-phase mains, laterals, center-tapped transformers.

Impedances are those of public models: main and lateral conductors are configurations 601 and 605 of the IEEE 13 node feeder
(W. H. Kersting, Radial distribution test feeders, IEEE PES Winter Meeting 2001, doi 10.1109/PESW.2001.916993); service
transformers and triplex are those of SMART-DS Austin (NREL, doi 10.25984/1788456, CC BY 4.0).
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import (
    CONSTANT_POWER,
    Buses,
    Lines,
    LoadRows,
    Meters,
    Nodes,
    Phasors,
    Sources,
    Transformers,
    Windings,
    pi_block,
    stack_blocks,
)
from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.registry import register
from gridagora.core.rng import stream
from gridagora.core.tables import Index
from gridagora.grid.admittance import injected, sum_blocks, unloaded

HOMES_MAX = 20_000
HOMES_PER_MAIN = 1_000
POLES_PER_LATERAL = 8
HV_V, MV_V, LV_V = 69e3 / np.sqrt(3), 12.47e3 / np.sqrt(3), 120.0
SOURCE_PU = 1.03
SOURCE_OHM = (0.4 + 4.0j, 1.2 + 9.0j)  # positive and zero sequence behind the 69 kV bus
SUBSTATION_KVA = 10_000.0  # for each main
SUBSTATION_R, SUBSTATION_X = 0.0025, 0.08  # each winding, both windings
MILE_M = 1609.344
MAIN_OHM_MILE = np.array(
    [
        [0.3465 + 1.0179j, 0.1560 + 0.5017j, 0.1580 + 0.4236j],
        [0.1560 + 0.5017j, 0.3375 + 1.0478j, 0.1535 + 0.3849j],
        [0.1580 + 0.4236j, 0.1535 + 0.3849j, 0.3414 + 1.0348j],
    ],
    complex,
)
TRIPLEX_OHM_KM = np.array(
    [[0.5462333 + 0.2976j, 0.2755333 + 0.2043j], [0.2755333 + 0.2043j, 0.5462333 + 0.2976j]],
    complex,
)
MAIN_OHM_M: Phasors = np.divide(MAIN_OHM_MILE, MILE_M, dtype=complex)
LATERAL_OHM_M: Phasors = np.full((1, 1), (1.3292 + 1.3475j) / MILE_M)
TRIPLEX_OHM_M: Phasors = np.multiply(TRIPLEX_OHM_KM, 1e-3, dtype=complex)
TAP_X = (0.024, 0.024, 0.016)  # first to each half, half to half
SUM_SOURCE, SUM_SUBSTATION, SUM_LINES = (
    0,
    (1, 2, 3),
    4,
)  # order of the sum; service transformers come last
RATED_KW, RATED_KVAR = 5.0, 1.25  # of a home


class Tap(NamedTuple):
    """Center-tapped transformer: rating, resistance of each winding and no-load loss as parts of the rating."""

    kva: float
    r: tuple[float, float, float]
    core: float


TAPS = (
    Tap(25.0, (0.00266272, 0.00532544, 0.00532544), 0.00472),
    Tap(50.0, (0.00266272, 0.00532544, 0.00532544), 0.0037),
)


class Line(NamedTuple):
    """Series impedance between the same phases of two buses."""

    start: int
    end: int
    phases: tuple[int, ...]
    ohm: Phasors  # (p, p) over its p phases [ohm]


class Transformer(NamedTuple):
    """Service transformer from one phase of `start` to both legs of `end`."""

    start: int
    end: int
    phase: int
    tap: Tap


class FeederPlan(NamedTuple):
    """What stands where, before any matrix: bus 0 is the 69 kV bus, bus 1 the 12.47 kV bus of the substation."""

    bus_name: tuple[str, ...]
    bus_phases: tuple[tuple[int, ...], ...]
    bus_base_v: tuple[float, ...]
    bus_xy: tuple[tuple[float, float], ...]
    substation_kva: float
    lines: tuple[Line, ...]
    transformers: tuple[Transformer, ...]
    homes: tuple[int, ...]  # bus of each home


class _Draft:
    """Buses, lines and transformers while they are laid out."""

    def __init__(self) -> None:
        self.name: list[str] = []
        self.phases: list[tuple[int, ...]] = []
        self.base_v: list[float] = []
        self.xy: list[tuple[float, float]] = []
        self.lines: list[Line] = []
        self.transformers: list[Transformer] = []
        self.homes: list[int] = []

    def bus(
        self, name: str, phases: tuple[int, ...], base_v: float, xy: tuple[float, float]
    ) -> int:
        """Add a bus and return its row."""
        self.name.append(name)
        self.phases.append(phases)
        self.base_v.append(base_v)
        self.xy.append((round(xy[0], 2), round(xy[1], 2)))
        return len(self.name) - 1

    def line(self, start: int, end: int, ohm_m: Phasors) -> None:
        """Add a line as long as its buses are apart."""
        length_m = max(1.0, float(np.hypot(*np.subtract(self.xy[start], self.xy[end]))))
        ohm: Phasors = np.multiply(length_m, ohm_m, dtype=complex)
        self.lines.append(Line(start, end, self.phases[end], ohm))


@register("source", "feeder.source=synthetic")
def make(seed: int, homes: int) -> Feeder:
    """Make a feeder with that many homes; the same seed and number give the same feeder.

    Parameters
    ----------
    seed
        Seed of the scenario.
    homes
        Number of homes, 1 to 20,000; a substation bus has one three-phase main for each 1,000.

    Raises
    ------
    InputError
        The number of homes is out of range.
    """
    return assemble(plan(seed, homes))


def plan(seed: int, homes: int) -> FeederPlan:
    """Lay out substation, mains, laterals, transformers and services in metres around the substation.

    Raises
    ------
    InputError
        A number of homes that the feeder is not made for.
    """
    if not 1 <= homes <= HOMES_MAX:
        hint = "Larger systems are several feeders."
        raise InputError(
            [Problem("feeder.homes", str(homes), f"a number of homes from 1 to {HOMES_MAX}", hint)]
        )
    rng = stream(seed, "feeder", homes)
    draft = _Draft()
    draft.bus("grid", (1, 2, 3), HV_V, (-60.0, 0.0))
    draft.bus("substation", (1, 2, 3), MV_V, (0.0, 0.0))
    mains = -(-homes // HOMES_PER_MAIN)
    for main in range(mains):
        _main(draft, rng, main, homes * (main + 1) // mains - homes * main // mains)
    return FeederPlan(
        tuple(draft.name),
        tuple(draft.phases),
        tuple(draft.base_v),
        tuple(draft.xy),
        SUBSTATION_KVA * mains,
        tuple(draft.lines),
        tuple(draft.transformers),
        tuple(draft.homes),
    )


def _main(draft: _Draft, rng: np.random.Generator, main: int, homes: int) -> None:
    """One three-phase main along x with a lateral to each side at every pole, the least loaded phase first."""
    clusters = _clusters(rng, homes)
    side = 1 if main % 2 == 0 else -1
    row = (main // 2 + 1) // 2 * (1 if main // 2 % 2 else -1)
    here, x, y = 1, 0.0, 1500.0 * row
    if row:
        here = draft.bus(f"m{main}_0", (1, 2, 3), MV_V, (15.0 * side, y))
        draft.line(1, here, MAIN_OHM_M)
    on_phase = [0, 0, 0]
    laterals = [
        clusters[i : i + POLES_PER_LATERAL] for i in range(0, len(clusters), POLES_PER_LATERAL)
    ]
    for i, lateral in enumerate(laterals):
        if i % 2 == 0:
            x, y = x + side * float(rng.uniform(140.0, 190.0)), y + float(rng.uniform(-25.0, 25.0))
            pole = draft.bus(f"m{main}_{i // 2 + 1}", (1, 2, 3), MV_V, (x, y))
            draft.line(here, pole, MAIN_OHM_M)
            here = pole
        phase = int(np.argmin(on_phase))
        on_phase[phase] += sum(lateral)
        _lateral(draft, rng, f"{main}_{i + 1}", here, phase + 1, 1 if i % 2 == 0 else -1, lateral)


def _clusters(rng: np.random.Generator, homes: int) -> list[int]:
    """Homes of each service transformer, three to six."""
    sizes: list[int] = []
    while sum(sizes) < homes:
        sizes.append(min(int(rng.integers(3, 7)), homes - sum(sizes)))
    return sizes


def _lateral(
    draft: _Draft,
    rng: np.random.Generator,
    name: str,
    start: int,
    phase: int,
    up: int,
    clusters: list[int],
) -> None:
    """Single-phase line along y with a transformer at every pole and its homes on both sides of the street."""
    x, y = draft.xy[start]
    lean = float(rng.uniform(-0.05, 0.05))
    here = start
    for i, homes in enumerate(clusters):
        y += up * float(rng.uniform(65.0, 85.0))
        x += lean * up * 75.0
        pole = draft.bus(f"p{name}_{i + 1}", (phase,), MV_V, (x, y))
        draft.line(here, pole, LATERAL_OHM_M)
        here = pole
        low = draft.bus(f"t{name}_{i + 1}", (1, 2), LV_V, (x + 3.0, y))
        draft.transformers.append(Transformer(pole, low, phase, TAPS[homes > 4]))
        for home in range(homes):
            aside = (24.0 + float(rng.uniform(-3.0, 6.0))) * (1 if home % 2 else -1)
            along = 24.0 * (home // 2 - 1) + float(rng.uniform(-3.0, 3.0))
            at = draft.bus(f"home_{len(draft.homes) + 1:05d}", (1, 2), LV_V, (x + aside, y + along))
            draft.line(low, at, TRIPLEX_OHM_M)
            draft.homes.append(at)


def assemble(layout: FeederPlan) -> Feeder:
    """Return the components of a plan; homes draw between their two legs at 240 V.

    References
    ----------
    R. C. Dugan, A perspective on transformer modeling for distribution system analysis, IEEE PES General Meeting 2003,
    doi 10.1109/PES.2003.1267146 (short-circuit impedance to primitive admittance; the core on the second winding, as in OpenDSS).
    """
    node = {(bus, phase): 0 for bus, phases in enumerate(layout.bus_phases) for phase in phases}
    node = {key: i for i, key in enumerate(node)}
    sources, lines, transformers = _source(node), _lines(layout, node), _transformers(layout, node)
    m = len(node)
    v = unloaded(
        sum_blocks([sources.blocks, lines.blocks, transformers.blocks], m), injected(sources, m)
    )
    xy, base, home = (
        np.array(layout.bus_xy),
        np.array(layout.bus_base_v),
        np.array(layout.homes, np.int64),
    )
    bus, count = np.array([at for at, _ in node], np.int64), len(home)
    rows, names = np.arange(count), tuple(layout.bus_name[at] for at in home)
    legs = [np.array([node[at, leg] for at in layout.homes], np.int64) for leg in (1, 2)]
    rated = np.full(count, RATED_KW), np.full(count, RATED_KVAR)
    none = np.zeros(0, np.int64)
    return Feeder(
        name=f"synthetic feeder of {count} homes",
        buses=Buses(layout.bus_name, xy[:, 0].copy(), xy[:, 1].copy(), base),
        nodes=Nodes(
            tuple(f"{layout.bus_name[at]}.{phase}" for at, phase in node), bus, base[bus], v
        ),
        sources=sources,
        lines=lines,
        transformers=transformers,
        loads=LoadRows(
            names, rows, legs[0], legs[1], rated[0], rated[1], np.full(count, CONSTANT_POWER)
        ),
        meters=Meters(names, home, rated[0], np.ones(count, np.bool_), none, (), none),
    )


def _source(node: dict[tuple[int, int], int]) -> Sources:
    first, zero = SOURCE_OHM
    ohm = np.full((3, 3), (zero - first) / 3) + first * np.eye(3)
    y, at = np.linalg.inv(ohm), np.array([node[0, phase] for phase in (1, 2, 3)])
    blocks = stack_blocks([(at, np.zeros(3, np.int64), y)], [SUM_SOURCE])
    current = y @ (SOURCE_PU * HV_V * np.exp(-2j * np.pi * np.arange(3) / 3))
    return Sources(("grid",), np.zeros(1, np.int64), np.array([SOURCE_PU]), blocks, current)


def _lines(layout: FeederPlan, node: dict[tuple[int, int], int]) -> Lines:
    """Return the lines; their ratings are not part of the public models."""
    parts = [
        (
            np.array([node[bus, phase] for bus in (line.start, line.end) for phase in line.phases]),
            np.repeat([0, 1], len(line.phases)),
            pi_block(line.ohm),
        )
        for line in layout.lines
    ]
    ends = np.array([(line.start, line.end) for line in layout.lines], np.int64)
    xy = np.array(layout.bus_xy)
    length_m = np.maximum(np.hypot(*(xy[ends[:, 0]] - xy[ends[:, 1]]).T), 1.0)
    unknown = np.full(len(ends), np.nan)
    names = tuple(f"{layout.bus_name[a]}-{layout.bus_name[b]}" for a, b in ends)
    phases = np.array([len(line.phases) for line in layout.lines], np.int64)
    switch = np.zeros(len(ends), np.bool_)
    return Lines(
        names,
        ends[:, 0].copy(),
        ends[:, 1].copy(),
        phases,
        length_m,
        unknown,
        unknown,
        switch,
        stack_blocks(parts, range(SUM_LINES, SUM_LINES + len(parts))),
    )


def _transformers(layout: FeederPlan, node: dict[tuple[int, int], int]) -> Transformers:
    """Return the bank of the substation, one unit a phase, and the service transformers."""
    units = [
        *(_substation_unit(layout, node, phase) for phase in (1, 2, 3)),
        *(_center_tap(unit, node) for unit in layout.transformers),
    ]
    count = np.array([len(unit.bus) for unit in units])
    joined = [
        np.concatenate([np.asarray(getattr(unit, name)) for unit in units])
        for name in ("bus", "kv", "r")
    ]
    kva, w = np.array([unit.kva for unit in units]), int(count.sum())
    ones, core = np.ones(w), np.array([unit.core for unit in units])
    bus = joined[0].astype(np.int64)
    windings = Windings(
        np.repeat(np.arange(len(units)), count), bus, joined[1], np.repeat(kva, count), np.zeros(w, np.bool_), joined[2],
        ones, ones, ones, np.ones(w, np.int64),
    )  # fmt: skip
    names = (
        "substation.1",
        "substation.2",
        "substation.3",
        *(layout.bus_name[unit.end] for unit in layout.transformers),
    )
    x = np.array([(*unit.x, np.nan, np.nan)[:3] for unit in units])
    service = len(layout.lines) + np.arange(len(layout.transformers))
    order = [*SUM_SUBSTATION, *(SUM_LINES + service).tolist()]
    blocks = stack_blocks([(unit.node, unit.terminal, unit.y) for unit in units], order)
    return Transformers(
        names, np.ones(len(units), np.int64), kva, x, core, np.zeros(len(units)), windings, blocks
    )


class Unit(NamedTuple):
    """A single-phase transformer: where its windings end, and what it is to the flow."""

    bus: tuple[int, ...]  # of each winding
    kv: tuple[float, ...]
    kva: float
    r: tuple[float, ...]
    x: tuple[float, ...]
    core: float
    node: Index  # (c,)
    terminal: Index  # (c,)
    y: Phasors  # (c, c) [S]


def _substation_unit(layout: FeederPlan, node: dict[tuple[int, int], int], phase: int) -> Unit:
    """Delta at 69 kV, earthed wye at 12.47 kV that lags by 30 degrees: one pair of windings a phase."""
    before = (phase + 1) % 3 + 1
    at = np.array([node[0, phase], node[0, before], node[1, phase]])
    turns = np.array([[1 / (HV_V * np.sqrt(3)), 0], [-1 / (HV_V * np.sqrt(3)), 0], [0, 1 / MV_V]])
    y = _windings(
        1e3 * layout.substation_kva / 3, (SUBSTATION_R, SUBSTATION_R), (SUBSTATION_X,), 0.0
    )
    kv, r = (1e-3 * HV_V * np.sqrt(3), 1e-3 * MV_V), (SUBSTATION_R, SUBSTATION_R)
    block = np.asarray(turns @ y @ turns.T, np.complex128)
    return Unit(
        (0, 1),
        kv,
        layout.substation_kva / 3,
        r,
        (SUBSTATION_X,),
        0.0,
        at,
        np.array([0, 0, 1]),
        block,
    )


def _center_tap(unit: Transformer, node: dict[tuple[int, int], int]) -> Unit:
    at = np.array([node[unit.start, unit.phase], node[unit.end, 1], node[unit.end, 2]])
    turns = np.diag([1 / MV_V, 1 / LV_V, -1 / LV_V])
    y = _windings(1e3 * unit.tap.kva, unit.tap.r, TAP_X, unit.tap.core)
    bus, kv, block = (
        (unit.start, unit.end, unit.end),
        (1e-3 * MV_V, 1e-3 * LV_V, 1e-3 * LV_V),
        turns @ y @ turns.T,
    )
    return Unit(
        bus,
        kv,
        unit.tap.kva,
        unit.tap.r,
        TAP_X,
        unit.tap.core,
        at,
        np.arange(3),
        np.asarray(block, np.complex128),
    )


def _windings(s_va: float, r: tuple[float, ...], x: tuple[float, ...], core: float) -> Phasors:
    """Admittance of coupled windings at one volt a winding [S]; `x` is first to second, first to third, second to third."""
    n = len(r)
    ohm = np.full((n - 1, n - 1), r[0], complex)
    for i in range(n - 1):
        ohm[i, i] += r[i + 1] + 1j * x[i]
        for j in range(i):
            ohm[i, j] += 0.5j * (x[i] + x[j] - x[n - 1])
            ohm[j, i] = ohm[i, j]
    turns = np.vstack([-np.ones(n - 1), np.eye(n - 1)])
    y: Phasors = np.asarray(s_va * (turns @ np.linalg.inv(ohm) @ turns.T), complex)
    y[1, 1] += s_va * core
    return y
