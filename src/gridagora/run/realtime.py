"""One interval of real time: hear tenders, clear, dispatch, step the physics."""

from typing import NamedTuple

import numpy as np

from gridagora.core.agents import refuse
from gridagora.core.device import Moment, moment_at, total_by_home
from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes, Status, Tenders, Transactions
from gridagora.core.flow import Flow
from gridagora.core.rules import Bidder, Pricing
from gridagora.core.session import BehindTheMeter, Clearing, GateOpen, SupplyOffer, drive
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.internal_price import power_at_own
from gridagora.population import fleet as homes_at
from gridagora.run import internal_price as behind
from gridagora.run import starts
from gridagora.run.by_run import DevicesByRun, join_awards, join_quotes, split_devices
from gridagora.run.comms import deliver
from gridagora.run.comms import draw_heard as hears_award
from gridagora.run.opening import interval_product, open_clear
from gridagora.run.orders import NO_ORDERS, Orders, command, place, replace_curves
from gridagora.run.outages import hear_quotes, release_devices
from gridagora.run.posted import post_interval
from gridagora.run.power_flow import flow_of_interval
from gridagora.run.reactive import inverter_kw
from gridagora.run.record import sum_interval, write_interval
from gridagora.run.settle import record_trades
from gridagora.run.state import OWN_PRICE, DemandSide, RunState, wiring_of
from gridagora.run.unsound import (
    check_generator,
    refuse_unlike,
    refuse_unsound,
    refuse_unsound_tenders,
)

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
    rows = () if plan is None else plan.rows
    owner = np.arange(n) if plan is None else plan.home
    curves = (
        NO_CURVES
        if plan is None
        else homes_at.tender(fleet, plan, moment.hour, moment.end_share, moment.now_s)
    )
    placed = place(asked, fleet, plan, moment)
    inner = BehindTheMeter(replace_curves(curves, rows, placed), owner, load_kw)
    among = split_devices(inner, demand.first_home)
    closed = [
        _clear(desk, i, part, demand.metered_kw[demand.homes_of_run(run)])
        for run, (desk, part) in enumerate(zip(demand.runs, among.parts, strict=True))
    ]
    offline = _offline(demand)
    power, way = _dispatch(demand, inner, among, [clearing for clearing, _ in closed], offline)
    if demand.wait is not None and plan is not None and power is not None and _is_posted(demand):
        power = _delay_starts(demand.wait, power, inner, plan, moment.dt_h)
    told = homes_at.by_group(fleet, power, rows)
    if offline is not None and demand.runs[0].bidder is Bidder.DEVICE and not _is_posted(demand):
        told = release_devices(told, fleet, offline)
    orders, outside = command(told, fleet, placed)
    curtails = not demand.runs[0].rules.is_tariff
    got = homes_at.step_groups(
        fleet, orders, moment.hour, moment.now_s, load_kw, way, outside, curtails=curtails
    )
    demand.metered_kw = homes_at.meter_kw(load_kw, got)
    award_kw = _awards_kw(demand, power, owner, load_kw, [award for _, award in closed])
    home_kw = record_interval(demand, i, got, award_kw)
    for run, desk in enumerate(demand.runs):
        if desk.rules.sees_flow:
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
        heard_inside, way = behind.quote_devices(posted, inner.curves, inner.home, inner.net_kw)
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
    return flow_of_interval(
        wiring_of(desk.study), metered_kw, (metered_kw - inverters_kw).clip(min=0), hour
    )


