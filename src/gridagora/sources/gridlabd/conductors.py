"""Conductors and spacings of a line's configuration: matrices of a mile from the figures of a GridLAB-D model."""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.tables import Col
from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.elements import LETTERS
from gridagora.sources.gridlabd.line_geometry import (
    cable_siemens_mile,
    overhead_siemens_mile,
    reduce_kron,
    series_ohm_mile,
)
from gridagora.sources.gridlabd.model import Model

CONDUCTORS = ("overhead_line_conductor", "underground_line_conductor")
ORDER = "ABCN"
SPARSE = "Its mutual impedance is left out, as in GridLAB-D."


class Geometry(NamedTuple):
    """A mile of line on some phases, and the conductors that it has."""

    phases: tuple[int, ...]
    ohm: Phasors  # (p, p) [ohm/mile]
    siemens: Phasors  # (p, p) [S/mile]
    conductors: list[GlmObject]


class Cable(NamedTuple):
    """One cable: its conductor, and the neutral around it, of strands or of tape; a resistance of 0 is none."""

    r_ohm_mile: float
    gmr_ft: float
    neutral_r_ohm_mile: float
    neutral_gmr_ft: float
    ring_ft: float  # radius of the neutral
    siemens: complex  # of a mile to its neutral [S/mile]


def read_geometry(
    model: Model, configuration: GlmObject, phases: frozenset[str], *, overhead: bool
) -> Geometry | None:
    """Return a mile of line by its geometry; phases without conductor are left out and told, None where nothing is left."""
    wanted = [letter for letter in ORDER if letter in phases]
    if any(f"conductor_{letter.lower()}" in configuration.values for letter in wanted):
        wanted = [
            letter for letter in wanted if letter != "N" or "conductor_n" in configuration.values
        ]
    kind = CONDUCTORS[0] if overhead else CONDUCTORS[1]
    found = {
        letter: model.named(configuration, f"conductor_{letter.lower()}", (kind,))
        for letter in wanted
    }
    conductors = {letter: each for letter, each in found.items() if each is not None}
    if not set(conductors) & set(LETTERS):
        return None
    apart = _distances(model, configuration, "".join(conductors))
    made = _overhead if overhead else _underground
    ohm, siemens = made(model, configuration, conductors, apart)
    if ohm is None:
        return None
    numbers = tuple(LETTERS.index(letter) + 1 for letter in conductors if letter != "N")
    return Geometry(numbers, ohm, siemens, list(conductors.values()))


def _distances(model: Model, configuration: GlmObject, letters: str) -> Col:
    """Return the distances between conductors, shape (c, c) [ft]; unknown ones are 0 and told."""
    apart = np.zeros((len(letters), len(letters)))
    if len(letters) < 2:
        return apart
    spacing = model.named(configuration, "spacing", ("line_spacing",))
    if spacing is None:
        return apart
    for first in range(len(letters)):
        for second in range(first + 1, len(letters)):
            key = f"distance_{letters[first]}{letters[second]}".lower()
            value = model.real(spacing, key, "ft")
            if value <= 0:
                expected = "the distance of each pair of conductors"
                model.tell(spacing, f"no {key}", expected, SPARSE)
            apart[first, second] = apart[second, first] = max(value, 0.0)
    return apart


def _sound(model: Model, each: GlmObject, values: dict[str, float]) -> bool:
    """Tell of a conductor whose figures make no impedance."""
    lacking = [key for key, value in values.items() if not value > 0]
    for key in lacking:
        model.tell(each, f"{key} {values[key]:g}", "figures above 0", key=key)
    return not lacking


def _overhead(
    model: Model, configuration: GlmObject, conductors: dict[str, GlmObject], apart: Col
) -> tuple[Phasors | None, Phasors]:
    letters = "".join(conductors)
    figures = {
        letter: {
            "resistance": model.real(each, "resistance", "Ohm/mile"),
            "geometric_mean_radius": model.real(each, "geometric_mean_radius", "ft"),
        }
        for letter, each in conductors.items()
    }
    none = np.zeros((len(letters.replace("N", "")),) * 2, complex)
    sound = [_sound(model, conductors[letter], figures[letter]) for letter in letters]
    if not all(sound):
        return None, none
    r, gmr = (
        np.array([figures[letter][key] for letter in letters])
        for key in ("resistance", "geometric_mean_radius")
    )
    kept = np.array([letter != "N" for letter in letters])
    ohm = reduce_kron(series_ohm_mile(r, gmr, apart), kept)
    diameter = np.array([model.real(each, "diameter", "in") for each in conductors.values()])
    spacing = model.by_name.get(model.text(configuration, "spacing"))
    height = np.zeros(len(letters))
    if spacing is not None:
        height = np.array([model.real(spacing, f"distance_{at}e".lower(), "ft") for at in letters])
    siemens = overhead_siemens_mile(diameter, height, apart, kept)
    return ohm, none if siemens is None else siemens


