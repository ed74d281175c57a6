"""P6, PV self-consumption (theory 8.2)."""

import numpy as np

from gridagora.core.records import PairwiseSum
from gridagora.results.home_block import HomeBlock
from gridagora.results.metric import POWER, Reference, home_metric
from gridagora.results.outcome import Outcome, has_renewables


@home_metric(
    "P6",
    "PV self-consumption",
    "share",
    "up",
    explanation="Share of solar output used behind the meter of its own home.",
    family=POWER,
    order=6,
    applies=has_renewables,
)
class SelfConsumption:
    """Share of PV output used behind the home's own meter."""

    def __init__(self, outcome: Outcome, _: Reference) -> None:
        self._made_kw = -sum(outcome.device_kw[kind].sum() for kind in outcome.available_kw)
        self._exported_kw = PairwiseSum(outcome.home_kw.shape[0] * outcome.home_kw.shape[1])

    def add(self, block: HomeBlock) -> None:
        """Add what panels of some homes sent past the meter."""
        self._exported_kw.add(np.minimum(block.available_kw, (-block.home_kw).clip(min=0)))

    def value(self) -> float:
        """Return the share; nan without PV."""
        made = self._made_kw
        return float(1 - self._exported_kw.value / made) if made > 0 else float("nan")
