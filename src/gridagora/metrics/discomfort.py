"""C1, discomfort outside the band (theory 8.4)."""

from gridagora.core.device import DISCOMFORT_K_H
from gridagora.results.metric import COMFORT, Reference, measures, metric
from gridagora.results.outcome import Outcome


@metric(
    "C1",
    "discomfort outside the band",
    "K h/home",
    "down",
    explanation="Degrees beyond the comfort band times hours.",
    family=COMFORT,
    order=1,
    applies=measures(DISCOMFORT_K_H),
)
def discomfort(outcome: Outcome, _: Reference) -> float:
    """Mean discomfort of a home."""
    return float(outcome.measures[DISCOMFORT_K_H].mean())
