"""P4x, reactive energy from elsewhere (theory 8.2)."""

import numpy as np

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, agrees_power_factor


@metric(
    "P4x",
    "reactive energy from elsewhere",
    "kvarh",
    "down",
    explanation=(
        "Reactive energy beyond the agreed power factor that homes did not give; it is bought elsewhere at the cap."
    ),
    family=POWER,
    order=4.5,
    applies=agrees_power_factor,
)
def reactive_elsewhere(outcome: Outcome, _: Reference) -> float:
    """Reactive energy beyond the agreed power factor that homes did not give."""
    side = outcome.reactive
    return float("nan") if side is None else float(np.abs(side.unmet_kvar).sum() * outcome.dt_h)
