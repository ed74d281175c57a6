"""The rating of what all power of a feeder passes: the weakest line or transformer between its source and the first fork."""

from typing import NamedTuple

import numpy as np

from gridagora.core.feeder import Feeder, source_bus, transformer_spans
from gridagora.core.tables import Flag

VA_PER_KVA = 1e3


class HeadRating(NamedTuple):
    """A rating [kVA], whose it is, and the power factor of the rated loads behind it."""

    name: str
    kva: float
    power_factor: float


class Span(NamedTuple):
    """A line or transformer between two buses."""

    name: str
    from_bus: int
    to_bus: int
    kva: float  # nan where unknown


def find_head_rating(feeder: Feeder, transformer_pu: float = 1.0) -> HeadRating | None:
    """Return the smallest known rating on the way from the source to the first fork or meter; None where none is known.

    Transformers count `transformer_pu` times their nameplate. Spans side by side between two buses carry together what their
    ratings add up to; one of them unknown leaves the sum unknown.
    """
    spans = [*_lines(feeder), *_transformers(feeder, transformer_pu)]
    metered = np.zeros(len(feeder.buses.name), np.bool_)
    metered[feeder.meters.bus] = True
    found: HeadRating | None = None
    for name, kva in _walk(spans, source_bus(feeder), metered):
        if np.isfinite(kva) and kva > 0 and (found is None or kva < found.kva):
            found = HeadRating(name, kva, _power_factor(feeder))
    return found


def _walk(spans: list[Span], bus: int, metered: Flag) -> list[tuple[str, float]]:
    """Return name and rating of each stretch from a bus on that all power passes."""
    passed, seen = [], {bus}
    while not metered[bus]:
        ahead: dict[int, list[Span]] = {}
        for span in spans:
            if bus in (span.from_bus, span.to_bus):
                other = span.to_bus if span.from_bus == bus else span.from_bus
                if other not in seen:
                    ahead.setdefault(other, []).append(span)
        if len(ahead) != 1:
            break
        ((bus, side_by_side),) = ahead.items()
        seen.add(bus)
        names = " and ".join(span.name for span in side_by_side)
        passed.append((names, float(sum(span.kva for span in side_by_side))))
    return passed


def _lines(feeder: Feeder) -> list[Span]:
    lines, volts = feeder.lines, feeder.buses.base_v
    kva = lines.phases * lines.rating_a * volts[lines.from_bus] / VA_PER_KVA
    rows = zip(lines.name, lines.from_bus, lines.to_bus, kva, strict=True)
    return [
        Span(f"line {name}", int(a), int(b), float(s) if s > 0 else np.nan)
        for name, a, b, s in rows
        if a >= 0 and b >= 0 and a != b
    ]


def _transformers(feeder: Feeder, transformer_pu: float) -> list[Span]:
    units = feeder.transformers
    return [
        Span(f"transformer {units.name[row]}", start, other, transformer_pu * float(units.kva[row]))
        for row, start, other in transformer_spans(units)
    ]


def _power_factor(feeder: Feeder) -> float:
    """Return the power factor of all rated loads together; 1 where there is none."""
    p, q = float(feeder.loads.p_kw.sum()), float(feeder.loads.q_kvar.sum())
    return abs(p) / float(np.hypot(p, q)) if p else 1.0
