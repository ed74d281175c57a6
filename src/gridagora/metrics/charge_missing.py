"""C2e, EV charge missing at departure (theory 8.4)."""

from gridagora.core.device import CHARGE_KWH
from gridagora.results.metric import COMFORT, Reference, measures, metric
from gridagora.results.outcome import Outcome


@metric(
    "C2e",
    "EV charge missing at departure",
    "kWh",
    "down",
    explanation="Energy missing in vehicles when they leave.",
    family=COMFORT,
    order=2.1,
    applies=measures(CHARGE_KWH),
)
def charge_missing(outcome: Outcome, _: Reference) -> float:
    """Charge missing in the cars of all homes."""
    return float(outcome.measures[CHARGE_KWH].sum())
