"""A three-phase feeder as the tables of pandapower: sequence impedances, vector groups, loads by phase.

Columns are those of pandapower 3 (L. Thurner and others, pandapower, IEEE Transactions on Power Systems 33(6), 2018, doi
10.1109/TPWRS.2018.2829021). Its three-phase power flow knows components by their positive and zero sequence alone.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.components import GROUND, Lines, Phasors, block_of, series_ohm, terminals_of
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.feeder import Feeder, row_share
from gridagora.core.tables import Col, Index
from gridagora.files.json_text import json_text

PHASES = "abc"
F_HZ = 50.0  # turns charging admittance into capacitance and pandapower back: any frequency gives the same flow
FREE_PERCENT = 1e8  # zero-sequence magnetising over short-circuit impedance: cores whose flux returns outside take no current
STIFF_MVA = 1e6  # of the source behind its impedance, which is a line of its own
SAME_SHARE = 1e-6  # departure from the mean of the phases that counts as none
GROUPS = {(True, False): "Dyn", (False, False): "YNyn"}  # delta at high and at low voltage
SHOWN = 3  # names in a sentence
HINT = "--to tables writes results of every feeder."
Rows = list[dict[str, Any]]


class PandapowerTables(NamedTuple):
    """Tables of pandapower by name, and what they do not say of the feeder, a sentence each."""

    tables: dict[str, pd.DataFrame]
    notes: tuple[str, ...]


class PhaseMean(NamedTuple):
    """What phases have in the mean: positive and zero sequence, and the largest departure of any entry from it [1]."""

    positive: complex
    zero: complex
    apart_share: float


def network_tables(feeder: Feeder, p_kw: Col, q_kvar: Col) -> PandapowerTables:
    """Return a feeder as tables of pandapower, its loads by phase.

    A line of fewer than three phases is one of three without the others, which carry nothing. Lines between phases that differ
    have the mean of them. The source stands behind a line with its impedance.

    Parameters
    ----------
    feeder
        Three-phase network, of transformers with two windings.
    p_kw, q_kvar
        What every meter draws, shape (j,) each [kW], [kvar].

    Raises
    ------
    InputError
        Components that pandapower has no table for in a three-phase flow, all at once by name.
    """
    problems = [*_find_problems(feeder)]
    if problems:
        raise InputError(problems)
    lines, notes = _lines(feeder)
    source, ext_grid, behind = _source(feeder)
    made = {
        "bus": pd.DataFrame([*_buses(feeder), behind]),
        "line": pd.DataFrame([*lines, source]),
        "trafo": pd.DataFrame(_transformers(feeder)),
        "asymmetric_load": _loads(feeder, p_kw, q_kvar),
        "ext_grid": pd.DataFrame([ext_grid]),
    }
    # pandapower makes those that are not there, with the columns that it wants
    told = {name: table for name, table in made.items() if len(table)}
    return PandapowerTables(told, (*notes, *_held(feeder)))


def phase_of_node(feeder: Feeder) -> Index:
    """Return the phase of every node, shape (m,), from 0 [1]; as its name ends."""
    ends = [name.rpartition(".")[2] for name in feeder.nodes.name]
    return np.array([int(end) - 1 if end.isdigit() else -1 for end in ends], np.int64)


def mean_sequence(matrix: Phasors) -> PhaseMean:
    """Return the sequences of a matrix, shape (c, c), over the phases as if they were transposed [ohm], or [S] of one in S."""
    count = len(matrix)
    own = complex(np.diag(matrix).mean())
    off = ~np.eye(count, dtype=bool)
    mutual = complex(matrix[off].mean()) if count > 1 else 0j
    even = np.where(off, mutual, own)
    apart = float(np.abs(matrix - even).max()) / max(abs(own), 1e-300)
    return PhaseMean(own - mutual, own + 2 * mutual, apart)


def _find_problems(feeder: Feeder) -> Iterator[Problem]:
    phase, loads = phase_of_node(feeder), feeder.loads
    if not _fed(feeder.lines) and not feeder.transformers.name:
        yield from _refuse([feeder.name], "a single bus", "a network of lines and transformers")
    neutral = [feeder.nodes.name[row] for row in np.flatnonzero((phase < 0) | (phase > 2))]
    yield from _refuse(neutral, "nodes of neutrals", "phases 1, 2 and 3 alone")
    on = feeder.capacitors.steps_on > 0
    banks = [name for name, one in zip(feeder.capacitors.name, on, strict=True) if one]
    yield from _refuse(banks, "capacitors", "none: they have no place in its three-phase flow")
    yield from _refuse(feeder.others.name, "reactors or faults", "lines and transformers alone")
    across = [loads.name[row] for row in np.flatnonzero(loads.to_node != GROUND)]
    yield from _refuse(
        dict.fromkeys(across), "loads between two phases", "loads from a phase to earth"
    )
    for told, names in _odd_transformers(feeder).items():
        yield from _refuse(names, told, "three phases, two windings, Dyn or YNyn")
    yield from _refuse(_odd_lines(feeder), "lines that change phases or stand open", "whole lines")
    driven = feeder.sources
    if len(driven.name) != 1 or np.isnan(driven.pu).any():
        yield from _refuse(driven.name or ("none",), "sources", "one source of voltage")


def _refuse(names: Any, told: str, expected: str) -> Iterator[Problem]:
    found = list(names)
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        got = f"{told}: {', '.join(found[:SHOWN])}{more}"
        yield Problem("--to pandapower", got, expected, HINT)


def _odd_transformers(feeder: Feeder) -> dict[str, list[str]]:
    units, found = feeder.transformers, dict[str, list[str]]()
    for row, name in enumerate(units.name):
        own = np.flatnonzero(units.windings.transformer == row)
        if len(own) != 2:
            told = "transformers with a centre tap or three windings"
        elif units.phases[row] != 3:
            told = "transformers of a single phase, as in open delta or banks"
        elif _group(feeder, own) is None:
            told = "transformers of another connection"
        else:
            continue
        found.setdefault(told, []).append(name)
    return found


def _odd_lines(feeder: Feeder) -> list[str]:
    phase, lines, found = phase_of_node(feeder), feeder.lines, []
    for row in _fed(lines):
        node, _ = block_of(lines.blocks, row)
        at = terminals_of(lines.blocks, row)
        try:
            series_ohm(lines, row)
        except (PartError, np.linalg.LinAlgError):
            found.append(lines.name[row])
            continue
        if not np.array_equal(phase[node[at == 0]], phase[node[at == 1]]):
            found.append(lines.name[row])
    return found


def _fed(lines: Lines) -> list[int]:
    return np.flatnonzero((lines.from_bus >= 0) & (lines.to_bus >= 0)).tolist()


def _buses(feeder: Feeder) -> Iterator[dict[str, Any]]:
    base_v = feeder.buses.base_v.copy()
    base_v[feeder.nodes.bus] = feeder.nodes.base_v
    for name, volts, x, y in zip(
        feeder.buses.name, base_v, feeder.buses.x_m, feeder.buses.y_m, strict=True
    ):
        yield _bus(name, volts, float(x), float(y))


def _bus(name: str, base_v: float, x: float, y: float) -> dict[str, Any]:
    known = bool(np.isfinite(x) and np.isfinite(y))
    geo = json_text({"type": "Point", "coordinates": [x, y]}, None) if known else None
    kilovolts = float(base_v) * np.sqrt(3) / 1e3
    return {
        "name": name,
        "vn_kv": kilovolts,
        "type": "b",
        "zone": None,
        "in_service": True,
        "geo": geo,
    }


def _lines(feeder: Feeder) -> tuple[Rows, list[str]]:
    lines, rows, mixed, short = feeder.lines, list[dict[str, Any]](), 0, 0
    for row in _fed(lines):
        ohm = series_ohm(lines, row)
        count = len(ohm)
        _, y = block_of(lines.blocks, row)
        shunt = 2 * (y[:count, :count] - np.linalg.inv(ohm))
        series = mean_sequence(ohm)
        mixed += series.apart_share > SAME_SHARE
        short += count < len(PHASES)
        ends = int(lines.from_bus[row]), int(lines.to_bus[row])
        sizes = float(lines.length_m[row]) / 1e3, float(lines.rating_a[row]) / 1e3
        rows.append(_line(lines.name[row], ends, sizes, series, mean_sequence(shunt)))
    cut = len(lines.name) - len(rows)
    said = (
        (
            mixed,
            "Lines that are not transposed, written as the mean of their phases, so that voltages differ: {}.",
        ),
        (
            short,
            "Lines of one or two phases: {}, written with three, of which the others carry no load.",
        ),
        (cut, "Lines not fed at both ends: {}, left out, since they carry nothing."),
    )
    return rows, [text.format(number) for number, text in said if number]


def _line(
    name: str,
    ends: tuple[int, int],
    sizes: tuple[float, float],
    series: PhaseMean,
    shunt: PhaseMean,
) -> dict[str, Any]:
    """Return a line between two buses; sizes are its length [km] and rating [kA], a length that is unknown is written as 1 km."""
    length_km = sizes[0] if sizes[0] > 0 else 1.0
    found: dict[str, Any] = {"name": name, "std_type": None, "from_bus": ends[0], "to_bus": ends[1]}
    found["length_km"] = length_km
    both = (("", series.positive, shunt.positive), ("0", series.zero, shunt.zero))
    for digit, ohm, siemens in both:
        found[f"r{digit}_ohm_per_km"] = ohm.real / length_km
        found[f"x{digit}_ohm_per_km"] = ohm.imag / length_km
        found[f"c{digit}_nf_per_km"] = 1e9 * siemens.imag / (2 * np.pi * F_HZ * length_km)
        found[f"g{digit}_us_per_km"] = 0.0
    rest = {"df": 1.0, "parallel": 1, "type": None, "in_service": True, "geo": None}
    return found | {"max_i_ka": sizes[1]} | rest


def _source(feeder: Feeder) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the line of a source's impedance, the source behind it, and the bus between the two."""
    sources, behind = feeder.sources, len(feeder.buses.name)
    node, y = block_of(sources.blocks, 0)
    bus, ohm = int(feeder.nodes.bus[node[0]]), np.asarray(np.linalg.inv(y), np.complex128)
    turn = np.exp(2j * np.pi * phase_of_node(feeder)[node] / 3)
    volts = complex((turn * (ohm @ sources.current_a)).mean())
    base_v = float(feeder.nodes.base_v[node[0]])
    nothing = PhaseMean(0j, 0j, 0.0)
    name = f"impedance of source {sources.name[0]}"
    line = _line(name, (behind, bus), (1.0, np.nan), mean_sequence(ohm), nothing)
    ext_grid = {
        "name": sources.name[0],
        "bus": behind,
        "vm_pu": abs(volts) / base_v,
        "va_degree": float(np.degrees(np.angle(volts))),
        "slack_weight": 1.0,
        "in_service": True,
        "controllable": False,
        "s_sc_max_mva": STIFF_MVA,
        "rx_max": 0.1,
        "r0x0_max": 0.1,
        "x0x_max": 1.0,
    }
    return line, ext_grid, _bus(f"behind source {sources.name[0]}", base_v, np.nan, np.nan)


