"""What homes agreed on with their partners in one interval: trades, what they owe for them, and the messages that they took.

Theory 3.6.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.exchange import NETWORK, Status, Transactions
from gridagora.core.session import Opening, PeerMessages, Topology
from gridagora.core.tables import Col, Flag
from gridagora.kernels.coordination.consensus import CHECK_EVERY, TradeLinks, party_of_end
from gridagora.mechanisms.local_delivery import list_delivery
from gridagora.mechanisms.peer_messages import MESSAGES, OFFER_BYTES, REPORT_BYTES, SupplierPrices

FILLED, SPENT = int(Status.FILLED), int(Status.ROUNDS_SPENT)
DISCLOSED = 2  # numbers about itself that a home sends in an offer or a report


class Deal(NamedTuple):
    """What homes agreed on in one interval; trades by end of pair, positive where the party buys.

    In a pool the parties after the n homes are its managers, who trade with every member and keep nothing.
    """

    graph: TradeLinks
    trade_kw: Col  # (2e,)
    price_per_kwh: Col  # (2e,)
    fee_per_kwh: Col  # (2e,) network charge of that end: paid in addition to the price
    p_kw: Col  # (n,)
    worth_per_kwh: Col  # (n,) marginal value of a kWh at p_kw
    supplier_kw: Col  # (n,) residual, traded with the supplier
    rounds: int
    converged: bool
    delivery_per_kwh: float = 0.0  # what the buyer of a trade owes to the wires beside


def mix_deals(deal: Deal, other: Deal, share: float) -> Deal:
    """Return a deal whose homes take a share (0..1) of what another adds from the supplier, where they hardly prefer either.

    `other` is at the lower price: what a kWh is worth is taken from there.
    """
    more_kw = share * (other.p_kw - deal.p_kw)
    return deal._replace(
        p_kw=deal.p_kw + more_kw,
        supplier_kw=deal.supplier_kw + more_kw,
        worth_per_kwh=np.minimum(deal.worth_per_kwh, other.worth_per_kwh),
    )


def green_premium(site: Topology) -> Col:
    """Return the premium that each home would pay for a kWh of a green partner over any other, shape (n,) [$/kWh]."""
    wants = site.prefers
    return (
        np.zeros(len(site.place))
        if wants is None
        else np.where(wants.green, wants.green_per_kwh, 0.0)
    )


def has_green_surplus(site: Topology, p_kw: Col) -> Flag:
    """Return which homes have a renewable surplus, shape (n,), given their net power p_kw (n,) [kW] at the import price."""
    return (
        np.full(len(site.place), False)
        if site.prefers is None
        else site.prefers.renewable & (p_kw < 0)
    )


def status_of(deal: Deal) -> int:
    """Return the status of the transactions of a deal."""
    return FILLED if deal.converged else SPENT


def sum_traffic(talks: list[PeerMessages]) -> PeerMessages:
    """Return the message counts of sessions held in parallel: sums, and the rounds of the longest."""
    columns = list(zip(*(talk[:-1] for talk in talks), strict=True))
    return PeerMessages(sum(columns[0]), sum(columns[1]), max(columns[2]), sum(columns[3]))


def add_traffic(talks: list[PeerMessages]) -> PeerMessages:
    """Return the message counts of sessions held one after the other: sums."""
    columns = list(zip(*(talk[:-1] for talk in talks), strict=True))
    return PeerMessages(*(sum(column) for column in columns))


def count_posting(opening: Opening) -> PeerMessages:
    """Return the messages by which the supplier posts the path of its two prices to all homes."""
    homes, steps = len(opening.party), len(opening.supply.import_per_kwh)
    return PeerMessages(homes, homes * message_bytes(MESSAGES[SupplierPrices], steps), 1, 0)


def count_offers(deal: Deal, homes: int) -> PeerMessages:
    """Return the messages exchanged by n homes: an offer from every end of a pair in every round.

    The supplier first posts its two prices to all. Every few rounds each home also reports its largest residuals and receives
    the largest of all, as the stopping test; the manager of a pool reads them from the offers, which it answers one by one.
    """
    offers = deal.rounds * len(deal.graph.peer)
    own = deal.rounds * int(deal.graph.offset[homes])
    checks = -(-deal.rounds // CHECK_EVERY) if len(deal.graph.offset) == homes + 1 else 0
    reports = checks * homes
    size = (
        offers * OFFER_BYTES
        + 2 * reports * REPORT_BYTES
        + homes * message_bytes(MESSAGES[SupplierPrices], 1)
    )
    return PeerMessages(
        offers + 2 * reports + homes, size, deal.rounds + 2 * checks, DISCLOSED * (own + reports)
    )


def list_trades(opening: Opening, deal: Deal) -> Transactions:
    """Return one row for every pair that trades: the buyer, the seller, what is bought and its price before network charges.

    Parties above the homes of the opening are managers of pools.
    """
    rows = np.flatnonzero(deal.trade_kw > 0)
    buyer, n = party_of_end(deal.graph), len(opening.party)
    names = np.append(opening.party, n + np.arange(len(deal.graph.offset) - 1 - n))
    status = np.full(len(rows), status_of(deal))
    column = (deal.trade_kw[rows, None], deal.price_per_kwh[rows, None])
    return Transactions(
        opening.product, names[buyer[rows]], names[deal.graph.peer[rows]], *column, status
    )


def list_charges(opening: Opening, deal: Deal) -> Transactions:
    """Return one row for every end of a pair that pays a network charge: the power traded and its charge."""
    n = len(opening.party)
    ends = party_of_end(deal.graph)
    rows = np.flatnonzero((deal.fee_per_kwh > 0) & (deal.trade_kw != 0) & (ends < n))
    column = (np.abs(deal.trade_kw[rows, None]), deal.fee_per_kwh[rows, None])
    status = np.full(len(rows), status_of(deal))
    return Transactions(
        opening.product, opening.party[ends[rows]], np.full(len(rows), NETWORK), *column, status
    )


def list_owed(opening: Opening, deal: Deal) -> Transactions:
    """Return one row for every purchase of a home that owes delivery: the power bought and its charge."""
    n, ends = len(opening.party), party_of_end(deal.graph)
    rows = np.flatnonzero((deal.trade_kw > 0) & (ends < n))
    status = np.full(len(rows), status_of(deal))
    buyer, bought_kw = opening.party[ends[rows]], deal.trade_kw[rows]
    return list_delivery(opening.product, buyer, bought_kw, deal.delivery_per_kwh, status)


def cost_per_h(opening: Opening, deal: Deal) -> Col:
    """Return what every home pays in money, shape (n,) [$/h]: partners, network charges, and the supplier for the rest."""
    ends, n = party_of_end(deal.graph), len(opening.party)
    moved = deal.trade_kw * deal.price_per_kwh + np.abs(deal.trade_kw) * deal.fee_per_kwh
    moved += deal.trade_kw.clip(min=0) * deal.delivery_per_kwh
    rest, supply = deal.supplier_kw, opening.supply
    supplier = (
        rest.clip(min=0) * supply.import_per_kwh[0] + rest.clip(max=0) * supply.export_per_kwh[0]
    )
    return np.asarray(np.bincount(ends, moved, minlength=n)[:n] + supplier)
