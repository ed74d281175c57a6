"""The homes of Travis County, Texas: hourly demand of 2018, a calibrated house each, and equipment laid on them by seed."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from gridagora.core import heat_pump, house_fit, sun
from gridagora.core.charging import Sessions
from gridagora.core.equipment import PAST_DAYS, Equipment, charging, draw_set, lay
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import TAIL_H, Col, Flag, Homes, Index, Weather

HOUR_S, DAY_S, WEEK_H = 3600, 86400, 168
SUMMER_APART_H, WINTER_APART_H = 15 * 24, 3 * 24  # left out of a calibration on each side of the days it is judged on
SUMMER, WINTER_END, WINTER_START = (120, 273), 59, 334  # days of the year
PEAK_QUANTILE, PEAK_MARGIN = 0.995, 1.15  # capacity of a unit above the demand it met
NORMAL = Equipment()
HINT = "Set GRIDAGORA_DATA to the data folder."
COLUMNS = {
    "t_in_degc": "indoor_dry_bulb_temperature",
    "cool_kw": "cooling_demand",
    "heat_kw": "heating_demand",
    "load_kw": "non_shiftable_load",
    "occupants": "occupant_count",
    "draw_kwh": "dhw_demand",
}


class Profiles(NamedTuple):
    """Hourly series of n homes over a year from `start_s`, shape (n, t) each; cooling, heating and hot water are heat."""

    start_s: int
    home_id: tuple[str, ...]
    t_in_degc: Col
    cool_kw: Col
    heat_kw: Col
    load_kw: Col
    occupants: Col
    draw_kwh: Col


class Fitted(NamedTuple):
    """Houses of n homes and how they do: share of energy missed on held-out days, signed, and over all hours of the mode."""

    houses: house_fit.Houses
    heating: Flag  # (n,) fitted to heating rather than cooling
    held_out_error: Col  # (n,)
    annual_error: Col  # (n,)
    cool_kw: Col  # (n,)
    heat_kw: Col  # (n,)


@register("source", "travis_homes")
def travis(
    folder: Path,
    year: Weather,
    sessions: Sessions,
    start_s: int,
    days: int,
    *,
    count: int = 186,
    seed: int = 1,
    homes_start_s: int | None = None,
    equipment: Equipment = NORMAL,
) -> Homes:
    """Build a population out of the 100 homes: the second copy of a home lives its previous week, and so on.

    Parameters
    ----------
    folder
        Folder with `homes_hourly.parquet`.
    year
        Weather of the same year (`sources.weather.amy`); its start is hour 0 of the homes.
    sessions
        Charging sessions to draw from (`sources.ev.evipro`).
    start_s, days
        The run, in the year of its prices [s UTC]; its first hour is taken for local midnight.
    count, seed
        Homes wanted; seed of the equipment.
    homes_start_s
        Where in the year of the homes the run starts; by default the nearest date on the same weekday (`paired_start`).
    equipment
        Shares of homes with panels, cars and batteries, rounded to whole homes, and their ratings.

    Returns
    -------
    Homes
        H = 24 days + 25 hours; `calibration_error` is the held-out error over the days of the run.

    Raises
    ------
    InputError
        A file or column that is absent, hours that are missing or without a figure.
    """
    from_s = paired_start(start_s, year) if homes_start_s is None else homes_start_s
    profiles = read_profiles(Path(folder) / "homes_hourly.parquet", year.start_s)
    first, hours = (from_s - year.start_s) // HOUR_S, 24 * days + TAIL_H
    fitted = calibrate(profiles, year, first, 24 * days)
    at = np.arange(count) % len(profiles.home_id)
    copy = np.arange(count) // len(profiles.home_id)
    home_id = tuple(profiles.home_id[i] + (f"-{c + 1}" if c else "") for i, c in zip(at, copy, strict=True))
    total = len(year.t_out_degc)
    now = (first + np.arange(hours)) % total
    lived = (first - WEEK_H * copy[:, None] + np.arange(hours)) % total
    past = (first - WEEK_H * copy[:, None] - 24 * PAST_DAYS + np.arange(24 * PAST_DAYS)) % total
    rows = at[:, None]
    heating = _modes(profiles, lived, rows)
    there = Weather(start_s, *(column[now] for column in year[1:]))
    air, mass, house = _heat(fitted, profiles, year, at, now, lived)
    columns = lay(equipment, home_id, profiles.draw_kwh.sum(axis=1)[at] > 0, there, seed)
    sessions_laid = charging(equipment, home_id, sessions, days, seed)
    outside = there.t_out_degc
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
        cop=np.where(heating, heat_pump.heating_cop(outside), heat_pump.cooling_cop(outside)),
        **columns._asdict(),
        **sessions_laid._asdict(),
        calibration_error=np.abs(fitted.held_out_error[at]),
    )


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
    away_h = np.abs((hour + 0.5 - (first + hours / 2) + total / 2) % total - total / 2) - hours / 2
    summer = (hour >= 24 * SUMMER[0]) & (hour < 24 * SUMMER[1])
    winter = (hour < 24 * WINTER_END) | (hour >= 24 * WINTER_START)
    angles = sun.Sun(year.zenith_deg, year.azimuth_deg)
    walls = sun.on_walls(angles, year.ghi_w_m2, year.dni_w_m2, year.dhi_w_m2) / 1000.0
    drivers = house_fit.Drivers(profiles.t_in_degc, year.t_out_degc, walls, profiles.load_kw, profiles.occupants)
    run = (first + np.arange(hours)) % total
    cold = profiles.heat_kw[:, run].sum(axis=1) > profiles.cool_kw[:, run].sum(axis=1)
    houses = _by_mode(drivers, profiles, cold, summer & (away_h > SUMMER_APART_H), winter & (away_h > WINTER_APART_H))
    need = house_fit.predict(houses, drivers)
    met, had = np.maximum(np.where(cold[:, None], -need, need), 0.0), np.where(cold[:, None], profiles.heat_kw, profiles.cool_kw)
    return Fitted(
        houses,
        cold,
        met[:, run].sum(axis=1) / had[:, run].sum(axis=1) - 1.0,
        met.sum(axis=1) / had.sum(axis=1) - 1.0,
        PEAK_MARGIN * np.quantile(profiles.cool_kw[:, summer], PEAK_QUANTILE, axis=1),
        PEAK_MARGIN * np.quantile(profiles.heat_kw[:, winter], PEAK_QUANTILE, axis=1),
    )


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
        use = season & (profiles.heat_kw[rows] > 0) if heats else season
        for column, found in zip(out, house_fit.fit(part, heat, use), strict=True):
            column[rows] = found
    return house_fit.Houses(*out)


def _heat(
    fitted: Fitted, profiles: Profiles, year: Weather, at: Index, now: Index, lived: Index
) -> tuple[Col, Col, house_fit.Houses]:
    """Heat on air and mass of each home over the run, and its house."""
    house = house_fit.Houses(*(column[at] for column in fitted.houses))
    rows = at[:, None]
    angles = sun.Sun(year.zenith_deg[now], year.azimuth_deg[now])
    walls = sun.on_walls(angles, year.ghi_w_m2[now], year.dni_w_m2[now], year.dhi_w_m2[now]) / 1000.0
    gain = house_fit.gains_kw(house, walls, profiles.load_kw[rows, lived], profiles.occupants[rows, lived])
    lagged = house_fit.low_pass(year.t_out_degc, house_fit.LAG_H)[now]
    outside = house.ua_kw_k[:, None] * year.t_out_degc[now] + house.ua_lagged_kw_k[:, None] * lagged
    share = house_fit.AIR_SHARE
    return outside + share * gain, (1.0 - share) * gain, house


def _modes(profiles: Profiles, lived: Index, rows: Index) -> Flag:
    """True in the days in which a home's heating exceeds its cooling."""
    excess = profiles.heat_kw[rows, lived] - profiles.cool_kw[rows, lived]
    day = np.minimum(np.arange(lived.shape[1]), lived.shape[1] - TAIL_H) // 24  # the odd hour after the look-ahead day joins it
    daily = np.stack([excess[:, day == d].sum(axis=1) for d in range(day[-1] + 1)], axis=1)
    return daily[:, day] > 0


