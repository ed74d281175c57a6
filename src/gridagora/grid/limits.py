"""Voltages of meters and buses out of a power flow, and the bands they should keep."""

from typing import NamedTuple

import numpy as np

from gridagora.core.feeder import Feeder, live_nodes
from gridagora.core.flow import Flow
from gridagora.core.tables import Col, Flag, Index

# ANSI C84.1 service voltage, 114 to 126 V and 110 to 127 V on 120 V
RANGE_A_PU = (0.95, 1.05)


class Band(NamedTuple):
    """Lowest and highest phase voltage of each meter in each step, shape (t, j) each [pu]; nan where not converged."""

    v_min_pu: Col
    v_max_pu: Col


class BusVoltages(NamedTuple):
    """Voltages of each bus over all converged steps, shape (b,) each [pu]; nan where a bus has no phase."""

    v_min_pu: Col
    v_max_pu: Col
    v_at_peak_pu: Col  # of the phase farthest from 1, in the step of largest substation power


def meter_band(feeder: Feeder, flow: Flow) -> Band:
    """Voltages that each meter sees, over the phases it is connected to."""
    nodes = np.concatenate([feeder.loads.from_node, feeder.loads.to_node])
    meters = np.concatenate([feeder.loads.meter, feeder.loads.meter])
    return Band(
        *_reduce(
            flow.v_pu,
            *_groups(meters, nodes, (nodes >= 0) & live_nodes(feeder)[nodes]),
            len(feeder.meters.name),
        )
    )


class Extremes(NamedTuple):
    """Voltages of each node over the converged steps of a flow, shape (m,) each [pu], and the largest substation power [kW]."""

    low_pu: Col
    high_pu: Col
    at_peak_pu: Col  # in the step of that power
    peak_kw: float  # -inf where no step converged


def extremes(flow: Flow) -> Extremes:
    """Return the extremes of a flow; nan where no step converged."""
    power = np.where(flow.converged, flow.substation_p_kw, -np.inf)
    peak = int(np.argmax(power))
    low = np.fmin.reduce(flow.v_pu, axis=0, initial=np.nan)
    high = np.fmax.reduce(flow.v_pu, axis=0, initial=np.nan)
    return Extremes(low, high, flow.v_pu[peak].copy(), float(power[peak]))


def wider(before: Extremes, after: Extremes) -> Extremes:
    """Return the extremes of two runs of steps, the second behind the first."""
    top = after if after.peak_kw > before.peak_kw else before
    low, high = np.fmin(before.low_pu, after.low_pu), np.fmax(before.high_pu, after.high_pu)
    return Extremes(low, high, top.at_peak_pu, top.peak_kw)


def bus_voltages(feeder: Feeder, found: Extremes) -> BusVoltages:
    """Lowest, highest and peak-hour voltage of each bus.

    A feeder none of whose steps converged has nan everywhere.
    """
    count = len(feeder.buses.name)
    groups = _groups(feeder.nodes.bus, np.arange(len(feeder.nodes.name)), live_nodes(feeder))
    v_min, _ = _reduce(found.low_pu[None], *groups, count)
    _, v_max = _reduce(found.high_pu[None], *groups, count)
    below, above = _reduce(found.at_peak_pu[None], *groups, count)
    worst = np.where(1.0 - below > above - 1.0, below, above)
    return BusVoltages(v_min[0], v_max[0], worst[0])


def _groups(owner: Index, node: Index, keep: Flag) -> tuple[Index, Index]:
    """Nodes sorted by owner, with the owner of each."""
    order = np.argsort(owner[keep], kind="stable")
    return owner[keep][order], node[keep][order]


def _reduce(v_pu: Col, owner: Index, node: Index, count: int) -> tuple[Col, Col]:
    low, high = np.full((len(v_pu), count), np.nan), np.full((len(v_pu), count), np.nan)
    if owner.size:
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        low[:, owner[first]] = np.minimum.reduceat(v_pu[:, node], first, axis=1)
        high[:, owner[first]] = np.maximum.reduceat(v_pu[:, node], first, axis=1)
    return low, high
