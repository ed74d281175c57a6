"""Prices as a user brings them: a column of time, one of real-time prices and, where there is one, one of day-ahead prices."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gridagora.core.currency import HUNDREDTHS, SIGNS, name_currency
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import LEAD_H, TAIL_H, Col, Index, Prices
from gridagora.files.time_table import TimeColumn, TimeTable, mean_over, read_time_table

HOUR_S, QUARTER_S, DAY_H = 3600, 900, 24
REAL_TIME = ("real_time", "price", "rt", "real_time_price", "rtp", "spot", "spot_price", "value")
DAY_AHEAD = ("day_ahead", "da", "day_ahead_price", "dam", "forward")
MONEY = tuple(dict.fromkeys(word.lower() for pair in SIGNS.items() for word in pair))
PER_KWH = {f"{each}/mwh": 1e-3 for each in MONEY} | {f"{each}/kwh": 1.0 for each in MONEY}
PER_KWH |= {f"{each}/kwh": 1e-2 for each in HUNDREDTHS}
LIKELY_PER_KWH = (0.004, 0.6)  # of the mean of wholesale prices; outside it the unit has to be said
PRICE_MAX_PER_KWH = 20.0


class TablePrices(NamedTuple):
    """Prices of a table, and what was taken of it, in words."""

    prices: Prices
    notes: tuple[str, ...]


@register("source", "prices.source=table")
def read_price_table(
    path: Path, start_s: int, days: int, timezone: str, unit: str = "", currency: str = ""
) -> TablePrices:
    """Read prices of any step up to an hour; the table has to cover the run.

    The 48 hours before it and the 25 after it, which forecasts look at, are those of the nearest day of the file where it does
    not have them. With one column of prices the day-ahead price is its hourly mean.

    Parameters
    ----------
    path
        CSV, workbook or Parquet with a column `time` and columns `price` or `real_time`, and `day_ahead`.
    start_s, days
        The run, from local midnight [s UTC].
    timezone
        IANA name of the zone of time stamps without an offset.
    unit
        Of the numbers, such as "$/MWh", "ct/kWh" or "EUR/kWh"; left out: that of the heading, as in "price (EUR/MWh)".
    currency
        Of the scenario, ISO 4217: prices whose unit names another are refused, since nothing is converted; left out: any.

    Raises
    ------
    InputError
        What is wrong with the table; a unit that nobody says and that cannot be told from the size of the numbers; a run that
        the table does not cover.
    """
    table = read_time_table(path, timezone)
    real, ahead = _find(table, REAL_TIME), _find(table, DAY_AHEAD)
    if real is None and ahead is None:
        got = "the columns " + ", ".join(f"'{each.written}'" for each in table.columns.values())
        hint = "Name the column of prices 'price', and one of day-ahead prices 'day_ahead'."
        raise InputError([Problem(str(path), got, "a column 'price'", hint)])
    used = [each for each in (real, ahead) if each is not None]
    factors = {each.written: _factor(table, each, unit, currency) for each in used}
    first_s, hours = start_s - LEAD_H * HOUR_S, LEAD_H + DAY_H * days + TAIL_H
    columns = {
        step_s: _cover(
            table,
            each,
            factors[each.written],
            (first_s, step_s, hours * HOUR_S // step_s),
            (start_s, days),
        )
        for each, step_s in ((ahead or used[0], HOUR_S), (real or used[0], QUARTER_S))
    }
    one = f"; day-ahead and real time are both '{used[0].written}'" if len(used) == 1 else ""
    borrowed = any(each[1] for each in columns.values())
    said = "; days around the run that it lacks are those of its nearest day" if borrowed else ""
    notes = (*table.notes[:-1], table.notes[-1] + one + said)
    return TablePrices(Prices(start_s, columns[HOUR_S][0], columns[QUARTER_S][0]), notes)


def find_currency(table: TimeTable) -> str:
    """Return the currency that the headings of a table of prices name, ISO 4217; '' where none does."""
    units = (each.unit.lower() for each in table.columns.values())
    named = [name_currency(unit.replace(" ", "").partition("/")[0]) for unit in units]
    return next(filter(None, named), "")


def _find(table: TimeTable, names: tuple[str, ...]) -> TimeColumn | None:
    found = [name for name in table.columns if name in names]
    if len(found) > 1:
        got = " and ".join(f"'{table.columns[name].written}'" for name in found)
        raise InputError([Problem(str(table.path), f"the columns {got}", "one of them")])
    return table.columns[found[0]] if found else None


def _factor(table: TimeTable, column: TimeColumn, unit: str, currency: str) -> float:
    """Return what turns a column into money per kWh, by the unit said, by that of its heading, or by what is likely."""
    said = (unit or column.unit).lower().replace(" ", "")
    where = f"{table.path}, '{column.written}'"
    if said and said not in PER_KWH:
        expected = f"money a kWh or MWh, as EUR/MWh or ct/kWh, in one of {', '.join(SIGNS)}"
        raise InputError([Problem(where, f"the unit '{said}'", expected)])
    named = name_currency(said.partition("/")[0])
    if named and currency:
        _refuse_other(where, named, currency)
    if not said:
        got = f"numbers of {np.nanmean(column.values):.4g} in the mean without a unit"
        hint = "Write it in the heading, as 'price (EUR/MWh)', or set [prices] unit."
        raise InputError([Problem(where, got, "prices with a unit", hint)])
    mean = float(np.nanmean(np.abs(column.values))) * PER_KWH[said]
    if not LIKELY_PER_KWH[0] <= mean <= LIKELY_PER_KWH[1]:
        got = f"a mean of {mean:.4g} per kWh"
        low, high = LIKELY_PER_KWH
        expected = f"wholesale prices of {low:g} to {high:g} per kWh in the mean"
        raise InputError([Problem(where, got, expected, _guess_unit(mean, said))])
    if np.nanmax(np.abs(column.values)) * PER_KWH[said] > PRICE_MAX_PER_KWH:
        got = f"{np.nanmax(np.abs(column.values)):g} {said}"
        expected = f"at most {PRICE_MAX_PER_KWH:g} per kWh either way"
        raise InputError([Problem(where, got, expected)])
    return PER_KWH[said]


def _guess_unit(mean_per_kwh: float, said: str) -> str:
    """Return the unit in which a mean would be likely, as a question."""
    low, high = LIKELY_PER_KWH
    if mean_per_kwh == 0:
        return "All of them are 0."
    fits = [
        unit
        for unit, factor in PER_KWH.items()
        if unit.partition("/")[0] == said.partition("/")[0]
        and low <= mean_per_kwh / PER_KWH[said] * factor <= high
    ]
    return f"Are they in {fits[0]}, not {said}?" if fits else f"Are they in {said}?"


def _refuse_other(where: str, named: str, currency: str) -> None:
    if named == currency:
        return
    hint = f'Set [scenario] currency = "{named}"; nothing is converted.'
    raise InputError([Problem(where, f"prices in {named}", f"prices in {currency}", hint)])


def _cover(
    table: TimeTable,
    column: TimeColumn,
    factor: float,
    wanted: tuple[int, int, int],
    run: tuple[int, int],
) -> tuple[Col, bool]:
    """Return prices over so many wanted intervals, shape (k,), and whether any is of another day than its own."""
    first_s, step_s, count = wanted
    known_s, known = mean_over(table, column.values, step_s)
    known_s, known = known_s[np.isfinite(known)], known[np.isfinite(known)]
    at = first_s + step_s * np.arange(count)
    found = _locate(known_s, at)
    start_s, days = run
    inside = (at >= start_s) & (at < start_s + days * DAY_H * HOUR_S)
    if (found[inside] < 0).any():
        lacks = int(at[inside][found[inside] < 0][0])
        span = " to ".join(
            str(np.datetime64(int(each), "s")) for each in (table.start_s[0], table.start_s[-1])
        )
        got = f"prices of {span} UTC, none at {np.datetime64(lacks, 's')}"
        hint = "Set [scenario] start to a day of the table; a row without a price is none."
        where = f"{table.path}, '{column.written}'"
        raise InputError([Problem(where, got, f"prices of all {days} days of the run", hint)])
    lacking = found < 0
    day_s = DAY_H * HOUR_S
    for back in range(1, LEAD_H // DAY_H + days + 1):
        for moved_s in (at + back * day_s, at - back * day_s):
            still = found < 0
            found[still] = _locate(known_s, moved_s[still])
    return known[found] * factor, bool(lacking.any())


def _locate(known_s: Index, at_s: Index) -> Index:
    """Return the row of each time among sorted known ones, -1 where it is none of them."""
    row = np.searchsorted(known_s, at_s).clip(max=max(len(known_s) - 1, 0))
    return np.where(known_s[row] == at_s, row, -1) if len(known_s) else np.full(len(at_s), -1)
