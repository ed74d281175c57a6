"""D1, deviation of a home from its awards, by the hour (theory 8.5)."""

from gridagora.population.quality import HOUR_H, mean_deviation_kw
from gridagora.results.metric import DELIVERY, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "D1",
    "deviation of a home from its awards, by the hour",
    "kW",
    "down",
    explanation=(
        "Power that a home took beyond or below its award, on the mean of each hour; too much and too little within it cancel."
    ),
    family=DELIVERY,
    order=1,
    in_brief=False,
)
def deviation_hour(outcome: Outcome, _: Reference) -> float:
    """Mean deviation of a home, on the mean of each hour."""
    return mean_deviation_kw(outcome.home_kw, outcome.award_kw, outcome.dt_h, HOUR_H)
