"""V1h, highest home voltage (theory 8.3)."""

import numpy as np

from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "V1h",
    "highest home voltage",
    "pu",
    "down",
    explanation="Highest voltage at any home in the run.",
    family=VOLTAGE,
    order=1.1,
)
def highest_voltage(outcome: Outcome, _: Reference) -> float:
    """Highest home voltage of the run."""
    net = outcome.network
    return float("nan") if net is None else float(np.fmax.reduce(net.v_max_pu))