def _underground(
    model: Model, configuration: GlmObject, conductors: dict[str, GlmObject], apart: Col
) -> tuple[Phasors | None, Phasors]:
    """Return a mile of cables: the conductors, then the neutrals around them, all neutrals at earth at both ends."""
    letters = "".join(conductors)
    phases = letters.replace("N", "")
    none = np.zeros((len(phases),) * 2, complex)
    cables = [_cable(model, conductors[letter]) for letter in letters]
    if any(cable is None for cable in cables):
        return None, none
    whole = [cable for cable in cables if cable is not None]
    ringed = [at for at in range(len(phases)) if whole[at].neutral_gmr_ft > 0]
    if ringed and len(ringed) < len(phases):
        expected = "cables of one kind"
        model.tell(configuration, "cables with and without neutral", expected, "Read as it is.")
    r = np.array([c.r_ohm_mile for c in whole] + [whole[at].neutral_r_ohm_mile for at in ringed])
    gmr = np.array([c.gmr_ft for c in whole] + [whole[at].neutral_gmr_ft for at in ringed])
    rows = [*range(len(letters)), *ringed]
    distance = apart[np.ix_(rows, rows)].copy()
    for own, at in enumerate(ringed, len(letters)):
        distance[at, own] = distance[own, at] = whole[at].ring_ft
    kept = np.array([*(letter != "N" for letter in letters), *(False for _ in ringed)])
    ohm = reduce_kron(series_ohm_mile(r, gmr, distance), kept)
    return ohm, np.diag([whole[at].siemens for at in range(len(phases))]) + none


def _cable(model: Model, each: GlmObject) -> Cable | None:
    own = {
        "conductor_resistance": model.real(each, "conductor_resistance", "Ohm/mile"),
        "conductor_gmr": model.real(each, "conductor_gmr", "ft"),
    }
    if not _sound(model, each, own):
        return None
    inches = {
        key: model.real(each, key, "in")
        for key in (
            "outer_diameter", "conductor_diameter", "neutral_diameter", "shield_diameter",
            "shield_thickness",
        )
    }  # fmt: skip
    permittivity = model.real(each, "insulation_relative_permitivitty", "1", 1.0)
    r, gmr = own.values()
    shield_gmr = model.real(each, "shield_gmr", "ft")
    if shield_gmr > 0:
        ring = (inches["shield_diameter"] - inches["shield_thickness"]) / 24
        shunt = cable_siemens_mile(permittivity, inches["conductor_diameter"], ring, 0.0, 0.0)
        ohm = model.real(each, "shield_resistance", "Ohm/mile")
        return Cable(r, gmr, ohm, shield_gmr, shield_gmr, shunt)
    strands = model.real(each, "neutral_strands", "1")
    strand_gmr = model.real(each, "neutral_gmr", "ft")
    ring = (inches["outer_diameter"] - inches["neutral_diameter"]) / 24
    if not (strands > 0 and strand_gmr > 0 and ring > 0):
        return Cable(r, gmr, 0.0, 0.0, 0.0, 0j)
    ring_gmr = (strand_gmr * strands * ring ** (strands - 1)) ** (1 / strands)
    ohm = model.real(each, "neutral_resistance", "Ohm/mile") / strands
    shunt = cable_siemens_mile(
        permittivity, inches["conductor_diameter"], ring, inches["neutral_diameter"], strands
    )
    return Cable(r, gmr, ohm, ring_gmr, ring, shunt)


def read_triplex(model: Model, configuration: GlmObject) -> tuple[Phasors, list[GlmObject]] | None:
    """Return the impedance of both legs with the neutral at earth, shape (2, 2) [ohm/mile], and the conductors."""
    found = [
        model.named(configuration, f"conductor_{letter}", ("triplex_line_conductor",))
        for letter in "12n"
    ]
    conductors = [each for each in found if each is not None]
    if len(conductors) < 3:
        return None
    figures = [
        {
            "resistance": model.real(each, "resistance", "Ohm/mile"),
            "geometric_mean_radius": model.real(each, "geometric_mean_radius", "ft"),
        }
        for each in conductors
    ]
    diameter, thick = (
        model.real(configuration, key, "in") for key in ("diameter", "insulation_thickness")
    )
    sound = [_sound(model, *each) for each in zip(conductors, figures, strict=True)]
    if not all(sound) or not _sound(model, configuration, {"diameter": diameter}):
        return None
    legs, neutral = (diameter + 2 * thick) / 12, (diameter + thick) / 12
    apart = np.array([[0, legs, neutral], [legs, 0, neutral], [neutral, neutral, 0]])
    r, gmr = (np.array([each[key] for each in figures]) for key in figures[0])
    ohm = reduce_kron(series_ohm_mile(r, gmr, apart), np.array([True, True, False]))
    return ohm, conductors
