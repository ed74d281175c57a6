"""A tariff of the Utility Rate Database, version 8, as JSON: what is not understood is refused by name.

References
----------
OpenEI, Utility Rate Database, "Response fields" of utility_rates version 8, openei.org/services/doc/rest/util_rates.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridagora.core.errors import InputError, Problem, shown
from gridagora.core.retail_tariff import (
    NET_METERED,
    Amount,
    DemandRate,
    EnergyRate,
    RetailTariff,
    Schedule,
)
from gridagora.files.tariff_calendar import read_window
from gridagora.files.text_table import read_text
from gridagora.files.urdb_keys import (
    FixedCharge,
    find_unread,
    read_amount,
    read_number,
    read_numbers,
    read_schedule,
)

UNITS = {"kWh": False, "kWh daily": True}  # whether blocks are of a day
TIER = ("rate", "adj", "max", "unit", "sell")
DOLLARS = ("USA", "US")  # countries of the database whose money is the dollar
EXPORT = {"Net Metering": NET_METERED, "Net Billing Instantaneous": "rate", "": ""}
FIXED = FixedCharge("fixedchargefirstmeter", "fixedchargeunits")
LEAST = FixedCharge("mincharge", "minchargeunits")


def read_urdb(path: Path) -> RetailTariff:
    """Read one tariff of the Utility Rate Database; rates are the sum of `rate` and `adj`, periods count from 0.

    Raises
    ------
    InputError
        Text that is not JSON, several tariffs in one file, structures that do not fit together, and every key that charges for
        something that is not understood, such as a ratchet: all at once.
    """
    where = str(path)
    record, problems = _record(path), list[Problem]()
    problems += find_unread(record, where)
    energy, by_day = _energy(record, where, problems)
    last = len(energy) - 1
    weekday = read_schedule(record, "energyweekdayschedule", last, where, problems)
    weekend = read_schedule(record, "energyweekendschedule", last, where, problems)
    demand = _flat_demand(record, where, problems) + _period_demand(record, where, problems)
    fixed, least = (read_amount(record, each, where, problems) for each in (FIXED, LEAST))
    export = _export(record, energy, where, problems)
    if problems:
        raise InputError(dict.fromkeys(problems))
    if export != "rate":
        energy = [rate._replace(export_per_kwh=None) for rate in energy]
    named = [str(record[key]) for key in ("utility", "name") if record.get(key)]
    country = str(record.get("country", "USA"))
    return RetailTariff(
        ", ".join(named) or path.stem,
        tuple(energy),
        weekday,
        weekend,
        Amount(*fixed),
        Amount(*least),
        demand,
        export,
        by_day,
        "USD" if country in DOLLARS else "",
        str(record.get("source") or record.get("uri") or ""),
        _notes(record),
    )


def _record(path: Path) -> dict[str, Any]:
    """Return the one tariff of a file: a record alone, in a list, or in the answer of the database."""
    expected = "one tariff of the Utility Rate Database, version 8"
    try:
        found = json.loads(read_text(path))
    except ValueError as fault:
        got = f"text that is not JSON: {fault}"
        raise InputError([Problem(str(path), got, expected)]) from None
    if isinstance(found, dict) and isinstance(found.get("items"), list):
        found = found["items"]
    if isinstance(found, list):
        if len(found) != 1:
            hint = "Keep one of them in the file."
            raise InputError([Problem(str(path), f"{len(found)} tariffs", expected, hint)])
        found = found[0]
    if not isinstance(found, dict) or "energyratestructure" not in found:
        hint = "Ask the database for detail=full; a tariff of one's own is a TOML file."
        raise InputError([Problem(str(path), "no energyratestructure", expected, hint)])
    return found


def _energy(
    record: Mapping[str, Any], where: str, problems: list[Problem]
) -> tuple[list[EnergyRate], bool]:
    """Return the rates of all periods, and whether their blocks are of a day."""
    rates, units = [], set()
    for number, tiers in enumerate(_tiers(record, "energyratestructure", TIER, where, problems)):
        at = f"{where}: energyratestructure[{number}]"
        units |= {str(tier.get("unit", "kWh")) for tier in tiers}
        paid = {read_number(tier, "sell", at, problems) for tier in tiers} - {None}
        if len(paid) > 1:
            hint = "Homes are paid one rate in a period; write the same in all blocks."
            problems.append(Problem(f"{at}.sell", "rates that differ by block", "one rate", hint))
        per_kwh = tuple(_sum_rate(tier, at, problems) for tier in tiers)
        ends = _ends(tiers, at, problems)
        rates.append(EnergyRate(f"period {number}", per_kwh, ends, next(iter(paid), None)))
    for unit in sorted(units - set(UNITS)):
        expected = "'kWh' or 'kWh daily'"
        hint = "Blocks that depend on demand, kWh/kW, are not understood."
        problems.append(Problem(f"{where}: energyratestructure.unit", f"'{unit}'", expected, hint))
    if len(units) > 1:
        got = " and ".join(f"'{unit}'" for unit in sorted(units))
        problems.append(Problem(f"{where}: energyratestructure.unit", got, "one unit throughout"))
    return rates, units == {"kWh daily"}


def _tiers(
    record: Mapping[str, Any],
    key: str,
    known: tuple[str, ...],
    where: str,
    problems: list[Problem],
) -> list[list[Mapping[str, Any]]]:
    """Return the blocks of every period of a structure."""
    found = record.get(key) or []
    is_sound = isinstance(found, list) and all(isinstance(each, list) and each for each in found)
    if not is_sound or not all(isinstance(tier, dict) for each in found for tier in each):
        expected = "a list of periods, each a list of blocks"
        problems.append(Problem(f"{where}: {key}", shown(found), expected))
        return []
    for number, tiers in enumerate(found):
        stray = sorted({name for tier in tiers for name in tier} - set(known))
        at = f"{where}: {key}[{number}]"
        problems += [Problem(at, f"a key '{name}'", f"{', '.join(known)}") for name in stray]
    return found


def _sum_rate(tier: Mapping[str, Any], where: str, problems: list[Problem]) -> float:
    rate, more = (read_number(tier, key, where, problems) for key in ("rate", "adj"))
    if rate is None and more is None:
        problems.append(Problem(where, "a block without rate", "what it costs, rate or adj"))
    return round((rate or 0.0) + (more or 0.0), 9)  # tariffs have five digits or so


def _ends(tiers: list[Mapping[str, Any]], where: str, problems: list[Problem]) -> tuple[float, ...]:
    """Return the ends of all blocks but the last, which has none."""
    ends = [read_number(tier, "max", where, problems) for tier in tiers]
    if ends[-1] is not None:
        hint = "Delete max of the last block; nothing says what energy beyond it costs."
        problems.append(Problem(where, f"a last block that ends at {ends[-1]:g}", "no max", hint))
    if None in ends[:-1]:
        problems.append(Problem(where, "a block before the last without max", "where it ends"))
    return tuple(end for end in ends[:-1] if end is not None)


def _flat_demand(
    record: Mapping[str, Any], where: str, problems: list[Problem]
) -> tuple[DemandRate, ...]:
    """Return charges for the largest demand of a month in any hour, by the months in which they hold."""
    charges = _charges(record, "flatdemandstructure", "flatdemandunit", where, problems)
    if not charges:
        return ()
    months = read_numbers(record, "flatdemandmonths", len(charges) - 1, where, problems)
    made = []
    for number, charge in enumerate(charges):
        held: Schedule = tuple((int(month == number),) * 24 for month in months)
        if charge and number in months:
            made.append(_demand(f"flat {number}", charge, held, held, record, where, problems))
    return tuple(made)


def _period_demand(
    record: Mapping[str, Any], where: str, problems: list[Problem]
) -> tuple[DemandRate, ...]:
    """Return charges for the largest demand of a month in the hours of a period."""
    charges = _charges(record, "demandratestructure", "demandrateunit", where, problems)
    if not charges:
        return ()
    days = [
        read_schedule(record, key, len(charges) - 1, where, problems)
        for key in ("demandweekdayschedule", "demandweekendschedule")
    ]
    made = []
    for number, charge in enumerate(charges):
        weekday, weekend = (
            tuple(tuple(int(hour == number) for hour in month) for month in each) for each in days
        )
        if charge and any(any(month) for month in (*weekday, *weekend)):
            name = f"period {number}"
            made.append(_demand(name, charge, weekday, weekend, record, where, problems))
    return tuple(made)


def _charges(
    record: Mapping[str, Any], key: str, unit_key: str, where: str, problems: list[Problem]
) -> list[float]:
    """Return what a kW costs in each period of a structure; blocks of demand are refused unless they cost the same."""
    found = []
    known = ("rate", "adj", "max", "unit")
    for number, tiers in enumerate(_tiers(record, key, known, where, problems)):
        at = f"{where}: {key}[{number}]"
        rates = {_sum_rate(tier, at, problems) for tier in tiers}
        if len(rates) > 1:
            hint = "Blocks of demand are not understood."
            problems.append(Problem(at, "rates that differ by kW", "one rate a kW", hint))
        found.append(next(iter(rates)))
    unit = str(record.get(unit_key) or "kW")
    if any(found) and unit != "kW":
        hint = "Demand is the largest mean power of a month, in kW."
        problems.append(Problem(f"{where}: {unit_key}", f"'{unit}'", "'kW'", hint))
    return found


def _demand(
    name: str,
    charge: float,
    weekday: Schedule,
    weekend: Schedule,
    record: Mapping[str, Any],
    where: str,
    problems: list[Problem],
) -> DemandRate:
    minutes = read_number(record, "demandwindow", where, problems)
    window = read_window(minutes, f"{where}: demandwindow", problems)
    return DemandRate(name, charge, weekday, weekend, window)


def _export(
    record: Mapping[str, Any], energy: list[EnergyRate], where: str, problems: list[Problem]
) -> str:
    """Return how export is paid, by `dgrules`; where they are silent, at `sell` where every period has one."""
    rules = str(record.get("dgrules") or "")
    sells = [rate for rate in energy if rate.export_per_kwh is not None]
    if rules not in EXPORT:
        expected = "'Net Metering', 'Net Billing Instantaneous', or nothing"
        hint = "Exports are netted within an interval; no other rule is understood."
        problems.append(Problem(f"{where}: dgrules", f"'{rules}'", expected, hint))
        return ""
    if rules == "Net Metering" and any(rate.export_per_kwh for rate in sells):
        hint = "Net metering pays the price of import: delete sell, or the rule."
        problems.append(Problem(f"{where}: dgrules", "net metering beside sell", "one", hint))
    if rules == "Net Metering":
        return NET_METERED
    if sells and len(sells) < len(energy):
        expected = "sell in every period, or in none"
        problems.append(Problem(f"{where}: energyratestructure", "sell in some periods", expected))
    if rules and not sells:
        got = "no sell beside dgrules that pay it"
        problems.append(Problem(f"{where}: energyratestructure", got, "sell in every period"))
    return "rate" if sells else ""


def _spell_day(value: Any) -> str:
    """Return a day that a record has in seconds since 1970 as people write it."""
    is_time = isinstance(value, int | float) and not isinstance(value, bool)
    return str(np.datetime64(int(value), "s").astype("M8[D]")) if is_time else str(value)


def _notes(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a reader should know of a record."""
    has_demand = record.get("flatdemandstructure") or record.get("demandratestructure")
    notes = [
        f"{word} {_spell_day(record[key])}"
        for key, word in (("startdate", "in force from"), ("enddate", "to"))
        if record.get(key)
    ]
    if has_demand and "demandwindow" not in record:
        notes.append("it does not say over how long demand is a mean: an hour is taken")
    if (country := record.get("country")) and str(country) not in DOLLARS:
        notes.append(f"of {country}: its money is taken for that of the scenario")
    if FIXED.key in record and FIXED.units not in record:
        notes.append("it does not say the units of its fixed charge: $/month are taken")
    attributes = [key for key in ("energyattrs", "demandattrs", "fixedattrs") if record.get(key)]
    notes += [f"it has {key}, which are not read: see whether they charge" for key in attributes]
    return tuple(notes)
