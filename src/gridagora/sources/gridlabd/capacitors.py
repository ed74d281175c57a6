"""Capacitor banks of a GridLAB-D model, with their switches as the model states them: open where it says nothing.

A bank under `control VOLT` is closed at `voltage_set_low` and below, opened at `voltage_set_high` and above, by the phases of
`pt_phase`: each of them its own capacitor where the level is INDIVIDUAL, the first all capacitors where it is BANK. Both delays
pass before a switch moves.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.buses import BusTable
from gridagora.sources.gridlabd.elements import (
    LETTERS,
    CapacitorElement,
    Node,
    pair_y,
    phase_numbers,
)
from gridagora.sources.gridlabd.model import Model

STATES = ("OPEN", "CLOSED")
CONTROLS = ("MANUAL", "VAR", "VOLT", "VARVOLT", "CURRENT")
OPEN_DEFAULT = "Its switch is taken as open, as in GridLAB-D."
LEVELS = ("INDIVIDUAL", "BANK")
HELD = "It stays as the model states it."


class BankControl(NamedTuple):
    """What switches a bank by the voltage from one node to neutral."""

    node: Node
    low_v: float  # it closes here and below
    high_v: float  # it opens here and above
    delay_s: float


class ControlledBank(NamedTuple):
    """A bank, and what switches it; None: nothing."""

    element: CapacitorElement
    control: BankControl | None


class VoltageControl(NamedTuple):
    """The control of a capacitor: the bus and the letters at which it measures, and whether each phase is its own."""

    bus: str
    letters: str
    by_phase: bool
    low_v: float
    high_v: float
    delay_s: float

    def of(self, letters: str) -> BankControl | None:
        """Return what switches the bank of some phases, None for phases that it does not measure."""
        seen = letters if self.by_phase else self.letters
        if self.by_phase and letters not in self.letters:
            return None
        node = self.bus, LETTERS.index(seen) + 1
        return BankControl(node, self.low_v, self.high_v, self.delay_s)


def read_capacitors(model: Model, buses: BusTable) -> Iterator[ControlledBank]:
    """Yield a bank for each capacitor whose phases are alike and switch together, else one for each phase."""
    for each in model.of("capacitor"):
        letters = _connected(model, each)
        bus = buses.of[each.name]
        volts = model.real(each, "cap_nominal_voltage", "V") or buses.nominal_v[bus]
        if not volts > 0 or not letters:
            got = "no voltage" if letters else "no phase connected"
            model.tell(each, got, "phases and a nominal voltage")
            continue
        parts = [(letter, *_part(model, each, letter)) for letter in letters]
        parts = [part for part in parts if part[1] > 0]
        if not parts:
            model.tell(each, "no capacitor_A, _B or _C", "VAr of its phases")
            continue
        delta = "D" in model.phases(each)
        control = _control(model, each, buses, delta=delta)
        apart = control is not None and control.by_phase
        alike = len({part[1:] for part in parts}) == 1 and not (apart and len(parts) > 1)
        for group in [parts] if alike else [[part] for part in parts]:
            bank = _bank(each, bus, volts, group, delta=delta, whole=alike)
            yield ControlledBank(bank, control.of(group[0][0]) if control else None)


def _control(
    model: Model, each: GlmObject, buses: BusTable, *, delta: bool
) -> VoltageControl | None:
    """Return what switches a capacitor; a control that has no likeness here is told, and its switches stay."""
    control = model.word(each, "control", CONTROLS, "MANUAL")
    if control == "MANUAL":
        return None
    by_phase = model.word(each, "control_level", LEVELS, "INDIVIDUAL") == "INDIVIDUAL"
    said = model.text(each, "pt_phase").upper()
    letters = "".join(letter for letter in LETTERS if letter in said)
    low, high = (model.real(each, f"voltage_set_{end}", "V") for end in ("low", "high"))
    name = model.text(each, "remote_sense")
    expected = "at least one phase to measure" if by_phase else "one phase to measure"
    rules = (
        ("control", control != "VOLT", control, "MANUAL or VOLT"),
        ("phases", delta or "D" in said, "of a delta under control", "a control that measures to neutral"),
        ("pt_phase", not letters or (len(letters) > 1 and not by_phase), f"'{said}'", expected),
        ("voltage_set_low", not 0 < low < high, f"{low:g} and voltage_set_high {high:g}", "two voltages, the lower one first"),
        ("remote_sense", name != "" and name not in buses.of, f"'{name}'", "a node of the model"),
    )  # fmt: skip
    for key, is_unlike, got, wanted in rules:
        if is_unlike:
            model.tell(each, f"{key} {got}", f"{key}: {wanted}", HELD, key)
            return None
    if model.real(each, "lockout_time", "s"):
        done = "It switches again after its delays."
        model.tell(each, "a lockout_time", "a bank without lockout", done, "lockout_time")
    delay_s = model.real(each, "dwell_time", "s") + model.real(each, "time_delay", "s")
    return VoltageControl(buses.of[name or each.name], letters, by_phase, low, high, delay_s)


def _connected(model: Model, each: GlmObject) -> str:
    """Return the letters of the phases that the bank is on."""
    stated = model.text(each, "phases_connected").upper()
    own = model.phases(each)
    return "".join(letter for letter in LETTERS if letter in (stated or own))


def _part(model: Model, each: GlmObject, letter: str) -> tuple[float, bool]:
    """Return the rating of one phase [VAr] and whether its switch is closed."""
    rated = model.real(each, f"capacitor_{letter}".lower(), "VA")
    key = f"switch{letter}".lower()
    if key not in each.values:
        if rated > 0:
            model.tell(each, "no state of a switch", "switchA, switchB, switchC", OPEN_DEFAULT)
        return rated, False
    return rated, model.word(each, key, STATES, "OPEN") == "CLOSED"


def _bank(
    each: GlmObject,
    bus: str,
    volts: float,
    group: list[tuple[str, float, bool]],
    *,
    delta: bool,
    whole: bool,
) -> CapacitorElement:
    """Return the bank of some phases; in delta each is between its phase and the next."""
    rows = phase_numbers(frozenset(letter for letter, _, _ in group))
    numbers = sorted({*rows, *(at % 3 + 1 for at in rows)}) if delta else list(rows)
    pairs = [(numbers.index(at), numbers.index(at % 3 + 1) if delta else -1) for at in rows]
    siemens = [1j * rated / volts**2 for _, rated, _ in group]
    y = pair_y(pairs, len(numbers), siemens)
    letters = "" if whole else f".{group[0][0].lower()}"
    count = len(rows)
    kv = 1e-3 * volts * (np.sqrt(3.0) if count > 1 and not delta else 1.0)
    kvar = 1e-3 * sum(rated for _, rated, _ in group)
    nodes = tuple((bus, at) for at in numbers)
    return CapacitorElement(
        f"{each.name}{letters}", bus, count, kv, kvar, delta, group[0][2], nodes, y
    )
