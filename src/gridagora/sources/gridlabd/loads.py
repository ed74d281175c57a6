"""Loads of a GridLAB-D model by class: constant power, current and impedance between pairs of nodes, as its engine takes them.

Currents are written in two ways: those of every `current_A` and of `load` are phasors against phase A of the feeder, those of
`constant_current_12` of `triplex_load` against their own phase. `power_A` and `current_A` of any node add to what a load states
as constant. `base_power` is apparent power; its parts are filled up to one and stand in place of what is stated as constant.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.buses import TURN, BusTable
from gridagora.sources.gridlabd.elements import LETTERS, OtherElement, pair_y
from gridagora.sources.gridlabd.model import Model

LOADS = ("load", "triplex_load", "triplex_node", "triplex_meter", "pqload", "node", "meter")
WITH_CONSTANT = ("load", "triplex_load", "pqload")
LEGS: Mapping[str, tuple[int, int]] = {"1": (1, 0), "2": (2, 0), "12": (1, 2)}
WYE: Mapping[str, tuple[int, int]] = {"A": (1, 0), "B": (2, 0), "C": (3, 0)}
DELTA: Mapping[str, tuple[int, int]] = {"A": (1, 2), "B": (2, 3), "C": (3, 1)}
PAIRS: Mapping[str, tuple[int, int]] = {
    "AB": (1, 2), "BC": (2, 3), "CA": (3, 1), "AN": (1, 0), "BN": (2, 0), "CN": (3, 0),
}  # fmt: skip
CUSTOMERS = {"R": "residential", "C": "commercial", "I": "industrial", "A": "agricultural"}
NO_SHAPE = -1
PLAIN = frozenset(
    {"A", "B", "C", "AB", "BC", "CA", *LEGS}
)  # of which any node may state a power or a current
REPLACED = "base_power stands in its place, as in GridLAB-D."
AT_NOMINAL = "What they draw at other voltages is left out."
FILLED = "The part of constant power is filled up to 1, as in GridLAB-D."


class RowPart(NamedTuple):
    """What a load draws between two nodes at its nominal voltage, by how it depends on voltage [VA]."""

    pair: tuple[int, int]  # phases or legs; 0 is neutral
    power: complex
    current: complex
    impedance: complex
    across_v: float
    shape: int = NO_SHAPE  # row of the shape that it follows over the hours

    def rated(self) -> complex:
        """Return all of it [VA]."""
        return self.power + self.current + self.impedance


class CustomerLoad(NamedTuple):
    """One load: its rows, and the reactances in it that are linear and draw no power, such as capacitors."""

    name: str
    bus: str
    is_split: bool
    words: str  # class and group of customers, as the model calls them
    rows: tuple[RowPart, ...]
    shunts: tuple[OtherElement, ...]


class PhaseTurn(NamedTuple):
    """Voltages across the pairs of a bus as phasors, from which the power of a current follows [V]."""

    nominal_v: float
    phase: int  # of a split phase, from 1; 0 of other buses

    def across(self, pair: tuple[int, int]) -> complex:
        """Return the voltage between two phases, or between the legs of a split phase."""
        if self.phase:
            return complex(self.nominal_v * (2 if all(pair) else 1) * TURN[self.phase - 1])
        ends = [complex(TURN[at - 1]) if at else 0j for at in pair]
        return self.nominal_v * (ends[0] - ends[1])


def read_loads(
    model: Model, buses: BusTable, shapes: Mapping[tuple[str, str], int]
) -> Iterator[CustomerLoad]:
    """Yield the loads that draw something; those that GridLAB-D would not read are told.

    `shapes` are the rows of shapes that powers follow, by name of the load and property.
    """
    for each in model.of(*LOADS):
        pairs = _pairs(model, each)
        if not any(key.startswith(STATED) for key in each.values):
            continue
        bus = buses.of[each.name]
        nominal = buses.nominal_v[bus]
        split = buses.is_split[bus]
        phase = next((at for at, letter in enumerate(LETTERS, 1) if letter in buses.phases[bus]), 1)
        turn = PhaseTurn(nominal, phase if split else 0)
        rows = [
            row
            for key, pair in pairs.items()
            if (row := _row(model, each, key, pair, turn, shapes)) is not None
        ]
        if not rows:
            continue
        if not nominal > 0 and any(row.current or row.impedance for row in rows):
            model.tell(each, "no nominal_voltage", "the voltage of its current and impedance [V]")
            continue
        kept = [_without_reactance(row) for row in rows]
        shunts = tuple(_shunt(each, bus, row) for row in rows if row.impedance.real == 0)
        said = model.text(each, "load_class").upper()[:1]
        words = " ".join([CUSTOMERS.get(said, ""), model.text(each, "groupid")]).lower()
        yield CustomerLoad(
            each.name,
            bus,
            split,
            words,
            tuple(row for row in kept if row.rated()),
            tuple(shunt for shunt in shunts if shunt.y.any()),
        )


POWERS = ("constant_power", "power", "base_power")
STATED = ("constant_", "power_", "current_", "impedance_", "shunt_", "base_power")


def _pairs(model: Model, each: GlmObject) -> dict[str, tuple[int, int]]:
    """Return the pairs of nodes by the ending of the properties that state their load."""
    if each.kind.startswith("triplex"):
        return dict(LEGS)
    phases = model.phases(each)
    plain = DELTA if "D" in phases else WYE
    return {**plain, **PAIRS}


def _row(
    model: Model,
    each: GlmObject,
    ending: str,
    pair: tuple[int, int],
    turn: PhaseTurn,
    shapes: Mapping[tuple[str, str], int],
) -> RowPart | None:
    """Return what is drawn between one pair of nodes, None where the model states nothing."""
    across = turn.across(pair)
    size = abs(across)
    power, current, ohm = (
        _stated(model, each, kind, ending, unit)
        for kind, unit in (("power", "VA"), ("current", "A"), ("impedance", "Ohm"))
    )
    base = model.real(each, f"base_power_{ending}".lower(), "VA")
    shunt = model.number(each, f"shunt_{ending}".lower(), "S")
    if not any((*power, *current, *ohm, base, shunt)):
        return None
    turned = size + 0j if each.kind == "triplex_load" else across
    constant = [power[0], turned * np.conj(current[0]), _of_ohm(size, ohm[0])]
    if base:
        if any(constant):
            got = f"constant parts of {ending} beside base_power_{ending}"
            model.tell(each, got, "one of the two", REPLACED)
        constant = list(_of_base(model, each, ending, base))
    plain = [
        power[1],
        across * np.conj(current[1]),
        _of_ohm(size, ohm[1]) + size**2 * np.conj(shunt),
    ]
    parts = [own + other for own, other in zip(constant, plain, strict=True)]
    whole = [complex(part) for part in parts]
    _tell_cancelled(model, each, ending, whole)
    powers = (f"{kind}_{ending}".lower() for kind in POWERS)
    shape = next((shapes[each.name, key] for key in powers if (each.name, key) in shapes), NO_SHAPE)
    return RowPart(pair, whole[0], whole[1], whole[2], size, shape)


def _of_ohm(size: float, ohm: complex) -> complex:
    return size**2 / np.conj(ohm) if ohm else 0j


def _tell_cancelled(model: Model, each: GlmObject, ending: str, parts: list[complex]) -> None:
    """Tell of parts that are nothing together at nominal voltage alone: a row is what it is over what it draws there."""
    for half, values in (
        ("active", [part.real for part in parts]),
        ("reactive", [part.imag for part in parts[:2]] + [parts[2].imag if parts[2].real else 0.0]),
    ):
        if any(values) and sum(values) == 0:
            got = f"parts of {ending} whose {half} power is 0 at nominal voltage"
            model.tell(each, got, "parts that do not cancel there", AT_NOMINAL)


def _stated(
    model: Model, each: GlmObject, kind: str, ending: str, unit: str
) -> tuple[complex, complex]:
    """Return a part of a load as it is stated constant, and as any node may state it; both halves may stand apart."""
    constant, plain = (f"{prefix}{kind}_{ending}".lower() for prefix in ("constant_", ""))
    has_plain = ending in PLAIN or each.kind not in {*WITH_CONSTANT, "node", "meter"}
    if kind == "impedance" and each.kind not in {"triplex_node", "triplex_meter"}:
        has_plain = False
    of_node = _number(model, each, plain, unit) if has_plain else 0j
    if each.kind in WITH_CONSTANT:
        return _number(model, each, constant, unit), of_node
    if constant in each.values:
        model.tell(each, constant, f"{kind}_{ending} in this class", key=constant)
    return 0j, of_node


def _number(model: Model, each: GlmObject, name: str, unit: str) -> complex:
    whole = model.number(each, name, unit)
    real = model.real(each, f"{name}_real", unit, whole.real)
    return complex(real, model.real(each, f"{name}_reac", unit, whole.imag))


def _of_base(
    model: Model, each: GlmObject, ending: str, base: float
) -> tuple[complex, complex, complex]:
    """Return apparent power by its parts of constant power, current and impedance, each at its own power factor."""
    share = {
        kind: model.real(each, f"{kind}_fraction_{ending}".lower(), "pu")
        for kind in ("power", "current", "impedance")
    }
    total = sum(share.values())
    if abs(total - 1) > 1e-6:
        expected = "parts of power, current and impedance that add up to 1"
        if total > 0:
            model.tell(each, f"parts that add up to {total:g}", expected, FILLED)
        share["power"] = 1 - share["current"] - share["impedance"]
    made = []
    for kind, part in share.items():
        factor = model.real(each, f"{kind}_pf_{ending}".lower(), "pu", 1.0)
        factor = min(max(factor, -1.0), 1.0)
        p_va = base * part * abs(factor)
        q_va = base * part * np.sqrt(1 - factor**2)
        made.append(complex(p_va, -q_va) if factor < 0 else complex(p_va, q_va))
    return made[0], made[1], made[2]


def _without_reactance(row: RowPart) -> RowPart:
    """Return a row without the impedance that is a pure reactance; that one is an element of the network."""
    return row._replace(impedance=0j) if row.impedance.real == 0 else row


def _shunt(each: GlmObject, bus: str, row: RowPart) -> OtherElement:
    first, second = row.pair
    nodes = tuple((bus, at) for at in row.pair if at)
    siemens = complex(np.conj(row.impedance)) / max(row.across_v, 1e-9) ** 2
    y = pair_y([(0, 1 if second else -1)], len(nodes), [siemens])
    return OtherElement(f"{each.name}.{first}{second or ''}", "reactance", nodes, y)
