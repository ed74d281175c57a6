"""P4f, power factor (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import solved_intervals


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
def power_factor(outcome: Outcome, _: Reference) -> float:
    """Mean of active over apparent power at the substation, in the intervals that have any; nan where none has."""
    flow = solved_intervals(outcome)
    if flow is None:
        return float("nan")
    apparent_kva = np.hypot(flow.source_kw, flow.source_kvar)
    some = apparent_kva > 0
    return (
        float(np.mean(np.abs(flow.source_kw[some]) / apparent_kva[some]))
        if some.any()
        else float("nan")
    )
