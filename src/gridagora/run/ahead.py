"""The hour ahead: a price path for every home, positions bound at midnight, and the value of stored energy against the path."""

import numpy as np

from gridagora.core import spec as specification
from gridagora.core.exchange import Plans, Proposals, Quotes, count_bytes, count_messages, quote
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.retail_rounds import Said as Offered
from gridagora.core.session import Call, Costed, Game, Traffic, drive, hours_of
from gridagora.core.tables import LEAD_H, Col, Index
from gridagora.core.tariff import kinked
from gridagora.kernels.value import Stores, respond
from gridagora.run import behind
from gridagora.run import fleet as homes_at
from gridagora.run.desk import DAY_H, Desk
from gridagora.run.outlook import energy_per_kwh, supply
from gridagora.run.retail import Seats, judged
from gridagora.run.settle import Position
from gridagora.run.unsound import generator, refuse_unsound_outlook, refuse_unsound_path

Specs = homes_at.Specs


def plan_hour(desk: Desk, hour: int, last: homes_at.Plan | None, carry: Col | None) -> tuple[homes_at.Plan, Col]:
    """Return the value of stored energy in this hour, and what the market hands on to its next opening."""
    study, window = desk.study, desk.study.window_h
    forecast = energy_per_kwh(study.wholesale, hour, window)
    specs, sessions = homes_at.beliefs(desk.fleet, hour, window, float(forecast.mean()) + study.wholesale.delivery_per_kwh)
    call = _call(desk, hour, forecast, specs, carry)
    if hasattr(desk.market, "ahead"):
        path, carry = _agreed(desk, call, specs, sessions, hour)
    else:
        path, carry = _told(desk, call, sessions, hour)
    inside = _inside(desk, call, hour, specs, sessions, path, last)
    shifted = np.append(carry[..., 1:], np.full((*carry.shape[:-1], 1), np.nan), axis=-1)
    return homes_at.plan(desk.fleet, specs, sessions, inside, hour), shifted


def _call(desk: Desk, hour: int, forecast: Col, specs: Specs, carry: Col | None) -> Call:
    study, window, per = desk.study, desk.study.window_h, round(1 / desk.study.dt_h)
    base_kw = study.other_kw[hour : hour + window] + (0.0 if desk.whole else desk.load_kw[hour : hour + window].sum(1))
    return Call(
        Product(Commodity.P, study.start_s + 3600 * hour, 3600, Horizon.DAY_AHEAD, 0),
        np.arange(desk.load_kw.shape[1]),
        supply(study.wholesale, forecast, base_kw),
        desk.tariff_per_kwh[hour * per :: per][:window],
        homes_at.told(desk.fleet, specs, hour, window) if getattr(desk.market, "told_specs", False) else (),
        np.full(window, np.nan) if carry is None else carry,
        None if study.site is None else hours_of(study.site, hour, window),
        _midnight(desk, hour),
        desk.leads,
    )


def _midnight(desk: Desk, hour: int) -> bool:
    """Whether the day ahead is agreed at this hour."""
    return int(desk.study.local_hour[hour]) == 0


def _told(desk: Desk, call: Call, sessions: Index, hour: int) -> tuple[Col, Col]:
    """Return the path of a market that asks nobody, and bind what an operator schedules at midnight."""
    path = desk.market.outlook(call)
    refuse_unsound_path(desk, path, call.supply.import_per_kwh.shape)
    if hasattr(desk.market, "schedule") and call.binds:
        found = desk.market.schedule(call, path)
        power = np.zeros(desk.load_kw.shape[::-1])[:, : len(path)]
        np.add.at(power, homes_at.owners(desk.fleet, sessions), found.p_kw)
        power += desk.load_kw[hour : hour + len(path)].T
        desk.track.worst[1] = np.fmax(desk.track.worst[1], found.gap_share)
        _bind(desk, "day-ahead", hour, power, path - call.supply.import_per_kwh)
    desk.traffic = _heard(desk.traffic, call, path)
    return path, path


def _agreed(desk: Desk, call: Call, specs: Specs, sessions: Index, hour: int) -> tuple[Col, Col]:
    """Return the paths (n, h) that a market and its homes find together; at midnight plans told to it become positions."""
    told, rows = homes_at.told(desk.fleet, specs, hour, len(call.supply.import_per_kwh)), homes_at.homes_of(desk.fleet, sessions)
    net_kw = desk.load_kw[hour : hour + len(call.supply.import_per_kwh)].T
    seats = Seats(net_kw, told, rows, desk.leads)

    def ask(said: Quotes | Costed | Game) -> Plans | Proposals | Offered | None:
        if isinstance(said, Quotes):
            found = _proposals(said, told, rows, net_kw)
            return Plans(*found[:3])
        return _proposals(said.quotes, told, rows, net_kw) if isinstance(said, Costed) else seats.hear(said)

    driven = drive(generator(desk, desk.market.ahead(call)), ask, desk.traffic, private=desk.private)
    found, desk.traffic = driven.result, driven.traffic
    refuse_unsound_outlook(desk, found, (len(net_kw), len(call.supply.import_per_kwh)))
    desk.track.worst[1] = np.fmax(desk.track.worst[1], found.gap_share)
    game = judged(seats, hour, found.price_per_kwh, found.p_kw)
    desk.games += [] if game is None else [game]
    premium = found.price_per_kwh - call.supply.import_per_kwh
    products = getattr(desk.market, "energy_products", False)
    if products and hour == 0:
        _bind_energy(desk, "long-term", hour, DAY_H * desk.study.days, found.p_kw)
    desk.agreed_per_kwh = found.price_per_kwh[:, 0]
    # where homes have their own prices these hold in real time; what private homes find is a price to plan on
    settled_once = desk.private or getattr(desk.market, "own_prices", False)
    if call.binds and not settled_once:
        if products:
            _bind_energy(desk, "short-term", hour, DAY_H, found.p_kw)
        _bind(desk, "day-ahead", hour, found.p_kw, premium)
    return found.price_per_kwh, found.carry_per_kwh


