"""D1si, deviation of homes over energy, by the interval (theory 8.5)."""

from gridagora.population.quality import total_share
from gridagora.results.metric import DELIVERY, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "D1si",
    "deviation of homes over energy, by the interval",
    "share",
    "down",
    explanation="Misses of single homes by the interval, over the energy of the homes.",
    family=DELIVERY,
    order=1.3,
    in_brief=False,
)
def deviation_share_interval(outcome: Outcome, _: Reference) -> float:
    """Deviations of all homes, each by itself and interval by interval, over the energy of all."""
    return total_share(outcome.home_kw, outcome.award_kw, outcome.dt_h, 0.0)
