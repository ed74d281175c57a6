"""P3, losses (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import solved_intervals


@metric(
    "P3",
    "losses",
    "kWh",
    "down",
    explanation="Energy lost in lines and transformers.",
    family=POWER,
    order=3,
)
def line_losses(outcome: Outcome, _: Reference) -> float:
    """Energy lost in lines and transformers, in the intervals that have a power flow; nan where none has."""
    flow = solved_intervals(outcome)
    return float("nan") if flow is None else float(flow.losses_kw.sum() * outcome.dt_h)
