"""P4h, reactive energy bought from homes (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, agrees_power_factor, given_kvarh


@metric(
    "P4h",
    "reactive energy bought from homes",
    "kvarh",
    "-",
    explanation="Reactive energy that inverters of homes gave for money, to keep the agreed power factor.",
    family=POWER,
    order=4.3,
    applies=agrees_power_factor,
)
def reactive_bought(outcome: Outcome, _: Reference) -> float:
    """Reactive energy that homes gave for money."""
    side = outcome.reactive
    return float("nan") if side is None else given_kvarh(side, outcome.dt_h)
