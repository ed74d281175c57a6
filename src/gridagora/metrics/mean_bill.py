"""E5, mean bill (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E5",
    "mean bill",
    "$/home",
    "-",  # of two bills the lower may be paid by somebody else
    explanation="What homes pay under the tariff or market of the design; somebody else may owe the rest of their cost.",
    family=VALUE,
    order=5,
)
def mean_bill(outcome: Outcome, _: Reference) -> float:
    """Mean of the bills of homes."""
    return float(outcome.bill_usd.mean())
