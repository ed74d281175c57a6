"""One hour of real time: hear tenders, clear, dispatch, step the physics, interval by interval."""

import numpy as np

from gridagora.core.exchange import NETWORK, Quotes, Status, Tenders, Transactions
from gridagora.core.outcome import Trades
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import Behind, Call, Game, drive, hours_of
from gridagora.core.tables import Col
from gridagora.kernels.behind import at_own
from gridagora.kernels.curve import Curves
from gridagora.run import behind, starts
from gridagora.run import fleet as homes_at
from gridagora.run.desk import Desk
from gridagora.run.links import deliver, heard
from gridagora.run.outlook import supply
from gridagora.run.unsound import generator, refuse_unsound

NO_CURVES = Curves(np.zeros(1, np.int64), np.zeros(0), np.zeros(0))


def run_hour(desk: Desk, hour: int, plan: homes_at.Plan | None) -> None:
    """Clear and deliver the intervals of one hour."""
    fleet, load_kw, per = desk.fleet, desk.load_kw[hour], round(1 / desk.study.dt_h)
    sessions = np.zeros(0, np.int64) if plan is None else plan.sessions
    owner = np.arange(len(load_kw)) if plan is None else homes_at.owners(fleet, sessions)
    for m in range(per):
        i, now_s = hour * per + m, 3600.0 * (hour + m * desk.study.dt_h)
        curves = NO_CURVES if plan is None else homes_at.tender(fleet, plan, hour, (m + 1) / per, now_s)
        inner = Behind(curves, owner, load_kw)
        quotes, trades = _cleared(desk, i, now_s, inner)
        quotes, way = behind.hear(quotes, curves, owner, load_kw)
        power = desk.strategy.dispatch(inner, quotes, trades)
        if desk.wait is not None and plan is not None and power is not None and not len(trades.party):  # a price is posted
            dearest = np.broadcast_to(plan.price_per_kwh, (len(load_kw), plan.price_per_kwh.shape[-1])).max(1)
            power = starts.hold(desk.wait, power, curves, owner, sessions, dearest, desk.study.dt_h)
        curtails = desk.whole or bool(np.isnan(desk.tariff_per_kwh[i]))  # a posted tariff asks no panel to stop
        got = homes_at.step(fleet, power, sessions, hour, now_s, load_kw, way, curtails=curtails)
        desk.metered_kw = load_kw + got.hvac_kw + got.water_heater_kw + got.battery_kw + got.ev_kw + got.pv_kw
        record(desk, i, got)
        if power is not None and not desk.whole and len(trades.party):
            desk.track.award_kw[i] = load_kw + homes_at.spread(power, owner, len(load_kw))


