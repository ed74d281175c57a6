"""E2, captured value (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, captured_share, metric
from gridagora.results.outcome import Outcome


@metric(
    "E2",
    "captured value",
    "share",
    "up",
    explanation=(
        "Welfare gained over the reference as a share of the certified bound; 1 is perfect foresight and control."
    ),
    family=VALUE,
    order=2,
)
def captured_value(outcome: Outcome, yardstick: Reference) -> float:
    """Share of the attainable gain that the design captures: (W - W_flat) / (bound - W_flat)."""
    if yardstick.flat is None or yardstick.bound_usd is None:
        return float("nan")
    return captured_share(outcome, yardstick.flat, yardstick.bound_usd)
