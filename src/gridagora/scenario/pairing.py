"""Which days of a file of homes meet the days of a run."""

import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.scenario.calendar import midnight_s
from gridagora.scenario.schema import Scenario

HOUR_S, DAY_S, WEEK_S = 3600, 86400, 7 * 86400
SEASON_S = 31 * DAY_S  # homes of another season are taken only where the scenario says so


def pair_start_s(scenario: Scenario, start_s: int, first_s: int, hours: int) -> int:
    """Return the start of the run in the time of a file of homes: `homes.start`, or the nearest date of its weekday [s UTC].

    The file has so many hours from `first_s` [s UTC].

    Raises
    ------
    InputError
        The file does not cover the run from there.
    """
    case = scenario.scenario
    last_s = first_s + HOUR_S * (hours - 24 * case.days)
    asked = scenario.homes.start
    from_s = (
        _paired_s(start_s, first_s, last_s) if asked is None else midnight_s(asked, case.timezone)
    )
    whole = hours >= 8760  # a year goes round
    if first_s <= from_s <= last_s or (whole and first_s <= from_s < first_s + HOUR_S * hours):
        return from_s
    first, end = (
        spell_day(first_s, case.timezone),
        spell_day(first_s + HOUR_S * hours - 1, case.timezone),
    )
    near = f"no {case.start:%A} near {case.start:%d %B} with {case.days} days after it"
    got = f"{asked} and a run of {case.days} days" if asked else near
    hint = "Set [homes] start to a day of the file; where it numbers its hours, first to the day of hour 0."
    raise InputError(
        [
            Problem(
                f"{scenario.file or 'scene'}: [homes] start",
                got,
                f"days of the file, {first} to {end}",
                hint,
            )
        ]
    )


def _paired_s(start_s: int, first_s: int, last_s: int) -> int:
    """Return the date nearest in the year, on the same weekday, from which the file covers the run; `first_s` - 1 if none."""
    there = pd.Timestamp(start_s, unit="s", tz="UTC")
    middle = pd.Timestamp((first_s + last_s) // 2, unit="s", tz="UTC")
    day = 28 if (there.month, there.day) == (2, 29) else there.day
    years = [there.replace(year=year, day=day) for year in range(middle.year - 1, middle.year + 2)]
    inside = [each for each in years if first_s <= each.timestamp() <= last_s]
    wanted = min(inside or years, key=lambda each: abs((each - middle).total_seconds()))
    if abs(wanted.timestamp() - min(max(wanted.timestamp(), first_s), last_s)) > SEASON_S:
        return first_s - 1
    moved = start_s - round((there - wanted).total_seconds() / WEEK_S) * WEEK_S
    if moved < first_s:
        moved += -(-(first_s - moved) // WEEK_S) * WEEK_S
    if moved > last_s:
        moved -= -(-(moved - last_s) // WEEK_S) * WEEK_S
    return moved if moved >= first_s else first_s - 1


def spell_day(time_s: int, zone: str) -> str:
    """Return the local day of a time in words."""
    return f"{pd.Timestamp(time_s, unit='s', tz='UTC').tz_convert(zone):%d %B %Y}"
