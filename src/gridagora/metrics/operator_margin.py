"""E6m, operator margin after wholesale and wires (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E6m",
    "operator margin after wholesale and wires",
    "$",
    "-",
    explanation="What the operator keeps after paying for energy and wires.",
    family=VALUE,
    order=6.1,
)
def operator_margin(outcome: Outcome, _: Reference) -> float:
    """What the ledger leaves with the operator."""
    return outcome.surplus_uusd / 1e6
