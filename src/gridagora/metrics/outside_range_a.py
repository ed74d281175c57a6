"""V4, home-hours outside range A (theory 8.3)."""

from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import solved_intervals

RANGE_A = (0.95, 1.05)  # ANSI C84.1 service voltage, 114 to 126 V on a 120 V base


@metric(
    "V4",
    "home-hours outside range A",
    "h",
    "down",
    explanation="Time outside the ANSI C84.1 service range (114 to 126 V on a 120 V base).",
    family=VOLTAGE,
    order=4,
)
def outside_range_a(outcome: Outcome, _: Reference) -> float:
    """Home-hours outside ANSI C84.1 range A, in the intervals that have a power flow; nan where none has."""
    if outcome.network is None or solved_intervals(outcome) is None:
        return float("nan")
    v = outcome.network.home_v_pu
    return float(((v < RANGE_A[0]) | (v > RANGE_A[1])).sum() * outcome.dt_h)
