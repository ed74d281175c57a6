"""Upper bound of the welfare of a week: perfect information, true physics, one price for all, the substation limit priced.

For any price path the best answers of all homes plus what the supply could gain bound every schedule of every design from
above (weak duality). Houses answer with both states and continuous power, tanks, batteries and cars exactly; each answer
brings its own proof (`control`, `value`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridagora.core.quality import comfort_ratio, denied_ratio
from gridagora.core.tables import Col, Homes, Index, Prices
from gridagora.kernels.control import Houses, discretise, steer
from gridagora.kernels.dual import Answer, Coordination, coordinate
from gridagora.kernels.master import Supply
from gridagora.kernels.value import Stores, respond, stores
from gridagora.run.bound_cars import Cars, charge, sessions

BLOCK_S = 900  # prices, limit and comfort hold over blocks of a quarter of an hour
BLOCKS_H = 3600 // BLOCK_S
NEAR_K = 0.5  # the mass starts this much warmer than the air while cooling
FAR_K = 1e3  # dead zone that switches the upper side of the tank's taste off


@dataclass(frozen=True)
class Worth:
    """What a week is scored by, and how stores start; comfort, hot water and charge of a standard home.

    Left over energy is worth the mean wholesale price plus delivery, times what it displaces. `duty_s` is how long a house
    holds its power: 900 is the yardstick of `docs`; 300 lets it change inside a comfort block and is looser.
    """

    delivery_per_kwh: float = 0.045
    export_credit_per_kwh: float = 0.0
    over_per_kwh: float = 1.0
    comfort_per_k2_h: float = 0.05
    wear_per_kwh: float = 0.01
    battery_start_share: float = 0.5
    tank_start_degc: float = 52.0
    tank_low_degc: float = 43.0
    tank_high_degc: float = 60.0
    tank_around_degc: float = 24.0
    tank_per_k2_h: float = 0.01
    ev_per_kwh: float = 1.0
    ev_efficiency: float = 0.9
    duty_s: int = 900


class Bound(NamedTuple):
    """A number no schedule beats, and its proof.

    welfare_usd: the bound. price_per_kwh, load_kw (4 hours,) of its 15-minute blocks; device_usd: value by kind at that
    price; gap_usd: how far the best mix of the answers heard lies below the bound, large while few were heard;
    evaluations: prices tried.
    """

    welfare_usd: float
    price_per_kwh: Col
    load_kw: Col
    device_usd: dict[str, float]
    gap_usd: float
    evaluations: int


class Area(NamedTuple):
    """The homes of a bound as answering parts over b blocks, and the supply."""

    supply: Supply
    houses: Houses
    tanks: Stores
    batteries: Stores
    cars: Cars
    sub: int
    kind: tuple[slice, slice, slice, slice]  # rows of houses, tanks, batteries, cars


STEP = 500.0  # the cost is a good first price of a week: premiums are rare and small
KINDS = ("houses", "tanks", "batteries", "cars")


def bound(
    homes: Homes,
    prices: Prices,
    t_best_degc: Col,
    *,
    hours: int,
    limit_kw: float = np.inf,
    other_kw: Col | float = 0.0,
    worth: Worth | None = None,
    price0_per_kwh: Col | None = None,
    start_degc: tuple[Col, Col] | None = None,
    rounds_max: int = 6,
    tolerance: float = 1e-4,
    threads: int = 2,
) -> Bound:
    """Bound the welfare of the first `hours` hours from above.

    Parameters
    ----------
    homes, prices
        The true homes and the prices of the run (`LEAD_H` hours of history first).
    t_best_degc
        Air temperature each home likes best, shape (n, H).
    limit_kw
        Substation limit of import and export; inf where there is none.
    other_kw
        Load of other customers, shape (H,) or one number [kW].
    price0_per_kwh
        First price path, shape (4 hours,), for example the one at which a run with perfect forecast cleared; the cost where
        left out.
    start_degc
        Air and mass temperatures at the start, shape (n,) each.
    rounds_max, tolerance
        Price paths tried at most, and the relative gap at which to stop before.

    Returns
    -------
    Bound
        Valid whatever the number of rounds; more rounds bring it nearer.
    """
    worth = Worth() if worth is None else worth
    area = gather(homes, prices, t_best_degc, hours, limit_kw, worth, start_degc, other_kw)
    first = area.supply.buy_per_kwh if price0_per_kwh is None else price0_per_kwh
    over = area.supply.over_per_kwh * np.isfinite(limit_kw)
    first = np.clip(first, area.supply.sell_per_kwh - over, area.supply.buy_per_kwh + over)
    found = coordinate(
        answering(area, threads),
        area.supply,
        _groups(area, homes),
        first,
        homes=len(homes.load_kw),
        rounds_max=rounds_max,
        tolerance=tolerance,
        step=STEP,
    )
    return _score(area, found)


def gather(
    homes: Homes,
    prices: Prices,
    t_best_degc: Col,
    hours: int,
    limit_kw: float,
    worth: Worth,
    start_degc: tuple[Col, Col] | None = None,
    other_kw: Col | float = 0.0,
) -> Area:
    """Turn homes and prices into parts that answer a price over 4 hours blocks."""
    b, lead = hours * BLOCKS_H, len(prices.real_time_per_kwh) - BLOCKS_H * homes.load_kw.shape[1]
    wholesale = prices.real_time_per_kwh[lead : lead + b]
    left = float(wholesale.mean()) + worth.delivery_per_kwh
    hour = np.repeat(np.arange(hours), BLOCKS_H)
    houses = _houses(homes, t_best_degc, hour, left, worth, start_degc)
    tanks, batteries = _tanks(homes, hour, left, worth), _batteries(homes, b, left, worth)
    cars = sessions(homes, b, BLOCK_S, worth.ev_efficiency, worth.ev_per_kwh)
    others = np.broadcast_to(other_kw, homes.load_kw.shape[1:])[hour]
    fixed = (homes.load_kw[:, hour] - homes.pv_kw[:, hour]).sum(0) + others
    most = houses.power.sum(0) + tanks.p_max_kw.sum(0) + batteries.p_max_kw.sum(0) + cars.kw.sum(0)
    supply = Supply(
        np.full(b, 1.0 / BLOCKS_H),
        fixed,
        wholesale + worth.delivery_per_kwh,
        np.minimum(wholesale + worth.export_credit_per_kwh, wholesale + worth.delivery_per_kwh),
        np.full(b, limit_kw),
        np.full(b, worth.over_per_kwh),
        np.zeros(b),
        fixed + batteries.p_min_kw.sum(0),
        fixed + most,
    )
    ends = np.cumsum([0, len(houses.gain), len(tanks.x0), len(batteries.x0), len(cars.need_kwh)]).tolist()
    kind = (slice(ends[0], ends[1]), slice(ends[1], ends[2]), slice(ends[2], ends[3]), slice(ends[3], ends[4]))
    return Area(supply, houses, tanks, batteries, cars, BLOCK_S // worth.duty_s, kind)


def answering(area: Area, threads: int) -> Callable[[Col], Answer]:
    """Return the function that answers a price path with the best schedule of every house, tank, battery and car."""
    dt = 1.0 / BLOCKS_H

    def ask(price: Col) -> Answer:
        controls = steer(area.houses, price, dt, area.sub, threads)
        parts = [Answer(controls.p_kw, controls.own_usd, controls.bound_usd)]
        for table in (area.tanks, area.batteries):
            if len(table.x0):
                r = respond(table, price, price, threads=threads)
                parts.append(Answer(r.p_kw, r.cost_usd - r.p_kw @ price * dt, r.bound_usd))
        if len(area.cars.need_kwh):
            parts.append(charge(area.cars, price, dt))
        return Answer(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    return ask


def _houses(homes: Homes, t_best: Col, hour: Index, left: float, worth: Worth, start: tuple[Col, Col] | None) -> Houses:
    ca, cm = homes.ca_kwh_k, homes.cm_kwh_k
    matrices = discretise(homes.ua_kw_k, homes.hm_kw_k, ca, cm, worth.duty_s / 3600.0)
    warm = homes.heating[:, hour]
    heat = np.where(warm, homes.heat_kw[:, None], -homes.cool_kw[:, None])
    source = np.stack([homes.q_air_kw[:, hour] / ca[:, None], homes.q_mass_kw[:, hour] / cm[:, None]], axis=2)
    sign = np.where(homes.heating[:, hour[-1]], -1.0, 1.0)
    price_k = sign * left / homes.cop[:, hour[-1]]
    first = homes.t_set_degc[:, 0]
    start = (first, first - NEAR_K * np.where(homes.heating[:, 0], 1.0, -1.0)) if start is None else start
    return Houses(
        *matrices,
        np.stack(start, axis=1),
        source,
        heat / ca[:, None],
        np.abs(heat) / homes.cop[:, hour],
        t_best[:, hour],
        worth.comfort_per_k2_h / BLOCKS_H * comfort_ratio(homes),
        price_k[:, None] * np.stack([ca, cm], axis=1),
    )


def _tanks(homes: Homes, hour: Index, left: float, worth: Worth) -> Stores:
    rows = np.flatnonzero(homes.tank_kwh_k > 0.0)
    dt = 1.0 / BLOCKS_H
    capacity = homes.tank_kwh_k[rows]
    leak = np.exp(-homes.tank_ua_kw_k[rows] / capacity * dt)[:, None]
    return stores(
        np.full(len(rows), worth.tank_start_degc),
        np.full(len(hour), dt),
        leak=leak,
        inflow=(1.0 - leak) * worth.tank_around_degc - homes.draw_kwh[np.ix_(rows, hour)] * dt / capacity[:, None],
        p_max_kw=homes.tank_kw[rows, None],
        x_min=-FAR_K,
        x_max=worth.tank_high_degc,
        gain_in=1.0 / capacity[:, None],
        k_x=worth.tank_per_k2_h * denied_ratio(homes)[rows, None],
        x_set=worth.tank_low_degc + FAR_K,
        dead=FAR_K,
        end_mu=left * capacity[:, None] * np.ones(2),
    )


def _batteries(homes: Homes, blocks: int, left: float, worth: Worth) -> Stores:
    rows = np.flatnonzero(homes.battery_kwh > 0.0)
    size, power, eta = homes.battery_kwh[rows], homes.battery_kw[rows, None], homes.battery_efficiency[rows, None]
    return stores(
        worth.battery_start_share * size,
        np.full(blocks, 1.0 / BLOCKS_H),
        p_min_kw=-power,
        p_max_kw=power,
        x_max=size[:, None],
        gain_in=eta,
        gain_out=eta,
        wear_per_kwh=worth.wear_per_kwh,
        end_mu=left * eta * np.ones(2),
    )


def _groups(area: Area, homes: Homes) -> Index:
    """Group houses by their time constant, tanks by their draws, cars by arrival: similar rows mix with less loss."""
    rank = [
        homes.cm_kwh_k / homes.hm_kw_k,
        area.tanks.inflow.sum(1) if len(area.tanks.x0) else np.empty(0),
        area.batteries.x0,
        area.cars.first.astype(float),
    ]
    group, total = [], 0
    for values, most in zip(rank, (12, 4, 1, 6), strict=True):
        count = min(most, len(values))
        if count:
            order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
            group.append(total + order * count // len(values))
            total += count
    return np.concatenate(group)


def _score(area: Area, found: Coordination) -> Bound:
    """Welfare bound, the value of each kind at the best price and the load of the mix."""
    proof = found.answers[found.best]
    value = {name: -float(proof.bound_usd[rows].sum()) for name, rows in zip(KINDS, area.kind, strict=True)}
    value["fixed load"] = -float(np.sum(found.price_per_kwh * area.supply.base_kw)) / BLOCKS_H
    value["limit and trade"] = -found.low_usd - sum(value.values())
    return Bound(-found.low_usd, found.price_per_kwh, found.q_kw, value, found.gap_usd, found.rounds)
