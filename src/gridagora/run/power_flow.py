"""The exact power flow of a run: every interval, every meter, and what homes saw of it."""

from functools import reduce
from typing import NamedTuple

import numpy as np

from gridagora.core.feeder import Feeder, live_nodes
from gridagora.core.flow import HUNTING, ControlState, Flow
from gridagora.core.inverters import FollowedRule, Infeed
from gridagora.core.ports import Grid
from gridagora.core.records import RunColumn, interval_blocks
from gridagora.core.tables import Col, Index
from gridagora.grid.controls import moves
from gridagora.grid.flow import held_state
from gridagora.grid.limits import Extremes, bus_voltages, extremes, wider
from gridagora.kernels.flow.fixed_point import BLOCK
from gridagora.results.control_moves import CAPACITOR, REGULATOR, ControlMoves, find_moves
from gridagora.results.outcome import NetworkResult
from gridagora.run.flow_folds import FlowFolds
from gridagora.run.infeed import FollowedRun, infeed_of_run
from gridagora.run.nodal_prices import PriceFold, PriceTerms
from gridagora.run.record import open_recorder

POWER_FACTOR = 0.95  # of appliances and motors; PV and batteries run at unity where no market asks them for more
VOLTAGE = "home_v_pu"  # name of the column of voltages
TAN_PHI = float(np.tan(np.arccos(POWER_FACTOR)))


class Wiring(NamedTuple):
    """The grid of a run: its flow, the meter of every home (n,), and what other meters draw by hour, (H, j) [kW]."""

    grid: Grid
    home_meter: Index
    other_kw: Col
    inverters: FollowedRule | None = None  # of panels; None: unity power factor


def flow_of_interval(
    wiring: Wiring,
    home_kw: Col,
    reactive_kw: Col,
    hour: int,
    before: ControlState | None = None,
    *,
    infeed: Infeed | None = None,
) -> Flow:
    """Return the flow of one interval: net power of every home and the part of it at `POWER_FACTOR`, shape (n,) each [kW].

    Controls start from their state `before`; left out: as the source of the feeder leaves them. Inverters of `infeed` follow
    voltage, and what they give is not part of the net power of homes.
    """
    drawn = meter_powers(
        wiring.home_meter, home_kw[:, None], reactive_kw[:, None], wiring.other_kw[hour : hour + 1]
    )
    if infeed is None:
        return wiring.grid.flow(drawn[0][0], drawn[1][0], before)
    return wiring.grid.flow(drawn[0][0], drawn[1][0], before, infeed)


def meter_powers(
    home_meter: Index, home_kw: Col, reactive_kw: Col, other_kw: Col, given_kvar: Col | None = None
) -> tuple[Col, Col]:
    """Return what every meter draws, active and reactive, shape (t, j) each [kW], [kvar]; arguments as in `watch`."""
    j = other_kw.shape[1]
    p_kw = _by_meter(home_kw, home_meter, j) + other_kw
    q_kvar = TAN_PHI * (_by_meter(reactive_kw, home_meter, j) + other_kw.clip(min=0))
    return p_kw, q_kvar if given_kvar is None else q_kvar + _by_meter(given_kvar, home_meter, j)


def _by_meter(home: Col, home_meter: Index, meters: int) -> Col:
    """Return the sum of homes (n, t) behind each of the meters, shape (t, j); a matrix of homes by meters would be large."""
    total = np.zeros((meters, home.shape[1]))
    np.add.at(total, home_meter, home)
    return np.ascontiguousarray(total.T)


