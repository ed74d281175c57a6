"""E6, home surplus: minus bill and discomfort (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E6",
    "home surplus: minus bill and discomfort",
    "$/home",
    "-",
    explanation=(
        "What homes are left with: minus the bill, discomfort, cold water, battery wear and charge missing, mean over homes."
    ),
    family=VALUE,
    order=6,
)
def home_surplus(outcome: Outcome, _: Reference) -> float:
    """Minus the mean cost of a home with its comfort: bill, discomfort, hot water, wear and unmet charge."""
    burden = sum(outcome.device_usd.values(), outcome.bill_usd)
    return float(-burden.mean())
