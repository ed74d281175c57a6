"""Tables of series by time, CSV, workbook or Parquet: a column of time stamps or hours, and columns of numbers beside it.

Time stamps may be ISO 8601, or day first with points or slashes where no row speaks against it; a range, "00:00 - 01:00", counts
by its start. Without an offset they are local time: of an hour that the clock shows twice, the first row is the earlier one.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.currency import name_currency
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
DATE_NAMES = ("date", "datum", "day")
CLOCK_NAMES = ("time", "start_time", "start", "uhrzeit", "zeit", "from", "hour")
END_NAMES = ("end_time", "end", "stop", "to", "bis")
CLOCK = re.compile(r"^\s*\d{1,2}:\d\d(?::\d\d)?(?:\s*[AaPp][Mm])?\s*$")
TWELVE = re.compile(r"\b(\d{1,2}):(\d\d)(:\d\d)?\s*([AaPp])[Mm]\s*$")
DAYS_OF_SHEETS = (20_000.0, 80_000.0)  # since 30 December 1899: of 1954 to 2119
DAY_S = 86400
EPOCH_D = 25_569  # 1 January 1970, in days of spreadsheets
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


def read_time_table(
    path: Path, timezone: str, first_s: int | None = None, aside: Collection[str] = ()
) -> TimeTable:
    """Read series by time.

    Parameters
    ----------
    timezone
        IANA name of the zone of stamps without an offset.
    first_s
        Start of hour 0 of numbered hours [s UTC]; left out: they are refused.
    aside
        Names of columns, in small letters with underscores, that are no series and are not read.

    Raises
    ------
    InputError
        All faults of the file at once, by row and column: no column of time, stamps that are none or can be read in two ways,
        that come twice or leave gaps, cells that are no numbers.
    """
    sheet = join_date_and_clock(read_sheet(Path(path)))
    time = find_time(sheet)
    problems: list[Problem] = []
    start_s, said = read_times(sheet, time, timezone, first_s, problems)
    left = [written for written in sheet.cells if split_heading(written).name in aside]
    problems += _several_kinds(sheet, left)
    columns = {
        split_heading(written).name: read_column(sheet, written, problems)
        for written in sheet.cells
        if written != time and written not in left
    }
    if not columns:
        problems.append(Problem(str(path), f"no column beside '{time}'", "numbers by time"))
    if problems:
        raise InputError(problems)
    order = np.argsort(start_s, kind="stable")
    start_s, row = start_s[order], np.array(sheet.row)[order]
    step_s = check_grid(sheet.path, start_s, row)
    taken = {name: column._replace(values=column.values[order]) for name, column in columns.items()}
    notes = (*sheet.notes, f"{sheet.path.name}: rows of {step_s // 60} minutes, {said}")
    if left:
        notes = (f"{sheet.path.name}: not read: {', '.join(left)}", *notes)
    return TimeTable(sheet.path, start_s, step_s, MappingProxyType(taken), row, notes)


def _several_kinds(sheet: Sheet, left: Sequence[str]) -> list[Problem]:
    """Return the problem of a column that tells rows apart, as "usage" and "generation", and would not be read."""
    problems = []
    for written in left:
        kinds = sorted({cell for cell in sheet.cells[written] if cell})
        if split_heading(written).name == "type" and len(kinds) > 1:
            got = f"rows of '{kinds[0]}' and of '{kinds[1]}' in '{written}'"
            hint = "Leave the rows of the others out."
            problems.append(Problem(str(sheet.path), got, "rows of one kind", hint))
    return problems


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


def join_date_and_clock(sheet: Sheet) -> Sheet:
    """Return a table whose day and hour stand in two columns with one in their place; the end of a row is left out."""
    slugs = {split_heading(written).name: written for written in sheet.cells}
    date = next((slugs[name] for name in DATE_NAMES if name in slugs), None)
    clock = next((slugs[name] for name in CLOCK_NAMES if name in slugs), None)
    if date is None or clock is None or not all(map(CLOCK.match, sheet.cells[clock])):
        return sheet
    ends = {slugs[name] for name in END_NAMES if name in slugs}
    joined = tuple(
        f"{day} {hour}" for day, hour in zip(sheet.cells[date], sheet.cells[clock], strict=True)
    )
    rest = {name: cells for name, cells in sheet.cells.items() if name not in {date, clock, *ends}}
    note = f"{sheet.path.name}: the time is '{date}' with '{clock}'"
    cells = MappingProxyType({"time": joined, **rest})
    return sheet._replace(cells=cells, notes=(*sheet.notes, note))


def find_time(sheet: Sheet) -> str:
    """Return the heading of the column of time.

    Raises
    ------
    InputError
        None, or more than one.
    """
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
    if (days := _days_of_sheet(cells)) is not None:
        said = f"day numbers of a spreadsheet, in {timezone}"
        return _localize(sheet, days, timezone, problems), said
    iso = _to_iso(sheet, time, [_to_day(cell) for cell in cells], problems)
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


def _days_of_sheet(cells: Sequence[str]) -> pd.Series | None:
    """Return the times of cells that hold days since 30 December 1899, as spreadsheets count; None where they do not."""
    days = np.array(pd.to_numeric(pd.Series(cells), errors="coerce"), np.float64)
    low, high = DAYS_OF_SHEETS
    if not ((days >= low) & (days <= high)).all() or (days == np.floor(days)).all():
        return None
    return pd.Series(pd.to_datetime(np.rint((days - EPOCH_D) * DAY_S).astype(np.int64), unit="s"))


def _to_day(cell: str) -> str:
    """Return a stamp of twelve hours, as "7/15/2024 1:00 PM", by 24 hours; any other as it is."""
    found = TWELVE.search(cell)
    if found is None or not 1 <= int(found[1]) <= 12:
        return cell
    hour = int(found[1]) % 12 + (12 if found[4].lower() == "p" else 0)
    return f"{cell[: found.start()]}{hour:02d}:{found[2]}{found[3] or ''}"


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


def read_column(sheet: Sheet, written: str, problems: list[Problem]) -> TimeColumn:
    """Return the numbers of a column, nan where a cell is empty; a cell that is no number is a problem by its row."""
    cells = sheet.cells[written]
    values = np.array(pd.to_numeric(pd.Series(cells), errors="coerce"), np.float64)
    odd = [int(row) for row in np.flatnonzero(~np.isfinite(values)) if cells[row]]
    values[~np.isfinite(values)] = np.nan
    wrong = []
    for row in odd:
        if cells[row].lower() in EMPTY:
            continue
        number = parse_number(cells[row])
        if number is None:
            wrong.append(row)
        else:
            values[row] = number
    for at in wrong[:SHOWN]:
        more = f"So in {len(wrong)} rows." if len(wrong) > 1 and at == wrong[0] else ""
        problems.append(Problem(sheet.at(at), f"'{cells[at]}' in '{written}'", "a number", more))
    return TimeColumn(written, _unit_of_column(sheet, written, odd, problems), values)


def _unit_of_column(sheet: Sheet, written: str, odd: Sequence[int], problems: list[Problem]) -> str:
    """Return the unit of the heading or, where it says none, that of the first of the rows that are no plain numbers.

    A row with another one is a problem.
    """
    unit = split_heading(written).unit
    for row in odd:
        cell = sheet.cells[written][row]
        seen = unit_of(cell)
        unit = unit or seen
        if seen and not _is_unit(seen, unit):
            got = f"'{cell}' in '{written}'"
            problems.append(Problem(sheet.at(row), got, f"numbers in {unit} alone"))
            break
    return unit


def _is_unit(seen: str, unit: str) -> bool:
    """Return whether what stands at a number is the unit of its column, or the money of it: "€ 45" below EUR/MWh."""
    plain = [each.lower().replace(" ", "") for each in (seen, unit)]
    if plain[0] == plain[1]:
        return True
    money = [name_currency(each.partition("/")[0]) for each in plain]
    return "/" not in plain[0] and bool(money[0]) and money[0] == money[1]


def check_grid(path: Path, start_s: Index, row: Index) -> int:
    """Return the length of rows in order of time [s].

    Parameters
    ----------
    path
        The file, for messages.
    start_s
        Start of each row, shape (t,) [s UTC].
    row
        Row of the file of each, shape (t,).

    Raises
    ------
    InputError
        Rows that come twice, at odd times or leave gaps.
    """
    apart = np.diff(start_s)
    if (apart == 0).any():
        at = int(np.argmin(apart))
        got = f"the time of row {row[at]} again"
        raise InputError([Problem(f"{path}, row {row[at + 1]}", got, "each time once")])
    step_s = int(np.median(apart)) if apart.size else HOUR_S
    expected = "rows of " + ", ".join(map(str, STEPS_MIN)) + " minutes"
    if step_s not in {60 * each for each in STEPS_MIN}:
        raise InputError([Problem(str(path), f"rows {step_s / 60:g} minutes apart", expected)])
    if (start_s % step_s).any() or (apart % step_s).any():
        at = int(
            np.flatnonzero(start_s % step_s if (start_s % step_s).any() else apart % step_s)[0]
        )
        got = f"a time off the full {step_s // 60} minutes"
        raise InputError([Problem(f"{path}, row {row[at]}", got, expected)])
    gaps = np.flatnonzero(apart != step_s)
    if gaps.size:
        hours = float(apart[gaps[0]] - step_s) / HOUR_S
        got = f"a gap of {hours:g} hours behind it"
        more = f"So {gaps.size} times." if gaps.size > 1 else ""
        where = f"{path}, row {row[gaps[0]]}"
        raise InputError([Problem(where, got, "rows without gaps", more)])
    return step_s
