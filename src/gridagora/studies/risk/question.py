"""What is asked of an ensemble."""

from typing import NamedTuple

from gridagora.studies.risk import intervals, tail


class RiskQuestion(NamedTuple):
    """What is asked of an ensemble: the level of the tail, the metric that ranks, and how narrow its differences should be."""

    level: float = tail.LEVEL
    metric: str | None = None
    width: float | None = None  # half of the interval of a paired difference [unit of the metric]
    confidence: float = intervals.CONFIDENCE
