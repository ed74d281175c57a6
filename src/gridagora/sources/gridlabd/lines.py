"""Overhead lines, cables and triplex lines, by matrix or by geometry; switches, fuses and the like as contacts."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors, pi_block
from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.conductors import read_geometry, read_triplex
from gridagora.sources.gridlabd.elements import (
    LETTERS,
    SWITCH_OHM,
    LineElement,
    phase_numbers,
    switch_y,
)
from gridagora.sources.gridlabd.line_geometry import RADIANS
from gridagora.sources.gridlabd.model import LEFT, Model
from gridagora.sources.gridlabd.quantities import read_phases, read_real, read_truth

LINES = ("overhead_line", "underground_line", "triplex_line")
CONTACTS = ("switch", "fuse", "recloser", "sectionalizer")
RESISTANCE = {"switch": "switch_resistance", "fuse": "fuse_resistance"}
FT_M, MILE_FT = 0.3048, 5280.0
STATES = {"CLOSED", "OPEN", "GOOD", "BLOWN"}
KEPT_OPEN = "It stays open."


class PerMile(NamedTuple):
    """What a mile of a line is between its phases."""

    phases: tuple[int, ...]
    ohm: Phasors  # (p, p) [ohm/mile]
    siemens: Phasors  # (p, p) [S/mile]
    rating_a: float
    emergency_a: float


def read_lines(model: Model, bus_of: Mapping[str, str]) -> Iterator[LineElement]:
    """Yield lines and contacts between buses; what cannot be converted is told and left out."""
    known: dict[tuple[str, str, frozenset[str]], PerMile | None] = {}
    with_shunt = has_capacitance(model)
    for each in model.of(*LINES):
        ends = read_ends(model, each, bus_of)
        phases = model.phases(each)
        if ends is None or not phases or not _is_closed(model, each):
            continue
        _tell_phases(model, each, phases)
        key = (model.text(each, "configuration"), each.kind, phases)
        if key not in known:
            known[key] = _per_mile(model, each, phases, with_shunt=with_shunt)
        per_mile = known[key]
        if per_mile is None:
            found = model.by_name.get(key[0])
            if found is not None and found.kind.endswith("line_configuration"):
                model.tell(each, f"configuration '{key[0]}'", "one with conductors or a matrix")
            continue
        if (line := _line(model, each, ends, per_mile)) is not None:
            yield line
    for each in model.of(*CONTACTS):
        ends = read_ends(model, each, bus_of)
        if ends is not None and (line := _contacts(model, each, ends)) is not None:
            yield line


def has_capacitance(model: Model) -> bool:
    """Whether the model's settings ask for the capacitance of lines; GridLAB-D leaves it out else."""
    said, _ = model.glm.modules.get("powerflow", {}).get("line_capacitance", ("", 0))
    return bool(read_truth(said))


