"""E10, price volatility (theory 8.1)."""

import numpy as np

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E10",
    "price volatility",
    "$/kWh",
    "down",
    explanation="How much the price moves from one interval to the next.",
    family=VALUE,
    order=10,
)
def price_volatility(outcome: Outcome, _: Reference) -> float:
    """Standard deviation of the change of the price homes see, from interval to interval; nan of a single interval."""
    steps = np.diff(outcome.price_per_kwh)
    return float(steps.std()) if steps.size else float("nan")
