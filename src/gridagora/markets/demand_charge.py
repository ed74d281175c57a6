"""Demand charge: beside a rate of energy, each home pays for the largest hour of its import."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from gridagora.core.capacity import CapacityTerms
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.core.tables import Flag
from gridagora.settlement.capacity import (
    charge_of_run,
    check_not_negative,
    check_window,
    set_energy_rates,
    window_shape,
)
from gridagora.settlement.tariff import (
    NET_METERING,
    Tariff,
    check_credit,
    plan_on,
    post,
    tariff_quotes,
)

COUNTED = ("all", "peak")


class DemandTariff(NamedTuple):
    """Rates of energy, and the charge for the largest hour."""

    tariff: Tariff
    terms: CapacityTerms


@register("market", "demand_charge")
@dataclass(frozen=True)
class DemandCharge:
    """Homes pay charge_per_kw_month [$/kW and month] for their largest import on the mean of an hour, and plan against it.

    Demand counts in all hours, or with counted "peak" in the window [peak_start_h, peak_end_h) of local hours of day alone. A run
    bills its days: the largest hour of these, at their share of a month. What the charge earns on the baseline lowers the rate
    of energy, so that revenue on the baseline is its cost; in the window energy may cost peak_ratio times the rest. Homes that
    take no part pay by the same terms.

    A home knows the largest hour so far, which is spent: it plans the power up to which it will go in the next hours, one kW more
    costing the charge, and keeps to that. It does not plan beyond its window of hours.

    References
    ----------
    R. Hledik, Rediscovering residential demand charges, The Electricity Journal 27(7), 2014, doi 10.1016/j.tej.2014.07.003.
    Demand in on-peak hours alone: Salt River Project, Residential Demand Price Plan, srpnet.com. The charge is the yearly cost
    of an upgrade, 57.03 $/kW, by the month: California commission, decision 10-12-024.
    """

    rules: ClassVar[Rulebook] = POSTED_PRICE._replace(is_tariff=True, posts_hours=True)

    charge_per_kw_month: float = 4.75  # charge for the largest hour of a home
    counted: str = "all"  # hours in which demand counts: all, or those of the window
    peak_ratio: float = 1.0  # price of energy in the window over that of the other hours
    peak_start_h: float = 14.0  # local hour of day in which the dear window begins
    peak_end_h: float = 20.0  # local hour of day before which it ends
    # what a kWh earns that homes export; left out: as much as an imported one costs (net metering)
    credit_per_kwh: float = NET_METERING
    strategy: str = "price_taker"  # how homes act under it, one of the strategies that fit it

    def __post_init__(self) -> None:
        """Refuse what is no charge, no window and no hours that count."""
        where = "market.demand_charge"
        problems = check_window(where, self.peak_start_h, self.peak_end_h, self.peak_ratio)
        if self.counted not in COUNTED:
            expected = "one of " + ", ".join(COUNTED)
            problems.append(Problem(f"{where}.counted", repr(self.counted), expected))
        problems += check_not_negative(f"{where}.charge_per_kw_month", self.charge_per_kw_month)
        problems += check_credit("market.demand_charge", self.credit_per_kwh)
        if problems:
            raise InputError(problems)

    def start(self, baseline: Baseline) -> DemandTariff:
        """Set the rate of energy that earns what the charge leaves of the cost."""
        homes = 0 if baseline.home_kw is None else baseline.home_kw.shape[0]
        charge = charge_of_run(baseline, self.charge_per_kw_month)
        terms = CapacityTerms(np.full(homes, np.inf), 0.0, 0.0, charge, self._counted())
        shape = window_shape(
            baseline.local_hour, self.peak_start_h, self.peak_end_h, self.peak_ratio
        )
        where = "market.demand_charge.charge_per_kw_month"
        tariff = set_energy_rates(baseline, terms, shape, self.credit_per_kwh, where)
        return DemandTariff(tariff, terms)

    def _counted(self) -> Flag:
        """Return the local hours of day in which demand counts, shape (24,)."""
        hour = np.arange(24)
        inside = (hour >= self.peak_start_h) & (hour < self.peak_end_h)
        return inside if self.counted == "peak" else np.ones(24, np.bool_)

    def capacity(self, state: DemandTariff) -> CapacityTerms:
        """Return what the largest hour costs."""
        return state.terms

    def plan(self, opening: Opening, state: DemandTariff) -> Planning[DemandTariff]:
        """Post the tariff of the window; each home plans how far its import will go."""
        return plan_on(tariff_quotes(state.tariff, opening), state)

    def clear(self, opening: Opening, state: DemandTariff) -> Session:
        """Post the tariff of the interval; nobody answers."""
        return post(tariff_quotes(state.tariff, opening))
