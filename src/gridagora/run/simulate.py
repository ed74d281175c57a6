"""One design on one scene, or on several in step: plan every hour, clear every interval, step the true physics every minute."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from gridagora.core.device import DeviceOutcome, DeviceRecord
from gridagora.core.ports import DeviceGroup, Market
from gridagora.core.tables import Col
from gridagora.population.store_ends import find_states
from gridagora.run.lookahead import plan_window
from gridagora.run.orders import NO_ORDERS, Orders
from gridagora.run.realtime import Stepped, moment_of, run_interval
from gridagora.run.record import device_rows, power_of
from gridagora.run.settle import join_trades
from gridagora.run.state import DAY_H, DemandSide, FinishedRun, Lived, Setup, start_runs


def simulate(
    market: Market[Any], study: Setup, progress: Callable[[int, int], None] | None = None
) -> FinishedRun:
    """Run one design over the whole scene.

    Parameters
    ----------
    market
        The design.
    study
        What all designs share.
    progress
        Told (hours done, hours in all).
    """
    return simulate_runs([market], [study], progress)[0]


def simulate_runs(
    markets: Sequence[Market[Any]],
    studies: Sequence[Setup],
    progress: Callable[[int, int], None] | None = None,
) -> list[FinishedRun]:
    """Run one design on several scenes in step, a market and a study each: homes of all are rows of the same tables.

    Every run ends as it would alone, to the last bit.

    Raises
    ------
    PartError
        Studies that cannot be stepped together, as `start_runs` says.
    """
    began = perf_counter()
    demand, study = start_runs(markets, studies), studies[0]
    hours, per = DAY_H * study.days, round(1 / study.dt_h)
    for hour in range(hours):
        for _ in range(per):
            advance(demand)
        if progress is not None:
            progress(hour + 1, hours)
    return finish_runs(demand, perf_counter() - began)


def advance(demand: DemandSide, asked: Orders = NO_ORDERS) -> list[Stepped]:
    """Run the next interval of all runs, and plan before it where it begins an hour."""
    look_ahead(demand)
    return run_interval(demand, asked)


def look_ahead(demand: DemandSide) -> None:
    """Plan the hour that runs are at, once, where homes plan at all."""
    hour = moment_of(demand).hour
    if demand.runs[0].strategy.plans and demand.planned_h < hour:
        demand.plan, demand.planned_h = plan_window(demand, hour), hour


def finish_runs(demand: DemandSide, wall_s: float) -> list[FinishedRun]:
    """Return the runs of a demand side at their end; each is charged an even part of the time."""
    felt, study = value_devices(demand), demand.runs[0].study
    share_s = wall_s / len(demand.runs)
    found = [finish_run(demand, run, felt, share_s) for run in range(len(demand.runs))]
    if not study.closes_stores:
        return found
    states = find_states(demand.fleet.groups, DAY_H * study.days - 1)
    ends = [_states_of(demand, states, run) for run in range(len(found))]
    return [ran._replace(end_x=own) for ran, own in zip(found, ends, strict=True)]


def _states_of(demand: DemandSide, states: Mapping[str, Col], run: int) -> dict[str, Col]:
    """Return the states of the stores of one run by kind, (r, s) each [unit of the store]."""
    homes = demand.homes_of_run(run)
    rows = {kind: device_rows(demand.fleet.of_kind(kind).home, homes) for kind in states}
    return {kind: states[kind][own] for kind, own in rows.items()}


def value_devices(demand: DemandSide) -> tuple[DeviceOutcome, ...]:
    """Return what homes felt of every group of devices over the runs."""
    column, found = demand.recorder.column, []
    for group in demand.fleet.groups:
        series = {name: column(name) for name in group.about.series}
        power = column(power_of(group.about.kind))
        found.append(group.feel(DeviceRecord(power, series, demand.runs[0].study.dt_h)))
    return tuple(found)


def finish_run(
    demand: DemandSide, run: int, felt: Sequence[DeviceOutcome], wall_s: float
) -> FinishedRun:
    """Return one run at its end."""
    desk, own = demand.runs[run], demand.homes_of_run(run)
    t = len(desk.track.price_per_kwh)
    groups = [(demand.fleet.groups[row], felt[row]) for row in desk.track.group]
    whole = own == slice(0, demand.fleet.homes)
    return FinishedRun(
        desk.track,
        tuple(
            live_through(group, outcome if whole else take_homes(outcome, own), own)
            for group, outcome in groups
        ),
        desk.wholesale_per_kwh[:t],
        desk.traffic,
        desk.inbox,
        desk.parties,
        tuple(desk.positions.values()),
        join_trades(desk.trades),
        desk.unconverged,
        tuple(desk.games),
        wall_s,
        desk.rules.residual,
        demand.fleet if whole else None,
        desk.lean.bits,
        desk.capacity,
        demand.meters.beyond_usd[own],
        posted=demand.meters.tally.found(own),
        fee_usd=demand.meters.fee_usd[own],
        tier_usd=desk.study.network.tier_per_kwh * desk.tier_kwh
        if isinstance(desk.tier_kwh, np.ndarray)
        else None,
        billing=desk.billing,
        forecasts=tuple(desk.forecasts),
    )


def live_through(group: DeviceGroup, outcome: DeviceOutcome, homes: slice) -> Lived:
    """Return what the devices of some homes went through."""
    rows = device_rows(group.home, homes)
    rated = group.rated_kva()[rows] if group.about.has_inverter else np.zeros(0)
    return Lived(group.about, group.home[rows] - homes.start, rated, outcome)


def take_homes(outcome: DeviceOutcome, homes: slice) -> DeviceOutcome:
    """Return what some homes felt."""
    usd, felt, series = (
        {name: values[homes] for name, values in columns.items()} for columns in outcome[1:4]
    )
    available = outcome.available_kw
    return DeviceOutcome(
        outcome.left_kwh[homes], usd, felt, series, None if available is None else available[homes]
    )
