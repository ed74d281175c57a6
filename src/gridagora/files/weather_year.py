"""A year of weather from the rows of a file: the month, day and hour of each, figures in bounds, light that fits the sun."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Flag, Index, Weather
from gridagora.files import daylight
from gridagora.population import sun

HOUR_S, DAY_H = 3600, 24
LEAP_H, COMMON_H = 8784, 8760
FEB_29 = (59 * DAY_H, 60 * DAY_H)  # hours of 29 February in a leap year
MONTH_START = np.array(
    [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335]
)  # days before a month of a leap year
MONTH_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
YEARS = (1950, 2050)  # for which the sun is known; a row of another year has the sun of 2001
# Air: -89.2 (Vostok, 1983) to 56.7 degC (Furnace Creek, 1913), World Meteorological Organization, Weather and Climate Extremes.
# Light: the solar constant is 1361 W/m2, and no hour on the ground exceeds it by a tenth.
BOUNDS = {
    "t_out_degc": (-90.0, 60.0),
    "ghi_w_m2": (0.0, 1500.0),
    "dni_w_m2": (0.0, 1500.0),
    "dhi_w_m2": (0.0, 1500.0),
}
UNITS = {"t_out_degc": "degC"}
WIND_M_S, WIND_MAX_M_S = (
    2.0,
    120.0,
)  # where the file has none; the strongest gust measured is 113 m/s
BEYOND_ROWS = (
    100  # of a year with more light than the sun sends: stamps that are half an hour off make 40
)
LIGHT_SUM = (0.7, 1.3)  # direct and diffuse over global light, in the sum of a year
STEADY_K = 2.0  # from the coldest to the warmest hour of a year; within a day alone the steadiest islands have more
DARK_W_M2 = 1.0  # mean of a year with less light than any place on earth has
ROW_HINT = "A row is missing or doubled, or rows are out of order."
SUN_HINT = "Look at the time zone, latitude and longitude of the file, and at hours ending read as hours starting."


class Stamps(NamedTuple):
    """When each row of a file is, shape (r,): `hour` starts, 0 to 23, standard time of the file; `line` counts from 1.

    `minute` tells the rows of an hour apart; 0 where there is one, or where the file does not say.
    """

    line: Index
    year: Index
    month: Index
    day: Index
    hour: Index
    minute: Index


class WeatherSite(NamedTuple):
    """Where a file was recorded; `centre_s` is the mid of the samples that an hour is the mean of, from its start."""

    latitude_deg: float
    longitude_deg: float
    utc_h: float
    centre_s: int = HOUR_S // 2


class WeatherYear(NamedTuple):
    """All hours of a year, from 1 January standard time of the file, and which year or years they are of.

    `row` (8784,) is the row of each hour of a leap year; 29 February has the rows of 28 February where the file has none.
    `first_s` is the start of the first row of the file by its own year [s UTC].
    """

    weather: Weather
    site: WeatherSite
    row: Index
    years: str
    notes: tuple[str, ...]
    first_s: int


def number(
    where: str, text: str, what: str, low: float, high: float, problems: list[Problem]
) -> float:
    """Return a number of a header; one that is none, or out of bounds, is a problem and reads 0."""
    value = float(pd.to_numeric(text, errors="coerce"))
    if low <= value <= high:
        return value
    problems.append(
        Problem(where, f"{what} '{text.strip()[:40]}'", f"a number from {low:g} to {high:g}")
    )
    return 0.0


def site(
    where: str, latitude: str, longitude: str, zone: str, problems: list[Problem]
) -> WeatherSite:
    """Return the place of a header; problems are added to the list."""
    return WeatherSite(
        number(where, latitude, "latitude", -90.0, 90.0, problems),
        number(where, longitude, "longitude", -180.0, 180.0, problems),
        number(where, zone, "time zone", -12.0, 14.0, problems),
    )


def whole(texts: Sequence[str], low: int, high: int) -> Index:
    """Return whole numbers, one for each of r texts, shape (r,); -1 where a text is none in the bounds."""
    values = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(float)
    good = (values >= low) & (values <= high) & (values == np.floor(values))
    return np.where(good, values, -1).astype(np.int64)


def figures(
    where: str,
    stamps: Stamps,
    columns: dict[str, tuple[str, Sequence[str]]],
    problems: list[Problem],
) -> dict[str, Col]:
    """Return the numbers of each column; one that is no number or out of bounds is told by row, the rest of it counted.

    Parameters
    ----------
    where
        The file.
    stamps
        Lines of the rows.
    columns
        By our name: the file's name of the column and its texts. The wind may be absent: such hours are nan.

    Returns
    -------
    dict
        By our name, which ends in the unit: a number for each row, shape (r,) [degC], [W/m2], [m/s].
    """
    found = {}
    for name, (theirs, texts) in columns.items():
        values = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(float)
        if name == "wind_m_s":
            found[name] = np.where((values >= 0) & (values <= WIND_MAX_M_S), values, np.nan)
            continue
        low, high = BOUNDS[name]
        bad = np.flatnonzero(~((values >= low) & (values <= high)))
        if bad.size:
            got = (
                f"'{str(texts[bad[0]]).strip()[:20]}'" if str(texts[bad[0]]).strip() else "nothing"
            )
            expected = f"a number from {low:g} to {high:g} {UNITS.get(name, 'W/m2')}"
            more = f"So in {bad.size} rows." if bad.size > 1 else ""
            problems.append(
                Problem(
                    f"{where}, line {stamps.line[bad[0]]}, column '{theirs}'", got, expected, more
                )
            )
        found[name] = np.where((values >= low) & (values <= high), values, np.nan)
    return found


def assemble(
    where: str,
    place: WeatherSite,
    stamps: Stamps,
    columns: dict[str, Col],
    problems: list[Problem],
    *,
    made: bool = False,
) -> WeatherYear:
    """Return the year of checked rows; `problems` holds what was found before.

    Parameters
    ----------
    where
        The file.
    place
        Its place.
    stamps, columns
        Rows in the order of the file, shape (r,) each, several of one hour if the file is finer: their mean is taken. Columns
        are by name, which ends in the unit [degC], [W/m2], [m/s].
    made
        Whether global light was made of its parts, so that it cannot say whether they are late.

    Raises
    ------
    InputError
        All problems, those of the calendar and of the sun among them.
    """
    if min(column.min() for column in stamps) >= 0:
        leap_hour = DAY_H * (MONTH_START[stamps.month - 1] + stamps.day - 1) + stamps.hour
        stamps, leap_hour, columns = _hourly(where, stamps, leap_hour, columns, problems)
        problems += _calendar(where, stamps, leap_hour)
    if problems:
        raise InputError(problems)
    first = int(leap_hour.argmin())  # a file may begin on any day: its year begins on 1 January
    stamps = Stamps(*(np.roll(column, -first) for column in stamps))
    leap_hour, columns = (
        np.roll(leap_hour, -first),
        {name: np.roll(values, -first) for name, values in columns.items()},
    )
    start_s = _start_s(stamps, place.utc_h)
    span_k = float(np.ptp(columns["t_out_degc"]))
    if span_k < STEADY_K:
        got = f"air that stays within {span_k:.1f} K all year"
        problems.append(
            Problem(
                where,
                got,
                f"a year of at least {STEADY_K:g} K",
                "The column of temperature is empty or another.",
            )
        )
    notes: list[str] = []
    angles = sun.position(start_s + place.centre_s, place.latitude_deg, place.longitude_deg)
    columns = _light(where, angles, columns, notes, problems)
    problems += _sun(
        where, place, stamps, start_s + place.centre_s - HOUR_S // 2, columns, made=made
    )
    if problems:
        raise InputError(problems)
    light = (columns["ghi_w_m2"], columns["dni_w_m2"], columns["dhi_w_m2"])
    wind = _wind(columns, len(start_s), notes)
    sky = Weather(
        int(start_s[0]), columns["t_out_degc"], *light, angles.zenith_deg, angles.azimuth_deg, wind
    )
    return WeatherYear(
        sky, place, _rows(leap_hour), _years(stamps), tuple(notes), int(np.roll(start_s, first)[0])
    )


def horizontal(place: WeatherSite, stamps: Stamps, columns: dict[str, Col]) -> Col:
    """Return global horizontal light of direct and diffuse light at the minute of each row, shape (r,) [W/m2]."""
    zenith_deg = sun.position(
        _start_s(stamps, place.utc_h) + 60 * stamps.minute, place.latitude_deg, place.longitude_deg
    ).zenith_deg
    made: Col = (
        columns["dni_w_m2"] * np.clip(np.cos(np.radians(zenith_deg)), 0.0, None)
        + columns["dhi_w_m2"]
    )
    return made


def rows(year: WeatherYear, from_s: int, hours: int) -> tuple[Index, Flag]:
    """Return the rows of a span of hours by month, day and hour in standard time of the file, and which repeat 28 February.

    Both have shape (hours,).

    Parameters
    ----------
    from_s
        Start of the span, on a full hour of the file [s UTC]; its year does not matter.
    """
    local = (from_s + round(year.site.utc_h * HOUR_S) + HOUR_S * np.arange(hours)).astype(
        "datetime64[s]"
    )
    month, day = local.astype("datetime64[M]"), local.astype("datetime64[D]")
    of_month = month.astype(np.int64) % 12
    leap_hour = DAY_H * (
        MONTH_START[of_month] + (day - month.astype("datetime64[D]")).astype(np.int64)
    )
    leap_hour = leap_hour + (local - day.astype("datetime64[s]")).astype(np.int64) // HOUR_S
    lacks = len(year.weather.t_out_degc) == COMMON_H
    return year.row[leap_hour], lacks & (leap_hour >= FEB_29[0]) & (leap_hour < FEB_29[1])


def _hourly(
    where: str, stamps: Stamps, leap_hour: Index, columns: dict[str, Col], problems: list[Problem]
) -> tuple[Stamps, Index, dict[str, Col]]:
    """Return the means of the rows of each hour; an hour of more or fewer rows than most, or of other minutes, is a problem."""
    starts = np.flatnonzero(np.append(True, np.diff(leap_hour) != 0))
    count = np.diff(np.append(starts, len(leap_hour)))
    usual = int(np.bincount(count).argmax())
    bad = np.flatnonzero(count != usual)
    if bad.size:
        at = int(bad[0])
        got = f"{count[at]} rows of {_when(stamps, int(starts[at]))} ({len(leap_hour)} rows in all)"
        more = f" So in {bad.size} hours." if bad.size > 1 else ""
        problems.append(
            Problem(
                f"{where}, line {stamps.line[starts[at]]}",
                got,
                f"{usual} as in most hours",
                ROW_HINT + more,
            )
        )
    else:
        minutes = stamps.minute.reshape(-1, usual)
        step = np.diff(minutes, axis=1) if usual > 1 and minutes.any() else np.ones((1, 1))
        out = np.flatnonzero((minutes != minutes[0]).any(axis=1) | (step <= 0).any(axis=1))
        if out.size:
            line, got = (
                stamps.line[usual * int(out[0])],
                f"minutes {', '.join(map(str, minutes[int(out[0])]))}",
            )
            problems.append(
                Problem(
                    f"{where}, line {line}",
                    got,
                    "the same minutes in every hour, one after the other",
                    ROW_HINT,
                )
            )
    means = {name: np.add.reduceat(values, starts) / count for name, values in columns.items()}
    return Stamps(*(column[starts] for column in stamps)), leap_hour[starts], means


def _calendar(where: str, stamps: Stamps, leap_hour: Index) -> list[Problem]:
    """Return the problem of hours that are not all hours of one year, each after the one before."""
    step = np.diff(leap_hour) % LEAP_H
    skips = (leap_hour[:-1] == FEB_29[0] - 1) & (step == DAY_H + 1)
    bad = np.flatnonzero((step != 1) & ~skips)
    count = len(leap_hour)
    if not bad.size and count in (COMMON_H, LEAP_H) and len(np.unique(leap_hour)) == count:
        return []
    if not bad.size:
        expected = f"all {COMMON_H} hours of a year, or {LEAP_H} of a leap year"
        return [
            Problem(
                f"{where}, line {stamps.line[-1]}",
                f"{count} hours, the last of {_when(stamps, -1)}",
                expected,
                ROW_HINT,
            )
        ]
    row = int(bad[0])
    more = f" So in {bad.size} places." if bad.size > 1 else ""
    got = f"{_when(stamps, row + 1)} next after {_when(stamps, row)} ({count} hours in all)"
    return [
        Problem(
            f"{where}, line {stamps.line[row + 1]}", got, "the hour that follows", ROW_HINT + more
        )
    ]


def _when(stamps: Stamps, row: int) -> str:
    hour = int(stamps.hour[row])
    return f"{stamps.day[row]} {MONTHS[int(stamps.month[row]) - 1]}, {hour:02d}:00 to {hour + 1:02d}:00"


def _rows(leap_hour: Index) -> Index:
    row = np.full(LEAP_H, -1, dtype=np.int64)
    row[leap_hour] = np.arange(len(leap_hour))
    if len(leap_hour) == COMMON_H:
        row[FEB_29[0] : FEB_29[1]] = row[FEB_29[0] - DAY_H : FEB_29[0]]
    return row


def _start_s(stamps: Stamps, utc_h: float) -> Index:
    """Return the start of each row [s UTC], by its own year."""
    year = np.where((stamps.year >= YEARS[0]) & (stamps.year <= YEARS[1]), stamps.year, 2001)
    month = ((year - 1970) * 12 + stamps.month - 1).astype("datetime64[M]")
    days = month.astype("datetime64[D]").astype(np.int64) + stamps.day - 1
    return DAY_H * HOUR_S * days + HOUR_S * stamps.hour - round(utc_h * HOUR_S)


def _light(
    where: str, angles: sun.Sun, columns: dict[str, Col], notes: list[str], problems: list[Problem]
) -> dict[str, Col]:
    """Complete the light: global from its parts, or the parts from global where the file leaves them all zero."""
    above = np.clip(np.cos(np.radians(angles.zenith_deg)), 0.0, None)
    parts = columns["dni_w_m2"] * above + columns["dhi_w_m2"]
    ghi = columns["ghi_w_m2"]
    if parts.any() and not ghi.any():
        ghi = parts
        notes.append("global light made of direct and diffuse light, as the file has none")
    if ghi.mean() < DARK_W_M2:
        problems.append(
            Problem(where, f"a mean of {ghi.mean():.1f} W/m2 of light", "a year with light")
        )
    elif not (columns["dni_w_m2"].any() or columns["dhi_w_m2"].any()):
        high = above > np.cos(
            np.radians(86.0)
        )  # lower, a ratio to the sun's height means little: all is diffuse
        safe = np.where(high, above, 1.0)
        diffuse = ghi * np.where(high, sun.diffuse_share(ghi / (daylight.SOLAR_W_M2 * safe)), 1.0)
        notes.append("light split into direct and diffuse by Erbs, as the file has only global")
        return columns | {"ghi_w_m2": ghi, "dni_w_m2": (ghi - diffuse) / safe, "dhi_w_m2": diffuse}
    elif not LIGHT_SUM[0] < parts.sum() / ghi.sum() < LIGHT_SUM[1]:
        got = f"direct and diffuse light that add up to {parts.sum() / ghi.sum():.0%} of global light in the year"
        expected = f"{LIGHT_SUM[0]:.0%} to {LIGHT_SUM[1]:.0%}"
        problems.append(
            Problem(
                where,
                got,
                expected,
                "A column of light is empty, or of another unit; or: " + SUN_HINT,
            )
        )
    return columns | {"ghi_w_m2": ghi}


def _sun(
    where: str,
    place: WeatherSite,
    stamps: Stamps,
    start_s: Index,
    columns: dict[str, Col],
    *,
    made: bool,
) -> list[Problem]:
    """Return light at night, beyond the sun's, or late: marks of a wrong zone or place, and of hours read as starting."""
    ghi_w_m2, direct = columns["ghi_w_m2"], columns["dni_w_m2"] if made else None
    found = daylight.check(
        start_s, stamps.month, place.latitude_deg, place.longitude_deg, ghi_w_m2, direct
    )
    problems = []
    for rows, what in ((found.night, "at night"), (found.beyond, "beyond what the sun sends")):
        bad = np.flatnonzero(rows)
        if bad.size > (BEYOND_ROWS if rows is found.beyond else 0):
            row = int(bad[0])
            got = f"{ghi_w_m2[row]:.0f} W/m2 {what}, on {_when(stamps, row)}; so in {bad.size} rows"
            problems.append(
                Problem(
                    f"{where}, line {stamps.line[row]}",
                    got,
                    "light as the sun of the place allows",
                    SUN_HINT,
                )
            )
    late = np.flatnonzero(np.abs(found.late_h) > daylight.LATE_H)
    if late.size:
        worst = float(found.late_h[late[np.abs(found.late_h[late]).argmax()]])
        months = (
            "every month"
            if late.size == np.isfinite(found.late_h).sum()
            else ", ".join(MONTHS[month] for month in late)
        )
        got = f"light {abs(worst):.2f} h {'late' if worst > 0 else 'early'} against the sun on the clear days of {months}"
        problems.append(Problem(where, got, f"within {daylight.LATE_H} h", SUN_HINT))
    return problems


def _wind(columns: dict[str, Col], hours: int, notes: list[str]) -> Col:
    wind = columns.get("wind_m_s", np.full(hours, np.nan))
    wind = np.full(hours, np.nan) if not np.nan_to_num(wind).any() else wind
    gone = np.isnan(wind)
    if gone.any():
        notes.append(
            f"no wind in {'the file' if gone.all() else f'{gone.sum()} hours'}: {WIND_M_S:g} m/s there"
        )
    return np.where(gone, WIND_M_S, wind)


def _years(stamps: Stamps) -> str:
    """Say of which year or years the rows are."""
    years, leap = np.unique(stamps.year), len(stamps.year) == LEAP_H
    text = (
        f"a year of months of {years[0]} to {years[-1]}"
        if len(years) > 1
        else f"the year {years[0]}"
    )
    was_leap = (
        len(years) == 1 and years[0] % 4 == 0 and (years[0] % 100 != 0 or years[0] % 400 == 0)
    )
    return text + (
        ", with 29 February" if leap else ", without its 29 February" if was_leap else ""
    )
