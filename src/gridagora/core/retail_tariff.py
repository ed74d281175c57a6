"""A retail tariff as it is filed: rates of energy by period and block, demand, fixed charge, minimum bill, export."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from gridagora.core.errors import Problem

MONTHS, HOURS = 12, 24
HOUR_MIN = 60
MONTH_D = 30
NET_METERED, NOT_PAID = "net_metering", "none"
CENTS_PER_KWH = 10.0  # a rate above it is taken for cents
DEAR_PER_KWH = 2.0  # one above it is said
DEMAND_MAX, AMOUNT_MAX = 1_000.0, 10_000.0  # per kW and month; per month of a fixed charge
WINDOWS = (5, 10, 15, 20, 30, 60)  # minutes over which demand is a mean
Schedule = tuple[tuple[int, ...], ...]  # 12 months of 24 hours: the number of a period


class EnergyRate(NamedTuple):
    """Rate of energy in one period, by block of what a home takes in a month.

    `upto_kwh` are the upper ends of all blocks but the last, of a month or a day as the tariff says. `export_per_kwh` is paid for
    what leaves a home, None where the tariff is silent.
    """

    name: str
    per_kwh: tuple[float, ...]
    upto_kwh: tuple[float, ...] = ()
    export_per_kwh: float | None = None


class DemandRate(NamedTuple):
    """Charge for a kW of the largest demand of a month in the hours that count: those whose number in the schedule is not 0."""

    name: str
    per_kw_month: float
    weekday: Schedule
    weekend: Schedule
    window_minutes: int = 60  # demand is the mean over so long


class Amount(NamedTuple):
    """Money that does not depend on use: so much a month, and so much a day."""

    per_month: float = 0.0
    per_day: float = 0.0


class RetailTariff(NamedTuple):
    """A tariff; schedules give the number of the energy rate of every hour of day, by month, on weekdays and on weekends.

    Holidays are days like others. `export` is "net_metering", "rate" where periods state what is paid, "none" where nothing is,
    or empty where the tariff is silent. `notes` say in words what was taken of a file.
    """

    name: str
    energy: tuple[EnergyRate, ...]
    weekday: Schedule
    weekend: Schedule
    fixed: Amount = Amount()
    minimum: Amount = Amount()
    demand: tuple[DemandRate, ...] = ()
    export: str = ""
    blocks_by_day: bool = False
    currency: str = ""  # ISO 4217 code; empty: that of the scenario
    source: str = ""
    notes: tuple[str, ...] = ()


def always(number: int = 0) -> Schedule:
    """Return the schedule of one period all year."""
    return ((number,) * HOURS,) * MONTHS


def check_tariff(tariff: RetailTariff, where: str) -> list[Problem]:
    """Return everything that is wrong with a tariff whose numbers and schedules have the right form; `where` names its file."""
    problems: list[Problem] = []
    for rate in tariff.energy:
        problems += _check_energy(rate, f"{where}: energy '{rate.name}'")
    for demand in tariff.demand:
        problems += _check_demand(demand, f"{where}: demand '{demand.name}'")
    for word, amount in (("fixed charge", tariff.fixed), ("minimum bill", tariff.minimum)):
        most = (AMOUNT_MAX, AMOUNT_MAX / MONTH_D)
        if not all(0 <= value <= limit for value, limit in zip(amount, most, strict=True)):
            got = f"{amount.per_month:g} a month and {amount.per_day:g} a day"
            expected = f"0 to {most[0]:,.0f} a month, 0 to {most[1]:.0f} a day"
            problems.append(Problem(f"{where}: {word}", got, expected))
    problems += _check_blocks(tariff, where)
    if not problems and not _charges(tariff):
        hint = "Say what energy, demand or a month costs."
        problems.append(Problem(where, "a tariff that never charges", "a rate above 0", hint))
    return problems


def _check_energy(rate: EnergyRate, where: str) -> Iterator[Problem]:
    ends = rate.upto_kwh
    if len(rate.per_kwh) != len(ends) + 1:
        got = f"{len(rate.per_kwh)} rates and {len(ends)} ends of blocks"
        expected = "a rate for every block, and an end for all but the last"
        yield Problem(where, got, expected)
    rises = all(a < b for a, b in zip((0.0, *ends), ends, strict=False))
    if not rises or not all(math.isfinite(end) for end in ends):
        got = "blocks that end at " + ", ".join(f"{end:g}" for end in ends) + " kWh"
        yield Problem(where, got, "ends above 0 that rise from block to block")
    for value in rate.per_kwh:
        if not 0 <= value <= CENTS_PER_KWH:
            hint = "Money is per kWh: 12 cents are 0.12." if value > CENTS_PER_KWH else ""
            yield Problem(where, f"{value:g} per kWh", f"0 to {CENTS_PER_KWH:g}", hint)
    paid, least = rate.export_per_kwh, min(rate.per_kwh, default=0.0)
    if paid is not None and not 0 <= paid <= least:
        expected = f"0 to {least:g}, the lowest rate of the same period"
        hint = "Homes would buy to sell: what is paid for export may not exceed the rate."
        yield Problem(where, f"{paid:g} per kWh for export", expected, hint)


def _check_demand(rate: DemandRate, where: str) -> Iterator[Problem]:
    if not 0 <= rate.per_kw_month <= DEMAND_MAX:
        yield Problem(where, f"{rate.per_kw_month:g} per kW and month", f"0 to {DEMAND_MAX:g}")
    if rate.window_minutes not in WINDOWS:
        expected = "one of " + ", ".join(map(str, WINDOWS))
        yield Problem(where, f"a mean over {rate.window_minutes:g} minutes", expected)
    if not any(any(hours) for hours in (*rate.weekday, *rate.weekend)):
        yield Problem(where, "no hour in which demand counts", "at least one")


def _check_blocks(tariff: RetailTariff, where: str) -> Iterator[Problem]:
    """Yield months whose periods have blocks that end elsewhere: they are blocks of the month, whatever the hour.

    References
    ----------
    NREL, System Advisor Model, issue 1783 of its repository: blocks of a month are the same in all periods of the month.
    """
    for month in range(MONTHS):
        numbers = sorted({*tariff.weekday[month], *tariff.weekend[month]})
        found = [tariff.energy[number] for number in numbers]
        ends = list(dict.fromkeys(rate.upto_kwh for rate in found if rate.upto_kwh))
        if len(ends) > 1:
            names = " and ".join(f"'{rate.name}'" for rate in found if rate.upto_kwh)
            got = f"blocks of {names} that end at different kWh in month {month + 1}"
            hint = "Blocks are of what a home takes in the month, whatever the hour."
            yield Problem(where, got, "the same ends in all periods of a month", hint)
            return


def _charges(tariff: RetailTariff) -> bool:
    rates = [value for rate in tariff.energy for value in rate.per_kwh]
    rates += [rate.per_kw_month for rate in tariff.demand]
    return any([*rates, *tariff.fixed, *tariff.minimum])


def describe_tariff(tariff: RetailTariff) -> tuple[str, ...]:
    """Return what a tariff charges, in words, and what a reader should look at twice."""
    rates = [value for rate in tariff.energy for value in rate.per_kwh]
    low, high = min(rates), max(rates)
    span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    blocks = max(len(rate.per_kwh) for rate in tariff.energy)
    parts = [f"{span} $/kWh in {_count(len(tariff.energy), 'period')}"]
    if blocks > 1:
        parts.append(f"{blocks} blocks a {'day' if tariff.blocks_by_day else 'month'}")
    parts += [_spell(amount, word) for amount, word in _amounts(tariff) if any(amount)]
    parts += [f"demand '{each.name}' {each.per_kw_month:g} per kW" for each in tariff.demand]
    paid = {NET_METERED: "net metered", NOT_PAID: "not paid", "rate": "at a rate of its own"}
    parts.append(f"export {paid.get(tariff.export, 'not said')}")
    shortest = min((each.window_minutes for each in tariff.demand), default=HOUR_MIN)
    within = f"demand is of {shortest} minutes, loads of appliances are known by the hour: peaks within it are not charged"
    dear = f"a rate of {high:g} per kWh is above {DEAR_PER_KWH:g}: is it in cents?"
    return (
        f"{tariff.name}: {', '.join(parts)}",
        *tariff.notes,
        *within,
        *([within] * (shortest < HOUR_MIN)),
        *([dear] * (high > DEAR_PER_KWH)),
    )


def _amounts(tariff: RetailTariff) -> tuple[tuple[Amount, str], ...]:
    return (tariff.fixed, "fixed"), (tariff.minimum, "minimum bill")


def _spell(amount: Amount, word: str) -> str:
    said = [f"{amount.per_month:g} a month"] * (amount.per_month > 0)
    return f"{word} " + " and ".join(said + [f"{amount.per_day:g} a day"] * (amount.per_day > 0))


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"