def solve_run(
    grid: Grid,
    home_meter: Index,
    home_kw: RunColumn,
    reactive_kw: RunColumn,
    other_kw: Col,
    dt_h: float,
    given_kvar: Col | None = None,
    prices: PriceTerms | None = None,
    followed: FollowedRun | None = None,
    outdoor_c: Col | None = None,
) -> NetworkResult:
    """Solve the network of a run, some intervals at a time: the voltages of all nodes in all intervals take much room.

    Parameters
    ----------
    home_kw, reactive_kw
        Net power of every home and the part of it drawn at `POWER_FACTOR`, shape (n, t) [kW].
    other_kw, dt_h
        Load of everybody else by the hour, shape (H, j) [kW]; what feeds in, below zero, gives no reactive power; and the length
        of an interval [h].
    given_kvar
        Reactive power that inverters of homes are told to draw, below zero to give, shape (n, t) [kvar]; left out: none.
    prices
        What is wanted of nodal prices; left out: nothing.
    followed
        Inverters that followed voltage and so drew `given_kvar`, whose curves prices hold; left out: none did.
    outdoor_c
        Of the air, shape (t,) [degC], in which transformers age; left out: nothing is said of that.
    """
    feeder = grid.feeder
    live = live_nodes(feeder)
    first: dict[int, list[int]] = {}
    for row, meter in enumerate(feeder.loads.meter):
        first.setdefault(int(meter), []).append(row)
    ends = np.stack([feeder.loads.from_node, feeder.loads.to_node], 1)
    nodes = [sorted({int(k) for k in ends[first[int(m)]].flat if k >= 0}) for m in home_meter]
    nodes = [[k for k in group if live[k]] for group in nodes]
    n, t = home_kw.shape
    record, found = open_recorder(t, {VOLTAGE: n}), []
    tops: list[Extremes] = []
    fold = None if prices is None else PriceFold(grid, prices, home_meter, dt_h)
    figures = FlowFolds(feeder, t, dt_h, outdoor_c)
    before: ControlState | None = None
    track = list[Index]()
    for at in interval_blocks((len(feeder.nodes.name), t), BLOCK):
        other = other_kw[np.arange(at.start, at.stop) // round(1 / dt_h)]
        given = None if given_kvar is None else given_kvar[:, at]
        drawn = home_kw[:, at], reactive_kw[:, at]
        flow = grid.flow(*meter_powers(home_meter, *drawn, other, given), before)
        before = flow.after
        track.append(np.column_stack([flow.tap, flow.steps_on, flow.actions >= HUNTING]))
        if fold is not None:
            priced = flow
            if followed is not None:
                priced = flow._replace(infeed=infeed_of_run(followed, home_meter, at))
            fold.add(at, priced, np.asarray(drawn[0]))
        home_v = np.stack([flow.v_pu[:, group].mean(1) for group in nodes])
        for i in range(home_v.shape[1]):
            record.write(at.start + i, VOLTAGE, home_v[:, i])
        tops = [reduce(wider, [*tops, extremes(flow)])]
        figures.add(flow)
        power = flow.losses_kw, flow.substation_p_kw, flow.substation_q_kvar
        edges = home_v.min(0), home_v.max(0), np.median(home_v, axis=0)
        found.append((*power, *edges, flow.converged, flow.mismatch_kva))
    losses_kw, p_kw, q_kvar, v_min, v_max, v_median, converged, mismatch = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    voltages, buses = record.column(VOLTAGE), bus_voltages(feeder, tops[0])
    seen = losses_kw, p_kw, q_kvar, v_min, v_max, voltages
    failed = int((~converged).sum())
    moved = _control_moves(feeder, np.concatenate(track)) if moves(feeder) else None
    solved = NetworkResult(
        *seen,
        *buses,
        failed,
        float(np.nanmax(mismatch)),
        controls=moved,
        v_median_pu=v_median,
    )._replace(**figures.found()._asdict())
    if fold is None:
        return solved
    return solved._replace(nodal=fold.series(), marginal_losses=fold.marginal_losses())


def _control_moves(feeder: Feeder, track: Index) -> ControlMoves:
    """Return the movements of the controls of a feeder; in `track` (t, r + 1) their positions, and whether they hunted."""
    own, banks, start = feeder.regulators, feeder.capacitors, held_state(feeder)
    controlled = np.isin(np.arange(len(banks.name)), feeder.capacitor_controls.bank)
    shown = np.concatenate([(own.transformer >= 0) & (own.at_once > 0), controlled])
    names = np.array([*own.name, *banks.name], object)[shown]
    kinds = np.array([REGULATOR] * len(own.name) + [CAPACITOR] * len(banks.name), object)[shown]
    first = np.concatenate([start.tap, start.steps_on])[shown]
    position, hunting = track[:, :-1][:, shown], int(track[:, -1].sum())
    return find_moves(tuple(names), tuple(kinds), position, first, hunting)
