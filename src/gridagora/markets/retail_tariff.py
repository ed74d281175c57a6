"""A retail tariff of one's own: homes plan on its rates and are billed by it, whatever energy costs at the substation."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.exchange import Quotes, quote
from gridagora.core.product import HOUR_S
from gridagora.core.registry import register
from gridagora.core.retail_tariff import NET_METERED, NOT_PAID, RetailTariff
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.core.tables import Index
from gridagora.settlement.retail_bill import plan_prices
from gridagora.settlement.retail_terms import DAY_H, RetailTerms, lay_out_terms
from gridagora.settlement.tariff import (
    Tariff,
    plan_each,
    plan_on,
    post,
    select_products,
    set_tariff,
    tariff_quotes,
)

AS_FILED = "file"
EXPORT = (AS_FILED, NET_METERED, NOT_PAID)
FILED: Rulebook = POSTED_PRICE._replace(is_tariff=True, posts_hours=True, posts_windows=True)


class FiledRates(NamedTuple):
    """Prices that homes plan on by class, the class of every home (n,), and what they are billed by."""

    tariff: Tariff
    home_class: Index
    terms: RetailTerms


@register("market", "retail_tariff")
@dataclass(frozen=True)
class RetailTariffDesign:
    """A tariff of a file, billed as it stands: periods, blocks, seasons, demand, a fixed charge, a minimum bill, export.

    `file` is a table of one's own (TOML) or a record of the Utility Rate Database (JSON). Rates are not scaled: what they earn
    beside what energy and wires cost is the margin of the operator. A month of which a run has some days is billed for these.
    `export` is "file", as the tariff says, or "net_metering" or "none" in its place.

    Homes plan on the rate of the block in which their month ended in the baseline, and under several charges for demand against
    the highest of the month; they pay all of it. Without a file it is the flat rate with homes that plan, as `flat_optimised`.

    References
    ----------
    J. C. Bonbright, Principles of Public Utility Rates, Columbia University Press, 1961. The form of the file follows what the
    Utility Rate Database of OpenEI knows of a tariff, openei.org/wiki/Utility_Rate_Database.
    """

    rules: ClassVar[Rulebook] = FILED

    file: str = ""  # the tariff: a TOML file of one's own, or a JSON file of one record of the URDB
    export: str = AS_FILED  # how export is paid: as the file says, or by a word in its place
    strategy: str = "price_taker"  # how homes act under it, one of the strategies that fit it

    def __post_init__(self) -> None:
        """Refuse a word that says nothing of export."""
        if self.export not in EXPORT:
            expected = "one of " + ", ".join(EXPORT)
            where = "market.retail_tariff.export"
            raise InputError([Problem(where, repr(self.export), expected)])

    def bill_by(self, tariff: RetailTariff) -> "FiledTariff":
        """Return the design that bills by the tariff of the file.

        Raises
        ------
        InputError
            A tariff and a key that are both silent on export.
        """
        if self.export == AS_FILED and tariff.export:
            return FiledTariff(tariff, self.strategy)
        if self.export == AS_FILED:
            got = f"a tariff '{tariff.name}' that does not say how export is paid"
            expected = f"export = '{NET_METERED}' or '{NOT_PAID}'"
            raise InputError([Problem("market.retail_tariff.export", got, expected)])
        energy = tuple(rate._replace(export_per_kwh=None) for rate in tariff.energy)
        return FiledTariff(tariff._replace(energy=energy, export=self.export), self.strategy)

    def start(self, baseline: Baseline) -> Tariff:
        """Set one rate that earns what the baseline costs."""
        return set_tariff(baseline, np.ones(len(baseline.local_hour)))

    def plan(self, opening: Opening, state: Tariff) -> Planning[Tariff]:
        """Post the rate of the window; nobody answers."""
        return plan_on(tariff_quotes(state, opening), state)

    def clear(self, opening: Opening, state: Tariff) -> Session:
        """Post the rate of the interval; nobody answers."""
        return post(tariff_quotes(state, opening))


@dataclass(frozen=True)
class FiledTariff:
    """The design with the tariff that its file holds, checked."""

    rules: ClassVar[Rulebook] = FILED

    tariff: RetailTariff
    strategy: str = "price_taker"

    def start(self, baseline: Baseline) -> FiledRates:
        """Lay the tariff over the days of the run, and find in which block the month of every home ends.

        Raises
        ------
        InputError
            Demand over minutes that intervals do not tile.
        PartError
            A baseline that does not say its first day.
        """
        begun = baseline.start_s, baseline.duration_s
        if baseline.fixed_per_kwh is not None:  # there is no baseline yet
            rate = set_tariff(baseline, np.ones((1, len(baseline.local_hour))))
            terms = lay_out_terms(self.tariff, 0, DAY_H, DAY_H)
            return FiledRates(rate, np.zeros(0, np.int64), terms)
        if baseline.first_day is None:
            raise PartError(
                f"tariff '{self.tariff.name}': the baseline does not say its first day, by which months and weekends are told"
            )
        self._check_windows(baseline.duration_s)
        per = HOUR_S // baseline.duration_s
        hours = len(baseline.local_hour) // per
        home_kw = np.zeros((0, hours * per)) if baseline.home_kw is None else baseline.home_kw
        terms = lay_out_terms(self.tariff, baseline.first_day, home_kw.shape[1] // per, hours)
        planned = plan_prices(terms, home_kw, per)
        price, credit = (np.repeat(column, per, axis=1) for column in planned[1:])
        return FiledRates(Tariff(*begun, price, credit), planned.home_class, terms)

    def _check_windows(self, duration_s: int) -> None:
        """Refuse demand over minutes that intervals do not tile; over less than an interval it is the mean of that."""
        problems = [
            Problem(
                f"tariff '{self.tariff.name}', demand '{each.name}'",
                f"a mean over {each.window_minutes} minutes",
                f"minutes that intervals of {duration_s / 60:g} tile",
                "Set [market] interval_minutes to a part of it.",
            )
            for each in self.tariff.demand
            if each.window_minutes * 60 > duration_s and each.window_minutes * 60 % duration_s
        ]
        if problems:
            raise InputError(problems)

    def billing(self, state: FiledRates) -> RetailTerms:
        """Return what homes are billed by."""
        return state.terms

    def plan(self, opening: Opening, state: FiledRates) -> Planning[FiledRates]:
        """Post the rates of the window to each home; nobody answers."""
        quotes = _quotes(opening, state)
        return plan_on(quotes, state) if _is_one(state) else plan_each(quotes, state)

    def clear(self, opening: Opening, state: FiledRates) -> Session:
        """Post the rates of the interval; nobody answers."""
        return post(_quotes(opening, state))


def _is_one(state: FiledRates) -> bool:
    """Return whether all homes plan on the same rates."""
    return len(state.tariff.import_per_kwh) == 1


def _quotes(opening: Opening, state: FiledRates) -> Quotes:
    """Return the rates of the products of an opening, by the class of each home."""
    price, credit = select_products(state.tariff, opening)
    if _is_one(state):
        return quote(opening.product, opening.party, price[0], credit[0])
    own = state.home_class[opening.party]
    return quote(opening.product, opening.party, price[own], credit[own])
