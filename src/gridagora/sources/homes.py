"""The homes of Travis County, Texas: hourly demand of 2018, and a calibrated house each."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError
from gridagora.core.registry import register
from gridagora.core.tables import TAIL_H, Col, Flag, Homes, Index, Weather
from gridagora.population import heat_pump, house_fit
from gridagora.population.hot_water import PAST_DAYS, tanks
from gridagora.population.outdoors import Exposure, Outdoors, outdoors, replace_unknown
from gridagora.population.profiles import FIT_R2_LEAST, Profiles, check_fit, has_unit, rows_of

HOUR_S, DAY_S, WEEK_H, YEAR_H = 3600, 86400, 168, 8760
APART_H = 7 * 24  # left out of a calibration on each side of the days it is judged on
NEAR_H = (
    15 * 24
)  # an hour so far from the run counts 1/e of one beside it: sun, leaves and habits are of a season
FAR_H = 60 * 24
WARM_H = 72  # hours before the run over which the mass of a house forgets where it started
MODE_H = (
    6  # a heat pump that changes over by itself heats one part of a spring day and cools another
)
LEAST_FIT_H = 14 * 24  # below it a short file is fitted whole
FLOOR_SHARE = 0.02  # of the energy of the unit at its capacity: an error is not taken against less
COOL_PEAK_H, HEAT_PEAK_H, PEAK_MARGIN = (
    18.4,
    10.8,
    1.15,
)  # capacity above the demand exceeded in so many hours of a year


class CalibratedHouses(NamedTuple):
    """Houses of n homes and how they do: share of energy missed on held-out days, signed."""

    houses: house_fit.FittedHouses  # `houses.r2` is the share of the variance that the fit explains
    heating: Flag  # (n,) more heating than cooling in the run
    held_out_error: Col  # (n,) nan where the file is too short to hold out the days of the run
    cool_kw: Col  # (n,)
    heat_kw: Col  # (n,)


# A house of the size of those of Travis County without gains: stands in where a home neither cools nor heats, and so nothing
# tells its house and nothing depends on it.
ANY_HOUSE = house_fit.FittedHouses(*np.zeros((len(house_fit.FittedHouses._fields), 1)))._replace(
    ua_kw_k=np.array([0.2]),
    hm_kw_k=np.array([0.5]),
    cm_kwh_k=np.array([2.5]),
    r2=np.array([np.nan]),
)


def fit_homes(
    profiles: Profiles, about: Outdoors, first: int, hours: int, r2_least: float = FIT_R2_LEAST
) -> CalibratedHouses:
    """Fit the homes that cool or heat (`calibrate`); the others get `ANY_HOUSE`, no unit and no error.

    Raises
    ------
    InputError
        Houses that explain little of what their homes took (`population.profiles.check_fit`).
    """
    has, count = has_unit(profiles), len(profiles.home_id)
    fitted = calibrate(rows_of(profiles, has), about, first, hours) if has.any() else None
    houses = [np.full(count, column[0]) for column in ANY_HOUSE]
    error, cool, heat = np.full(count, np.nan), np.zeros(count), np.zeros(count)
    heating = np.zeros(count, dtype=bool)
    if fitted is not None:
        for column, found in zip(
            (*houses, heating, error, cool, heat), (*fitted.houses, *fitted[1:]), strict=True
        ):
            column[has] = found
    poor = check_fit(houses[-1], error, r2_least)
    if poor:
        raise InputError(poor)
    return CalibratedHouses(house_fit.FittedHouses(*houses), heating, error, cool, heat)


@register("source", "homes.source=travis")
def travis(
    profiles: Profiles,
    year: Weather,
    start_s: int,
    days: int,
    *,
    count: int = 186,
    homes_start_s: int | None = None,
    sky: Weather | None = None,
    exposure: Exposure | None = None,
    fit_r2_least: float = FIT_R2_LEAST,
) -> Homes:
    """Build a population out of the 100 homes: the second copy of a home has the habits of its previous week, and so on.

    Habits are set points, occupants, appliances and hot water. Every copy stands in the weather of the run, and heats or cools by
    what its own house needs in it.

    Parameters
    ----------
    profiles
        Hourly homes (`sources.profiles.read_profiles`) over whole days. Past their end they start again.
    year
        Weather of the same hours: what the homes were exposed to.
    start_s, days, count
        The run, in the year of its prices [s UTC]; its first hour is local midnight. Homes wanted.
    homes_start_s
        Where in the year of the homes the run starts; by default the nearest date on the same weekday (`paired_start`).
    sky
        Weather of the run, if it is not that of the homes.
    exposure
        Wind and sky radiation of the hours of `year`; a run in another weather has their means.
    fit_r2_least
        What the median home must reach (`population.profiles.check_fit`).

    Returns
    -------
    Homes
        H = 24 days + 25 hours, with what comes with a house: heating and cooling, and hot water where the file has some. The
        `fit_error` of a house is the held-out error over the days of the run.

    Raises
    ------
    InputError
        As `fit_homes`.
    """
    first = (
        (paired_start(start_s, year) if homes_start_s is None else homes_start_s) - year.start_s
    ) // HOUR_S
    copy, at = np.divmod(np.arange(count), len(profiles.home_id))
    now, lived, past = _hours(first, copy, days, len(year.t_out_degc))
    rows, seen = at[:, None], outdoors(year, exposure)
    there = sky or Weather(start_s, *(column[now] for column in year[1:]))
    fitted = fit_homes(profiles, seen, first, 24 * days, fit_r2_least)
    heating, on, house = _houses(
        fitted, profiles, seen, replace_unknown(sky, seen) if sky else None, at, lived, first
    )
    units = heat_pump.HeatPumps(
        home=np.arange(count),
        t_set_degc=profiles.t_in_degc[rows, lived],
        heating=heating,
        ua_kw_k=on.ua_kw_k,
        hm_kw_k=house.hm_kw_k,
        ca_kwh_k=np.full(count, house_fit.CA_KWH_K),
        cm_kwh_k=house.cm_kwh_k,
        q_air_kw=on.air_kw,
        q_mass_kw=on.mass_kw,
        cool_kw=fitted.cool_kw[at],
        heat_kw=fitted.heat_kw[at],
        cop=np.where(
            heating,
            heat_pump.heating_cop(there.t_out_degc),
            heat_pump.cooling_cop(there.t_out_degc),
        ),
        fit_error=np.abs(fitted.held_out_error[at]),
    )
    heaters = tanks(
        profiles.draw_kwh.sum(axis=1)[at] > 0,
        profiles.draw_kwh[rows, lived],
        profiles.draw_kwh[rows, past],
    )
    return Homes(
        named(profiles, count),
        profiles.load_kw[rows, lived],
        owned={"hvac": units, "water_heater": heaters},
    )


def _hours(first: int, copy: Index, days: int, total: int) -> tuple[Index, Index, Index]:
    """Return the hours of the run, those that each copy lives in it, and those before, out of `total` that go round."""
    back = first - WEEK_H * copy[:, None]
    run, before = np.arange(24 * days + TAIL_H), np.arange(-24 * PAST_DAYS, 0)
    return (first + run) % total, (back + run) % total, (back + before) % total


def named(profiles: Profiles, count: int) -> tuple[str, ...]:
    """Return the names of `count` homes; the second copy of a home is its name with -2."""
    many = len(profiles.home_id)
    return tuple(
        profiles.home_id[row % many] + (f"-{row // many + 1}" if row >= many else "")
        for row in range(count)
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


def calibrate(profiles: Profiles, about: Outdoors, first: int, hours: int) -> CalibratedHouses:
    """Fit one house to the heating and cooling of every home, hours near the run before others, the run itself left out.

    The hours of the run and 7 days on each side are left out of the fit, and the error over the run is the held-out one: the
    energy of the mode that needs more of it, predicted over measured, less 1. Where the unit was hardly used it is taken against
    2 % of its energy at capacity.

    Parameters
    ----------
    profiles, about
        Homes and outdoors over the same hours.
    first, hours
        The hours held out.
    """
    total, each = profiles.t_in_degc.shape[1], np.arange(len(profiles.home_id))
    weight = hours_of_fit(total, first, hours)
    signed = profiles.cool_kw - profiles.heat_kw
    reach = FAR_H + WARM_H
    near = (first - reach + np.arange(min(hours + 2 * reach, total))) % total
    houses = house_fit.fit(
        _drivers(profiles, each, near, about.at(near)), signed[:, near], weight[near]
    )
    warm = (first + np.arange(-WARM_H, hours)) % total
    run = warm[WARM_H:]
    need = house_fit.predict(houses, _drivers(profiles, each, warm, about.at(warm)))[:, WARM_H:]
    cool, heat = profiles.cool_kw[:, run].sum(axis=1), profiles.heat_kw[:, run].sum(axis=1)
    cools, heats = (profiles.cool_kw > 0).any(axis=1), (profiles.heat_kw > 0).any(axis=1)
    cold = ~cools | (heats & (heat > cool))
    cool_kw, heat_kw = (
        _capacity(profiles.cool_kw, COOL_PEAK_H),
        _capacity(profiles.heat_kw, HEAT_PEAK_H),
    )
    had = np.where(cold, heat, cool)
    met = np.maximum(np.where(cold[:, None], -need, need), 0.0).sum(axis=1)
    error = (met - had) / np.maximum(had, FLOOR_SHARE * hours * np.where(cold, heat_kw, cool_kw))
    return CalibratedHouses(
        houses, cold, np.full(len(had), np.nan) if weight[run].any() else error, cool_kw, heat_kw
    )


def hours_of_fit(total: int, first: int, hours: int) -> Col:
    """Return the weight of every hour in the fit, (total,) [1]: 0 in the run and near it, then falling; all 1 in a short file.

    Parameters
    ----------
    total
        Hours of the file; a year goes round.
    first, hours
        The run.
    """
    away_h = np.abs(np.arange(total) + 0.5 - (first + hours / 2))
    away_h = (np.minimum(away_h, total - away_h) if total >= YEAR_H else away_h) - hours / 2
    for apart_h in (APART_H, 0.0):
        weight: Col = np.where((away_h > apart_h) & (away_h < FAR_H), np.exp(-away_h / NEAR_H), 0.0)
        if np.count_nonzero(weight) >= LEAST_FIT_H:
            return weight
    return np.ones(total)


def _capacity(met_kw: Col, hours_a_year: float) -> Col:
    """Thermal capacity of a unit that is short of what it met in so many hours of a year, and some more, (n,)."""
    capacity: Col = PEAK_MARGIN * np.quantile(met_kw, 1.0 - hours_a_year / YEAR_H, axis=1)
    return capacity


def _drivers(profiles: Profiles, at: Index, lived: Index, outside: Outdoors) -> house_fit.Drivers:
    """Habits of the hours `lived`, (h,) or (n, h), of the rows `at`, (n,), under an outdoors of h hours."""
    rows = at[:, None]
    return house_fit.Drivers(
        profiles.t_in_degc[rows, lived],
        profiles.load_kw[rows, lived],
        profiles.occupants[rows, lived],
        profiles.draw_kwh[rows, lived],
        outside,
    )


def _houses(
    fitted: CalibratedHouses,
    profiles: Profiles,
    seen: Outdoors,
    sky: Outdoors | None,
    at: Index,
    lived: Index,
    first: int,
) -> tuple[Flag, house_fit.Drive, house_fit.FittedHouses]:
    """Mode, drive and house of each home over the hours `lived`, (n, h), in the weather of the run.

    That is the one `seen` from the hour `first` on, or `sky`, shape (h,), which then stands for the hours before it as well.
    """
    total, hours = profiles.t_in_degc.shape[1], lived.shape[1]
    warm = np.arange(-WARM_H, hours)
    about = seen.at((first + warm) % total) if sky is None else sky.at(warm % hours)
    house = house_fit.FittedHouses(*(column[at] for column in fitted.houses))
    run = about.at(np.arange(WARM_H, WARM_H + hours))
    heating = _modes(house, _drivers(profiles, at, (lived[:, :1] + warm) % total, about))
    return heating, house_fit.drive(house, _drivers(profiles, at, lived, run)), house


def _modes(house: house_fit.FittedHouses, warm: house_fit.Drivers) -> Flag:
    """True in the quarters of a day in which a house at its set points needs more heat, summed, than it has too much.

    `warm` begins `WARM_H` before the run.
    """
    excess = -house_fit.predict(house, warm)[:, WARM_H:]
    hours = excess.shape[1]
    part = (
        np.minimum(np.arange(hours), hours - 2) // MODE_H
    )  # the odd hour after the look-ahead day joins it
    summed = np.stack([excess[:, part == p].sum(axis=1) for p in range(part[-1] + 1)], axis=1)
    heating: Flag = summed[:, part] > 0
    return heating
