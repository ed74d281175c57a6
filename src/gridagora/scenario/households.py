"""The homes of a scenario: read with the weather they lived in, paired with the days of the run, given cars by the seed."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.device import People
from gridagora.core.errors import InputError, Problem, attempt
from gridagora.core.tables import TAIL_H, Homes, Weather
from gridagora.files.weather_year import WeatherYear
from gridagora.files.weather_year import rows as rows_of
from gridagora.population.charging import Sessions
from gridagora.population.metered import MeteredLoads
from gridagora.population.outdoors import Exposure
from gridagora.population.profiles import HOUR_S, Profiles, has_unit, hours_of
from gridagora.scenario import membership, plugin_sources, short_keys
from gridagora.scenario import populate as draw
from gridagora.scenario.calendar import midnight_s
from gridagora.scenario.cars_by_home import BY_HOME, give_cars, read_own_cars
from gridagora.scenario.metered_loads import order_loads, put_loads
from gridagora.scenario.pairing import pair_start_s, spell_day
from gridagora.scenario.schema import Scenario, from_outside
from gridagora.scenario.sky import Sky
from gridagora.sources import ev, synthetic
from gridagora.sources import homes as houses
from gridagora.sources.exposure import exposure
from gridagora.sources.home_sessions import find_home_column
from gridagora.sources.members import Members
from gridagora.sources.profiles import Layout, read_profiles
from gridagora.sources.weather import window

DAY_S = 86400
HOURLY = "loads are means over an hour: within it they do not move, and a 15-minute peak of theirs is the hour's mean"
NO_SESSIONS = Sessions(np.zeros(1, np.int64), np.full(1, DAY_S // 2, np.int64), np.zeros(1))


class Population(NamedTuple):
    """The homes of a run, and what was taken for granted, in words."""

    homes: Homes
    notes: tuple[str, ...]


class Named(NamedTuple):
    """Homes that a scenario names one by one: in a table of members, in a file of their metered loads, in both or in neither."""

    members: Members | None
    loads: MeteredLoads | None

    @property
    def home_id(self) -> tuple[str, ...] | None:
        """Their names, those of members first; None where nobody is named."""
        known = self.members or self.loads
        return None if known is None else known.home_id


NOBODY = Named(None, None)


def given(scenario: Scenario) -> Mapping[str, Mapping[str, Any]]:
    """Return the keys of every kind of device; homes of a plugin keep what they came with unless a key says otherwise."""
    outside = plugin_sources.names_one(scenario, "homes")
    return MappingProxyType(
        short_keys.device_keys(scenario.homes, scenario.devices, set_only=outside)
    )


def measured(scenario: Scenario, start_s: int) -> draw.Measured | None:
    """Return the homes that a file holds, with their weather over the same hours and the hour at which the run starts.

    None where homes are drawn.

    Raises
    ------
    InputError
        What is wrong with the file and with the weather, all at once; no weather for homes that cool or heat; a file that
        does not cover the run.
    """
    keys = scenario.homes
    if keys.source == "synthetic" or plugin_sources.names_one(scenario, "homes"):
        return None
    problems: list[Problem] = []
    source, file, folder = _weather_of_homes(scenario)
    year = (
        None
        if source in {"synthetic", "table"} or from_outside("weather.source", source)
        else attempt(lambda: draw.year_of(source, file, folder), problems)
    )
    origin_s = _origin_s(scenario, start_s, year)
    found = attempt(
        lambda: read_profiles(
            _path(scenario), origin_s, scenario.scenario.timezone, _layout(scenario)
        ),
        problems,
    )
    cars = (
        attempt(lambda: _sessions(scenario, start_s), problems)
        if cars_share(scenario) > 0 and keys.ev_source != BY_HOME
        else NO_SESSIONS
    )
    if problems or found is None or cars is None:
        raise InputError(problems)
    profiles, sky, notes = _over_the_same_hours(scenario, found.profiles, year)
    from_s = pair_start_s(scenario, start_s, profiles.start_s, profiles.load_kw.shape[1])
    said = (
        ()
        if keys.source == "travis"
        else (*found.notes, *notes, *_edges(profiles, from_s, scenario.scenario.days), HOURLY)
    )
    seen = _exposure(source, file, folder, year, sky)
    return draw.Measured(profiles, sky, from_s, _apart(scenario), cars, said, seen, year)


def homes(
    scenario: Scenario,
    start_s: int,
    count: int,
    outdoors: Sky,
    lived: draw.Measured | None,
    named: Named = NOBODY,
) -> Population:
    """Return the population: so many homes, what they own, and when their cars come and go."""
    table, notes = _houses(scenario, start_s, count, outdoors.weather, lived, named)
    cars = read_own_cars(scenario, named.members, given(scenario))
    members, keys = (named.members, given(scenario)) if cars is None else (cars.members, cars.keys)
    observed = {"ev": _observed(scenario, start_s, lived)}
    people = People(
        table, outdoors.weather, scenario.scenario.seed, observed, outdoors.latitude_deg
    )
    if members is None:
        table = draw.devices(keys, people)
    else:
        table = membership.give_devices(members, keys, people)
        notes = (*members.notes, *notes)
    if cars is None:
        return Population(table, (*notes, *_spell_sessions(scenario, table)))
    table, said = give_cars(table, cars, scenario, start_s)
    return Population(table, (*notes, *said))


def _spell_sessions(scenario: Scenario, table: Homes) -> list[str]:
    """Say what of a file of sessions that cars are drawn from is not used: its homes, or all of it."""
    keys = scenario.homes
    if not keys.ev_file or plugin_sources.names_one(scenario, "homes", "ev_source"):
        return []
    name = Path(keys.ev_file).name
    if "ev" not in table.owned or not len(table.owned["ev"].home):
        return [f"{name}: no car plugs in during the run, so no session of it is drawn"]
    if keys.ev_source != "sessions" or not (column := find_home_column(Path(keys.ev_file))):
        return []
    return [
        f"{name}: sessions are drawn from all rows, whatever home '{column}' names; "
        "ev_source = 'by_home' gives each home its own"
    ]


def _observed(scenario: Scenario, start_s: int, lived: draw.Measured | None) -> Sessions:
    """Return the sessions that those of cars are drawn from: of a file where one is named."""
    if lived is not None:
        return lived.sessions
    if scenario.homes.ev_file and scenario.homes.ev_source != BY_HOME and cars_share(scenario) > 0:
        return _sessions(scenario, start_s)
    return synthetic.sessions(scenario.scenario.seed)


def _houses(
    scenario: Scenario,
    start_s: int,
    count: int,
    sky: Weather,
    lived: draw.Measured | None,
    named: Named,
) -> tuple[Homes, tuple[str, ...]]:
    """Return homes with what their source knows of them, and what was taken for granted."""
    case, members = scenario.scenario, named.members
    if plugin_sources.names_one(scenario, "homes"):
        return plugin_sources.homes(scenario, start_s, count, sky), ()
    if lived is None:
        house = {} if members is None else members.house
        drawn = synthetic.homes(
            case.seed, sky, case.days, count, home_id=named.home_id, house=house
        )
        if named.loads is None:
            return drawn, ()
        loads = order_loads(named.loads, members)
        drawn, said = put_loads(drawn, loads, scenario, start_s)
        return drawn, (*loads.notes, said)
    table = houses.travis(
        lived.profiles
        if members is None
        else membership.profiles_of(members, lived.profiles, scenario),
        lived.year,
        start_s,
        case.days,
        count=count,
        homes_start_s=lived.from_s,
        sky=sky if lived.apart else None,
        exposure=lived.exposure,
        fit_r2_least=scenario.homes.fit_r2_least,
    )
    if members is not None:
        table = table._replace(home_id=members.home_id)
    return table, lived.notes


def _weather_of_homes(scenario: Scenario) -> tuple[str, str, str]:
    keys = scenario.homes
    if keys.weather_source:
        return keys.weather_source, keys.weather_file, keys.weather_folder
    return scenario.weather.source, scenario.weather.file, scenario.weather.folder


def _exposure(
    source: str, file: str, folder: str, year: WeatherYear | None, sky: Weather
) -> Exposure | None:
    """Return wind and sky radiation over the hours of `sky`, a part of `year`."""
    if year is None or source not in {"travis", "epw"}:
        return None
    found = exposure(
        Path(folder) / "weather.epw" if source == "travis" else Path(file), year.weather
    )
    rows, _ = rows_of(year, sky.start_s, len(sky.t_out_degc))
    return None if found is None else Exposure(*(column[rows] for column in found))


def _apart(scenario: Scenario) -> bool:
    """Return whether the run has another weather than the homes lived in."""
    keys, own = scenario.weather, _weather_of_homes(scenario)
    if (
        keys.source != own[0]
        or keys.source in {"synthetic", "table"}
        or plugin_sources.names_one(scenario, "weather")
    ):
        return True
    return keys.folder != own[2] if keys.source == "travis" else keys.file != own[1]


def _path(scenario: Scenario) -> Path:
    keys = scenario.homes
    if keys.file and keys.source == "profiles":
        return Path(keys.file)
    return Path(keys.folder) / "homes_hourly.parquet"


def _layout(scenario: Scenario) -> Layout:
    keys = scenario.homes
    if keys.source == "travis":
        return Layout()
    columns, units = (
        scenario.home_columns.model_dump(),
        scenario.home_units.model_dump(exclude_none=True),
    )
    return Layout(columns, units, keys.time_names, keys.step_minutes, keys.load_max_kw)


def _origin_s(scenario: Scenario, start_s: int, year: WeatherYear | None) -> int:
    """Return the start of hour 0 of numbered hours [s UTC]."""
    if scenario.homes.first is not None:
        return midnight_s(scenario.homes.first, scenario.scenario.timezone)
    return (
        midnight_s(scenario.scenario.start.replace(month=1, day=1), scenario.scenario.timezone)
        if year is None
        else year.first_s
    )


def _over_the_same_hours(
    scenario: Scenario, profiles: Profiles, year: WeatherYear | None
) -> tuple[Profiles, Weather, tuple[str, ...]]:
    """Return homes and their weather over the hours that both have."""
    zone, hours = scenario.scenario.timezone, profiles.load_kw.shape[1]
    if year is None:
        if has_unit(profiles).any():
            hint = "Name it: weather_source and weather_file in [homes]."
            got = "homes that cool or heat and no weather that they were measured in"
            raise InputError(
                [
                    Problem(
                        f"{scenario.file}: [homes] weather_source",
                        got,
                        "'travis', 'epw', 'tmy3' or 'nsrdb'",
                        hint,
                    )
                ]
            )
        return profiles, _nowhere(profiles), ()
    last_s = year.first_s + HOUR_S * len(year.weather.t_out_degc)
    begin, end = max(profiles.start_s, year.first_s), min(profiles.start_s + HOUR_S * hours, last_s)
    shared = (end - begin) // DAY_S * 24
    if shared <= 0:
        if not has_unit(profiles).any():
            return profiles, _nowhere(profiles), ()
        span = f"{spell_day(profiles.start_s, zone)} to {spell_day(profiles.start_s + HOUR_S * hours - 1, zone)}"
        other = f"{spell_day(year.first_s, zone)} to {spell_day(last_s - 1, zone)}"
        hint = "Name the weather that the homes were measured in: weather_source and weather_file in [homes]."
        where = f"{_path(scenario)} and its weather"
        raise InputError(
            [Problem(where, f"homes of {span} and weather of {other}", "the same hours", hint)]
        )
    cut = hours_of(profiles, (begin - profiles.start_s) // HOUR_S, shared)
    sky = window(year, begin, shared)
    left = hours - shared
    return (
        cut,
        sky,
        (f"{left} hours outside the weather of the homes are left out",) if left else (),
    )


def _nowhere(profiles: Profiles) -> Weather:
    """Return a sky for homes whose house nothing depends on."""
    hours = profiles.load_kw.shape[1]
    return Weather(
        profiles.start_s,
        *(np.zeros(hours) for _ in range(4)),
        *(np.full(hours, each) for each in (90.0, 180.0, 2.0)),
    )


def _edges(profiles: Profiles, from_s: int, days: int) -> tuple[str, ...]:
    """Say where the file has neither the day after the run nor the 28 days of hot water before it."""
    hours = profiles.load_kw.shape[1]
    after = profiles.start_s + HOUR_S * hours - (from_s + DAY_S * days)
    if hours >= 8760 or (after >= HOUR_S * TAIL_H and from_s - profiles.start_s >= 28 * DAY_S):
        return ()
    return (
        "a day after the run or one of the 28 days before it that the file does not have is taken from its other end",
    )


def _sessions(scenario: Scenario, start_s: int) -> Sessions:
    if plugin_sources.names_one(scenario, "homes", "ev_source"):
        return plugin_sources.sessions(scenario, start_s)
    keys, unit = scenario.homes, scenario.home_units.ev
    path = Path(keys.ev_file)
    match keys.ev_source:
        case "evwatts":
            return ev.evwatts(path, given(scenario)["ev"].get("kw", keys.ev_kw))
        case "sessions":
            return ev.sessions(path, scenario.scenario.timezone, unit)
        case _:
            return ev.evipro(path, unit)


def cars_share(scenario: Scenario) -> float:
    """Return the share of homes with a car."""
    return float(given(scenario).get("ev", {}).get("share", scenario.homes.ev_share))
