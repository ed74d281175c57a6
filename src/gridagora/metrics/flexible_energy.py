"""E7, PV, storage and EV energy (theory 8.1)."""

import numpy as np

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E7",
    "PV, storage and EV energy",
    "kWh",
    "-",
    explanation="Solar output, and energy through batteries and vehicles, both ways.",
    family=VALUE,
    order=7,
)
def flexible_energy(outcome: Outcome, _: Reference) -> float:
    """Energy that devices which make a prosumer of a home moved either way: storage, electric vehicles, PV."""
    moved = sum(
        (np.abs(outcome.device_kw[kind]) for kind in outcome.owned), np.zeros(len(outcome.load_kw))
    )
    return float(moved.sum() * outcome.dt_h)
