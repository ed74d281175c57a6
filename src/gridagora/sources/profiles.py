"""Homes as a user brings them: one row a home and hour, or finer, in CSV or Parquet, by a map of columns and units."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import Col, Flag, Index
from gridagora.files import parquet
from gridagora.files.text_table import read_csv
from gridagora.population.profiles import (
    HOUR_S,
    LOAD_MAX_KW,
    Profiles,
    check,
    convert_columns,
    find_open_units,
    has_unit,
    hourly,
)

SHOWN = 5  # rows named of one fault before the rest is counted
# What a column may be called where the scenario does not say; the first is ours, the second that of the Travis County file.
KNOWN = {
    "home": ("home", "home_id"),
    "time": ("time", "timestamp", "t", "hour"),
    "load": ("load", "non_shiftable_load"),
    "t_in": ("t_in", "indoor_dry_bulb_temperature"),
    "cool": ("cool", "cooling_demand"),
    "heat": ("heat", "heating_demand"),
    "occupants": ("occupants", "occupant_count"),
    "hot_water": ("hot_water", "dhw_demand"),
}
NEEDED = ("home", "time", "load")
FIELD = {
    "t_in": "t_in_degc",
    "cool": "cool_kw",
    "heat": "heat_kw",
    "load": "load_kw",
    "occupants": "occupants",
    "hot_water": "draw_kwh",
}
ABSENT = {
    "cool": "no cooling",
    "heat": "no heating",
    "hot_water": "no electric water heater",
    "occupants": "no heat of occupants",
}
TABLE = "a table, CSV (.csv) or Parquet (.parquet)"
YEARS_H = (8760, 8784)
PARTS = (2, 3, 4, 6, 12, 60)  # equal parts of an hour that rows may stand for
HOURS_MAX = 200_000.0  # an hour number beyond 20 years is none
OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
YEAR = r"(?:19|20|21)\d\d-?[01]\d"  # what begins otherwise is no stamp of a meter
CLOCK = re.compile(r"\d:\d")


class Layout(NamedTuple):
    """How a file of homes is written: names of columns by role, units, and what time stamps name."""

    columns: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    time_names: str = "start"  # or "end" of the row's interval
    step_minutes: int | None = None  # of numbered rows
    load_max_kw: float = LOAD_MAX_KW


class Read(NamedTuple):
    """Homes, and what was taken of the file, in words."""

    profiles: Profiles
    notes: tuple[str, ...]


class _Times(NamedTuple):
    start_s: Index  # (rows,)
    step_s: int
    bad: Flag  # (rows,) no time
    note: str
    problems: list[Problem]


@register("source", "homes.source=profiles")
def read_profiles(
    path: Path, origin_s: int, timezone: str = "Etc/GMT+6", layout: Layout | None = None
) -> Read:
    """Read homes hour by hour; finer rows are averaged to hours, hours that are not whole and an odd last day are left out.

    Parameters
    ----------
    path
        CSV (`.csv`, also compressed) or Parquet; one row a home and interval, all of one length, an hour at most.
    origin_s
        Start of hour 0, where the file numbers its hours [s UTC].
    timezone
        IANA name of the zone of time stamps without an offset.
    layout
        Columns, units and time stamps; a role without a column is a device that the homes have not.

    Returns
    -------
    Read
        Profiles over whole days, and notes.

    Raises
    ------
    InputError
        All faults of the file at once, by row, home and time: absent columns, rows that are missing, doubled or off the grid,
        no number, units and values that no home has.
    """
    path, layout = Path(path), layout or Layout()
    have = _columns(path)
    names = _roles(path, have, layout)
    table, line = _table(path, have, names)
    where = _Rows(path, *_homes(table[names["home"]]), table[names["time"]], line)
    times = _times(where, _Clock(origin_s, timezone, layout))
    problems = list(times.problems) + _nameless(where)
    numbers = {
        role: _numbers(table[names[role]], names[role], where, problems)
        for role in FIELD
        if role in names
    }
    order = np.lexsort((times.start_s, where.home))
    if not times.bad.any():
        problems += _grid(where, times, order)
        problems += find_open_units(
            str(path), (FIELD[role] for role in numbers), layout.units, times.step_s
        )
    if problems:
        raise InputError(problems)
    ids = tuple(map(str, where.homes))
    columns = {FIELD[role]: numbers[role][order] for role in numbers}
    rows = convert_columns(int(times.start_s[order[0]]), times.step_s, ids, columns, layout.units)
    count = rows.load_kw.shape[1]
    problems = check(
        rows,
        str(path),
        lambda at, step: where.at(int(order[at * count + step])),
        layout.load_max_kw,
    )
    if problems:
        raise InputError(problems)
    profiles = hourly(rows, times.step_s, str(path), origin_s)
    return Read(profiles, tuple(_notes(have, names, times, layout, profiles, timezone)))


class _Clock(NamedTuple):
    origin_s: int
    timezone: str
    layout: Layout


class _Rows(NamedTuple):
    """Words for the rows of a file."""

    path: Path
    homes: np.ndarray  # names, in order
    home: Index  # (rows,) row of its name
    time: pd.Series  # (rows,)
    line: Index  # (rows,)

    def at(self, row: int) -> str:
        home = self.homes[self.home[row]]
        return f"{self.path}, row {self.line[row]} (home {home}, time {self.time.iloc[row]})"


def _homes(column: pd.Series) -> tuple[np.ndarray, Index]:
    """Return the names of homes in order, and of each row that of its name: a row's text would cost more than its numbers."""
    code, found = pd.factorize(column, use_na_sentinel=False)
    names, place = np.unique([str(name).strip() for name in found], return_inverse=True)
    return names, place[code]


