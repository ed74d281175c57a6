"""Where things are: a tree of places from the home to the area. Sums up the tree equal the flat sum, exactly."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import UW_PER_KW, quanta_uw
from gridagora.core.tables import Col, Index


class Level(IntEnum):
    """Kind of place, from the meter upwards."""

    HOME = 0
    TRANSFORMER = 1
    ZONE = 2
    FEEDER = 3
    AREA = 4


class Places(NamedTuple):
    """A forest of m places; `parent` is a row, -1 at a root."""

    name: tuple[str, ...]
    level: Index  # (m,) a `Level`
    parent: Index  # (m,)


def places(
    name: Sequence[str], level: Sequence[int] | Index, parent: Sequence[int] | Index
) -> Places:
    """Return a checked tree of m places, (m,) each.

    Raises
    ------
    PartError
        A parent that does not exist or is not of a higher level; the message names the place. Levels rise, so no cycle can be.
    """
    levels, parents = np.asarray(level, dtype=np.int64), np.asarray(parent, dtype=np.int64)
    for row, (up, here) in enumerate(zip(parents, levels, strict=True)):
        if not -1 <= up < len(name):
            raise PartError(
                f"place '{name[row]}': parent {up} does not exist, expected a row of 0 to {len(name) - 1} or -1"
            )
        if up >= 0 and levels[up] <= here:
            ends = f"got parent '{name[up]}' ({Level(levels[up]).name}), expected a higher place"
            raise PartError(f"place '{name[row]}' ({Level(here).name}): {ends}")
    return Places(tuple(name), levels, parents)


def depth(tree: Places) -> Index:
    """Return how many places stand above each, shape (m,), 0 at a root."""
    above, count = tree.parent.copy(), np.zeros(len(tree.name), dtype=np.int64)
    while (above >= 0).any():
        count += above >= 0
        above = np.where(above >= 0, tree.parent[above], -1)
    return count


def lift_kw(tree: Places, place: Index, p_kw: Col) -> Col:
    """Return the power of every place: its own rows and all below it.

    Parameters
    ----------
    place
        Place of each row, shape (n,).
    p_kw
        Power of each row, shape (n, ...) [kW].

    Returns
    -------
    Col
        Shape (m, ...) [kW], summed in whole micro-watts.
    """
    quanta = quanta_uw(p_kw)
    total = np.zeros((len(tree.name), *quanta.shape[1:]), dtype=np.int64)
    np.add.at(total, np.asarray(place), quanta)
    for (
        level
    ) in Level:  # a parent is of a higher level, so each level is whole before it is handed up
        rows = np.flatnonzero((tree.level == level) & (tree.parent >= 0))
        np.add.at(total, tree.parent[rows], total[rows])
    return total / UW_PER_KW


def ancestor(tree: Places, level: Level) -> Index:
    """Return for every place the place of the given level at or above it, shape (m,), -1 where there is none."""
    found = np.where(tree.level == level, np.arange(len(tree.name)), -1)
    above = tree.parent.copy()
    while (above >= 0).any():
        hit = (found < 0) & (above >= 0) & (tree.level[above] == level)
        found = np.where(hit, above, found)
        above = np.where(above >= 0, tree.parent[above], -1)
    return found
