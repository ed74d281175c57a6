"""What a pandapower network is made of, element by element, before it is columns."""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import NO_BUS, Phasors, PrimitiveBlocks, stack_blocks
from gridagora.core.tables import Flag, Index
from gridagora.sources.pandapower.sequences import PHASES


class JoinedPhases(NamedTuple):
    """k elements with two ends over the three phases of each; an end that stands open is NO_BUS and without admittance."""

    row: Index  # (k,) in its table
    ends: Index  # (k, 2) buses
    y: tuple[Phasors, ...]  # (6, 6) of each, or (3, 3) of one whose other end stands open [S]


def stack_branches(branches: JoinedPhases, place: Index) -> PrimitiveBlocks:
    """Return the blocks of branches over the nodes; `place` (g,) is the row of each bus among those that are fed."""
    return stack_blocks(
        [
            (nodes_of(ends[ends != NO_BUS], place), terminals_of(ends), y)
            for ends, y in zip(branches.ends, branches.y, strict=True)
        ]
    )


def nodes_of(buses: Index, place: Index) -> Index:
    """Return the rows of the three nodes of each of e buses, shape (3 e,)."""
    return np.asarray(PHASES * np.repeat(place[buses], PHASES) + np.tile(range(PHASES), len(buses)))


def terminals_of(ends: Index) -> Index:
    """Return the end that each conductor of a branch belongs to, shape (c,); `ends` (2,) are its buses, NO_BUS of an open one."""
    return np.repeat(np.flatnonzero(ends != NO_BUS), PHASES)


def keep_fed_branches(parts: JoinedPhases, live: Flag) -> JoinedPhases:
    """Return the branches whose ends are fed; `live` (g,) is True of the buses that are."""
    rows = [at for at, ends in enumerate(parts.ends) if live[ends[ends != NO_BUS]].all()]
    at = np.array(rows, np.int64)
    return JoinedPhases(parts.row[at], parts.ends[at], tuple(parts.y[row] for row in rows))
