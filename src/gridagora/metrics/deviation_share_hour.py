"""D1s, deviation of homes over energy, by the hour (theory 8.5)."""

from gridagora.population.quality import HOUR_H, TotalShare
from gridagora.results.home_block import HomeBlock
from gridagora.results.metric import DELIVERY, Reference, home_metric
from gridagora.results.outcome import Outcome


@home_metric(
    "D1s",
    "deviation of homes over energy, by the hour",
    "share",
    "down",
    explanation="Misses of single homes on the mean of each hour, over the energy of the homes.",
    family=DELIVERY,
    order=1.2,
    short_name="missed awards, home by home, by the hour",
)
class DeviationShareHour:
    """Deviations of all homes, each by itself on the mean of each hour, over the energy of all."""

    def __init__(self, outcome: Outcome, _: Reference) -> None:
        self._total = TotalShare(outcome.home_kw.shape, outcome.dt_h, HOUR_H)

    def add(self, block: HomeBlock) -> None:
        """Add the deviations and the energy of some homes."""
        self._total.add(block.home_kw, block.award_kw)

    def value(self) -> float:
        """Return the share; nan without awards."""
        return self._total.value
