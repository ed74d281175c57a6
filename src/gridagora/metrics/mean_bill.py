"""E5, mean bill (theory 8.1)."""

from gridagora.core.measure import VALUE, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "E5",
    "mean bill",
    "$/home",
    "down",
    explanation="What homes pay under the tariff or market of the design.",
    family=VALUE,
    order=5,
)
def mean_bill(outcome: Outcome, _: Yardstick) -> float:
    """Mean of the bills of homes."""
    return float(outcome.bill_usd.mean())
