"""V6c, switchings of capacitor banks (theory 8.3)."""

from gridagora.results.control_moves import CAPACITOR, count_moves
from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome


def is_told(outcome: Outcome) -> bool:
    """Return whether the feeder of a run has controls that move."""
    return outcome.network is not None and outcome.network.controls is not None


@metric(
    "V6c",
    "capacitor switchings",
    "steps",
    "down",
    explanation="Steps of capacitor banks that closed or opened.",
    family=VOLTAGE,
    order=7,
    applies=is_told,
)
def bank_switchings(outcome: Outcome, _: Reference) -> float:
    """Steps of capacitor banks that were switched over the run; nan where controls do not move."""
    net = outcome.network
    if net is None or net.controls is None:
        return float("nan")
    return float(count_moves(net.controls, CAPACITOR).sum())
