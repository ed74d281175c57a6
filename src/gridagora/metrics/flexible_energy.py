"""E7, PV, storage and EV energy (theory 8.1)."""

import numpy as np

from gridagora.core.measure import VALUE, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "E7",
    "PV, storage and EV energy",
    "kWh",
    "-",
    explanation="Solar output, and energy through batteries and vehicles, both ways.",
    family=VALUE,
    order=7,
)
def flexible_energy(outcome: Outcome, _: Yardstick) -> float:
    """Energy moved by storage and electric vehicles plus PV output."""
    kw = outcome.device_kw
    moved = np.abs(kw["battery"]) + np.abs(kw["ev"]) - kw["pv"]
    return float(moved.sum() * outcome.dt_h)
