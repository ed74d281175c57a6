"""Loads of a pandapower network: balanced ones with their parts of constant impedance and current, loads by phase, motors."""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import GROUND, NO_BUS, LoadRows, Meters
from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag, Index
from gridagora.core.voltage_dependence import VoltageDependence, constant_power, no_dependence
from gridagora.sources.pandapower.buses import BusRows
from gridagora.sources.pandapower.sequences import PHASES
from gridagora.sources.pandapower.tables import LEFT, Net, NetTable

KILO = 1e3
ROUNDED = 1e-9
POWER, IMPEDANCE, CURRENT, ZIP = 1, 2, 5, 8  # of `LoadRows.model`


class PhaseLoads(NamedTuple):
    """PhaseLoads of r rows, each between two phases of a bus or from one to earth; rows of one load draw alike."""

    name: tuple[str, ...]  # (r,)
    bus: Index  # (r,) group of buses
    phase: Index  # (r,) from 0
    to_phase: Index  # (r,) or GROUND
    p_kw: Col  # (r,)
    q_kvar: Col  # (r,)
    p_share: Col  # (r, 3) of impedance, current and power
    q_share: Col  # (r, 3)
    words: tuple[str, ...]  # (r,) name and type, in lower case


def read_loads(net: Net, buses: BusRows) -> PhaseLoads:
    """Return what draws power by the file, in service."""
    parts = [_balanced(net, buses), _by_phase(net, buses), _motors(net, buses)]
    return PhaseLoads(
        name=tuple(name for part in parts for name in part.name),
        bus=np.concatenate([part.bus for part in parts]),
        phase=np.concatenate([part.phase for part in parts]),
        to_phase=np.concatenate([part.to_phase for part in parts]),
        p_kw=np.concatenate([part.p_kw for part in parts]),
        q_kvar=np.concatenate([part.q_kvar for part in parts]),
        p_share=np.concatenate([part.p_share for part in parts]),
        q_share=np.concatenate([part.q_share for part in parts]),
        words=tuple(words for part in parts for words in part.words),
    )


def _balanced(net: Net, buses: BusRows) -> PhaseLoads:
    table = net.table("load")
    scale = table.real("scaling", 1.0)
    p_kw, q_kvar = KILO * table.real("p_mw") * scale, KILO * table.real("q_mvar", 0.0) * scale
    p_share, q_share = (_shares(table, letter) for letter in "pq")
    return _spread(table, buses, p_kw, q_kvar, (p_share, q_share))


def _shares(table: NetTable, letter: str) -> Col:
    """Return the parts of constant impedance, current and power, shape (k, 3); files may give them for P and Q apart."""
    columns = []
    for kind in "zi":
        both = table.real(f"const_{kind}_percent", 0.0)
        own = table.real(f"const_{kind}_{letter}_percent", np.nan)
        columns.append(np.where(np.isfinite(own), own, both) / 100)
    power = 1 - columns[0] - columns[1]
    least = np.minimum(np.minimum(*columns), power)
    for row in np.flatnonzero((least < -ROUNDED) & table.flag("in_service", default=True)).tolist():
        got = f"const_z {columns[0][row]:.0%} and const_i {columns[1][row]:.0%} of {letter.upper()}"
        expected = "parts of 0 or more that add up to 100% at most"
        table.problems.append(Problem(table.label(row), got, expected))
    return np.stack([*columns, power], axis=1)


def _motors(net: Net, buses: BusRows) -> PhaseLoads:
    table = net.table("motor")
    loaded = table.real("loading_percent", 100.0) / 100 * table.real("scaling", 1.0)
    efficiency = table.real("efficiency_percent", 100.0, least=1e-9) / 100
    p_kw = KILO * table.real("pn_mech_mw") * loaded / efficiency
    cosine = table.real("cos_phi", 1.0, least=0.01)
    q_kvar = p_kw * np.tan(np.arccos(np.minimum(cosine, 1.0)))
    plain = np.tile([0.0, 0.0, 1.0], (len(table), 1))
    return _spread(table, buses, p_kw, q_kvar, (plain, plain))


def _spread(
    table: NetTable, buses: BusRows, p_kw: Col, q_kvar: Col, shares: tuple[Col, Col]
) -> PhaseLoads:
    """Return loads in equal parts on their three phases, or between them where they are in delta."""
    used = np.flatnonzero(table.flag("in_service", default=True))
    of, phase = np.repeat(used, PHASES), np.tile(range(PHASES), len(used))
    is_delta = np.array([kind == "delta" for kind in table.text("type")], np.bool_)
    names, words = table.names(), _words(table)
    return PhaseLoads(
        tuple(names[row] for row in of),
        buses.of(table, "bus")[of],
        phase,
        np.where(is_delta[of], (phase + 1) % PHASES, GROUND),
        p_kw[of] / PHASES,
        q_kvar[of] / PHASES,
        shares[0][of],
        shares[1][of],
        tuple(words[row] for row in of),
    )


