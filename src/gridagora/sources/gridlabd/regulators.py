"""Regulators of a GridLAB-D model: each phase a unit with its tap where the model states it.

References
----------
W. H. Kersting, Distribution System Modeling and Analysis, 4th ed., CRC Press 2017, section 7.4 (regulators of types A and B:
type A turns the output by 1 + tap, type B the input by 1 - tap), doi 10.1201/9781315120782
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.elements import (
    LETTERS,
    SWITCH_OHM,
    Node,
    TransformerElement,
    Winding,
    phase_numbers,
)
from gridagora.sources.gridlabd.lines import read_ends
from gridagora.sources.gridlabd.model import Model

WYE = {"WYE_WYE": True, "1": True, "OPEN_DELTA_ABBC": False, "2": False}
OPEN_DELTA = {1: ((1, 2), "A"), 3: ((3, 2), "C")}  # the pair of phases of each unit, B in common
CONTROLS = ("MANUAL", "OUTPUT_VOLTAGE", "REMOTE_NODE", "LINE_DROP_COMP")
LEVELS = ("INDIVIDUAL", "BANK")
RATED_KVA = 1e6  # a model states no rating: shares are on this one, and nothing loads it


class RegulatorControl(NamedTuple):
    """What the control of one unit is set to, as `core.components.Regulators`; voltages of its secondary."""

    name: str
    transformer: str
    winding: int
    tap: int
    is_manual: bool
    set_v: float
    band_v: float
    voltage_ratio: float
    current_a: float
    r_v: float
    x_v: float
    delay_s: float
    sense: Node | None  # where the voltage is measured instead of the output


class RegulatorUnit(NamedTuple):
    """One phase of a regulator and its control."""

    element: TransformerElement
    control: RegulatorControl


class Steps(NamedTuple):
    """Range of the taps and where the tapped winding is: 0 of type B, 1 of type A."""

    share: float  # of a step
    up: int
    down: int
    winding: int


def read_regulators(
    model: Model, bus_of: Mapping[str, str], nominal_v: Mapping[str, float]
) -> Iterator[RegulatorUnit]:
    """Yield the units of the regulators between buses; what cannot be converted is told and left out."""
    for each in model.of("regulator"):
        ends = read_ends(model, each, bus_of)
        configuration = model.named(each, "configuration", ("regulator_configuration",))
        if ends is None or configuration is None:
            continue
        said = model.text(configuration, "connect_type", "WYE_WYE").upper()
        if said not in WYE:
            expected = f"connect_type of {', '.join(WYE)}"
            model.tell(configuration, f"connect_type {said}", expected, key="connect_type")
            continue
        steps = _steps(model, configuration)
        base_v = nominal_v[ends[0]] or nominal_v[ends[1]] or 1.0
        if WYE[said]:
            pairs = {at: (at, 0) for at in phase_numbers(model.phases(each))}
        else:
            pairs = {at: pair for at, (pair, _) in OPEN_DELTA.items()}
        sense = _sense(model, each, configuration, bus_of)
        for phase, pair in pairs.items():
            unit = _unit(model, each, configuration, (ends, phase, pair), steps, base_v)
            seen = (sense, phase) if sense else None
            yield unit._replace(control=unit.control._replace(sense=seen))


def _sense(
    model: Model, each: GlmObject, configuration: GlmObject, bus_of: Mapping[str, str]
) -> str:
    """Return the bus of a node at which the voltage is measured, '' for the output; units that move together are told."""
    said = model.word(configuration, "control_level", LEVELS, "INDIVIDUAL")
    if said == "BANK":
        done = "Each phase follows its own voltage."
        got, expected = "control_level BANK", "control_level INDIVIDUAL"
        model.tell(configuration, got, expected, done, "control_level")
    if model.text(configuration, "control").upper() != "REMOTE_NODE":
        return ""
    name = model.text(each, "sense_node")
    if name not in bus_of:
        got = f"sense_node '{name}'" if name else "no sense_node"
        done = "It measures at its output."
        model.tell(each, got, "sense_node naming a node of the model", done, "sense_node")
    return bus_of.get(name, "")


def common_phase(model: Model, bus_of: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield name and ends of the open deltas, whose phase B goes through."""
    for each in model.of("regulator"):
        configuration = model.by_name.get(model.text(each, "configuration"))
        ends = [bus_of.get(model.text(each, key)) for key in ("from", "to")]
        said = "" if configuration is None else model.text(configuration, "connect_type").upper()
        if said in WYE and not WYE[said] and ends[0] is not None and ends[1] is not None:
            yield each.name, (ends[0], ends[1])


