"""What a run keeps of its power flow beside voltages of homes: loading, ageing and unbalance, gathered while it is solved."""

from typing import NamedTuple

import numpy as np

from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.core.tables import Col
from gridagora.grid.ageing import AgeingFold
from gridagora.grid.head_currents import feeder_head, head_currents
from gridagora.grid.loading import LoadingFold, ratings
from gridagora.grid.unbalance import UnbalanceFold, phase_triples
from gridagora.results.loading import BranchLoading
from gridagora.results.supply_quality import VoltageUnbalance, periods_of
from gridagora.results.transformer_ageing import TransformerAgeing


class FlowFigures(NamedTuple):
    """Fields of a `NetworkResult`, by their names there."""

    loading: BranchLoading | None
    ageing: TransformerAgeing | None
    unbalance: VoltageUnbalance | None
    head_a: Col | None  # (t, 3) [A]


class FlowFolds:
    """The figures of a flow of t steps, which come in their order, some at a time.

    Parameters
    ----------
    feeder
        The network; what it has not is not kept: ratings, transformers, buses of three phases, a source of three.
    steps, dt_h
        How many steps the run has, and how long one is [h].
    outdoor_c
        Of the air in them, shape (t,) [degC]; left out: no transformer ages.
    """

    def __init__(self, feeder: Feeder, steps: int, dt_h: float, outdoor_c: Col | None) -> None:
        rated, triples = ratings(feeder), phase_triples(feeder)
        self._loading = None if rated is None else LoadingFold(rated, steps)
        ages = rated is not None and rated.lines < len(rated.rating)
        self._ageing = (
            AgeingFold(rated, outdoor_c, dt_h)
            if rated is not None and ages and outdoor_c is not None
            else None
        )
        self._balance = UnbalanceFold(triples, periods_of(dt_h)) if len(triples.bus) else None
        self._head = feeder_head(feeder)
        self._entering = list[Col]()

    def add(self, flow: Flow) -> None:
        """Add some steps."""
        if self._balance is not None:
            self._balance.add(flow)
        if self._loading is not None:
            share = self._loading.add(flow)
            if self._ageing is not None:
                self._ageing.add(flow, share)
        if self._head is not None:
            self._entering.append(head_currents(self._head, flow.v))

    def found(self) -> FlowFigures:
        """Return what was found."""
        return FlowFigures(
            None if self._loading is None else self._loading.found(),
            None if self._ageing is None else self._ageing.found(),
            None if self._balance is None else self._balance.found(),
            None if self._head is None else np.concatenate(self._entering),
        )
