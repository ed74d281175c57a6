"""C2, hot-water shortfall (theory 8.4)."""

from gridagora.core.device import HOT_WATER_K_H
from gridagora.results.metric import COMFORT, Reference, measures, metric
from gridagora.results.outcome import Outcome


@metric(
    "C2",
    "hot-water shortfall",
    "K h/home",
    "down",
    explanation="Hot water below the temperature of use, times hours.",
    family=COMFORT,
    order=2,
    applies=measures(HOT_WATER_K_H),
)
def hot_water_shortfall(outcome: Outcome, _: Reference) -> float:
    """Mean shortfall of hot water of a home."""
    return float(outcome.measures[HOT_WATER_K_H].mean())
