"""I1, messages (theory 8.6)."""

from gridagora.core.measure import INFORMATION, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "I1",
    "messages",
    "count",
    "down",
    explanation="Messages between homes and market, counted.",
    family=INFORMATION,
    order=1,
)
def messages(outcome: Outcome, _: Yardstick) -> float:
    """Messages between homes and market."""
    return float(outcome.exchange.messages)
