"""The central market: from all specifications an operator finds prices that keep the feeder within its limit at least cost.

With `network = "limits"` it keeps voltages and ratings as well: it asks the network operator what its plan does to the feeder,
and plans again with the rows that the answer holds, each at a price, until the exact flow is what the rows say of it. Every home
then has a price of its own. Theory 3.4.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Status, Transactions, quote
from gridagora.core.limits import Limits, keep_reserve
from gridagora.core.network_operator import NetworkState
from gridagora.core.product import Commodity, Horizon
from gridagora.core.registry import register
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing, Rulebook
from gridagora.core.session import (
    Baseline,
    Clearing,
    Commitment,
    GateOpen,
    HourPlan,
    Opening,
    Planning,
    Posted,
    PricePath,
    Session,
    SpecRequest,
    limits_of,
    shift_path,
    supply_curve,
)
from gridagora.core.session import SupplyOffer as Tendered
from gridagora.core.spec import Spec
from gridagora.core.tables import Col
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, Coordination, coordinate, recover
from gridagora.kernels.curves.curve import Curves, clear, power_at
from gridagora.kernels.stores.value import best_response
from gridagora.mechanisms.network_interval import AGREED_SHARE, IntervalTerms, clear_with_rows
from gridagora.mechanisms.network_limits import (
    NETWORKS,
    LimitTerms,
    NetworkFit,
    NetworkPlan,
    RowPath,
    RowTable,
    add_rows,
    begin_rows,
    follow_network,
    make_rows,
    no_rows,
    price_at_homes,
    read_rows,
)
from gridagora.mechanisms.row_choice import plan_with_few

THREADS = 2  # for rows of one kind; results do not depend on it
FILLED, SPENT = int(Status.FILLED), int(Status.ROUNDS_SPENT)
LIMITS = NETWORKS[1]
OPERATOR = -1  # the counterparty of every transaction
REACH_KW = 1e4  # per resource: above the power of any
DAY_H = 24
Specs = tuple[Spec, ...]  # one table for each kind of device


class Schedule(NamedTuple):
    """A day ahead: power of every resource p_kw (r, h) [kW], its price (h,) [$/kWh], and the relative gap that both certify."""

    p_kw: Col
    price_per_kwh: Col
    gap_share: float


class Remembered(NamedTuple):
    """What is known from before where the network is kept: prices of energy, and of rows of plans and of intervals."""

    path: PricePath
    planned: RowPath
    cleared: RowPath


class Outlook(NamedTuple):
    """What is planned beside power and rows: the price of energy (h,) and at every home (H, h) [$/kWh], None where it is one.

    `answers` are those that the next plan may mix, `gap_share` is the certified gap.
    """

    price_per_kwh: Col
    home_per_kwh: Col | None
    answers: tuple[Answer, ...]
    gap_share: float


@register("market", "central")
@dataclass(frozen=True)
class Central:
    """An operator that knows every device plans all homes for the most welfare, as wholesale markets do, then clears intervals.

    reserve_share keeps that share of the limit free for on/off units that cannot follow exactly (theory 3.4); rounds_max
    bounds the prices the operator tries each hour, rounds_day_ahead those of midnight, on which positions settle; gap is the
    certified relative gap at which it stops earlier. With network "limits" voltages and ratings are kept too, by at most
    network_plans plans after the first, and a home pays the price at its meter. With reactive, inverters offer reactive power
    once active power is cleared.
    """

    fixed: ClassVar[Rulebook] = Rulebook(
        strategies=("look_ahead",),
        bidder=Bidder.DEVICE,
        discloses=Disclosure.SPECS,
        look_ahead=LookAhead.OPTIMISED,
        pricing=Pricing.UNIFORM,
        commits=(Horizon.DAY_AHEAD,),
        sees_limit=True,
    )

    # share of the limit that is kept free for on/off units, which cannot follow exactly
    reserve_share: float = 0.03
    rounds_max: int = 6  # prices that the operator tries in an hour, at most
    # prices that it tries at midnight, at most, on which positions settle
    rounds_day_ahead: int = 20
    gap: float = 1e-4  # distance to the least cost at which it stops earlier, of that cost [share]
    strategy: str = "look_ahead"  # how homes act under it, one of the strategies that fit it
    # whether the operator keeps the substation alone, or voltages and ratings of the feeder as well:
    # "none" or "limits"
    network: str = "none"
    network_plans: int = (
        8  # plans around an exact flow of the feeder, at most, for an hour or interval
    )
    # whether inverters offer reactive power where a power factor is agreed, or it is priced at meters
    reactive: bool = False

    @property
    def rules(self) -> Rulebook:
        """One price for all, or one at every meter where voltages and ratings are kept; reactive power where the key says so."""
        pricing = Pricing.NODAL if self.network == LIMITS else Pricing.UNIFORM
        also = (Commodity.Q,) if self.reactive else ()
        return self.fixed._replace(pricing=pricing, commodities=(Commodity.P, *also))

    def __post_init__(self) -> None:
        """Refuse parameters outside their range."""
        rules = (
            ("reserve_share", 0 <= self.reserve_share < 1, "a share in [0, 1)"),
            ("rounds_max", self.rounds_max >= 1, "one price an hour or more"),
            ("rounds_day_ahead", self.rounds_day_ahead >= 1, "one price a day or more"),
            ("gap", self.gap >= 0, "a share of the cost of 0 or more"),
            ("network", self.network in NETWORKS, "one of " + ", ".join(NETWORKS)),
            ("network_plans", self.network_plans >= 1, "one plan or more"),
        )
        broken = [
            Problem(f"market.central.{key}", repr(getattr(self, key)), rule)
            for key, good, rule in rules
            if not good
        ]
        if broken:
            raise InputError(broken)

    def start(self, baseline: Baseline) -> None:
        """Return no state: prices start from the supply cost."""
        del baseline

    def plan(
        self, opening: Opening, state: PricePath | Remembered | None
    ) -> Planning[PricePath | Remembered | None]:
        """Ask for every spec, find the prices of the window, and at the gate of the day ahead the power they bind."""
        specs = (yield SpecRequest(opening.product)) or _refuse("specs")
        before = state.path if isinstance(state, Remembered) else state
        # the certificate is valid only at the price it was found with: positions and plans use that price
        first = self.find_outlook(opening, specs, before, state)
        plan = first
        if self.network == LIMITS:
            fit = yield from self.plan_network(opening, specs, first)
            plan = fit.plan
        energy, at_home, _, gap_share = plan.found
        path = energy if at_home is None else at_home
        yield Posted(quote(opening.product, opening.party, path))
        after: PricePath | Remembered = PricePath(opening.product.start_s, energy)
        if self.network == LIMITS:
            now = state.cleared if isinstance(state, Remembered) else plan.rows
            after = Remembered(PricePath(opening.product.start_s, energy), plan.rows, now)
        if not opening.binds:
            return HourPlan(path, after)
        by_home = np.zeros((len(opening.party), path.shape[-1]))
        np.add.at(by_home, np.concatenate([spec.party for spec in specs]), plan.p_kw)
        bound = Commitment(opening.product, DAY_H, by_home, path - opening.supply.import_per_kwh)
        return HourPlan(path, after, commitments=(bound,), gap_share=gap_share)

    def find_outlook(
        self,
        opening: Opening,
        specs: Specs,
        before: PricePath | None,
        state: PricePath | Remembered | None,
    ) -> NetworkPlan[Outlook]:
        """Return the plan that knows the substation alone: prices, and powers where they bind or are asked of the network."""
        path, found = self.search_prices(opening, specs, before)
        rows = (
            state.planned if isinstance(state, Remembered) else no_rows(opening.product, len(path))
        )
        if opening.binds:
            bound = self.schedule(opening, specs, path)
            ahead = Outlook(bound.price_per_kwh, None, (), bound.gap_share)
            return NetworkPlan(bound.p_kw, rows, ahead)
        ahead = Outlook(path, None, (), float("nan"))
        if self.network != LIMITS:
            return NetworkPlan(np.zeros((0, len(path))), rows, ahead)
        p_kw = found.p_kw if isinstance(found, Answer) else _recover(found, specs)
        return NetworkPlan(p_kw, rows, ahead)

    def plan_network(
        self, opening: Opening, specs: Specs, first: NetworkPlan[Outlook]
    ) -> Generator[Any, Any, NetworkFit[Outlook]]:
        """Follow the exact flow of the network with plans that know its rows; yields what the network operator answers."""
        group = np.repeat(np.arange(len(specs)), [len(spec.party) for spec in specs])
        limits, product = self.available_limits(opening), opening.product
        steps = len(opening.supply.base_kw)
        rounds = self.rounds_day_ahead if opening.binds else self.rounds_max

        def replan(
            state: NetworkState, before: NetworkPlan[Outlook]
        ) -> Generator[Any, Any, NetworkPlan[Outlook]]:
            return plan_with_few(make_rows(state.limits), before, partial(plan_rows, state))

        def plan_rows(
            state: NetworkState, rows: RowTable, before: NetworkPlan[Outlook]
        ) -> Generator[Any, Any, NetworkPlan[Outlook]]:
            yield from ()  # a plan of specifications asks nobody

            def price_homes(price_per_kwh: Col) -> Col:
                at_rows = read_rows(price_per_kwh, rows, product)
                return price_per_kwh[:steps] + price_at_homes(state, at_rows)

            found = coordinate(
                lambda price: find_responses(specs, price_homes(price)),
                add_rows(make_supply_row(opening.supply, limits, len(group)), rows),
                group,
                np.append(before.found.price_per_kwh, begin_rows(before.rows, rows, product)),
                homes=max(1, len(group)),
                rounds_max=rounds,
                tolerance=self.gap,
                hard=opening.binds,
                by_kw=rows.by_kw,
                seeds=before.found.answers,
            )
            price, share = (
                found.price_per_kwh,
                max(0.0, found.gap_usd) / max(1e-9, abs(found.high_usd)),
            )
            mixed = tuple(found.answers[row] for row in np.flatnonzero(found.weight.any(axis=1)))
            outlook = Outlook(price[:steps], price_homes(price), mixed, share)
            return NetworkPlan(_recover(found, specs), read_rows(price, rows, product), outlook)

        return (yield from follow_network(product, first, replan, self.limit_terms()))

    def prices(self, opening: Opening, specs: Specs, before: PricePath | None) -> Col:
        """Return the price of every step of the window, shape (h,) [$/kWh]: cost where nothing binds, else coordinated.

        Parameters
        ----------
        opening
            `supply` holds the forecast cost and base load, the first of the limits is the substation's.
        specs
            The belief of every device over the h steps.
        before
            Prices of the opening before.

        References
        ----------
        Price decomposition with a certified gap: `kernels.coordination.dual`.
        """
        return self.search_prices(opening, specs, before)[0]

    def search_prices(
        self, opening: Opening, specs: Specs, before: PricePath | None
    ) -> tuple[Col, Answer | Coordination]:
        """Return what `prices` does (h,) [$/kWh], and the answer to it or the search that found it."""
        supply, limits = opening.supply, self.available_limits(opening)
        cost = supply.import_per_kwh
        answer = find_responses(specs, cost)
        q = supply.base_kw + answer.p_kw.sum(0)
        if (q <= limits.high[0]).all() and q.min() >= 0:
            return cost, answer
        least = supply.export_per_kwh - limits.over_per_kwh[0]
        last = np.full_like(cost, np.nan) if before is None else shift_path(before, opening)
        start = np.where(np.isfinite(last), np.maximum(last, least), cost)
        found = self.coordinated(opening, specs, start, self.rounds_max, hard=False)
        return found.price_per_kwh, found

    def schedule(self, opening: Opening, specs: Specs, price_per_kwh: Col) -> Schedule:
        """Return the day-ahead power and price of every resource: responses, combined where a single one exceeds the limit.

        `price_per_kwh` (h,) [$/kWh] is where the search begins. The gap is certified: no schedule of the specs costs less than
        the bound that the answers to the returned price prove.
        """
        found = self.coordinated(opening, specs, price_per_kwh, self.rounds_day_ahead, hard=True)
        share = max(0.0, found.gap_usd) / max(1e-9, abs(found.high_usd))
        return Schedule(_recover(found, specs), found.price_per_kwh, share)

    def coordinated(
        self, opening: Opening, specs: Specs, start_per_kwh: Col, rounds: int, *, hard: bool
    ) -> Coordination:
        """Return what the coordinator finds from a first price (h,) [$/kWh]; each kind of resource is a group of similar rows."""
        group = np.repeat(np.arange(len(specs)), [len(spec.party) for spec in specs])
        return coordinate(
            lambda price: find_responses(specs, price),
            make_supply_row(opening.supply, self.available_limits(opening), len(group)),
            group,
            start_per_kwh,
            homes=max(1, len(group)),
            rounds_max=rounds,
            tolerance=self.gap,
            hard=hard,
        )

    def clear(self, opening: Opening, state: PricePath | Remembered | None) -> Session:
        """Receive every curve, clear once at the substation, and award each device its power on its own curve."""
        supply = opening.supply
        tenders = (yield GateOpen(opening.product)) or _refuse("tenders")
        curves = Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh)
        cleared = clear(
            curves, float(supply.base_kw[0]), *supply_curve(supply, self.available_limits(opening))
        )
        power = power_at(curves, cleared.price_per_kwh, cleared.share)[:, None]
        n = len(opening.party)
        price, status = np.full((n, 1), cleared.price_per_kwh), np.full(n, FILLED)
        at_home: Col | None = None
        if self.network == LIMITS and n:
            energy, rows = price[0], no_rows(opening.product, 1)
            if isinstance(state, Remembered):
                rows = state.cleared._replace(start_s=opening.product.start_s)
            first = NetworkPlan(power, rows, Outlook(energy, None, (), 0.0))
            fit = yield from self.clear_network(opening, curves, first)
            if fit.plans and fit.state is not None:
                power, at_home = fit.plan.p_kw, fit.plan.found.home_per_kwh
            if at_home is not None and fit.state is not None:
                price = at_home[fit.state.home]
                spent = fit.gap_share > AGREED_SHARE
                status = np.full(n, SPENT if spent else FILLED)
            if isinstance(state, Remembered):
                state = state._replace(cleared=fit.plan.rows)
        awards = Transactions(
            opening.product, opening.party, np.full(n, OPERATOR), power, price, status
        )
        learned = state if self.network == LIMITS else None
        home = None if at_home is None else at_home[:, 0]
        return Clearing(awards, home_per_kwh=home, state=learned)

    def clear_network(
        self, opening: Opening, curves: Curves, first: NetworkPlan[Outlook]
    ) -> Generator[Any, Any, NetworkFit[Outlook]]:
        """Follow the exact flow of the network with awards on the same curves; yields what the network operator answers."""
        product, limits = opening.product, self.available_limits(opening)
        supply = make_supply_row(opening.supply, limits, len(opening.party))

        def replan(
            state: NetworkState, before: NetworkPlan[Outlook]
        ) -> Generator[Any, Any, NetworkPlan[Outlook]]:
            return plan_with_few(make_rows(state.limits), before, partial(clear_rows, state))

        def clear_rows(
            state: NetworkState, rows: RowTable, before: NetworkPlan[Outlook]
        ) -> Generator[Any, Any, NetworkPlan[Outlook]]:
            yield from ()  # curves have been heard
            start = np.append(before.found.price_per_kwh, begin_rows(before.rows, rows, product))
            found = clear_with_rows(
                curves, supply, rows, start, IntervalTerms(), before.found.answers
            )
            at_rows = read_rows(found.price_per_kwh, rows, product)
            at_home = found.price_per_kwh[0] + price_at_homes(state, at_rows)
            outlook = Outlook(found.price_per_kwh[:1], at_home, found.answers, 0.0)
            return NetworkPlan(found.p_kw[:, None], at_rows, outlook)

        terms = self.limit_terms()._replace(agreed_share=AGREED_SHARE)
        return (yield from follow_network(product, first, replan, terms))

    def limit_terms(self) -> LimitTerms:
        """Return how the operator follows the network."""
        return LimitTerms(plans=self.network_plans, reserve_share=self.reserve_share)

    def available_limits(self, opening: Opening) -> Limits:
        """Return the limits less the reserve."""
        return keep_reserve(limits_of(opening), self.reserve_share)


def make_supply_row(s: Tendered, limits: Limits, devices: int) -> SupplyCost:
    """Return the supply and the substation limit as input of the coordinator of this number of devices."""
    h = len(s.base_kw)
    reach = REACH_KW * (1 + devices)
    return SupplyCost(
        np.ones(h),
        s.base_kw,
        s.import_per_kwh,
        s.export_per_kwh,
        limits.low[0].clip(min=-reach),
        limits.high[0].clip(max=reach),
        np.full(h, limits.over_per_kwh[0]),
        np.zeros(h),
        np.full(h, -reach),
        np.full(h, reach),
    )


def _refuse(what: str) -> NoReturn:
    raise InputError(
        [Problem("market.central", f"no {what}", "a strategy that tenders, such as 'look_ahead'")]
    )


def _recover(found: Coordination, specs: Specs) -> Col:
    """Return powers (r, h) [kW] that can be played out of a search."""
    gain_in = np.concatenate([spec.stores.gain_in for spec in specs])
    gain_out = np.concatenate([spec.stores.gain_out for spec in specs])
    return recover(found, gain_in, gain_out)


def find_responses(specs: Specs, price_per_kwh: Col) -> Answer:
    """Return the best response of every spec, as computed by the operator from the specifications.

    The price is one for all, (h,) [$/kWh], or that of each home, (H, h).
    """
    by_home = price_per_kwh.ndim > 1
    found = [
        best_response(
            spec.stores,
            price_per_kwh,
            price_per_kwh,
            spec.party if by_home else None,
            threads=THREADS,
        )
        for spec in specs
    ]
    p_kw = np.concatenate([r.p_kw for r in found])
    cost = np.concatenate([r.cost_usd for r in found])
    bound = np.concatenate([r.bound_usd for r in found])
    if not by_home:
        return Answer(p_kw, cost - p_kw @ price_per_kwh, bound)
    paid = (p_kw * price_per_kwh[np.concatenate([spec.party for spec in specs])]).sum(1)
    return Answer(p_kw, cost - paid, bound)
