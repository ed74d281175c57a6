"""E2u, captured value without the limit (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, captured_share, metric
from gridagora.results.outcome import Outcome


@metric(
    "E2u",
    "captured value without the limit",
    "share",
    "up",
    explanation=(
        "Welfare gained over the reference as a share of the certified bound where the "
        "substation has no limit: what a design is worth for prices alone."
    ),
    family=VALUE,
    order=2.1,
)
def captured_value_unlimited(outcome: Outcome, yardstick: Reference) -> float:
    """Captured value of the same design where the substation has no limit."""
    if (
        yardstick.flat is None
        or yardstick.unlimited is None
        or yardstick.unlimited_bound_usd is None
    ):
        return float("nan")
    flat = yardstick.flat._replace(limit_kw=float("inf"))
    return captured_share(yardstick.unlimited, flat, yardstick.unlimited_bound_usd)
