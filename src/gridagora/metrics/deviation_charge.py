"""D1u, deviation charge (theory 8.5)."""

from gridagora.results.metric import DELIVERY, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "D1u",
    "deviation charge",
    "$/home",
    "down",
    explanation="What a home pays for its misses, where the scenario prices them; it goes to the operator.",
    family=DELIVERY,
    order=1.6,
)
def deviation_charge(outcome: Outcome, _: Reference) -> float:
    """Mean charge of a home for delivering other than awarded."""
    book = outcome.ledger
    return float(
        book.amount_uusd[book.item == "deviation charge"].sum() / 1e6 / len(outcome.bill_usd)
    )