@register("source", "household_profiles")
def read_profiles(
    path: Path, start_s: int, columns: Mapping[str, str] | None = None, hour: str = "t", home: str = "home_id"
) -> Profiles:
    """Read hourly homes from Parquet or csv, by a map of column names.

    Parameters
    ----------
    path
        One row for each home and hour.
    start_s
        Start of hour 0 [s UTC].
    columns
        Names in the file of `t_in_degc`, `cool_kw`, `heat_kw`, `load_kw`, `occupants`, `draw_kwh`; those of the Travis County
        file by default. Values are means over the hour.
    hour, home
        Names of the columns that hold the hour, counted from 0, and the home.

    Raises
    ------
    InputError
        Every column that is absent, and every home with hours missing or doubled or without a figure, by row and time.
    """
    names = dict(COLUMNS if columns is None else columns)
    path = Path(path)
    if not path.is_file():
        raise InputError([Problem(str(path), "no such file", "hourly profiles of homes", HINT)])
    wanted = [home, hour, *names.values()]
    have = pq.read_schema(path).names if path.suffix == ".parquet" else list(pd.read_csv(path, nrows=0).columns)
    absent = [name for name in wanted if name not in have]
    if absent:
        raise InputError(Problem(str(path), f"columns {have}", f"a column '{name}'", "Map its name.") for name in absent)
    table = pq.read_table(path, columns=wanted).to_pandas() if path.suffix == ".parquet" else pd.read_csv(path, usecols=wanted)
    ids, row = np.unique(table[home].astype(str).to_numpy(str), return_inverse=True)
    at = table[hour].to_numpy(np.int64)
    hours = int(at.max()) + 1
    seen = np.zeros((len(ids), hours), dtype=np.int64)
    np.add.at(seen, (row, at), 1)
    problems = [_hole(path, ids[i], t, start_s, f"{seen[i, t]} rows", "one row") for i, t in _first_of(seen != 1)]
    series = {}
    for ours, theirs in names.items():
        series[ours] = np.full((len(ids), hours), np.nan)
        series[ours][row, at] = table[theirs].to_numpy(float)
        empty = ~np.isfinite(series[ours]) & (seen == 1)
        problems += [_hole(path, ids[i], t, start_s, f"no number in '{theirs}'", "a number") for i, t in _first_of(empty)]
    if problems:
        raise InputError(problems)
    return Profiles(start_s, tuple(map(str, ids)), **series)


def _first_of(bad: Flag) -> list[tuple[int, int]]:
    return [(int(i), int(np.argmax(bad[i]))) for i in np.flatnonzero(bad.any(axis=1))]


def _hole(path: Path, home: str, hour: int, start_s: int, got: str, expected: str) -> Problem:
    stamp = pd.Timestamp(start_s + hour * HOUR_S, unit="s", tz="UTC").strftime("%Y-%m-%d %H:%M UTC")
    return Problem(f"{path}, home {home}, row of hour {hour} ({stamp})", got, expected)
