"""A tariff of one's own, as a TOML file: rows of energy and of demand, each with when it applies, and what a month costs."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridagora.core.errors import InputError, Problem, nearest, shown
from gridagora.core.retail_tariff import (
    HOURS,
    MONTHS,
    NET_METERED,
    NOT_PAID,
    Amount,
    DemandRate,
    EnergyRate,
    RetailTariff,
    Schedule,
)
from gridagora.files.tariff_calendar import When, read_when, read_window
from gridagora.files.text_table import read_text
from gridagora.files.toml_text import parse_toml

NUMBERS = (
    "fixed_per_month",
    "fixed_per_day",
    "minimum_per_month",
    "minimum_per_day",
    "export_per_kwh",
)
TEXTS = ("name", "source", "currency", "export", "blocks_per")
WHEN = ("name", "months", "days", "hours")
ENERGY = (*WHEN, "per_kwh", "blocks_kwh", "export_per_kwh")
DEMAND = (*WHEN, "per_kw_month", "window_minutes")


def read_tariff_table(path: Path) -> RetailTariff:
    """Read a tariff that stands in a TOML file of the project's own form.

    Raises
    ------
    InputError
        Text that is not TOML, keys that are unknown or hold something else, hours that no row covers: all at once.
    """
    where = str(path)
    expected = "a tariff, as docs/how-to/own-tariff.md shows"
    values = parse_toml(read_text(path), where, expected)
    problems: list[Problem] = []
    top = {key: value for key, value in values.items() if key not in {"energy", "demand"}}
    _refuse_unknown(top, (*NUMBERS, *TEXTS), where, problems)
    numbers = {key: _number(top, key, where, problems) or 0.0 for key in NUMBERS}
    texts = {key: _text(top, key, where, problems) for key in TEXTS}
    problems += _choose(texts["blocks_per"], ("month", "day"), f"{where}: blocks_per")
    energy = _rows(values, "energy", ENERGY, where, problems)
    rates = tuple(_energy(row, at, problems) for row, at in energy)
    whens = [read_when(row, at, problems) for row, at in energy]
    demand = _rows(values, "demand", DEMAND, where, problems)
    charges = tuple(_demand(row, at, problems) for row, at in demand)
    if not energy:
        hint = "Write a row [[energy]] with per_kwh."
        problems.append(Problem(where, "no [[energy]]", "what energy costs", hint))
    weekday, weekend = _schedule(whens, where, problems)
    export, rates = _export(top, texts["export"], numbers["export_per_kwh"], rates, where, problems)
    if problems:
        raise InputError(dict.fromkeys(problems))
    return RetailTariff(
        texts["name"] or path.stem,
        rates,
        weekday,
        weekend,
        Amount(numbers["fixed_per_month"], numbers["fixed_per_day"]),
        Amount(numbers["minimum_per_month"], numbers["minimum_per_day"]),
        charges,
        export,
        texts["blocks_per"] == "day",
        texts["currency"].upper(),
        texts["source"],
    )


def _rows(
    values: Mapping[str, Any], name: str, keys: tuple[str, ...], where: str, problems: list[Problem]
) -> list[tuple[dict[str, Any], str]]:
    """Return the tables under [[name]], each with its place in words."""
    found = values.get(name, [])
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        hint = "Each row stands under its own heading, in two brackets."
        problems.append(Problem(f"{where}: {name}", shown(found), f"rows [[{name}]]", hint))
        return []
    rows = []
    for count, row in enumerate(found, 1):
        at = f"{where}: {name} '{row.get('name', count)}'"
        _refuse_unknown(row, keys, at, problems)
        rows.append((row, at))
    return rows


def _energy(row: dict[str, Any], where: str, problems: list[Problem]) -> EnergyRate:
    rates = _numbers(row, "per_kwh", where, problems)
    if row.get("per_kwh", []) == []:
        problems.append(Problem(where, "no per_kwh", "what a kWh costs"))
    ends = _numbers(row, "blocks_kwh", where, problems)
    name = str(row.get("name", where.rpartition("'")[0].rpartition("'")[2]))
    return EnergyRate(name, rates or (0.0,), ends, _number(row, "export_per_kwh", where, problems))


def _demand(row: dict[str, Any], where: str, problems: list[Problem]) -> DemandRate:
    charge = _number(row, "per_kw_month", where, problems)
    if charge is None and "per_kw_month" not in row:
        problems.append(Problem(where, "no per_kw_month", "what a kW of the month costs"))
    minutes = _number(row, "window_minutes", where, problems)
    window = read_window(minutes, where, problems)
    when = read_when(row, where, problems)
    name = str(row.get("name", where.rpartition("'")[0].rpartition("'")[2]))
    days = (_mark(when, weekend=False), _mark(when, weekend=True))
    return DemandRate(name, charge or 0.0, *days, window)


def _mark(when: When, *, weekend: bool) -> Schedule:
    """Return a schedule of 1 in the hours that belong to a row and 0 elsewhere."""
    return tuple(
        tuple(int(when.holds(month, hour, weekend=weekend)) for hour in range(HOURS))
        for month in range(MONTHS)
    )


def _schedule(whens: list[When], where: str, problems: list[Problem]) -> tuple[Schedule, Schedule]:
    """Return the row that applies in every hour, on weekdays and weekends: the first that fits."""
    made = []
    for weekend in (False, True):
        missed: dict[int, list[int]] = {}
        months = []
        for month in range(MONTHS):
            hours = []
            for hour in range(HOURS):
                fits = (
                    row
                    for row, when in enumerate(whens)
                    if when.holds(month, hour, weekend=weekend)
                )
                row = next(fits, -1)
                if row < 0:
                    missed.setdefault(month + 1, []).append(hour)
                hours.append(row)
            months.append(tuple(hours))
        made.append(tuple(months))
        if missed and whens:
            problems.append(_missed(missed, "weekends" if weekend else "weekdays", where))
    used = {row for each in made for hours in each for row in hours}
    for row in sorted(set(range(len(whens))) - used):
        hint = "The first row that fits applies: put those for some hours above those for all."
        got = f"row {row + 1}, whose hours all belong to rows above it"
        problems.append(Problem(f"{where}: energy", got, "a row that applies", hint))
    return made[0], made[1]


def _missed(missed: dict[int, list[int]], days: str, where: str) -> Problem:
    month, hours = next(iter(missed.items()))
    more = f" and in {len(missed) - 1} other months" if len(missed) > 1 else ""
    got = f"no rate on {days} of month {month} at {hours[0]}:00{more}"
    hint = "The first row that fits applies; end with a row without months, days and hours."
    return Problem(f"{where}: energy", got, "a rate in every hour of the year", hint)


def _export(
    top: Mapping[str, Any],
    text: str,
    shared_per_kwh: float,
    rates: tuple[EnergyRate, ...],
    where: str,
    problems: list[Problem],
) -> tuple[str, tuple[EnergyRate, ...]]:
    """Return how export is paid, and the rates with what is paid: said in a word, once for all periods, or in every row."""
    problems += _choose(text, (NET_METERED, NOT_PAID), f"{where}: export")
    stated = [rate.name for rate in rates if rate.export_per_kwh is not None]
    said = {"export": bool(text), "export_per_kwh": "export_per_kwh" in top}
    said["export_per_kwh of rows"] = bool(stated)
    kept = [key for key, is_said in said.items() if is_said]
    if len(kept) > 1:
        problems.append(Problem(where, " and ".join(kept), "one of them"))
    if stated and len(stated) < len(rates):
        silent = next(rate.name for rate in rates if rate.export_per_kwh is None)
        got = f"export_per_kwh in '{stated[0]}' and not in '{silent}'"
        problems.append(Problem(f"{where}: energy", got, "it in every row, or once above them"))
    if said["export_per_kwh"]:
        rates = tuple(rate._replace(export_per_kwh=shared_per_kwh) for rate in rates)
    return text or ("rate" if kept else ""), rates


def _choose(text: str, words: tuple[str, ...], where: str) -> list[Problem]:
    return (
        [] if text in ("", *words) else [Problem(where, f"'{text}'", "one of " + ", ".join(words))]
    )


def _refuse_unknown(
    row: Mapping[str, Any], keys: tuple[str, ...], where: str, problems: list[Problem]
) -> None:
    for key in row:
        if key not in keys:
            hint = nearest(key, list(keys))
            problems.append(Problem(where, f"an unknown key '{key}'", "a key of a tariff", hint))


def _text(row: Mapping[str, Any], key: str, where: str, problems: list[Problem]) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        problems.append(Problem(f"{where}: {key}", shown(value), "text in quotes"))
        return ""
    return value.strip()


def _number(row: Mapping[str, Any], key: str, where: str, problems: list[Problem]) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        problems.append(Problem(f"{where} {key}", shown(value), "a number"))
        return None
    return float(value)


def _numbers(
    row: Mapping[str, Any], key: str, where: str, problems: list[Problem]
) -> tuple[float, ...]:
    value = row.get(key, [])
    found = value if isinstance(value, list) else [value]
    made = [_number({key: each}, key, where, problems) for each in found]
    return tuple(each for each in made if each is not None)
