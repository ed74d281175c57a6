"""P3s, losses over energy (theory 8.2)."""

import numpy as np

from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome
from gridagora.core.solved_flow import ratio, solved


@metric(
    "P3s",
    "losses over energy",
    "share",
    "down",
    explanation="Losses over the energy through the substation, either way.",
    family=POWER,
    order=3.1,
    in_brief=False,
)
def loss_share(outcome: Outcome, _: Yardstick) -> float:
    """Energy lost over energy through the substation, either way."""
    flow = solved(outcome)
    return float("nan") if flow is None else ratio(flow.losses_kw.sum(), np.abs(flow.source_kw).sum())
