"""One design on one scene: plan every hour, clear every interval, step the true physics every minute."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.outcome import Exchange, Outcome
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.registry import find
from gridagora.core.session import Call, Supply, Traffic, drive
from gridagora.core.tables import Col, Homes
from gridagora.kernels.curve import Curves
from gridagora.run import fleet as homes_at
from gridagora.run.outlook import Wholesale, energy_per_kwh, real_time_per_kwh, supply
from gridagora.run.settle import settle

BAND_K = 1.0  # discomfort counts beyond this distance from the set point
QUARTER_H = 0.25
NO_CURVES = Curves(np.zeros(1, np.int64), np.zeros(0), np.zeros(0))


class Study(NamedTuple):
    """What all designs of a comparison share."""

    homes: Homes
    days: int
    start_s: int
    local_hour: Col  # (H,) local hour of day of every hour of the run
    wholesale: Wholesale
    comfort_per_k2_h: float
    flat_per_kwh: float  # the rate at which set points were chosen: it fixes the bliss temperature
    dt_h: float
    window_h: int
    rule: str  # how on/off units follow a dispatch
    baseline_kw: Col | None  # (t,) load of the flat design, for revenue-neutral tariffs


class _Log:
    """Columns of a run, filled interval by interval."""

    def __init__(self, n: int, t: int) -> None:
        self.kind = {name: np.zeros((t, n)) for name in ("hvac", "water_heater", "battery", "ev")}
        self.dev, self.off = np.zeros((t, n)), np.zeros((t, n))
        self.price, self.committed = np.zeros(t), np.full(t, np.nan)
        self.starts, self.short, self.short2 = np.zeros(n), np.zeros(n), np.zeros(n)

    def keep(self, i: int, got: homes_at.Delivered, best_degc: Col, set_degc: Col) -> None:
        """Keep one interval."""
        for name, power in zip(self.kind, got[:4], strict=True):
            self.kind[name][i] = power
        self.dev[i], self.off[i] = got.t_air_degc - best_degc, np.abs(got.t_air_degc - set_degc)
        self.starts += got.starts
        self.short += got.short_k_h
        self.short2 += got.short2_k2_h if hasattr(got, "short2_k2_h") else got.short_k2_h


def simulate(name: str, market: Any, study: Study, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Run one design over the whole scene.

    Parameters
    ----------
    name, market
        Name of the design and the part itself.
    study
        What all designs share; `baseline_kw` must be given where the design has a tariff and `rule` where homes are dispatched.
    progress
        Told (hours done, hours in all).

    Returns
    -------
    Outcome
        Without the network, which is solved once the run is over.
    """
    began = perf_counter()
    homes, w, hours = study.homes, study.wholesale, 24 * study.days
    per, n = round(1 / study.dt_h), len(study.homes.home_id)
    strategy = find("strategy", market.strategy)()
    fleet = homes_at.of(homes, study.local_hour.astype(np.int64), study.comfort_per_k2_h, study.flat_per_kwh, study.dt_h,
                        rule=study.rule, draws_known=w.perfect)  # fmt: skip
    wholesale = real_time_per_kwh(w, hours + 24, study.dt_h)
    tariff = _tariff(market, study, wholesale)
    net_kw = (homes.load_kw - homes.pv_kw).T.copy()
    log, traffic, outlooks = _Log(n, per * hours), Traffic(), []
    before = np.full(study.window_h, np.nan)
    for hour in range(hours):
        found = None
        if strategy.plans:
            forecast = energy_per_kwh(w, hour, study.window_h)
            specs, sessions = homes_at.beliefs(fleet, hour, study.window_h, float(forecast.mean()) + w.delivery_per_kwh)
            known = homes_at.told(fleet, specs, hour, study.window_h) if getattr(market, "told_specs", False) else ()
            call = Call(_product(study, hour * per, 3600, Horizon.DAY_AHEAD), np.arange(n),
                        supply(w, forecast, net_kw[hour : hour + study.window_h].sum(1)),
                        tariff[hour * per :: per][: study.window_h], known, before)  # fmt: skip
            path = market.outlook(call)
            before = np.append(path[1:], np.nan)
            outlooks.append(path)
            traffic = _heard(traffic, call, path)
            found = homes_at.plan(fleet, specs, sessions, path, hour)
        sessions = np.zeros(0, np.int64) if found is None else found.sessions
        for m in range(per):
            i, now_s = hour * per + m, 3600.0 * hour + m * 3600.0 * study.dt_h
            curves = NO_CURVES if found is None else homes_at.tender(fleet, found, hour, (m + 1) / per, now_s)
            rows = len(curves.offset) - 1
            call = Call(_product(study, i, round(3600 * study.dt_h), Horizon.REAL_TIME), np.arange(rows if found is not None else n),
                        supply(w, wholesale[i : i + 1], net_kw[hour].sum(keepdims=True)), tariff[i : i + 1], (), before)  # fmt: skip
            trades, quotes, traffic = drive(market.session(call), lambda _q, c=call, k=curves: strategy.tender(c, k), traffic)
            power = strategy.dispatch(curves, quotes, trades)
            got = homes_at.step(fleet, power, sessions, hour, now_s, net_kw[hour])
            log.keep(i, got, fleet.hvac.best_degc[:, hour], fleet.hvac.set_degc[:, hour])
            log.price[i] = trades.price_per_kwh[0, 0] if len(trades.party) else quotes.buy_per_kwh[0, 0]
            if power is not None:
                log.committed[i] = net_kw[hour].sum() + power.sum()
        if progress is not None:
            progress(hour + 1, hours)
    return _outcome(name, market, study, fleet, log, wholesale[: per * hours], np.array(outlooks), traffic, perf_counter() - began)


