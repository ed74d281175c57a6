"""A scenario for what somebody has: a feeder, a table of homes, metered loads, prices, a tariff; what is lacking is drawn."""

import os
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.currency import USD
from gridagora.core.errors import InputError, Problem, attempt
from gridagora.core.retail_tariff import RetailTariff
from gridagora.files.retail_tariff_file import read_tariff
from gridagora.files.text_table import read_text
from gridagora.files.time_table import read_time_table
from gridagora.scenario.all_keys import add_all_keys
from gridagora.scenario.calendar import midnight_s
from gridagora.scenario.feeder_file import FORMATS, is_feeder_file
from gridagora.scenario.metered_loads import read_metered
from gridagora.sources.members import read_members
from gridagora.sources.price_table import find_currency

HOMES = 12  # where nothing says how many
DAYS = 7  # of a run, where the files have so many
EUROPEAN = frozenset({"EUR", "GBP", "CHF", "BGN"})  # where voltages are held to EN 50160
SUMMER = date(2024, 7, 15)  # of what is drawn, where no file says a day
HOUR_S, DAY_S = 3600, 86400


class OwnFiles(NamedTuple):
    """Files that somebody has, None where there is none."""

    feeder: Path | None = None
    homes: Path | None = None
    loads: Path | None = None
    prices: Path | None = None
    tariff: Path | None = None
    weather: Path | None = None


class RunSpan(NamedTuple):
    """Days of a run: the first, and how many."""

    first: date
    days: int


class OwnCase(NamedTuple):
    """What else somebody says of a case: its title and zone, and where known first day, days and number of homes."""

    title: str
    timezone: str
    first: date | None = None
    days: int | None = None
    home_count: int | None = None


def write_case(files: OwnFiles, folder: Path, case: OwnCase) -> str:
    """Return the text of a scenario of these files, as it is read from a folder, with a comment for every key.

    The run covers up to a week of days that loads and prices both have, where the case does not say which.

    Raises
    ------
    InputError
        Files that are not there or cannot be read, loads and prices that share no day or not those of the case, a number of homes
        beside a file that names them: all at once.
    """
    problems: list[Problem] = []
    for name, path in files._asdict().items():
        if path is not None and not (path.is_file() or (name == "loads" and path.is_dir())):
            problems.append(Problem(f"--{name}", f"'{path}'", "a file that exists"))
    if files.feeder is not None and not is_feeder_file(files.feeder):
        expected = " or ".join(f"{each.told} ({end})" for end, each in FORMATS.items())
        problems.append(Problem("--feeder", f"'{files.feeder}'", expected))
    if case.home_count is not None and (files.homes or files.loads):
        got = f"{case.home_count} beside a file that names the homes"
        problems.append(Problem("--count", got, "one of the two"))
    if problems:
        raise InputError(problems)
    if files.homes is not None:
        attempt(lambda: read_members(Path(str(files.homes))), problems)
    named = files.tariff
    tariff = None if named is None else attempt(lambda: read_tariff(named), problems)
    span = attempt(lambda: find_span(files, case), problems)
    if problems or span is None:
        raise InputError(problems)
    at = {
        name: "" if path is None else os.path.relpath(path.resolve(), folder.resolve())
        for name, path in files._asdict().items()
    }
    currency = _join_currency(_find_currency(files.prices, case.timezone), tariff)
    is_european = case.timezone.startswith("Europe/") or currency in EUROPEAN
    parts = (
        _head(case.title, span, case.timezone, currency, own_tariff=tariff is not None),
        _feeder(at["feeder"], is_european=is_european),
        _homes(at["homes"], at["loads"], case.home_count or HOMES),
        _prices(at["prices"]),
        _weather(at["weather"], files.weather),
        _tail(),
        "" if tariff is None else _tariff(at["tariff"], tariff),
    )
    return add_all_keys("\n".join(part.replace("\\", "/") for part in parts))


