"""C3, HVAC starts (theory 8.4)."""

from gridagora.core.measure import COMFORT, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "C3",
    "HVAC starts",
    "1/day",
    "down",
    explanation="Starts of heating and cooling units.",
    family=COMFORT,
    order=3,
)
def hvac_starts(outcome: Outcome, _: Yardstick) -> float:
    """Mean starts of a unit a day."""
    return float(outcome.felt["hvac_starts"].mean() / (len(outcome.start_s) * outcome.dt_h / 24))
