"""P3, losses (theory 8.2)."""

from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome
from gridagora.core.solved_flow import solved


@metric(
    "P3",
    "losses",
    "kWh",
    "down",
    explanation="Energy lost in lines and transformers.",
    family=POWER,
    order=3,
)
def line_losses(outcome: Outcome, _: Yardstick) -> float:
    """Energy lost in lines and transformers, in the intervals that have a power flow; nan where none has."""
    flow = solved(outcome)
    return float("nan") if flow is None else float(flow.losses_kw.sum() * outcome.dt_h)
