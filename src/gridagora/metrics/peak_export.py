"""P1e, peak export, 15 min (theory 8.2)."""

from gridagora.core.load_shape import quarter_hours_kw
from gridagora.core.measure import POWER, Yardstick, metric
from gridagora.core.outcome import Outcome


@metric(
    "P1e",
    "peak export, 15 min",
    "kW",
    "down",
    explanation="Highest export of all meters together, mean of 15 minutes.",
    family=POWER,
    order=1.1,
)
def peak_export(outcome: Outcome, _: Yardstick) -> float:
    """Highest 15-minute export; 0 where the feeder never exports."""
    return float((-quarter_hours_kw(outcome)).max().clip(min=0))
