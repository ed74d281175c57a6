"""P4p, mean price of it (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, bought_kvarh, buys_reactive, paid_for_reactive_usd


@metric(
    "P4p",
    "mean price of it",
    "$/kvarh",
    "-",
    explanation="What homes were paid for reactive energy over what they gave.",
    family=POWER,
    order=4.4,
    applies=buys_reactive,
)
def reactive_price(outcome: Outcome, _: Reference) -> float:
    """What homes were paid over what they gave; nan where they gave nothing."""
    given = bought_kvarh(outcome)
    return paid_for_reactive_usd(outcome) / given if given > 0 else float("nan")
