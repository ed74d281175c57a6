"""The feeder as columns of components; meters hang on pairs of its nodes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.components import (
    GROUND,
    Buses,
    Capacitors,
    Lines,
    LoadRows,
    Meters,
    Nodes,
    Others,
    Phasors,
    Regulators,
    Sources,
    Transformers,
    no_capacitors,
    no_regulators,
    no_transformers,
    stack_blocks,
    tap_of,
    tapped,
)
from gridagora.core.controls import CapacitorControls, no_capacitor_controls
from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.tables import Col, Flag, Index

__all__ = ["GROUND", "Feeder", "Phasors"]

LIVE_PU = 0.5  # a node below this voltage without load is a neutral, not a phase
LINE, TRANSFORMER = "line", "transformer"


def _no_pairs() -> Index:
    return np.zeros((0, 2), np.int64)


def _no_others() -> Others:
    return Others((), (), stack_blocks([]))


@dataclass(frozen=True)
class Feeder:
    """A three-phase network with m nodes, b buses, j meters and k load rows (a meter on several phases has several rows).

    Every component has its own primitive admittance, `gridagora.grid` sums them to one matrix; loads draw beside it,
    each by its own `VoltageDependence`.
    """

    name: str
    buses: Buses
    nodes: Nodes
    sources: Sources
    lines: Lines
    loads: LoadRows
    meters: Meters
    transformers: Transformers = field(default_factory=no_transformers)
    regulators: Regulators = field(default_factory=no_regulators)
    capacitors: Capacitors = field(default_factory=no_capacitors)
    capacitor_controls: CapacitorControls = field(default_factory=no_capacitor_controls)
    others: Others = field(default_factory=_no_others)
    notes: tuple[str, ...] = ()  # what the reader had to assume, one sentence each
    leg_pairs: Index = field(default_factory=_no_pairs)  # (p, 2) meters on the two legs of one home
    shape_share: tuple[Col, ...] = ()  # (h,) each by hour from 1 January or midnight, of the rating

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Branches(NamedTuple):
    """Pairs of neighbouring buses, each once, for walks and drawings."""

    from_bus: Index  # (l,)
    to_bus: Index  # (l,)
    kind: tuple[str, ...]  # (l,) LINE or TRANSFORMER
    kva: Col  # (l,) rating of the transformers between the two together, nan of lines

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def branches(feeder: Feeder) -> Branches:
    """Return the pairs of buses that lines and transformers join, lines first; a transformer joins its first bus to others."""
    found: dict[tuple[int, int], tuple[str, float]] = {}
    for a, b in zip(feeder.lines.from_bus.tolist(), feeder.lines.to_bus.tolist(), strict=True):
        if a >= 0 and b >= 0 and a != b:
            found.setdefault((a, b), (LINE, np.nan))
    for row, start, other in transformer_spans(feeder.transformers):
        kind, before = found.get((start, other), (TRANSFORMER, 0.0))
        kva = float(feeder.transformers.kva[row])
        found[start, other] = kind, before + kva if kind == TRANSFORMER else before
    pairs = np.array(list(found), np.int64).reshape(-1, 2)
    kinds = tuple(kind for kind, _ in found.values())
    return Branches(
        pairs[:, 0].copy(),
        pairs[:, 1].copy(),
        kinds,
        np.array([kva for _, kva in found.values()], np.float64),
    )


def transformer_spans(units: Transformers) -> Iterator[tuple[int, int, int]]:
    """Yield the row of each transformer with its first bus and each other bus that it joins to it; ends not fed are left out."""
    first = np.searchsorted(units.windings.transformer, np.arange(len(units.name) + 1))
    for row in range(len(units.name)):
        start, *others = units.windings.bus[first[row] : first[row + 1]].tolist()
        for other in dict.fromkeys(others):
            if start >= 0 and other >= 0 and other != start:
                yield row, start, other


def source_bus(feeder: Feeder) -> int:
    """Return the bus of the node into which the sources drive most current."""
    node = feeder.sources.blocks.node[int(np.argmax(np.abs(feeder.sources.current_a)))]
    return int(feeder.nodes.bus[node])


def live_nodes(feeder: Feeder) -> Flag:
    """Mask of the nodes that carry phase voltage, shape (m,); neutrals and dead nodes are False."""
    return np.abs(feeder.nodes.v_no_load) > LIVE_PU * feeder.nodes.base_v


def row_share(feeder: Feeder) -> Col:
    """Part of its meter's power that each load row draws, shape (k,) [1]: equal parts, adding up to one per meter."""
    rows = np.bincount(feeder.loads.meter, minlength=len(feeder.meters.name))
    share: Col = 1.0 / rows[feeder.loads.meter]
    return share


def held_taps(feeder: Feeder) -> tuple[str, ...]:
    """Return the taps at which the source of a feeder leaves its regulators, "name tap" each."""
    pairs = zip(feeder.regulators.name, feeder.regulators.tap_number, strict=True)
    return tuple(f"{name} {int(tap)}" for name, tap in pairs)


def still_taps(feeder: Feeder) -> tuple[str, ...]:
    """Return the regulators that stay at one tap in every flow, "name tap" each."""
    own = feeder.regulators
    still = (own.transformer < 0) | (own.at_once == 0)
    return tuple(name for name, stays in zip(held_taps(feeder), still, strict=True) if stays)


def hold_controls(feeder: Feeder) -> Feeder:
    """Return the feeder whose regulators and capacitor banks stay as its source left them."""
    none = np.zeros(len(feeder.regulators.name), np.int64)
    return replace(
        feeder,
        regulators=feeder.regulators._replace(at_once=none),
        capacitor_controls=no_capacitor_controls(),
    )


def moving_units(feeder: Feeder) -> Index:
    """Return the rows of transformers whose taps a regulator moves, (u,)."""
    own = feeder.regulators
    return np.unique(own.transformer[(own.transformer >= 0) & (own.at_once > 0)])


def hold_taps(feeder: Feeder, taps: Mapping[str, int]) -> Feeder:
    """Return the feeder with regulators at other taps, by name and number of steps from the middle.

    Raises
    ------
    InputError
        A regulator that the feeder has not, or a tap beyond its range: all at once.
    """
    regulators, units, problems = feeder.regulators, feeder.transformers, list[Problem]()
    number = regulators.tap_number.copy()
    for name, tap in taps.items():
        if name not in regulators.name:
            hint = nearest(name, list(regulators.name))
            problems.append(Problem(f"taps.{name}", f"'{name}'", "the name of a regulator", hint))
            continue
        at = regulators.name.index(name)
        row, winding = int(regulators.transformer[at]), int(regulators.winding[at])
        own = np.flatnonzero(units.windings.transformer == row)
        if row < 0 or winding >= len(own):
            problems.append(
                Problem(f"taps.{name}", f"tap {tap}", "a regulator whose transformer is fed")
            )
            continue
        most = int(units.windings.tap_steps[own[winding]]) // 2
        if abs(tap) > most:
            problems.append(Problem(f"taps.{name}", f"tap {tap}", f"a tap of -{most} to {most}"))
            continue
        number[at] = tap
        units = tapped(units, row, winding, tap_of(units.windings, int(own[winding]), tap))
    if problems:
        raise InputError(problems)
    return replace(feeder, transformers=units, regulators=regulators._replace(tap_number=number))
