"""I1b, bytes (theory 8.6)."""

from gridagora.results.metric import INFORMATION, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "I1b",
    "bytes",
    "MB",
    "down",
    explanation="Bytes between homes and market, counted.",
    family=INFORMATION,
    order=1.1,
)
def bytes_sent(outcome: Outcome, _: Reference) -> float:
    """Bytes of what is encoded."""
    return outcome.exchange.bytes / 1e6
