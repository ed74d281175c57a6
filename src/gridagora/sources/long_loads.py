"""Metered loads as exports of meters write them: a row a home and interval, with columns of home, time and load."""

from pathlib import Path

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Index
from gridagora.files.sheet import Sheet, read_sheet, split_heading
from gridagora.files.time_table import (
    TimeTable,
    check_grid,
    find_time,
    join_date_and_clock,
    mean_over,
    read_column,
    read_times,
)
from gridagora.population.metered import MeteredLoads, find_factor, require_loads
from gridagora.population.profiles import LOAD_MAX_KW

HOUR_S = 3600
SHOWN = 5  # rows named of one fault before the rest is counted
HOME_NAMES = (
    "home",
    "home_id",
    "household",
    "customer",
    "customer_id",
    "member",
    "meter",
    "meter_id",
)
LOAD_NAMES = (
    "load",
    "load_kw",
    "kw",
    "kwh",
    "energy",
    "energy_kwh",
    "consumption",
    "usage",
    "power",
    "value",
    "non_shiftable_load",
)


def find_long(headings: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the headings of the home and of its load; None where a table is not of this kind."""
    slugs = {split_heading(written).name: written for written in headings}
    home = next((slugs[name] for name in HOME_NAMES if name in slugs), None)
    load = next((slugs[name] for name in LOAD_NAMES if name in slugs), None)
    return None if home is None or load is None else (home, load)


def read_long_loads(
    path: Path, origin_s: int, timezone: str, unit: str = "", load_max_kw: float = LOAD_MAX_KW
) -> MeteredLoads:
    """Read metered loads of a row a home and interval, hour by hour; finer rows are averaged to hours.

    Homes stand in the order of their names; other columns are not read.

    Parameters
    ----------
    path
        CSV, workbook or Parquet with columns `home`, `time` and `load`, or as meters name them: `meter`, `timestamp`, `kWh`.
    origin_s
        Start of hour 0 of numbered hours [s UTC].
    timezone
        IANA name of the zone of time stamps without an offset.
    unit
        kW, W, or kWh and Wh of a row; left out: that of the heading, or kW of hourly rows.
    load_max_kw
        Largest hourly load of a home that is believed [kW].

    Raises
    ------
    InputError
        All faults of the file at once, by row, or by home and hour.
    """
    sheet = join_date_and_clock(read_sheet(Path(path)))
    found = find_long(tuple(sheet.cells))
    if found is None:
        got = "the columns " + ", ".join(f"'{name}'" for name in sheet.cells)
        raise InputError([Problem(str(path), got, "columns home, time and load")])
    home, load = found
    problems = [
        Problem(sheet.at(row), f"no name in '{home}'", "the home of each row")
        for row, name in enumerate(sheet.cells[home])
        if not name
    ][:SHOWN]
    column = read_column(sheet, load, problems)
    time = find_time(sheet)
    start_s, said = _times_of_rows(sheet, time, home, timezone, origin_s, problems)
    if problems:
        raise InputError(problems)
    names, at_home = np.unique(sheet.cells[home], return_inverse=True)
    hours, first, at_time = np.unique(start_s, return_index=True, return_inverse=True)
    _refuse_twice(sheet, at_home * len(hours) + at_time, time)
    step_s = check_grid(sheet.path, hours, np.array(sheet.row)[first])
    table: Col = np.full((len(names), len(hours)), np.nan)
    table[at_home, at_time] = column.values
    table *= find_factor(f"{path}, '{load}'", unit or column.unit, step_s)
    rows = TimeTable(sheet.path, hours, step_s, {}, first, ())
    load_kw = np.array([mean_over(rows, each, HOUR_S)[1] for each in table])
    starts = mean_over(rows, table[0], HOUR_S)[0]
    whole = np.flatnonzero(np.isfinite(load_kw).any(axis=0))
    if not whole.size:
        raise InputError([Problem(str(path), "no hour with a load", "loads of hours")])
    load_kw = load_kw[:, whole[0] : whole[-1] + 1]
    known, begin_s = tuple(map(str, names)), int(starts[whole[0]])
    require_loads(str(path), known, load_kw, begin_s, load_max_kw)
    note = f"{sheet.path.name}: rows of {step_s // 60} minutes, {said}; a row a home and interval, {len(known)} homes"
    return MeteredLoads(known, begin_s, load_kw, (*sheet.notes, note))


def _times_of_rows(
    sheet: Sheet, time: str, home: str, timezone: str, origin_s: int, problems: list[Problem]
) -> tuple[Index, str]:
    """Return the start of each row, shape (r,) [s UTC]: a text is read once, but that of an hour which a home has twice."""
    frame = pd.DataFrame({"home": sheet.cells[home], "time": sheet.cells[time]})
    again = frame.groupby(["home", "time"], sort=False).cumcount()
    code = frame.assign(again=again).groupby(["time", "again"], sort=False).ngroup().to_numpy()
    _, first = np.unique(code, return_index=True)
    cells = {time: tuple(sheet.cells[time][row] for row in first)}
    short = sheet._replace(cells=cells, row=tuple(sheet.row[row] for row in first))
    start_s, said = read_times(short, time, timezone, origin_s, problems)
    return start_s[code], said


def _refuse_twice(sheet: Sheet, place: Index, time: str) -> None:
    """Refuse two rows of one home and time; `place` tells both, shape (r,)."""
    order = np.argsort(place, kind="stable")
    again = np.flatnonzero(np.diff(place[order]) == 0)
    if again.size:
        before, row = int(order[again[0]]), int(order[again[0] + 1])
        got = f"'{sheet.cells[time][row]}' of the home of row {sheet.row[before]} again"
        more = f"So {again.size} times." if again.size > 1 else ""
        raise InputError([Problem(sheet.at(row), got, "each home and time once", more)])
