"""P2, load factor (theory 8.2)."""

import numpy as np

from gridagora.results.load_shape import peak_kw, quarter_hours_kw
from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "P2",
    "load factor",
    "share",
    "up",
    explanation="Mean power over the peak, import and export alike.",
    family=POWER,
    order=2,
)
def load_factor(outcome: Outcome, _: Reference) -> float:
    """Mean power over the peak, both counted either way."""
    top = peak_kw(outcome)
    return float(np.abs(quarter_hours_kw(outcome)).mean() / top) if top > 0 else float("nan")