def find_span(files: OwnFiles, case: OwnCase) -> RunSpan:
    """Return the days of a run: those of the case, else the first local day that loads and prices both have and up to a week.

    Where neither loads nor prices are given, that is a day in July.

    Raises
    ------
    InputError
        What is wrong with a file, files that share no whole day, or not the days of the case.
    """
    begin, end = _shared_hours(files, case.timezone)
    if not np.isfinite(begin):
        return RunSpan(case.first or SUMMER, case.days or DAYS)
    first = pd.Timestamp(begin, unit="s", tz="UTC").tz_convert(case.timezone)
    day = first.date() if first == first.normalize() else first.date() + timedelta(days=1)
    whole = int((end - midnight_s(day, case.timezone)) // DAY_S)
    if whole < 1:
        got = f"loads and prices that both hold {max(end - begin, 0.0) / HOUR_S:g} hours"
        raise InputError([Problem("--loads, --prices", got, "at least one local day in both")])
    start = case.first or day
    left = whole - (start - day).days
    days = case.days or min(left, DAYS)
    if start < day or days > left or left < 1:
        last = day + timedelta(days=whole - 1)
        got = f"{days} days from {start}" if case.days else f"{start}"
        raise InputError([Problem("--start, --days", got, f"days of the files, {day} to {last}")])
    return RunSpan(start, days)


def _shared_hours(files: OwnFiles, timezone: str) -> tuple[float, float]:
    """Return when the hours begin and end that loads and prices both have [s UTC]; endless where neither is given."""
    problems: list[Problem] = []
    origin_s = midnight_s(SUMMER.replace(month=1, day=1), timezone)
    found = [
        attempt(partial(read, path, timezone, origin_s), problems)
        for read, path in ((_hours_of_loads, files.loads), (_hours_of_prices, files.prices))
        if path is not None
    ]
    if problems:
        raise InputError(problems)
    begin = max((each[0] for each in found if each), default=-np.inf)
    return begin, min((each[1] for each in found if each), default=np.inf)


def find_weather_source(path: Path) -> str:
    """Return which source reads a file of weather: by its ending, else by how it begins.

    Raises
    ------
    InputError
        Bytes that are no text.
    """
    ending = path.suffix.lower().lstrip(".")
    if ending in {"epw", "tmy3"}:
        return ending
    if ending != "csv":
        return "table"
    first, second = (*read_text(path).splitlines()[:2], "", "")[:2]
    if first.startswith("Source,Location ID"):
        return "nsrdb"
    return "tmy3" if second.startswith("Date (MM/DD/YYYY)") else "table"


def _hours_of_loads(path: Path, timezone: str, origin_s: int) -> tuple[float, float]:
    """Return when the loads of a file begin and end [s UTC]."""
    found = read_metered(path, origin_s, timezone)
    return float(found.start_s), float(found.start_s + HOUR_S * found.load_kw.shape[1])


def _hours_of_prices(path: Path, timezone: str, origin_s: int) -> tuple[float, float]:
    """Return when the prices of a file begin and end [s UTC]."""
    table = read_time_table(path, timezone, origin_s)
    return float(table.start_s[0]), float(table.start_s[-1] + table.step_s)


def _find_currency(prices: Path | None, timezone: str) -> str:
    """Return the currency of a file of prices, by its heading; empty where none says one."""
    return "" if prices is None else find_currency(read_time_table(prices, timezone))


def _join_currency(of_prices: str, tariff: RetailTariff | None) -> str:
    """Return the currency that prices and tariff name; dollars where neither does.

    Raises
    ------
    InputError
        They name two.
    """
    own = "" if tariff is None else tariff.currency
    if own and of_prices and own != of_prices:
        got = f"a tariff in {own} beside prices in {of_prices}"
        raise InputError([Problem("--tariff", got, "one currency; nothing is converted")])
    return of_prices or own or USD


def _head(title: str, span: RunSpan, timezone: str, currency: str, *, own_tariff: bool) -> str:
    own = '"retail_tariff", ' if own_tariff else ""
    designs = f'["flat", "flat_optimised", "tou", {own}"rtp", "central", "layered", "peer"]'
    return _lines(
        ("# Written from files at hand. `gridagora check FILE` tells how each was read,", ""),
        ("# `gridagora compare FILE` runs the designs.", ""),
        ("", ""),
        ("[scenario]", ""),
        (f'title = "{title}"', ""),
        ("seed = 1", "of all that is drawn; compare FILE --seeds 16 tells chance apart"),
        (f"start = {span.first}", "first local day of the run"),
        (f"days = {span.days}", ""),
        (f'timezone = "{timezone}"', "of local time; days have 24 hours all year"),
        (f'currency = "{currency}"', "of all money below; nothing is converted"),
        (f"architectures = {designs}", ""),
    )


def _feeder(path: str, *, is_european: bool) -> str:
    if not path:
        said = 'no network is known: no losses, no voltages; or "opendss" with a file'
        return _lines(("[feeder]", ""), ('source = "busbar"', said))
    return _lines(
        ("[feeder]", ""),
        (f'source = "{FORMATS[Path(path).suffix.lower()].source}"', ""),
        (f'file = "{path}"', ""),
        *([('voltage_band = "en_50160"', "of a supply of 230 V")] if is_european else []),
        (
            "other_peak_share = 0.6",
            "of their rating, what loads that are no homes draw in office hours",
        ),
    )


def _homes(table: str, loads: str, count: int) -> str:
    rows = [("[homes]", "")]
    if table:
        rows.append((f'table = "{table}"', "a row a home; what it lacks is drawn"))
    if loads:
        rows.append((f'loads = "{loads}"', "a column a home"))
        rows.append(
            ('loads_hold = "all"', '"appliances": heating, cooling, hot water are drawn beside')
        )
    if not table and not loads:
        rows.append((f"count = {count}", ""))
    if not table:
        rows += [("pv_share = 0.4", "of homes with panels"), ("battery_share = 0.15", "")]
        rows.append(("ev_share = 0.3", ""))
    rows.append(("participation_share = 1.0", "of homes whose devices follow prices"))
    return _lines(*rows)


def _prices(path: str) -> str:
    drawn = ('source = "synthetic"', 'a summer in Texas; or "table" with file = "prices.csv"')
    own = (('source = "table"', ""), (f'file = "{path}"', "columns of time and price"))
    return _lines(
        ("[prices]", ""),
        *(own if path else (drawn,)),
        ("delivery_per_kwh = 0.045", "network charge on everything imported"),
        ("export_credit_per_kwh = 0.0", "on top of the wholesale price"),
    )


def _weather(path: str, file: Path | None) -> str:
    if file is None:
        said = 'a summer in Texas; or "epw", "tmy3", "nsrdb", "table" with a file'
        return _lines(("[weather]", ""), ('source = "synthetic"', said))
    source = find_weather_source(file)
    return _lines(("[weather]", ""), (f'source = "{source}"', ""), (f'file = "{path}"', ""))


def _tail() -> str:
    return _lines(
        ("[comfort]", ""),
        ("value_per_k2_h = 0.05", "for an hour one degree away from the best temperature"),
        ("", ""),
        ("[market]", ""),
        ("interval_minutes = 5", ""),
    )


def _tariff(path: str, tariff: RetailTariff) -> str:
    said = 'it does not say how export is paid: "net_metering" or "none"'
    asked = ('# export = "file"', 'as the file says; "net_metering" or "none" in its place')
    export = asked if tariff.export else ('export = "net_metering"', said)
    return _lines(
        ("[market.retail_tariff]", ""),
        (f'file = "{path}"', "billed as it stands; `gridagora check` tells how it was read"),
        export,
        ('# strategy = "price_taker"', "how homes act under it"),
    )


def _lines(*rows: tuple[str, str]) -> str:
    """Return lines of text, each with its comment behind it."""
    return "".join(f"{text:<34} # {said}\n" if said else f"{text}\n" for text, said in rows)
