"""V1, lowest home voltage (theory 8.3)."""

import numpy as np

from gridagora.core.measure import VOLTAGE, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "V1",
    "lowest home voltage",
    "pu",
    "up",
    explanation="Lowest voltage at any home in the run.",
    family=VOLTAGE,
    order=1,
)
def lowest_voltage(outcome: Outcome, _: Yardstick) -> float:
    """Lowest home voltage of the run."""
    net = outcome.network
    return float("nan") if net is None else float(np.fmin.reduce(net.v_min_pu))
