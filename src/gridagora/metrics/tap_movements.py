"""V6, movements of line regulators (theory 8.3)."""

from gridagora.results.control_moves import REGULATOR
from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome, moves_controls, total_moves


@metric(
    "V6",
    "tap movements",
    "taps",
    "down",
    explanation="Taps that all line regulators moved, up and down: what wears their contacts.",
    family=VOLTAGE,
    order=6,
    applies=moves_controls,
)
def tap_movements(outcome: Outcome, _: Reference) -> float:
    """Taps that regulators moved over the run; nan where none moves."""
    return total_moves(outcome, REGULATOR)
