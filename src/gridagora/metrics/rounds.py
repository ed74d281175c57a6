"""I1r, rounds per interval, each waiting for the last (theory 8.6)."""

from gridagora.results.metric import INFORMATION, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "I1r",
    "rounds per interval, each waiting for the last",
    "count",
    "down",
    explanation=(
        "How often parties wait for each other before an interval is settled, look-ahead included: the length of the chain."
    ),
    family=INFORMATION,
    order=1.2,
)
def rounds(outcome: Outcome, _: Reference) -> float:
    """Rounds over intervals."""
    return outcome.exchange.rounds / len(outcome.start_s)
