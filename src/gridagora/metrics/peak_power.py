"""P1, peak power either way, 15 min (theory 8.2)."""

from gridagora.core.load_shape import peak_kw
from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "P1",
    "peak power either way, 15 min",
    "kW",
    "down",
    explanation="Largest power of all meters together, import or export, mean of 15 minutes.",
    family=POWER,
    order=1,
)
def peak_power(outcome: Outcome, _: Yardstick) -> float:
    """Largest 15-minute power, either way."""
    return peak_kw(outcome)
