"""An independent scorer: what a run costs, from its inputs and the power that flowed, by matrix exponentials and plain sums.

Written from docs/why/yardstick.md, docs/reference/results.md and the docstring of `population.heat_pump.HeatPumps`. It imports
nothing of the package: a rule that is wrong there is not wrong here as well.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import expm

MINUTE_H = 1 / 60
QUARTER_H = 0.25
BAND_K = 1.0
START_MASS_K = 0.5
TANK_SET_DEGC, TANK_LEAST_DEGC, ROOM_DEGC = 52.0, 43.0, 24.0
COLD_WATER_PER_K2_H, WEAR_PER_KWH, MISSING_PER_KWH, CAR_EFFICIENCY = 0.01, 0.01, 1.0, 0.9
LEAD_H = 48
NETWORK = -2
DELIVERY = -3  # of energy of another home, owed to the wires
OPERATOR, WHOLESALE, WIRES, OTHERS = range(4)  # after the homes


class Given(NamedTuple):
    """Inputs of a run: homes as columns (`home_columns`), prices, and keys of the scenario."""

    homes: Any
    prices: Any
    days: int
    dt_h: float
    other_kw: np.ndarray  # (H, j) of other customers by meter
    delivery_per_kwh: float
    export_credit_per_kwh: float
    limit_kw: float
    over_per_kwh: float
    comfort_per_k2_h: float
    reference_per_kwh: float


class Recorded(NamedTuple):
    """What flowed and what was agreed: t intervals, u minutes, n homes, and rows of tanks, batteries and cars."""

    hvac_kw: np.ndarray  # (u, n)
    tank_kw: np.ndarray  # (u, tanks)
    battery_kw: np.ndarray  # (t, batteries)
    car_kw: np.ndarray  # (t, sessions)
    pv_kw: np.ndarray  # (t, n)
    buy_per_kwh: np.ndarray  # (t, n) what the supplier asks
    sell_per_kwh: np.ndarray  # (t, n) and pays
    award_kw: np.ndarray  # (t, n) nan where there is none
    trades: np.ndarray  # (rows, 5) interval, party, counterparty, power, price
    positions: tuple  # item, p_kw (n, h), price (n, h), wholesale (h,)
    losses_kw: np.ndarray  # (t,)
    sellers: (
        np.ndarray
    )  # (n,) homes that share what the supplier has left over; none where the supplier keeps it
    power: tuple = ()  # local hours, subscribed kW (n,), its price, that beyond it, that of the largest hour, hours that count


class Scored(NamedTuple):
    """What it comes to; bills in dollars, temperatures at the end of the run."""

    air_degc: np.ndarray  # (t, n) mean
    end: dict[str, np.ndarray]
    home_kw: np.ndarray  # (t, n)
    load_kw: np.ndarray  # (t,)
    costs: dict[str, float]
    by_home: dict[str, np.ndarray]
    metrics: dict[str, float]
    ledger: dict[tuple[int, int, str], float]


def houses(g: Given, r: Recorded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean air of every minute (u, n), and air and mass at the end: by an exponential of [T, q, integral of Ta]."""
    h, n = g.homes, len(g.homes.ua_kw_k)
    m = np.zeros((n, 5, 5))
    m[:, 0, 0], m[:, 0, 1], m[:, 0, 2] = (
        -(h.ua_kw_k + h.hm_kw_k) / h.ca_kwh_k,
        h.hm_kw_k / h.ca_kwh_k,
        1 / h.ca_kwh_k,
    )
    m[:, 1, 0], m[:, 1, 1], m[:, 1, 3] = (
        h.hm_kw_k / h.cm_kwh_k,
        -h.hm_kw_k / h.cm_kwh_k,
        1 / h.cm_kwh_k,
    )
    m[:, 4, 0] = 1.0
    step = np.stack([expm(each * MINUTE_H) for each in m])
    side = np.where(h.heating, 1.0, -1.0)
    x = np.zeros((n, 5))
    x[:, 0], x[:, 1] = h.t_set_degc[:, 0], h.t_set_degc[:, 0] - side[:, 0] * START_MASS_K
    mean = np.empty_like(r.hvac_kw)
    for minute, power in enumerate(r.hvac_kw):
        hour = minute // 60
        x[:, 2], x[:, 3] = (
            h.q_air_kw[:, hour] + side[:, hour] * h.cop[:, hour] * power,
            h.q_mass_kw[:, hour],
        )
        x[:, 4] = 0.0
        x = (step @ x[:, :, None])[:, :, 0]
        mean[minute] = x[:, 4] / MINUTE_H
    return mean, x[:, 0], x[:, 1]


