"""Layers of a feeder: which service transformer feeds a meter, which zone holds the transformer."""

from collections import deque
from typing import NamedTuple

import numpy as np

from gridagora.core.feeder import TRANSFORMER, Branches, Feeder, branches, source_bus
from gridagora.core.place import Level, Places, places
from gridagora.core.tables import Col, Index

LOW_VOLTAGE_V = 1000.0  # IEC 60038: low voltage ends here
UNSEEN = -2


class Layers(NamedTuple):
    """Places of a feeder from the service transformers up; the feeder is the last row.

    A meter that no service transformer feeds stands at a place of its own bus, without a rating.
    """

    tree: Places
    meter_place: Index  # (j,) place that feeds each meter
    rating_kva: Col  # (m,) of a transformer, nan elsewhere


def layers(feeder: Feeder, zones: int = 0) -> Layers:
    """Return the layers of a feeder.

    Parameters
    ----------
    zones
        Parts of neighbouring transformers with about the same number of meters each, 0 or 1 for no zones; never more than
        there are transformers.

    Raises
    ------
    ValueError
        A negative number of zones.
    """
    if zones < 0:
        raise ValueError(f"layers: {zones} zones, expected none or more")
    lines = branches(feeder)
    order, up = _walk(feeder, lines)
    fed_by = _fed_by(feeder, lines, order, up)
    rank = np.empty(len(feeder.buses.name), np.int64)
    rank[order] = np.arange(len(order))
    head, place = np.unique(
        rank[fed_by[feeder.meters.bus]], return_inverse=True
    )  # places in the order of a walk
    buses = order[head]
    count, parts = len(buses), min(zones, len(buses)) if zones > 1 else 0
    through = np.bincount(place, minlength=count)
    middle = (np.cumsum(through) - through / 2) / through.sum()
    cut = np.minimum((middle * parts).astype(np.int64), max(parts - 1, 0))
    _, zone = np.unique(
        cut, return_inverse=True
    )  # a zone that no transformer falls into is not made
    parts = int(zone.max()) + 1 if parts else 0
    top = count + parts
    parent = np.concatenate(
        [count + zone if parts else np.full(count, top), np.full(parts, top), [-1]]
    )
    level = [Level.TRANSFORMER] * count + [Level.ZONE] * parts + [Level.FEEDER]
    names = [
        *(feeder.buses.name[b] for b in buses),
        *(f"zone {z + 1}" for z in range(parts)),
        feeder.name,
    ]
    kva = np.full(top + 1, np.nan)
    kva[:count] = [_rating(lines, int(up[b])) for b in buses]
    return Layers(places(names, np.array(level), parent), place, kva)


def _walk(feeder: Feeder, lines: Branches) -> tuple[Index, Index]:
    """Return the buses in the order of a depth-first walk from the source, and the line that feeds each, -1 at the source."""
    count = len(feeder.buses.name)
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for line, (a, b) in enumerate(zip(lines.from_bus, lines.to_bus, strict=True)):
        neighbours[a].append((int(b), line))
        neighbours[b].append((int(a), line))
    up = np.full(count, UNSEEN)
    order = []
    for start in [
        source_bus(feeder),
        *range(count),
    ]:  # a bus that no line reaches is walked on its own
        ahead = deque([(start, -1)])
        while ahead:
            bus, line = ahead.pop()
            if up[bus] != UNSEEN:
                continue
            up[bus] = line
            order.append(bus)
            ahead.extend(pair for pair in reversed(neighbours[bus]) if up[pair[0]] == UNSEEN)
    return np.array(order), up


def _fed_by(feeder: Feeder, lines: Branches, order: Index, up: Index) -> Index:
    """Return for every bus the low side of the nearest service transformer above it, itself where there is none.

    Transformers and regulators between medium voltages are no service transformers.
    """
    found = np.full(len(order), -1)
    low = np.full(len(order), np.inf)
    np.minimum.at(low, feeder.nodes.bus, feeder.nodes.base_v)
    for bus in order:
        line = int(up[bus])
        if line < 0:
            continue
        above = int(lines.from_bus[line] + lines.to_bus[line] - bus)
        service = lines.kind[line] == TRANSFORMER and low[bus] < LOW_VOLTAGE_V
        found[bus] = bus if service else found[above]
    return np.where(found < 0, np.arange(len(found)), found)


def _rating(lines: Branches, line: int) -> float:
    return float(lines.kva[line]) if line >= 0 else np.nan
