"""I2b, bits disclosed in the leanest form (theory 8.6)."""

from gridagora.results.metric import INFORMATION, Reference, metric
from gridagora.results.outcome import Outcome

DAY_H = 24


@metric(
    "I2b",
    "disclosed in the leanest form",
    "bit/home/day",
    "down",
    explanation=(
        "What a home would send about itself at a stated precision: once, then what changed; an offer once to all."
    ),
    family=INFORMATION,
    order=2.1,
)
def disclosed_bits(outcome: Outcome, _: Reference) -> float:
    """Bits that a mean home would send about itself a day, if no format repeated what the receiver knows."""
    days = len(outcome.start_s) * outcome.dt_h / DAY_H
    return outcome.exchange.lean_bits / days