def tanks(g: Given, r: Recorded) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of homes with a tank, its temperature at the end, K h and K2 h below 43 degC, read at the end of minutes."""
    rows = np.flatnonzero(g.homes.tank_kwh_k > 0)
    cap, ua, draw = g.homes.tank_kwh_k[rows], g.homes.tank_ua_kw_k[rows], g.homes.draw_kwh[rows]
    step = [
        expm(np.array([[-u / c, 1 / c], [0.0, 0.0]]) * MINUTE_H)
        for c, u in zip(cap, ua, strict=True)
    ]
    keep, gain = np.array([s[0, 0] for s in step]), np.array([s[0, 1] for s in step])
    t, short, square = np.full(len(rows), TANK_SET_DEGC), np.zeros(len(rows)), np.zeros(len(rows))
    for minute, power in enumerate(r.tank_kw):
        t = keep * t + gain * (power - draw[:, minute // 60] + ua * ROOM_DEGC)
        miss = np.maximum(TANK_LEAST_DEGC - t, 0.0)
        short += miss * MINUTE_H
        square += miss**2 * MINUTE_H
    return rows, t, short, square


def score(g: Given, r: Recorded) -> Scored:
    """Return every figure of the run."""
    h, n, hours = g.homes, len(g.homes.ua_kw_k), 24 * g.days
    per, minutes = round(1 / g.dt_h), round(60 * g.dt_h)
    fine = np.repeat(np.arange(hours), per)
    energy_price = np.repeat(
        g.prices.real_time_per_kwh[4 * LEAD_H : 4 * (LEAD_H + hours)], round(per / 4)
    )
    minute_air, air, mass = houses(g, r)
    mean_air = minute_air.reshape(-1, minutes, n).mean(1)
    rows, water, short, square = tanks(g, r)
    packs = np.flatnonzero(h.battery_kwh > 0)
    eff = h.battery_efficiency[packs]
    held = h.battery_kwh[packs] / 2 + np.cumsum(
        np.where(r.battery_kw > 0, r.battery_kw * eff, r.battery_kw / eff) * g.dt_h, 0
    )
    assert held.min(initial=0.0) > -1e-9 and (held <= h.battery_kwh[packs] + 1e-9).all()
    begin = np.arange(len(fine))[:, None] * 3600 * g.dt_h
    stay = np.minimum(h.ev_depart_s, begin + 3600 * g.dt_h) - np.maximum(h.ev_arrive_s, begin)
    assert (r.car_kw >= 0).all() and (
        r.car_kw <= h.ev_kw * (stay / (3600 * g.dt_h)).clip(0, 1) + 1e-9
    ).all()
    assert (r.pv_kw >= 0).all() and (r.pv_kw <= h.pv_kw[:, fine].T + 1e-9).all()
    missing = np.maximum(h.ev_need_kwh - r.car_kw.sum(0) * CAR_EFFICIENCY * g.dt_h, 0.0)

    def at_home(values: np.ndarray, home: np.ndarray) -> np.ndarray:
        out = np.zeros((*values.shape[:-1], n))
        for column, row in enumerate(home):
            out[..., row] += values[..., column]
        return out

    unit = r.hvac_kw.reshape(-1, minutes, n).mean(1)
    tank = at_home(r.tank_kw.reshape(len(fine), minutes, -1).mean(1), rows)
    home = (
        h.load_kw[:, fine].T
        + unit
        + tank
        + at_home(r.battery_kw, packs)
        + at_home(r.car_kw, h.ev_home)
        - r.pv_kw
    )
    other = g.other_kw.sum(1)[fine]
    load = home.sum(1) + other

    tier = np.broadcast_to(h.quality.tier_ratio, n)
    k = g.comfort_per_k2_h * np.broadcast_to(h.quality.slider_ratio, n) * tier
    side = np.where(h.heating, 1.0, -1.0)
    bliss = h.t_set_degc + side * g.reference_per_kwh * h.ua_kw_k[:, None] / (h.cop * k[:, None])
    has_unit = (np.where(h.heating, h.heat_kw[:, None], h.cool_kw[:, None]) > 0)[:, fine].T
    off = np.where(has_unit, mean_air - bliss[:, fine].T, 0.0)
    quarter = off.reshape(4 * hours, -1, n).mean(1)
    outside = np.where(
        has_unit, np.maximum(np.abs(mean_air - h.t_set_degc[:, fine].T) - BAND_K, 0.0), 0.0
    )
    by_home = {
        "comfort": k / 2 * (quarter**2).sum(0) * QUARTER_H,
        "outside_k_h": outside.sum(0) * g.dt_h,
        "wear": at_home(WEAR_PER_KWH * np.abs(r.battery_kw).sum(0) * g.dt_h, packs),
        "hot water": at_home(COLD_WATER_PER_K2_H * tier[rows] / 2 * square, rows),
        "cold_k_h": at_home(short, rows),
        "missing_kwh": at_home(missing, h.ev_home),
        "ev unmet": at_home(MISSING_PER_KWH * tier[h.ev_home] * missing, h.ev_home),
    }
    heat = side[:, hours - 1] * (h.ca_kwh_k * air + h.cm_kwh_k * mass) / h.cop[:, hours - 1]
    stored = heat + at_home(h.tank_kwh_k[rows] * water, rows) + at_home(eff * held[-1], packs)
    by_home["left"] = (energy_price.mean() + g.delivery_per_kwh) * stored
    beyond = np.maximum(np.abs(load) - g.limit_kw, 0.0).sum() * g.dt_h
    at_border = energy_price + np.where(load > 0, g.delivery_per_kwh, g.export_credit_per_kwh)
    costs = {
        "energy": float((load * at_border).sum() * g.dt_h),
        "losses": float((r.losses_kw * energy_price).sum() * g.dt_h),
        **{
            name: float(by_home[name].sum())
            for name in ("wear", "comfort", "hot water", "ev unmet")
        },
        "over limit": float(beyond * g.over_per_kwh),
        "left in stores": -float(by_home["left"].sum()),
    }
    ledger = settle(g, r, home, other, energy_price)
    by_home["bill"] = np.array([paid(ledger, row) for row in range(n)])
    demand = load.reshape(4 * hours, -1).mean(1)
    metrics = {
        "E1": -sum(costs.values()),
        "E3": float((load * energy_price).sum() * g.dt_h),
        "E4": float(load.sum() * g.dt_h / 1000),
        "E5": float(by_home["bill"].mean()),
        "E5p": float(by_home["bill"].sum() / (np.maximum(home, 0.0).sum() * g.dt_h)),
        "E5b": float((by_home["bill"].sum() + paid(ledger, n + OPERATOR)) / n),
        "E6m": -paid(ledger, n + OPERATOR),
        "P1": float(np.abs(demand).max()),
        "P1e": float(max(-demand.min(), 0.0)),
        "P2r": float(np.abs(np.diff(load.reshape(hours, -1).mean(1))).max()),
        "P3": float(r.losses_kw.sum() * g.dt_h),
        "P5": float(beyond),
        "P7": float((h.pv_kw[:, fine].T - r.pv_kw).sum() * g.dt_h),
    }
    end = {
        "air": air,
        "mass": mass,
        "water": water,
        "battery": held[-1],
        "car": h.ev_need_kwh - missing,
    }
    return Scored(mean_air, end, home, load, costs, by_home, metrics, ledger)


def paid(ledger: dict[tuple[int, int, str], float], party: int) -> float:
    """Return what a party paid less what it was paid [$]."""
    return sum(
        usd * ((payer == party) - (payee == party)) for (payer, payee, _), usd in ledger.items()
    )


class Book:
    """What each pair of parties owes for each item [$]; a payment back counts against the item it belongs to."""

    def __init__(self) -> None:
        self.owed: dict[tuple[int, int, str], float] = {}

    def add(self, payer: int, payee: int, item: str, usd: float) -> None:
        self.owed[payer, payee, item] = self.owed.get((payer, payee, item), 0.0) + float(usd)


def settle(
    g: Given, r: Recorded, home: np.ndarray, other: np.ndarray, energy_price: np.ndarray
) -> dict[tuple[int, int, str], float]:
    """Return what each pair of parties owes for each item [$]."""
    n, per, dt = home.shape[1], round(1 / g.dt_h), g.dt_h
    operator, wholesale = n + OPERATOR, n + WHOLESALE
    load, book = home.sum(1) + other, Book()
    rest = home - between_homes(r, book, home.shape, dt)
    agreed, agreed_all = np.zeros((n, len(load) // per)), np.zeros(len(load) // per)
    for item, p_kw, price, at in r.positions:
        for row in range(n):
            book.add(row, operator, item, (price[row] * (p_kw[row] - agreed[row])).sum())
        book.add(operator, wholesale, item, (at * (p_kw.sum(0) - agreed_all)).sum())
        agreed, agreed_all = p_kw, p_kw.sum(0)
    real = "deviation" if r.positions else "energy"
    rest, whole = rest - np.repeat(agreed, per, axis=1).T, load - np.repeat(agreed_all, per)
    money = np.maximum(rest, 0) * r.buy_per_kwh - np.maximum(-rest, 0) * r.sell_per_kwh
    for row in range(n):
        book.add(row, operator, real, money[:, row].sum() * dt)
    book.add(
        operator,
        wholesale,
        real if r.positions else "wholesale energy",
        (whole * energy_price).sum() * dt,
    )
    beside = np.where(other > 0, g.delivery_per_kwh, g.export_credit_per_kwh)
    alone = np.maximum(np.abs(other) - g.limit_kw, 0.0) * g.over_per_kwh
    owed_by_others = (other * (energy_price + beside) + alone).sum() * dt
    book.add(n + OTHERS, operator, "other customers", owed_by_others)
    if np.isfinite(g.limit_kw):
        beyond = np.maximum(np.abs(load) - g.limit_kw, 0.0).sum() * dt
        book.add(operator, n + WIRES, "overload", beyond * g.over_per_kwh)
    book.add(operator, n + WIRES, "delivery", np.maximum(load, 0).sum() * g.delivery_per_kwh * dt)
    book.add(
        wholesale,
        operator,
        "export credit",
        np.maximum(-load, 0).sum() * g.export_credit_per_kwh * dt,
    )
    lost_usd = r.losses_kw * energy_price * dt
    book.add(n + WIRES, wholesale, "losses", lost_usd.sum())
    others = np.repeat(g.other_kw, per, axis=0)[: len(home)]
    charge_losses(book, lost_usd, home, others)
    quality = g.homes.quality
    window = max(1, round(quality.window_h / dt))
    missed = (
        np.abs(
            np.where(np.isfinite(r.award_kw), home - r.award_kw, 0.0).reshape(-1, window, n).sum(1)
        ).sum(0)
        * dt
    )
    for row, price in enumerate(np.broadcast_to(quality.deviation_per_kwh, n)):
        book.add(row, operator, "deviation charge", missed[row] * price)
    for item, each in charges_for_power(r.power, home.reshape(-1, per, n).mean(1)).items():
        for row in range(n):
            book.add(row, operator, item, each[row])
    left = -paid(book.owed, operator) / max(1, r.sellers.sum())
    for row in np.flatnonzero(r.sellers):
        book.add(operator, int(row), "retail margin", left)
    return book.owed


def charge_losses(book: Book, lost_usd: np.ndarray, home: np.ndarray, others: np.ndarray) -> None:
    """Charge losses (t,) [$] by what each meter draws, (t, n) and (t, j) [kW], or where none draws by what it gives."""
    n, net = home.shape[1], np.column_stack([home, others])
    drawn, given = net.clip(min=0), (-net).clip(min=0)
    use = np.where(drawn.sum(1, keepdims=True) > 0, drawn, given)
    owed = lost_usd @ (use / use.sum(1, keepdims=True))
    for party, usd in zip([*range(n), n + OTHERS], [*owed[:n], owed[n:].sum()], strict=True):
        if usd:
            book.add(party, n + WIRES, "loss charge", usd)


def charges_for_power(power: tuple, hourly: np.ndarray) -> dict[str, list[float]]:
    """Return what homes owe for power by item [$], from their mean power of every hour (H, n) [kW]."""
    if not power:
        return {}
    local_hour, subscribed, price, over, demand, counted = power
    hours, homes = hourly.shape
    found: dict[str, list[float]] = {
        "subscribed power": [],
        "excess energy": [],
        "demand charge": [],
    }
    for row in range(homes):
        own, most, beyond = subscribed[row], 0.0, 0.0
        for at in range(hours):
            beyond += max(hourly[at, row] - own, 0.0) if np.isfinite(own) else 0.0
            if counted[local_hour[at]]:
                most = max(most, hourly[at, row])
        found["subscribed power"].append(price * own if np.isfinite(own) else 0.0)
        found["excess energy"].append(over * beyond)
        found["demand charge"].append(demand * most)
    return found


def between_homes(r: Recorded, book: Book, shape: tuple[int, int], dt_h: float) -> np.ndarray:
    """Book what homes pay each other, and the network for it; return what each bought of others (t, n) [kW].

    The operator keeps the accounts of managers, who are parties after the homes.
    """
    n, bought = shape[1], np.zeros(shape)
    for at, party, counterparty, power, price in r.trades:
        payee = n if counterparty == NETWORK else min(int(counterparty), n)
        if counterparty == DELIVERY:
            book.add(int(party), n + WIRES, "delivery", power * price * dt_h)
            continue
        book.add(min(int(party), n), payee, "local energy", power * price * dt_h)
        if counterparty == NETWORK:
            continue
        for who, sign in ((int(party), 1.0), (int(counterparty), -1.0)):
            if who < n:
                bought[int(at), who] += sign * power
    return bought
