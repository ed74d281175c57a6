"""The network of a run in the figures of one case of a market of reactive power."""

import numpy as np

from gridagora.core.records import by_rows
from gridagora.core.tables import Col
from gridagora.results.control_moves import CAPACITOR, REGULATOR, count_moves
from gridagora.results.outcome import NetworkResult, Outcome
from gridagora.results.reactive_market import InverterUse, NetworkCase


def describe_case(
    name: str,
    net: NetworkResult,
    outcome: Outcome,
    band_pu: tuple[float, float],
    use: InverterUse,
) -> NetworkCase:
    """Return the network `net` of a case, on the prices and intervals of an outcome; homes are held to a band [pu]."""
    low, high = band_pu

    def outside(rows: slice) -> Col:
        v = np.asarray(net.home_v_pu[rows])
        beyond = np.maximum(v - high, low - v)
        depth, count = np.nansum(beyond.clip(min=0), axis=1), (beyond > 0).sum(axis=1)
        return np.stack([depth, count.astype(np.float64)], axis=1)

    depth, count = by_rows(outside, net.home_v_pu.shape).sum(axis=0) * outcome.dt_h
    moves = [
        float("nan") if net.controls is None else float(count_moves(net.controls, kind).sum())
        for kind in (REGULATOR, CAPACITOR)
    ]
    return NetworkCase(
        name,
        float(np.nansum(net.losses_kw) * outcome.dt_h),
        float(np.nansum(net.losses_kw * outcome.wholesale_per_kwh) * outcome.dt_h),
        float(np.nanmin(net.v_min_pu)),
        float(np.nanmax(net.v_max_pu)),
        float(count),
        float(depth),
        moves[0],
        moves[1],
        use,
    )
