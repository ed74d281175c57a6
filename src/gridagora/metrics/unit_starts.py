"""C3, HVAC starts (theory 8.4)."""

from gridagora.core.device import STARTS
from gridagora.results.metric import COMFORT, Reference, measures, metric
from gridagora.results.outcome import Outcome


@metric(
    "C3",
    "HVAC starts",
    "1/day",
    "down",
    explanation="Starts of heating and cooling units.",
    family=COMFORT,
    order=3,
    applies=measures(STARTS),
)
def unit_starts(outcome: Outcome, _: Reference) -> float:
    """Mean starts of a unit a day."""
    return float(outcome.measures[STARTS].mean() / (len(outcome.start_s) * outcome.dt_h / 24))
