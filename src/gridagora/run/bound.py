"""Upper bound of the welfare of a week: perfect information, true physics, one price for all, the substation limit priced.

Theory 5.1, 5.2.

For any price path the best answers of all homes plus what the supply could gain bound every schedule of every design from
above (weak duality), because each part of a run is among what its counterpart here minimises over:

* A house moves continuous power every minute; its answer brings its own proof (`kernels.control`). A tank is stepped by the
  minute, as in the run (`run.bound_tanks`).
* Prices, limit and comfort hold over blocks of a quarter of an hour; a run clears and is charged every five minutes. The cost
  of the substation is convex in its load, so that of the mean load of a block is at most the mean of its costs (Jensen).
* A battery may turn within a block. What it stores is concave in its power and its wear convex, and the answer is that of the
  convex hull of a block (`kernels.value`): any mix of powers within the block is in it.
* A car takes at most its charger's energy in the share of the block it is plugged in, whenever in the block that is.
* Panels give anything from nothing to what the sun allows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Homes, Index, Prices
from gridagora.kernels.control import Houses, steer
from gridagora.kernels.dual import Answer, Coordination, coordinate, dual_value, recover
from gridagora.kernels.fleet import TankControl
from gridagora.kernels.master import Supply
from gridagora.kernels.value import Stores, respond, stores
from gridagora.run.bound_cars import Cars, charge, sessions
from gridagora.run.bound_houses import houses
from gridagora.run.bound_tanks import Tanks, heat, tanks

BLOCK_S = 900  # prices, limit and comfort hold over blocks of a quarter of an hour
BLOCKS_H = 3600 // BLOCK_S
STEP_S = 60  # the physics of a run
Play = Callable[["Schedule"], float]


@dataclass(frozen=True)
class Worth:
    """What a week is scored by, and how stores start; comfort, hot water and charge of a standard home.

    Left over energy is worth the mean wholesale price plus delivery, times what it displaces.
    """

    delivery_per_kwh: float = 0.045
    export_credit_per_kwh: float = 0.0
    over_per_kwh: float = 1.0
    comfort_per_k2_h: float = 0.05
    wear_per_kwh: float = 0.01
    battery_start_share: float = 0.5
    tank_start_degc: float = 52.0
    tank: TankControl = TankControl()
    tank_per_k2_h: float = 0.01
    ev_per_kwh: float = 1.0
    ev_efficiency: float = 0.9


class Schedule(NamedTuple):
    """Mean power of every resource in every block, shape (rows, 4 hours) [kW]: homes, tanks, batteries, sessions and panels.

    Rows are those of the homes that have the kind, sessions those that begin before the end, panels one row for all.
    """

    house_kw: Col
    tank_kw: Col
    battery_kw: Col
    car_kw: Col
    panel_kw: Col


class Bound(NamedTuple):
    """A number no schedule beats, and its proof.

    welfare_usd: the bound. price_per_kwh, load_kw (4 hours,) of its 15-minute blocks; device_usd: value by kind at that
    price; evaluations: prices tried. feasible_usd: welfare of a schedule that can be played, so that the best possible lies
    between it and the bound; gap_usd: the distance of the two; nan where nothing was played. mix: the schedule to play.
    """

    welfare_usd: float
    price_per_kwh: Col
    load_kw: Col
    device_usd: dict[str, float]
    gap_usd: float
    evaluations: int
    feasible_usd: float = np.nan
    mix: Schedule | None = None


class Area(NamedTuple):
    """The homes of a bound as answering parts over b blocks, and the supply; kind: rows of an answer by kind.

    credit_usd: what the convex supply asks too little, a constant, where export earns more than import costs.
    """

    supply: Supply
    houses: Houses
    tanks: Tanks
    batteries: Stores
    cars: Cars
    panels_kw: Col  # (1, b), no row where there are none
    sub: int
    kind: tuple[slice, ...]
    credit_usd: float


STEP = 50.0  # kW an average home may first be out of balance for each $/kWh of distance from the cost
BATTERY = 2
KINDS = ("houses", "tanks", "batteries", "cars", "panels")


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
    rounds_max: int = 20,
    tolerance: float = 1e-4,
    threads: int = 2,
    play: Play | None = None,
) -> Bound:
    """Bound the welfare of the first `hours` hours from above.

    Prices are searched on parts that hold their power through a block, which is quick and gives the schedule to play. Any price
    bounds, so one answer of the true parts to the best price found is the proof.

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
    play
        Welfare [$] that a schedule earns in the true physics: it is given the mix of all answers, for the gap.

    Returns
    -------
    Bound
        Valid whatever the number of rounds; more rounds bring it nearer.
    """
    worth = Worth() if worth is None else worth
    given = (homes, prices, t_best_degc, hours, limit_kw, worth, start_degc, other_kw)
    fine, area = gather(*given), gather(*given, coarse=True)
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
    return _score(fine, found, answering(fine, threads)(found.price_per_kwh), mixed(area, found), play)


def gather(
    homes: Homes,
    prices: Prices,
    t_best_degc: Col,
    hours: int,
    limit_kw: float,
    worth: Worth,
    start_degc: tuple[Col, Col] | None = None,
    other_kw: Col | float = 0.0,
    *,
    coarse: bool = False,
) -> Area:
    """Turn homes and prices into parts that answer a price over 4 hours blocks; `coarse` ones hold power through a block."""
    b, lead = hours * BLOCKS_H, len(prices.real_time_per_kwh) - BLOCKS_H * homes.load_kw.shape[1]
    wholesale = prices.real_time_per_kwh[lead : lead + b]
    left = float(wholesale.mean()) + worth.delivery_per_kwh
    hour = np.repeat(np.arange(hours), BLOCKS_H)
    step_s = BLOCK_S if coarse else STEP_S
    units = houses(homes, t_best_degc, hour, left, worth.comfort_per_k2_h, step_s, start_degc)
    water = tanks(homes, hour, BLOCK_S // step_s, left, worth.tank_per_k2_h, worth.tank_start_degc, worth.tank)
    packs = _batteries(homes, b, left, worth)
    cars = sessions(homes, b, BLOCK_S, worth.ev_efficiency, worth.ev_per_kwh)
    sun = homes.pv_kw[:, hour].sum(0, keepdims=True)
    sun = sun[sun.max(1) > 0.0]
    base = homes.load_kw[:, hour].sum(0) + np.broadcast_to(other_kw, homes.load_kw.shape[1:])[hour]
    least = base + packs.p_min_kw.sum(0) - sun.sum(0)
    most = base + units.power.sum(0) + water.table.p_max_kw.sum(0)[:: water.sub] + packs.p_max_kw.sum(0) + cars.kw.sum(0)
    plugged_kw = np.where(cars.kw > 0.0, homes.ev_kw[homes.ev_arrive_s < b * BLOCK_S, None], 0.0)
    # within a block a car draws its whole charger, which the mean of the block cannot reach
    buy, sell, credit_usd = _trade(wholesale, least, most + (plugged_kw - cars.kw).sum(0), worth)
    supply = Supply(
        np.full(b, 1.0 / BLOCKS_H),
        base,
        buy,
        sell,
        np.full(b, limit_kw),
        np.full(b, worth.over_per_kwh),
        np.zeros(b),
        least,
        most,
    )
    counts = (len(units.gain), len(water.table.x0), len(packs.x0), len(cars.need_kwh), len(sun))
    ends = np.cumsum([0, *counts]).tolist()
    kind = tuple(slice(*span) for span in pairwise(ends))
    return Area(supply, units, water, packs, cars, sun, BLOCK_S // step_s, kind, credit_usd)


def _trade(wholesale: Col, least_kw: Col, most_kw: Col, worth: Worth) -> tuple[Col, Col, float]:
    """Prices of import and export of a cost of the load that is convex and nowhere above the true one, and a constant [$].

    Where a kWh exported earns more than one imported costs, the true cost bends down at zero: the chord over all loads
    within reach takes its place. It misses zero by the constant, which is zero or less.
    """
    buy, sell = wholesale + worth.delivery_per_kwh, wholesale + worth.export_credit_per_kwh
    if worth.export_credit_per_kwh <= worth.delivery_per_kwh:
        return buy, sell, 0.0
    low, high = np.minimum(least_kw, 0.0), np.maximum(most_kw, 0.0)
    chord = (buy * high - sell * low) / np.maximum(high - low, 1e-9)
    return chord, chord, float(np.sum((sell - chord) * low)) / BLOCKS_H


def answering(area: Area, threads: int) -> Callable[[Col], Answer]:
    """Return the function that answers a price path with the best schedule of every house, tank, battery, car and panel."""
    dt = 1.0 / BLOCKS_H

    def ask(price: Col) -> Answer:
        controls = steer(area.houses, price, dt, area.sub, threads)
        parts = [Answer(controls.p_kw, controls.own_usd, controls.bound_usd)]
        if len(area.tanks.table.x0):
            parts.append(heat(area.tanks, price, threads))
        if len(area.batteries.x0):
            r = respond(area.batteries, price, price, threads=threads)
            parts.append(Answer(r.p_kw, r.cost_usd - r.p_kw @ price * dt, r.bound_usd))
        if len(area.cars.need_kwh):
            parts.append(charge(area.cars, price, dt))
        if len(area.panels_kw):
            given = np.where(price > 0.0, -area.panels_kw, 0.0)
            parts.append(Answer(given, np.zeros(1), given @ price * dt))
        return Answer(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    return ask


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
        area.tanks.table.inflow.sum(1),
        area.batteries.x0,
        area.cars.first.astype(float),
        np.zeros(len(area.panels_kw)),
    ]
    group, total = [], 0
    for values, most in zip(rank, (12, 4, 1, 6, 1), strict=True):
        count = min(most, len(values))
        if count:
            order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
            group.append(total + order * count // len(values))
            total += count
    return np.concatenate(group)


def _score(area: Area, found: Coordination, proof: Answer, mix: Schedule, play: Play | None) -> Bound:
    """Welfare bound, the value of each kind at the best price, the load of the mix, and what the mix earns when played."""
    top = -dual_value(proof, area.supply, found.price_per_kwh) - area.credit_usd
    value = {name: -float(proof.bound_usd[rows].sum()) for name, rows in zip(KINDS, area.kind, strict=True)}
    value["fixed load"] = -float(np.sum(found.price_per_kwh * area.supply.base_kw)) / BLOCKS_H
    value["limit and trade"] = top - sum(value.values())
    feasible = np.nan if play is None else play(mix)
    return Bound(top, found.price_per_kwh, found.q_kw, value, top - feasible, found.rounds, feasible, mix)


def mixed(area: Area, found: Coordination) -> Schedule:
    """Return the best mix of all answers heard; batteries mix the energy they store."""
    gain = np.ones((len(found.group), 1))
    gain[area.kind[BATTERY]] = area.batteries.gain_in[:, :1]
    out = np.ones_like(gain)
    out[area.kind[BATTERY]] = area.batteries.gain_out[:, :1]
    p_kw = recover(found, gain, out)
    return Schedule(*(p_kw[rows] for rows in area.kind))
