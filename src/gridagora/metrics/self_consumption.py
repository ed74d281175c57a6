"""P6, PV self-consumption (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, has_renewables


@metric(
    "P6",
    "PV self-consumption",
    "share",
    "up",
    explanation="Share of solar output used behind the meter of its own home.",
    family=POWER,
    order=6,
    applies=has_renewables,
)
def self_consumption(outcome: Outcome, _: Reference) -> float:
    """Share of PV output used behind the home's own meter."""
    made = -sum(outcome.device_kw[kind].sum() for kind in outcome.available_kw)
    could_kw = sum(outcome.available_kw.values(), np.zeros((1, 1)))
    exported = np.minimum(could_kw, (-outcome.home_kw).clip(min=0)).sum()
    return float(1 - exported / made) if made > 0 else float("nan")
