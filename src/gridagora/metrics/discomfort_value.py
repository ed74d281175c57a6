"""C1v, value of discomfort (theory 8.4)."""

from gridagora.core.device import DISCOMFORT_K_H
from gridagora.results.metric import COMFORT, Reference, measures, metric
from gridagora.results.outcome import Outcome


@metric(
    "C1v",
    "value of discomfort",
    "$/home",
    "down",
    explanation="What that discomfort is worth to the household, in dollars.",
    family=COMFORT,
    order=1.1,
    applies=measures(DISCOMFORT_K_H),
)
def discomfort_value(outcome: Outcome, _: Reference) -> float:
    """Mean worth of the discomfort of a home."""
    return float(outcome.device_usd["comfort"].mean())
