"""P1e, peak export, 15 min (theory 8.2)."""

from gridagora.results.load_shape import quarter_hours_kw
from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "P1e",
    "peak export, 15 min",
    "kW",
    "down",
    explanation="Highest export of all meters together, mean of 15 minutes.",
    family=POWER,
    order=1.1,
)
def peak_export(outcome: Outcome, _: Reference) -> float:
    """Highest 15-minute export; 0 where the feeder never exports."""
    return float((-quarter_hours_kw(outcome)).max().clip(min=0))
