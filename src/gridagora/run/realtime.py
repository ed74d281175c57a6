"""One interval of real time: hear tenders, clear, dispatch, step the physics."""

from typing import NamedTuple

import numpy as np

from gridagora.core.agents import refuse
from gridagora.core.device import Moment, total_by_home
from gridagora.core.exchange import Quotes, Status, Tenders, Transactions
from gridagora.core.flow import Flow
from gridagora.core.rules import Bidder, Pricing
from gridagora.core.session import BehindTheMeter, Clearing, GateOpen, Opening, drive
from gridagora.core.tables import Col
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.internal_price import power_at_own
from gridagora.population import fleet as homes_at
from gridagora.run import internal_price as behind
from gridagora.run import starts
from gridagora.run.comms import deliver
from gridagora.run.comms import draw_heard as hears_award
from gridagora.run.opening import interval_product, open_clear
from gridagora.run.orders import NO_ORDERS, Orders, command, place, replace_curves
from gridagora.run.power_flow import flow_of_interval
from gridagora.run.reactive import inverter_kw
from gridagora.run.record import write_interval
from gridagora.run.settle import record_trades
from gridagora.run.state import OWN_PRICE, RunState, wiring_of
from gridagora.run.unsound import check_generator, refuse_unsound, refuse_unsound_tenders

NO_CURVES = Curves(np.zeros(1, np.int64), np.zeros(0), np.zeros(0))


class Stepped(NamedTuple):
    """How an interval ended at the market, as homes know it, and at their devices."""

    clearing: Clearing
    delivered: homes_at.Delivered
    home_kw: Col  # (n,) net power of every home
    award_kw: Col | None  # (n,) what every home was awarded


def moment_of(desk: RunState) -> Moment:
    """Return the interval that a desk is at."""
    per = round(1 / desk.study.dt_h)
    hour, within = divmod(desk.interval, per)
    return Moment(
        hour, 3600.0 * (hour + within * desk.study.dt_h), desk.study.dt_h, (within + 1) / per
    )


def run_interval(desk: RunState, asked: Orders = NO_ORDERS) -> Stepped:
    """Clear and deliver the interval that the desk is at; a controller may ask devices otherwise than their homes do."""
    moment, fleet, plan, i = moment_of(desk), desk.fleet, desk.plan, desk.interval
    load_kw = desk.load_kw[moment.hour]
    rows = () if plan is None else plan.rows
    owner = np.arange(len(load_kw)) if plan is None else homes_at.home_of_device(fleet, rows)
    curves = (
        NO_CURVES
        if plan is None
        else homes_at.tender(fleet, plan, moment.hour, moment.end_share, moment.now_s)
    )
    placed = place(asked, fleet, plan, moment)
    curves = replace_curves(curves, rows, placed)
    inner = BehindTheMeter(curves, owner, load_kw)
    (clearing, award_kw), way = _clear(desk, i, inner), None
    if clearing.posted is not None:
        heard_inside, way = behind.quote_devices(clearing.posted, curves, owner, load_kw)
        clearing = clearing._replace(posted=heard_inside)
    power = desk.strategy.dispatch(inner, clearing)
    if (
        desk.wait is not None
        and plan is not None
        and power is not None
        and clearing.posted is not None
    ):
        dearest = np.broadcast_to(
            plan.price_per_kwh, (len(load_kw), plan.price_per_kwh.shape[-1])
        ).max(1)
        power = starts.delay_starts(desk.wait, power, curves, owner, rows, dearest, desk.study.dt_h)
    orders, outside = command(homes_at.by_group(fleet, power, rows), fleet, placed)
    curtails = not desk.rules.is_tariff
    got = homes_at.step_groups(
        fleet, orders, moment.hour, moment.now_s, load_kw, way, outside, curtails=curtails
    )
    desk.metered_kw = homes_at.meter_kw(load_kw, got)
    if power is not None and desk.bidder is Bidder.DEVICE:
        award_kw = load_kw + total_by_home(power, owner, len(load_kw))
    home_kw = record_interval(desk, i, got, award_kw)
    if desk.rules.sees_flow:
        desk.flow = _flow(desk, got, moment.hour)
    desk.interval += 1
    return Stepped(clearing, got, home_kw, award_kw)


def _flow(desk: RunState, got: homes_at.Delivered, hour: int) -> Flow:
    """Return the power flow of an interval that was just delivered."""
    wiring = wiring_of(desk.study)
    inverters_kw = inverter_kw(desk.fleet, got.kind_kw, desk.metered_kw.shape)
    return flow_of_interval(
        wiring, desk.metered_kw, (desk.metered_kw - inverters_kw).clip(min=0), hour
    )


def _clear(desk: RunState, i: int, inner: BehindTheMeter) -> tuple[Clearing, Col | None]:
    """Run the session of one interval; return what homes know of how it ended, and what each was awarded (n,), if they bid."""
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
            desk.inbox, arrived = deliver(desk.study.links, desk.inbox, tenders, desk.metered_kw)
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
        accept=lambda found: refuse_unsound(desk, found, opening, heard[-1] if heard else None),
    )
    _record_prices(desk, i, opening, clearing)
    awards = clearing.transactions
    if awards is None:
        return clearing, None
    desk.unconverged += bool((awards.status == Status.ROUNDS_SPENT).any())
    award_kw = awards.p_kw[:, 0] if desk.bidder is Bidder.HOME else None
    if sent and desk.bidder is Bidder.HOME and desk.study.links.loss_share:
        clearing = clearing._replace(transactions=_known(desk, awards, sent[-1]))
    return clearing, award_kw


def _record_prices(desk: RunState, i: int, opening: Opening, clearing: Clearing) -> None:
    """Write import price and export credit of an interval as the pricing rule of the design has them."""
    track, awards, posted = desk.track, clearing.transactions, clearing.posted
    pricing = desk.rules.pricing
    if posted is not None:
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
            opening.supply.import_per_kwh[0],
            opening.supply.export_per_kwh[0],
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
    desk: RunState, i: int, got: homes_at.Delivered, award_kw: Col | None = None
) -> Col:
    """Write what interval i delivered, and what homes were awarded (n,) [kW], to the record; return their net power (n,) [kW]."""
    desk.track.worst[0] = max(desk.track.worst[0], got.balance_kwh)
    load_kw = desk.load_kw[i // round(1 / desk.study.dt_h)]
    return write_interval(desk.track, i, load_kw, got.kind_kw, got.series, award_kw)