def read_ends(model: Model, each: GlmObject, bus_of: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the buses that an object joins; None is told."""
    found = []
    for key in ("from", "to"):
        said = model.text(each, key)
        if said not in bus_of:
            got = f"{key} '{said}'" if said else f"no {key}"
            model.tell(each, got, f"{key} naming a node of the model", key=key)
            return None
        found.append(bus_of[said])
    if found[0] == found[1]:
        model.tell(each, f"both ends at {found[0]}", "two nodes that are no child of another")
        return None
    return found[0], found[1]


def _tell_phases(model: Model, each: GlmObject, phases: frozenset[str]) -> None:
    """Tell of phases that one of the ends of a line has not."""
    for key in ("from", "to"):
        end = model.by_name[model.text(each, key)]
        has = read_phases(model.text(end, "phases"))
        more = phases & set(LETTERS) - has if has else frozenset()
        if more:
            got = f"phase {' and '.join(sorted(more))}, which {end.kind} {end.name} has not"
            model.tell(
                each,
                got,
                "phases that both of its ends have",
                "It is read with all its phases.",
                "phases",
            )


def _is_closed(model: Model, each: GlmObject) -> bool:
    if model.word(each, "status", ("CLOSED", "OPEN"), "CLOSED") == "CLOSED":
        return True
    model.tell(each, "status OPEN", "a line that is closed", KEPT_OPEN, "status")
    return False


def _line(
    model: Model, each: GlmObject, ends: tuple[str, str], per_mile: PerMile
) -> LineElement | None:
    said = model.text(each, "length", "0")
    length_ft = read_real(said, "ft")
    if length_ft is None or length_ft < 0:
        model.tell(each, f"length {said}", "a length above 0 [ft]", LEFT, "length")
        return None
    if length_ft == 0:
        done = "It is taken as a closed switch."
        model.tell(each, "length 0 ft", "a length above 0", done, "length")
        y = switch_y(len(per_mile.phases), SWITCH_OHM)
    else:
        miles = length_ft / MILE_FT
        y = pi_block(per_mile.ohm * miles, per_mile.siemens * miles)
    length_m, rated = length_ft * FT_M, (per_mile.rating_a, per_mile.emergency_a)
    return LineElement(each.name, ends, per_mile.phases, length_m, *rated, False, y)


def _per_mile(
    model: Model, each: GlmObject, phases: frozenset[str], *, with_shunt: bool
) -> PerMile | None:
    """Return a mile of a configuration on some phases, by its matrix where it has one."""
    triplex = each.kind == "triplex_line"
    kinds = ("triplex_line_configuration",) if triplex else ("line_configuration",)
    configuration = model.named(each, "configuration", kinds)
    if configuration is None:
        return None
    numbers = phase_numbers(phases)
    if not numbers:
        model.tell(each, f"phases {model.text(each, 'phases')}", "a phase A, B, C or S")
        return None
    matrix = _matrix(model, configuration, numbers)
    if matrix is not None:
        ohm, shunt = matrix
        shunt = shunt if with_shunt else np.zeros_like(shunt)
        rated = [configuration]
    elif _has_matrix(configuration):
        return None
    elif triplex:
        found = read_triplex(model, configuration)
        if found is None:
            return None
        (ohm, rated), shunt = found, np.zeros((2, 2), complex)
    else:
        geometry = read_geometry(model, configuration, phases, overhead=each.kind == LINES[0])
        if geometry is None:
            return None
        ohm, rated = geometry.ohm, geometry.conductors
        shunt = geometry.siemens if with_shunt else np.zeros_like(ohm)
        numbers = geometry.phases
    return PerMile(numbers, ohm, shunt, *_ratings(model, rated))


def _matrix(
    model: Model, configuration: GlmObject, numbers: tuple[int, ...]
) -> tuple[Phasors, Phasors] | None:
    """Return impedance [ohm/mile] and capacitance [S/mile] of a configuration, (p, p) each; None without or with a fault."""
    if not _has_matrix(configuration):
        return None
    pairs = [[f"{a}{b}" for b in numbers] for a in numbers]
    ohm = np.array(
        [[model.number(configuration, f"z{pair}", "Ohm/mile") for pair in row] for row in pairs]
    )
    nano = np.array(
        [[model.real(configuration, f"c{pair}", "nF/mile") for pair in row] for row in pairs]
    )
    if not ohm.diagonal().all() or np.linalg.matrix_rank(ohm) < len(numbers):
        lacks = "".join(LETTERS[at - 1] for at in numbers)
        expected = f"an impedance of each of the phases {lacks}, and a matrix that can be inverted"
        model.tell(configuration, "a matrix with a phase of 0", expected)
        return None
    if not (np.allclose(ohm, ohm.T, rtol=1e-9) and np.allclose(nano, nano.T, rtol=1e-9)):
        expected = "figures between two phases that are the same both ways"
        done = "It is read as it stands, as in GridLAB-D; no conductors have it."
        model.tell(configuration, "a matrix that is not symmetric", expected, done)
    return ohm, 1e-9j * RADIANS * nano


def _has_matrix(configuration: GlmObject) -> bool:
    return any(f"z{at}{at}" in configuration.values for at in (1, 2, 3))


def _ratings(model: Model, rated: list[GlmObject]) -> tuple[float, float]:
    """Return the least continuous and emergency rating that is stated [A], nan without."""
    least = []
    for word in ("continuous", "emergency"):
        keys = [f"rating.{season}.{word}" for season in ("summer", "winter")]
        found = [model.real(each, key, "A") for each in rated for key in keys]
        least.append(min((value for value in found if value > 0), default=np.nan))
    return least[0], least[1]


def _contacts(model: Model, each: GlmObject, ends: tuple[str, str]) -> LineElement | None:
    """Return the closed contacts of a switch or fuse; one that is open on all phases is told."""
    numbers = phase_numbers(model.phases(each))
    whole = model.word(each, "status", STATES, "CLOSED")
    states = [
        model.word(each, f"phase_{LETTERS[at - 1].lower()}_{end}", STATES, "CLOSED")
        for at in numbers
        for end in ("status" if each.kind == "fuse" else "state",)
    ]
    closed = tuple(
        at
        for at, state in zip(numbers, states, strict=True)
        if {state, whole} <= {"CLOSED", "GOOD"}
    )
    if len(closed) < len(numbers):
        shut = f"closed on {len(closed)} of {len(numbers)} phases"
        model.tell(each, shut, "contacts that are closed", KEPT_OPEN)
    if not closed:
        return None
    ohm = model.real(each, RESISTANCE.get(each.kind, "switch_resistance"), "Ohm")
    limit = model.real(each, "current_limit", "A", np.nan)
    rating = limit if limit > 0 else np.nan
    y = switch_y(len(closed), ohm if ohm > 0 else SWITCH_OHM)
    return LineElement(each.name, ends, closed, 0.0, rating, rating, True, y)
