"""The exact power flow of a run: every interval, every meter, and what homes saw of it."""

import numpy as np

from gridagora.core.feeder import Feeder, live_nodes
from gridagora.core.outcome import Network
from gridagora.core.tables import Col, Index
from gridagora.grid.flow import Factors, solve
from gridagora.grid.limits import bus_voltages

POWER_FACTOR = 0.95  # of appliances and motors; PV and batteries run at unity where no market asks them for more
TAN_PHI = float(np.tan(np.arccos(POWER_FACTOR)))


def watch(
    feeder: Feeder,
    factors: Factors,
    home_meter: Index,
    home_kw: Col,
    reactive_kw: Col,
    other_kw: Col,
    threads: int = 2,
    given_kvar: Col | None = None,
) -> Network:
    """Solve the network of a run.

    Parameters
    ----------
    home_kw, reactive_kw
        Net power of every home and the part of it drawn at `POWER_FACTOR`, shape (n, t) [kW].
    other_kw
        Load of everybody else, shape (t, j) [kW]; what feeds in, below zero, gives no reactive power.
    given_kvar
        Reactive power that inverters of homes are told to draw, below zero to give, shape (n, t) [kvar]; left out: none.
    """
    j = len(feeder.meter_name)
    place = np.zeros((len(home_meter), j))
    place[np.arange(len(home_meter)), home_meter] = 1.0
    p_kw = home_kw.T @ place + other_kw
    q_kvar = TAN_PHI * (reactive_kw.T @ place + other_kw.clip(min=0))
    if given_kvar is not None:
        q_kvar = q_kvar + given_kvar.T @ place
    flow = solve(feeder, p_kw, q_kvar, factors=factors, threads=threads)
    live = live_nodes(feeder)
    first = {}
    for row, meter in enumerate(feeder.load_meter):
        first.setdefault(int(meter), []).append(row)
    ends = np.stack([feeder.load_from, feeder.load_to], 1)
    nodes = [sorted({int(k) for k in ends[first[int(m)]].flat if k >= 0}) for m in home_meter]
    nodes = [[k for k in group if live[k]] for group in nodes]
    home_v = np.stack([flow.v_pu[:, group].mean(1) for group in nodes])
    failed = int((~flow.converged).sum())
    return Network(
        flow.losses_kw,
        flow.substation_p_kw,
        flow.substation_q_kvar,
        home_v.min(0),
        home_v.max(0),
        home_v,
        *bus_voltages(feeder, flow),
        failed,
        float(np.nanmax(flow.mismatch_kva)),
    )
