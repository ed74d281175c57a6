"""Each table of a scenario from the source it names: files are read, or everything is drawn from the seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gridagora.core.charging import Sessions
from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.outdoors import Exposure
from gridagora.core.profiles import Profiles
from gridagora.core.quality import TIERS
from gridagora.core.rng import stream
from gridagora.core.session import Preference
from gridagora.core.tables import Homes, Prices, Quality, Weather
from gridagora.scenario.calendar import midnight_s
from gridagora.scenario.schema import ComfortKeys, PreferenceKeys, QualityKeys, Scenario
from gridagora.scenario.sound import hours
from gridagora.sources import opendss, synthetic, synthetic_feeder
from gridagora.sources import prices as ercot
from gridagora.sources import weather as skies
from gridagora.sources.homes import paired_start


class Measured(NamedTuple):
    """Homes of a file and the weather they lived in over the same hours; the run starts at their `from_s` [s UTC]."""

    profiles: Profiles
    year: Weather
    from_s: int
    apart: bool  # the run has another weather
    sessions: Sessions
    notes: tuple[str, ...]
    exposure: Exposure | None = None  # wind and sky over the hours of `year`, where its file tells them


DEFAULT_HOMES = 40  # of a synthetic feeder whose scenario does not say


def feeder(scenario: Scenario) -> Feeder:
    """Return the network; a synthetic one has a meter for every home."""
    if scenario.feeder.source == "opendss":
        return opendss.read(scenario.feeder.file)
    return synthetic_feeder.make(scenario.scenario.seed, scenario.homes.count or DEFAULT_HOMES)


def prices(scenario: Scenario, start_s: int) -> Prices:
    """Return the wholesale prices around the run."""
    keys, case = scenario.prices, scenario.scenario
    match keys.source:
        case "synthetic":
            return synthetic.prices(case.seed, start_s, case.days)
        case "ercot_hub_average":
            return ercot.ercot(Path(keys.folder), start_s, case.days)
        case "ercot_zone":
            return ercot.zone(Path(keys.file or keys.folder), start_s, case.days)
        case "ercot_hb_south_2016":
            return ercot.hb_south(Path(keys.folder), start_s, case.days)
        case "ercot_files":
            files = Path(keys.day_ahead_file), Path(keys.real_time_file)
            return ercot.ercot_files(*files, start_s, case.days, keys.point or None, keys.point_type or None)


def weather(scenario: Scenario, start_s: int, measured: Measured | None = None) -> Weather:
    """Return the weather of the run; that of another year is dated anew, where homes lived in it from the day they lived."""
    case, keys = scenario.scenario, scenario.weather
    if keys.source == "synthetic":
        return synthetic.weather(case.seed, start_s, case.days)
    if measured is not None and not measured.apart:
        return skies.window(measured.year, measured.from_s, hours(case.days), start_s)
    year = year_of(keys.source, keys.file, keys.folder)
    return skies.window(year, _from_s(scenario, start_s, year), hours(case.days), start_s)


def quality(scenario: Scenario, home_id: Sequence[str]) -> Quality:
    """Return what service is worth to each home: its slider and its tier are draws of the seed, keyed by its name.

    A larger share keeps every home of a tier that a smaller one has, so that scenarios of different shares compare like with
    like.
    """
    seed, comfort, keys = scenario.scenario.seed, scenario.comfort, scenario.quality
    count = len(home_id)
    slide = np.array([stream(seed, "comfort slider", home).random() for home in home_id])
    rank = np.argsort([stream(seed, "quality tier", home).random() for home in home_id], kind="stable")
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
    rank = np.argsort([stream(seed, "green preference", home).random() for home in table.home_id], kind="stable")
    green = np.zeros(len(rank), dtype=np.bool_)
    green[rank[: round(keys.green_share * len(rank))]] = True
    return Preference(keys.local_per_kwh, keys.green_per_kwh, green, table.pv_kw.any(axis=1))


def draws_quality(scenario: Scenario) -> bool:
    """Return whether a scenario says anything of sliders, tiers or deviations; otherwise homes keep what they came with."""
    sliders = (scenario.comfort.slider_low, scenario.comfort.slider_high)
    return sliders != (ComfortKeys().slider_low, ComfortKeys().slider_high) or scenario.quality != QualityKeys()


def without_tanks(table: Homes) -> Homes:
    """Return the same homes with hot water from gas: no tank, no draw."""
    none = np.zeros(len(table.home_id))
    return table._replace(
        tank_kwh_k=none,
        tank_ua_kw_k=none,
        tank_kw=none,
        draw_kwh=np.zeros_like(table.draw_kwh),
        draw_set_kwh=np.zeros_like(table.draw_set_kwh),
    )


def year_of(source: str, file: str, folder: str) -> Weather:
    """Return a whole year of weather from the source of that name."""
    match source:
        case "epw":
            return skies.epw(Path(file))
        case "tmy3":
            return skies.tmy3(Path(file))
        case _:
            return skies.amy(Path(folder))


def _from_s(scenario: Scenario, start_s: int, year: Weather) -> int:
    """Return where in the year of the weather the run starts [s UTC].

    Raises
    ------
    InputError
        `homes.start` lies outside that year.
    """
    asked = scenario.homes.start if scenario.homes.source == "synthetic" else None
    if asked is None:
        return paired_start(start_s, year)
    from_s = midnight_s(asked, scenario.scenario.timezone)
    if year.start_s <= from_s < year.start_s + 3600 * len(year.t_out_degc):
        return from_s
    first = np.datetime64(year.start_s, "s").astype("datetime64[Y]")
    where = f"{scenario.file or 'scene'}: [homes] start"
    raise InputError([Problem(where, str(asked), f"a day of {first}, the year of the weather and the homes")])
