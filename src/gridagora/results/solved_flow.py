"""The intervals of a run that have a power flow: what metrics of losses and reactive energy count."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome

LOADED_SHARE = 0.01  # of the largest mean current of a run: with less, nothing is loaded


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


class PhaseSpread(NamedTuple):
    """Currents of three phases in s intervals that have a power flow, shape (s,) each [A]."""

    mean_a: Col
    most_a: Col  # departure of the phase furthest from the mean


def phase_spread(outcome: Outcome) -> PhaseSpread | None:
    """Return the currents at the source in the intervals that have a power flow; None where none has, or where it feeds fewer."""
    net = outcome.network
    if net is None or net.head_a is None:
        return None
    spread = spread_of(net.head_a[np.isfinite(net.head_a).all(axis=1)])
    return spread if len(spread.mean_a) else None


def spread_of(phase_a: Col) -> PhaseSpread:
    """Return mean and largest departure of currents (s, 3) [A]."""
    mean_a = phase_a.mean(axis=1)
    return PhaseSpread(mean_a, np.abs(phase_a - mean_a[:, None]).max(axis=1))


def flow_columns(outcome: Outcome) -> dict[str, Col]:
    """Return what a table of t intervals tells of the power flow, shape (t,) each [any unit]; nan where there is none."""
    net, none = outcome.network, np.full(len(outcome.start_s), np.nan)
    if net is None:
        names = ("losses_kw", "v_min_pu", "v_max_pu", "v_median_pu", "current_unbalance_share")
        return dict.fromkeys(names, none)
    return {
        "losses_kw": net.losses_kw,
        "v_min_pu": net.v_min_pu,
        "v_max_pu": net.v_max_pu,
        "v_median_pu": none if net.v_median_pu is None else net.v_median_pu,
        "current_unbalance_share": none if net.head_a is None else _share(net.head_a),
    }


def _share(phase_a: Col) -> Col:
    """Return the unbalance of currents (t, 3) [A], shape (t,) [1]; nan where none flows."""
    spread = spread_of(phase_a)
    share = np.full(len(phase_a), np.nan)
    np.divide(spread.most_a, spread.mean_a, out=share, where=spread.mean_a > 0)
    return share


def ratio(part: float, whole: float) -> float:
    """Return part over whole; nan where there is no whole."""
    return float(part / whole) if whole > 0 else float("nan")
