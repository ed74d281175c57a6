"""Each table of a scenario from the source it names: files are read, or everything is drawn from the seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.device import RENEWABLE, People, homes_of_family
from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.registry import find
from gridagora.core.rng import stream
from gridagora.core.session import Preference
from gridagora.core.tables import Homes, Prices, Quality, Weather
from gridagora.files.weather_year import WeatherYear
from gridagora.population.charging import Sessions
from gridagora.population.outdoors import Exposure
from gridagora.population.profiles import Profiles
from gridagora.population.quality import TIERS
from gridagora.scenario import money, plugin_sources
from gridagora.scenario.calendar import midnight_s, standard_offset_s, utc_offset_s
from gridagora.scenario.feeder_file import FILE_SOURCES, read_model
from gridagora.scenario.schema import ComfortKeys, PreferenceKeys, QualityKeys, Scenario
from gridagora.scenario.sky import Sky
from gridagora.scenario.validate import hours
from gridagora.sources import prices as ercot
from gridagora.sources import synthetic, synthetic_feeder
from gridagora.sources import weather as skies
from gridagora.sources.busbar import make_busbar
from gridagora.sources.price_table import TablePrices, read_price_table
from gridagora.sources.weather_table import read_weather_table


class Measured(NamedTuple):
    """Homes of a file and the weather they lived in over the same hours; the run starts at their `from_s` [s UTC]."""

    profiles: Profiles
    year: Weather
    from_s: int
    apart: bool  # the run has another weather
    sessions: Sessions
    notes: tuple[str, ...]
    exposure: Exposure | None = (
        None  # wind and sky over the hours of `year`, where its file tells them
    )
    file: WeatherYear | None = None  # the whole year of that weather


HOUR_S = 3600
FAST_H = (
    -2.0,
    4.0,
)  # local time less the sun's: -1 h in the east of India, +3 h in the west of China or Alaska in summer
DEFAULT_HOMES = 40  # of a synthetic feeder whose scenario does not say


def feeder(scenario: Scenario, start_s: int) -> Feeder:
    """Return the network; a synthetic one and a busbar have a meter for every home."""
    if plugin_sources.names_one(scenario, "feeder"):
        return plugin_sources.feeder(scenario, start_s)
    if scenario.feeder.source in FILE_SOURCES:
        return read_model(
            scenario.feeder.source, Path(scenario.feeder.file), strict=scenario.feeder.strict
        )
    if scenario.feeder.source == "busbar":
        return make_busbar(scenario.homes.count or DEFAULT_HOMES)
    own = scenario.feeder.seed
    seed = scenario.scenario.seed if own is None else own
    return synthetic_feeder.make(seed, scenario.homes.count or DEFAULT_HOMES)


def prices(scenario: Scenario, start_s: int) -> TablePrices:
    """Return the wholesale prices around the run, and what was taken of a table of them, in words."""
    keys, case = scenario.prices, scenario.scenario
    if keys.source == "table":
        path = Path(keys.file)
        return read_price_table(path, start_s, case.days, case.timezone, keys.unit, case.currency)
    return TablePrices(_prices(scenario, start_s), money.spell_drawn(keys.source, case.currency))


def _prices(scenario: Scenario, start_s: int) -> Prices:
    keys, case = scenario.prices, scenario.scenario
    if plugin_sources.names_one(scenario, "prices"):
        return plugin_sources.prices(scenario, start_s)
    match keys.source:
        case "synthetic":
            there_s = start_s + _clock_shift_s(scenario)
            return synthetic.prices(case.seed, there_s, case.days)._replace(start_s=start_s)
        case "ercot_hub_average":
            return ercot.ercot(Path(keys.folder), start_s, case.days)
        case "ercot_zone":
            return ercot.zone(Path(keys.file or keys.folder), start_s, case.days, keys.unit)
        case "ercot_hb_south_2016":
            return ercot.hb_south(Path(keys.folder), start_s, case.days)
        case _:
            files = Path(keys.day_ahead_file), Path(keys.real_time_file)
            return ercot.ercot_files(
                *files, start_s, case.days, keys.point or None, keys.point_type or None, keys.unit
            )


def sky(scenario: Scenario, start_s: int, measured: Measured | None = None) -> Sky:
    """Return the weather of the run: the rows of its dates, or where homes lived in it those of the days that they live.

    Raises
    ------
    InputError
        What the file has wrong, and a local time that is not that of its place.
    """
    case, keys = scenario.scenario, scenario.weather
    if plugin_sources.names_one(scenario, "weather"):
        return plugin_sources.sky(scenario, start_s)
    if keys.source == "synthetic":
        shift_s = _clock_shift_s(scenario)
        drawn = synthetic.weather(case.seed, start_s + shift_s, case.days)
        said = f"drawn as in Austin, by the clock of {case.timezone}" if shift_s else ""
        return Sky(drawn._replace(start_s=start_s), synthetic.AUSTIN[0], said)
    if keys.source == "table":
        return _sky_of_table(scenario, start_s)
    shared = measured is not None and not measured.apart
    year = measured.file if measured is not None and shared else None
    year = year or year_of(keys.source, keys.file, keys.folder)
    _check_zone(scenario, start_s, year)
    from_s = start_s
    if measured is not None and shared:
        from_s = measured.from_s
    elif scenario.homes.source == "synthetic" and scenario.homes.start is not None:
        from_s = midnight_s(scenario.homes.start, case.timezone)
    found = skies.window(year, from_s, hours(case.days), start_s)
    return Sky(found, year.site.latitude_deg, skies.describe_rows(year, from_s, case.days))


def _sky_of_table(scenario: Scenario, start_s: int) -> Sky:
    """Return the weather of a table of one's own, of the days of the run or of those that `[homes] start` names."""
    case, keys, paired = scenario.scenario, scenario.weather, scenario.homes.start
    drawn = scenario.homes.source == "synthetic" and not scenario.homes.loads
    from_s = midnight_s(paired, case.timezone) if drawn and paired is not None else start_s
    place = (float(keys.latitude_deg or 0.0), float(keys.longitude_deg or 0.0))
    found = read_weather_table(Path(keys.file), start_s, case.days, case.timezone, place, from_s)
    return Sky(found.weather, place[0], "; ".join(found.notes))


