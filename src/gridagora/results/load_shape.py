"""Shape of the load of a run: what a demand meter records."""

import numpy as np

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome

QUARTER_H = 0.25


def quarter_hours_kw(outcome: Outcome) -> Col:
    """Load averaged over 15 minutes, the demand a meter records, shape (q,) [kW]; below zero where the feeder exports."""
    per = max(1, round(QUARTER_H / outcome.dt_h))
    mean_kw: Col = outcome.load_kw[: len(outcome.load_kw) // per * per].reshape(-1, per).mean(1)
    return mean_kw


def peak_kw(outcome: Outcome) -> float:
    """Largest 15-minute power, either way [kW]."""
    return float(np.abs(quarter_hours_kw(outcome)).max())
