"""P1r, peak reduction against flat (theory 8.2)."""

from gridagora.results.load_shape import peak_kw
from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "P1r",
    "peak reduction against flat",
    "share",
    "up",
    explanation="How far the peak lies below that of the flat rate.",
    family=POWER,
    order=1.2,
)
def peak_reduction(outcome: Outcome, yardstick: Reference) -> float:
    """Peak against that of the flat design, as a share; negative where the design made it worse, nan where flat has none."""
    if yardstick.flat is None or peak_kw(yardstick.flat) == 0:
        return float("nan")
    return 1 - peak_kw(outcome) / peak_kw(yardstick.flat)
