"""V7, unbalance of voltage at the worst bus of three phases (theory 8.3)."""

import numpy as np

from gridagora.results.metric import VOLTAGE, Reference, metric
from gridagora.results.outcome import Outcome, has_phase_balance


@metric(
    "V7",
    "voltage unbalance",
    "share",
    "down",
    explanation=(
        "Negative over positive sequence of voltage at the worst bus of three phases, not exceeded by 95 % of the means of ten "
        "minutes of a week: it heats motors. EN 50160 allows 0.02."
    ),
    family=VOLTAGE,
    order=8,
    in_brief=False,
    applies=has_phase_balance,
)
def voltage_unbalance(outcome: Outcome, _: Reference) -> float:
    """Unbalance at the worst bus; nan without a bus of three phases, or where no mean of ten minutes has a power flow."""
    net = outcome.network
    found = None if net is None else net.unbalance
    return float("nan") if found is None else float(np.fmax.reduce(found.kept_share))
