"""C1, discomfort outside the band (theory 8.4)."""

from gridagora.core.measure import COMFORT, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "C1",
    "discomfort outside the band",
    "K h/home",
    "down",
    explanation="Degrees beyond the comfort band times hours.",
    family=COMFORT,
    order=1,
)
def discomfort(outcome: Outcome, _: Yardstick) -> float:
    """Mean discomfort of a home."""
    return float(outcome.felt["discomfort_k_h"].mean())
