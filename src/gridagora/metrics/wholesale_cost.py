"""E3, wholesale purchase cost (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E3",
    "wholesale purchase cost",
    "$",
    "down",
    explanation="What the feeder's energy costs at the wholesale price.",
    family=VALUE,
    order=3,
)
def wholesale_cost(outcome: Outcome, _: Reference) -> float:
    """Energy bought at the substation times the real-time wholesale price."""
    return float((outcome.load_kw * outcome.wholesale_per_kwh).sum() * outcome.dt_h)