def _steps(model: Model, configuration: GlmObject) -> Steps:
    up, down = (
        int(model.real(configuration, key, "1", 16)) for key in ("raise_taps", "lower_taps")
    )
    regulation = model.real(configuration, "regulation", "1")
    if not regulation > 0:
        done = "Its taps do nothing, as in GridLAB-D."
        model.tell(configuration, "no regulation", "the share that all taps raise", done)
    is_a = model.word(configuration, "type", ("A", "B"), "B") == "A"
    return Steps(regulation / max(up, 1), max(up, 1), max(down, 1), int(is_a))


def _unit(
    model: Model,
    each: GlmObject,
    configuration: GlmObject,
    place: tuple[tuple[str, str], int, tuple[int, int]],
    steps: Steps,
    base_v: float,
) -> RegulatorUnit:
    """Return one unit at its tap: its windings' turns in the order of the ends, a step up of type B is one down of its own."""
    ends, phase, pair = place
    letter = LETTERS[phase - 1].lower()
    tap = _tap(model, each, configuration, letter, steps)
    sign = 1 if steps.winding == 1 else -1
    turns = [1.0, 1.0]
    turns[steps.winding] += sign * tap * steps.share
    volts = base_v if not pair[1] else base_v * np.sqrt(3.0)
    kva = RATED_KVA
    ohm = model.real(each, "regulator_resistance", "Ohm")
    ohm = ohm if ohm > 0 else SWITCH_OHM
    most = max(steps.up, steps.down)
    low, high = 1 - most * steps.share, 1 + most * steps.share
    windings = [
        Winding(end, 1e-3 * volts, kva, False, 0.5 * ohm * 1e3 * kva / volts**2) for end in ends
    ]
    windings[steps.winding] = windings[steps.winding]._replace(
        tap=turns[steps.winding], tap_min=low, tap_max=high, tap_steps=2 * most
    )
    count = 2 if pair[1] else 1
    nodes: tuple[Node, ...] = tuple((end, at) for end in ends for at in pair[:count])
    across = np.zeros(2 * count)
    for end, sense in ((0, 1.0), (1, -1.0)):
        across[end * count] = sense / turns[end]
        if count == 2:
            across[end * count + 1] = -sense / turns[end]
    name = f"{each.name}.{letter}"
    terminals = tuple(end for end in (0, 1) for _ in range(count))
    shares = (0.0, np.nan, np.nan)
    block = np.asarray(np.outer(across, across) / ohm, np.complex128)
    element = TransformerElement(
        name, 1, kva, shares, 0.0, 0.0, tuple(windings), nodes, terminals, block
    )
    return RegulatorUnit(element, _control(model, configuration, name, letter, (sign * tap, steps)))


def _tap(model: Model, each: GlmObject, configuration: GlmObject, letter: str, steps: Steps) -> int:
    """Return the tap that the regulator states, or else its configuration; one beyond its range is told and cut."""
    key = f"tap_pos_{letter}"
    alone = f"tap_{letter}"
    holder, at = (each, alone) if alone in each.values else (configuration, key)
    tap = int(model.real(holder, at, "1"))
    least, most = -steps.down, steps.up
    if not least <= tap <= most:
        done = "It is cut to its range."
        model.tell(holder, f"{at} {tap}", f"a tap of {least} to {most}", done, at)
    return min(max(tap, least), most)


def _control(
    model: Model,
    configuration: GlmObject,
    name: str,
    letter: str,
    held: tuple[int, Steps],
) -> RegulatorControl:
    tap, steps = held
    control = model.word(configuration, "control", CONTROLS, "MANUAL")
    ratio = model.real(configuration, "power_transducer_ratio", "pu", 1.0)
    compensated = control == "LINE_DROP_COMP"
    volts = {
        part: model.real(configuration, f"compensator_{part}_setting_{letter}", "V")
        for part in "rx"
    }
    seen = ratio if compensated and ratio > 0 else 1.0
    return RegulatorControl(
        name,
        name,
        steps.winding,
        tap,
        control == "MANUAL",
        model.real(configuration, "band_center", "V"),
        max(model.real(configuration, "band_width", "V"), 0.0),
        seen,
        model.real(configuration, "current_transducer_ratio", "pu") if compensated else 0.0,
        volts["r"] if compensated else 0.0,
        volts["x"] if compensated else 0.0,
        max(model.real(configuration, "time_delay", "s"), 0.0),
        None,
    )
