"""Charging sessions of electric vehicles: NREL EVI-Pro simulations, the EV WATTS record of Texas cars, and a user's own table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import Col, Flag, Index
from gridagora.files.parquet import read_parquet
from gridagora.files.text_table import doubled, read_csv
from gridagora.population.charging import Sessions

MINUTE_S, DAY_S = 60, 86400
SHOWN = 20
EVIPRO = ("start_time", "duration", "total_charge", "avg_power_kw")
EVWATTS = ("vehicle_id", "start_datetime", "stop_datetime")
PLAIN = ("arrive", "depart", "energy_kwh")
KILO = {"kWh": 1.0, "Wh": 1e-3}
SLACK_KWH = 1e-6
ENERGY_MAX_KWH = 250.0  # the largest battery of a passenger car stores about 210 kWh
POWER_MAX_KW = 19.2  # 80 A at 240 V, the most of alternating-current level 2 (SAE J1772)
STAY_MAX_MIN = 30 * 24 * 60.0
EARLY = "The car departs too early."
YEAR = r"(?:19|20|21)\d\d-?[01]\d"  # what begins otherwise is no stamp of a session
CLOCK = r"^\d{1,2}:\d{2}(:\d{2})?$"


@register("source", "homes.ev_source=evipro")
def evipro(path: Path, unit: str = "kWh") -> Sessions:
    """Read simulated home level-2 sessions of NREL EVI-Pro: plug-in time of the day, minutes plugged in, energy stored.

    Parameters
    ----------
    path
        Parquet or csv with `start_time` (minute of the day, or a clock time as 18:00), `duration` [min], `total_charge` and
        `avg_power_kw`. The energy is what the battery takes: capacity times what its state of charge lacked.
    unit
        Of energy, kWh or Wh; power is then in kW or W.

    Raises
    ------
    InputError
        Absent columns, no rows, no number, and every session that asks for more energy than its charger gives before departure.

    References
    ----------
    E. Wood et al., Electric Vehicle Infrastructure Projection Tool (EVI-Pro), NREL/PR-5400-70831, 2018.
    """
    table, line = _read(path, EVIPRO)
    problems: list[Problem] = []
    start_s = _second_of_day(path, table["start_time"], line, problems)
    minutes, need, power = (_number(path, table[name], line, problems) for name in EVIPRO[1:])
    need, power = need * KILO[unit], power * KILO[unit]
    ok = np.isfinite(minutes) & np.isfinite(need) & np.isfinite(power)
    problems += _bounds(path, line, (minutes, need, power), ok)
    if not problems:
        problems += _infeasible(path, line, need, power, minutes / 60.0)
    if problems:
        raise InputError(problems)
    return Sessions(start_s, np.round(minutes * MINUTE_S).astype(np.int64), need)


@register("source", "homes.ev_source=sessions")
def sessions(path: Path, timezone: str = "Etc/GMT+6", unit: str = "kWh") -> Sessions:
    """Read a user's own sessions: `arrive`, `depart`, `energy_kwh` stored, and where known `kw` of the charger.

    Parameters
    ----------
    path
        Parquet or csv. Times are stamps, in `timezone` unless they have an offset, or clock times; a departure by the clock is
        on the next day where it is not after the arrival. A column of the home or vehicle is welcome and not used: sessions
        are drawn from the whole table.
    timezone
        IANA name.
    unit
        Of energy, kWh or Wh, whatever the name of the column; `kw` is then in kW or W.

    Raises
    ------
    InputError
        As `evipro`, and a departure that is not after the arrival.
    """
    table, line = _read(path, PLAIN, ("kw",))
    problems: list[Problem] = []
    need = _number(path, table["energy_kwh"], line, problems) * KILO[unit]
    begin, end, clock = (*_stamps(path, table, ("arrive", "depart"), line, problems, timezone),)
    minutes = (end - begin) / MINUTE_S
    minutes = np.where(clock & (minutes <= 0), minutes + DAY_S / MINUTE_S, minutes)
    power = np.full(len(need), POWER_MAX_KW)
    if "kw" in table:
        power = _number(path, table["kw"], line, problems) * KILO[unit]
    ok = np.isfinite(minutes) & np.isfinite(need) & np.isfinite(power)
    problems += [
        Problem(
            _at(path, row, line),
            f"{table['arrive'].iloc[row]} to {table['depart'].iloc[row]}",
            "a departure after the arrival",
        )
        for row in np.flatnonzero(ok & (minutes <= 0))[:SHOWN]
    ]
    problems += _bounds(path, line, (np.maximum(minutes, 0.0), need, power), ok)
    if not problems:
        problems += _infeasible(path, line, need, power, minutes / 60.0)
    if problems:
        raise InputError(problems)
    return Sessions(
        (begin % DAY_S).astype(np.int64), np.round(minutes * MINUTE_S).astype(np.int64), need
    )


@register("source", "homes.ev_source=evwatts")
def evwatts(
    path: Path, charger_kw: float = 7.2, efficiency: float = 0.9, battery_kwh: float = 75.0
) -> Sessions:
    """Read recorded sessions of Texas cars; the record has no energy, so a session charges all along, up to `battery_kwh`.

    Parameters
    ----------
    path
        csv with `vehicle_id`, `start_datetime`, `stop_datetime`, local time.
    charger_kw, efficiency, battery_kwh
        Charger at the meter, energy stored per energy bought, and the most one session can store.

    Raises
    ------
    InputError
        Absent columns, no rows, no time, and every session that stops before it starts.

    References
    ----------
    EV WATTS, Energetics for the US Department of Energy, doi 10.15483/1970735.
    """
    table, line = _read(path, EVWATTS)
    problems: list[Problem] = []
    begin, end, _ = _stamps(path, table, EVWATTS[1:], line, problems, "UTC")
    stay_s = end - begin
    problems += [
        Problem(
            _at(path, row, line),
            f"{table['start_datetime'].iloc[row]} to {table['stop_datetime'].iloc[row]}",
            "a stop that is not before the start",
        )
        for row in np.flatnonzero(stay_s < 0)[:SHOWN]
    ]
    if not problems and not (stay_s > 0).any():
        problems.append(Problem(str(path), "sessions of no length", "at least one with a stay"))
    if problems:
        raise InputError(problems)
    real = stay_s > 0
    second = (begin % DAY_S).astype(np.int64) // MINUTE_S * MINUTE_S
    charge = np.minimum(charger_kw * efficiency * stay_s / 3600.0, battery_kwh)
    return Sessions(second[real], stay_s[real].astype(np.int64), charge[real])


def _read(
    path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> tuple[pd.DataFrame, Index]:
    """Return the named columns without blank rows, and the number that the file gives each row.

    Raises
    ------
    InputError
        No such file or table, absent or doubled columns, no rows.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            [
                Problem(
                    str(path),
                    "no such file",
                    "a table of charging sessions",
                    "Name it: ev_file in [homes].",
                )
            ]
        )
    text = path.suffix.lower() != ".parquet"
    table = (
        read_csv(path)
        if text
        else read_parquet(path, "a table of charging sessions, CSV or Parquet")
    )
    have = list(map(str, table.columns))
    absent = [name for name in columns if name not in have]
    if absent:
        hint = "Say in [homes] ev_source what the file is: 'evipro', 'evwatts' or 'sessions'."
        raise InputError(
            Problem(str(path), f"columns {have}", f"a column '{name}'", hint) for name in absent
        )
    wanted = [*columns, *(name for name in optional if name in have)]
    problems = doubled(path, table, wanted)
    if problems:
        raise InputError(problems)
    table = table[wanted].dropna(how="all")
    if table.empty:
        raise InputError(
            [
                Problem(
                    str(path),
                    "no sessions",
                    "at least one row",
                    "Set ev_share = 0 for homes without cars.",
                )
            ]
        )
    return table.reset_index(drop=True), table.index.to_numpy(np.int64) + (2 if text else 1)


