"""D1si, deviation of homes over energy, by the interval (theory 8.5)."""

from gridagora.population.quality import TotalShare
from gridagora.results.home_block import HomeBlock
from gridagora.results.metric import DELIVERY, Reference, home_metric
from gridagora.results.outcome import Outcome


@home_metric(
    "D1si",
    "deviation of homes over energy, by the interval",
    "share",
    "down",
    explanation="Misses of single homes by the interval, over the energy of the homes.",
    family=DELIVERY,
    order=1.3,
    in_brief=False,
)
class DeviationShareInterval:
    """Deviations of all homes, each by itself and interval by interval, over the energy of all."""

    def __init__(self, outcome: Outcome, _: Reference) -> None:
        self._total = TotalShare(outcome.home_kw.shape, outcome.dt_h, 0.0)

    def add(self, block: HomeBlock) -> None:
        """Add the deviations and the energy of some homes."""
        self._total.add(block.home_kw, block.award_kw)

    def value(self) -> float:
        """Return the share; nan without awards."""
        return self._total.value
