"""Homes as columns, a row each, with zeros where a home lacks a device: how tests and the referee write and read them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gridagora.core.tables import ALIKE, Homes, Quality
from gridagora.devices.battery import Batteries
from gridagora.devices.pv import PvArrays
from gridagora.population.charging import ChargingSessions
from gridagora.population.heat_pump import HeatPumps
from gridagora.population.hot_water import WaterHeaters

HOUSE = ("ua_kw_k", "hm_kw_k", "ca_kwh_k", "cm_kwh_k", "cool_kw", "heat_kw")
SERIES = ("t_set_degc", "heating", "q_air_kw", "q_mass_kw", "cop")
PV = {"pv_kw": "available_kw"}
BATTERY = {"battery_kwh": "cap_kwh", "battery_kw": "rated_kw", "battery_efficiency": "efficiency"}
TANK = {
    "tank_kwh_k": "cap_kwh_k",
    "tank_ua_kw_k": "ua_kw_k",
    "tank_kw": "rated_kw",
    "draw_kwh": "draw_kwh",
    "draw_set_kwh": "draw_set_kwh",
}
EV = {
    "ev_home": "home",
    "ev_arrive_s": "arrive_s",
    "ev_depart_s": "depart_s",
    "ev_need_kwh": "need_kwh",
    "ev_kw": "rated_kw",
}


class HomeColumns(NamedTuple):
    """n homes over H hours; m sessions of cars."""

    home_id: tuple[str, ...]
    load_kw: np.ndarray  # (n, H)
    draw_kwh: np.ndarray  # (n, H)
    draw_set_kwh: np.ndarray  # (n, S, 24)
    t_set_degc: np.ndarray  # (n, H)
    heating: np.ndarray  # (n, H)
    ua_kw_k: np.ndarray  # (n,) and so on
    hm_kw_k: np.ndarray
    ca_kwh_k: np.ndarray
    cm_kwh_k: np.ndarray
    q_air_kw: np.ndarray  # (n, H)
    q_mass_kw: np.ndarray  # (n, H)
    cool_kw: np.ndarray
    heat_kw: np.ndarray
    cop: np.ndarray  # (n, H)
    pv_kw: np.ndarray  # (n, H)
    battery_kwh: np.ndarray  # (n,) 0 where none
    battery_kw: np.ndarray
    battery_efficiency: np.ndarray
    tank_kwh_k: np.ndarray  # (n,) 0 where none
    tank_ua_kw_k: np.ndarray
    tank_kw: np.ndarray
    ev_home: np.ndarray  # (m,)
    ev_arrive_s: np.ndarray
    ev_depart_s: np.ndarray
    ev_need_kwh: np.ndarray
    ev_kw: np.ndarray
    quality: Quality = ALIKE


def homes_of(c: HomeColumns) -> Homes:
    """Return the homes with their devices: a table of each kind, though no home may own one."""
    n = len(c.home_id)
    house = {name: getattr(c, name) for name in (*HOUSE, *SERIES)}
    sun, packs, tanks = (
        np.flatnonzero(has) for has in (c.pv_kw.any(axis=1), c.battery_kwh > 0, c.tank_kwh_k > 0)
    )
    cars = (getattr(c, name) for name in EV)
    owned = {
        "hvac": HeatPumps(np.arange(n), **house, fit_error=np.full(n, np.nan)),
        "water_heater": WaterHeaters(
            tanks, **{own: getattr(c, name)[tanks] for name, own in TANK.items()}
        ),
        "battery": Batteries(
            packs, **{own: getattr(c, name)[packs] for name, own in BATTERY.items()}
        ),
        "ev": ChargingSessions(*cars),
        "pv": PvArrays(sun, c.pv_kw[sun]),
    }
    return Homes(c.home_id, c.load_kw, c.quality, owned)


def columns_of(homes: Homes) -> HomeColumns:
    """Return the columns of homes that all have a house, at most one device of a kind, and any of the five kinds."""
    n, owned = len(homes.home_id), homes.owned

    def wide(kind: str, own: str, tail: tuple[int, ...] = ()) -> np.ndarray:
        table = owned.get(kind)
        column = np.zeros((0, *tail)) if table is None else getattr(table, own)
        found = np.zeros((n, *column.shape[1:]))
        if table is not None:
            found[table.home] = column
        return found

    hours = homes.load_kw.shape[1:]
    columns = {name: getattr(owned["hvac"], name) for name in (*HOUSE, *SERIES)}
    columns |= {name: wide("pv", own, hours) for name, own in PV.items()}
    columns |= {name: wide("battery", own) for name, own in BATTERY.items()}
    columns |= {
        name: wide("water_heater", own, hours if name == "draw_kwh" else ())
        for name, own in TANK.items()
    }
    columns |= {name: getattr(owned["ev"], own) for name, own in EV.items()}
    return HomeColumns(homes.home_id, homes.load_kw, quality=homes.quality, **columns)


def changed(homes: Homes, kind: str, **columns: np.ndarray) -> Homes:
    """Return the homes with other columns of a table of devices."""
    return homes._replace(owned={**homes.owned, kind: replace(homes.owned[kind], **columns)})
