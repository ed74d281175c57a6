"""Metered loads as a user brings them: a column of time, and a column for each home."""

from pathlib import Path

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.files.sheet import TOTALS, split_heading
from gridagora.files.time_table import mean_over, read_time_table
from gridagora.population.metered import MeteredLoads, find_factor, require_loads
from gridagora.population.profiles import LOAD_MAX_KW

HOUR_S = 3600
ASIDE = frozenset({"cost", "costs", "amount", "notes", "note", "type", "comment", "currency"})
NAMELESS = frozenset({"usage", "consumption", "verbrauch"})  # of one meter, whose home is the file


def read_loads(
    path: Path, origin_s: int, timezone: str, unit: str = "", load_max_kw: float = LOAD_MAX_KW
) -> MeteredLoads:
    """Read metered loads, hour by hour; finer rows are averaged to hours.

    Parameters
    ----------
    path
        CSV, workbook or Parquet: a column `time` and a column for each home, headed by its name.
    origin_s
        Start of hour 0 of numbered hours [s UTC].
    timezone
        IANA name of the zone of time stamps without an offset.
    unit
        kW, W, or kWh and Wh of a row; left out: that of the headings, or kW of hourly rows.
    load_max_kw
        Largest hourly load of a home that is believed [kW].

    Raises
    ------
    InputError
        All faults of the file at once; rows finer than an hour without a unit; loads below zero, of no home, or none at all.
    """
    table = read_time_table(path, timezone, origin_s, ASIDE)
    if totals := [each.written for name, each in table.columns.items() if name in TOTALS]:
        got = f"a column '{totals[0]}' among those of homes"
        raise InputError([Problem(str(path), got, "homes alone", "Leave the column out.")])
    starts, rows = np.zeros(0, np.int64), []
    for column in table.columns.values():
        where = f"{table.path}, '{column.written}'"
        factor = find_factor(where, unit or column.unit, table.step_s)
        starts, load = mean_over(table, column.values * factor, HOUR_S)
        rows.append(load)
    load_kw = np.array(rows)
    whole = np.asarray(np.isfinite(load_kw).any(axis=0))
    first, last = int(np.argmax(whole)), len(whole) - int(np.argmax(whole[::-1]))
    names = tuple(_name(column.written) for column in table.columns.values())
    if len(names) == 1 and next(iter(table.columns)) in NAMELESS:
        names = (path.stem,)
    load_kw, start_s = load_kw[:, first:last], int(starts[first])
    require_loads(str(path), names, load_kw, start_s, load_max_kw)
    said = f"{table.notes[-1]}; a column for each of {len(names)} homes"
    return MeteredLoads(names, start_s, load_kw, (*table.notes[:-1], said))


def _name(written: str) -> str:
    """Return the name of a home out of the heading of its column, without a unit behind it."""
    unit = split_heading(written).unit
    return written[: written.lower().rindex(unit) - 1].strip() if unit else written.strip()
