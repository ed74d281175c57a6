"""I3, wall time (theory 8.6)."""

from gridagora.results.metric import INFORMATION, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "I3",
    "wall time",
    "s",
    "down",
    explanation="Time spent computing.",
    family=INFORMATION,
    order=3,
)
def wall_time(outcome: Outcome, _: Reference) -> float:
    """Time spent computing."""
    return outcome.wall_s
