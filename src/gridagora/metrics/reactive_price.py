"""P4p, mean price of it (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, agrees_power_factor, given_kvarh


@metric(
    "P4p",
    "mean price of it",
    "$/kvarh",
    "-",
    explanation="What homes were paid for reactive energy over what they gave.",
    family=POWER,
    order=4.4,
    applies=agrees_power_factor,
)
def reactive_price(outcome: Outcome, _: Reference) -> float:
    """What homes were paid over what they gave; nan where they gave nothing."""
    side = outcome.reactive
    if side is None or not side.given_kvar.any():
        return float("nan")
    paid = -(side.given_kvar @ side.price_per_kvarh).sum() * outcome.dt_h
    return float(paid / given_kvarh(side, outcome.dt_h))
