"""Weather years from EPW, TMY3, NSRDB and the Travis County file, and the hours of one that a run needs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import Weather
from gridagora.files import weather_year
from gridagora.files.text_table import doubled, mark_of, read_csv, read_rows, read_text
from gridagora.files.weather_year import HOUR_S, MONTH_DAYS, Stamps, WeatherSite, WeatherYear, whole

AUSTIN = WeatherSite(30.3, -97.7, -6.0)  # where the prototype put the Travis County homes
HINT = "Set GRIDAGORA_DATA to the data folder."
EPW_HEADER = 8  # lines before the hours
EPW_COLUMNS = {
    "t_out_degc": ("dry-bulb temperature, the 7th", 6),
    "ghi_w_m2": ("global horizontal radiation, the 14th", 13),
    "dni_w_m2": ("direct normal radiation, the 15th", 14),
    "dhi_w_m2": ("diffuse horizontal radiation, the 16th", 15),
    "wind_m_s": ("wind speed, the 22nd", 21),
}
TMY3_COLUMNS = {
    "t_out_degc": "Dry-bulb (C)",
    "ghi_w_m2": "GHI (W/m^2)",
    "dni_w_m2": "DNI (W/m^2)",
    "dhi_w_m2": "DHI (W/m^2)",
    "wind_m_s": "Wspd (m/s)",
}
NSRDB_COLUMNS = {
    "t_out_degc": "Temperature",
    "ghi_w_m2": "GHI",
    "dni_w_m2": "DNI",
    "dhi_w_m2": "DHI",
    "wind_m_s": "Wind Speed",
}
NSRDB_TIME = ("Year", "Month", "Day", "Hour", "Minute")
NSRDB_PLACE = ("Latitude", "Longitude", "Time Zone")
MAY_LACK = {"tmy3": ("wind_m_s",), "nsrdb": ("wind_m_s", "ghi_w_m2")}

Row = tuple[int, list[str]]  # line of the file, fields


@register("source", "weather.source=epw")
def epw(path: Path) -> WeatherYear:
    """Read an EnergyPlus weather file; rows are found by their month, day and hour.

    Hours 1-24 are hour-ending, local standard time: hour 1 becomes the interval that starts at midnight. Of several rows an hour
    the mean is taken.

    Parameters
    ----------
    path
        The `.epw` file: eight lines of header, then the hours of a year.

    Raises
    ------
    InputError
        Rows missing, doubled or out of order, figures missing or out of bounds, light that does not fit the sun of the place.

    References
    ----------
    EnergyPlus Auxiliary Programs, "EnergyPlus Weather File (EPW) Data Dictionary".
    """
    lines = _lines(path)
    place = lines[0][1]
    if place[0].strip().upper() != "LOCATION" or len(place) < 9:
        got = f"'{','.join(place)[:40]}'"
        raise InputError(
            [
                Problem(
                    f"{path}, line 1", got, "a LOCATION line with latitude, longitude and time zone"
                )
            ]
        )
    problems: list[Problem] = []
    where = weather_year.site(f"{path}, line 1", place[6], place[7], place[8], problems)
    ends = [
        at
        for at, (_, fields) in enumerate(lines[:40])
        if fields[0].strip().upper() == "DATA PERIODS"
    ]
    body = lines[ends[0] + 1 :] if ends else [row for row in lines if row[0] > EPW_HEADER]
    _some(path, body)
    stamps = _stamps(path, body, [_column(body, at) for at in range(4)], (1, 24), problems)
    columns: dict[str, tuple[str, Sequence[str]]] = {
        name: (title, _column(body, at)) for name, (title, at) in EPW_COLUMNS.items()
    }
    return _year(path, where, stamps, columns, problems)


@register("source", "weather.source=tmy3")
def tmy3(path: Path) -> WeatherYear:
    """Read a TMY3 file; hours are hour-ending, local standard time, and months of a typical year come from different years.

    Raises
    ------
    InputError
        As `epw`.

    References
    ----------
    S. Wilcox, W. Marion, Users Manual for TMY3 Data Sets, NREL/TP-581-43156, 2008.
    """
    lines = _lines(path)
    problems: list[Problem] = []
    place = lines[0][1]
    if len(place) < 6 or len(lines) < 2:
        got = f"'{','.join(place)[:40]}'"
        expected = "a line of station, name, state, time zone, latitude and longitude, and a line of column names"
        raise InputError([Problem(f"{path}, line 1", got, expected)])
    where = weather_year.site(f"{path}, line 1", place[4], place[5], place[3], problems)
    names = [name.strip() for name in lines[1][1]]
    columns = _named(path, lines[1][0], names, lines[2:], TMY3_COLUMNS, "tmy3")
    date = [text.strip().split("/") for text in _column(lines[2:], 0)]
    clock = [text.strip().split(":") for text in _column(lines[2:], 1)]
    month, day, year = ([parts[at] if len(parts) == 3 else "" for parts in date] for at in range(3))
    hour = [parts[0] if len(parts) == 2 and parts[1] == "00" else "" for parts in clock]
    stamps = _stamps(path, lines[2:], [year, month, day, hour], (1, 24), problems)
    return _year(path, where, stamps, columns, problems)


@register("source", "weather.source=nsrdb")
def nsrdb(path: Path) -> WeatherYear:
    """Read a file of the National Solar Radiation Database, PSM version 3 or 4, hourly or finer: an hour is the mean of its rows.

    Global light may be absent: it is made of direct and diffuse light at each row. So may 29 February.

    Parameters
    ----------
    path
        The csv file: names of the header, its values, names of the columns, then the rows.

    Raises
    ------
    InputError
        As `epw`.

    References
    ----------
    M. Sengupta et al., The National Solar Radiation Data Base (NSRDB), Renewable and Sustainable Energy Reviews 89, 2018,
    doi 10.1016/j.rser.2018.03.003.
    """
    lines = _lines(path)
    problems: list[Problem] = []
    header = dict(
        zip(
            (name.strip() for name in lines[0][1]),
            lines[1][1] if len(lines) > 1 else [],
            strict=False,
        )
    )
    absent = [name for name in NSRDB_PLACE if name not in header]
    if absent or len(lines) < 3:
        raise InputError(
            Problem(f"{path}, line 1", "no such name", f"'{name}'", "")
            for name in absent or NSRDB_TIME[:1]
        )
    latitude, longitude, zone = (header[name] for name in NSRDB_PLACE)
    where = weather_year.site(f"{path}, line 2", latitude, longitude, zone, problems)
    unit = header.get("Temperature Units", "c").strip().lower()
    if unit not in ("c", "°c", "celsius", "degc", ""):
        problems.append(Problem(f"{path}, line 2", f"temperature in '{unit}'", "degrees Celsius"))
    names = [name.strip() for name in lines[2][1]]
    body = lines[3:]
    lacks = [name for name in NSRDB_TIME if name not in names]
    if lacks:
        raise InputError(
            Problem(f"{path}, line {lines[2][0]}", "no such column", f"a column '{name}'")
            for name in lacks
        )
    columns = _named(path, lines[2][0], names, body, NSRDB_COLUMNS, "nsrdb")
    texts = [_column(body, names.index(name)) for name in NSRDB_TIME]
    stamps = _stamps(path, body, texts[:4], (0, 23), problems)
    stamps = stamps._replace(minute=whole(texts[4], 0, 59))
    problems += _first(path, stamps, stamps.minute < 0, texts[4], "minute", "a minute, 0 to 59")
    where = where._replace(
        centre_s=round(60 * float(np.unique(np.maximum(stamps.minute, 0)).mean()))
    )
    return _year(path, where, stamps, columns, problems)


@register("source", "weather.source=travis")
def amy(folder: Path, year: int = 2018) -> WeatherYear:
    """Read the weather of the Travis County homes: 8760 hours from the local standard midnight that opens 2018.

    The file has no dates; it has direct normal and diffuse irradiance, and the global horizontal one is made from them.

    Raises
    ------
    InputError
        As `epw`.
    """
    path = Path(folder) / "weather.csv.gz"
    if not path.is_file():
        raise InputError([Problem(str(path), "no such file", "the weather of the homes", HINT)])
    names = {
        "t_out_degc": "outdoor_dry_bulb_temperature",
        "dni_w_m2": "direct_solar_irradiance",
        "dhi_w_m2": "diffuse_solar_irradiance",
    }
    body = read_csv(path, names.values())
    absent = [
        Problem(str(path), "no such column", f"a column '{name}'")
        for name in names.values()
        if name not in body
    ]
    problems = absent + doubled(path, body, names.values())
    if problems:
        raise InputError(problems)
    when = pd.DatetimeIndex(
        pd.Timestamp(year=year, month=1, day=1) + pd.to_timedelta(np.arange(len(body)), unit="h")
    )
    month, day, hour = (
        np.asarray(part, dtype=np.int64) for part in (when.month, when.day, when.hour)
    )
    line, years = body.index.to_numpy(np.int64) + 2, np.asarray(when.year, dtype=np.int64)
    stamps = Stamps(line, years, month, day, hour, np.full(len(body), 30))
    columns: dict[str, tuple[str, Sequence[str]]] = {
        name: (theirs, list(body[theirs].fillna(""))) for name, theirs in names.items()
    }
    return _year(path, AUSTIN, stamps, columns, [])


def window(year: WeatherYear, from_s: int, hours: int, start_s: int | None = None) -> Weather:
    """Cut the hours of a run out of a weather year by month, day and hour, whatever years both are of.

    Parameters
    ----------
    year
        A whole year.
    from_s
        First hour wanted [s UTC]; its month, day and hour count, in standard time of the file.
    hours
        Hours wanted; past 31 December the year starts again. 29 February is 28 February again where the file has none, and left
        out where only the file has one.
    start_s
        Start to write into the result; `from_s` by default.

    Raises
    ------
    InputError
        A start off the full hour of the file.
    """
    if (from_s + round(year.site.utc_h * HOUR_S)) % HOUR_S:
        got = pd.Timestamp(from_s, unit="s", tz="UTC").isoformat()
        expected = f"a full hour of the weather, whose standard time is UTC{year.site.utc_h:+g} h"
        raise InputError([Problem("start of the weather window", got, expected)])
    rows, _ = weather_year.rows(year, from_s, hours)
    return Weather(
        from_s if start_s is None else start_s, *(column[rows] for column in year.weather[1:])
    )


def describe_rows(year: WeatherYear, from_s: int, days: int) -> str:
    """Say which rows of a file a run of so many days reads, and by which rules."""
    _, again = weather_year.rows(year, from_s, 24 * days)
    local_s = from_s + round(year.site.utc_h * HOUR_S)
    first, last = (pd.Timestamp(local_s + HOUR_S * hour, unit="s") for hour in (0, 24 * days - 1))
    text = f"rows of {first:%d %B %H:00} to {last:%d %B %H:59}, standard time UTC{year.site.utc_h:+g} h, of {year.years}"
    notes = (
        ("29 February is not in the file: 28 February again",) if again.any() else ()
    ) + year.notes
    return "; ".join((text, *notes))


def _lines(path: Path) -> list[Row]:
    """Return the rows of a csv file that hold anything."""
    if not Path(path).is_file():
        raise InputError([Problem(str(path), "no such file", "a weather file")])
    mark = mark_of(read_text(path))
    if mark != ",":
        name = {";": "semicolons", "\t": "tabs"}[mark]
        hint = "Save it with commas between columns and a point in numbers."
        raise InputError(
            [
                Problem(
                    f"{path}, line 1", f"columns parted by {name}", "columns parted by commas", hint
                )
            ]
        )
    found = read_rows(path)
    if not found:
        raise InputError([Problem(str(path), "an empty file", "a weather file")])
    return found


def _some(path: Path, body: list[Row]) -> None:
    if not body:
        raise InputError([Problem(str(path), "no hours", "the hours of a year below the header")])


def _column(body: list[Row], at: int) -> list[str]:
    return [row[at] if at < len(row) else "" for _, row in body]


def _named(
    path: Path, line: int, names: list[str], body: list[Row], wanted: dict[str, str], kind: str
) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the columns of a table by the names of its heading."""
    absent = [
        theirs
        for ours, theirs in wanted.items()
        if theirs not in names and ours not in MAY_LACK[kind]
    ]
    problems = [
        Problem(f"{path}, line {line}", "no such column", f"a column '{theirs}'")
        for theirs in absent
    ]
    twice = [theirs for theirs in wanted.values() if names.count(theirs) > 1]
    problems += [
        Problem(f"{path}, line {line}", f"two columns '{theirs}'", "one") for theirs in twice
    ]
    if problems:
        raise InputError(problems)
    _some(path, body)
    return {
        ours: (theirs, _column(body, names.index(theirs)))
        for ours, theirs in wanted.items()
        if theirs in names
    }


