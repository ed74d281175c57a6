"""P6, PV self-consumption (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "P6",
    "PV self-consumption",
    "share",
    "up",
    explanation="Share of solar output used behind the meter of its own home.",
    family=POWER,
    order=6,
)
def self_consumption(outcome: Outcome, _: Reference) -> float:
    """Share of PV output used behind the home's own meter."""
    made = -outcome.device_kw["pv"].sum()
    exported = np.minimum(outcome.home_pv_kw, (-outcome.home_kw).clip(min=0)).sum()
    return float(1 - exported / made) if made > 0 else float("nan")