def _cleared(desk: Desk, i: int, now_s: float, inner: Behind) -> tuple[Quotes, Transactions]:
    """Run the session of one interval; return the last quotes and the transactions as homes know of them."""
    study, track = desk.study, desk.track
    product = Product(Commodity.P, study.start_s + round(now_s), round(3600 * study.dt_h), Horizon.REAL_TIME, 0)
    hour = i // round(1 / study.dt_h)
    base_kw = study.other_kw[hour] + (0.0 if desk.whole else inner.net_kw.sum())
    call = Call(
        product,
        np.arange(len(inner.net_kw) if desk.whole else len(inner.home)),
        supply(study.wholesale, desk.wholesale_per_kwh[i : i + 1], np.array([base_kw])),
        desk.tariff_per_kwh[i : i + 1],
        (),
        desk.tariff_per_kwh[:0],
        hours_of(study.site, hour, 1) if desk.whole and study.site is not None else None,
        leads=desk.leads if desk.whole else None,
        agreed_per_kwh=desk.agreed_per_kwh if desk.whole else None,
    )
    sent: list[Tenders] = []

    def ask(quotes: Quotes | Game) -> Tenders | None:
        del quotes
        tenders = desk.strategy.tender(call, inner)
        if tenders is None or not desk.whole:
            return tenders
        sent.append(tenders)
        desk.inbox, arrived = deliver(study.links, desk.inbox, tenders, desk.metered_kw)
        return arrived

    session = generator(desk, desk.market.session(call))
    result, quotes, desk.traffic, passed, local = drive(session, ask, desk.traffic, private=desk.private)
    refuse_unsound(desk, result, quotes, len(call.party))
    desk.unconverged += bool((result.status == Status.ROUNDS_SPENT).any())
    if desk.private:  # what homes do not trade with each other is the supplier's, at its prices
        _trade(desk, i, local)
        pair = (call.supply.import_per_kwh, call.supply.export_per_kwh)
    elif len(result.party):
        pair = (result.price_per_kwh[:, 0],) * 2
    else:
        pair = (quotes.buy_per_kwh[:, 0], quotes.sell_per_kwh[:, 0])
    track.price_per_kwh[i], track.credit_per_kwh[i] = (price[0] for price in pair)
    if desk.whole:
        track.award_kw[i] = result.p_kw[:, 0]
    if len(track.own_per_kwh):
        track.own_per_kwh[i] = result.price_per_kwh[:, 0]
        track.price_per_kwh[i] = track.credit_per_kwh[i] = _mean_per_kwh(result)
    if passed is not None and len(track.place_per_kwh):
        track.place_per_kwh[:, i] = passed.down.buy_per_kwh[:, 0]
        track.price_per_kwh[i] = track.credit_per_kwh[i] = track.place_per_kwh[-1, i]
    return quotes, _known(desk, result, sent[-1]) if sent and study.links.loss_share else result


def _mean_per_kwh(result: Transactions) -> float:
    """Return the mean price of what homes buy and sell [$/kWh], weighted by quantity."""
    moved = np.abs(result.p_kw[:, 0])
    return float((result.price_per_kwh[:, 0] * moved).sum() / max(moved.sum(), 1e-9))


def _trade(desk: Desk, i: int, local: Transactions | None) -> None:
    """Record what homes bought of each other, and what they paid; the operator is paid what is owed to the network.

    It also keeps the accounts of managers, which are parties after the homes and come out even.
    """
    if local is None or not len(local.party):
        return
    n = desk.load_kw.shape[1]
    moves = local.counterparty != NETWORK
    for side, add in ((local.party, np.add), (local.counterparty, np.subtract)):
        own = moves & (side < n)
        add.at(desk.track.local_kw[i], side[own], local.p_kw[own, 0])
    payer, payee = np.minimum(local.party, n), np.where(moves, np.minimum(local.counterparty, n), n)
    usd = local.p_kw[:, 0] * local.price_per_kwh[:, 0] * desk.study.dt_h
    desk.trades.append(Trades(np.full(len(usd), i), payer, payee, local.p_kw[:, 0], usd, ~moves))


def _known(desk: Desk, awarded: Transactions, sent: Tenders) -> Transactions:
    """Return the awards as homes know them: who does not hear the award keeps to its curve at the last price it heard."""
    hears = heard(desk.study.links, len(awarded.party), awarded.product.start_s)
    desk.heard_per_kwh = np.where(hears, awarded.price_per_kwh[:, 0], desk.heard_per_kwh)
    alone: Col = at_own(Curves(sent.offset, sent.p_kw, sent.price_per_kwh), desk.heard_per_kwh, np.ones(len(hears)))
    return awarded._replace(p_kw=np.where(hears, awarded.p_kw[:, 0], alone)[:, None], price_per_kwh=desk.heard_per_kwh[:, None])


def record(desk: Desk, i: int, got: homes_at.Delivered) -> None:
    """Write what interval i delivered to the track of the run."""
    track = desk.track
    for kind, power in enumerate((got.hvac_kw, got.water_heater_kw, got.battery_kw, got.ev_kw, got.pv_kw)):
        track.kind_kw[kind, i] = power
    track.t_air_degc[i] = got.t_air_degc
    track.worst[0] = max(track.worst[0], got.balance_kwh)
    for total, part in ((track.starts, got.starts), (track.short_k_h, got.short_k_h), (track.short_k2_h, got.short_k2_h)):
        np.add(total, part, out=total)
