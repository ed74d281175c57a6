"""One design on one scene: plan every hour, clear every interval, step the true physics every minute."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from gridagora.core import spec as specification
from gridagora.core.exchange import count_bytes, count_messages, quote
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.registry import find
from gridagora.core.session import Call, Traffic, drive
from gridagora.core.tables import LEAD_H, Col, Homes, Index
from gridagora.kernels.curve import Curves
from gridagora.kernels.value import Stores
from gridagora.run import fleet as homes_at
from gridagora.run.outlook import Wholesale, energy_per_kwh, real_time_per_kwh, supply
from gridagora.run.settle import Position

DAY_H = 24
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


class Track(NamedTuple):
    """What a run recorded: power by kind and what homes felt, by interval (t, n); prices and commitments (t,)."""

    kind_kw: Col  # (4, t, n) hvac, water heater, battery, car
    t_air_degc: Col  # (t, n)
    price_per_kwh: Col  # (t,)
    committed_kw: Col  # (t,) nan where nobody commits
    starts: Col  # (n,)
    short_k_h: Col  # (n,)
    short_k2_h: Col  # (n,)
    position_kw: Col  # (n, hours)
    position_per_kwh: Col  # (hours,)
    worst: Col  # (2,) largest energy imbalance [kWh], largest plan gap


class Ran(NamedTuple):
    """A finished run, before it is scored."""

    track: Track
    fleet: homes_at.Fleet
    wholesale_per_kwh: Col  # (t,)
    traffic: Traffic
    position: Position | None
    wall_s: float


@dataclass(frozen=True)
class Desk:
    """Where a design meets its homes: the market, what homes follow, and the columns both read."""

    market: Any
    strategy: Any
    study: Study
    fleet: homes_at.Fleet
    net_kw: Col  # (H, n) load less PV
    wholesale_per_kwh: Col  # (t + 24 h,)
    tariff_per_kwh: Col  # (t + 24 h,)
    track: Track


def simulate(market: Any, study: Study, progress: Callable[[int, int], None] | None = None) -> Ran:
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
    desk = _open(market, study)
    hours, traffic = DAY_H * study.days, Traffic()
    before = np.full(study.window_h, np.nan)
    for hour in range(hours):
        plan = None
        if desk.strategy.plans:
            plan, before, traffic = _plan(desk, hour, before, traffic)
        traffic = _hour(desk, hour, plan, traffic)
        if progress is not None:
            progress(hour + 1, hours)
    t = hours * round(1 / study.dt_h)
    position = None
    if hasattr(market, "schedule"):
        ahead = study.wholesale.prices.day_ahead_per_kwh[LEAD_H : LEAD_H + hours]
        position = Position(desk.track.position_kw, desk.track.position_per_kwh, ahead)
    return Ran(desk.track, desk.fleet, desk.wholesale_per_kwh[:t], traffic, position, perf_counter() - began)


def _open(market: Any, study: Study) -> Desk:
    homes, hours, per = study.homes, DAY_H * study.days, round(1 / study.dt_h)
    n, t = len(homes.home_id), hours * per
    fleet = homes_at.of(
        homes,
        study.local_hour.astype(np.int64),
        study.comfort_per_k2_h,
        study.flat_per_kwh,
        study.dt_h,
        rule=study.rule,
        draws_known=study.wholesale.perfect,
    )
    wholesale = real_time_per_kwh(study.wholesale, hours + DAY_H, study.dt_h)
    track = Track(
        np.zeros((4, t, n)),
        np.zeros((t, n)),
        np.zeros(t),
        np.full(t, np.nan),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros((n, hours)),
        np.zeros(hours),
        np.zeros(2),
    )
    strategy = find("strategy", market.strategy)()
    return Desk(
        market, strategy, study, fleet, (homes.load_kw - homes.pv_kw).T.copy(), wholesale, tariff(market, study, wholesale), track
    )


def tariff(market: Any, study: Study, wholesale_per_kwh: Col) -> Col:
    """Return the price of every interval of a tariff design, nan elsewhere; a day follows the run, for the look-ahead."""
    t = len(wholesale_per_kwh)
    if not hasattr(market, "tariff"):
        return np.full(t, np.nan)
    if study.baseline_kw is None:
        return np.full(t, study.flat_per_kwh)
    cost = wholesale_per_kwh[: len(study.baseline_kw)] + study.wholesale.delivery_per_kwh
    return np.asarray(market.tariff(cost, study.baseline_kw, np.repeat(study.local_hour, round(1 / study.dt_h))[:t]))


def _plan(desk: Desk, hour: int, before: Col, traffic: Traffic) -> tuple[homes_at.Plan, Col, Traffic]:
    """Form the outlook of the hour, bind the day ahead at midnight where the design does, and value stored energy against it."""
    study, window = desk.study, desk.study.window_h
    forecast = energy_per_kwh(study.wholesale, hour, window)
    specs, sessions = homes_at.beliefs(desk.fleet, hour, window, float(forecast.mean()) + study.wholesale.delivery_per_kwh)
    known = homes_at.told(desk.fleet, specs, hour, window) if getattr(desk.market, "told_specs", False) else ()
    per = round(1 / study.dt_h)
    product = Product(Commodity.P, study.start_s + 3600 * hour, 3600, Horizon.DAY_AHEAD, 0)
    call = Call(
        product,
        np.arange(desk.net_kw.shape[1]),
        supply(study.wholesale, forecast, desk.net_kw[hour : hour + window].sum(1)),
        desk.tariff_per_kwh[hour * per :: per][:window],
        known,
        before,
    )
    path = desk.market.outlook(call)
    if hasattr(desk.market, "schedule") and int(study.local_hour[hour]) == 0:
        _bind(desk, call, path, hour, homes_at.owners(desk.fleet, sessions))
    return homes_at.plan(desk.fleet, specs, sessions, path, hour), np.append(path[1:], np.nan), _heard(traffic, call, known, path)


def _bind(desk: Desk, call: Call, path: Col, hour: int, owner: Index) -> None:
    """Record the day-ahead positions of every home and their price: day-ahead energy, delivery and the premium of the plan."""
    track, w, day = desk.track, desk.study.wholesale, slice(hour, hour + min(DAY_H, desk.study.window_h))
    found = desk.market.schedule(call, path)
    hours = day.stop - day.start
    for home, power in zip(owner, found.p_kw, strict=True):
        track.position_kw[home, day] += power[:hours]
    track.position_kw[:, day] += desk.net_kw[day].T
    ahead = w.prices.day_ahead_per_kwh[LEAD_H + day.start : LEAD_H + day.stop]
    track.position_per_kwh[day] = ahead + w.delivery_per_kwh + (path - call.supply.import_per_kwh)[:hours]
    track.worst[1] = max(track.worst[1], found.gap_share)


def _heard(traffic: Traffic, call: Call, known: tuple[Stores, ...], path: Col) -> Traffic:
    """Count what the plan of an hour exchanged: specs of all resources up, where told, and a price path down to every home."""
    down = quote(call.product, call.party, path)
    messages, sent, numbers = count_messages(down), count_bytes(down), 0
    for stores in known:
        told = specification.spec(call.product, np.arange(len(stores.x0)), stores)
        messages += specification.count_messages(told)
        sent += specification.count_bytes(told)
        numbers += int(specification.disclosed(told).sum())
    return Traffic(traffic.messages + messages, traffic.bytes + sent, traffic.rounds + 1, traffic.disclosed + numbers)


def _hour(desk: Desk, hour: int, plan: homes_at.Plan | None, traffic: Traffic) -> Traffic:
    """Clear and deliver the intervals of one hour."""
    study, fleet, track = desk.study, desk.fleet, desk.track
    per, net_kw = round(1 / study.dt_h), desk.net_kw[hour]
    sessions = np.zeros(0, np.int64) if plan is None else plan.sessions
    party = np.arange(len(net_kw) if plan is None else len(homes_at.owners(fleet, sessions)))
    for m in range(per):
        i, now_s = hour * per + m, 3600.0 * (hour + m * study.dt_h)
        curves = NO_CURVES if plan is None else homes_at.tender(fleet, plan, hour, (m + 1) / per, now_s)
        product = Product(Commodity.P, study.start_s + round(now_s), round(3600 * study.dt_h), Horizon.REAL_TIME, 0)
        call = Call(
            product,
            party,
            supply(study.wholesale, desk.wholesale_per_kwh[i : i + 1], net_kw.sum(keepdims=True)),
            desk.tariff_per_kwh[i : i + 1],
            (),
            desk.tariff_per_kwh[:0],
        )
        trades, quotes, traffic = drive(
            desk.market.session(call), lambda _, c=call, k=curves: desk.strategy.tender(c, k), traffic
        )
        power = desk.strategy.dispatch(curves, quotes, trades)
        got = homes_at.step(fleet, power, sessions, hour, now_s, net_kw)
        _record(track, i, got)
        track.price_per_kwh[i] = trades.price_per_kwh[0, 0] if len(trades.party) else quotes.buy_per_kwh[0, 0]
        if power is not None:
            track.committed_kw[i] = net_kw.sum() + power.sum()
    return traffic


def _record(track: Track, i: int, got: homes_at.Delivered) -> None:
    for kind, power in enumerate((got.hvac_kw, got.water_heater_kw, got.battery_kw, got.ev_kw)):
        track.kind_kw[kind, i] = power
    track.t_air_degc[i] = got.t_air_degc
    track.worst[0] = max(track.worst[0], got.balance_kwh)
    for total, part in ((track.starts, got.starts), (track.short_k_h, got.short_k_h), (track.short_k2_h, got.short_k2_h)):
        np.add(total, part, out=total)
