"""Buses of a GridLAB-D model: nodes, meters and loads, of which a child is the bus of its parent."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors
from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.elements import SourceElement, phase_numbers
from gridagora.sources.gridlabd.model import Model
from gridagora.sources.gridlabd.network import FAR

THREE_PHASE = ("node", "meter", "load", "capacitor", "substation", "pqload")
SPLIT_PHASE = ("triplex_node", "triplex_meter", "triplex_load")
NODES = (*THREE_PHASE, *SPLIT_PHASE)
SWING = ("SWING", "SWING_PQ")
KINDS = ("PQ", *SWING)
TURN: Phasors = np.exp(-2j * np.pi / 3 * np.arange(3))
ALONE = "It is a bus of its own."


class BusTable(NamedTuple):
    """Buses: of every node its bus, and of every bus the voltage that is stated, line to neutral."""

    of: Mapping[str, str]
    nominal_v: Mapping[str, float]  # 0 where none is stated
    is_split: Mapping[str, bool]
    phases: Mapping[str, frozenset[str]]


def read_buses(model: Model) -> BusTable:
    """Return the buses; a child whose parent is no node is told and stands alone."""
    of: dict[str, str] = {}
    nominal: dict[str, float] = {}
    split: dict[str, bool] = {}
    phases: dict[str, frozenset[str]] = {}
    for each in model.of(*NODES):
        top = _top(model, each)
        of[each.name] = top.name
        if each.number:
            of.setdefault(each.number, top.name)
        stated = model.real(each, "nominal_voltage", "V")
        if stated > 0 and (top is each or not nominal.get(top.name)):
            nominal[top.name] = stated
        split[top.name] = split.get(top.name, False) or each.kind in SPLIT_PHASE
        phases[top.name] = phases.get(top.name, frozenset()) | model.phases(each)
    for name in dict.fromkeys(of.values()):
        nominal.setdefault(name, 0.0)
    return BusTable(of, nominal, split, phases)


def _top(model: Model, each: GlmObject) -> GlmObject:
    """Return the node that a node hangs on at last, itself where it has no parent."""
    seen, at = {each.name}, each
    while parent := model.text(at, "parent"):
        found = model.by_name.get(parent)
        if found is None or found.kind not in NODES:
            got = f"parent '{parent}'" + (f", a {found.kind}" if found is not None else "")
            model.tell(at, got, "parent naming a node of the model", ALONE, "parent")
            return at
        if found.name in seen:
            model.tell(each, "parents in a circle", "a parent that is no child of it", ALONE)
            return each
        seen.add(found.name)
        at = found
    return at


def read_sources(model: Model, buses: BusTable) -> list[SourceElement]:
    """Return the swing buses at the voltages that they state, else at their nominal voltage."""
    found: dict[str, SourceElement] = {}
    for each in model.of(*NODES):
        kind = model.word(each, "bustype", KINDS, "PQ")
        is_swing = kind in SWING or each.kind == "substation"
        bus = buses.of[each.name]
        if not is_swing or bus in found:
            continue
        base_v = buses.nominal_v[bus]
        if buses.is_split[bus]:
            expected = "a swing bus of phases A, B, C"
            model.tell(each, "a swing bus on a split phase", expected, "It feeds nothing.")
            continue
        if not base_v > 0:
            expected = "its voltage from line to neutral [V]"
            model.tell(each, "no nominal_voltage", expected, "It feeds nothing.")
            continue
        numbers = phase_numbers(buses.phases[bus])
        v = np.array([_voltage(model, each, at, base_v) for at in numbers])
        if not all(1 / FAR < abs(one) / base_v < FAR for one in v):
            got = f"{', '.join(f'{abs(one):g} V' for one in v)} to hold"
            expected = f"voltages near its nominal_voltage of {base_v:g} V"
            model.tell(each, got, expected, "It feeds these voltages.")
        found[bus] = SourceElement(each.name, bus, numbers, v, base_v)
    return list(found.values())


def _voltage(model: Model, each: GlmObject, phase: int, base_v: float) -> complex:
    """Return the voltage of one phase of a swing bus; a substation states that of the positive sequence."""
    balanced = complex(base_v * TURN[phase - 1])
    if "positive_sequence_voltage" in each.values:
        first = model.number(each, "positive_sequence_voltage", "V", base_v)
        return first * complex(TURN[phase - 1])
    return model.number(each, f"voltage_{'abc'[phase - 1]}", "V", balanced)
