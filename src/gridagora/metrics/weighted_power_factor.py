"""P4w, power factor by energy (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import ratio, solved_intervals


@metric(
    "P4w",
    "power factor by energy",
    "share",
    "up",
    explanation="Active over apparent energy at the substation: an interval counts by its apparent power.",
    family=POWER,
    order=4.2,
)
def weighted_power_factor(outcome: Outcome, _: Reference) -> float:
    """Active over apparent energy at the substation: the power factor of an interval counts by its apparent power."""
    flow = solved_intervals(outcome)
    if flow is None:
        return float("nan")
    return ratio(np.abs(flow.source_kw).sum(), np.hypot(flow.source_kw, flow.source_kvar).sum())
