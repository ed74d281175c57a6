"""Capacitor banks of a GridLAB-D model, with their switches as the model states them: open where it says nothing.

A bank under `control VOLT` closes at `voltage_set_low` and below and opens at `voltage_set_high` and above, by the voltage of
its node or of that of `remote_sense`. Under `VAR` and `CURRENT` it closes at the high and opens at the low setting, by what flows
into the `from` end of the line of `remote_sense`. Each phase of `pt_phase` is its own capacitor where the level is INDIVIDUAL;
where it is BANK all close once one phase asks for it and open once all do. Both delays pass before a switch moves.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gridagora.core.controls import SwitchedBy
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
LINKS = (
    "overhead_line",
    "underground_line",
    "switch",
    "fuse",
    "recloser",
    "sectionalizer",
    "transformer",
)
HELD = "It stays as the model states it."


class BankControl(NamedTuple):
    """What switches a bank: a figure of some phases of a bus, or of the first end of a line."""

    kind: SwitchedBy
    link: str  # "" for a voltage
    nodes: tuple[Node, ...]  # several: the one that asks most for closing counts
    on: float  # [V], [A] or [kvar]
    off: float  # likewise [V], [A] or [kvar]
    delay_s: float


class ControlledBank(NamedTuple):
    """A bank, and what switches it; None: nothing."""

    element: CapacitorElement
    control: BankControl | None


class _Control(NamedTuple):
    """The control of a capacitor: the bus and the letters at which it measures, and whether each phase is its own."""

    bus: str
    letters: str
    by_phase: bool
    whole: BankControl

    def of(self, letters: str) -> BankControl | None:
        """Return what switches the bank of some phases, None for phases that it does not measure."""
        seen = letters if self.by_phase else self.letters
        if self.by_phase and letters not in self.letters:
            return None
        nodes = tuple((self.bus, LETTERS.index(letter) + 1) for letter in seen)
        return self.whole._replace(nodes=nodes)


class _Rule(NamedTuple):
    """How a kind of control is written: its settings, their unit, that of its figure over theirs, and what closes."""

    kind: SwitchedBy
    settings: str
    unit: str
    scale: float
    closes_low: bool


RULES = {
    "VOLT": _Rule(SwitchedBy.VOLTAGE, "voltage_set", "V", 1.0, True),
    "VAR": _Rule(SwitchedBy.REACTIVE_POWER, "var_set", "VA", 1e-3, False),
    "CURRENT": _Rule(SwitchedBy.CURRENT, "current_set", "A", 1.0, False),
}


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


def _control(model: Model, each: GlmObject, buses: BusTable, *, delta: bool) -> _Control | None:
    """Return what switches a capacitor; a control that has no likeness here is told, and its switches stay."""
    control = model.word(each, "control", CONTROLS, "MANUAL")
    if control == "MANUAL":
        return None
    by_phase = model.word(each, "control_level", LEVELS, "INDIVIDUAL") == "INDIVIDUAL"
    said = model.text(each, "pt_phase").upper()
    letters = "".join(letter for letter in LETTERS if letter in said)
    of = RULES.get(control, RULES["VOLT"])
    low, high = (
        of.scale * model.real(each, f"{of.settings}_{end}", of.unit) for end in ("low", "high")
    )
    bus, phases, link = _measured(model, each, buses, of)
    part = not by_phase and 1 < len(letters) < len(phases)
    var_of_several = control == "VAR" and not by_phase and len(letters) > 1
    here = model.text(each, "remote_sense")
    place = "a node of the model" if of.closes_low else "a line, switch or transformer of the model"
    settings = f"{low:g} and {of.settings}_high {high:g}"
    rules = (
        ("control", control not in RULES, control, f"MANUAL, {', '.join(RULES)}"),
        ("phases", delta or "D" in said, "of a delta under control", "a control that measures to neutral"),
        ("pt_phase", not letters, f"'{said}'", "at least one phase to measure"),
        ("pt_phase", part, f"'{said}' of several", "one phase or all of them to measure"),
        ("pt_phase", var_of_several, f"'{said}'", "one phase of a bank under VAR to measure"),
        (f"{of.settings}_low", not low < high or (of.closes_low and low <= 0), settings, "two figures, the lower one first"),
        ("remote_sense", not bus, f"'{here}'", place),
        ("pt_phase", bool(bus) and not set(letters) <= set(phases), f"'{said}'", f"phases that it measures, {phases}"),
    )  # fmt: skip
    for key, is_unlike, got, wanted in rules:
        if is_unlike:
            model.tell(each, f"{key} {got}", f"{key}: {wanted}", HELD, key)
            return None
    if model.real(each, "lockout_time", "s"):
        done = "It switches again after its delays."
        model.tell(each, "a lockout_time", "a bank without lockout", done, "lockout_time")
    delay_s = sum(max(model.real(each, key, "s"), 0.0) for key in ("dwell_time", "time_delay"))
    on, off = (low, high) if of.closes_low else (high, low)
    return _Control(bus, letters, by_phase, BankControl(of.kind, link, (), on, off, delay_s))


def _measured(model: Model, each: GlmObject, buses: BusTable, of: _Rule) -> tuple[str, str, str]:
    """Return the bus at which a control measures, the letters of its phases and the link; "" where there is none."""
    name = model.text(each, "remote_sense")
    if of.closes_low:
        bus, link = buses.of.get(name or each.name, ""), ""
        phases = buses.phases[bus] if bus else frozenset()
    else:
        found = model.by_name.get(name)
        if found is None or found.kind not in LINKS:
            return "", "", ""
        bus, link = buses.of.get(model.text(found, "from"), ""), found.name
        phases = model.phases(found)
    return bus, "".join(letter for letter in LETTERS if letter in phases), link


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
