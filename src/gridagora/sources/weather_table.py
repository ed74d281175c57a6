"""Weather as a user brings it: a column of time, the temperature of the air, light, and wind where it is known."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import TAIL_H, Col, Index, Weather
from gridagora.files import daylight
from gridagora.files.time_table import TimeColumn, TimeTable, mean_over, read_time_table
from gridagora.files.weather_year import BOUNDS, WIND_M_S, WIND_MAX_M_S
from gridagora.population import sun

HOUR_S, DAY_H = 3600, 24
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "t_out_degc": (
            "temperature",
            "temp",
            "t_out_degc",
            "t_out",
            "temp_air",
            "air_temperature",
            "outdoor_temperature",
            "dry_bulb",
            "temperatur",
            "temperature_2m",
        ),
        "ghi_w_m2": (
            "ghi",
            "ghi_w_m2",
            "global",
            "global_horizontal",
            "globalstrahlung",
            "radiation",
            "irradiance",
            "shortwave_radiation",
        ),
        "dni_w_m2": ("dni", "dni_w_m2", "direct", "direct_normal", "direct_normal_irradiance"),
        "dhi_w_m2": ("dhi", "dhi_w_m2", "diffuse", "diffuse_horizontal", "diffuse_radiation"),
        "wind_m_s": ("wind", "wind_speed", "wind_m_s", "windspeed", "wind_speed_10m"),
    }
)
# What turns numbers of a unit into ours: factor, and what is added after it.
UNITS: Mapping[str, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "t_out_degc": {
            **dict.fromkeys(("c", "°c", "degc", "celsius"), (1.0, 0.0)),
            **dict.fromkeys(("f", "°f", "degf", "fahrenheit"), (5 / 9, -160 / 9)),
            **dict.fromkeys(("k", "kelvin"), (1.0, -273.15)),
        },
        "wind_m_s": {
            "m/s": (1.0, 0.0),
            "km/h": (1 / 3.6, 0.0),
            "mph": (0.44704, 0.0),
            **dict.fromkeys(("kn", "knots"), (0.514444, 0.0)),
        },
    }
)
LIGHT = MappingProxyType(
    {
        **dict.fromkeys(("w/m2", "w/m²", "wm-2", "wh/m2", "wh/m²"), (1.0, 0.0)),
        **dict.fromkeys(("kw/m2", "kw/m²", "kwh/m2", "kwh/m²"), (1000.0, 0.0)),
    }
)
OURS = MappingProxyType({"t_out_degc": "degC", "wind_m_s": "m/s"})
DIM_W_M2 = 5.0  # of the brightest hour of a file; less is another unit
LOW_COSINE = float(np.cos(np.radians(86.0)))  # a lower sun makes all light diffuse


class TableWeather(NamedTuple):
    """Weather of a run, and what was taken of its table, in words."""

    weather: Weather
    notes: tuple[str, ...]


@register("source", "weather.source=table")
def read_weather_table(
    path: Path,
    start_s: int,
    days: int,
    timezone: str,
    place: tuple[float, float],
    from_s: int | None = None,
) -> TableWeather:
    """Read weather of any step up to an hour; the table has to cover the run.

    The 25 hours after it are those of the last day where the table ends with the run. Light may be global alone, split by Erbs,
    or direct normal and diffuse; what is given of all three is taken as it is. A row's time is its start.

    Parameters
    ----------
    path
        CSV, workbook or Parquet: columns `time`, `temperature (°C)` or (°F), `ghi (W/m2)` or `dni` and `dhi`, and where known
        `wind (m/s)`.
    start_s, days
        The run, from local midnight [s UTC].
    timezone
        IANA name of the zone of time stamps without an offset.
    place
        Latitude and longitude, north and east positive [deg].
    from_s
        Hour of the table that the run begins with [s UTC]; left out: its own.

    Raises
    ------
    InputError
        What is wrong with the table: absent columns, a temperature without a unit, figures that no weather has, light at night or
        late against the sun of the place; a run that it does not cover.
    """
    table = read_time_table(Path(path), timezone)
    found = {name: _find(table, names) for name, names in NAMES.items()}
    if problems := _absent(table, found):
        raise InputError(problems)
    notes, problems = list(table.notes), []
    given: dict[str, Col] = {}
    starts = np.zeros(0, np.int64)
    for name, column in found.items():
        if column is not None:
            values = _convert(table, name, column, notes, problems)
            starts, given[name] = mean_over(table, values, HOUR_S)
    if problems:
        raise InputError(problems)
    known = np.isfinite(np.stack([each for name, each in given.items() if name != "wind_m_s"]))
    keep = known.all(0)
    starts, given = starts[keep], {name: each[keep] for name, each in given.items()}
    first_s = start_s if from_s is None else from_s
    rows, again = _rows_of_run(path, starts, first_s, days)
    angles = sun.position(starts + HOUR_S // 2, *place)
    given |= _light(given, angles.zenith_deg, notes)
    if problems := _against_the_sun(path, starts, place, given["ghi_w_m2"]):
        raise InputError(problems)
    if again:
        notes.append("the day after the run is the last before it that the table has")
    wind = given.get("wind_m_s", np.full(len(starts), np.nan))
    if not np.isfinite(wind[rows]).all():
        notes.append(f"no wind in some or all hours: {WIND_M_S:g} m/s there")
    run = Weather(
        start_s,
        given["t_out_degc"][rows],
        given["ghi_w_m2"][rows],
        given["dni_w_m2"][rows],
        given["dhi_w_m2"][rows],
        angles.zenith_deg[rows],
        angles.azimuth_deg[rows],
        np.nan_to_num(wind[rows], nan=WIND_M_S),
    )
    return TableWeather(run, tuple(notes))


def _find(table: TimeTable, names: tuple[str, ...]) -> TimeColumn | None:
    return next((table.columns[name] for name in names if name in table.columns), None)


def _absent(table: TimeTable, found: Mapping[str, TimeColumn | None]) -> list[Problem]:
    got = "the columns " + ", ".join(f"'{each.written}'" for each in table.columns.values())
    problems = []
    if found["t_out_degc"] is None:
        problems.append(Problem(str(table.path), got, "a column 'temperature (°C)'"))
    if found["ghi_w_m2"] is None and (found["dni_w_m2"] is None or found["dhi_w_m2"] is None):
        expected = "a column 'ghi (W/m2)', or 'dni' and 'dhi'"
        problems.append(Problem(str(table.path), got, expected))
    return problems


def _convert(
    table: TimeTable, name: str, column: TimeColumn, notes: list[str], problems: list[Problem]
) -> Col:
    """Return a column in our unit; what no weather has is a problem by row."""
    where = f"{table.path}, '{column.written}'"
    units = UNITS.get(name, LIGHT)
    said = column.unit.lower().replace(" ", "")
    if not said and name == "t_out_degc" and not column.written.lower().endswith("degc"):
        hint = "Write it in the heading: temperature (°C), or (°F)."
        problems.append(Problem(where, "temperatures without a unit", "a unit", hint))
        return column.values
    if said and said not in units:
        problems.append(Problem(where, f"the unit '{said}'", "one of " + ", ".join(units)))
        return column.values
    factor, added = units[said] if said else (1.0, 0.0)
    values = column.values * factor + added
    low, high = BOUNDS.get(name, (0.0, WIND_MAX_M_S))
    bad = np.flatnonzero((values < low) | (values > high))
    if bad.size:
        got = f"{column.values[bad[0]]:g} {column.unit}".rstrip()
        more = f"So in {bad.size} rows." if bad.size > 1 else ""
        expected = f"{low:g} to {high:g} {OURS.get(name, 'W/m2')}"
        spot = f"{table.path}, row {table.row[bad[0]]}, '{column.written}'"
        problems.append(Problem(spot, got, expected, more))
    elif units is LIGHT and name == "ghi_w_m2" and np.nanmax(values) < DIM_W_M2:
        got = f"at most {np.nanmax(values):.3g} W/m2 of light"
        problems.append(Problem(where, got, "light in W/m2", "Is it in kW/m2? Write the unit."))
    elif not said:
        notes.append(f"'{column.written}' has no unit: {OURS.get(name, 'W/m2')} is taken")
    return values


def _rows_of_run(path: Path, starts: Index, start_s: int, days: int) -> tuple[Index, bool]:
    """Return the row of each hour of a run and of the 25 after it, shape (h,), and whether those are of an earlier day."""
    at = start_s + HOUR_S * np.arange(DAY_H * days + TAIL_H)
    row = np.searchsorted(starts, at).clip(max=max(len(starts) - 1, 0))
    has = starts[row] == at if len(starts) else np.zeros(len(at), np.bool_)
    inside = DAY_H * days
    if not has[:inside].all():
        lacks = np.datetime64(int(at[:inside][~has[:inside]][0]), "s")
        span = (
            f"{np.datetime64(int(starts[0]), 's')} to {np.datetime64(int(starts[-1]), 's')} UTC"
            if len(starts)
            else "no whole hour"
        )
        got = f"weather of {span}, none at {lacks}"
        hint = "Set [scenario] start to a day of the table; a row with an empty cell is none."
        raise InputError([Problem(str(path), got, f"weather of all {days} days", hint)])
    for hour in np.flatnonzero(~has):
        row[hour] = row[hour - DAY_H]
    return row, not has.all()


def _light(given: Mapping[str, Col], zenith_deg: Col, notes: list[str]) -> dict[str, Col]:
    """Return all three of light, those that are lacking made of the others."""
    above = np.clip(np.cos(np.radians(zenith_deg)), 0.0, None)
    high = above > LOW_COSINE
    safe = np.where(high, above, 1.0)
    ghi, dni, dhi = (given.get(name) for name in ("ghi_w_m2", "dni_w_m2", "dhi_w_m2"))
    if ghi is None and dni is not None and dhi is not None:
        notes.append("global light made of direct and diffuse light")
        return {"ghi_w_m2": dni * above + dhi}
    if ghi is None or (dni is not None and dhi is not None):
        return {}
    if dhi is None:
        clear = ghi / (daylight.SOLAR_W_M2 * safe)
        dhi = ghi * np.where(high, sun.diffuse_share(clear), 1.0)
        notes.append("light split into direct and diffuse by Erbs")
    dhi = np.minimum(dhi, ghi)
    return {"dhi_w_m2": dhi, "dni_w_m2": np.where(high, (ghi - dhi) / safe, 0.0)}


def _against_the_sun(
    path: Path, starts: Index, place: tuple[float, float], ghi_w_m2: Col
) -> list[Problem]:
    """Return light at night, and light that is late on clear days: marks of a wrong zone or place."""
    whole = len(starts) // DAY_H * DAY_H
    hint = "Look at the zone of the times and at latitude_deg and longitude_deg in [weather]."
    month = np.array(starts[:whole], "datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    found = daylight.check(starts[:whole], month + 1, *place, ghi_w_m2[:whole])
    problems = []
    if found.night.any():
        at = int(np.argmax(found.night))
        got = f"{ghi_w_m2[at]:.0f} W/m2 at night, at {np.datetime64(int(starts[at]), 's')} UTC"
        more = f"So in {int(found.night.sum())} hours. {hint}"
        problems.append(Problem(str(path), got, "light as the sun of the place allows", more))
    late_h = found.late_h[np.isfinite(found.late_h)]
    if late_h.size and np.abs(late_h).max() > daylight.LATE_H:
        worst = float(late_h[np.abs(late_h).argmax()])
        got = f"light {abs(worst):.2f} h {'late' if worst > 0 else 'early'} against the sun"
        problems.append(Problem(str(path), got, f"within {daylight.LATE_H} h", hint))
    return problems
