"""E8, budget imbalance (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E8",
    "budget imbalance",
    "$",
    "down",
    explanation="Payments less receipts over all parties; must be zero to the micro-dollar.",
    family=VALUE,
    order=8,
)
def budget_imbalance(outcome: Outcome, _: Reference) -> float:
    """Sum of all accounts of the ledger, exactly 0."""
    return abs(outcome.imbalance_uusd) / 1e6
