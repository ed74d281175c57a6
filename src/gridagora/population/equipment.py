"""Solar panels, batteries, tanks and cars laid on homes by seed: who owns what, and the columns of `Homes` that follow."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Flag, Index, Weather
from gridagora.population import photovoltaic
from gridagora.population.charging import PlacedSessions, Sessions, check, owners, place

TANK_L = 189.0  # 50 gallons, with the heat capacity and the loss that GridLAB-D gives them
TANK_KWH_K, TANK_UA_KW_K, TANK_KW = 0.22, 1.055e-3, 4.5
PAST_DAYS = 28


class Equipment(NamedTuple):
    """What homes own, in shares of homes, and its ratings."""

    pv_share: float = 0.4
    ev_share: float = 0.3
    battery_share: float = 0.15
    pv_kw: float = 5.0  # DC
    pv_tilt_deg: float = 25.0
    pv_azimuth_deg: float = 180.0
    pv_dc_ac_ratio: float = photovoltaic.DC_PER_AC
    battery_kwh: float = 13.5
    battery_kw: float = 5.0
    battery_efficiency: float = 0.95
    tank_l: float = TANK_L
    tank_kw: float = TANK_KW
    ev_kw: float = 7.2
    ev_efficiency: float = 0.9
    ev_daily_share: float = 0.5  # chance that a car plugs in on a day


class Columns(NamedTuple):
    """Columns of `Homes` of the same names, shape (n,) each, `pv_kw` (n, H)."""

    pv_kw: Col
    battery_kwh: Col
    battery_kw: Col
    battery_efficiency: Col
    tank_kwh_k: Col
    tank_ua_kw_k: Col
    tank_kw: Col


def lay(
    equipment: Equipment, home_id: Sequence[str], tank: Flag, weather: Weather, seed: int
) -> Columns:
    """Give panels and batteries to the homes that draw them, and a tank to those of `tank`.

    Parameters
    ----------
    equipment
        Shares and ratings.
    home_id
        Names of n homes: the keys of the random streams.
    tank
        Homes with an electric tank, shape (n,).
    weather
        H hours of the run.
    seed
        Seed of the scenario.
    """
    has_pv = _mask(owners(seed, "pv", home_id, equipment.pv_share), len(home_id))
    has_battery = _mask(owners(seed, "battery", home_id, equipment.battery_share), len(home_id))
    facing = (equipment.pv_tilt_deg, equipment.pv_azimuth_deg)
    panel = photovoltaic.available_kw(weather, equipment.pv_kw, *facing, equipment.pv_dc_ac_ratio)
    return Columns(
        pv_kw=np.where(has_pv[:, None], panel, 0.0),
        battery_kwh=np.where(has_battery, equipment.battery_kwh, 0.0),
        battery_kw=np.where(has_battery, equipment.battery_kw, 0.0),
        battery_efficiency=np.full(len(home_id), equipment.battery_efficiency),
        tank_kwh_k=np.where(tank, TANK_KWH_K * (equipment.tank_l / TANK_L), 0.0),
        tank_ua_kw_k=np.where(tank, TANK_UA_KW_K, 0.0),
        tank_kw=np.where(tank, equipment.tank_kw, 0.0),
    )


def charging(
    equipment: Equipment, home_id: Sequence[str], sessions: Sessions, days: int, seed: int
) -> PlacedSessions:
    """Give cars to the homes that draw one, and a session to the days on which it plugs in.

    Raises
    ------
    InputError
        A session that cannot be served before its departure.
    """
    rows = owners(seed, "ev owner", home_id, equipment.ev_share)
    table = place(
        sessions,
        home_id,
        rows,
        days,
        seed,
        daily_share=equipment.ev_daily_share,
        charger_kw=equipment.ev_kw,
        efficiency=equipment.ev_efficiency,
    )
    check(table.charging, home_id, equipment.ev_efficiency)
    return table


def draw_set(past_kwh: Col) -> Col:
    """Return the equally likely draws of each hour of day, (n, 28, 24): those of the last 28 days, each by itself.

    Parameters
    ----------
    past_kwh
        Hot water of the last 28 days, shape (n, 672) [kWh].
    """
    return np.ascontiguousarray(past_kwh.reshape(len(past_kwh), PAST_DAYS, 24))


def _mask(rows: Index, count: int) -> Flag:
    mask = np.zeros(count, dtype=bool)
    mask[rows] = True
    return mask
