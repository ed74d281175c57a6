"""P4h, reactive energy bought from homes (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, bought_kvarh, buys_reactive


@metric(
    "P4h",
    "reactive energy bought from homes",
    "kvarh",
    "-",
    explanation=(
        "Reactive energy that inverters of homes gave for money: to keep the agreed power factor, or at what it is worth at "
        "every meter."
    ),
    family=POWER,
    order=4.3,
    applies=buys_reactive,
)
def reactive_bought(outcome: Outcome, _: Reference) -> float:
    """Reactive energy that homes gave for money."""
    return bought_kvarh(outcome)
