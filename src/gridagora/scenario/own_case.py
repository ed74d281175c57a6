"""A scenario for what somebody has: a feeder, a table of homes, metered loads, prices; what is lacking is drawn and said."""

import os
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem, attempt
from gridagora.files.time_table import read_time_table
from gridagora.scenario.calendar import midnight_s
from gridagora.scenario.metered_loads import read_metered
from gridagora.sources.members import read_members

DAYS = 7  # of a run, where the files have so many
SUMMER = date(2024, 7, 15)  # of what is drawn, where no file says a day
HOUR_S, DAY_S = 3600, 86400


class OwnFiles(NamedTuple):
    """Files that somebody has, None where there is none."""

    feeder: Path | None = None
    homes: Path | None = None
    loads: Path | None = None
    prices: Path | None = None


class RunSpan(NamedTuple):
    """Days of a run: the first, and how many."""

    first: date
    days: int


def write_case(files: OwnFiles, folder: Path, timezone: str, title: str) -> str:
    """Return the text of a scenario of these files, as it is read from a folder, with a comment for every key in use.

    The run covers up to a week of days that loads and prices both have.

    Raises
    ------
    InputError
        Files that are not there or cannot be read, and loads and prices that share no day: all at once.
    """
    problems: list[Problem] = []
    for name, path in files._asdict().items():
        if path is not None and not (path.is_file() or (name == "loads" and path.is_dir())):
            problems.append(Problem(f"--{name}", f"'{path}'", "a file that exists"))
    if problems:
        raise InputError(problems)
    if files.homes is not None:
        attempt(lambda: read_members(Path(str(files.homes))), problems)
    span = attempt(lambda: find_span(files, timezone), problems)
    if problems or span is None:
        raise InputError(problems)
    at = {
        name: "" if path is None else os.path.relpath(path.resolve(), folder.resolve())
        for name, path in files._asdict().items()
    }
    parts = (
        _head(title, span, timezone),
        _feeder(at["feeder"]),
        _homes(at["homes"], at["loads"]),
        _prices(at["prices"]),
        _tail(),
    )
    return "\n".join(part.replace("\\", "/") for part in parts)


def find_span(files: OwnFiles, timezone: str) -> RunSpan:
    """Return the first local day that loads and prices both have, and up to a week from it; a day in July where neither is given.

    Raises
    ------
    InputError
        What is wrong with a file, or files that share no whole day.
    """
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
    end = min((each[1] for each in found if each), default=np.inf)
    if not np.isfinite(begin):
        return RunSpan(SUMMER, DAYS)
    first = pd.Timestamp(begin, unit="s", tz="UTC").tz_convert(timezone)
    day = first.date() if first == first.normalize() else first.date() + timedelta(days=1)
    days = int((end - midnight_s(day, timezone)) // DAY_S)
    if days < 1:
        got = f"loads and prices that both hold {max(end - begin, 0.0) / 3600:g} hours"
        raise InputError([Problem("--loads, --prices", got, "at least one local day in both")])
    return RunSpan(day, min(days, DAYS))


def _hours_of_loads(path: Path, timezone: str, origin_s: int) -> tuple[float, float]:
    """Return when the loads of a file begin and end [s UTC]."""
    found = read_metered(path, origin_s, timezone)
    return float(found.start_s), float(found.start_s + HOUR_S * found.load_kw.shape[1])


def _hours_of_prices(path: Path, timezone: str, origin_s: int) -> tuple[float, float]:
    """Return when the prices of a file begin and end [s UTC]."""
    table = read_time_table(path, timezone, origin_s)
    return float(table.start_s[0]), float(table.start_s[-1] + table.step_s)


def _head(title: str, span: RunSpan, timezone: str) -> str:
    designs = '["flat", "flat_optimised", "tou", "rtp", "central", "layered", "peer"]'
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
        (f"architectures = {designs}", ""),
    )


def _feeder(path: str) -> str:
    if not path:
        said = 'no network is known: no losses, no voltages; or "opendss" with a file'
        return _lines(("[feeder]", ""), ('source = "busbar"', said))
    return _lines(
        ("[feeder]", ""),
        ('source = "opendss"', ""),
        (f'file = "{path}"', ""),
        (
            "other_peak_share = 0.6",
            "of their rating, what loads that are no homes draw in office hours",
        ),
    )


def _homes(table: str, loads: str) -> str:
    rows = [("[homes]", "")]
    if table:
        rows.append((f'table = "{table}"', "a row a home; what it lacks is drawn"))
    if loads:
        rows.append((f'loads = "{loads}"', "a column a home"))
        rows.append(
            ('loads_hold = "all"', '"appliances": heating, cooling, hot water are drawn beside')
        )
    if not table and not loads:
        rows.append(("count = 12", ""))
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


def _tail() -> str:
    return _lines(
        ("[weather]", ""),
        ('source = "synthetic"', 'a summer in Texas; or "epw", "tmy3", "nsrdb" with a file'),
        ("", ""),
        ("# [substation]", "a limit of the whole, where there is one"),
        ("# limit_kw = 100", ""),
        ("", ""),
        ("[tariff]", ""),
        ("# credit_per_kwh = 0.05", "what an export earns under a tariff; left out: net metering"),
        ("", ""),
        ("[comfort]", ""),
        ("value_per_k2_h = 0.05", "for an hour one degree away from the best temperature"),
        ("", ""),
        ("[market]", ""),
        ("interval_minutes = 5", ""),
    )


def _lines(*rows: tuple[str, str]) -> str:
    """Return lines of text, each with its comment behind it."""
    return "".join(f"{text:<34} # {said}\n" if said else f"{text}\n" for text, said in rows)
