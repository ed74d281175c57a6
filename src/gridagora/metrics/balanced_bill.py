"""E5b, mean bill with the budget balanced (theory 8.1, 9.5)."""

from gridagora.results.gain import balanced_bill_usd
from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E5b",
    "mean bill, budget balanced",
    "$/home",
    "down",
    explanation=(
        "What homes would pay if the margin of the operator went back to them in equal parts: what their energy and wires cost."
    ),
    family=VALUE,
    order=5.05,
)
def balanced_bill(outcome: Outcome, _: Reference) -> float:
    """Mean of the bills of homes less the margin of the operator."""
    return float(balanced_bill_usd(outcome).mean())