def _columns(path: Path) -> list[str]:
    """Return the names of the columns, and refuse what is no table."""
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no such file"
        raise InputError(
            [
                Problem(
                    str(path), got, "a file of homes, CSV or Parquet", "Name it: file in [homes]."
                )
            ]
        )
    if _is_parquet(path):
        return parquet.names(path, TABLE)
    return [str(name) for name in read_csv(path, rows=0).columns]


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _roles(path: Path, have: list[str], layout: Layout) -> dict[str, str]:
    """Return the column of each role that the file has.

    Raises
    ------
    InputError
        A named column that is absent, or no column for home, time or load.
    """
    found: dict[str, str] = {}
    problems = []
    for role, known in KNOWN.items():
        named = layout.columns.get(role, "")
        column = (
            named
            if named in have
            else next((name for name in known if name in have), "")
            if not named
            else ""
        )
        if column:
            found[role] = column
        elif named:
            problems.append(
                Problem(
                    f"{path}, [homes.columns] {role}",
                    f"columns {_list(have)}",
                    f"a column '{named}'",
                )
            )
        elif role in NEEDED:
            hint = f'Map its name: [homes.columns] {role} = "..." in the scenario.'
            problems.append(
                Problem(
                    str(path), f"columns {_list(have)}", f"a column '{known[0]}', the {role}", hint
                )
            )
    twice = sorted({name for name in found.values() if list(found.values()).count(name) > 1})
    problems += [
        Problem(
            f"{path}, [homes.columns]", f"'{name}' more than once", "a column of its own for each"
        )
        for name in twice
    ]
    doubled = sorted({name for name in found.values() if have.count(name) > 1})
    problems += [Problem(str(path), f"two columns '{name}'", "one") for name in doubled]
    if not problems and "t_in" not in found and {"cool", "heat"} & set(found):
        hint = 'Map its name: [homes.columns] t_in = "...", or leave cooling and heating out of the file.'
        problems.append(
            Problem(
                str(path),
                f"columns {_list(have)}",
                "indoor temperature where there is cooling or heating",
                hint,
            )
        )
    if problems:
        raise InputError(problems)
    return found


def _list(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:20]) + (", ..." if len(names) > 20 else "")


def _table(path: Path, have: list[str], names: Mapping[str, str]) -> tuple[pd.DataFrame, Index]:
    """Return the columns in use without blank rows, and the number that the file gives each row."""
    wanted = list(names.values())
    if _is_parquet(path):
        table, first = parquet.read_parquet(path, TABLE, wanted), 1
    else:
        table, first = read_csv(path, wanted)[wanted].fillna(""), 2
    kept = np.zeros(len(table), np.bool_)
    for name in table:
        column = table[name]
        is_number = pd.api.types.is_numeric_dtype(column)
        kept |= (column.notna() if is_number else column.notna() & (column != "")).to_numpy(bool)
    if not kept.any():
        raise InputError([Problem(str(path), "no rows", "one row a home and hour")])
    return table[kept], table.index.to_numpy(np.int64)[kept] + first


def _nameless(where: _Rows) -> list[Problem]:
    nameless = np.isin(where.homes, ("", "nan", "None", "<NA>", "NaT"))
    bad = np.flatnonzero(nameless[where.home])
    return [
        Problem(where.at(row), "no home", "the name of a home", _rest(bad, "rows"))
        for row in bad[:1]
    ]


