"""P1r, peak reduction against flat (theory 8.2)."""

from gridagora.core.load_shape import peak_kw
from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "P1r",
    "peak reduction against flat",
    "share",
    "up",
    explanation="How far the peak lies below that of the flat rate.",
    family=POWER,
    order=1.2,
)
def peak_reduction(outcome: Outcome, yardstick: Yardstick) -> float:
    """Peak against that of the flat design, as a share; negative where the design made it worse."""
    return float("nan") if yardstick.flat is None else 1 - peak_kw(outcome) / peak_kw(yardstick.flat)
