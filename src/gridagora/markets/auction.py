"""The continuous double auction: homes post orders in one book and trade with each other; no operator decides (theory 3.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar, NamedTuple, NoReturn

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.exchange import (
    LAYOUT,
    UW_PER_KW,
    Status,
    Tenders,
    Transactions,
    join,
    quote,
    sum_kw,
)
from gridagora.core.lean import NUMBER_BITS
from gridagora.core.product import Product
from gridagora.core.registry import register
from gridagora.core.rng import stream
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing, Rulebook
from gridagora.core.session import (
    Baseline,
    Clearing,
    GateOpen,
    HourPlan,
    Opening,
    PeerMessages,
    Planning,
    Posted,
    PricePath,
    Session,
)
from gridagora.core.tables import Col, Index
from gridagora.kernels.coordination.double_auction import Dealt, settle, trade
from gridagora.kernels.curves.curve import Curves
from gridagora.mechanisms.expected_prices import (
    ExpectedPrices,
    expect_import_price,
    expected_per_kwh,
    learn_hour,
    observe_trades,
)
from gridagora.mechanisms.local_delivery import (
    leaves_gain,
    list_delivery,
    local_delivery_per_kwh,
)
from gridagora.mechanisms.network_price import (
    NETWORKS,
    NetworkTerms,
    carry_network_price,
    count_rounds,
    move_opening,
    move_supply,
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
from gridagora.mechanisms.peer_deal import add_traffic

SUPPLIER = -1
FILLED = int(Status.FILLED)
TRADERS = ("look_ahead", "zero_intelligence")
PRICES = ("import", "trades")
TICKS_MAX = 1_000_000


class LimitOrders(NamedTuple):
    """Home to book: a limit order."""

    product: Product
    party: Index  # (n,)
    side: Index  # (n,) 1 buys, -1 sells
    price_per_kwh: Col  # (n,) the worst it takes [$/kWh]
    p_kw: Col  # (n,) above zero [kW]
    turn: Index  # (n,) when it comes


MESSAGES: Mapping[type, str] = MappingProxyType({LimitOrders: "iiooi"})  # as in `core.encoding`
ORDER_BYTES = message_bytes(MESSAGES[LimitOrders], 1)
CONFIRMATION_BYTES = message_bytes(LAYOUT[Transactions], 1)  # it goes to both homes


class AuctionTrades(NamedTuple):
    """Trades between homes, in the order of matching, and the net purchase of each home; power is above zero in every trade.

    What a home pays for them is sum((price + due) p dt) as buyer less sum(price p dt) as seller. `net_kw` less its power is what
    it gives the supplier, at the export credit, or takes where that is below zero, at the import price.
    """

    buyer: Index  # (m,) party
    seller: Index  # (m,) party
    p_kw: Col  # (m,) whole microwatts
    price_per_kwh: Col  # (m,)
    turn: Index  # (m,)
    net_kw: Col  # (n,) bought from other homes less sold to them, in the order of the tenders
    orders: int
    turns: int
    due_per_kwh: float = 0.0  # delivery that each buyer owes beside the price of a trade


class ClosedBook(NamedTuple):
    """How a book ended: the trades between homes, and what each takes in all."""

    traded: AuctionTrades
    awards: Transactions  # (n,)


class AuctionState(NamedTuple):
    """What is remembered: what homes expect of local trade, where they plan on it, and what the network said.

    That is its price of the hours to come, or the part of its limit that each home gets.
    """

    expected: ExpectedPrices | None = None
    network: PricePath | None = None
    envelope_share: Col | None = None  # (n,) or by hour of day (n, 24)


@register("market", "auction")
@dataclass(frozen=True)
class Auction:
    """A double auction: one anonymous book, best price first, then time; the supplier trades at import price and export credit.

    The gate is open for `turns`. In each, homes arrive in random order, drawn by `seed`, and may replace their order, at most
    `block_kw` at one of `ticks` prices between credit and import price, less delivery. A `look_ahead` trader accepts the best
    price in the book where it gains; else it posts a block at the marginal value of its last kW and halves a block that stayed
    unmatched. It may keep the share `shade` of the gain for itself at first, falling to zero at gate closure. A
    `zero_intelligence` trader draws one of the prices at random and posts a bid if more power has a higher value, or an ask if
    less power has a lower one (ZI-C: never at a loss). The residual at gate closure is traded with the supplier: the final power
    of a home lies on its curve at the supplier's price for the residual.

    The buyer of a trade also owes the wires the share `delivery_share` (0 to 1) of the delivery that the supplier's energy pays,
    as in `peer`. Where that leaves no price at which both gain over the supplier, as where exports earn wholesale and delivery is
    due in full, no order is sent.

    `look_ahead_prices` are those that homes plan on. With "import" it is the supplier's import price, and for what they sell the
    same less delivery: no local price is above it. With "trades" a kWh is expected to cost a buyer, and to earn a seller, the
    mean of its side in that hour of the days before, trades and supplier together, held as a position between credit and import
    price; the day that has passed weighs `learning_share`, and before the first trade all expect what "import" says.

    Without a network operator (`network` "none") nobody sees the limit of the substation. With "price" it moves both prices of
    the supplier as in `peer`: in a plan until plans keep the limit less `reserve_share`, in an interval over at most
    `network_rounds` books, each opened at the prices that were posted, of which the one at the least price that holds is traded;
    of what all would add just below it, homes take such a share that the limit is used.
    With "envelope" each home gets a limit of its import for every hour of the day, and where `[network] envelopes` guards the
    feeder one of its export, as in `peer`, by its `envelope`. With "fee" each pays a nodal fee, as there.

    References
    ----------
    D. K. Gode, S. Sunder, Allocative efficiency of markets with zero-intelligence traders, J. Political Economy 101 (1993),
    doi 10.1086/261868; theory 3.7. Expectations: M. Nerlove, Quarterly J. Economics 72 (1958), doi 10.2307/1880597. Delivery on
    local energy: `mechanisms.local_delivery`.
    """

    fixed: ClassVar[Rulebook] = Rulebook(
        strategies=("home",),
        bidder=Bidder.HOME,
        discloses=Disclosure.NOTHING,  # curves stay with the homes: only orders and trades are published
        look_ahead=LookAhead.POSTED,
        pricing=Pricing.BILATERAL,
    )

    turns: int = 50  # turns of an opening in which homes may replace their order
    # how homes trade: at what a kWh is worth to them, or at random prices without loss
    trader: str = "look_ahead"
    block_kw: float = 1.0  # largest power of one order
    ticks: int = 1000  # steps of price between export credit and import price [count]
    # share of its gain that a trader asks for itself at first, falling to none at gate closure
    # [share]
    shade: float = 0.0
    seed: int = 0  # seed of the order in which homes come and of random prices
    # share of the delivery that the buyer of a local trade owes, of what energy of the supplier
    # owes
    delivery_share: float = 1.0
    # prices that homes plan on: those of the supplier, or what trades of the days before cost and
    # earned
    look_ahead_prices: str = "import"
    # weight of the day that has passed in what trades are expected to cost
    learning_share: float = 0.5
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
    strategy: str = "home"  # how homes act under it, one of the strategies that fit it

    @property
    def rules(self) -> Rulebook:
        """Trades order by order; the limit is seen where the network operator takes part."""
        return self.fixed._replace(sees_limit=self.network != "none")

    def __post_init__(self) -> None:
        """Refuse parameters outside their range."""
        rules = (
            ("turns", self.turns >= 1, "one turn or more: without one nobody can post an order"),
            ("block_kw", self.block_kw >= 0.001, "0.001 kW or more"),
            (
                "ticks",
                2 <= self.ticks <= TICKS_MAX,
                f"2 to {TICKS_MAX} steps of price between export credit and import price",
            ),
            ("shade", 0 <= self.shade < 1, "a share in [0, 1): 0 shows what a kWh is worth"),
            ("delivery_share", 0 <= self.delivery_share <= 1, "a share from 0 to 1"),
            ("learning_share", 0 < self.learning_share <= 1, "the weight of a day, in (0, 1]"),
            ("network_rounds", self.network_rounds >= 1, "one round or more"),
            ("reserve_share", 0 <= self.reserve_share < 1, "a share in [0, 1)"),
        )
        broken = [
            Problem(f"market.auction.{key}", str(getattr(self, key)), rule)
            for key, good, rule in rules
            if not good
        ]
        words = (
            ("trader", TRADERS, "how homes trade"),
            ("look_ahead_prices", PRICES, "what homes plan on"),
            ("network", NETWORKS, "what the network operator does"),
            ("envelope", SHARES, "how the limit is shared"),
        )
        for key, known, what in words:
            got = getattr(self, key)
            if got not in known:
                expected = f"{what}: {' or '.join(known)}"
                hint = nearest(got, known)
                broken.append(Problem(f"market.auction.{key}", f"'{got}'", expected, hint))
        if broken:
            raise InputError(broken)

    def start(self, baseline: Baseline) -> AuctionState | None:
        """Return what homes expect before the first trade, where they plan on trades, and their parts of the limit, if any."""
        learns = self.look_ahead_prices == "trades"
        share = share_if_limited(baseline, self.network, self.envelope)
        if not learns and share is None:
            return None
        return AuctionState(expect_import_price(baseline) if learns else None, envelope_share=share)

    def plan(self, opening: Opening, state: AuctionState | None) -> Planning[AuctionState | None]:
        """Let homes plan on the forecast of the import price, or on what local trades of the days before let them expect.

        The import price is exact where export and import price are equal, or where neighbours take at it all that homes could
        export. Otherwise homes that export overvalue stored energy.
        """
        kept, envelopes = AuctionState() if state is None else state, HomeEnvelopes()
        if self.network == "envelope":
            share, limits = kept.envelope_share, None
            if share is not None:
                limits = post_envelope(opening, share, self.reserve_share)
            envelopes = yield from hear_envelopes(
                opening,
                self.envelope,
                self.reserve_share,
                limits,
                (opening.supply.import_per_kwh, opening.supply.export_per_kwh),
            )
        if kept.expected is not None:
            known = learn_hour(kept.expected, opening.product, self.learning_share)
            kept = kept._replace(expected=known)
        if self.network == "price":
            buy_per_kwh, _ = self.planning_prices(opening, kept.expected)
            network = yield from carry_network_price(
                opening,
                self.network_terms(),
                kept.network,
                opening.supply.import_per_kwh - buy_per_kwh,
            )
            opening = move_opening(opening, network.value_per_kwh)
            kept = kept._replace(network=network)
        buy_per_kwh, sell_per_kwh = self.planning_prices(opening, kept.expected)
        if self.network == FEE:
            fees = yield from hear_fees(opening, buy_per_kwh, sell_per_kwh)
            envelopes = HomeEnvelopes(fees=fees)
        yield Posted(quote(opening.product, opening.party, buy_per_kwh, sell_per_kwh))
        return HourPlan(buy_per_kwh, kept, sell_per_kwh, **envelopes._asdict())

    def planning_prices(
        self, opening: Opening, expected: ExpectedPrices | None
    ) -> tuple[Col, Col | None]:
        """Return what homes plan to pay and to earn, (h,) each [$/kWh]; no second where it is the first."""
        supply = opening.supply
        due_per_kwh = local_delivery_per_kwh(supply, self.delivery_share)
        if expected is not None:
            return expected_per_kwh(expected, opening.product, supply, due_per_kwh)
        if not due_per_kwh:
            return supply.import_per_kwh, None
        saved_per_kwh = np.maximum(supply.import_per_kwh - due_per_kwh, supply.export_per_kwh)
        return supply.import_per_kwh, saved_per_kwh

    def clear(self, opening: Opening, state: AuctionState | None) -> Session:
        """Match orders until gate closure, and settle the residual of each home with the supplier."""
        tenders = (yield GateOpen(opening.product)) or _refuse_no_tenders()

        def take(network_per_kwh: float) -> tuple[float, ClosedBook]:
            closed = close_book(self, move_opening(opening, network_per_kwh), tenders)
            return float(sum_kw(closed.awards.p_kw[:, 0])), closed

        if self.network == "price":
            network, closed, tried = price_interval(opening, self.network_terms(), take, mix_books)
            yield count_rounds(opening, len(tried))
        else:
            network, (_, closed) = 0.0, take(0.0)
            tried = (closed,)
        talks = add_traffic([count_messages(each.traded) for each in tried])
        orders = sum(each.traded.orders for each in tried)
        yield talks._replace(lean=orders * lean_order_bits(self.ticks))
        traded, awards = closed
        local = list_trades(opening, traded)
        due_per_kwh, product = traded.due_per_kwh, opening.product
        owed = list_delivery(product, local.party, traded.p_kw, due_per_kwh, local.status)
        if state is not None and state.expected is not None:
            known = observe_trades(
                learn_hour(state.expected, product, self.learning_share),
                product,
                move_supply(opening.supply, network),
                (traded.p_kw, traded.price_per_kwh),
                awards.p_kw[:, 0] - traded.net_kw,
                due_per_kwh,
            )
            state = state._replace(expected=known)
        return Clearing(awards, local=join([local, owed]), state=state, network_per_kwh=network)

    def network_terms(self) -> NetworkTerms:
        """Return how the network operator searches: to the last round, as trades stand at the price of theirs."""
        return NetworkTerms(self.reserve_share, self.network_rounds, near_share=0.0)


def _refuse_no_tenders() -> NoReturn:
    raise InputError(
        [
            Problem(
                "market.auction",
                "no tenders",
                "a strategy that looks ahead and tenders, such as 'home'",
            )
        ]
    )


def close_book(auction: Auction, opening: Opening, tenders: Tenders) -> ClosedBook:
    """Return how a book ends in which homes with these tenders trade until gate closure."""
    traded = match_orders(auction, opening, tenders)
    return ClosedBook(traded, settle_homes(opening, tenders, traded))


def mix_books(closed: ClosedBook, other: ClosedBook, share: float) -> ClosedBook:
    """Return a book whose homes take a share (0..1) of what another adds from the supplier, where they hardly prefer either.

    Trades stand as they are; the mean price of a home is the lower of the two.
    """
    awards, also = closed.awards, other.awards
    p_kw = awards.p_kw + share * (also.p_kw - awards.p_kw)
    price = np.minimum(awards.price_per_kwh, also.price_per_kwh)
    return ClosedBook(closed.traded, awards._replace(p_kw=p_kw, price_per_kwh=price))


def match_orders(auction: Auction, opening: Opening, tenders: Tenders) -> AuctionTrades:
    """Return the trades between homes in the single interval of an opening.

    Parameters
    ----------
    tenders
        One curve of the whole net power of each home, in any order: chance belongs to the party, not to the row.

    Returns
    -------
    Trades
        None where the export price and the import price less delivery are equal: no trade can then improve on the supplier's.
    """
    supply, ticks = opening.supply, auction.ticks
    low, high = float(supply.export_per_kwh[0]), float(supply.import_per_kwh[0])
    due_per_kwh = local_delivery_per_kwh(supply, auction.delivery_share)
    top = high - due_per_kwh
    count, none = len(tenders.party), np.zeros(0, np.int64)
    gains = leaves_gain(supply, auction.delivery_share) and _are_distinct(low, top, ticks)
    if not gains or count < 2:
        return AuctionTrades(none, none, np.zeros(0), np.zeros(0), none, np.zeros(count), 0, 0)
    arrival, draw = _draw_arrivals(auction, opening, tenders.party)
    curves = Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh)
    found: Dealt = trade(
        curves, low, high, ticks, arrival, draw, auction.block_kw, auction.shade, due_per_kwh
    )
    price = np.where(found.tick == ticks, top, low + (top - low) * (found.tick / ticks))
    party = tenders.party
    sides = party[found.buyer], party[found.seller]
    return AuctionTrades(
        *sides,
        found.p_uw / UW_PER_KW,
        price,
        found.turn,
        found.net_uw / UW_PER_KW,
        found.orders,
        found.turns,
        due_per_kwh,
    )


def _are_distinct(low: float, high: float, ticks: int) -> bool:
    """Say whether every tick between two prices is a price of its own."""
    return bool(high - low > 4 * ticks * np.spacing(max(abs(low), abs(high))))


def _draw_arrivals(auction: Auction, opening: Opening, party: Index) -> tuple[Index, Index]:
    """Return the rows in order of arrival (turns, n) and the ticks drawn (turns, n), no rows where none are; by party number."""
    count = len(party)
    ticks = 0 if auction.trader == "look_ahead" else auction.ticks
    order, drawn = _draw(auction.seed, opening.product.start_s, auction.turns, count, ticks)
    if np.array_equal(party, np.arange(count)):
        return order, drawn
    by_party = np.argsort(party, kind="stable")
    mixed = np.empty_like(drawn)
    mixed[:, by_party] = drawn
    return by_party[order], mixed


@lru_cache(maxsize=1)
def _draw(seed: int, start_s: int, turns: int, count: int, ticks: int) -> tuple[Index, Index]:
    """Return the order in which so many parties arrive, (turns, n), and the ticks drawn (turns, n), no rows of 0 ticks.

    Runs in step open the same interval one after the other, and the draws of one serve all.
    """
    draws = stream(seed, "auction", start_s)
    order = draws.permuted(np.broadcast_to(np.arange(count), (turns, count)), axis=1)
    drawn = draws.integers(1, ticks, (turns, count)) if ticks else np.zeros((0, count), np.int64)
    for table in (order, drawn):
        table.setflags(write=False)
    return order, drawn


def list_trades(opening: Opening, traded: AuctionTrades) -> Transactions:
    """Return one row a trade: the buyer as party, the seller as counterparty; `exchange.net` of them is the net purchase."""
    rows = (traded.buyer, traded.seller, traded.p_kw[:, None], traded.price_per_kwh[:, None])
    return Transactions(opening.product, *rows, np.full(len(traded.buyer), FILLED))


def count_messages(traded: AuctionTrades) -> PeerMessages:
    """Return the messages sent: one per order, two per trade; a home discloses price and quantity of its anonymous orders."""
    made = len(traded.p_kw)
    size = traded.orders * ORDER_BYTES + 2 * made * CONFIRMATION_BYTES
    return PeerMessages(traded.orders + 2 * made, size, traded.turns, 2 * traded.orders)


def lean_order_bits(ticks: int) -> int:
    """Return the bits of an order in its leanest form: the side, one of so many prices and the supplier's two, a quantity."""
    return 1 + ticks.bit_length() + NUMBER_BITS


def settle_homes(opening: Opening, tenders: Tenders, traded: AuctionTrades) -> Transactions:
    """Return one row a home: its whole power, and the volume-weighted price of its trades and of the rest with the supplier.

    A home buys the rest that it wants at the import price, or sells the rest that it would keep only below the export credit.
    Between the two it takes just what it traded. The price, with the delivery that a buyer owes, weighs what a home bought and
    what it sold alike, so it lies between credit and import price; what the home pays is in the trades, not in this one price.
    """
    low, high = float(opening.supply.export_per_kwh[0]), float(opening.supply.import_per_kwh[0])
    count = len(tenders.party)
    curves, trades = Curves(*tenders[2:]), traded[:4]
    power, price = settle(
        curves, tenders.party, trades, traded.net_kw, low, high, traded.due_per_kwh
    )
    rows = tenders.party, np.full(count, SUPPLIER), power[:, None], price[:, None]
    return Transactions(opening.product, *rows, np.full(count, FILLED))
