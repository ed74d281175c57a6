"""P4, reactive energy (theory 8.2)."""

import numpy as np

from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome
from gridagora.core.solved_flow import solved


@metric(
    "P4",
    "reactive energy",
    "kvarh",
    "down",
    explanation="Reactive energy at the substation.",
    family=POWER,
    order=4,
)
def reactive_energy(outcome: Outcome, _: Yardstick) -> float:
    """Reactive energy at the substation."""
    flow = solved(outcome)
    return float("nan") if flow is None else float(np.abs(flow.source_kvar).sum() * outcome.dt_h)
