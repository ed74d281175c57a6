"""Peer to peer: homes agree on bilateral trades and prices with their partners; a supplier covers the rest; there is no operator.

Theory 3.6.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import MeterLimits, Transactions, join, quote, sum_kw
from gridagora.core.lean import NUMBER_BITS
from gridagora.core.product import Horizon
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
    PricePath,
    Session,
    Topology,
    shift_path,
    site_of,
)
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.coordination.consensus import (
    ConsensusRule,
    FixedTrades,
    TradeLinks,
    agree,
    fix_trades,
    make_links,
    party_of_end,
)
from gridagora.kernels.curves.curve import Curves, power_at
from gridagora.mechanisms import trade_graph as graphs
from gridagora.mechanisms.forward_trades import (
    DAY_H,
    ForwardTrades,
    commit_residuals,
    find_forward,
    net_trade_kw,
    shift_curves,
)
from gridagora.mechanisms.local_delivery import leaves_gain, local_delivery_per_kwh
from gridagora.mechanisms.network_price import (
    NETWORKS,
    NetworkTerms,
    carry_network_price,
    count_rounds,
    move_opening,
    price_interval,
)
from gridagora.mechanisms.nodal_fee import FEE, hear_fees
from gridagora.mechanisms.operating_envelope import (
    SHARES,
    HomeEnvelopes,
    hear_envelopes,
    post_envelope,
    share_if_limited,
)
from gridagora.mechanisms.peer_deal import (
    DISCLOSED,
    Deal,
    add_traffic,
    count_offers,
    count_posting,
    green_premium,
    has_green_surplus,
    list_charges,
    list_owed,
    list_trades,
    mix_deals,
    status_of,
    sum_traffic,
)
from gridagora.mechanisms.peer_plan import make_curves, place_between, select_hour

GRAPHS = ("complete", "nearest", "zone", "file")
FEES = ("none", "uniform", "distance", "zonal")
SUPPLIER = -1  # the counterparty of what a home does not trade with its partners
RESOLD = 2.0  # times the largest green premium: non-green energy then costs more than its resale as green energy would earn


class Partnership(NamedTuple):
    """Who trades with whom on a site, which does not change in a run, and what the network charges at each end."""

    site: Topology | None  # as the opening had it
    graph: TradeLinks
    fee_per_kwh: Col  # (2e,)


class PeerState(NamedTuple):
    """What is remembered: where prices stood between the forecasts, the partners, None in pools, and what the network said.

    That is its price of the hours to come, or the part of its limit that each home gets.
    """

    path: PricePath | None = None
    partners: Partnership | None = None
    network: PricePath | None = None
    envelope_share: Col | None = None  # (n,) or by hour of day (n, 24)
    forward: ForwardTrades | None = None  # where the day ahead binds


@register("market", "peer")
@dataclass(frozen=True)
class Peer:
    """Homes trade in pairs: both partners' offers move the quantity and price of a pair, round by round, until all agree.

    Partners are all homes ("complete"), about `neighbours` on the feeder of which `far` are called across it ("nearest"), those
    of the same zone ("zone"), or those of `layers.partners_file` ("file"). With `community` homes trade through a manager
    at one price in each pool: a zone, or all homes. A trade pays `fee_per_kwh` to the network once ("uniform"), for every
    place on the path ("distance") or where it leaves the zone ("zonal"), half at each end. Its buyer also owes the wires the
    share `delivery_share` (0 to 1) of the delivery that the supplier's energy pays: all of it in most places, .43 within a local
    energy community of Austria, .72 within a regional one. Where that leaves no price at which both ends gain over the supplier,
    as where exports earn wholesale and delivery is due in full, no offer is sent, and homes plan on the supplier's two prices.
    `local_per_kwh` is the premium that a
    home would pay for a kWh of its partners over one of the supplier; `[preference]` sets the same and the green premium. The
    supplier sells and buys any quantity at its import and export price. Without a network operator (`network` "none") peers do
    not see its limit. With "price" it moves both prices in hours whose load would exceed the limit of the substation less
    `reserve_share`: in a plan by the prices at which plans, told in total, keep it; in an interval by at most `network_rounds`
    rounds of posting; never by more than a kWh beyond costs. What that earns is the operator's, as congestion rent. With
    "envelope" it gives each home a limit of its import for every hour of the day, its part of that limit, `envelope` "equal", by
    its import in the same hours of the "baseline" or by the size of its "connection"; beyond it a kWh costs as much more. Where
    `[network] envelopes` guards the feeder, limits of import and export keep its voltages and ratings too. With "fee" each
    home pays what its kWh adds to losses and limits of the network, beside its trades, by `mechanisms.nodal_fee`.

    Sessions end when partners agree within `tolerance_kw` and `tolerance_per_kwh`, or after `rounds_max`: then what both ends
    offered last is traded, the rest stays with the supplier, and the status is ROUNDS_SPENT. The day-ahead negotiation at
    midnight only finds the expected value of energy, unless `day_ahead_binds`: then its trades are delivered at their price, what
    they leave with the supplier are positions at its day-ahead price, and real time trades and settles what changes.

    References
    ----------
    Sorin, Bobo, Pinson, arXiv 1804.03521; Moret, Pinson, Energy collectives, IEEE Trans. Power Systems 34 (2019); charges:
    Baroche and others, Exogenous cost allocation in peer-to-peer electricity markets, IEEE Trans. Power Systems 34 (2019).
    Delivery on local energy: `mechanisms.local_delivery`.
    """

    fixed: ClassVar[Rulebook] = Rulebook(
        strategies=("home",),
        bidder=Bidder.HOME,
        discloses=Disclosure.NOTHING,  # no home shows its curve to another
        look_ahead=LookAhead.NEGOTIATED,
        pricing=Pricing.BILATERAL,
    )

    # who is a partner: all homes, near ones, those of the zone, or those of a file
    graph: str = "nearest"
    neighbours: int = 8  # partners of a home on a graph of near ones, about so many [count]
    far: int = 1  # of them, those across the feeder [count]
    community: bool = False  # whether homes trade through a manager at one price in place of pairs
    # what a trade pays the network: nothing, the same for all, by the places on its way, or where
    # it leaves a zone
    network_fee: str = "none"
    fee_per_kwh: float = 0.0  # that fee
    # share of the delivery that the buyer of a local trade owes, of what energy of the supplier
    # owes
    delivery_share: float = 1.0
    local_per_kwh: float = 0.0  # premium that a home would pay for a kWh of its partners
    tolerance_kw: float = 1e-4  # power by which partners may differ when they agree
    tolerance_per_kwh: float = 1e-5  # price by which they may differ
    rounds_max: int = 300  # rounds of an opening, at most
    penalty: float = 0.03  # step of a price for each kW on which partners differ [$/kWh/kW]
    # what the operator of the network does: nothing, move both prices until the limit is kept, give
    # each home a limit, or charge each the nodal fee of its hour
    network: str = "none"
    # rounds of posting in an interval, at most, where the network operator sets prices
    network_rounds: int = 12
    # how limits of homes are set: the same in all, by what each imports in the baseline, or by the
    # size of its connection
    envelope: str = "baseline"
    # share of the limit that is kept free for on/off units, which cannot follow exactly
    reserve_share: float = 0.03
    day_ahead_binds: bool = False  # whether trades agreed at midnight are delivered at their price
    strategy: str = "home"  # how homes act under it, one of the strategies that fit it

    @property
    def rules(self) -> Rulebook:
        """Trades pair by pair; the limit is seen where the network operator takes part, and the day ahead binds by its key."""
        commits = (Horizon.DAY_AHEAD,) if self.day_ahead_binds else ()
        return self.fixed._replace(sees_limit=self.network != "none", commits=commits)

    def __post_init__(self) -> None:
        """Refuse parameters outside their range."""
        rules = (
            ("graph", self.graph in GRAPHS, "one of " + ", ".join(GRAPHS)),
            ("network_fee", self.network_fee in FEES, "one of " + ", ".join(FEES)),
            ("neighbours", self.neighbours >= 1, "one partner or more"),
            (
                "far",
                0 <= 2 * self.far < self.neighbours,
                "none or more, below half of neighbours: the rest are near",
            ),
            ("fee_per_kwh", self.fee_per_kwh >= 0, "a charge of 0 or more"),
            ("delivery_share", 0 <= self.delivery_share <= 1, "a share from 0 to 1"),
            (
                "local_per_kwh",
                self.local_per_kwh >= 0,
                "0 or more: below it, homes would buy to sell back",
            ),
            ("tolerance_kw", self.tolerance_kw > 0, "a power above 0"),
            ("tolerance_per_kwh", self.tolerance_per_kwh > 0, "a price above 0"),
            ("rounds_max", self.rounds_max >= 1, "one round or more"),
            ("penalty", self.penalty > 0, "a price per kW above 0"),
            ("network", self.network in NETWORKS, "one of " + ", ".join(NETWORKS)),
            ("envelope", self.envelope in SHARES, "one of " + ", ".join(SHARES)),
            ("network_rounds", self.network_rounds >= 1, "one round or more"),
            ("reserve_share", 0 <= self.reserve_share < 1, "a share in [0, 1)"),
            (
                "network_fee",
                not (self.community and self.network_fee in FEES[2:]),
                "none or uniform: a pool knows no way",
            ),
            (
                "graph",
                not (self.community and self.graph == "file"),
                "one without pairs from a file: a pool has none",
            ),
        )
        broken = [
            Problem(f"market.peer.{key}", repr(getattr(self, key)), rule)
            for key, good, rule in rules
            if not good
        ]
        if broken:
            raise InputError(broken)

    def start(self, baseline: Baseline) -> PeerState | None:
        """Share the limit among homes where they get envelopes; else the design carries nothing at the start."""
        share = share_if_limited(baseline, self.network, self.envelope)
        return None if share is None else PeerState(envelope_share=share)

    def plan(self, opening: Opening, state: PeerState | None) -> Planning[PeerState | None]:
        """Negotiate the day ahead at midnight, hour by hour, and find the value of a kWh of each hour to each home.

        A home plans twice, at the forecast import price and at the forecast export price; the line between the two plans is its
        curve in each hour. The trades of this negotiation set the planning price of each home, which lies between the two
        forecasts; they bind where `day_ahead_binds`. In other hours this price keeps its relative position between the forecasts
        as they change; hours beyond the window take the position of the day before. Then only the supplier's forecast is sent.
        """
        asked = opening
        kept = PeerState() if state is None else state
        envelopes = HomeEnvelopes()
        if self.network == "envelope":
            limits = self.post_limits(opening, kept)
            envelopes = yield from hear_envelopes(
                opening,
                self.envelope,
                self.reserve_share,
                limits,
                (opening.supply.import_per_kwh, opening.supply.export_per_kwh),
            )
        if self.network == FEE:
            prices = opening.supply.import_per_kwh, opening.supply.export_per_kwh
            envelopes = HomeEnvelopes(fees=(yield from hear_fees(opening, *prices)))
        if self.network == "price":
            below: Col | float = 0.0
            if kept.path is not None:
                share = np.nan_to_num(shift_path(kept.path, opening)[:, :-1], nan=1.0)
                wedge = opening.supply.import_per_kwh - opening.supply.export_per_kwh
                below = (1 - share) * wedge
            network = yield from carry_network_price(
                opening, self.network_terms(), kept.network, below
            )
            opening = move_opening(opening, network.value_per_kwh)
            kept = kept._replace(network=network)
        supply, site, trades = opening.supply, site_of(opening), self.may_trade(opening)
        binds = self.day_ahead_binds and opening.binds
        if not trades and not binds and self.network != "price":
            yield count_posting(opening)
            price, credit = supply.import_per_kwh, supply.export_per_kwh
            return HourPlan(price, kept, credit, **envelopes._asdict())
        highest_per_kwh = supply.import_per_kwh + (self.local(site) + green_premium(site))[:, None]
        lowest_per_kwh = np.broadcast_to(supply.export_per_kwh, highest_per_kwh.shape)
        kept = kept._replace(partners=self.partnership(opening, state))
        deals, commitments = tuple[Deal, ...](), tuple[Commitment, ...]()
        if opening.binds or kept.path is None:
            deals = yield from self.negotiate(opening, kept, highest_per_kwh, lowest_per_kwh)
            share = place_between(deals, highest_per_kwh, lowest_per_kwh)
        else:
            share = shift_path(kept.path, opening)[:, :-1]
            yield count_posting(opening)
        if binds:
            commitments = (commit_residuals(asked, supply, deals),)
            kept = kept._replace(forward=ForwardTrades(opening.product.start_s, deals[:DAY_H]))
        p_kw = np.stack([deal.p_kw for deal in deals], axis=1) if deals else None
        hours_known = share.shape[1]
        next_day = share[:, [hours_known - DAY_H if hours_known >= DAY_H else hours_known - 1]]
        path = PricePath(opening.product.start_s, np.append(share, next_day, axis=1))
        if not trades:
            price, credit = supply.import_per_kwh, supply.export_per_kwh
            kept = kept._replace(path=path)
            return HourPlan(price, kept, credit, p_kw, commitments, **envelopes._asdict())
        return HourPlan(
            lowest_per_kwh + share * (highest_per_kwh - lowest_per_kwh),
            kept._replace(path=path),
            p_kw=p_kw,
            commitments=commitments,
            **envelopes._asdict(),
        )

    def negotiate(
        self, opening: Opening, state: PeerState, highest_per_kwh: Col, lowest_per_kwh: Col
    ) -> Generator[Any, Any, tuple[Deal, ...]]:
        """Return what homes agree on for each of h hours, given plans at two prices, (n, h) each [$/kWh]."""
        at_highest = (
            yield quote(opening.product, opening.party, highest_per_kwh)
        ) or _refuse_no_tenders()
        at_lowest = (
            yield quote(opening.product, opening.party, lowest_per_kwh)
        ) or _refuse_no_tenders()
        ends = at_highest.p_kw.T, at_lowest.p_kw.T, highest_per_kwh.T, lowest_per_kwh.T
        deals = tuple(
            self.deal(select_hour(opening, t), make_curves(*columns), state.partners)
            for t, columns in enumerate(zip(*ends, strict=True))
        )
        talks = sum_traffic([count_offers(deal, len(opening.party)) for deal in deals])
        yield talks._replace(lean=DISCLOSED * NUMBER_BITS * at_highest.p_kw.size)
        return deals

    def post_limits(self, opening: Opening, state: PeerState) -> MeterLimits | None:
        """Return the envelopes of homes over the hours of a plan; None where they get none."""
        if state.envelope_share is None:
            return None
        return post_envelope(opening, state.envelope_share, self.reserve_share)

    def clear(self, opening: Opening, state: PeerState | None) -> Session:
        """Negotiate trades at the prices that the supplier posts, and leave the residual to the supplier."""
        tenders = yield GateOpen(
            opening.product
        )  # no prices are quoted: at the supplier's prices alone homes would plan to cover themselves
        if tenders is None:
            _refuse_no_tenders()
        curves = Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh)
        partners, n = self.partnership(opening, state), len(opening.party)
        forward = None if state is None else find_forward(state.forward, opening)
        bought_kw = net_trade_kw(forward, n)
        if forward is not None:
            curves = shift_curves(curves, bought_kw)

        def take(network_per_kwh: float) -> tuple[float, Deal]:
            deal = self.deal(move_opening(opening, network_per_kwh), curves, partners)
            return float(sum_kw(deal.p_kw + bought_kw)), deal

        if self.network == "price":
            network, deal, tried = price_interval(opening, self.network_terms(), take, mix_deals)
            yield count_rounds(opening, len(tried))
        else:
            network, deal = 0.0, self.deal(opening, curves, partners)
            tried = (deal,)
        # all follows from the curves: each home may say its own once, to all, or that it has none to say; nothing where the
        # posted prices leave no trade
        idle = n if self.may_trade(opening) else 0
        lean = tenders if any(each.rounds for each in tried) else idle
        talks = [count_offers(each, n) for each in tried]
        yield add_traffic(talks)._replace(lean=lean)
        status = np.full(n, status_of(deal))
        worth = deal.worth_per_kwh[:, None]
        power = (deal.p_kw + bought_kw)[:, None]
        awards = Transactions(
            opening.product, opening.party, np.full(n, SUPPLIER), power, worth, status
        )
        agreed = [deal] if forward is None else [forward, deal]
        lists = (list_trades, list_charges, list_owed)
        owed = [rows(opening, each) for each in agreed for rows in lists]
        return Clearing(awards, local=join(owed), network_per_kwh=network)

    def may_trade(self, opening: Opening) -> bool:
        """Say whether there is a price, in the first interval of an opening, at which two homes both gain by a trade."""
        site = site_of(opening)
        premium = self.local(site) + float(green_premium(site).max(initial=0.0))
        return leaves_gain(opening.supply, self.delivery_share, premium_per_kwh=premium)

    def partnership(self, opening: Opening, state: PeerState | None) -> Partnership | None:
        """Return the partners of an opening, as remembered where it has the same site; None in pools and for homes alone."""
        n = len(opening.party)
        if self.community or n < 2:
            return None
        known = None if state is None else state.partners
        if known is not None and known.site is opening.site and len(known.graph.offset) == n + 1:
            return known
        site = site_of(opening)
        graph = self.partners(site)
        graphs.check(graph, where="market.peer.graph")
        return Partnership(opening.site, graph, self.fees(site, graph))

    def deal(self, opening: Opening, curves: Curves, partners: Partnership | None = None) -> Deal:
        """Return the trades that homes with these curves agree on in the first interval of an opening.

        Where no home would sell at the highest possible bid, or none would buy at the lowest possible ask, no pair can trade
        and no offer is sent: a buyer pays at most the import price and its premium less delivery, a seller asks at least the
        export price.
        """
        n, site, export_price_per_kwh = (
            len(opening.party),
            site_of(opening),
            float(opening.supply.export_per_kwh[0]),
        )
        import_price_per_kwh = float(opening.supply.import_per_kwh[0]) + self.local(site)
        extra, delivery = (
            green_premium(site),
            local_delivery_per_kwh(opening.supply, self.delivery_share),
        )
        top = import_price_per_kwh + float(extra.max(initial=0.0)) - delivery
        if (
            n < 2
            or not self.may_trade(opening)
            or (power_at(curves, top, 1.0) >= 0).all()
            or (power_at(curves, export_price_per_kwh + delivery, 0.0) <= 0).all()
        ):
            none = np.zeros(0, np.int64)
            alone, zero = make_links(n, none, none), np.zeros(0)
            kept = fix_trades(
                curves,
                alone,
                zero,
                (import_price_per_kwh + extra, np.full(n, export_price_per_kwh)),
            )
            return Deal(alone, zero, zero, zero, *kept, 0, converged=True)
        known = self.partnership(opening, None) if partners is None else partners
        if known is None:
            return self.pooled(site, curves, import_price_per_kwh, export_price_per_kwh, delivery)
        return self.bilateral(
            site, curves, known, import_price_per_kwh, export_price_per_kwh, delivery
        )

    def bilateral(
        self,
        site: Topology,
        curves: Curves,
        partners: Partnership,
        import_price_per_kwh: float,
        export_price_per_kwh: float,
        delivery_per_kwh: float = 0.0,
    ) -> Deal:
        """Return the trades that partners agree on, pair by pair.

        `import_price_per_kwh` is the import price with the local premium, `export_price_per_kwh` the export price, and
        `delivery_per_kwh` what the buyer of a trade pays beside [$/kWh].

        A home is a green partner while it would export even at the import price: its PV generates more than it consumes. It
        would then buy non-green energy only to resell it as green, so its cost of non-green energy is set above the premium of
        every green home.
        """
        _, graph, fee = partners
        extra, low = green_premium(site), np.full(len(site.place), export_price_per_kwh)
        has_surplus = has_green_surplus(site, power_at(curves, import_price_per_kwh, 1.0))
        non_green_cost = np.where(has_surplus, RESOLD * extra.max(), extra)
        high, costs = (
            import_price_per_kwh + non_green_cost,
            graphs.preference_costs(graph, non_green_cost, has_surplus, 2 * fee),
        )
        costs = costs._replace(buys_per_kwh=costs.buys_per_kwh + delivery_per_kwh)
        graphs.check_costs(graph, costs, where="market.peer.graph")
        found = agree(
            [curves],
            graph,
            import_price_per_kwh - delivery_per_kwh,
            outside=(high, low),
            costs=costs,
            rule=self.rule(),
        )
        trade = found.trade_kw[0]
        buyer = np.where(trade > 0, party_of_end(graph), graph.peer)
        most = import_price_per_kwh + np.minimum(non_green_cost, extra.max()) - delivery_per_kwh
        price = np.clip(
            found.price_per_kwh[0],
            export_price_per_kwh,
            most[buyer].clip(min=export_price_per_kwh),
        )
        kept = fix_trades(curves, graph, trade, (high, low))
        ended = int(found.rounds[0]), bool(found.converged[0])
        return Deal(graph, trade, price, fee, *kept, *ended, delivery_per_kwh)

    def pooled(
        self,
        site: Topology,
        curves: Curves,
        import_price_per_kwh: float,
        export_price_per_kwh: float,
        delivery_per_kwh: float = 0.0,
    ) -> Deal:
        """Return the trades of each pool: one price, and purchases equal to sales; prices [$/kWh] as for `bilateral`."""
        n = len(site.place)
        _, pool = np.unique(
            graphs.zones(site.tree, site.place) if self.graph == "zone" else np.zeros(n),
            return_inverse=True,
        )
        count = int(pool.max()) + 1
        graph = make_links(n + count, np.arange(n), n + pool)
        home, member = party_of_end(graph), np.minimum(party_of_end(graph), graph.peer)
        fee = np.where(home < n, self.fee_per_kwh if self.network_fee == "uniform" else 0.0, 0.0)
        managed = Curves(
            np.append(curves.offset, curves.offset[-1] + np.arange(1, count + 1)),
            np.append(curves.p_kw, np.zeros(count)),
            np.append(curves.price_per_kwh, np.zeros(count)),
        )
        inf = np.full(count, np.inf)
        outside = (
            np.append(np.full(n, import_price_per_kwh), inf),
            np.append(np.full(n, export_price_per_kwh), -inf),
        )
        found = agree(
            [managed],
            graph,
            import_price_per_kwh - delivery_per_kwh,
            outside=outside,
            costs=(fee / 2 + np.where(home < n, delivery_per_kwh, 0.0), fee / 2),
            rule=self.rule(),
        )
        price = self.one_price(found.price_per_kwh[0], pool[member], home < n)
        trade = _balance_pools(found.trade_kw[0], pool[member], home < n)
        kept = fix_trades(managed, graph, trade, outside)
        homes = FixedTrades(*(column[:n] for column in kept))
        return Deal(
            graph,
            trade,
            np.clip(price, export_price_per_kwh, import_price_per_kwh - delivery_per_kwh),
            fee / 2,
            *homes,
            int(found.rounds[0]),
            bool(found.converged[0]),
            delivery_per_kwh,
        )

    def one_price(self, price_per_kwh: Col, pool: Index, of_home: Flag) -> Col:
        """Return the mean price of each pool at all of its ends, shape (2e,) [$/kWh], `of_home` those that a home has."""
        mean = np.bincount(pool[of_home], price_per_kwh[of_home]) / np.bincount(pool[of_home])
        return np.asarray(mean[pool])

    def partners(self, site: Topology) -> TradeLinks:
        """Return the trade graph of the homes of a site."""
        n = len(site.place)
        if self.graph == "file":
            return make_links(n, *(_refuse_no_file() if site.partners is None else site.partners).T)
        if self.graph == "complete" or (self.graph == "nearest" and n <= self.neighbours + 1):
            return graphs.complete(n)
        if self.graph == "zone":
            return graphs.within(graphs.zones(site.tree, site.place), site.tree, site.place)
        return graphs.nearest(site.tree, site.place, self.neighbours, self.far)

    def fees(self, site: Topology, graph: TradeLinks) -> Col:
        """Return the network charge at every end, half of that of the trade, shape (2e,) [$/kWh]."""
        times = np.zeros(len(graph.peer))
        if self.network_fee == "uniform":
            times += 1
        elif self.network_fee == "distance":
            times += graphs.hops(site.tree, site.place, graph)
        elif self.network_fee == "zonal":
            zone = graphs.zones(site.tree, site.place)
            times += zone[party_of_end(graph)] != zone[graph.peer]
        return times * (self.fee_per_kwh / 2)

    def local(self, site: Topology) -> float:
        """Return the local premium: the cost that a home attaches to a kWh of the supplier, by design and scenario [$/kWh]."""
        return self.local_per_kwh + (0.0 if site.prefers is None else site.prefers.local_per_kwh)

    def network_terms(self) -> NetworkTerms:
        """Return how the network operator searches."""
        return NetworkTerms(self.reserve_share, self.network_rounds)

    def rule(self) -> ConsensusRule:
        """Return the stopping rule and the penalty of a session."""
        return ConsensusRule(
            self.tolerance_kw, self.tolerance_per_kwh, self.rounds_max, self.penalty
        )


def _refuse_no_tenders() -> NoReturn:
    raise InputError(
        [
            Problem(
                "market.peer",
                "no tenders",
                "a strategy that looks ahead and tenders, such as 'home'",
            )
        ]
    )


def _refuse_no_file() -> NoReturn:
    hint = "Set partners_file in [layers]."
    raise InputError(
        [Problem("market.peer.graph", "'file' and no file", "a file of partners", hint)]
    )


def _balance_pools(trade_kw: Col, pool: Index, of_home: Flag) -> Col:
    """Return the trades of each pool with the longer side cut in proportion: its manager keeps nothing."""
    bought = np.bincount(pool[of_home], trade_kw[of_home].clip(min=0))
    sold = np.bincount(pool[of_home], (-trade_kw[of_home]).clip(min=0))
    least = np.minimum(bought, sold)
    buys, sells = (
        np.divide(least, side, out=np.zeros_like(side), where=side > 0)[pool]
        for side in (bought, sold)
    )
    return np.asarray(trade_kw * np.where((trade_kw > 0) == of_home, buys, sells))