def _proposals(quotes: Quotes, told: tuple[Stores, ...], rows: tuple[Index, ...], net_kw: Col) -> Proposals:
    """Return what every home would take at the prices it is quoted, shape (n, h) [kW], by the best response of its devices.

    What that costs it beside the energy, and the least that both together can cost, are the sums over its devices.
    """
    price = quotes.buy_per_kwh
    p_kw, own_usd = net_kw.copy(), np.zeros(len(net_kw))
    bound_usd = (net_kw * price).sum(1)
    for spec, home in zip(told, rows, strict=True):
        found = respond(spec, price, price, row=home, threads=homes_at.THREADS)
        np.add.at(p_kw, home, found.p_kw)
        np.add.at(own_usd, home, found.cost_usd - (found.p_kw * price[home]).sum(1))
        np.add.at(bound_usd, home, found.bound_usd)
    return Proposals(quotes.product, quotes.party, p_kw, own_usd, bound_usd)


def _bind(desk: Desk, item: str, hour: int, p_kw: Col, premium_per_kwh: Col) -> None:
    """Record positions of a day (n, h) at the wholesale price of each hour, delivery and the premium of the plan."""
    w = desk.study.wholesale
    day = slice(hour, hour + min(DAY_H, p_kw.shape[1], DAY_H * desk.study.days - hour))
    hours = day.stop - day.start
    ahead = w.prices.day_ahead_per_kwh[LEAD_H + day.start : LEAD_H + day.stop]
    _write(desk, item, day, p_kw[:, :hours], ahead, premium_per_kwh[..., :hours])


def _bind_energy(desk: Desk, item: str, hour: int, hours: int, p_kw: Col) -> None:
    """Record an energy position: the mean power of the plan for all its hours, at the mean price known when it is agreed.

    It holds no premium: a limit binds in hours, and even power leaves room in each of them.
    """
    stop = min(hour + hours, DAY_H * desk.study.days)
    known = energy_per_kwh(desk.study.wholesale, hour, p_kw.shape[1]).mean()
    _write(desk, item, slice(hour, stop), p_kw.mean(1, keepdims=True), np.full(stop - hour, known), np.zeros(1))


def _write(desk: Desk, item: str, hours: slice, p_kw: Col, energy: Col, premium: Col) -> None:
    n, total = desk.load_kw.shape[1], DAY_H * desk.study.days
    if item not in desk.positions:
        desk.positions[item] = Position(item, np.zeros((n, total)), np.zeros((n, total)), np.zeros(total))
    position = desk.positions[item]
    position.p_kw[:, hours] = p_kw
    position.price_per_kwh[:, hours] = energy + desk.study.wholesale.delivery_per_kwh + premium
    position.wholesale_per_kwh[hours] = energy


def _inside(desk: Desk, call: Call, hour: int, specs: Specs, sessions: Index, path: Col, last: homes_at.Plan | None) -> Col:
    """Return the price path homes plan on: the market's, or their own (n, h) where export earns less than import costs."""
    if not hasattr(desk.market, "credit"):
        return path
    credit = desk.market.credit(call)
    if not kinked(path, credit).any():
        return path
    told = homes_at.told(desk.fleet, specs, hour, len(path))
    rows, before = homes_at.homes_of(desk.fleet, sessions), None if last is None else last.price_per_kwh
    # panels are given up before energy is worth less than nothing inside: no export is worth less, and no sun is used below nil
    sun = desk.study.homes.pv_kw[:, hour : hour + len(path)] * ((path >= 0) | np.isfinite(desk.tariff_per_kwh[0]))
    net_kw, credit = desk.load_kw[hour : hour + len(path)].T - sun, np.minimum(credit.clip(min=0), path)
    found = behind.outlook(told[:-1], rows[:-1], net_kw, path, credit, before)
    desk.track.worst[1] = np.fmax(desk.track.worst[1], found.gap_share)
    return found.price_per_kwh


def _heard(traffic: Traffic, call: Call, path: Col) -> Traffic:
    """Count what the plan of an hour exchanged: specs of all resources up, where told, and a price path down to every home."""
    down = quote(call.product, call.party, path)
    messages, sent, numbers = count_messages(down), count_bytes(down), 0
    for stores in call.specs:
        told = specification.spec(call.product, np.arange(len(stores.x0)), stores)
        messages += specification.count_messages(told)
        sent += specification.count_bytes(told)
        numbers += int(specification.disclosed(told).sum())
    return Traffic(traffic.messages + messages, traffic.bytes + sent, traffic.rounds + 1, traffic.disclosed + numbers)
