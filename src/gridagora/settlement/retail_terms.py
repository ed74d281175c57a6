"""A retail tariff laid over the days of a run: which rate holds in every hour, and what its months are billed for.

A month of which a run has some days is billed for these: ends of blocks, fixed charge, minimum bill and the charge for a kW of
demand are in proportion to them.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from gridagora.core.ports import Market
from gridagora.core.retail_tariff import HOUR_MIN, NET_METERED, Amount, RetailTariff, Schedule
from gridagora.core.tables import Col, Flag, Index
from gridagora.settlement.tariff import Tariff

DAY_H = 24
MONDAY = 3  # 1 January 1970 was a Thursday


class MonthlyDemand(NamedTuple):
    """A charge for the largest mean power over `window_minutes` in the hours of each month that count."""

    name: str
    per_kw: Col  # (m,) of the days that the run has of each month
    counted: Flag  # (H,)
    window_minutes: int


class RetailTerms(NamedTuple):
    """What homes pay under a tariff over the m calendar months of a run: H hours, p rates of energy, b blocks.

    `month` and `rate` are rows for every hour, also of the hours that plans see beyond the end, which belong to the last month.
    `export_per_kwh` is None under net metering: what leaves a home is then taken off what enters it in the month.
    """

    month: Index  # (H,)
    rate: Index  # (H,)
    per_kwh: Col  # (p, b)
    upto_kwh: Col  # (m, b - 1) ends of all blocks but the last, inf where a month has fewer
    export_per_kwh: Col | None  # (p,)
    fixed_usd: Col  # (m,)
    minimum_usd: Col  # (m,)
    demand: tuple[MonthlyDemand, ...]
    run_h: int  # hours of the run itself


@runtime_checkable
class BillingMarket(Protocol):
    """A market whose homes are billed by a retail tariff."""

    def billing(self, state: Any) -> RetailTerms:
        """Return the terms, given what the design remembers at the start of a run."""


@runtime_checkable
class RatesByClass(Protocol):
    """What a design remembers whose homes plan on prices by class."""

    @property
    def tariff(self) -> Tariff:
        """Prices of every interval, a row for each class."""

    @property
    def home_class(self) -> Index:
        """The class of every home, shape (n,)."""


@runtime_checkable
class TariffMarket(Protocol):
    """A market that bills by the tariff of a file, which whoever reads files gives it."""

    @property
    def file(self) -> str:
        """Path of the tariff; empty where there is none."""

    def bill_by(self, tariff: RetailTariff) -> Market[Any]:
        """Return the design that bills by a tariff, checked."""


@runtime_checkable
class BilledByFile(Protocol):
    """A market that holds the tariff that it bills by."""

    @property
    def tariff(self) -> RetailTariff:
        """The tariff, checked."""


def charges_within_hour(market: object) -> bool:
    """Return whether a market charges demand over less than an hour, within which loads of appliances are not known."""
    if not isinstance(market, BilledByFile) or not isinstance(market.tariff, RetailTariff):
        return False
    return any(each.window_minutes < HOUR_MIN for each in market.tariff.demand)


class _Days(NamedTuple):
    """Of every day of a run and of those that plans see beyond it, (d,) each."""

    month: Index  # row
    of_year: Index  # 0 to 11
    is_weekend: Flag
    billed: Index  # (m,) days of each month that the run has
    share: Col  # (m,) of the month


def lay_out_terms(tariff: RetailTariff, first_day: int, run_h: int, hours: int) -> RetailTerms:
    """Return the terms of a run of `run_h` hours from local midnight; rates are laid over `hours`, which plans see.

    Parameters
    ----------
    tariff
        Checked.
    first_day
        First local day of the run, in days since 1970.
    run_h, hours
        Hours of the run, and with those that plans see beyond it.
    """
    days = _find_days(first_day, run_h, hours)
    rate = _lay_schedule(tariff.weekday, tariff.weekend, days, hours)
    blocks = max(len(each.per_kwh) for each in tariff.energy)
    per_kwh = np.array([_fill(each.per_kwh, blocks, each.per_kwh[-1]) for each in tariff.energy])
    scale = days.billed if tariff.blocks_by_day else days.share
    upto_kwh = _month_ends(tariff, days, blocks) * scale[:, None]
    export = np.array([each.export_per_kwh or 0.0 for each in tariff.energy])
    month = np.repeat(days.month, DAY_H)[:hours]
    demand = tuple(
        MonthlyDemand(
            each.name,
            each.per_kw_month * days.share,
            _lay_schedule(each.weekday, each.weekend, days, hours) > 0,
            each.window_minutes,
        )
        for each in tariff.demand
    )
    return RetailTerms(
        month,
        rate,
        per_kwh,
        upto_kwh,
        None if tariff.export == NET_METERED else export,
        _of_months(tariff.fixed, days),
        _of_months(tariff.minimum, days),
        demand,
        run_h,
    )


def _find_days(first_day: int, run_h: int, hours: int) -> _Days:
    day = first_day + np.arange(-(-hours // DAY_H))
    calendar = day.astype("datetime64[D]")
    months = calendar.astype("datetime64[M]")
    number = months.astype(np.int64)
    run_days = run_h // DAY_H
    row = np.minimum(number, number[run_days - 1]) - number[0]
    billed = np.bincount(row[:run_days])
    first = months[0] + np.arange(len(billed))
    length = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.int64)
    is_weekend = (day + MONDAY) % 7 >= 5
    return _Days(row, number % 12, is_weekend, billed, billed / length)


def _lay_schedule(weekday: Schedule, weekend: Schedule, days: _Days, hours: int) -> Index:
    """Return the number that stands in a schedule for every hour, shape (hours,)."""
    both = np.array([weekday, weekend])
    laid = both[days.is_weekend.astype(np.int64), days.of_year]
    return np.asarray(laid.ravel()[:hours], np.int64)


def _fill(values: tuple[float, ...], size: int, last: float) -> tuple[float, ...]:
    return values + (last,) * (size - len(values))


def _month_ends(tariff: RetailTariff, days: _Days, blocks: int) -> Col:
    """Return where the blocks of every month end, shape (m, b - 1) [kWh a month or a day]; they are those of all its periods."""
    ends = np.full((len(days.billed), blocks - 1), np.inf)
    for row in range(len(ends)):
        of_year = int(days.of_year[np.argmax(days.month == row)])
        held = {*tariff.weekday[of_year], *tariff.weekend[of_year]}
        found = max((tariff.energy[each].upto_kwh for each in held), key=len)
        ends[row, : len(found)] = found
    return ends


def _of_months(amount: Amount, days: _Days) -> Col:
    """Return what an amount is over the days of each month, shape (m,) [$]."""
    return np.asarray(amount.per_month * days.share + amount.per_day * days.billed)


def demand_ahead(terms: RetailTerms, hour: int, hours: int) -> tuple[float, Flag]:
    """Return the charge for a kW that homes plan on from an hour on [$/kW], and in which of so many hours it counts, (h,).

    Of several charges it is the highest of the month; hours of the next month do not count.
    """
    month = terms.month[hour]
    charges = [float(each.per_kw[month]) for each in terms.demand]
    counted = np.zeros(hours, np.bool_)
    if not any(charges):
        return 0.0, counted
    most = int(np.argmax(charges))
    window = slice(hour, hour + hours)
    held = terms.demand[most].counted[window] & (terms.month[window] == month)
    counted[: len(held)] = held
    return charges[most], counted


def begins_month(terms: RetailTerms, hour: int) -> bool:
    """Return whether an hour is the first of a month after the first, when the largest demand begins anew."""
    return hour > 0 and bool(terms.month[hour] != terms.month[hour - 1])
