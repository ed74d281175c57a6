"""From a finished run to its outcome: comfort, wear and what was missed, in dollars; bills; what is left in the stores.

Theory 1.8.
"""

import numpy as np

from gridagora.core.ledger import Agreed, bill_usd, join, paid_uusd
from gridagora.core.outcome import Exchange, Outcome, Paid
from gridagora.core.parties import Parties, Role, row_of
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.retail_agents import certified, warnings
from gridagora.core.rules import Residual
from gridagora.core.tables import Col
from gridagora.run.desk import DAY_H, HOUR_S, Ran, Study, home_kw, other_kw, prosumers
from gridagora.run.fleet import spread
from gridagora.run.settle import MeterPrices, Settlement, book_trades, deviation_charge, retail_margin, settle, traded_kw
from gridagora.run.starts import together

BAND_K = 1.0  # discomfort counts beyond this distance from the set point
QUARTER_H = 0.25  # comfort is felt as the mean of a quarter of an hour (theory 1.8)


def score(name: str, ran: Ran, study: Study) -> Outcome:
    """Return the outcome of a run, without the network, which is solved apart.

    References
    ----------
    Comfort k/2 (T - bliss)^2 on 15-minute means, the same bliss for all designs: docs/why.
    """
    homes, w, dt, track, fleet = study.homes, study.wholesale, study.dt_h, ran.track, ran.fleet
    per, hours, n = round(1 / dt), DAY_H * study.days, len(homes.home_id)

    def fine(hourly: Col) -> Col:
        return np.repeat(hourly[:, :hours], per, axis=1)

    by_kind, meter_kw, others_kw = track.kind_kw.transpose(0, 2, 1), home_kw(track, study), other_kw(study)
    served = fine(fleet.hvac.rated_kw) > 0  # without a unit for the mode of the hour, nothing that anybody does is felt
    dev = np.where(served, track.t_air_degc.T - fine(fleet.hvac.best_degc), 0.0)
    quarter = dev.reshape(n, -1, max(1, round(QUARTER_H / dt))).mean(2)
    away = (np.abs(track.t_air_degc.T - fine(homes.t_set_degc)) - BAND_K).clip(min=0) * served
    missing = np.maximum(fleet.ev.need_kwh - fleet.ev_kwh, 0)
    moved = np.abs(by_kind[2, fleet.battery.home]).sum(1) * dt
    award_kw = track.award_kw.T
    s, prices = settlement(ran.parties, study), MeterPrices(track.import_per_kwh.T, track.export_per_kwh.T)
    supplied_kw = meter_kw - traded_kw(ran.parties, ran.trades, meter_kw.shape) if len(ran.trades.usd) else meter_kw
    energy = settle(s, supplied_kw, prices, ran.wholesale_per_kwh, ran.positions, others_kw)
    ledger = join([energy, book_trades(s, ran.trades), deviation_charge(s, meter_kw, award_kw, homes.quality)])
    if ran.residual is Residual.PROSUMERS:
        ledger = join([ledger, retail_margin(s, ledger, prosumers(homes))])
    paid = paid_uusd(ledger, len(ran.parties.id))
    t = hours * per
    return Outcome(
        name=name,
        start_s=study.start_s + np.arange(t) * round(3600 * dt),
        dt_h=dt,
        limit_kw=w.limit_kw,
        over_per_kwh=w.over_per_kwh,
        delivery_per_kwh=w.delivery_per_kwh,
        export_credit_per_kwh=w.export_credit_per_kwh,
        wholesale_per_kwh=ran.wholesale_per_kwh,
        price_per_kwh=track.price_per_kwh,
        credit_per_kwh=track.credit_per_kwh,
        load_kw=meter_kw.sum(0) + others_kw,
        other_kw=others_kw,
        committed_kw=track.award_kw.sum(1),
        award_kw=award_kw,
        place_per_kwh=track.place_per_kwh,
        fixed_kw=fine(homes.load_kw).sum(0),
        hvac_kw=by_kind[0].sum(0),
        water_heater_kw=by_kind[1].sum(0),
        battery_kw=by_kind[2].sum(0),
        ev_kw=by_kind[3].sum(0),
        pv_kw=0.0 - by_kind[4].sum(0),
        home_kw=meter_kw,
        home_pv_kw=fine(homes.pv_kw),
        comfort_dev_k=dev,
        discomfort_k_h=away.sum(1) * dt,
        comfort_usd=fleet.hvac.comfort_per_k2_h / 2 * (quarter**2).sum(1) * QUARTER_H,
        wear_usd=spread(fleet.battery.wear_per_kwh * moved, fleet.battery.home, n),
        hot_water_usd=spread(fleet.tank.discomfort_per_k2_h, fleet.tank.home, n) / 2 * track.short_k2_h,
        hot_water_k_h=track.short_k_h,
        ev_unmet_kwh=spread(missing, fleet.ev.home, n),
        ev_unmet_usd=spread(missing * fleet.ev.missing_per_kwh, fleet.ev.home, n),
        left_usd=float(left_usd(ran, study).sum()),
        hvac_starts=track.starts,
        bill_usd=bill_usd(ledger, len(ran.parties.id))[:n],
        parties=ran.parties,
        ledger=ledger,
        surplus_uusd=int(-paid[row_of(ran.parties, Role.OPERATOR)]),
        imbalance_uusd=int(paid.sum()),
        plan_gap_share=float(track.worst[1]),
        energy_balance_kwh=float(track.worst[0]),
        exchange=Exchange(ran.traffic.messages, ran.traffic.bytes, ran.traffic.rounds, ran.traffic.disclosed // n),
        network=None,
        wall_s=ran.wall_s,
        unconverged_sessions=ran.unconverged,
        paid=Paid(*prices, tuple(Agreed(p.product, p.p_kw, p.price_per_kwh) for p in ran.positions), ran.trades),
        warnings=(*warnings(ran.games), *(together(track.kind_kw, dt) if np.isnan(award_kw).all() else ())),
        **certified(ran.games),
    )


def settlement(parties: Parties, study: Study) -> Settlement:
    """Return what a run settles: all of it is one period."""
    period = Product(Commodity.P, study.start_s, DAY_H * HOUR_S * study.days, Horizon.REAL_TIME)
    place = np.zeros(len(study.homes.home_id), np.int64) if study.site is None else study.site.place
    return Settlement(parties, period, study.dt_h, study.wholesale, place)


def left_usd(ran: Ran, study: Study) -> Col:
    """Value of what the stores of a home hold at the end, shape (n,) [$]: at the mean import price, heat and cold by the COP."""
    fleet, last, n = ran.fleet, DAY_H * study.days - 1, len(study.homes.home_id)
    price = float(ran.wholesale_per_kwh.mean()) + study.wholesale.delivery_per_kwh
    side = np.where(study.homes.heating[:, last], 1.0, -1.0)
    heat = fleet.hvac.cm_kwh_k * fleet.houses.t_mass_degc + fleet.hvac.ca_kwh_k * fleet.houses.t_air_degc
    tank = spread(fleet.tank.cap_kwh_k * fleet.tanks.t_tank_degc, fleet.tank.home, n)
    packs = spread(fleet.battery.efficiency * fleet.battery_kwh, fleet.battery.home, n)
    return price * (packs + tank + side * heat / study.homes.cop[:, last])
