"""The intervals of a run that have a power flow: what metrics of losses and reactive energy count."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome


class SolvedFlow(NamedTuple):
    """Columns of the s intervals that have a power flow, shape (s,) each."""

    losses_kw: Col
    source_kw: Col
    source_kvar: Col


def solved_intervals(outcome: Outcome) -> SolvedFlow | None:
    """Return the intervals that have a power flow; None where none has."""
    net = outcome.network
    if net is None or not np.isfinite(net.losses_kw).any():
        return None
    kept = np.isfinite(net.losses_kw)
    return SolvedFlow(net.losses_kw[kept], net.source_kw[kept], net.source_kvar[kept])


def ratio(part: float, whole: float) -> float:
    """Return part over whole; nan where there is no whole."""
    return float(part / whole) if whole > 0 else float("nan")
