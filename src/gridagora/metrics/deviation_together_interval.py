"""D1ti, deviation of all homes together over energy, by the interval (theory 8.5)."""

from gridagora.population.quality import together, total_share
from gridagora.results.metric import DELIVERY, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "D1ti",
    "deviation of all homes together over energy, by the interval",
    "share",
    "down",
    explanation=(
        "Miss of the sum of all homes by the interval, over their energy. Misses of different homes cancel."
    ),
    family=DELIVERY,
    order=1.5,
    in_brief=False,
)
def deviation_together_interval(outcome: Outcome, _: Reference) -> float:
    """Deviation of the sum of all homes interval by interval, over its energy."""
    return total_share(*together(outcome.home_kw, outcome.award_kw), outcome.dt_h, 0.0)
