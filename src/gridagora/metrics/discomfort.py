"""C1, discomfort outside the band (theory 8.4)."""

from gridagora.results.metric import COMFORT, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "C1",
    "discomfort outside the band",
    "K h/home",
    "down",
    explanation="Degrees beyond the comfort band times hours.",
    family=COMFORT,
    order=1,
)
def discomfort(outcome: Outcome, _: Reference) -> float:
    """Mean discomfort of a home."""
    return float(outcome.felt["discomfort_k_h"].mean())