def _clear(
    desk: RunState, i: int, inner: BehindTheMeter, metered_kw: Col
) -> tuple[Clearing, Col | None]:
    """Run the session of one interval; return what homes know of how it ended, and what each was awarded (n,), if they bid."""
    if desk.rules.posts_hours and not desk.rules.sees_flow:
        return post_interval(desk, i, inner.home), None
    product = interval_product(desk, i)
    opening = open_clear(desk, product, len(inner.home))
    sent: list[Tenders] = []
    heard: list[Tenders] = []  # by the market: older curves where messages are late or lost

    def ask(message: object) -> Tenders | None:
        if not isinstance(message, GateOpen | Quotes):
            refuse(message, "GateOpen, Quotes")
        tenders = desk.strategy.tender(opening, inner)
        if tenders is not None:
            refuse_unsound_tenders(desk, tenders, len(opening.party))
        if tenders is None or desk.bidder is not Bidder.HOME:
            arrived = tenders
        else:
            desk.inbox, arrived = deliver(desk.study.links, desk.inbox, tenders, metered_kw)
        if tenders is not None and arrived is not None:
            sent.append(tenders)
            heard.append(arrived)
        return arrived

    session = check_generator(desk, desk.market.clear(opening, desk.state))
    clearing, desk.traffic = drive(
        session,
        ask,
        desk.traffic,
        private=desk.private,
        lean=desk.lean,
        accept=lambda found: refuse_unsound(desk, found, opening, heard[-1] if heard else None),
    )
    _record_prices(desk, i, opening.supply, clearing)
    awards = clearing.transactions
    if awards is None:
        return clearing, None
    desk.unconverged += bool((awards.status == Status.ROUNDS_SPENT).any())
    award_kw = awards.p_kw[:, 0] if desk.bidder is Bidder.HOME else None
    if sent and desk.bidder is Bidder.HOME and desk.study.links.lose_awards:
        clearing = clearing._replace(transactions=_known(desk, awards, sent[-1]))
    return clearing, award_kw


def _record_prices(desk: RunState, i: int, supply: SupplyOffer, clearing: Clearing) -> None:
    """Write import price and export credit of an interval as the pricing rule of the design has them."""
    track, awards, posted = desk.track, clearing.transactions, clearing.posted
    pricing = desk.rules.pricing
    if posted is not None:
        refuse_unlike(desk, posted)
        track.price_per_kwh[i], track.credit_per_kwh[i] = (
            posted.buy_per_kwh[0, 0],
            posted.sell_per_kwh[0, 0],
        )
    elif (
        pricing is Pricing.BILATERAL
    ):  # what homes do not trade with each other is the supplier's, at its prices
        if clearing.local is not None and len(clearing.local.party):
            desk.trades.append(record_trades(desk.parties, i, clearing.local, desk.study.dt_h))
        track.price_per_kwh[i], track.credit_per_kwh[i] = (
            supply.import_per_kwh[0],
            supply.export_per_kwh[0],
        )
    elif awards is not None and pricing is Pricing.UNIFORM:
        track.price_per_kwh[i] = track.credit_per_kwh[i] = awards.price_per_kwh[0, 0]
    elif awards is not None:
        track.price_per_kwh[i] = track.credit_per_kwh[i] = _mean_per_kwh(awards)
        if clearing.place_per_kwh is not None and len(track.place_per_kwh):
            track.place_per_kwh[:, i] = clearing.place_per_kwh
            track.price_per_kwh[i] = track.credit_per_kwh[i] = clearing.place_per_kwh[-1]
    own = awards.price_per_kwh[:, 0] if awards is not None and pricing in OWN_PRICE else None
    track.import_per_kwh[i] = track.price_per_kwh[i] if own is None else own
    track.export_per_kwh[i] = track.credit_per_kwh[i] if own is None else own


def _mean_per_kwh(result: Transactions) -> float:
    """Return the mean price of what homes buy and sell [$/kWh], weighted by quantity."""
    moved = np.abs(result.p_kw[:, 0])
    return float((result.price_per_kwh[:, 0] * moved).sum() / max(moved.sum(), 1e-9))


def _known(desk: RunState, awarded: Transactions, sent: Tenders) -> Transactions:
    """Return the awards as homes know them: who does not hear the award keeps to its curve at the last price it heard."""
    hears = hears_award(desk.study.links, len(awarded.party), awarded.product.start_s)
    desk.heard_per_kwh = np.where(hears, awarded.price_per_kwh[:, 0], desk.heard_per_kwh)
    alone: Col = power_at_own(
        Curves(sent.offset, sent.p_kw, sent.price_per_kwh), desk.heard_per_kwh, np.ones(len(hears))
    )
    return awarded._replace(
        p_kw=np.where(hears, awarded.p_kw[:, 0], alone)[:, None],
        price_per_kwh=desk.heard_per_kwh[:, None],
    )


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
