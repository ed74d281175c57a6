"""P4f, power factor (theory 8.2)."""

import numpy as np

from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome
from gridagora.core.solved_flow import solved


@metric(
    "P4f",
    "power factor",
    "share",
    "up",
    explanation="Active over apparent power at the substation, mean of the intervals: each counts the same.",
    family=POWER,
    order=4.1,
    in_brief=False,
)
def power_factor(outcome: Outcome, _: Yardstick) -> float:
    """Mean of active over apparent power at the substation."""
    flow = solved(outcome)
    if flow is None:
        return float("nan")
    return float(np.mean(np.abs(flow.source_kw) / np.hypot(flow.source_kw, flow.source_kvar)))
