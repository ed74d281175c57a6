"""Every resource of a scene with its true state: beliefs for a plan, curves for an interval, and the step of the physics."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Homes, Index
from gridagora.devices import battery, ev, hvac, pv, water_heater
from gridagora.kernels.curve import Curves
from gridagora.kernels.fleet import ACCOUNT, CONTINUOUS, PRIORITY, THERMOSTAT, Control, Houses, HouseStep, Tanks, TankStep, houses
from gridagora.kernels.tender import bid
from gridagora.kernels.value import Slopes, Stores, slopes

MASS_ABOVE_AIR_K = 0.5  # the run starts at the set point, the mass a little warmer (theory 1.8)
THREADS = 2
WHOLE_KW = 1e-6  # panels within this of all or nothing are not curtailed in part: awards come in whole microwatts
REST_MIN = 3  # compressor timers commonly keep a unit as it is for three to five minutes
RULES = {"thermostat": THERMOSTAT, "account": ACCOUNT, "continuous": CONTINUOUS, "priority": PRIORITY}


@dataclass
class Fleet:
    """Device tables and their state; the arrays of the state are changed by `step`."""

    hvac: hvac.Hvac
    tank: water_heater.WaterHeater
    battery: battery.Battery
    ev: ev.Ev
    pv: pv.Pv
    houses: Houses
    tanks: Tanks
    battery_kwh: Col
    ev_kwh: Col
    rule: int
    dt_h: float
    draws_known: bool
    following_pv: np.ndarray  # (b,) batteries whose home has PV
    control: Control


Specs = tuple[Stores, Stores, Stores, Stores, Stores]  # houses, tanks, batteries, cars, panels


class Plan(NamedTuple):
    """Values of stored energy of an hour, by kind, the sessions they hold for, and the price path they were found against."""

    values: tuple[Slopes, Slopes, Slopes, Slopes]
    sessions: Index
    price_per_kwh: Col  # (h,), or (n, h) where every home has its own


class Delivered(NamedTuple):
    """Metered outcome of one interval: power by kind (n,) [kW] at the home, and what its devices felt."""

    hvac_kw: Col
    water_heater_kw: Col
    battery_kw: Col
    ev_kw: Col
    pv_kw: Col  # negative: what panels give
    t_air_degc: Col
    starts: Index
    short_k_h: Col
    short_k2_h: Col
    balance_kwh: float  # largest violation of the energy balance of any store in the interval


def of(
    homes: Homes,
    local_hour: Index,
    comfort_per_k2_h: float,
    reference_per_kwh: float,
    dt_h: float,
    *,
    rule: str,
    draws_known: bool,
    rest_min: int = REST_MIN,
) -> Fleet:
    """Return the fleet of a scene at the start of a run; an on/off unit that was switched rests for `rest_min` minutes."""
    units = hvac.of(homes, comfort_per_k2_h, reference_per_kwh, dt_h)
    tanks = water_heater.of(homes, local_hour, short_h=dt_h)
    packs = battery.of(homes, short_h=dt_h)
    cars = ev.of(homes, short_h=dt_h)
    air = homes.t_set_degc[:, 0]
    mass = air + np.where(homes.heating[:, 0], -MASS_ABOVE_AIR_K, MASS_ABOVE_AIR_K)
    return Fleet(
        units,
        tanks,
        packs,
        cars,
        pv.of(homes),
        houses(air, mass),
        water_heater.start(tanks),
        battery.start(packs),
        np.zeros(len(cars.home)),
        RULES[rule],
        dt_h,
        draws_known,
        homes.pv_kw.max(1)[packs.home] > 0,
        Control(hold_min=rest_min),
    )


def beliefs(fleet: Fleet, hour: int, hours: int, value_per_kwh: float) -> tuple[Specs, Index]:
    """Return what every resource believes of the window, and the sessions plugged in within its first hour."""
    now_s = 3600.0 * hour
    sessions = ev.active(fleet.ev, fleet.ev_kwh, now_s, 3600.0)
    cars = ev.take(fleet.ev, sessions)
    return (
        hvac.spec(fleet.hvac, fleet.houses, hour, hours, value_per_kwh),
        water_heater.spec(fleet.tank, fleet.tanks, hour, hours, value_per_kwh, known_draws=fleet.draws_known),
        battery.spec(fleet.battery, fleet.battery_kwh, hours, value_per_kwh),
        ev.spec(cars, fleet.ev_kwh[sessions], now_s, hours),
        pv.spec(fleet.pv, hour, hours),
    ), sessions


def told(fleet: Fleet, specs: Specs, hour: int, hours: int) -> tuple[Stores, ...]:
    """Return the specs as an operator is told them: the mean of the likely draws stands for the draws."""
    if fleet.draws_known:
        return specs
    mean = water_heater.draws(fleet.tank, hour, hours).mean(1)
    return specs[0], specs[1]._replace(inflow=specs[1].inflow + mean), *specs[2:]


def plan(fleet: Fleet, specs: Specs, sessions: Index, price_per_kwh: Col, hour: int) -> Plan:
    """Return the value of stored energy at the start and the end of the hour, against a price path (h,) or (n, h) [$/kWh]."""
    likely = None if fleet.draws_known else water_heater.draws(fleet.tank, hour, price_per_kwh.shape[-1])
    house, tank, pack, car, _ = specs  # panels store nothing
    own = homes_of(fleet, sessions) if price_per_kwh.ndim > 1 else (None,) * 5
    return Plan(
        (
            slopes(house, price_per_kwh, row=own[0], threads=THREADS),
            slopes(tank, price_per_kwh, row=own[1], draws=likely, threads=THREADS),
            slopes(pack, price_per_kwh, row=own[2]),
            slopes(car, price_per_kwh, row=own[3]),
        ),
        sessions,
        price_per_kwh,
    )


def tender(fleet: Fleet, found: Plan, hour: int, share: float, now_s: float) -> Curves:
    """Return the curve of every resource for the next interval, which ends at `share` of the hour."""
    parts = (
        hvac.spec_now(fleet.hvac, fleet.houses, hour),
        water_heater.spec_now(fleet.tank, fleet.tanks, hour, share=share, known_draws=fleet.draws_known),
        battery.spec_now(fleet.battery, fleet.battery_kwh),
        ev.spec_now(fleet.ev, fleet.ev_kwh, now_s, found.sessions),
    )
    rows = [*(bid(spec, value, share) for spec, value in zip(parts, found.values, strict=True)), pv.tender(fleet.pv, hour)]
    starts = np.cumsum([0, *(len(r.p_kw) for r in rows)])
    offset = np.concatenate([[0], *(r.offset[1:] + at for r, at in zip(rows, starts[:-1], strict=True))])
    return Curves(offset, np.concatenate([r.p_kw for r in rows]), np.concatenate([r.price_per_kwh for r in rows]))


def step(
    fleet: Fleet,
    p_kw: Col | None,
    sessions: Index,
    hour: int,
    now_s: float,
    load_kw: Col,
    way: Index | None = None,
    *,
    curtails: bool = True,
) -> Delivered:
    """Step the true physics of one interval.

    Parameters
    ----------
    p_kw
        Power of every resource in the order of `tender` [kW], or None where every device follows its own switch.
    load_kw
        Load of every home without its devices, shape (n,) [kW]; a battery without orders follows it less what panels give.
    way
        Which way each home means to trade, (n,), where export earns less than import costs: 1, -1, or 0 for nothing crosses.
        Its battery then makes up for on/off units, so that the meter never turns the other way while it can help it.
    curtails
        Whether panels follow their order; if not they give all they can, as under a tariff that does not know the hour.
    """
    n, minutes = len(fleet.hvac.home), round(60 * fleet.dt_h)
    before = stored_kwh(fleet)
    free = p_kw is None
    units, tanks, packs = len(fleet.hvac.home), len(fleet.tank.home), len(fleet.battery.home)
    cars = len(sessions)
    asked = np.zeros(units + tanks + packs + cars + len(fleet.pv.home)) if p_kw is None else p_kw
    unit_kw, tank_kw, pack_kw, car_kw, panel_kw = np.split(asked, np.cumsum([units, tanks, packs, cars]))
    house = hvac.step(
        fleet.hvac,
        fleet.houses,
        hvac.hours_now(fleet.hvac, hour, not free),
        unit_kw,
        THERMOSTAT if free else fleet.rule,
        fleet.control,
        minutes=minutes,
    )
    water = water_heater.step(fleet.tank, fleet.tanks, hour, tank_kw, THERMOSTAT if free else CONTINUOUS, minutes)
    target = ev.plug_in_and_charge(fleet.ev, fleet.ev_kwh) if free else np.zeros(len(fleet.ev.home))
    if not free:
        target[sessions] = car_kw
    charged = ev.step(fleet.ev, fleet.ev_kwh, now_s, target, fleet.dt_h)
    home_kw = {
        "hvac": house.e_kwh / fleet.dt_h,
        "tank": spread(water.e_kwh / fleet.dt_h, fleet.tank.home, n),
        "ev": spread(charged, fleet.ev.home, n),
    }
    made = pv.step(fleet.pv, hour, panel_kw if curtails and not free else None)
    if curtails and not free:
        drawn = home_kw["hvac"] + home_kw["tank"] + home_kw["ev"]
        planned = unit_kw + spread(tank_kw, fleet.tank.home, n) + spread(car_kw, fleet.ev.home[sessions], n)
        held = pv.step(fleet.pv, hour, panel_kw + (planned - drawn)[fleet.pv.home])
        partly = (made < -WHOLE_KW) & (made > pv.step(fleet.pv, hour) + WHOLE_KW)
        made = np.where(partly, held, made)  # an inverter that is curtailed in part holds what the meter was to read
    home_kw["pv"] = spread(made, fleet.pv.home, n)
    cover = -(load_kw + sum(home_kw.values()))[fleet.battery.home]
    if free:
        pack_kw = np.where(fleet.following_pv, cover, 0.0)
    elif way is not None:
        own = way[fleet.battery.home]
        pack_kw = np.where(own > 0, np.maximum(pack_kw, cover), np.where(own < 0, np.minimum(pack_kw, cover), cover))
    stored = battery.step(fleet.battery, fleet.battery_kwh, pack_kw, fleet.dt_h)
    return Delivered(
        home_kw["hvac"],
        home_kw["tank"],
        spread(stored, fleet.battery.home, n),
        home_kw["ev"],
        home_kw["pv"],
        house.t_air_degc,
        house.starts * (fleet.hvac.rated_kw[:, hour] > 0),
        spread(water.short_k_h, fleet.tank.home, n),
        spread(water.short_k2_h, fleet.tank.home, n),
        _balance_kwh(fleet, before, house, water, stored, charged, hour),
    )


def stored_kwh(fleet: Fleet) -> tuple[Col, Col, Col, Col]:
    """Return the energy in houses (heat above 0 degC), tanks, batteries and cars, as new arrays [kWh]."""
    h, a = fleet.hvac, fleet.houses
    house = h.ca_kwh_k * a.t_air_degc + h.cm_kwh_k * a.t_mass_degc
    return house, fleet.tank.cap_kwh_k * fleet.tanks.t_tank_degc, fleet.battery_kwh.copy(), fleet.ev_kwh.copy()


def _balance_kwh(
    fleet: Fleet, before: tuple[Col, Col, Col, Col], house: HouseStep, water: TankStep, pack_kw: Col, car_kw: Col, hour: int
) -> float:
    """Largest |energy stored - energy in + energy out| of any resource over the interval just stepped [kWh]."""
    h, tank, dt = fleet.hvac, fleet.tank, fleet.dt_h
    heat = h.unit_kw[:, hour] / np.where(h.rated_kw[:, hour] > 0, h.rated_kw[:, hour], 1.0)
    drift = (h.q_air_kw + h.q_mass_kw)[:, hour] * dt - h.ua_kw_k * house.t_air_degc * dt
    lost = (tank.draw_kw[:, hour] + tank.ua_kw_k * (water.t_mean_degc - tank.control.t_room_degc)) * dt
    eta = fleet.battery.efficiency
    gained = (
        drift + heat * house.e_kwh,
        water.e_kwh - lost,
        np.where(pack_kw > 0, pack_kw * eta, pack_kw / eta) * dt,
        car_kw * fleet.ev.efficiency * dt,
    )
    return max(
        float(np.abs(now - old - gain).max(initial=0.0)) for now, old, gain in zip(stored_kwh(fleet), before, gained, strict=True)
    )


def owners(fleet: Fleet, sessions: Index) -> Index:
    """Return the home of every resource, in the order of `tender`."""
    return np.concatenate(homes_of(fleet, sessions))


def homes_of(fleet: Fleet, sessions: Index) -> tuple[Index, Index, Index, Index, Index]:
    """Return the home of every resource, by kind."""
    return fleet.hvac.home, fleet.tank.home, fleet.battery.home, fleet.ev.home[sessions], fleet.pv.home


def spread(values: Col, home: Index, n: int) -> Col:
    """Return values by home, shape (n,)."""
    return np.bincount(home, values, n)
