"""How unbalanced voltages are at buses of three phases: negative over positive sequence, in the means of ten minutes.

With `a` a turn of 120 degrees, `V1 = (Va + a Vb + a^2 Vc) / 3` and `V2 = (Va + a^2 Vb + a Vc) / 3` (C. L. Fortescue, Method of
symmetrical co-ordinates, Trans. AIEE 37, 1918, doi:10.1109/T-AIEE.1918.4765570); the unbalance is `|V2| / |V1|` and the mean of
some of it the root of the mean square (IEC 61000-4-30:2015, 4.5 and 5.7). What the three voltages share, such as that of a
neutral, is in neither.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.feeder import LIVE_PU, Feeder
from gridagora.core.flow import Flow
from gridagora.core.tables import Col, Index
from gridagora.grid.phases import LETTERS, OF_NAME
from gridagora.results.supply_quality import Periods, VoltageUnbalance, exceeded_by_few

TURN = np.exp(2j * np.pi / 3)
THREE_PHASE = (
    0.25  # without load: a bus whose sequences are nearer has lost a phase, or never had three
)


class PhaseTriples(NamedTuple):
    """The phases of k buses of three, in the order in which they turn."""

    bus: Index  # (k,)
    node: Index  # (k, 3)


def phase_triples(feeder: Feeder) -> PhaseTriples:
    """Return the buses whose nodes A, B and C are three phases without load; none where a feeder has no such bus.

    Where a source turns A, C, B, that is the order of its phases: a motor there turns the other way, unharmed.
    """
    nodes = feeder.nodes
    letter = [OF_NAME.get(name.rpartition(".")[2].lower(), "") for name in nodes.name]
    held = np.full((len(feeder.buses.name), len(LETTERS)), -1)
    known = np.array([row for row, each in enumerate(letter) if each], np.int64)
    held[nodes.bus[known], [LETTERS.index(letter[row]) for row in known]] = known
    bus = np.flatnonzero((held >= 0).all(1))
    node = held[bus]
    forward, back = sequences(nodes.v_no_load[node])
    turned = back > forward
    node[turned] = node[turned][:, [0, 2, 1]]
    first, second = np.maximum(forward, back), np.minimum(forward, back)
    whole = (first > LIVE_PU * nodes.base_v[node].mean(1)) & (second < THREE_PHASE * first)
    return PhaseTriples(bus[whole], node[whole])


def sequences(v: Phasors) -> tuple[Col, Col]:
    """Return positive and negative sequence of voltages (..., 3) [V], by size, shape (...) each [V]."""
    a, b, c = v[..., 0], v[..., 1], v[..., 2]
    positive = np.abs(a + TURN * b + TURN.conjugate() * c) / 3
    negative = np.abs(a + TURN.conjugate() * b + TURN * c) / 3
    return positive, negative


class UnbalanceFold:
    """The unbalance of a run at k buses while it is solved; steps come in their order, some at a time.

    Only the means of the week at hand are held.

    Parameters
    ----------
    triples
        Buses of three phases.
    periods
        Steps of a mean and means of a week.
    """

    def __init__(self, triples: PhaseTriples, periods: Periods) -> None:
        self._triples, self._periods = triples, periods
        count = len(triples.bus)
        self._square, self._steps = np.zeros(count), 0
        self._week = list[Col]()
        self._seen = 0
        self._kept, self._most = np.full(count, np.nan), np.full(count, np.nan)

    def add(self, flow: Flow) -> None:
        """Add the voltages of some steps; a mean of which a step did not converge is left out."""
        positive, negative = sequences(flow.v[:, self._triples.node])
        for square in (negative / positive) ** 2:
            self._square = self._square + square
            self._steps += 1
            if self._steps == self._periods.steps:
                self._end_mean()

    def found(self) -> VoltageUnbalance:
        """Return what was found; the means at hand count as a week of their own, an unfinished mean does not count."""
        kept = self._kept
        if self._week:
            kept = np.fmax(kept, exceeded_by_few(np.array(self._week)))
        return VoltageUnbalance(self._triples.bus, kept, self._most)

    def _end_mean(self) -> None:
        mean = np.sqrt(self._square / self._steps)
        self._square, self._steps = np.zeros(len(mean)), 0
        self._seen += 1
        if np.isfinite(mean).all():
            self._week.append(mean)
            self._most = np.fmax(self._most, mean)
        if self._seen == self._periods.means:
            if self._week:
                self._kept = np.fmax(self._kept, exceeded_by_few(np.array(self._week)))
            self._week, self._seen = [], 0
