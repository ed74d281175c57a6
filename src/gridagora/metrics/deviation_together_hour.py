"""D1t, deviation of all homes together over energy, by the hour (theory 8.5)."""

from gridagora.population.quality import HOUR_H, together, total_share
from gridagora.results.metric import DELIVERY, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "D1t",
    "deviation of all homes together over energy, by the hour",
    "share",
    "down",
    explanation=(
        "Miss of the sum of all homes on the mean of each hour, over their energy: what the "
        "feeder sees. Misses of different homes cancel."
    ),
    family=DELIVERY,
    order=1.4,
    short_name="missed awards, all homes together",
)
def deviation_together_hour(outcome: Outcome, _: Reference) -> float:
    """Deviation of the sum of all homes on the mean of each hour, over its energy."""
    return total_share(*together(outcome.home_kw, outcome.award_kw), outcome.dt_h, HOUR_H)
