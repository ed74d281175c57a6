"""V6, movements of line regulators (theory 8.3)."""

from gridagora.results.control_moves import REGULATOR, count_moves
from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome


def is_told(outcome: Outcome) -> bool:
    """Return whether the feeder of a run has controls that move."""
    return outcome.network is not None and outcome.network.controls is not None


@metric(
    "V6",
    "tap movements",
    "taps",
    "down",
    explanation="Taps that all line regulators moved, up and down: what wears their contacts.",
    family=VOLTAGE,
    order=6,
    applies=is_told,
)
def tap_movements(outcome: Outcome, _: Reference) -> float:
    """Taps that regulators moved over the run; nan where none moves."""
    net = outcome.network
    if net is None or net.controls is None:
        return float("nan")
    return float(count_moves(net.controls, REGULATOR).sum())
