"""D1i, deviation of a home from its awards, by the interval (theory 8.5)."""

from gridagora.population.quality import mean_deviation_kw
from gridagora.results.metric import DELIVERY, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "D1i",
    "deviation of a home from its awards, by the interval",
    "kW",
    "down",
    explanation=(
        "Power that a home took beyond or below its award, by the interval. A unit that is on "
        "or off misses a five-minute award of half its power whatever it does."
    ),
    family=DELIVERY,
    order=1.1,
    in_brief=False,
)
def deviation_interval(outcome: Outcome, _: Reference) -> float:
    """Mean deviation of a home, interval by interval."""
    return mean_deviation_kw(outcome.home_kw, outcome.award_kw, outcome.dt_h, 0.0)