def _product(study: Study, i: int, duration_s: int, horizon: Horizon) -> Product:
    return Product(Commodity.P, study.start_s + round(i * 3600 * study.dt_h), duration_s, horizon, 0)


def _tariff(market: Any, study: Study, wholesale: Col) -> Col:
    """Price of every interval of a tariff design, nan elsewhere; the run's end is followed by a day more for the look-ahead."""
    if not hasattr(market, "tariff"):
        return np.full(len(wholesale), np.nan)
    hour_of_day = np.repeat(study.local_hour, round(1 / study.dt_h))[: len(wholesale)]
    if study.baseline_kw is None:
        return np.full(len(wholesale), study.flat_per_kwh)
    cost = wholesale[: len(study.baseline_kw)] + study.wholesale.delivery_per_kwh
    return np.asarray(market.tariff(cost, study.baseline_kw, hour_of_day))


def _heard(traffic: Traffic, call: Call, path: Col) -> Traffic:
    """Count what the plan of an hour exchanged: the specs of all resources up and a price path down to every home."""
    n = len(call.party)
    numbers = sum(column.shape[0] * (column.strides[-1] != 0 and column.shape[-1] or 1) for spec in call.specs for column in spec[2:21])
    told = sum(len(spec.x0) for spec in call.specs)
    return Traffic(traffic.messages + n + told, traffic.bytes + 8 * (n * len(path) + numbers), traffic.rounds + 1, traffic.disclosed + numbers)


def _outcome(name: str, market: Any, study: Study, fleet: homes_at.Fleet, log: _Log, wholesale: Col, outlooks: Col, traffic: Traffic,
             wall_s: float) -> Outcome:  # fmt: skip
    homes, w, dt = study.homes, study.wholesale, study.dt_h
    per, t = round(1 / dt), len(wholesale)
    n = len(homes.home_id)
    fixed = np.repeat((homes.load_kw - homes.pv_kw)[:, : t // per], per, axis=1)
    home_kw = fixed + sum(log.kind.values()).T
    dev = log.dev.T
    quarter = dev.reshape(n, -1, max(1, round(QUARTER_H / dt))).mean(2)
    comfort = study.comfort_per_k2_h / 2 * (quarter**2).sum(1) * QUARTER_H
    missing = np.maximum(fleet.ev.need_kwh - fleet.ev_kwh, 0)
    load = home_kw.sum(0)
    bill, margin, imbalance = settle(market, home_kw, load, log.price, wholesale, w, dt, outlooks)
    return Outcome(
        name=name, start_s=study.start_s + np.arange(t) * round(3600 * dt), dt_h=dt, limit_kw=w.limit_kw, over_per_kwh=w.over_per_kwh,
        delivery_per_kwh=w.delivery_per_kwh, export_credit_per_kwh=w.export_credit_per_kwh, wholesale_per_kwh=wholesale,
        price_per_kwh=log.price, load_kw=load, committed_kw=log.committed, fixed_kw=np.repeat(homes.load_kw[:, : t // per].sum(0), per),
        hvac_kw=log.kind["hvac"].sum(1), water_heater_kw=log.kind["water_heater"].sum(1), battery_kw=log.kind["battery"].sum(1),
        ev_kw=log.kind["ev"].sum(1), pv_kw=np.repeat(homes.pv_kw[:, : t // per].sum(0), per), home_kw=home_kw,
        home_pv_kw=np.repeat(homes.pv_kw[:, : t // per], per, axis=1), comfort_dev_k=dev,
        discomfort_k_h=(log.off - BAND_K).clip(min=0).sum(0) * dt, comfort_usd=comfort,
        wear_usd=homes_at.spread(fleet.battery.wear_per_kwh * np.abs(log.kind["battery"][:, fleet.battery.home]).sum(0) * dt, fleet.battery.home, n),
        hot_water_usd=homes_at.spread(np.full(len(fleet.tank.home), 1.0), fleet.tank.home, n) * fleet.tank.discomfort_per_k2_h / 2 * log.short2,
        hot_water_k_h=log.short, ev_unmet_kwh=homes_at.spread(missing, fleet.ev.home, n),
        ev_unmet_usd=homes_at.spread(missing * fleet.ev.missing_per_kwh, fleet.ev.home, n), left_usd=left_usd(fleet, study, wholesale),
        hvac_starts=log.starts, bill_usd=bill, surplus_uusd=margin, imbalance_uusd=imbalance, energy_balance_kwh=0.0,
        exchange=Exchange(traffic.messages, traffic.bytes, traffic.rounds, traffic.disclosed // max(1, n)), network=None, wall_s=wall_s,
    )  # fmt: skip


def left_usd(fleet: homes_at.Fleet, study: Study, wholesale: Col) -> float:
    """Value of what the stores hold at the end [$]: at the mean import price, heat and cold through the last hour's COP."""
    price = float(wholesale.mean()) + study.wholesale.delivery_per_kwh
    last = 24 * study.days - 1
    side = np.where(study.homes.heating[:, last], 1.0, -1.0)
    heat = fleet.hvac.cm_kwh_k * fleet.houses.t_mass_degc + fleet.hvac.ca_kwh_k * fleet.houses.t_air_degc
    tank = (fleet.tank.cap_kwh_k * fleet.tanks.t_tank_degc).sum()
    packs = (fleet.battery.efficiency * fleet.battery_kwh).sum()
    return float(price * (packs + tank + (side * heat / study.homes.cop[:, last]).sum()))


def base_supply(study: Study, hour: int) -> Supply:
    """Return the forecast supply of the window that begins at an hour."""
    net = (study.homes.load_kw - study.homes.pv_kw)[:, hour : hour + study.window_h].sum(0)
    return supply(study.wholesale, energy_per_kwh(study.wholesale, hour, study.window_h), net)
