"""D1s, deviation of homes over energy, by the hour (theory 8.5)."""

from gridagora.population.quality import HOUR_H, total_share
from gridagora.results.metric import DELIVERY, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "D1s",
    "deviation of homes over energy, by the hour",
    "share",
    "down",
    explanation="Misses of single homes on the mean of each hour, over the energy of the homes.",
    family=DELIVERY,
    order=1.2,
    short_name="missed awards, home by home, by the hour",
)
def deviation_share_hour(outcome: Outcome, _: Reference) -> float:
    """Deviations of all homes, each by itself on the mean of each hour, over the energy of all."""
    return total_share(outcome.home_kw, outcome.award_kw, outcome.dt_h, HOUR_H)
