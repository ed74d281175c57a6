"""P5, energy over the limit (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, over_limit_kwh


@metric(
    "P5",
    "energy over the limit",
    "kWh",
    "down",
    explanation="Energy beyond the limit of the substation, of import and of export.",
    family=POWER,
    order=5,
)
def over_limit(outcome: Outcome, _: Reference) -> float:
    """Energy beyond the substation limit, of import and of export."""
    return over_limit_kwh(outcome)
