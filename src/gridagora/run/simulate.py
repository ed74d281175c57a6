"""One design on one scene: plan every hour, clear every interval, step the true physics every minute."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from gridagora.core.ports import Market
from gridagora.run.lookahead import plan_window
from gridagora.run.orders import NO_ORDERS, Orders
from gridagora.run.realtime import Stepped, moment_of, run_interval
from gridagora.run.settle import join_trades
from gridagora.run.state import DAY_H, FinishedRun, RunState, Setup, start_run


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
    began = perf_counter()
    desk = start_run(market, study)
    hours, per = DAY_H * study.days, round(1 / study.dt_h)
    for hour in range(hours):
        for _ in range(per):
            advance(desk)
        if progress is not None:
            progress(hour + 1, hours)
    return finish_run(desk, perf_counter() - began)


def advance(desk: RunState, asked: Orders = NO_ORDERS) -> Stepped:
    """Run the next interval of a desk, and plan before it where it begins an hour."""
    look_ahead(desk)
    return run_interval(desk, asked)


def look_ahead(desk: RunState) -> None:
    """Plan the hour that the desk is at, once, where homes plan at all."""
    hour = moment_of(desk).hour
    if desk.strategy.plans and desk.planned_h < hour:
        desk.plan, desk.planned_h = plan_window(desk, hour, desk.plan), hour


def finish_run(desk: RunState, wall_s: float) -> FinishedRun:
    """Return the run of a desk at its end."""
    t = len(desk.track.price_per_kwh)
    return FinishedRun(
        desk.track,
        desk.fleet,
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
    )