def _clock_shift_s(scenario: Scenario) -> int:
    """Return by how much the clock of a scenario is ahead of Austin's [s]: what is drawn for Austin follows the local day."""
    case = scenario.scenario
    return standard_offset_s(case.start.year, case.timezone) - synthetic.UTC_H * HOUR_S


def devices(keys: Mapping[str, Mapping[str, Any]], people: People) -> Homes:
    """Return the homes with the devices that keys give them, kind by kind, each drawn by the kind itself."""
    for kind, values in sorted(keys.items()):
        about = find("device", kind).about
        people = people._replace(homes=about.draw(about.keys(**values), people))
    return people.homes


def quality(scenario: Scenario, home_id: Sequence[str]) -> Quality:
    """Return what service is worth to each home: its slider and its tier are draws of the seed, keyed by its name.

    A larger share keeps every home of a tier that a smaller one has, so that scenarios of different shares compare like with
    like.
    """
    seed, comfort, keys = scenario.scenario.seed, scenario.comfort, scenario.quality
    count = len(home_id)
    slide = np.array([stream(seed, "comfort slider", home).random() for home in home_id])
    rank = np.argsort(
        [stream(seed, "quality tier", home).random() for home in home_id], kind="stable"
    )
    firm = round(keys.firm_share * count)
    flexible = min(round(keys.flexible_share * count), count - firm)
    tier = np.zeros(count, dtype=np.int64)
    tier[rank[:firm]] = TIERS.index("firm")
    tier[rank[count - flexible :]] = TIERS.index("flexible")
    return Quality(
        comfort.slider_low * (comfort.slider_high / comfort.slider_low) ** slide,
        tier,
        np.array([1.0, keys.firm_value, keys.flexible_value])[tier],
        np.full(count, keys.deviation_per_kwh),
        1.0 if keys.deviation_window == "hour" else 0.0,
    )


def preference(scenario: Scenario, table: Homes) -> Preference | None:
    """Return what homes prefer, None where the scenario says nothing: who is green is a draw of the seed, keyed by the home.

    A larger share keeps every green home of a smaller one.
    """
    seed, keys = scenario.scenario.seed, scenario.preference
    if keys == PreferenceKeys():
        return None
    rank = np.argsort(
        [stream(seed, "green preference", home).random() for home in table.home_id], kind="stable"
    )
    green = np.zeros(len(rank), dtype=np.bool_)
    green[rank[: round(keys.green_share * len(rank))]] = True
    return Preference(
        keys.local_per_kwh, keys.green_per_kwh, green, homes_of_family(table, RENEWABLE)
    )


def draws_quality(scenario: Scenario) -> bool:
    """Return whether a scenario says anything of sliders, tiers or deviations; otherwise homes keep what they came with."""
    sliders = (scenario.comfort.slider_low, scenario.comfort.slider_high)
    return (
        sliders != (ComfortKeys().slider_low, ComfortKeys().slider_high)
        or scenario.quality != QualityKeys()
    )


def year_of(source: str, file: str, folder: str) -> WeatherYear:
    """Return a whole year of weather from the source of that name."""
    match source:
        case "epw":
            return skies.epw(Path(file))
        case "tmy3":
            return skies.tmy3(Path(file))
        case "nsrdb":
            return skies.nsrdb(Path(file))
        case _:
            return skies.amy(Path(folder))


def _check_zone(scenario: Scenario, start_s: int, year: WeatherYear) -> None:
    """Refuse a local time that no place so far east or west keeps, and one that splits the hours of the file."""
    case, site = scenario.scenario, year.site
    offset_h = utc_offset_s(case.start, case.timezone) / HOUR_S
    fast_h = (offset_h - site.longitude_deg / 15.0 + 12.0) % 24.0 - 12.0
    where, got = (
        f"{scenario.file or 'scene'}: [scenario] timezone",
        f"'{case.timezone}', UTC{offset_h:+g} h",
    )
    hint = (
        f'The file has standard time UTC{site.utc_h:+g} h: timezone = "{_zone_name(site.utc_h)}".'
    )
    if not FAST_H[0] <= fast_h <= FAST_H[1]:
        expected = f"the local time of the weather file, whose place is at longitude {site.longitude_deg:g}"
        raise InputError([Problem(where, got, expected, hint)])
    if (start_s + round(site.utc_h * HOUR_S)) % HOUR_S:
        raise InputError(
            [Problem(where, got, "a time whole hours from that of the weather file", hint)]
        )


def _zone_name(utc_h: float) -> str:
    """Return an IANA name of a standard time."""
    odd = {
        3.5: "Asia/Tehran",
        4.5: "Asia/Kabul",
        5.5: "Asia/Kolkata",
        5.75: "Asia/Kathmandu",
        6.5: "Asia/Yangon",
    }
    odd |= {
        9.5: "Australia/Darwin",
        -3.5: "America/St_Johns",
        -9.5: "Pacific/Marquesas",
        8.75: "Australia/Eucla",
    }
    return odd.get(
        utc_h, f"Etc/GMT{-round(utc_h):+d}" if utc_h % 1 == 0 else "the name of that zone"
    )  # sign turned round
