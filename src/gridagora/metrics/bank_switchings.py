"""V6c, switchings of capacitor banks (theory 8.3)."""

from gridagora.results.control_moves import CAPACITOR
from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome, moves_controls, total_moves


@metric(
    "V6c",
    "capacitor switchings",
    "steps",
    "down",
    explanation="Steps of capacitor banks that closed or opened.",
    family=VOLTAGE,
    order=7,
    applies=moves_controls,
)
def bank_switchings(outcome: Outcome, _: Reference) -> float:
    """Steps of capacitor banks that were switched over the run; nan where controls do not move."""
    return total_moves(outcome, CAPACITOR)
