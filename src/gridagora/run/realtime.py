"""One interval of real time: hear tenders, clear, dispatch, step the physics."""

from typing import NamedTuple

import numpy as np

from gridagora.core.device import Moment, moment_at, total_by_home
from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes
from gridagora.core.flow import Flow
from gridagora.core.rules import Bidder, Pricing
from gridagora.core.session import BehindTheMeter, Clearing
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.population import fleet as homes_at
from gridagora.run import internal_price as behind
from gridagora.run import starts
from gridagora.run.by_run import DevicesByRun, join_awards, join_quotes, split_devices
from gridagora.run.clearing import clear_runs
from gridagora.run.demand_terms import counts_demand
from gridagora.run.follow_voltage import follow_voltage, rate_homes
from gridagora.run.home_limits import limit_interval
from gridagora.run.opening import interval_product
from gridagora.run.orders import NO_ORDERS, Orders, command, place, replace_curves
from gridagora.run.outages import hear_quotes, release_devices
from gridagora.run.power_flow import flow_of_interval
from gridagora.run.reactive import inverter_kw
from gridagora.run.record import FOLLOWED, OFFERED, sum_interval, write_interval
from gridagora.run.state import DemandSide, RunState, follows_voltage, wiring_of

NO_CURVES = Curves(np.zeros(1, np.int64), np.zeros(0), np.zeros(0))


class Stepped(NamedTuple):
    """How an interval ended at the market, as homes know it, and at their devices."""

    clearing: Clearing
    delivered: homes_at.Delivered
    home_kw: Col  # (n,) net power of every home
    award_kw: Col | None  # (n,) what every home was awarded


def moment_of(desk: RunState | DemandSide) -> Moment:
    """Return the interval that a run is at."""
    study = desk.study if isinstance(desk, RunState) else desk.runs[0].study
    return moment_at(desk.interval, study.dt_h)


def run_interval(demand: DemandSide, asked: Orders = NO_ORDERS) -> list[Stepped]:
    """Clear and deliver the interval that a demand side is at, with the market of each of its runs.

    A controller may ask devices otherwise than their homes do. Homes of all runs bid, respond and step together; each market
    hears its own.
    """
    moment, fleet, plan, i = moment_of(demand), demand.fleet, demand.plan, demand.interval
    load_kw, n = demand.load_kw[moment.hour], demand.load_kw.shape[1]
    expected_kw = demand.expected_kw[moment.hour]
    rows = () if plan is None else plan.rows
    owner = np.arange(n) if plan is None else plan.home
    curves = (
        NO_CURVES
        if plan is None
        else homes_at.tender(fleet, plan, moment.hour, moment.end_share, moment.now_s)
    )
    placed = place(asked, fleet, plan, moment)
    passed_h = moment.end_share - moment.dt_h
    inner = BehindTheMeter(
        replace_curves(curves, rows, placed),
        owner,
        expected_kw,
        *limit_interval(demand.meters.limits, demand.meters.used_kwh, passed_h),
        None if demand.meters.fee_per_kwh is None else demand.meters.fee_per_kwh[:, 0],
    )
    among = split_devices(inner, demand.first_home)
    closed = clear_runs(demand, i, inner, among)
    offline = _offline(demand)
    power, way = _dispatch(demand, inner, among, [clearing for clearing, _ in closed], offline)
    if demand.wait is not None and plan is not None and power is not None and _is_posted(demand):
        power = _delay_starts(demand.wait, power, inner, plan, moment.dt_h)
    told = homes_at.by_group(fleet, power, rows)
    if offline is not None and demand.runs[0].bidder is Bidder.DEVICE and not _is_posted(demand):
        told = release_devices(told, fleet, offline)
    if demand.automated is not None:
        told = release_devices(told, fleet, ~demand.automated)
    orders, outside = command(told, fleet, placed)
    curtails = not demand.runs[0].rules.is_tariff
    got = homes_at.step_groups(
        fleet,
        orders,
        moment.hour,
        moment.now_s,
        load_kw,
        way,
        outside,
        curtails=curtails,
        export_kw=inner.export_kw,
    )
    got = cut_by_voltage(demand, got, load_kw, moment.hour)
    demand.metered_kw = homes_at.meter_kw(load_kw, got)
    demand.meters.count(demand.metered_kw, moment.dt_h, moment.end_share)
    if moment.end_share == 1.0:
        demand.meters.count_demand(counts_demand(demand, moment.hour)[:, 0])
    award_kw = _awards_kw(demand, power, owner, expected_kw, [award for _, award in closed])
    home_kw = record_interval(demand, i, got, award_kw)
    for run, desk in enumerate(demand.runs):
        if desk.rules.sees_flow and not follows_voltage(desk.study):
            own = demand.homes_of_run(run)
            desk.flow = _flow(desk, fleet, got.kind_kw[:, own], demand.metered_kw[own], moment.hour)
    demand.interval += 1
    return [
        Stepped(
            clearing,
            got,
            home_kw[demand.homes_of_run(run)],
            None if award_kw is None else award_kw[demand.homes_of_run(run)],
        )
        for run, (clearing, _) in enumerate(closed)
    ]


def _is_posted(demand: DemandSide) -> bool:
    return demand.runs[0].rules.pricing is Pricing.POSTED


def _offline(demand: DemandSide) -> Flag | None:
    """Return the homes whose agent is offline in the next interval, (n,); None where no agent ever is."""
    links = [desk.study.links for desk in demand.runs]
    if all(each.outages is None for each in links):
        return None
    found = []
    for run, (desk, each) in enumerate(zip(demand.runs, links, strict=True)):
        own, now_s = demand.homes_of_run(run), interval_product(desk, demand.interval).start_s
        none = np.zeros(own.stop - own.start, np.bool_)
        found.append(none if each.outages is None else each.outages.offline(now_s))
    return np.concatenate(found)


