"""P1, peak power either way, 15 min (theory 8.2)."""

from gridagora.results.load_shape import peak_kw
from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "P1",
    "peak power either way, 15 min",
    "kW",
    "down",
    explanation="Largest power of all meters together, import or export, mean of 15 minutes.",
    family=POWER,
    order=1,
)
def peak_power(outcome: Outcome, _: Reference) -> float:
    """Largest 15-minute power, either way."""
    return peak_kw(outcome)