def _group(feeder: Feeder, own: Index) -> str | None:
    windings = feeder.transformers.windings
    high = own[np.argsort(-windings.kv[own], kind="stable")]
    return GROUPS.get((bool(windings.is_delta[high[0]]), bool(windings.is_delta[high[1]])))


def _shift_degree(feeder: Feeder, high: int, low: int) -> float:
    """Return by how much the voltages of one bus lead those of another without load, to 30 degrees."""
    phase = phase_of_node(feeder)
    ends = [np.flatnonzero((feeder.nodes.bus == bus) & (phase == 0)) for bus in (high, low)]
    if not all(end.size for end in ends):
        return 0.0
    lead = np.angle(feeder.nodes.v_no_load[ends[0][0]] / feeder.nodes.v_no_load[ends[1][0]])
    return float(30 * round(float(np.degrees(lead)) / 30))


def _transformers(feeder: Feeder) -> Rows:
    units, rows = feeder.transformers, list[dict[str, Any]]()
    windings = units.windings
    for row, name in enumerate(units.name):
        own = np.flatnonzero(windings.transformer == row)
        high, low = own[np.argsort(-windings.kv[own], kind="stable")].tolist()
        kva = float(units.kva[row])
        r = float((windings.r_share[own] * kva / windings.kva[own]).sum())
        core = float(units.core_share[row])
        vk = 100 * float(np.hypot(r, units.x_share[row, 0]))
        rows.append(
            {
                "name": name,
                "std_type": None,
                "hv_bus": int(windings.bus[high]),
                "lv_bus": int(windings.bus[low]),
                "sn_mva": kva / 1e3,
                "vn_hv_kv": float(windings.kv[high] * windings.tap[high]),
                "vn_lv_kv": float(windings.kv[low] * windings.tap[low]),
                "vk_percent": vk,
                "vkr_percent": 100 * r,
                "pfe_kw": core * kva,
                "i0_percent": 100 * float(np.hypot(core, units.magnetising_share[row])),
                "shift_degree": _shift_degree(
                    feeder, int(windings.bus[high]), int(windings.bus[low])
                ),
                "parallel": 1,
                "df": 1.0,
                "in_service": True,
                "vk0_percent": vk,
                "vkr0_percent": 100 * r,
                "mag0_percent": FREE_PERCENT,
                "mag0_rx": 0.0,
                "si0_hv_partial": 0.9,
                "vector_group": _group(feeder, own),
            }
        )
    return rows


def _loads(feeder: Feeder, p_kw: Col, q_kvar: Col) -> pd.DataFrame:
    loads, share = feeder.loads, row_share(feeder)
    phase = phase_of_node(feeder)[loads.from_node]
    found: dict[str, Any] = {"name": list(feeder.meters.name), "bus": feeder.meters.bus}
    for at, letter in enumerate(PHASES):
        for name, drawn in ((f"p_{letter}_mw", p_kw), (f"q_{letter}_mvar", q_kvar)):
            column = np.zeros(len(feeder.meters.name))
            here = phase == at
            np.add.at(column, loads.meter[here], (share * drawn[loads.meter] / 1e3)[here])
            found[name] = column
    rest = {"sn_mva": np.nan, "scaling": 1.0, "in_service": True, "type": "wye"}
    return pd.DataFrame(found | rest)


def _held(feeder: Feeder) -> Iterator[str]:
    if feeder.regulators.name:
        yield "Taps of regulators are held: they are in the rated voltages of their transformers."