def _stamps(
    path: Path,
    body: list[Row],
    texts: list[list[str]],
    hours: tuple[int, int],
    problems: list[Problem],
) -> Stamps:
    """Return when each row is; a date that is none is a problem. `texts`: year, month, day, hour of `hours`, first and last."""
    line = np.array([at for at, _ in body], dtype=np.int64)
    spans = ((0, 9999), (1, 12), (1, 31), hours)
    year, month, date, hour = (whole(text, *span) for text, span in zip(texts, spans, strict=True))
    stamps = Stamps(line, year, month, date, hour, np.zeros(len(line), dtype=np.int64))
    expected = (
        "a year",
        "a month, 1 to 12",
        "a day of that month",
        f"an hour, {hours[0]} to {hours[1]}",
    )
    day = np.where(stamps.day > MONTH_DAYS[stamps.month - 1], -1, stamps.day)
    for text, values, what in zip(
        texts, (stamps.year, stamps.month, day, stamps.hour), expected, strict=True
    ):
        problems += _first(
            path, stamps, values < 0, text, what.split(",", maxsplit=1)[0].split(" ")[1], what
        )
    return stamps._replace(hour=stamps.hour - hours[0])


def _first(
    path: Path, stamps: Stamps, bad: np.ndarray, texts: list[str], what: str, expected: str
) -> list[Problem]:
    rows = np.flatnonzero(bad)
    more = f"So in {rows.size} rows." if rows.size > 1 else ""
    return [
        Problem(f"{path}, line {stamps.line[at]}", f"the {what} '{texts[at][:20]}'", expected, more)
        for at in rows[:1]
    ]


def _year(
    path: Path,
    place: WeatherSite,
    stamps: Stamps,
    columns: dict[str, tuple[str, Sequence[str]]],
    problems: list[Problem],
) -> WeatherYear:
    """Check the figures of all columns, make global light where it is absent, and return the year."""
    values = weather_year.figures(str(path), stamps, columns, problems)
    made = "ghi_w_m2" not in values
    if made and not problems:
        values["ghi_w_m2"] = weather_year.horizontal(place, stamps, values)
    return weather_year.assemble(str(path), place, stamps, values, problems, made=made)
