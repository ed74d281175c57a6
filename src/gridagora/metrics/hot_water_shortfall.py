"""C2, hot-water shortfall (theory 8.4)."""

from gridagora.results.metric import COMFORT, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "C2",
    "hot-water shortfall",
    "K h/home",
    "down",
    explanation="Hot water below the temperature of use, times hours.",
    family=COMFORT,
    order=2,
)
def hot_water_shortfall(outcome: Outcome, _: Reference) -> float:
    """Mean shortfall of hot water of a home."""
    return float(outcome.felt["hot_water_k_h"].mean())
