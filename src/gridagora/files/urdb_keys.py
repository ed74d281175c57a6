"""Keys of a record of the Utility Rate Database: those that are read, those that only describe, and what is in them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gridagora.core.errors import Problem, shown
from gridagora.core.retail_tariff import HOURS, MONTHS, Schedule

READ = frozenset(
    {
        "energyratestructure", "energyweekdayschedule", "energyweekendschedule",
        "fixedchargefirstmeter", "fixedchargeunits", "mincharge", "minchargeunits",
        "flatdemandstructure", "flatdemandmonths", "flatdemandunit", "demandratestructure",
        "demandweekdayschedule", "demandweekendschedule", "demandrateunit", "demandwindow",
        "dgrules", "utility", "name", "country", "source", "uri", "startdate", "enddate",
    }
)  # fmt: skip
DESCRIBE = frozenset(
    {
        "label", "approved", "is_default", "eiaid", "sector", "servicetype", "description",
        "sourceparent", "basicinformationcomments", "energycomments", "demandcomments",
        "flatdemandcomments", "voltagecategory", "voltageminimum", "voltagemaximum",
        "phasewiring", "peakkwcapacitymin", "peakkwcapacitymax", "peakkwcapacityhistory",
        "peakkwhusagemin", "peakkwhusagemax", "peakkwhusagehistory", "energyattrs", "demandattrs",
        "fixedattrs", "supersedes", "latest_update", "revisions", "version", "effective_date",
        "end_date", "_id",
    }
)  # fmt: skip
CHARGES = {
    "demandratchetpercentage": "a ratchet of demand",
    "lookbackpercent": "demand of months before",
    "lookbackrange": "demand of months before",
    "lookbackmonths": "demand of months before",
    "coincidentratestructure": "demand at the peak of the system",
    "coincidentrateunit": "demand at the peak of the system",
    "coincidentrateschedule": "demand at the peak of the system",
    "coincidentsched": "demand at the peak of the system",
    "demandreactivepowercharge": "reactive power",
    "fueladjustmentsmonthly": "adjustments by month",
    "fixedchargeeaaddl": "further meters",
    "annualmincharge": "a least bill of a year",
    "demandunits": "another unit of demand",
}  # what they charge for, which is not understood


class FixedCharge(NamedTuple):
    """The keys of an amount and of its units."""

    key: str
    units: str


def find_unread(record: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """Yield the keys of a record that charge for something that is not read, and those that nobody knows; empty ones pass."""
    for key, value in record.items():
        word = key.lower()
        if key in READ or word in DESCRIBE or _is_empty(value):
            continue
        if word in CHARGES:
            got = f"{CHARGES[word]}, {shown(value)}"
            hint = "It is not understood; delete the key if the tariff may be run without it."
        else:
            got, hint = shown(value), "Delete the key where it says nothing about the bill."
        yield Problem(f"{where}: {key}", got, "a key that is read", hint)


def _is_empty(value: Any) -> bool:
    """Return whether a value charges nothing: nothing, nil, or lists of them."""
    if isinstance(value, list | tuple):
        return all(_is_empty(each) for each in value)
    if isinstance(value, dict):
        return all(_is_empty(each) for each in value.values())
    return value is None or value in {"", 0}


def read_number(
    row: Mapping[str, Any], key: str, where: str, problems: list[Problem]
) -> float | None:
    """Return a number of a record, None where it has none; anything else is added to the problems."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.replace(".", "", 1).lstrip("-").isdigit():
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        problems.append(Problem(f"{where}: {key}", shown(value), "a number"))
        return None
    return float(value)


def read_numbers(
    record: Mapping[str, Any], key: str, last: int, where: str, problems: list[Problem]
) -> tuple[int, ...]:
    """Return the number of a period for each month, from 0 to `last`; what is no such list is added to the problems."""
    value = record.get(key)
    if (
        isinstance(value, list)
        and len(value) == MONTHS
        and all(_fits(each, last) for each in value)
    ):
        return tuple(value)
    expected = f"{MONTHS} numbers from 0 to {last}"
    problems.append(Problem(f"{where}: {key}", _first_odd(value, last, MONTHS), expected))
    return (0,) * MONTHS


def read_schedule(
    record: Mapping[str, Any], key: str, last: int, where: str, problems: list[Problem]
) -> Schedule:
    """Return the number of the period of every hour by month; what is no such schedule is added to the problems."""
    value = record.get(key)
    none = ((0,) * HOURS,) * MONTHS
    if last < 0:  # the structure is told
        return none
    if not isinstance(value, list) or len(value) != MONTHS:
        got = "nothing" if value is None else _first_odd(value, last, MONTHS)
        expected = f"{MONTHS} months of {HOURS} hours"
        problems.append(Problem(f"{where}: {key}", got, expected))
        return none
    for month, hours in enumerate(value):
        if not isinstance(hours, list) or len(hours) != HOURS:
            got = _first_odd(hours, last, HOURS)
            problems.append(Problem(f"{where}: {key}[{month}]", got, f"{HOURS} hours"))
            return none
        odd = next((hour for hour, each in enumerate(hours) if not _fits(each, last)), None)
        if odd is not None:
            at = f"{where}: {key}[{month}][{odd}]"
            problems.append(Problem(at, shown(hours[odd]), f"a period that exists, 0 to {last}"))
            return none
    return tuple(tuple(hours) for hours in value)


def _fits(value: Any, last: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= last


def _first_odd(value: Any, last: int, size: int) -> str:
    """Return what is odd of a list, in words."""
    if not isinstance(value, list):
        return "nothing" if value is None else shown(value)
    if len(value) != size:
        return f"{len(value)} entries"
    return shown(next((each for each in value if not _fits(each, last)), value))


def read_amount(
    record: Mapping[str, Any], charge: FixedCharge, where: str, problems: list[Problem]
) -> tuple[float, float]:
    """Return an amount a month and a day; a unit that is neither of a month, a day nor a year is added to the problems."""
    value = read_number(record, charge.key, where, problems) or 0.0
    unit = str(record.get(charge.units) or "$/month").replace(" ", "").lower()
    if unit in {"$/month", "$/day", "$/year"} or not value:
        per_month = value if unit == "$/month" else value / MONTHS
        return (0.0, value) if unit == "$/day" else (per_month, 0.0)
    expected = "'$/month', '$/day' or '$/year'"
    problems.append(Problem(f"{where}: {charge.units}", f"'{unit}'", expected))
    return 0.0, 0.0
