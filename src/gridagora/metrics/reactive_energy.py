"""P4, reactive energy (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import solved_intervals


@metric(
    "P4",
    "reactive energy",
    "kvarh",
    "down",
    explanation="Reactive energy at the substation.",
    family=POWER,
    order=4,
)
def reactive_energy(outcome: Outcome, _: Reference) -> float:
    """Reactive energy at the substation."""
    flow = solved_intervals(outcome)
    return float("nan") if flow is None else float(np.abs(flow.source_kvar).sum() * outcome.dt_h)
