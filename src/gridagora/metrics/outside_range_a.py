"""V4, home-hours outside range A (theory 8.3)."""

from gridagora.results.home_block import HomeBlock
from gridagora.results.metric import VOLTAGE, Reference, home_metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import solved_intervals

RANGE_A = (0.95, 1.05)  # ANSI C84.1 service voltage, 114 to 126 V on a 120 V base


def is_american(outcome: Outcome) -> bool:
    """Return whether voltages are held to ANSI C84.1."""
    return outcome.network is None or outcome.network.nominal_pu is None


@home_metric(
    "V4",
    "home-hours outside range A",
    "h",
    "down",
    explanation="Time outside the ANSI C84.1 service range (114 to 126 V on a 120 V base).",
    family=VOLTAGE,
    order=4,
    applies=is_american,
)
class OutsideRangeA:
    """Home-hours outside ANSI C84.1 range A, in the intervals that have a power flow; nan where none has."""

    def __init__(self, outcome: Outcome, _: Reference) -> None:
        self._dt_h, self._has_flow = outcome.dt_h, solved_intervals(outcome) is not None
        self._count = 0

    def add(self, block: HomeBlock) -> None:
        """Count the intervals of some homes."""
        v = block.home_v_pu
        self._count += int(((v < RANGE_A[0]) | (v > RANGE_A[1])).sum())

    def value(self) -> float:
        """Return the home-hours [h]."""
        return float(self._count * self._dt_h) if self._has_flow else float("nan")
