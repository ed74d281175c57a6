"""C3, HVAC starts (theory 8.4)."""

from gridagora.results.metric import COMFORT, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "C3",
    "HVAC starts",
    "1/day",
    "down",
    explanation="Starts of heating and cooling units.",
    family=COMFORT,
    order=3,
)
def hvac_starts(outcome: Outcome, _: Reference) -> float:
    """Mean starts of a unit a day."""
    return float(outcome.felt["hvac_starts"].mean() / (len(outcome.start_s) * outcome.dt_h / 24))
