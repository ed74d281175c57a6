"""A retail tariff of one's own: homes plan on its rates and are billed by it, whatever energy costs at the substation."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.exchange import Quotes, quote
from gridagora.core.product import HOUR_S
from gridagora.core.registry import register
from gridagora.core.retail_tariff import NET_METERED, NOT_PAID, EnergyRate, RetailTariff, always
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.core.tables import Index
from gridagora.settlement.retail_bill import plan_blocks, plan_prices
from gridagora.settlement.retail_terms import DAY_H, RetailTerms, lay_out_terms
from gridagora.settlement.tariff import (
    Tariff,
    plan_each,
    plan_on,
    post,
    set_tariff,
    tariff_quotes,
)

AS_FILED = "file"
EXPORT = (AS_FILED, NET_METERED, NOT_PAID)
FILED: Rulebook = POSTED_PRICE._replace(is_tariff=True, posts_hours=True, posts_windows=True)


class FiledRates(NamedTuple):
    """What homes are billed by from a time on, and the blocks they plan in: of every class (c, m), the class of each (n,)."""

    start_s: int
    terms: RetailTerms
    home_class: Index
    block: Index

    @property
    def tariff(self) -> Tariff:
        """Prices that homes plan on by class, over all hours that plans see."""
        hour = np.arange(len(self.terms.rate))
        return Tariff(self.start_s, HOUR_S, *plan_prices(self.terms, self.block, hour))


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
        if baseline.fixed_per_kwh is not None:  # there is no baseline yet
            rate = (EnergyRate(self.tariff.name, (baseline.fixed_per_kwh,)),)
            one = RetailTariff(self.tariff.name, rate, always(), always(), export=NET_METERED)
            terms = lay_out_terms(one, 0, DAY_H, max(DAY_H, len(baseline.local_hour)))
            return FiledRates(baseline.start_s, terms, *plan_blocks(terms, np.zeros((0, DAY_H)), 1))
        if baseline.first_day is None:
            raise PartError(
                f"tariff '{self.tariff.name}': the baseline does not say its first day, by which months and weekends are told"
            )
        self._check_windows(baseline.duration_s)
        per = HOUR_S // baseline.duration_s
        hours = len(baseline.local_hour) // per
        home_kw = np.zeros((0, hours * per)) if baseline.home_kw is None else baseline.home_kw
        terms = lay_out_terms(self.tariff, baseline.first_day, home_kw.shape[1] // per, hours)
        return FiledRates(baseline.start_s, terms, *plan_blocks(terms, home_kw, per))

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
    return len(state.block) == 1


def _quotes(opening: Opening, state: FiledRates) -> Quotes:
    """Return the rates of the products of an opening, by the class of each home."""
    product, steps = opening.product, np.arange(len(opening.supply.import_per_kwh))
    hour = (product.start_s - state.start_s + product.duration_s * steps) // HOUR_S
    price, credit = plan_prices(state.terms, state.block, hour)
    if _is_one(state):
        return quote(product, opening.party, price[0], credit[0])
    own = state.home_class[opening.party]
    return quote(product, opening.party, price[own], credit[own])
