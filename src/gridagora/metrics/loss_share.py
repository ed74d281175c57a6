"""P3s, losses over energy (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import ratio, solved_intervals


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
def loss_share(outcome: Outcome, _: Reference) -> float:
    """Energy lost over energy through the substation, either way."""
    flow = solved_intervals(outcome)
    return (
        float("nan") if flow is None else ratio(flow.losses_kw.sum(), np.abs(flow.source_kw).sum())
    )