def _by_phase(net: Net, buses: BusRows) -> PhaseLoads:
    """Return loads that state each phase; each phase that draws is a load of its own, and so are phases that draw alike."""
    table = net.table("asymmetric_load")
    scale = table.real("scaling", 1.0)
    p_kw, q_kvar = (
        np.stack(
            [KILO * table.real(f"{kind}_{letter}_{unit}", 0.0) * scale for letter in "abc"], axis=1
        )
        for kind, unit in (("p", "mw"), ("q", "mvar"))
    )
    alike = (np.ptp(p_kw, axis=1) == 0) & (np.ptp(q_kvar, axis=1) == 0)
    draws = (p_kw != 0) | (q_kvar != 0) | alike[:, None]
    draws &= table.flag("in_service", default=True)[:, None]
    of, phase = np.nonzero(draws)
    is_delta = np.array([kind == "delta" for kind in table.text("type")], np.bool_)
    names, words = table.names(), _words(table)
    several = draws.sum(1) > 1
    plain = np.tile([0.0, 0.0, 1.0], (len(of), 1))
    return PhaseLoads(
        tuple(
            names[row] if alike[row] or not several[row] else f"{names[row]}.{'abc'[at]}"
            for row, at in zip(of, phase, strict=True)
        ),
        buses.of(table, "bus")[of],
        phase,
        np.where(is_delta[of], (phase + 1) % PHASES, GROUND),
        p_kw[of, phase],
        q_kvar[of, phase],
        plain,
        plain.copy(),
        tuple(words[row] for row in of),
    )


def _words(table: NetTable) -> list[str]:
    pairs = zip(table.text("name"), table.text("type"), strict=True)
    return [f"{name} {kind}".lower() for name, kind in pairs]


def keep_fed(net: Net, loads: PhaseLoads, live: Flag) -> PhaseLoads:
    """Return the loads on buses that are fed; `live` (g,) is True of those. Others are told."""
    fed = (loads.bus != NO_BUS) & live[loads.bus]
    dead = dict.fromkeys(name for name, lives in zip(loads.name, fed, strict=True) if not lives)
    net.tell([f"load {name}" for name in dead], "no source feeds its bus", LEFT)
    rows = np.flatnonzero(fed)
    return PhaseLoads(
        name=tuple(loads.name[row] for row in rows),
        bus=loads.bus[rows],
        phase=loads.phase[rows],
        to_phase=loads.to_phase[rows],
        p_kw=loads.p_kw[rows],
        q_kvar=loads.q_kvar[rows],
        p_share=loads.p_share[rows],
        q_share=loads.q_share[rows],
        words=tuple(loads.words[row] for row in rows),
    )


class LoadTables(NamedTuple):
    """The loads as columns of a feeder, and what the file calls each meter."""

    loads: LoadRows
    meters: Meters
    words: tuple[str, ...]  # (j,)
    phases: Index  # (j,) rows of each meter


def load_columns(loads: PhaseLoads, place: Index, base_v: Col) -> LoadTables:
    """Return one meter for each load; `place` (g,) is the row of each bus among those that are fed, `base_v` (b,) [V]."""
    row_of = {name: row for row, name in enumerate(dict.fromkeys(loads.name))}
    meter = np.array([row_of[name] for name in loads.name], np.int64)
    kept = np.unique(meter, return_index=True)[1]
    bus = place[loads.bus]
    across_v = base_v[bus] * np.where(loads.to_phase == GROUND, 1.0, np.sqrt(3))
    count = len(row_of)
    p_kw = np.bincount(meter, loads.p_kw, count).astype(np.float64)
    rows = LoadRows(
        name=loads.name,
        meter=meter,
        from_node=PHASES * bus + loads.phase,
        to_node=np.where(loads.to_phase == GROUND, GROUND, PHASES * bus + loads.to_phase),
        p_kw=loads.p_kw,
        q_kvar=loads.q_kvar,
        model=_models(loads.p_share),
        dependence=_dependence(loads, across_v),
    )
    none = np.zeros(0, np.int64)
    meters = Meters(
        name=tuple(row_of),
        bus=bus[kept],
        p_kw=p_kw,
        is_home=np.ones(count, np.bool_),
        customers=none,
        stays=(),
        shape=none,
    )
    words = tuple(loads.words[row] for row in kept)
    return LoadTables(rows, meters, words, np.bincount(meter, minlength=count))


def _models(share: Col) -> Index:
    whole = [share[:, at] == 1 for at in (2, 0, 1)]
    return np.select(whole, [POWER, IMPEDANCE, CURRENT], ZIP).astype(np.int64)


def _dependence(loads: PhaseLoads, across_v: Col) -> VoltageDependence:
    if (loads.p_share[:, 2] == 1).all() and (loads.q_share[:, 2] == 1).all():
        return no_dependence()
    return constant_power(across_v)._replace(p_share=loads.p_share, q_share=loads.q_share)
