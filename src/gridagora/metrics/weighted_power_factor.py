"""P4w, power factor by energy (theory 8.2)."""

import numpy as np

from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome
from gridagora.core.solved_flow import ratio, solved


@metric(
    "P4w",
    "power factor by energy",
    "share",
    "up",
    explanation="Active over apparent energy at the substation: an interval counts by its apparent power.",
    family=POWER,
    order=4.2,
)
def weighted_power_factor(outcome: Outcome, _: Yardstick) -> float:
    """Active over apparent energy at the substation: the power factor of an interval counts by its apparent power."""
    flow = solved(outcome)
    if flow is None:
        return float("nan")
    return ratio(np.abs(flow.source_kw).sum(), np.hypot(flow.source_kw, flow.source_kvar).sum())
