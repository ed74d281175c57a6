"""V1, lowest home voltage (theory 8.3)."""

import numpy as np

from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "V1",
    "lowest home voltage",
    "pu",
    "up",
    explanation="Lowest voltage at any home in the run.",
    family=VOLTAGE,
    order=1,
)
def lowest_voltage(outcome: Outcome, _: Reference) -> float:
    """Lowest home voltage of the run."""
    net = outcome.network
    return float("nan") if net is None else float(np.fmin.reduce(net.v_min_pu))