def _numbers(column: pd.Series, name: str, where: _Rows, problems: list[Problem]) -> Col:
    """Return a column as numbers; rows without one are problems."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(values))
    for row in bad[:SHOWN]:
        got = str(column.iloc[row])
        hint = (
            "A number has a point, no comma."
            if "," in got
            else _rest(bad, "rows")
            if row == bad[0]
            else ""
        )
        problems.append(Problem(where.at(row), f"'{got}' in '{name}'", "a number", hint))
    return values


def _rest(bad: Index, what: str) -> str:
    return (
        f"{bad.size} {what} in all."
        if bad.size > SHOWN or (bad.size > 1 and what == "rows")
        else ""
    )


def _times(where: _Rows, clock: _Clock) -> _Times:
    """Return the start of each row [s UTC] and the length of all [s]."""
    column = where.time
    if not pd.api.types.is_datetime64_any_dtype(column):
        hours = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        if np.isfinite(hours).mean() > 0.5:
            return _numbered(where, hours, clock)
    return _stamped(where, column, clock)


def _numbered(where: _Rows, hours: Col, clock: _Clock) -> _Times:
    bad = ~np.isfinite(hours) | (np.abs(hours) > HOURS_MAX)
    problems = [
        Problem(
            where.at(row),
            f"'{where.time.iloc[row]}'",
            "an hour counted from 0, or a time stamp as 2018-07-16 01:00",
        )
        for row in np.flatnonzero(bad)[:SHOWN]
    ]
    if bad.any():
        return _Times(np.zeros(len(hours), np.int64), HOUR_S, bad, "", problems)
    whole = bool((hours == np.round(hours)).all())
    first, count = hours.min(), np.unique(hours).size
    part = _parts_of_hour(clock.layout.step_minutes, count, whole=whole)
    note = f"rows numbered from {first:g}"
    if whole and first == 1:
        hours, note = hours - 1.0, "hours numbered from 1: hour 1 is the first"
    if part > 1:
        note += f", {60 // part} minutes each"
    step_s = (
        HOUR_S // part if whole else _step(where.home, np.round(hours * HOUR_S).astype(np.int64))
    )
    start = clock.origin_s + np.round(hours * (step_s if whole else HOUR_S)).astype(np.int64)
    return _Times(start, step_s, bad, note, problems)


def _parts_of_hour(step_minutes: int | None, count: int, *, whole: bool) -> int:
    """Return how many numbered rows make an hour: as said, or as makes a year of them."""
    if not whole:
        return 1
    if step_minutes is not None:
        return 60 // step_minutes
    return next((part for part in PARTS if count in {part * year for year in YEARS_H}), 1)


def _stamped(where: _Rows, column: pd.Series, clock: _Clock) -> _Times:
    zone = clock.timezone
    if pd.api.types.is_datetime64_any_dtype(column):
        stamps, has_offset = column, np.full(len(column), column.dt.tz is not None)
    else:
        text = column.map(str).str.strip()
        has_offset = text.map(
            lambda value: bool(CLOCK.search(value) and OFFSET.search(value))
        ).to_numpy(bool)
        stamps = pd.to_datetime(
            text.where(text.str.match(YEAR)),
            format="ISO8601",
            errors="coerce",
            utc=bool(has_offset.any()),
        )
    bad = stamps.isna().to_numpy()
    problems = [
        Problem(
            where.at(row),
            f"'{where.time.iloc[row]}'",
            "a time stamp as 2018-07-16 01:00, or an hour counted from 0",
        )
        for row in np.flatnonzero(bad)[:SHOWN]
    ]
    if not bad.any() and has_offset.any() and not has_offset.all():
        row = int(np.argmin(has_offset))
        problems.append(
            Problem(
                where.at(row),
                "a time stamp without an offset among others with one",
                "an offset in all or none",
            )
        )
        bad = ~has_offset
    if bad.any():
        return _Times(np.zeros(len(bad), np.int64), HOUR_S, bad, "", problems)
    if stamps.dt.tz is None:
        repeated = (
            pd.DataFrame({"home": where.home, "time": stamps})
            .groupby(["home", "time"])
            .cumcount()
            .to_numpy()
            == 0
        )
        stamps = stamps.dt.tz_localize(zone, ambiguous=repeated, nonexistent="NaT")
        gone = stamps.isna().to_numpy()
        hint = (
            f"Clocks of {zone} skip it: write an offset into the stamps, as 2018-03-11 02:00-06:00, "
            "or set a zone without change."
        )
        problems += [
            Problem(where.at(row), "an hour that no clock shows", "local time", hint)
            for row in np.flatnonzero(gone)[:1]
        ]
        if gone.any():
            return _Times(np.zeros(len(bad), np.int64), HOUR_S, gone, "", problems)
    start = (
        stamps.dt.tz_convert("UTC")
        .dt.tz_localize(None)
        .astype("datetime64[s]")
        .astype(np.int64)
        .to_numpy()
    )
    step_s = _step(where.home, start)
    ends = clock.layout.time_names == "end"
    note = f"time stamps {'with an offset' if has_offset.all() else f'in {zone}'}, {'end' if ends else 'start'} of each row"
    return _Times(start - step_s if ends else start, step_s, bad, note, problems)


def _step(home: Index, start_s: Index) -> int:
    """Return the usual time between two rows of a home [s]."""
    order = np.lexsort((start_s, home))
    apart = np.diff(start_s[order])[home[order][1:] == home[order][:-1]]
    apart = apart[apart > 0]
    if not apart.size:
        return HOUR_S
    steps, many = np.unique(apart, return_counts=True)
    return int(steps[np.argmax(many)])


def _grid(where: _Rows, times: _Times, order: Index) -> list[Problem]:
    """Return rows that are missing, doubled or off the grid, and homes that begin or end apart from the others."""
    step, home, start = times.step_s, where.home[order], times.start_s[order]
    if HOUR_S % step:
        got = f"rows {step / 60:g} minutes apart"
        return [
            Problem(
                f"{where.path}, time",
                got,
                "an hour or a whole part of it, such as 15 minutes",
                "Average it to hours.",
            )
        ]
    same = home[1:] == home[:-1]
    apart = np.diff(start)
    problems = []
    faults = (
        ("doubled", apart == 0, "one row for each home and time"),
        ("off", (apart % step != 0), f"rows {step // 60} minutes apart"),
        ("missing", (apart > step) & (apart % step == 0), f"rows {step // 60} minutes apart"),
    )
    for kind, mask, expected in faults:
        found = np.flatnonzero(mask & same)
        for at in found[:SHOWN]:
            row, before = int(order[at + 1]), int(order[at])
            words = {
                "doubled": f"a second row, after row {where.line[before]}",
                "off": f"{apart[at] / 60:g} minutes after row {where.line[before]}",
                "missing": f"{int(apart[at] // step) - 1} missing rows before it, after row {where.line[before]}",
            }
            problems.append(
                Problem(
                    where.at(row),
                    words[kind],
                    expected,
                    _rest(found, kind) if at == found[0] else "",
                )
            )
    first = np.concatenate([[0], np.flatnonzero(~same) + 1])
    last = np.concatenate([np.flatnonzero(~same), [len(home) - 1]])
    for word, rows, common in (
        ("begins", first, start[first].min()),
        ("ends", last, start[last].max()),
    ):
        odd = rows[start[rows] != common]
        usual = rows[np.argmax(start[rows] == common)]
        problems += [
            Problem(
                where.at(int(order[row])),
                f"a home that {word} here",
                f"as home {where.homes[home[usual]]}: {where.time.iloc[order[usual]]}",
            )
            for row in odd[:SHOWN]
        ]
    return problems


def _stamp(time_s: int, timezone: str) -> str:
    return pd.Timestamp(time_s, unit="s", tz="UTC").tz_convert(timezone).strftime("%Y-%m-%d %H:%M")


def _notes(
    have: list[str],
    names: Mapping[str, str],
    times: _Times,
    layout: Layout,
    profiles: Profiles,
    timezone: str,
) -> list[str]:
    last = _stamp(profiles.start_s + HOUR_S * profiles.load_kw.shape[1], timezone)
    units = ", ".join(
        f"{key} in {layout.units.get(key) or usual}"
        for key, usual in (("load", "kW"), ("heat", "kW"))
    )
    mean = f", averaged to hours from {times.step_s // 60} minutes" if times.step_s < HOUR_S else ""
    read = ", ".join(f"{role} from '{column}'" for role, column in names.items())
    lacks = [text for role, text in ABSENT.items() if role not in names]
    unread = [name for name in have if name not in names.values() and not name.startswith("__")]
    notes = [
        f"{len(profiles.home_id)} homes from {_stamp(profiles.start_s, timezone)} to {last}, {times.note}{mean}; {units}",
        read
        + (f"; {', '.join(lacks)}" if lacks else "")
        + (f"; not read: {_list(unread)}" if unread else ""),
    ]
    idle = int(np.count_nonzero(~has_unit(profiles)))
    if idle and {"cool", "heat"} <= set(names):
        notes.append(f"{idle} homes neither cool nor heat with electricity")
    return notes
