"""The homes of Travis County, Texas: hourly demand of 2018, a calibrated house each, and equipment laid on them by seed."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core import heat_pump, house_fit, sun
from gridagora.core.charging import Charging
from gridagora.core.equipment import PAST_DAYS, Equipment, draw_set, lay
from gridagora.core.errors import InputError
from gridagora.core.house_fit import low_pass
from gridagora.core.profiles import FIT_R2_LEAST, Profiles, has_unit, judge, rows_of
from gridagora.core.registry import register
from gridagora.core.tables import TAIL_H, Col, Flag, Homes, Index, Weather

HOUR_S, DAY_S, WEEK_H, YEAR_H = 3600, 86400, 168, 8760
SUMMER_APART_H, WINTER_APART_H = 15 * 24, 3 * 24  # left out of a calibration on each side of the days it is judged on
LEAST_FIT_H = 14 * 24  # below it a short file is fitted whole
SUMMER, WINTER_END, WINTER_START = (120, 273), 59, 334  # days of the year
PEAK_QUANTILE, PEAK_MARGIN = 0.995, 1.15  # capacity of a unit above the demand it met
NORMAL = Equipment(ev_daily_share=0.24)  # days with a session in the EV WATTS record of 26 Texas cars, of all their days


class Fitted(NamedTuple):
    """Houses of n homes and how they do: share of energy missed on held-out days, signed, and over all hours of the mode."""

    houses: house_fit.Houses
    heating: Flag  # (n,) fitted to heating rather than cooling
    held_out_error: Col  # (n,)
    annual_error: Col  # (n,)
    cool_kw: Col  # (n,)
    heat_kw: Col  # (n,)


# The median of the hundred houses of Travis County without gains: stands in where a home neither cools nor heats, and so
# nothing tells its house and nothing depends on it.
ANY_HOUSE = house_fit.Houses(*(np.array([value]) for value in (0.14, 0.1, 0.85, 4.1, 0.0, 0.0, 0.0, 0.0, np.nan)))


def fit_homes(profiles: Profiles, year: Weather, first: int, hours: int, r2_least: float = FIT_R2_LEAST) -> Fitted:
    """Fit the homes that cool or heat (`calibrate`); the others get `ANY_HOUSE`, no unit and no error.

    Raises
    ------
    InputError
        Houses that explain little of what their homes took (`core.profiles.judge`).
    """
    has, count = has_unit(profiles), len(profiles.home_id)
    fitted = calibrate(rows_of(profiles, has), year, first, hours) if has.any() else None
    houses = [np.full(count, column[0]) for column in ANY_HOUSE]
    error, annual, cool, heat = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count), np.zeros(count)
    heating = np.zeros(count, dtype=bool)
    if fitted is not None:
        for column, found in zip((*houses, heating, error, annual, cool, heat), (*fitted.houses, *fitted[1:]), strict=True):
            column[has] = found
    poor = judge(houses[-1], error, r2_least)
    if poor:
        raise InputError(poor)
    return Fitted(house_fit.Houses(*houses), heating, error, annual, cool, heat)


@register("source", "homes.source=travis")
def travis(
    profiles: Profiles,
    year: Weather,
    vehicles: Charging,
    start_s: int,
    days: int,
    *,
    count: int = 186,
    seed: int = 1,
    homes_start_s: int | None = None,
    equipment: Equipment = NORMAL,
    sky: Weather | None = None,
    fit_r2_least: float = FIT_R2_LEAST,
) -> Homes:
    """Build a population out of the 100 homes: the second copy of a home lives its previous week, and so on.

    Parameters
    ----------
    profiles
        Hourly homes (`sources.profiles.read_profiles`) over whole days. Past their end they start again.
    year
        Weather of the same hours: what the homes were exposed to.
    vehicles
        Charging sessions laid on the homes of `named`.
    start_s, days
        The run, in the year of its prices [s UTC]; its first hour is taken for local midnight.
    count, seed
        Homes wanted; seed of the equipment.
    homes_start_s
        Where in the year of the homes the run starts; by default the nearest date on the same weekday (`paired_start`).
    equipment
        Shares of homes with panels, cars and batteries, rounded to whole homes, and their ratings.
    sky
        Weather of the run, where it is not that of the homes.
    fit_r2_least
        What the median home must reach (`core.profiles.judge`).

    Returns
    -------
    Homes
        H = 24 days + 25 hours; `calibration_error` is the held-out error over the days of the run.

    Raises
    ------
    InputError
        Houses that explain little of what their homes took.
    """
    from_s = paired_start(start_s, year) if homes_start_s is None else homes_start_s
    first = (from_s - year.start_s) // HOUR_S
    fitted = fit_homes(profiles, year, first, 24 * days, fit_r2_least)
    copy, at = np.divmod(np.arange(count), len(profiles.home_id))
    home_id = named(profiles, count)
    now, lived, past = _hours(first, copy, days, len(year.t_out_degc))
    rows = at[:, None]
    there = sky or Weather(start_s, *(column[now] for column in year[1:]))
    lagged = low_pass(there.t_out_degc, house_fit.LAG_H) if sky else low_pass(year.t_out_degc, house_fit.LAG_H)[now]
    air, mass, house = _heat(fitted, profiles, there, lagged, at, lived)
    heating = _modes(profiles, lived, rows) if sky is None else _modes_of_need(house, profiles.t_in_degc[rows, lived], air, mass)
    columns = lay(equipment, home_id, profiles.draw_kwh.sum(axis=1)[at] > 0, there, seed)
    return Homes(
        home_id=home_id,
        load_kw=profiles.load_kw[rows, lived],
        draw_kwh=profiles.draw_kwh[rows, lived],
        draw_set_kwh=draw_set(profiles.draw_kwh[rows, past]),
        t_set_degc=profiles.t_in_degc[rows, lived],
        heating=heating,
        ua_kw_k=house.ua_kw_k + house.ua_lagged_kw_k,
        hm_kw_k=house.hm_kw_k,
        ca_kwh_k=np.full(count, house_fit.CA_KWH_K),
        cm_kwh_k=house.cm_kwh_k,
        q_air_kw=air,
        q_mass_kw=mass,
        cool_kw=fitted.cool_kw[at],
        heat_kw=fitted.heat_kw[at],
        cop=np.where(heating, heat_pump.heating_cop(there.t_out_degc), heat_pump.cooling_cop(there.t_out_degc)),
        **columns._asdict(),
        **vehicles._asdict(),
        calibration_error=np.abs(fitted.held_out_error[at]),
    )


def _hours(first: int, copy: Index, days: int, total: int) -> tuple[Index, Index, Index]:
    """Return the hours of the run, those that each copy lives in it, and those before, out of `total` that go round."""
    back = first - WEEK_H * copy[:, None]
    run, before = np.arange(24 * days + TAIL_H), np.arange(-24 * PAST_DAYS, 0)
    return (first + run) % total, (back + run) % total, (back + before) % total


def named(profiles: Profiles, count: int) -> tuple[str, ...]:
    """Return the names of `count` homes; the second copy of a home is its name with -2."""
    many = len(profiles.home_id)
    return tuple(profiles.home_id[row % many] + (f"-{row // many + 1}" if row >= many else "") for row in range(count))


def paired_start(start_s: int, year: Weather) -> int:
    """Return the nearest date of the weather year on the same weekday and at the same hour [s UTC].

    15 July 2024 pairs with 16 July 2018, both Mondays.
    """
    there = pd.Timestamp(start_s, unit="s", tz="UTC")
    wanted = pd.Timestamp(year.start_s, unit="s", tz="UTC").year
    day = 28 if (there.month, there.day) == (2, 29) else there.day
    moved_s = (there - there.replace(year=wanted, day=day)).total_seconds()
    found = start_s - round(moved_s / (7 * DAY_S)) * 7 * DAY_S
    last = year.start_s + HOUR_S * (len(year.t_out_degc) - 1)
    while found < year.start_s:
        found += 7 * DAY_S
    while found > last:
        found -= 7 * DAY_S
    return found


def calibrate(profiles: Profiles, year: Weather, first: int, hours: int) -> Fitted:
    """Fit a house to every home, on its cooling, or on its heating where the hours of the run hold more of that.

    The hours of the run and 15 days on each side (3 in the short winter) are left out of the fit, and the error over the run is
    the held-out one.

    Parameters
    ----------
    profiles, year
        Homes and weather over the same hours.
    first, hours
        The hours held out.
    """
    total = profiles.t_in_degc.shape[1]
    hour = np.arange(total)
    of_year = hour + _hours_into_year(profiles.start_s)
    away_h = np.abs((hour + 0.5 - (first + hours / 2) + total / 2) % total - total / 2) - hours / 2
    summer = (of_year % YEAR_H >= 24 * SUMMER[0]) & (of_year % YEAR_H < 24 * SUMMER[1])
    winter = (of_year % YEAR_H < 24 * WINTER_END) | (of_year % YEAR_H >= 24 * WINTER_START)
    angles = sun.Sun(year.zenith_deg, year.azimuth_deg)
    walls = sun.on_walls(angles, year.ghi_w_m2, year.dni_w_m2, year.dhi_w_m2) / 1000.0
    drivers = house_fit.Drivers(profiles.t_in_degc, year.t_out_degc, walls, profiles.load_kw, profiles.occupants)
    run = (first + np.arange(hours)) % total
    cools, heats = (profiles.cool_kw > 0).any(axis=1), (profiles.heat_kw > 0).any(axis=1)
    cold = ~cools | (heats & (profiles.heat_kw[:, run].sum(axis=1) > profiles.cool_kw[:, run].sum(axis=1)))
    warm_use, cold_use = hours_of_fit(summer, away_h, SUMMER_APART_H), hours_of_fit(winter, away_h, WINTER_APART_H)
    houses = _by_mode(drivers, profiles, cold, warm_use, cold_use)
    seen = np.where(cold, cold_use[run].any(), warm_use[run].any())  # a short file leaves no hours to judge a house on
    need = house_fit.predict(houses, drivers)
    met, had = np.maximum(np.where(cold[:, None], -need, need), 0.0), np.where(cold[:, None], profiles.heat_kw, profiles.cool_kw)
    return Fitted(
        houses,
        cold,
        np.where(seen, np.nan, _excess(met[:, run], had[:, run])),
        _excess(met, had),
        PEAK_MARGIN * np.quantile(profiles.cool_kw[:, summer if summer.any() else hour], PEAK_QUANTILE, axis=1),
        PEAK_MARGIN * np.quantile(profiles.heat_kw[:, winter if winter.any() else hour], PEAK_QUANTILE, axis=1),
    )


def _hours_into_year(start_s: int) -> int:
    """Return the whole days since the year began [h]; UTC will do for seasons."""
    start = pd.Timestamp(start_s, unit="s", tz="UTC")
    return 24 * (start - start.replace(month=1, day=1, hour=0, minute=0, second=0)).days


def hours_of_fit(season: Flag, away_h: Col, apart_h: float) -> Flag:
    """Return the hours that a house is fitted to: those of its season away from the run, or what a short file leaves.

    Parameters
    ----------
    season
        Hours of the season, shape (t,).
    away_h
        Distance of each from the run, negative within it [h].
    apart_h
        Distance that is wanted [h].
    """
    for use in (season & (away_h > apart_h), season & (away_h > 0), away_h > 0):
        if np.count_nonzero(use) >= LEAST_FIT_H:
            return use
    return np.full(len(season), True)


def _excess(met: Col, had: Col) -> Col:
    """Return the share of energy met too much, (n,); nan where there was none."""
    need = had.sum(axis=1)
    found: Col = np.divide(met.sum(axis=1), need, out=np.full(len(need), np.nan), where=need > 0) - 1.0
    return found


def _by_mode(drivers: house_fit.Drivers, profiles: Profiles, cold: Flag, summer: Flag, winter: Flag) -> house_fit.Houses:
    """Fit the homes that cool and those that heat, each on its own season."""
    out = [np.zeros(len(cold)) for _ in house_fit.Houses._fields]
    for heats, season in ((False, summer), (True, winter)):
        rows = np.flatnonzero(cold == heats)
        if not len(rows):
            continue
        part = drivers._replace(
            t_in_degc=drivers.t_in_degc[rows], load_kw=drivers.load_kw[rows], occupants=drivers.occupants[rows]
        )
        heat = -profiles.heat_kw[rows] if heats else profiles.cool_kw[rows]
        heated = season & (profiles.heat_kw[rows] > 0)
        use = np.where(heated.any(axis=1)[:, None], heated, season) if heats else season
        for column, found in zip(out, house_fit.fit(part, heat, use), strict=True):
            column[rows] = found
    return house_fit.Houses(*out)


def _heat(
    fitted: Fitted, profiles: Profiles, there: Weather, lagged_degc: Col, at: Index, lived: Index
) -> tuple[Col, Col, house_fit.Houses]:
    """Heat on air and mass of each home over the run, and its house."""
    house = house_fit.Houses(*(column[at] for column in fitted.houses))
    rows = at[:, None]
    angles = sun.Sun(there.zenith_deg, there.azimuth_deg)
    walls = sun.on_walls(angles, there.ghi_w_m2, there.dni_w_m2, there.dhi_w_m2) / 1000.0
    gain = house_fit.gains_kw(house, walls, profiles.load_kw[rows, lived], profiles.occupants[rows, lived])
    outside = house.ua_kw_k[:, None] * there.t_out_degc + house.ua_lagged_kw_k[:, None] * lagged_degc
    share = house_fit.AIR_SHARE
    return outside + share * gain, (1.0 - share) * gain, house


def _modes(profiles: Profiles, lived: Index, rows: Index) -> Flag:
    """True in the days in which a home's heating exceeds its cooling."""
    excess = profiles.heat_kw[rows, lived] - profiles.cool_kw[rows, lived]
    day = np.minimum(np.arange(lived.shape[1]), lived.shape[1] - TAIL_H) // 24  # the odd hour after the look-ahead day joins it
    daily = np.stack([excess[:, day == d].sum(axis=1) for d in range(day[-1] + 1)], axis=1)
    return daily[:, day] > 0


def _modes_of_need(house: house_fit.Houses, t_in_degc: Col, q_air_kw: Col, q_mass_kw: Col) -> Flag:
    """True in the days in which a home needs heat to keep the temperature, shape (n, t): the mode in weather not its own."""
    hm = house.hm_kw_k[:, None]
    ua = (house.ua_kw_k + house.ua_lagged_kw_k)[:, None]
    mass = low_pass(t_in_degc + q_mass_kw / hm, house.cm_kwh_k / house.hm_kw_k)
    need = q_air_kw - ua * t_in_degc + hm * (mass - t_in_degc)
    day = np.minimum(np.arange(need.shape[1]), need.shape[1] - TAIL_H) // 24
    daily = np.stack([need[:, day == d].sum(axis=1) for d in range(day[-1] + 1)], axis=1)
    return daily[:, day] < 0
