"""E1, social welfare (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome, welfare_usd


@metric(
    "E1",
    "social welfare",
    "$",
    "up",
    explanation=(
        "What all parties together gain: utility less resource cost. Payments between parties cancel out."
    ),
    family=VALUE,
    order=1,
)
def social_welfare(outcome: Outcome, _: Reference) -> float:
    """Welfare of all parties together."""
    return welfare_usd(outcome)
