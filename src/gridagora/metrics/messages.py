"""I1, messages (theory 8.6)."""

from gridagora.results.metric import INFORMATION, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "I1",
    "messages",
    "count",
    "down",
    explanation="Messages between homes and market, counted.",
    family=INFORMATION,
    order=1,
)
def messages(outcome: Outcome, _: Reference) -> float:
    """Messages between homes and market."""
    return float(outcome.exchange.messages)
