"""Tables of series by time, CSV, workbook or Parquet: a column of time stamps or hours, and columns of numbers beside it.

Time stamps may be ISO 8601, or day first with points or slashes where no row speaks against it; a range, "00:00 - 01:00", counts
by its start. Without an offset they are local time: of an hour that the clock shows twice, the first row is the earlier one.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Index
from gridagora.files.sheet import Sheet, parse_number, read_sheet, split_heading, unit_of

TIME_NAMES = (
    "time",
    "timestamp",
    "time_stamp",
    "datetime",
    "date_time",
    "date",
    "interval_start",
    "interval_start_utc",
    "start",
    "hour",
    "mtu",
    "zeit",
    "datum",
)
SHOWN = 5  # rows named of one fault before the rest is counted
HOUR_S = 3600
STEPS_MIN = (1, 5, 10, 15, 20, 30, 60)
DAY_FIRST = re.compile(r"^\s*(\d{1,2})([./])(\d{1,2})\2(\d{4})\b")
YEAR_FIRST = re.compile(r"^\s*(?:19|20|21)\d\d[-/.]?\d\d")
OFFSET = re.compile(r"\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})$")
RANGE = re.compile(r"\s+[-–]\s+.*$")
NUMBERED = re.compile(r"^\d+(?:\.0*)?$")
EMPTY = frozenset(
    {"-", "n/e", "n/a", "na", "nan", "null"}
)  # how exports write that there is no value


ZONES: Mapping[str, str] = MappingProxyType(  # what a heading may say, as "time (UTC)"
    {"utc": "UTC", "gmt": "UTC", "cet": "Etc/GMT-1", "cet/cest": "Europe/Brussels"}
)


class TimeColumn(NamedTuple):
    """Numbers by time, (t,), nan where a cell is empty, the heading as it is written and the unit in it or behind numbers."""

    written: str
    unit: str
    values: Col  # (t,) [unit of the column]


class TimeTable(NamedTuple):
    """Series of t intervals of one length, in order of time."""

    path: Path
    start_s: Index  # (t,) [s UTC]
    step_s: int
    columns: Mapping[str, TimeColumn]  # by heading in small letters, without its unit
    row: Index  # (t,) of the file
    notes: tuple[str, ...]


def read_time_table(path: Path, timezone: str, first_s: int | None = None) -> TimeTable:
    """Read series by time.

    Parameters
    ----------
    timezone
        IANA name of the zone of stamps without an offset.
    first_s
        Start of hour 0 of numbered hours [s UTC]; left out: they are refused.

    Raises
    ------
    InputError
        All faults of the file at once, by row and column: no column of time, stamps that are none or can be read in two ways,
        that come twice or leave gaps, cells that are no numbers.
    """
    sheet = read_sheet(Path(path))
    time = _find_time(sheet)
    problems: list[Problem] = []
    start_s, said = read_times(sheet, time, timezone, first_s, problems)
    columns = {
        split_heading(written).name: _read_column(sheet, written, problems)
        for written in sheet.cells
        if written != time
    }
    if not columns:
        problems.append(Problem(str(path), f"no column beside '{time}'", "numbers by time"))
    if problems:
        raise InputError(problems)
    order = np.argsort(start_s, kind="stable")
    start_s, row = start_s[order], np.array(sheet.row)[order]
    step_s = _check_grid(sheet, start_s, row)
    taken = {name: column._replace(values=column.values[order]) for name, column in columns.items()}
    notes = (*sheet.notes, f"{sheet.path.name}: rows of {step_s // 60} minutes, {said}")
    return TimeTable(sheet.path, start_s, step_s, MappingProxyType(taken), row, notes)


def mean_over(table: TimeTable, values: Col, step_s: int) -> tuple[Index, Col]:
    """Return starts [s UTC] and means of whole longer or equal parts of longer intervals, shape (k,) each.

    A longer interval that lacks a row is nan.
    """
    if table.step_s >= step_s:
        many = table.step_s // step_s
        parts = table.start_s[:, None] + step_s * np.arange(many)
        return parts.ravel(), np.repeat(values, many)
    at = table.start_s // step_s * step_s
    starts, where = np.unique(at, return_inverse=True)
    total = np.bincount(where, np.nan_to_num(values))
    known = np.bincount(where, np.isfinite(values))
    whole = known == step_s // table.step_s
    return starts, np.where(whole, total / np.maximum(known, 1), np.nan)


def _find_time(sheet: Sheet) -> str:
    known = [written for written in sheet.cells if split_heading(written).name in TIME_NAMES]
    if len(known) == 1:
        return known[0]
    if not known:
        first = next(iter(sheet.cells))
        cells = [cell for cell in sheet.cells[first] if cell]
        if cells and all(YEAR_FIRST.match(cell) or DAY_FIRST.match(cell) for cell in cells):
            return first
    got = " and ".join(f"'{name}'" for name in known or sheet.cells)
    expected = "one column 'time'" if known else "a column 'time'"
    raise InputError([Problem(str(sheet.path), f"the columns {got}", expected)])


def read_times(
    sheet: Sheet, time: str, timezone: str, first_s: int | None, problems: list[Problem]
) -> tuple[Index, str]:
    """Return the times of a column [s UTC], and how they were read, in words; zeros where some are none, which is a problem.

    Parameters
    ----------
    time
        Heading of the column as it is written.
    timezone
        IANA name of the zone of stamps without an offset.
    first_s
        Start of hour 0 of numbered hours [s UTC]; None: they are refused.
    problems
        Grows by the problem of each row that is none.

    Returns
    -------
    start_s
        Shape (r,) [s UTC].
    said
        How they were read.
    """
    cells = [RANGE.sub("", cell) for cell in sheet.cells[time]]
    heading = split_heading(time)
    timezone = ZONES.get(heading.unit or heading.name.rpartition("_")[2], timezone)
    none = np.zeros(len(cells), np.int64)
    if all(NUMBERED.match(cell) for cell in cells) and not any(map(YEAR_FIRST.match, cells)):
        if first_s is None:
            hint = "Write dates, such as 2024-07-15 00:00."
            got = f"numbers in '{time}'"
            problems.append(Problem(str(sheet.path), got, "time stamps", hint))
            return none, ""
        hours = np.array([int(float(cell)) for cell in cells])
        return first_s + HOUR_S * (hours - hours.min()), f"numbered from {hours.min()}"
    iso = _to_iso(sheet, time, cells, problems)
    if iso is None:
        return none, ""
    has_offset = np.array([bool(OFFSET.search(cell)) for cell in iso])
    stamps = pd.to_datetime(
        pd.Series(iso), format="ISO8601", errors="coerce", utc=bool(has_offset.any())
    )
    bad = np.flatnonzero(stamps.isna())
    problems += [
        Problem(sheet.at(row), f"'{sheet.cells[time][row]}' in '{time}'", "a time stamp")
        for row in bad[:SHOWN]
    ]
    if not bad.size and has_offset.any() and not has_offset.all():
        got = "a time stamp without an offset among others with one"
        problems.append(Problem(sheet.at(int(np.argmin(has_offset))), got, "an offset in all"))
    if problems:
        return none, ""
    if has_offset.any():
        return _seconds(stamps), "time stamps with an offset"
    return _localize(sheet, stamps, timezone, problems), f"time stamps in {timezone}"


def _to_iso(
    sheet: Sheet, time: str, cells: Sequence[str], problems: list[Problem]
) -> list[str] | None:
    """Return stamps with the year first; None where a date has two readings."""
    found = [DAY_FIRST.match(cell) for cell in cells]
    dates = [each for each in found if each]
    if not dates:
        return list(cells)
    first, second = (max(int(date[part]) for date in dates) for part in (1, 3))
    points = all(date[2] == "." for date in dates)
    if not points and first <= 12 and second <= 12:
        row = next(row for row, each in enumerate(found) if each)
        got = f"'{cells[row]}' in '{time}', and no day above 12 in any row"
        expected = "dates that say which is the day, such as 2024-07-15"
        problems.append(Problem(sheet.at(row), got, expected))
        return None
    day, month = (1, 3) if points or first > 12 else (3, 1)
    return [
        cell
        if date is None
        else f"{date[4]}-{int(date[month]):02d}-{int(date[day]):02d}{cell[date.end() :]}"
        for cell, date in zip(cells, found, strict=True)
    ]


def _localize(sheet: Sheet, stamps: pd.Series, timezone: str, problems: list[Problem]) -> Index:
    first = ~stamps.duplicated().to_numpy()
    local = stamps.dt.tz_localize(timezone, ambiguous=first, nonexistent="NaT")
    gone = np.flatnonzero(local.isna())
    if gone.size:
        hint = f"Clocks of {timezone} skip it: write an offset, as 2018-03-11 02:00-06:00."
        problems.append(
            Problem(sheet.at(int(gone[0])), "an hour no clock shows", "local time", hint)
        )
        return np.zeros(len(stamps), np.int64)
    return _seconds(local)


def _seconds(stamps: pd.Series) -> Index:
    plain = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(plain.astype("datetime64[s]").astype(np.int64))


def _read_column(sheet: Sheet, written: str, problems: list[Problem]) -> TimeColumn:
    cells = sheet.cells[written]
    values = np.array(pd.to_numeric(pd.Series(cells), errors="coerce"), np.float64)
    wrong = []
    for row in np.flatnonzero(~np.isfinite(values)):
        cell = cells[row]
        values[row] = np.nan
        if not cell or cell.lower() in EMPTY:
            continue
        number = parse_number(cell)
        if number is None:
            wrong.append(int(row))
        else:
            values[row] = number
    for at in wrong[:SHOWN]:
        more = f"So in {len(wrong)} rows." if len(wrong) > 1 and at == wrong[0] else ""
        problems.append(Problem(sheet.at(at), f"'{cells[at]}' in '{written}'", "a number", more))
    behind = next((unit for cell in cells if (unit := unit_of(cell))), "")
    return TimeColumn(written, split_heading(written).unit or behind, values)


def _check_grid(sheet: Sheet, start_s: Index, row: Index) -> int:
    """Return the length of the rows [s]; refuse rows that come twice, at odd times or leave gaps."""
    apart = np.diff(start_s)
    if (apart == 0).any():
        at = int(np.argmin(apart))
        got = f"the time of row {row[at]} again"
        raise InputError([Problem(f"{sheet.path}, row {row[at + 1]}", got, "each time once")])
    step_s = int(np.median(apart)) if apart.size else HOUR_S
    expected = "rows of " + ", ".join(map(str, STEPS_MIN)) + " minutes"
    if step_s not in {60 * each for each in STEPS_MIN}:
        raise InputError(
            [Problem(str(sheet.path), f"rows {step_s / 60:g} minutes apart", expected)]
        )
    if (start_s % step_s).any() or (apart % step_s).any():
        at = int(
            np.flatnonzero(start_s % step_s if (start_s % step_s).any() else apart % step_s)[0]
        )
        got = f"a time off the full {step_s // 60} minutes"
        raise InputError([Problem(f"{sheet.path}, row {row[at]}", got, expected)])
    gaps = np.flatnonzero(apart != step_s)
    if gaps.size:
        hours = float(apart[gaps[0]] - step_s) / HOUR_S
        got = f"a gap of {hours:g} hours behind it"
        more = f"So {gaps.size} times." if gaps.size > 1 else ""
        where = f"{sheet.path}, row {row[gaps[0]]}"
        raise InputError([Problem(where, got, "rows without gaps", more)])
    return step_s
