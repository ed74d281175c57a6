"""P2r, steepest hourly ramp (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "P2r",
    "steepest hourly ramp",
    "kW/h",
    "down",
    explanation="Fastest change of load at the substation.",
    family=POWER,
    order=2.1,
)
def steepest_ramp(outcome: Outcome, _: Reference) -> float:
    """Steepest change of the hourly load."""
    per = round(1 / outcome.dt_h)
    hourly = outcome.load_kw[: len(outcome.load_kw) // per * per].reshape(-1, per).mean(1)
    return float(np.abs(np.diff(hourly)).max()) if len(hourly) > 1 else 0.0
