"""Controls of an OpenDSS model: regulators and switched capacitor banks with their settings."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from gridagora.core.components import GROUND
from gridagora.core.controls import (
    ALL_PHASES,
    HIGHEST_PHASE,
    LOWEST_PHASE,
    MEAN_PHASE,
    Component,
    ReverseMode,
    SwitchedBy,
)
from gridagora.core.feeder import Feeder
from gridagora.report.opendss_model.names import NodePlaces

PHASE_WORDS = {HIGHEST_PHASE: "max", LOWEST_PHASE: "min", MEAN_PHASE: "avg"}
TYPES = {
    SwitchedBy.CURRENT: "current",
    SwitchedBy.VOLTAGE: "voltage",
    SwitchedBy.REACTIVE_POWER: "kvar",
    SwitchedBy.TIME: "time",
    SwitchedBy.POWER_FACTOR: "pf",
}


class ElementNames(NamedTuple):
    """What the elements of a model are called, by the row of their table; those that are reactors alone are left out."""

    transformers: Mapping[int, str]
    lines: Mapping[int, str]
    capacitors: Mapping[int, str]


def write_regulators(
    feeder: Feeder, elements: ElementNames, names: tuple[str, ...], places: NodePlaces
) -> Iterator[str]:
    """Yield the regulators; `names` are of the k regulators. One whose transformer is no element of its own is left out."""
    own = feeder.regulators
    for row, name in enumerate(names):
        unit = elements.transformers.get(int(own.transformer[row]))
        if unit is None:
            continue
        against = own.reverse
        mode, remote = int(against.mode[row]), int(own.remote_node[row])
        said = {
            "transformer": unit,
            "winding": int(own.sensed_winding[row]) + 1,
            "tapwinding": int(own.winding[row]) + 1,
            "ptphase": _phase(int(own.sensed_phase[row])),
            "vreg": float(own.set_v[row]),
            "band": float(own.band_v[row]),
            "ptratio": float(own.voltage_ratio[row]),
            "ctprim": float(own.current_a[row]),
            "R": float(own.r_v[row]),
            "X": float(own.x_v[row]),
            "LDC_Z": float(own.z_v[row]),
            "vlimit": float(own.limit_v[row]),
            "delay": float(own.delay_s[row]),
            "tapdelay": float(own.tap_delay_s[row]),
            "inversetime": _is(own.inverse_time[row]),
            "maxtapchange": int(own.at_once[row]),
            "reversible": _is(mode == ReverseMode.REVERSE),
            "cogen": _is(mode == ReverseMode.COGENERATION),
            "revneutral": _is(against.to_neutral[row]),
            "revthreshold": float(against.power_kw[row]),
            "revdelay": float(against.delay_s[row]),
            "revvreg": float(against.set_v[row]),
            "revband": float(against.band_v[row]),
            "revR": float(against.r_v[row]),
            "revX": float(against.x_v[row]),
            "rev_Z": float(against.z_v[row]),
        }
        if remote != GROUND:
            other = int(own.remote_to_node[row])
            said["bus"] = places.spell([remote, *([other] if other != GROUND else [])])
            said["remoteptratio"] = float(own.remote_ratio[row])
        yield f"New RegControl.{name} {_spell(said)}"


def write_capacitor_controls(
    feeder: Feeder, elements: ElementNames, names: tuple[str, ...], places: NodePlaces
) -> Iterator[str]:
    """Yield the controls of banks; `names` are of them. One without a bank or a measured element of its own is left out."""
    own = feeder.capacitor_controls
    for row, name in enumerate(names):
        bank = elements.capacitors.get(int(own.bank[row]))
        seen = measured(feeder, elements, row)
        if bank is None or seen is None:
            continue
        said = {
            "capacitor": bank,
            "element": seen,
            "terminal": int(own.terminal[row]) + 1,
            "type": TYPES[SwitchedBy(int(own.kind[row]))],
            "ptphase": _phase(int(own.voltage_phase[row])),
            "ctphase": _phase(int(own.current_phase[row])),
            "ptratio": float(own.voltage_ratio[row]),
            "ctratio": float(own.current_ratio[row]),
            "onsetting": float(own.on_setting[row]),
            "offsetting": float(own.off_setting[row]),
            "delay": float(own.delay_s[row]),
            "delayoff": float(own.off_delay_s[row]),
            "deadtime": float(own.dead_s[row]),
            "voltoverride": _is(own.is_override[row]),
            "vmin": float(own.low_v[row]),
            "vmax": float(own.high_v[row]),
            "pctminkvar": 100 * float(own.least_share[row]),
        }
        if own.is_override[row] and not np.array_equal(own.override_node[row], own.node[row]):
            said["vbus"] = places.bus[int(places.of_node[own.override_node[row][0]])]
        yield f"New CapControl.{name} {_spell(said)}"


def measured(feeder: Feeder, elements: ElementNames, row: int) -> str | None:
    """Return what a control of a bank measures, as OpenDSS names it; None where it is no element of its own.

    OpenDSS knows the reactive power of all phases of an end alone.
    """
    own = feeder.capacitor_controls
    one_of_several = int(own.power_phase[row]) != ALL_PHASES and int(own.phases[row]) > 1
    if one_of_several and int(own.kind[row]) == SwitchedBy.REACTIVE_POWER:
        return None
    at = int(own.row[row])
    match Component(int(own.component[row])):
        case Component.LINES:
            kind, name = "Line", elements.lines.get(at)
        case Component.TRANSFORMERS:
            kind, name = "Transformer", elements.transformers.get(at)
        case Component.CAPACITORS:
            kind, name = "Capacitor", elements.capacitors.get(at)
        case _:
            return None
    return None if name is None else f"{kind}.{name}"


def _phase(phase: int) -> str | int:
    return PHASE_WORDS.get(phase, phase + 1)


def _is(value: object) -> str:
    return "yes" if value else "no"


def _spell(said: Mapping[str, object]) -> str:
    return " ".join(
        f"{key}={value!r}" if isinstance(value, float) else f"{key}={value}"
        for key, value in said.items()
    )
