"""Weather years from EPW, TMY3 and the Travis County file, and the window of one that a run needs."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from gridagora.core import sun
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import Col, Index, Weather

HOUR_S = 3600
AUSTIN = (30.3, -97.7)  # where the prototype put the Travis County homes
AUSTIN_UTC_H = -6.0  # local standard time
NIGHT_DEG = 100.0  # at this zenith in mid hour the sun is down all hour
NIGHT_W_M2 = 5.0
SKEW_H = 0.35  # how far the centre of a day's light may be from solar noon, in the mean of a year
HINT = "Set GRIDAGORA_DATA to the data folder."
MISSING = {"t_out_degc": 99.0, "ghi_w_m2": 9999.0, "dni_w_m2": 9999.0, "dhi_w_m2": 9999.0}


@register("source", "weather.source=epw")
def epw(path: Path, year: int | None = None) -> Weather:
    """Read an EnergyPlus weather file as the hours of one year.

    Hours 1-24 are hour-ending, local standard time: hour 1 becomes the interval that starts at midnight.

    Parameters
    ----------
    path
        The `.epw` file: eight lines of header, then 8760 or 8784 hours.
    year
        Calendar year to date the hours with; by default the year of the first row.

    Raises
    ------
    InputError
        Rows missing, figures missing, or a sun that shines at night.

    References
    ----------
    EnergyPlus Auxiliary Programs, "EnergyPlus Weather File (EPW) Data Dictionary".
    """
    with Path(path).open(newline="") as lines:
        rows = list(csv.reader(lines))
    place = rows[0]
    if place[0].strip().upper() != "LOCATION" or len(place) < 10:
        got = f"'{','.join(place)[:40]}'"
        raise InputError([Problem(f"{path}, line 1", got, "a LOCATION line with latitude, longitude and time zone")])
    body = pd.DataFrame(rows[8:])
    columns = {"t_out_degc": 6, "ghi_w_m2": 13, "dni_w_m2": 14, "dhi_w_m2": 15}
    figures = {name: pd.to_numeric(body[at], errors="coerce").to_numpy(float) for name, at in columns.items()}
    first = year or int(rows[8][0])
    return _year(str(path), first, float(place[8]), (float(place[6]), float(place[7])), figures)


@register("source", "weather.source=tmy3")
def tmy3(path: Path, year: int | None = None) -> Weather:
    """Read a TMY3 file as the hours of one year; hours are hour-ending, local standard time.

    Months of a typical year come from different years; they are dated with `year`, by default that of the first row.

    Raises
    ------
    InputError
        As `epw`.

    References
    ----------
    S. Wilcox, W. Marion, Users Manual for TMY3 Data Sets, NREL/TP-581-43156, 2008.
    """
    with Path(path).open(newline="") as lines:
        place = next(csv.reader(lines))
    body = pd.read_csv(path, skiprows=1)
    columns = {"t_out_degc": "Dry-bulb (C)", "ghi_w_m2": "GHI (W/m^2)", "dni_w_m2": "DNI (W/m^2)", "dhi_w_m2": "DHI (W/m^2)"}
    absent = [name for name in columns.values() if name not in body]
    if absent:
        raise InputError(Problem(f"{path}, line 2", "no such column", f"a column '{name}'") for name in absent)
    figures = {name: pd.to_numeric(body[at], errors="coerce").to_numpy(float) for name, at in columns.items()}
    first = year or int(str(body.iloc[0, 0])[-4:])
    return _year(str(path), first, float(place[3]), (float(place[4]), float(place[5])), figures)


@register("source", "weather.source=travis")
def amy(folder: Path, year: int = 2018) -> Weather:
    """Read the weather of the Travis County homes: 8760 hours from the local standard midnight that opens 2018.

    The file has direct normal and diffuse irradiance; the global horizontal one is made from them.

    Raises
    ------
    InputError
        As `epw`.
    """
    path = Path(folder) / "weather.csv.gz"
    if not path.is_file():
        raise InputError([Problem(str(path), "no such file", "the weather of the homes", HINT)])
    body = pd.read_csv(path, usecols=["outdoor_dry_bulb_temperature", "diffuse_solar_irradiance", "direct_solar_irradiance"])
    figures = {
        "t_out_degc": body["outdoor_dry_bulb_temperature"].to_numpy(float),
        "dni_w_m2": body["direct_solar_irradiance"].to_numpy(float),
        "dhi_w_m2": body["diffuse_solar_irradiance"].to_numpy(float),
    }
    return _year(str(path), year, AUSTIN_UTC_H, AUSTIN, figures)


def window(year: Weather, from_s: int, hours: int, start_s: int | None = None) -> Weather:
    """Cut `hours` hours out of a weather year, and date them anew where the run lives in another year.

    Parameters
    ----------
    year
        A whole year.
    from_s
        First hour wanted, in the year of the weather [s UTC], on a full hour of it.
    hours
        Hours wanted; past its end the year starts again.
    start_s
        Start to write into the result; `from_s` by default.

    Raises
    ------
    InputError
        A start outside the year or off the full hour.
    """
    row, rest = divmod(from_s - year.start_s, HOUR_S)
    if rest or not 0 <= row < len(year.t_out_degc):
        got = pd.Timestamp(from_s, unit="s", tz="UTC").isoformat()
        first = pd.Timestamp(year.start_s, unit="s", tz="UTC").isoformat()
        expected = f"a full hour among the {len(year.t_out_degc)} from {first}"
        raise InputError([Problem("start of the weather window", got, expected)])
    rows = (row + np.arange(hours)) % len(year.t_out_degc)
    return Weather(from_s if start_s is None else start_s, *(column[rows] for column in year[1:]))


def _year(where: str, year: int, utc_h: float, place: tuple[float, float], figures: dict[str, Col]) -> Weather:
    """Date the hours, place the sun and check both against each other."""
    count = len(figures["t_out_degc"])
    problems = []
    if count not in (8760, 8784):
        problems.append(Problem(where, f"{count} hours", "8760 hours, or 8784 in a leap year", "A row is missing or doubled."))
    for name, column in figures.items():
        bad = np.flatnonzero(~np.isfinite(column) | (column >= MISSING[name]))
        if len(bad):
            hour = f"{where}, row {bad[0]} (day {bad[0] // 24 + 1}, hour ending {bad[0] % 24 + 1:02d}:00)"
            problems.append(Problem(hour, f"no {name} there and in {len(bad) - 1} more rows", "a figure in every row"))
    if problems:
        raise InputError(problems)
    start_s = int(pd.Timestamp(year=year, month=1, day=1, tz="UTC").timestamp() - utc_h * HOUR_S)
    middle_s: Index = start_s + HOUR_S * np.arange(count, dtype=np.int64) + HOUR_S // 2
    angles = sun.position(middle_s, *place)
    above = np.clip(np.cos(np.radians(angles.zenith_deg)), 0.0, None)
    ghi = figures.get("ghi_w_m2", figures["dni_w_m2"] * above + figures["dhi_w_m2"])
    _check_sun(where, angles.zenith_deg, ghi)
    beam, diffuse = figures["dni_w_m2"], figures["dhi_w_m2"]
    return Weather(start_s, figures["t_out_degc"], ghi, beam, diffuse, angles.zenith_deg, angles.azimuth_deg)


def _check_sun(where: str, zenith_deg: Col, ghi_w_m2: Col) -> None:
    """Refuse light at night and light that is early or late: the mark of hours read as starting, or of a wrong zone."""
    problems = []
    night = np.flatnonzero((zenith_deg > NIGHT_DEG) & (ghi_w_m2 > NIGHT_W_M2))
    if len(night):
        row = int(night[0])
        hour = f"{where}, row {row} (day {row // 24 + 1}, hour ending {row % 24 + 1:02d}:00)"
        hint = "Look at the time zone, and at hours ending read as hours starting."
        got = f"{ghi_w_m2[row]:.0f} W/m2 at night, and in {len(night) - 1} more rows"
        problems.append(Problem(hour, got, "no light with the sun down", hint))
    hour_of_day = np.arange(len(ghi_w_m2)) % 24
    light = np.bincount(hour_of_day, ghi_w_m2, 24)
    height = np.bincount(hour_of_day, np.clip(np.cos(np.radians(zenith_deg)), 0.0, None), 24)
    skew = (light @ np.arange(24)) / light.sum() - (height @ np.arange(24)) / height.sum()
    if abs(skew) > SKEW_H:
        word = "late" if skew > 0 else "early"
        got = f"light {abs(skew):.2f} h {word}, in the mean of the year, against the sun"
        problems.append(Problem(where, got, f"within {SKEW_H} h", "Look at the time zone."))
    if problems:
        raise InputError(problems)
