"""E5p, average retail price (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E5p",
    "average retail price",
    "$/kWh",
    "down",
    explanation="All bills, credit for export taken off, over all energy that homes withdraw.",
    family=VALUE,
    order=5.1,
)
def average_price(outcome: Outcome, _: Reference) -> float:
    """Bills, credit for export taken off, over energy withdrawn; nan where homes withdraw nothing."""
    bought = outcome.home_kw.clip(min=0).sum() * outcome.dt_h
    return float(outcome.bill_usd.sum() / bought) if bought > 0 else float("nan")
