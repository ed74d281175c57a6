"""The layered market (DyMonDS): every entity looks ahead for itself, one curve goes up each layer, one price comes down.

Theory 3.5.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.exchange import (
    Plans,
    Status,
    Transactions,
    quote,
    tender,
)
from gridagora.core.limits import Bounds, bounds_of, keep_reserve
from gridagora.core.network_operator import NetworkCheck, NetworkState
from gridagora.core.place import lift_kw
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.registry import register
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing, Rulebook
from gridagora.core.session import (
    Baseline,
    Clearing,
    Commitment,
    GateOpen,
    HourPlan,
    LayerMessages,
    Opening,
    PeerMessages,
    Planning,
    PricePath,
    Session,
    SupplyOffer,
    Topology,
    bounds_at_places,
    limits_of,
    shift_path,
    site_of,
    supply_curve,
)
from gridagora.core.tables import Col, Index
from gridagora.kernels.coordination.dual import Answer, Coordination, coordinating
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.layers import TreeCleared
from gridagora.mechanisms.layer_bundle import (
    count_parties,
    find_branches,
    find_reach_kw,
    relay_plans,
    spread_rows,
    stack_rows,
)
from gridagora.mechanisms.layer_plan import (
    NetworkMemory,
    add_row_prices,
    keep_cleared,
    learn_row_prices,
    remember_rows,
    table_rows,
)
from gridagora.mechanisms.layer_rows import NEAR_SHARE, NETWORKS
from gridagora.mechanisms.layer_search import (
    Ask,
    RowSearch,
    ask_curves,
    ask_plans,
    group_branches,
    search_rows,
    sum_down,
    take_premiums,
)
from gridagora.mechanisms.layers import clear_space
from gridagora.mechanisms.network_interval import (
    AGREED_SHARE,
    find_worth,
    keep_heaviest,
)
from gridagora.mechanisms.network_limits import (
    LimitTerms,
    NetworkFit,
    NetworkPlan,
    RowTable,
    begin_rows,
    follow_network,
    keep_rows_reserve,
    no_rows,
)
from gridagora.mechanisms.row_choice import plan_with_few

FILLED, SPENT = int(Status.FILLED), int(Status.ROUNDS_SPENT)
DAY_H = 24
RUN_H = 366 * DAY_H  # a long-term product holds to the end of the run
LayeredState = PricePath | NetworkMemory | None
Ahead = NetworkPlan[tuple[HourPlan[LayeredState], PricePath, tuple[Answer, ...]]]
REBASES = 8  # exact flows of an interval, at most
ROUNDS = 40  # prices that are tried around one of them, at most
# distance of awards to the best at which they end earlier, of what they cost beside what was first cleared
GAP_SHARE = 1e-5


class IntervalPrices(NamedTuple):
    """Prices of an interval at m places and n homes, and the answers from which the next search begins."""

    premium_per_kwh: Col  # (m, 1)
    answers: tuple[Answer, ...]
    place_per_kwh: Col  # (m,)
    home_per_kwh: Col  # (n, 1)


Awarded = NetworkPlan[IntervalPrices]


class RoundShares(NamedTuple):
    """To every place and home, when a search ends: which plans hold."""

    product: Product
    party: Index  # (n,)
    share: Col  # (n, r) of each of r rounds in the plan, 0..1


MESSAGES: Mapping[type, str] = MappingProxyType({RoundShares: "iw"})  # as in `core.encoding`


@register("market", "layered")
@dataclass(frozen=True)
class Layered:
    """Homes, transformers, zones and the feeder each sum the curves below them, keep their limit, and pass one curve up.

    Look-ahead stays inside the entities: an interval is cleared on its own, on curves that hold the value of what comes later.
    `blocks` shortens the curve of every layer above the home (0 passes every breakpoint). Each hour `rounds` price paths go down
    and plans come up; a layer whose plan breaks its limit raises the premium of that hour by `learning_per_kwh` for every kW an
    average home is too much, and takes it back when there is room. At midnight, when positions are bound, paths and plans go on
    until the plan is certified within `gap` of its least cost, for `rounds_day_ahead` at most: homes then add to each plan what
    it costs them. `reserve_share` of each limit is kept free for on/off units that cannot follow exactly. With
    `energy_products` homes also hold energy for the run and for each day, which the day-ahead and real-time markets settle on: a
    hedge, which moves bills by what forward prices missed, and no power. `reactive` lets inverters offer reactive power where
    the scenario agrees a power factor, or prices it at every meter. With `network` "limits" every voltage and rating of the
    feeder is a row of the layer that holds what it can steer: intervals are cleared again, with a price of each row in its
    layer, until the exact flow agrees.

    References
    ----------
    M. D. Ilic, Dynamic Monitoring and Decision Systems for enabling sustainable energy services, Proc. IEEE 99 (2011),
    doi 10.1109/JPROC.2010.2089478.
    """

    blocks: int = 0  # blocks of the curve that a layer passes up; 0: every breakpoint [count]
    rounds: int = 1  # rounds of price paths and plans in an hour
    rounds_day_ahead: int = 20  # rounds at midnight, at most
    # distance of a plan to its least cost at which rounds at midnight end, of that cost [share]
    gap: float = 1e-4
    # what a layer raises the price of an hour by for every kW that an average home is too much
    # [$/kWh]
    learning_per_kwh: float = 0.005
    # share of the limit that is kept free for on/off units, which cannot follow exactly
    reserve_share: float = 0.03
    # whether homes also hold energy for the run and for each day, as a hedge
    energy_products: bool = False
    # whether inverters offer reactive power where a power factor is agreed, or it is priced at meters
    reactive: bool = True
    # what of the network intervals are cleared with: nothing, or its limits of voltages and ratings
    network: str = "none"
    strategy: str = "home"  # how homes act under it, one of the strategies that fit it

    def __post_init__(self) -> None:
        """Refuse parameters outside their range."""
        rules = (
            ("blocks", self.blocks >= 0, "0 for exact curves, or a number of blocks"),
            ("rounds", self.rounds >= 1, "one round an hour or more"),
            ("rounds_day_ahead", self.rounds_day_ahead >= 1, "one round a day or more"),
            ("gap", self.gap >= 0, "a share of the cost of 0 or more"),
            ("learning_per_kwh", self.learning_per_kwh >= 0, "a price of 0 or more"),
            ("reserve_share", 0 <= self.reserve_share < 1, "a share in [0, 1)"),
        )
        broken = [
            Problem(f"market.layered.{key}", str(getattr(self, key)), rule)
            for key, good, rule in rules
            if not good
        ]
        if self.network not in NETWORKS:
            expected, hint = "one of " + ", ".join(NETWORKS), nearest(self.network, NETWORKS)
            broken.append(Problem("market.layered.network", repr(self.network), expected, hint))
        if broken:
            raise InputError(broken)

    @property
    def rules(self) -> Rulebook:
        """One curve of each whole home; energy products and reactive power where the keys say so."""
        energy = (Horizon.LONG_TERM, Horizon.SHORT_TERM) if self.energy_products else ()
        return Rulebook(
            strategies=("home",),
            bidder=Bidder.HOME,
            discloses=Disclosure.CURVES,
            look_ahead=LookAhead.NEGOTIATED,
            pricing=Pricing.BY_PLACE,
            commits=(*energy, Horizon.DAY_AHEAD),
            commodities=(
                Commodity.P,
                *((Commodity.E,) if energy else ()),
                *((Commodity.Q,) if self.reactive else ()),
            ),
            sees_limit=True,
        )

    def start(self, baseline: Baseline) -> None:
        """Return no state: premiums start at zero."""
        del baseline

    def plan(self, opening: Opening, state: LayeredState) -> Planning[LayeredState]:
        """Quote a price path to every home and receive plans; at the day-ahead gate, until the gap is certified."""
        memory = state if isinstance(state, NetworkMemory) else None
        known = state.premium if isinstance(state, NetworkMemory) else state
        premium = start_premiums(opening, known)
        added = add_row_prices(memory, opening.product, len(opening.party), premium.shape[1])
        plan = yield from (
            self.negotiate_day_ahead(opening, premium)
            if opening.binds
            else self.update_premiums(opening, premium, added)
        )
        if self.network == "limits":
            plan = yield from self.follow_limits(opening, plan, memory)
        return plan._replace(commitments=self.commitments(opening, plan, first=state is None))

    def follow_limits(
        self, opening: Opening, plan: HourPlan[LayeredState], memory: NetworkMemory | None
    ) -> Planning[LayeredState]:
        """Plan on with rows of the network: at the day-ahead gate until its exact flow agrees, else their prices move once."""
        p_kw, premium = plan.p_kw, plan.state
        if p_kw is None or not isinstance(premium, PricePath):
            _refuse("plans")
        nothing = no_rows(opening.product, p_kw.shape[1])
        before, cleared = (nothing, None) if memory is None else (memory.rows, memory.cleared)
        if opening.binds:
            first: Ahead = NetworkPlan(p_kw, before, (plan, premium, ()))
            terms = LimitTerms(reserve_share=self.reserve_share)

            def replan(told: NetworkState, last: Ahead) -> Generator[Any, Any, Ahead]:
                table = table_rows(told, last.p_kw)
                return plan_with_few(table, last, partial(self.negotiate_rows, opening))

            fit = yield from follow_network(opening.product, first, replan, terms)
            plan = fit.plan.found[0]
            if not isinstance(plan.state, NetworkMemory):
                return plan
            return plan._replace(state=plan.state._replace(cleared=cleared))
        told = yield NetworkCheck(opening.product, p_kw, None, NEAR_SHARE, before.name)
        told = keep_rows_reserve(told, self.reserve_share)
        if not told.limits.name:
            return plan
        table = table_rows(told, p_kw)
        learned = learn_row_prices(table, before, opening.product, p_kw, self.learning_per_kwh)
        return plan._replace(state=remember_rows(premium, learned, table, cleared))

    def negotiate_rows(
        self, opening: Opening, table: RowTable, last: Ahead
    ) -> Generator[Any, Any, Ahead]:
        """Return a plan with rows of a network state, by the search of `negotiate_day_ahead` with each of them in it."""
        site, bounds = site_of(opening), self.available_limits(opening)
        _, before, seeds = last.found
        limited = (site.tree.parent >= 0) & np.isfinite(bounds.high_kw).any(1)
        branch = find_branches(site.tree)[site.place]
        got = yield from search_rows(
            opening,
            RowSearch(
                bounds,
                table,
                branch if limited.any() else np.zeros_like(site.place),
                before.value_per_kwh,
                begin_rows(last.rows, table, opening.product),
                seeds,
                ask_plans,
            ),
            self.rounds_day_ahead,
            self.gap,
        )
        found = got.found
        yield announce_result(opening, len(site.tree.parent), found.rounds)
        premium = PricePath(opening.product.start_s, got.premium_per_kwh)
        kept = remember_rows(premium, got.rows, table)
        gap = max(0.0, found.gap_usd) / max(1e-9, abs(found.high_usd))
        share = found.weight[:, found.group].T
        ended: HourPlan[LayeredState] = HourPlan(
            got.home_per_kwh, kept, p_kw=got.p_kw, gap_share=gap, round_share=share
        )
        return NetworkPlan(got.p_kw, got.rows, (ended, premium, found.answers))

    def commitments(
        self, opening: Opening, plan: HourPlan[LayeredState], *, first: bool
    ) -> tuple[Commitment, ...]:
        """Return the positions that a plan binds: hours at the day-ahead gate; energy of the run and of each day by key.

        An energy product holds no premium: a limit binds in hours, and even power leaves room in each of them.
        """
        if plan.p_kw is None:
            return ()
        bound = []
        even_kw = plan.p_kw.mean(1, keepdims=True)
        if self.energy_products:
            energy = opening.product._replace(commodity=Commodity.E)
            if first:
                bound.append(
                    Commitment(
                        energy._replace(horizon=Horizon.LONG_TERM), RUN_H, even_kw, np.zeros(1)
                    )
                )
            if opening.binds:
                bound.append(
                    Commitment(
                        energy._replace(horizon=Horizon.SHORT_TERM), DAY_H, even_kw, np.zeros(1)
                    )
                )
        if opening.binds:
            premium = plan.price_per_kwh - opening.supply.import_per_kwh
            bound.append(Commitment(opening.product, DAY_H, plan.p_kw, premium))
        return tuple(bound)

    def update_premiums(self, opening: Opening, premium: Col, added: Col) -> Planning[LayeredState]:
        """Update the premium (m, h) [$/kWh] of each layer after each round, for the next path; nothing binds.

        Homes pay `added` (n, h) [$/kWh] above the price of their place.
        """
        site, supply, bounds = site_of(opening), opening.supply, self.available_limits(opening)
        homes = count_parties(site, opening.homes)
        kept, total_kw = 0, np.zeros((len(opening.party), premium.shape[1]))
        for turn in range(self.rounds):
            path = supply.import_per_kwh + sum_down(site.tree, premium)
            quoted = quote(opening.product, opening.party, path[site.place] + added)
            plans = (yield quoted) or _refuse("plans")
            q_kw = lift_kw(site.tree, site.place, plans.p_kw) + bounds.base_kw
            every = np.arange(len(homes))
            yield LayerMessages(
                Plans(opening.product, every, q_kw), quote(opening.product, every, path)
            )
            premium = self.corrected(premium, q_kw, site, bounds, homes, supply)
            if turn >= self.rounds // 2:
                kept, total_kw = kept + 1, total_kw + plans.p_kw
        return HourPlan(
            quoted.buy_per_kwh, PricePath(opening.product.start_s, premium), p_kw=total_kw / kept
        )

    def negotiate_day_ahead(self, opening: Opening, premium: Col) -> Planning[LayeredState]:
        """Return the price path with the best bound, and for each home the weighted mean of its plans that keeps every limit.

        The search starts from a premium (m, h) [$/kWh].

        The feeder combines the plans received by a bundle method: the least-cost feasible combination is the best known plan,
        and its multipliers are the next prices. Homes report the cost of each plan, which certifies both sides: the sum of their
        bounds is a lower bound of the least cost, and the cost of the combination an upper bound. The search ends where the two
        are within `gap` of each other.

        References
        ----------
        `kernels.coordination.dual.coordinate`; here with one row for each hour of the root and of every place with its own limit.
        """
        site, supply, bounds = site_of(opening), opening.supply, self.available_limits(opening)
        tree = site.tree
        limited = np.flatnonzero((tree.parent >= 0) & np.isfinite(bounds.high_kw).any(1))
        root = np.flatnonzero(tree.parent < 0)
        branch = (
            find_branches(tree) if len(limited) else np.zeros_like(tree.parent)
        )  # a single sum is enough where no place has a limit
        every, place_branch = np.arange(len(tree.parent)), branch[limited]
        groups, home_group = np.unique(branch[site.place], return_inverse=True)
        start = np.concatenate([premium[root[0]] + supply.import_per_kwh, premium[limited].ravel()])
        homes = len(opening.party) if opening.homes is None else int(opening.homes.sum())
        rows = stack_rows(supply, bounds, root[0], limited, find_reach_kw(homes))
        search = coordinating(
            rows,
            np.arange(len(groups)),
            start,
            homes=homes,
            rounds_max=self.rounds_day_ahead,
            tolerance=self.gap,
        )
        plans_kw: list[Col] = []
        price = next(search)
        while True:
            premium = spread_rows(price, supply, root[0], limited, premium.shape)
            path = supply.import_per_kwh + sum_down(tree, premium)
            proposals = yield from ask_plans(
                quote(opening.product, opening.party, path[site.place])
            )
            plans_kw.append(proposals.p_kw)
            q_kw = lift_kw(tree, site.place, proposals.p_kw)
            own, bound = (
                _sum_groups(home_group, column, len(groups))
                for column in (proposals.own_usd, proposals.bound_usd)
            )
            yield LayerMessages(
                relay_plans(opening, site, q_kw, proposals, limited),
                quote(opening.product, every, path),
            )
            inner = np.where(
                groups[:, None, None] == place_branch[:, None], q_kw[limited], 0.0
            ).reshape(len(groups), -1)
            whole = np.stack(
                [_sum_groups(home_group, column, len(groups)) for column in proposals.p_kw.T],
                axis=1,
            )
            try:
                price = search.send(Answer(np.concatenate([whole, inner], axis=1), own, bound))
            except StopIteration as end:
                found: Coordination = end.value
                break
        if found.rounds > 1:
            yield announce_result(opening, len(every), found.rounds)
        p_kw = np.einsum("kn,knh->nh", found.weight[:, home_group], np.array(plans_kw))
        premium = spread_rows(found.price_per_kwh, supply, root[0], limited, premium.shape)
        path = supply.import_per_kwh + sum_down(tree, premium)
        share = max(0.0, found.gap_usd) / max(1e-9, abs(found.high_usd))
        return HourPlan(
            path[site.place],
            PricePath(opening.product.start_s, premium),
            p_kw=p_kw,
            gap_share=share,
            round_share=found.weight[:, home_group].T,
        )

    def corrected(
        self,
        premium: Col,
        q_kw: Col,
        site: Topology,
        bounds: Bounds,
        homes: Col,
        supply: SupplyOffer,
    ) -> Col:
        """Return the premium (m, h) [$/kWh] after plans (m, h) [kW]: raised where they exceed a limit, back to zero elsewhere.

        At the root the export price is below the import price: between the two, the premium moves until net power at the
        substation is zero. At other places there is one price for both directions.
        """
        root = (site.tree.parent < 0)[:, None]
        step = self.learning_per_kwh / np.maximum(homes, 1.0)[:, None]
        reach_kw = find_reach_kw(homes.max())
        high, low, over = (
            bounds.high_kw.clip(max=reach_kw),
            bounds.low_kw.clip(min=-reach_kw),
            bounds.over_per_kwh[:, None],
        )
        up, even, down = (premium + step * (q_kw - at_kw) for at_kw in (high, 0.0, low))
        wedge = np.where(root, supply.export_per_kwh - supply.import_per_kwh, 0.0)
        new = np.select(
            [up > 0, even >= 0, even > wedge, down >= wedge], [up, 0.0, even, wedge], down
        )
        return np.asarray(np.clip(new, wedge - over, over))

    def clear(self, opening: Opening, state: LayeredState) -> Session:
        """Receive one curve of each home, sum layer by layer, clear once at the root, and pass price and power down."""
        site, supply = site_of(opening), opening.supply
        limits = keep_reserve(limits_of(opening), self.reserve_share)
        tenders = (yield GateOpen(opening.product)) or _refuse("tenders")
        over = float(limits.over_per_kwh[0])
        bids = self.plausible(tenders.price_per_kwh, supply, over)
        curves, bounds = Curves(tenders.offset, tenders.p_kw, bids), bounds_at_places(opening)
        offered = supply_curve(supply, limits)

        def clear(offers: Curves) -> TreeCleared:
            kept = 1 - self.reserve_share
            whole = float(supply.base_kw[0]), *offered
            return clear_space(offers, site.place, site.tree, bounds, kept, self.blocks, whole)

        found = clear(curves)
        every = np.arange(len(site.tree.parent))
        prices = quote(opening.product, every, found.price_per_kwh[:, None])
        yield LayerMessages(tender(opening.product, every, found.passed), prices)
        power, by_place = found.p_kw[:, None], found.price_per_kwh
        price, status = by_place[site.place][:, None], FILLED
        if self.network == "limits":
            rows = no_rows(opening.product, 1)
            if isinstance(state, NetworkMemory) and state.cleared is not None:
                rows = state.cleared._replace(start_s=opening.product.start_s)
            premium = take_premiums(site.tree, by_place, float(supply.import_per_kwh[0]))
            first = NetworkPlan(power, rows, IntervalPrices(premium[:, None], (), by_place, price))
            fit = yield from self.clear_network(opening, curves, first)
            power, (_, _, by_place, price) = fit.plan.p_kw, fit.plan.found
            status = SPENT if fit.gap_share > AGREED_SHARE else FILLED
            state = keep_cleared(state, fit.plan.rows, len(opening.party))
        n = len(opening.party)
        awards = Transactions(
            opening.product, opening.party, site.place, power, price, np.full(n, status)
        )
        learned = state if self.network == "limits" else None
        return Clearing(awards, place_per_kwh=by_place, state=learned)

    def clear_network(
        self, opening: Opening, curves: Curves, first: Awarded
    ) -> Generator[Any, Any, NetworkFit[IntervalPrices]]:
        """Follow the exact flow of the network with awards on the same curves, which answer prices of rows layer by layer."""
        ask = partial(ask_curves, curves, find_worth(curves, first.p_kw[:, 0]))

        def replan(told: NetworkState, last: Awarded) -> Generator[Any, Any, Awarded]:
            table = table_rows(told, last.p_kw)
            return plan_with_few(table, last, partial(self.clear_rows, opening, ask))

        return (yield from follow_network(opening.product, first, replan, self.interval_terms()))

    def clear_rows(
        self, opening: Opening, ask: Ask, table: RowTable, last: Awarded
    ) -> Generator[Any, Any, Awarded]:
        """Return awards with rows of a network state. The layer above a home knows its curve and answers for it."""
        site = site_of(opening)
        got = yield from search_rows(
            opening,
            RowSearch(
                self.available_limits(opening),
                table,
                group_branches(site.tree, site.place, table),
                last.found.premium_per_kwh,
                begin_rows(last.rows, table, opening.product),
                last.found.answers,
                ask,
            ),
            ROUNDS,
            GAP_SHARE,
        )
        cleared = IntervalPrices(
            got.premium_per_kwh, keep_heaviest(got.found), got.place_per_kwh[:, 0], got.home_per_kwh
        )
        return NetworkPlan(got.p_kw, got.rows, cleared)

    def interval_terms(self) -> LimitTerms:
        """Return how layers follow the network in an interval."""
        return LimitTerms(REBASES, AGREED_SHARE, NEAR_SHARE, self.reserve_share)

    def plausible(self, price_per_kwh: Col, supply: SupplyOffer, over_per_kwh: float) -> Col:
        """Return prices (points,) [$/kWh] limited to the range of possible clearing prices where curves are shortened."""
        if not self.blocks:
            return price_per_kwh
        return np.clip(
            price_per_kwh,
            supply.export_per_kwh[0] - over_per_kwh,
            supply.import_per_kwh[0] + over_per_kwh,
        )

    def available_limits(self, opening: Opening) -> Bounds:
        """Return the limits of every place, less the reserve."""
        return bounds_of(
            keep_reserve(limits_of(opening), self.reserve_share), site_of(opening).tree
        )


def _refuse(what: str) -> NoReturn:
    raise InputError(
        [
            Problem(
                "market.layered",
                f"no {what}",
                "a strategy that looks ahead and tenders, such as 'home'",
            )
        ]
    )


def _sum_groups(group: Index, column: Col, count: int) -> Col:
    return np.bincount(group, column, count).astype(np.float64)


def start_premiums(opening: Opening, before: PricePath | None) -> Col:
    """Return the premiums of the opening before, shape (m, h) [$/kWh]; none at first and in hours not yet priced."""
    hours = len(opening.supply.import_per_kwh)
    if before is None:
        return np.zeros((len(site_of(opening).tree.parent), hours))
    premium = shift_path(before, opening)
    return np.where(np.isfinite(premium), premium, 0.0)


def announce_result(opening: Opening, places: int, rounds: int) -> PeerMessages:
    """Return the final messages of a search: every place and home receives the final prices and the share of each round."""
    many = places + len(opening.party)
    return PeerMessages(many, many * message_bytes(MESSAGES[RoundShares], rounds), 1, 0)
