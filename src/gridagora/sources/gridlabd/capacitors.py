"""Capacitor banks of a GridLAB-D model, with their switches as the model states them: open where it says nothing."""

from collections.abc import Iterator

import numpy as np

from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.buses import BusTable
from gridagora.sources.gridlabd.elements import (
    LETTERS,
    CapacitorElement,
    pair_y,
    phase_numbers,
)
from gridagora.sources.gridlabd.model import Model

STATES = ("OPEN", "CLOSED")
CONTROLS = ("MANUAL", "VAR", "VOLT", "VARVOLT", "CURRENT")
OPEN_DEFAULT = "Its switch is taken as open, as in GridLAB-D."
HELD = "It stays as the model states it."


def read_capacitors(model: Model, buses: BusTable) -> Iterator[CapacitorElement]:
    """Yield a bank for each capacitor whose phases are alike, else one for each phase."""
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
        if model.word(each, "control", CONTROLS, "MANUAL") != "MANUAL":
            control = model.text(each, "control").upper()
            model.tell(each, f"control {control}", "control MANUAL", HELD, "control")
        delta = "D" in model.phases(each)
        alike = len({part[1:] for part in parts}) == 1
        for group in [parts] if alike else [[part] for part in parts]:
            yield _bank(each, bus, volts, group, delta=delta, whole=alike)


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
