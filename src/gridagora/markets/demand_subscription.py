"""Demand subscription: each home subscribes a power, pays for it, and pays a premium for every kWh of import beyond it."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from gridagora.core.capacity import CapacityTerms
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.exchange import MeterLimits
from gridagora.core.records import row_blocks
from gridagora.core.registry import register
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, HourPlan, Opening, Planning, Posted, Session
from gridagora.core.tables import Col
from gridagora.settlement.capacity import (
    charge_of_run,
    check_not_negative,
    check_window,
    hours_of,
    mean_by_hour,
    set_energy_rates,
    window_shape,
)
from gridagora.settlement.tariff import NET_METERING, Tariff, check_credit, post, tariff_quotes

CHOICES = ("least_cost", "share", "same")
ALL_HOURS = np.ones(24, np.bool_)


class Subscriptions(NamedTuple):
    """Rates of energy, and what homes have subscribed."""

    tariff: Tariff
    terms: CapacityTerms


@register("market", "demand_subscription")
@dataclass(frozen=True)
class DemandSubscription:
    """Homes subscribe a power [kW] and plan within it: import beyond it, on the mean of an hour, costs over_per_kwh more.

    A kW subscribed costs charge_per_kw_month [$/kW and month], of which a run bills its days. What both charges earn on the
    baseline lowers the rate of energy, so that revenue on the baseline is its cost; the rate may have a dear window,
    [peak_start_h, peak_end_h) in local hours of day, peak_ratio times the rest. Homes that take no part pay by the same terms.

    subscription says how much a home subscribes: "least_cost", what would have been cheapest for it in the baseline, the power
    that it exceeds there for charge_per_kw_month / over_per_kwh hours a month; "share", subscribed_share of its largest hour
    there; "same", subscribed_kw [kW] in every home. It is known to the home and needs no message.

    References
    ----------
    G. L. Doorman, Capacity subscription: solving the peak demand challenge in electricity markets, IEEE Transactions on Power
    Systems 20(1), 2005. The regulator of Norway, NVE, proposed it for homes in 2017, with a premium beyond the subscribed power
    and no disconnection; homes in France, Italy and Spain contract a power as well. Both prices are those of an upgrade, 57.03
    $/kW and year, and on 250 hours .228 $/kWh: California commission, decision 10-12-024.
    """

    rules: ClassVar[Rulebook] = POSTED_PRICE._replace(is_tariff=True, posts_hours=True)

    # how much a home subscribes: what is cheapest in the baseline, a share of its largest hour
    # there, or the same in all
    subscription: str = "least_cost"
    subscribed_kw: float = 5.0  # power that every home subscribes, for subscription 'same'
    # part of its largest hour that a home subscribes, for subscription 'share'
    subscribed_share: float = 0.8
    charge_per_kw_month: float = 4.75  # price of a kW subscribed
    # price of a kWh beyond the subscribed power, on top of that of energy
    over_per_kwh: float = 0.228
    peak_ratio: float = 1.0  # price of energy in the window over that of the other hours
    peak_start_h: float = 14.0  # local hour of day in which the dear window begins
    peak_end_h: float = 20.0  # local hour of day before which it ends
    # what a kWh earns that homes export; left out: as much as an imported one costs (net metering)
    credit_per_kwh: float = NET_METERING
    strategy: str = "price_taker"  # how homes act under it, one of the strategies that fit it

    def __post_init__(self) -> None:
        """Refuse what is no subscription, no charge and no window."""
        where = "market.demand_subscription"
        problems = check_window(where, self.peak_start_h, self.peak_end_h, self.peak_ratio)
        if self.subscription not in CHOICES:
            expected = "one of " + ", ".join(CHOICES)
            problems.append(Problem(f"{where}.subscription", repr(self.subscription), expected))
        for key in ("subscribed_kw", "subscribed_share", "charge_per_kw_month"):
            problems += check_not_negative(f"{where}.{key}", getattr(self, key))
        if not 0 < self.over_per_kwh < float("inf"):
            problems.append(
                Problem(f"{where}.over_per_kwh", str(self.over_per_kwh), "a number above 0")
            )
        problems += check_credit("market.demand_subscription", self.credit_per_kwh)
        if problems:
            raise InputError(problems)

    def start(self, baseline: Baseline) -> Subscriptions:
        """Subscribe for every home, and set the rate of energy that earns what the charges leave of the cost."""
        charge = charge_of_run(baseline, self.charge_per_kw_month)
        terms = CapacityTerms(
            self._subscribe(baseline, charge), charge, self.over_per_kwh, 0.0, ALL_HOURS
        )
        shape = window_shape(
            baseline.local_hour, self.peak_start_h, self.peak_end_h, self.peak_ratio
        )
        where = "market.demand_subscription.charge_per_kw_month"
        tariff = set_energy_rates(baseline, terms, shape, self.credit_per_kwh, where)
        return Subscriptions(tariff, terms)

    def _subscribe(self, baseline: Baseline, charge_per_kw: float) -> Col:
        """Return what every home subscribes, shape (n,) [kW], a kW costing `charge_per_kw` [$] over the run."""
        home_kw = baseline.home_kw
        if home_kw is None:
            return np.zeros(0)
        if self.subscription == "same":
            return np.full(home_kw.shape[0], self.subscribed_kw)
        per, found = hours_of(baseline)[0], [np.zeros(0)]
        for rows in row_blocks(home_kw.shape):
            hourly_kw = mean_by_hour(home_kw, rows, per)
            if self.subscription == "share":
                found.append(self.subscribed_share * hourly_kw.max(1, initial=0.0))
            else:
                found.append(choose_least_cost(hourly_kw, charge_per_kw, self.over_per_kwh))
        return np.concatenate(found)

    def capacity(self, state: Subscriptions) -> CapacityTerms:
        """Return what homes have subscribed and what it costs."""
        return state.terms

    def plan(self, opening: Opening, state: Subscriptions) -> Planning[Subscriptions]:
        """Post the tariff of the window; each home plans within what it has subscribed.

        Raises
        ------
        PartError
            An opening of other homes than have subscribed.
        """
        quotes, subscribed_kw = tariff_quotes(state.tariff, opening), state.terms.subscribed_kw
        if len(subscribed_kw) not in (0, len(opening.party)):
            raise PartError(
                f"demand subscription of {len(subscribed_kw)} homes: the opening has {len(opening.party)}, expected as many"
            )
        yield Posted(quotes)
        party = opening.party[: len(subscribed_kw)]
        shape = len(party), quotes.buy_per_kwh.shape[1]
        limit_kw = np.broadcast_to(subscribed_kw[:, None], shape)
        over = np.broadcast_to(self.over_per_kwh, shape)
        limits = MeterLimits(opening.product, party, limit_kw, over)
        return HourPlan(quotes.buy_per_kwh[0], state, quotes.sell_per_kwh[0], limits=limits)

    def clear(self, opening: Opening, state: Subscriptions) -> Session:
        """Post the tariff of the interval; nobody answers."""
        return post(tariff_quotes(state.tariff, opening))


def choose_least_cost(hourly_kw: Col, charge_per_kw: float, over_per_kwh: float) -> Col:
    """Return the power that costs least to subscribe, (k,) [kW], given what homes import by the hour, (k, H) [kW].

    A kW more costs `charge_per_kw` [$] and saves `over_per_kwh` [$/kWh] in each hour above it.
    """
    above = int(charge_per_kw / over_per_kwh)
    if above >= hourly_kw.shape[1]:
        return np.zeros(len(hourly_kw))
    return np.asarray(-np.partition(-hourly_kw, above, axis=1)[:, above])
