"""E5p, average retail price (theory 8.1)."""

from gridagora.core.records import PairwiseSum
from gridagora.results.home_block import HomeBlock
from gridagora.results.metric import VALUE, Reference, home_metric
from gridagora.results.outcome import Outcome


@home_metric(
    "E5p",
    "average retail price",
    "$/kWh",
    "-",
    explanation="All bills, credit for export taken off, over all energy that homes withdraw.",
    family=VALUE,
    order=5.1,
)
class AveragePrice:
    """Bills, credit for export taken off, over energy withdrawn; nan where homes withdraw nothing."""

    def __init__(self, outcome: Outcome, _: Reference) -> None:
        self._outcome = outcome
        self._bought_kw = PairwiseSum(outcome.home_kw.shape[0] * outcome.home_kw.shape[1])

    def add(self, block: HomeBlock) -> None:
        """Add what some homes withdraw."""
        self._bought_kw.add(block.home_kw.clip(min=0))

    def value(self) -> float:
        """Return the price [$/kWh]."""
        bought = self._bought_kw.value * self._outcome.dt_h
        return float(self._outcome.bill_usd.sum() / bought) if bought > 0 else float("nan")