def _dispatch(
    demand: DemandSide,
    inner: BehindTheMeter,
    among: DevicesByRun,
    clearings: list[Clearing],
    offline: Flag | None,
) -> tuple[Col | None, Index | None]:
    """Return what every device takes, (r,) [kW], or None where each follows its own switch, and which way homes trade (n,)."""
    strategy = demand.runs[0].strategy
    if clearings[0].posted is not None:
        posted = join_quotes([_posted(clearing) for clearing in clearings], among)
        if offline is not None and not demand.runs[0].rules.is_tariff and len(inner.home):
            last = demand.heard
            posted, demand.heard = hear_quotes(posted, inner.home, offline, last)
        heard_inside, way = behind.quote_devices(posted, inner)
        return strategy.dispatch(inner, Clearing(posted=heard_inside)), way
    awards = [each.transactions for each in clearings if each.transactions is not None]
    if demand.runs[0].bidder is Bidder.HOME and len(awards) == len(clearings):
        return strategy.dispatch(inner, Clearing(join_awards(awards))), None
    answers = [
        strategy.dispatch(part, clearing)
        for part, clearing in zip(among.parts, clearings, strict=True)
    ]
    return among.join(answers), None


def _posted(clearing: Clearing) -> Quotes:
    if clearing.posted is None:
        raise PartError("runs in step: one design posted a price and another did not")
    return clearing.posted


def _delay_starts(
    wait: starts.StartDelay,
    power: Col,
    inner: BehindTheMeter,
    plan: homes_at.FleetPlan,
    dt_h: float,
) -> Col:
    """Return the power of every device, (r,) [kW], where a start waits for the offset of its home."""
    path = plan.price_per_kwh
    dearest = np.broadcast_to(path, (len(inner.net_kw), path.shape[-1])).max(1)
    return starts.delay_starts(wait, power, inner.curves, inner.home, plan.rows, dearest, dt_h)


def _awards_kw(
    demand: DemandSide, power: Col | None, owner: Index, load_kw: Col, awarded: list[Col | None]
) -> Col | None:
    """Return what every home was awarded, (n,) [kW]: itself, or through its devices; None where nothing is."""
    if demand.runs[0].bidder is Bidder.DEVICE:
        return None if power is None else load_kw + total_by_home(power, owner, len(load_kw))
    found = [award for award in awarded if award is not None]
    if not found:
        return None
    return found[0] if len(demand.runs) == 1 else np.concatenate(found)


def _flow(desk: RunState, fleet: homes_at.Fleet, kind_kw: Col, metered_kw: Col, hour: int) -> Flow:
    """Return the power flow of an interval that was just delivered."""
    inverters_kw = inverter_kw([group.about for group in fleet.groups], kind_kw, metered_kw.shape)
    before = None if desk.flow is None else desk.flow.after
    return flow_of_interval(
        wiring_of(desk.study), metered_kw, (metered_kw - inverters_kw).clip(min=0), hour, before
    )


def cut_by_voltage(
    demand: DemandSide, got: homes_at.Delivered, load_kw: Col, hour: int
) -> homes_at.Delivered:
    """Return what devices delivered once inverters of panels have followed the voltage at their meter, if any does.

    What is cut is missing at the meter; the reactive power of inverters and what they could give are written to the record.
    `load_kw` (n,) is that of homes beside devices [kW].
    """
    if not any(follows_voltage(desk.study) for desk in demand.runs):
        return got
    kind_kw, drawn_kvar = got.kind_kw.copy(), np.zeros(len(load_kw))
    offered_kw = drawn_kvar.copy()
    for run, desk in enumerate(demand.runs):
        if not follows_voltage(desk.study):
            continue
        own, groups = demand.homes_of_run(run), demand.fleet.groups
        if desk.rated is None:
            desk.rated = rate_homes(groups, own, wiring_of(desk.study).inverters)
        at = follow_voltage(
            wiring_of(desk.study),
            groups,
            desk.rated,
            got.kind_kw[:, own],
            load_kw[own],
            hour,
            desk.stands,
        )
        kind_kw[:, own], drawn_kvar[own], desk.stands = at.kind_kw, at.given_kvar, at.flow.after
        offered_kw[own] = at.available_kw
        if desk.rules.sees_flow:
            desk.flow = at.flow
    demand.recorder.write(demand.interval, FOLLOWED, drawn_kvar)
    demand.recorder.write(demand.interval, OFFERED, offered_kw)
    return got._replace(kind_kw=kind_kw)


def record_interval(
    demand: DemandSide, i: int, got: homes_at.Delivered, award_kw: Col | None = None
) -> Col:
    """Write what interval i delivered, and what homes were awarded (n,) [kW], to the record; return their net power (n,) [kW]."""
    load_kw = demand.load_kw[i // round(1 / demand.runs[0].study.dt_h)]
    home_kw = write_interval(
        demand.recorder, i, demand.fleet.groups, load_kw, got.kind_kw, got.series, award_kw
    )
    for run, desk in enumerate(demand.runs):
        own = demand.homes_of_run(run)
        desk.track.worst[0] = max(desk.track.worst[0], got.balance_kwh[own].max(initial=0.0))
        sum_interval(
            desk.track, i, got.kind_kw[:, own], None if award_kw is None else award_kw[own]
        )
    return home_kw
