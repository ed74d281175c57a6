"""I3, wall time (theory 8.6)."""

from gridagora.core.measure import INFORMATION, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "I3",
    "wall time",
    "s",
    "down",
    explanation="Time spent computing.",
    family=INFORMATION,
    order=3,
)
def wall_time(outcome: Outcome, _: Yardstick) -> float:
    """Time spent computing."""
    return outcome.wall_s
