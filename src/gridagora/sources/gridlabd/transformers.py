"""Transformers of a GridLAB-D model, of every connection that it has.

References
----------
W. H. Kersting, Distribution System Modeling and Analysis, 4th ed., CRC Press 2017, chapters 8 and 11 (three-phase
transformers, centre-tapped transformers and the split of one impedance over three windings), doi 10.1201/9781315120782
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.tables import Col
from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.elements import (
    LETTERS,
    Node,
    TransformerElement,
    Winding,
    phase_numbers,
)
from gridagora.sources.gridlabd.lines import read_ends
from gridagora.sources.gridlabd.model import Model

CONNECTIONS = {
    "WYE_WYE": "WYE_WYE", "1": "WYE_WYE",
    "DELTA_DELTA": "DELTA_DELTA", "2": "DELTA_DELTA",
    "DELTA_GWYE": "DELTA_GWYE", "3": "DELTA_GWYE",
    "SINGLE_PHASE": "SINGLE_PHASE", "4": "SINGLE_PHASE",
    "SINGLE_PHASE_CENTER_TAPPED": "SINGLE_PHASE_CENTER_TAPPED", "5": "SINGLE_PHASE_CENTER_TAPPED",
}  # fmt: skip
SPLIT = "SINGLE_PHASE_CENTER_TAPPED"
ABSENT = 99_999_999.0  # a shunt of GridLAB-D's default or more is none
NO_FLOAT = 1e-6  # of the rating from each corner of a delta to earth, so that it has a voltage
PRIMARY_R, PRIMARY_X, LEG_X = 0.5, 0.8, 0.4  # of one impedance on the windings of a centre tap


class Rating(NamedTuple):
    """What a configuration states: volts, kVA in all and by phase, impedances as shares of the rating."""

    connection: str
    v: tuple[float, float]  # of its primary and secondary, as they stand
    kva: float
    phase_kva: tuple[float, float, float]
    z: complex  # of the whole, or of the primary alone where z_legs are stated
    z_legs: tuple[complex, complex] | None
    core_share: float  # of the rating, 0 without
    magnetising_share: float


def read_transformers(model: Model, bus_of: Mapping[str, str]) -> Iterator[TransformerElement]:
    """Yield the transformers between buses; what cannot be converted is told and left out."""
    known: dict[str, Rating | None] = {}
    for each in model.of("transformer"):
        ends = read_ends(model, each, bus_of)
        phases = phase_numbers(model.phases(each) - {"S"})
        configuration = model.named(each, "configuration", ("transformer_configuration",))
        if ends is None or configuration is None:
            continue
        if not phases:
            said = model.text(each, "phases")
            model.tell(each, f"phases {said}", "at least one phase of A, B, C")
            continue
        if configuration.name not in known:
            known[configuration.name] = read_rating(model, configuration)
        rating = known[configuration.name]
        if rating is None:
            got = f"configuration '{configuration.name}'"
            model.tell(each, got, "one that states a transformer whole")
            continue
        unit = MAKERS[rating.connection](model, each, ends, phases, rating)
        if unit is not None:
            yield unit


def read_rating(model: Model, each: GlmObject) -> Rating | None:
    """Return what a configuration states; None where a figure is missing that nothing can stand for."""
    said = model.text(each, "connect_type").upper()
    if said not in CONNECTIONS:
        expected = f"connect_type of {', '.join(k for k in CONNECTIONS if len(k) > 1)}"
        model.tell(each, f"connect_type '{said}'", expected, key="connect_type")
        return None
    connection = CONNECTIONS[said]
    volts = [model.real(each, f"{end}_voltage", "V") for end in ("primary", "secondary")]
    own = [max(model.real(each, f"power{at}_rating".lower(), "kVA"), 0.0) for at in LETTERS]
    kva = model.real(each, "power_rating", "kVA") or sum(own)
    own = own if any(own) else [kva / 3] * 3
    z = _impedance(model, each, "")
    whole = {"primary_voltage": volts[0], "secondary_voltage": volts[1], "power_rating": kva}
    lacking = [key for key, value in whole.items() if not value > 0]
    legs = [_impedance(model, each, at) for at in "12"]
    loss = model.real(each, "full_load_loss", "pu")
    core = model.real(each, "no_load_loss", "pu")
    shunt = [_shunt(model, each, part) for part in ("resistance", "reactance")]
    if connection == SPLIT and loss > 0 and core > 0:
        ratio = model.real(each, "reactance_resistance_ratio", "1", 4.5)
        z, shunt = complex(loss, ratio * loss), [core, core / ratio]
    if not z:
        lacking.append("impedance")
    if lacking:
        model.tell(each, f"no {', no '.join(lacking)}", "figures above 0")
        return None
    first, second = legs[0] or legs[1], legs[1] or legs[0]
    split = (first, second) if connection == SPLIT and first else None
    phase_kva = (own[0], own[1], own[2])
    return Rating(connection, (volts[0], volts[1]), kva, phase_kva, z, split, shunt[0], shunt[1])


def _impedance(model: Model, each: GlmObject, at: str) -> complex:
    whole = model.number(each, f"impedance{at}", "pu")
    r = model.real(each, f"resistance{at}", "pu", whole.real)
    return complex(r, model.real(each, f"reactance{at}", "pu", whole.imag))


def _shunt(model: Model, each: GlmObject, part: str) -> float:
    """Return what the parallel resistance or reactance of the core draws [1], 0 without; the complex form holds both."""
    whole = model.number(each, "shunt_impedance", "pu")
    stated = whole.real if part == "resistance" else whole.imag
    found = model.real(each, f"shunt_{part}", "pu", stated)
    return 1 / found if 0 < found < ABSENT else 0.0


def _wye_wye(
    model: Model, each: GlmObject, ends: tuple[str, str], phases: tuple[int, ...], rating: Rating
) -> TransformerElement:
    """Return a unit of one winding pair a phase, the core beside the secondary."""
    del model
    count = len(phases)
    ratio = rating.v[0] / rating.v[1]
    base = rating.v[1] ** 2 / (1e3 * rating.kva)
    core = (rating.core_share - 1j * rating.magnetising_share) / base
    turns = np.hstack([np.eye(count) / ratio, -np.eye(count)])
    block = _pairs(turns, 1 / (rating.z * base))
    block[range(count, 2 * count), range(count, 2 * count)] += core
    nodes = tuple((end, phase) for end in ends for phase in phases)
    return _unit(each, rating, (False, False), nodes, block)


def _delta(
    model: Model, each: GlmObject, ends: tuple[str, str], phases: tuple[int, ...], rating: Rating
) -> TransformerElement | None:
    """Return three winding pairs: delta to delta, or delta to a grounded wye that lags where it steps down, leads where up."""
    if phases != (1, 2, 3):
        said = model.text(each, "phases")
        model.tell(each, f"{rating.connection} on phases {said}", "phases A, B and C")
        return None
    ratio = rating.v[0] / rating.v[1]
    base = rating.v[1] ** 2 / (1e3 * rating.kva)
    ab = np.eye(3) - np.roll(np.eye(3), 1, axis=1)  # A to B, B to C, C to A
    both = rating.connection == "DELTA_DELTA"
    if both:
        turns, base = np.hstack([ab / ratio, -ab]), 3 * base
    else:
        high = np.asarray(-np.roll(ab, 1, axis=0) if ratio > 1 else ab)
        turns = np.hstack([high / (ratio * np.sqrt(3)), -np.eye(3)])
    block = _pairs(turns, 1 / (rating.z * base))
    for end in (0, 1) if both else (0,):
        rows = range(3 * end, 3 * end + 3)
        block[rows, rows] += NO_FLOAT * 1e3 * rating.kva / rating.v[end] ** 2
    nodes = tuple((end, phase) for end in ends for phase in phases)
    return _unit(each, rating, (True, both), nodes, block)


def _pairs(turns: Col, y_winding: complex) -> Phasors:
    """Return the admittance over nodes of winding pairs, each with its turns over them, shape (pairs, c) -> (c, c) [S]."""
    return np.asarray(y_winding * (turns.T @ turns), np.complex128)


def _unit(
    each: GlmObject,
    rating: Rating,
    is_delta: tuple[bool, bool],
    nodes: tuple[Node, ...],
    block: Phasors,
) -> TransformerElement:
    """Return a unit of two windings; its shares are such that they make its impedance on the rating of its own phases."""
    count = len(nodes) // 2
    kva = sum(rating.phase_kva[phase - 1] for _, phase in nodes[:count]) or rating.kva
    volts = [v / np.sqrt(3) if count == 1 else v for v in rating.v]
    if rating.connection == "SINGLE_PHASE":
        volts = list(rating.v)
    per_phase = volts[1] ** 2 / (kva if count == 1 else 3 * kva / count)
    scale = rating.v[1] ** 2 / rating.kva / per_phase
    z = rating.z * scale
    windings = tuple(
        Winding(nodes[end * count][0], 1e-3 * volts[end], kva, is_delta[end], z.real / 2)
        for end in (0, 1)
    )
    core = rating.core_share / scale, rating.magnetising_share / scale
    terminals = (*(0 for _ in range(count)), *(1 for _ in range(count)))
    x = (z.imag, np.nan, np.nan)
    return TransformerElement(each.name, count, kva, x, *core, windings, nodes, terminals, block)


def _center_tap(
    model: Model, each: GlmObject, ends: tuple[str, str], phases: tuple[int, ...], rating: Rating
) -> TransformerElement | None:
    """Return a unit from one phase to both legs, the core at their star; one impedance is split over three windings."""
    if len(phases) > 1:
        model.tell(each, f"phases {model.text(each, 'phases')}", "one phase of A, B, C and S")
        return None
    kva = rating.phase_kva[phases[0] - 1]
    if not kva > 0:
        letter = LETTERS[phases[0] - 1]
        model.tell(each, f"no power{letter}_rating", "a rating of its phase above 0")
        return None
    z = rating.z
    high, legs = z, rating.z_legs
    if legs is None:
        high = complex(PRIMARY_R * z.real, PRIMARY_X * z.imag)
        legs = (complex(z.real, LEG_X * z.imag),) * 2
    # per unit a star of three windings, with the core at its middle
    star = np.array([1 / high, 1 / legs[0], 1 / legs[1]])
    core = rating.core_share - 1j * rating.magnetising_share
    whole = np.diag(star) - np.outer(star, star) / (star.sum() + core)
    turns = np.diag([1 / rating.v[0], 1 / rating.v[1], -1 / rating.v[1]])
    block = np.asarray(1e3 * kva * (turns @ whole @ turns), np.complex128)
    nodes = ((ends[0], phases[0]), (ends[1], 1), (ends[1], 2))
    windings = tuple(
        Winding(bus, 1e-3 * v, kva, False, r)
        for bus, v, r in (
            (ends[0], rating.v[0], high.real),
            (ends[1], rating.v[1], legs[0].real),
            (ends[1], rating.v[1], legs[1].real),
        )
    )
    x = (high.imag + legs[0].imag, high.imag + legs[1].imag, legs[0].imag + legs[1].imag)
    shares = rating.core_share, rating.magnetising_share
    return TransformerElement(each.name, 1, kva, x, *shares, windings, nodes, (0, 1, 2), block)


MAKERS = {
    "WYE_WYE": _wye_wye,
    "SINGLE_PHASE": _wye_wye,
    "DELTA_DELTA": _delta,
    "DELTA_GWYE": _delta,
    SPLIT: _center_tap,
}
