"""What flows into a feeder by phase: the current of its source into the three phases of the bus that feeds it."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from gridagora.core.components import Phasors
from gridagora.core.feeder import Feeder, source_bus
from gridagora.core.tables import Col, Index
from gridagora.grid.admittance import injected, sum_blocks
from gridagora.grid.unbalance import phase_triples


class FeederHead(NamedTuple):
    """The three phases of the bus that feeds a feeder, and the source there as a Norton equivalent."""

    node: Index  # (3,)
    source_i: Phasors  # (3,) [A]
    source_y: csr_array  # (3, m) [S]


def feeder_head(feeder: Feeder) -> FeederHead | None:
    """Return the head of a feeder; None where the bus of its source has not three phases."""
    triples, bus = phase_triples(feeder), source_bus(feeder)
    rows = np.flatnonzero(triples.bus == bus)
    if not rows.size:
        return None
    node, m = triples.node[rows[0]], len(feeder.nodes.name)
    y = csr_array(sum_blocks([feeder.sources.blocks], m))
    return FeederHead(node, injected(feeder.sources, m)[node], y[node])


def head_currents(head: FeederHead, v: Phasors) -> Col:
    """Return the current into each phase at voltages (t, m) [V], shape (t, 3) [A], by size."""
    held: Phasors = np.asarray((head.source_y @ v.T).T)
    return np.asarray(np.abs(head.source_i - held))
