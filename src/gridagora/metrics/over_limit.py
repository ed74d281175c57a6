"""P5, energy over the limit (theory 8.2)."""

from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome, over_limit_kwh


@metric(
    "P5",
    "energy over the limit",
    "kWh",
    "down",
    explanation="Energy beyond the limit of the substation, of import and of export.",
    family=POWER,
    order=5,
)
def over_limit(outcome: Outcome, _: Yardstick) -> float:
    """Energy beyond the substation limit, of import and of export."""
    return over_limit_kwh(outcome)