def _at(path: Path, row: int, line: Index) -> str:
    return f"{path}, row {line[row]}"


def _number(path: Path, column: pd.Series, line: Index, problems: list[Problem]) -> Col:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    problems += [
        Problem(_at(path, row, line), _shown(column, row), f"a number in '{column.name}'")
        for row in np.flatnonzero(~np.isfinite(values))[:SHOWN]
    ]
    return values


def _shown(column: pd.Series, row: int) -> str:
    value: Any = column.iloc[row]
    return "an empty figure" if pd.isna(value) else f"'{value}'"


def _second_of_day(
    path: Path, column: pd.Series, line: Index, problems: list[Problem]
) -> np.ndarray:
    """Return seconds after midnight of minutes, clock times or stamps."""
    minutes = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    seconds = minutes * MINUTE_S
    bad = ~((minutes >= 0) & (minutes <= DAY_S // MINUTE_S))
    words = np.isnan(minutes) & column.notna().to_numpy()
    if words.any():
        seconds[words] = _clock(column[words])
        bad[words] = np.isnan(seconds[words])
    for row in np.flatnonzero(bad)[:SHOWN]:
        expected = "a minute of the day, 0 to 1440, or a clock time as 18:00"
        problems.append(
            Problem(_at(path, row, line), f"{_shown(column, row)} in '{column.name}'", expected)
        )
    return np.where(bad, 0.0, seconds).astype(np.int64) % DAY_S


def _clock(column: pd.Series) -> Col:
    """Return seconds after midnight; nan where the text is no clock time."""
    text = column.map(str).str.strip()
    short = text.str.match(CLOCK)
    parts = pd.to_timedelta(
        text.where(short).where(text.str.count(":") == 2, text.where(short) + ":00"),
        errors="coerce",
    )
    seconds = parts.dt.total_seconds().to_numpy(dtype=float, na_value=np.nan)
    return np.where((seconds >= 0) & (seconds <= DAY_S), seconds, np.nan)


def _stamps(
    path: Path,
    table: pd.DataFrame,
    names: tuple[str, ...],
    line: Index,
    problems: list[Problem],
    timezone: str,
) -> tuple[Col, Col, Flag]:
    """Return local seconds of two columns, of a day or since 1970, and which rows are clock times."""
    found, clocks = [], []
    for name in names:
        column = table[name]
        seconds, text = _clock(column), column.map(str).str.strip()
        clock = np.isfinite(seconds)
        stamps = pd.to_datetime(
            text.where(text.str.match(YEAR)), format="ISO8601", errors="coerce", utc=True
        )
        naive = ~text.str.contains(r":.*(?:Z|[+-]\d{2}:?\d{2})\s*$", regex=True).to_numpy(bool)
        local = stamps.dt.tz_convert(timezone).dt.tz_localize(None)
        plain = stamps.dt.tz_localize(None)
        since = np.where(naive, _since(plain), _since(local))
        numeric = pd.to_numeric(column, errors="coerce").notna().to_numpy(bool)
        values = np.where(clock, seconds, np.where(numeric, np.nan, since))
        expected = "a time as 2024-07-15 18:00, or a clock time"
        problems += [
            Problem(_at(path, row, line), f"{_shown(column, row)} in '{name}'", expected)
            for row in np.flatnonzero(np.isnan(values))[:SHOWN]
        ]
        found.append(values)
        clocks.append(clock)
    problems += [
        Problem(_at(path, row, line), "a clock time beside a date", "both of one kind")
        for row in np.flatnonzero(clocks[0] != clocks[1])[:SHOWN]
    ]
    return found[0], found[1], clocks[0] & clocks[1]


def _since(stamps: pd.Series) -> Col:
    return np.asarray(
        (stamps - pd.Timestamp(0)).dt.total_seconds().to_numpy(dtype=float, na_value=np.nan),
        dtype=np.float64,
    )


def _bounds(path: Path, line: Index, columns: tuple[Col, Col, Col], ok: Flag) -> list[Problem]:
    """Return figures that no car has."""
    words = (
        ("a stay", "min", STAY_MAX_MIN),
        ("an energy", "kWh", ENERGY_MAX_KWH),
        ("a charger", "kW", 2 * POWER_MAX_KW),
    )
    found = []
    for column, (what, unit, most) in zip(columns, words, strict=True):
        bad = ok & ~((column >= 0) & (column <= most))
        hint = (
            'Is the file in Wh? Then set [homes.units] ev = "Wh".'
            if unit != "min" and (column[bad] > 50 * most).any()
            else ""
        )
        found += [
            Problem(
                _at(path, row, line),
                f"{what} of {column[row]:,g} {unit}",
                f"0 to {most:g} {unit}",
                hint,
            )
            for row in np.flatnonzero(bad)[:SHOWN]
        ]
    return found


def _infeasible(path: Path, line: Index, need: Col, power: Col, hours: Col) -> list[Problem]:
    most = power * hours
    return [
        Problem(
            _at(path, row, line),
            f"{need[row]:.2f} kWh in {hours[row]:.2f} h",
            f"at most {most[row]:.2f} kWh",
            EARLY,
        )
        for row in np.flatnonzero(~(need <= most + SLACK_KWH))[:SHOWN]
    ]
