"""I2, numbers disclosed about one home (theory 8.6)."""

from gridagora.results.metric import INFORMATION, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "I2",
    "numbers disclosed about one home",
    "count",
    "down",
    explanation="Numbers about one home that leave the home.",
    family=INFORMATION,
    order=2,
)
def disclosed(outcome: Outcome, _: Reference) -> float:
    """Numbers about one home that it sent."""
    return float(outcome.exchange.disclosed)
