"""Who pays whom: homes pay the operator, the operator pays wholesale and wires; every entry is double and rounded once."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gridagora.core.exchange import NETWORK, WIRES, Transactions
from gridagora.core.product import Product
from gridagora.core.records import Derived, RunColumn, by_row, row_blocks, sum_rows
from gridagora.core.tables import Col, Flag, Index, Quality
from gridagora.population.quality import deviation_kwh, per_home
from gridagora.results.outcome import LocalTrades
from gridagora.run.forecast import WholesaleTerms
from gridagora.settlement import ledger as books
from gridagora.settlement.ledger import AgreedPositions, Ledger, book
from gridagora.settlement.parties import Parties, Role, row_of, rows_of

CHARGE = "deviation charge"
RENT = "congestion rent"  # the network operator's part of the price of energy
DELIVERY = "delivery"  # network charges of energy from the public grid
LOSSES = "losses"  # what the wires buy
FEE = "network fee"  # nodal fees of the network operator
TIER = "envelope tier"  # what homes bought beside their firm envelopes
BEYOND = "beyond limit"  # import or export of a home beyond the limit of its meter
OVERLOAD = "overload"  # energy beyond the limit of the substation, by its price


class Settlement(NamedTuple):
    """What is settled: the parties, the period as a real-time product, and the terms of the substation."""

    parties: Parties
    period: Product
    dt_h: float  # of an interval of real time
    terms: WholesaleTerms
    place: Index  # (n,) where the meter of each home stands, 0 without places


class Position(NamedTuple):
    """Power agreed for every hour of the run before real time: p_kw and its price [$/kWh] (n, h), wholesale price (h,)."""

    product: Product
    p_kw: Col
    price_per_kwh: Col
    wholesale_per_kwh: Col


class MeterPrices(NamedTuple):
    """What homes pay for import and get for export in every interval, shape (n, t), or (t,) or (1, t) where all see one."""

    import_per_kwh: Col
    export_per_kwh: Col


def settle(
    s: Settlement,
    home_kw: RunColumn,
    prices: MeterPrices,
    wholesale_per_kwh: Col,
    positions: tuple[Position, ...] = (),
    other_kw: Col | float = 0.0,
) -> Ledger:
    """Book positions and deliveries of a run.

    Parameters
    ----------
    s
        Parties, period and terms.
    home_kw
        Net power of every home, shape (n, t) [kW], netted within an interval; less what it bought of other homes.
    prices
        At the meters.
    wholesale_per_kwh
        Energy price at the substation, shape (t,) [$/kWh].
    positions
        What was agreed before, the earliest first: each later one settles what it changes, real time the rest.
    other_kw
        Load of other customers, shape (t,) [kW].

    Returns
    -------
    Ledger
        Homes pay the operator; the operator pays wholesale and, for import, the wires. With a position both settle it at
        day-ahead prices and the deviation in real time. The operator pays the wires for what is beyond the limit as well, and
        whoever keeps what is left with it bears that. Other customers pay the operator what they cost by themselves, whatever
        homes do, so that the rest is what homes cost. What is left with the operator is tariff margin and congestion rent.
    """
    load, period, dt_h, w = sum_rows(home_kw) + other_kw, s.period, s.dt_h, s.terms
    operator, wholesale, wires = (
        row_of(s.parties, role) for role in (Role.OPERATOR, Role.WHOLESALE, Role.WIRES)
    )
    energy = [_settle_homes(s, home_kw, prices, positions)]
    if not positions:
        bought = float(load @ wholesale_per_kwh * dt_h)
        moved = float(load.sum() * dt_h)
        energy.append(book(operator, wholesale, "wholesale energy", bought, period, moved))
    else:
        ahead = [
            AgreedPositions(p.product, p.p_kw.sum(0, keepdims=True), p.wholesale_per_kwh)
            for p in positions
        ]
        payer = np.array([operator])
        energy.append(
            books.settle(payer, wholesale, ahead, load[None, :], wholesale_per_kwh, period, dt_h)
        )
    if np.any(other_kw):
        others, alone = (
            row_of(s.parties, Role.OTHER_CUSTOMERS),
            alone_usd_per_h(other_kw, wholesale_per_kwh, w),
        )
        energy.append(
            book(
                others,
                operator,
                "other customers",
                float(np.sum(alone) * dt_h),
                period,
                float(np.sum(other_kw) * dt_h),
            )
        )
    imported, exported = float(load.clip(min=0).sum()), float((-load).clip(min=0).sum())
    if np.isfinite(w.limit_kw):
        beyond = float(_beyond_kw(load, w).sum() * dt_h)
        energy.append(book(operator, wires, OVERLOAD, beyond * w.over_per_kwh, period, beyond))
    return books.join(
        [
            *energy,
            book(
                operator,
                wires,
                DELIVERY,
                imported * w.delivery_per_kwh * dt_h,
                period,
                imported * dt_h,
            ),
            book(
                wholesale,
                operator,
                "export credit",
                exported * w.export_credit_per_kwh * dt_h,
                period,
                exported * dt_h,
            ),
        ]
    )


def alone_usd_per_h(load_kw: Col | float, wholesale_per_kwh: Col, w: WholesaleTerms) -> Col:
    """Return what a load costs that stands alone at the substation, shape (t,) [$/h].

    Import pays wholesale and delivery, export earns wholesale and the credit; what is beyond the limit pays its price.
    """
    beside = np.where(np.asarray(load_kw) > 0, w.delivery_per_kwh, w.export_credit_per_kwh)
    energy = load_kw * (wholesale_per_kwh + beside)
    return np.asarray(energy + w.over_per_kwh * _beyond_kw(load_kw, w))


def _beyond_kw(load_kw: Col | float, w: WholesaleTerms) -> Col:
    """Return what of a load is beyond the limit of the substation, either way, shape (t,) [kW]."""
    return np.asarray((np.abs(load_kw) - w.limit_kw).clip(min=0))


def cost_usd_per_h(home_kw: Col, other_kw: Col, wholesale_per_kwh: Col, w: WholesaleTerms) -> Col:
    """Return what homes add to the cost of the substation, shape (t,) [$/h]; net power of all homes and other load (t,) [kW]."""
    together = alone_usd_per_h(home_kw + other_kw, wholesale_per_kwh, w)
    return np.asarray(together - alone_usd_per_h(other_kw, wholesale_per_kwh, w))


def wire_losses(
    parties: Parties, period: Product, losses_kw: Col, wholesale_per_kwh: Col, dt_h: float
) -> Ledger:
    """Book what the wires pay wholesale for losses (t,) [kW], at its real-time price (t,) [$/kWh].

    Intervals without a power flow are left out.
    """
    cost, lost = (
        float(np.nansum(losses_kw * wholesale_per_kwh) * dt_h),
        float(np.nansum(losses_kw) * dt_h),
    )
    return book(
        row_of(parties, Role.WIRES), row_of(parties, Role.WHOLESALE), LOSSES, cost, period, lost
    )


def retail_margin(s: Settlement, ledger: Ledger, is_prosumer: Flag) -> Ledger:
    """Book what selling to end-users left over to the prosumers who are the retailer, in equal parts, for their offers are equal.

    Nobody stands between them: the account of the operator comes out at the few micro-dollars that equal parts leave. Of homes,
    `is_prosumer` (n,).
    """
    own, operator = rows_of(s.parties, Role.HOME)[is_prosumer], row_of(s.parties, Role.OPERATOR)
    left = -books.paid_uusd(ledger, len(s.parties.id))[operator] / books.UUSD_PER_USD
    return book(operator, own, "retail margin", np.full(len(own), left / len(own)), s.period)


def no_trades() -> LocalTrades:
    """Return trades without rows."""
    none, nil = np.zeros(0, np.int64), np.zeros(0)
    return LocalTrades(none, none, none, nil, nil, none > 0)


def join_trades(trades: list[LocalTrades]) -> LocalTrades:
    """Return the trades of all intervals as one table."""
    return LocalTrades(
        *(np.concatenate(column) for column in zip(no_trades(), *trades, strict=True))
    )


def record_trades(parties: Parties, interval: int, local: Transactions, dt_h: float) -> LocalTrades:
    """Return what homes agreed with each other in an interval as rows of the parties of the run.

    Delivery is owed to the wires. What is owed to the network is the operator's, who also keeps the accounts of pools: their
    managers are parties after the homes and come out even.
    """
    n, operator = len(rows_of(parties, Role.HOME)), row_of(parties, Role.OPERATOR)
    moves = (local.counterparty != NETWORK) & (local.counterparty != WIRES)
    buyer = np.where(local.party < n, local.party, operator)
    seller = np.where(moves & (local.counterparty < n), local.counterparty, operator)
    seller[local.counterparty == WIRES] = row_of(parties, Role.WIRES)
    usd = local.p_kw[:, 0] * local.price_per_kwh[:, 0] * dt_h
    return LocalTrades(np.full(len(usd), interval), buyer, seller, local.p_kw[:, 0], usd, ~moves)


def traded_kw(
    parties: Parties, trades: LocalTrades, shape: tuple[int, int], rows: slice = slice(None)
) -> Col:
    """Return what some homes bought of others less what they sold to them, all (n, t) where left out, shape (k, t) [kW]."""
    first, last, _ = rows.indices(shape[0])
    bought = np.zeros((shape[1], last - first))
    is_home = np.array([role is Role.HOME for role in parties.role])
    for side, add in ((trades.buyer, np.add), (trades.seller, np.subtract)):
        own = ~trades.charge & is_home[side] & (side >= first) & (side < last)
        add.at(bought, (trades.interval[own], side[own] - first), trades.p_kw[own])
    return bought.T


def less_traded(home_kw: RunColumn, parties: Parties, trades: LocalTrades) -> RunColumn:
    """Return the net power of homes (n, t) less what they bought of each other [kW]."""
    if not len(trades.usd):
        return home_kw
    shape = home_kw.shape[0], home_kw.shape[1]

    def read(rows: slice, times: slice) -> Col:
        return np.asarray((home_kw[rows] - traded_kw(parties, trades, shape, rows))[:, times])

    return Derived(shape, read)


def book_trades(s: Settlement, trades: LocalTrades) -> Ledger:
    """Book what homes paid each other and the wires: one entry for each pair of buyer and seller, rounded once."""
    due = trades.charge & (trades.seller == row_of(s.parties, Role.WIRES))
    between, delivery = (LocalTrades(*(column[some] for column in trades)) for some in (~due, due))
    moved_kw = np.where(between.charge, 0.0, between.p_kw)
    return books.join(
        [
            _book_pairs(s, between, moved_kw, "local energy"),
            _book_pairs(s, delivery, delivery.p_kw, DELIVERY),
        ]
    )


def _book_pairs(s: Settlement, trades: LocalTrades, moved_kw: Col, item: str) -> Ledger:
    """Book what each pair of buyer and seller paid for an item, with what it counts (r,) [kW]."""
    if not len(trades.usd):
        return books.open_ledger()
    pairs, row = np.unique(np.stack([trades.buyer, trades.seller]), axis=1, return_inverse=True)
    usd, counted_kw = (
        np.asarray(np.bincount(row.ravel(), column, pairs.shape[1]), np.float64)
        for column in (trades.usd, moved_kw)
    )
    return book(pairs[0], pairs[1], item, usd, s.period, counted_kw * s.dt_h)


def congestion_rent(s: Settlement, home_kw: RunColumn, network_per_kwh: Col) -> Ledger:
    """Book what homes pay the operator for the network price, (t,) [$/kWh], of what they take from the supplier, (n, t) [kW].

    It is paid back for what they give; no entries where the price is nil throughout.
    """
    if not network_per_kwh.any():
        return books.open_ledger()
    homes, operator = rows_of(s.parties, Role.HOME), row_of(s.parties, Role.OPERATOR)
    parts = []
    for rows in row_blocks(home_kw.shape):
        usd = by_row(home_kw[rows]) @ network_per_kwh * s.dt_h
        parts.append(book(homes[rows], operator, RENT, usd, s.period, place=s.place[rows]))
    return books.join(parts)


def book_charges(s: Settlement, charged_usd: Mapping[str, Col]) -> Ledger:
    """Book what homes pay the operator for power, by item, (n,) each [$]; it moves no energy."""
    homes, operator = rows_of(s.parties, Role.HOME), row_of(s.parties, Role.OPERATOR)
    return books.join(
        [
            book(homes, operator, item, usd, s.period, place=s.place)
            for item, usd in charged_usd.items()
        ]
    )


def book_fees(s: Settlement, fee_usd: Col | None, item: str = FEE) -> Ledger:
    """Book what homes pay the wires for an item, (n,) [$]; it moves no energy, and no entries where nobody pays."""
    if fee_usd is None or not fee_usd.any():
        return books.open_ledger()
    homes, wires = rows_of(s.parties, Role.HOME), row_of(s.parties, Role.WIRES)
    return book(homes, wires, item, fee_usd, s.period, place=s.place)


def deviation_charge(
    s: Settlement, home_kw: RunColumn, award_kw: RunColumn, quality: Quality
) -> Ledger:
    """Book what homes pay the operator for delivering other than awarded; no entries of homes without an award or a charge.

    Parameters
    ----------
    s
        Parties, period and terms.
    home_kw, award_kw
        Delivered and awarded power of every home, shape (n, t) [kW]; an award is nan where there is none.
    quality
        What a home pays for a kWh of deviation, and the hours over which it is averaged.
    """
    price = per_home(quality, len(home_kw)).deviation_per_kwh
    chosen, missed_kwh = [np.zeros(0, np.int64)], [np.zeros(0)]
    for block in row_blocks(home_kw.shape) if (price > 0).any() else ():
        delivered, award = by_row(home_kw[block]), np.asarray(award_kw[block])
        own = np.flatnonzero((price[block] > 0) & np.isfinite(award).any(1))
        if own.size:
            missed = deviation_kwh(delivered[own], award[own], s.dt_h, quality.window_h)
            chosen.append(block.start + own)
            missed_kwh.append(np.nansum(missed, 1))
    rows = np.concatenate(chosen)
    if not rows.size:
        return books.open_ledger()
    homes, operator = rows_of(s.parties, Role.HOME)[rows], row_of(s.parties, Role.OPERATOR)
    usd = price[rows] * np.concatenate(missed_kwh)
    return book(homes, operator, CHARGE, usd, s.period, place=s.place[rows])


def _settle_homes(
    s: Settlement, home_kw: RunColumn, prices: MeterPrices, positions: tuple[Position, ...]
) -> Ledger:
    """Book what homes pay the operator for energy, some homes at a time; the entries of an item stand together."""
    homes, operator = rows_of(s.parties, Role.HOME), row_of(s.parties, Role.OPERATOR)
    nets = bool(np.array_equal(*prices))
    parts: list[list[Ledger]] = []
    for rows in row_blocks(home_kw.shape):
        power, place = by_row(home_kw[rows]), s.place[rows]
        at = MeterPrices(*(_rows_of(column, rows) for column in prices))
        if not positions:
            parts.append(_metered(s, homes[rows], power, at, place, nets=nets))
            continue
        agreed = [
            AgreedPositions(p.product, p.p_kw[rows], p.price_per_kwh[rows]) for p in positions
        ]
        price, credit = at.import_per_kwh, None if nets else at.export_per_kwh
        found = books.settle(
            homes[rows], operator, agreed, power, price, s.period, s.dt_h, place, credit
        )
        parts.append(_by_item(found, len(power)))
    return books.join([entries for item in zip(*parts, strict=True) for entries in item])


def _rows_of(price_per_kwh: Col, rows: slice) -> Col:
    """Return the prices of some homes, where each has its own."""
    alone = price_per_kwh.ndim < 2 or len(price_per_kwh) == 1
    return price_per_kwh if alone else price_per_kwh[rows]


def _by_item(ledger: Ledger, homes: int) -> list[Ledger]:
    """Return a ledger that holds an entry of every home for each item as one ledger an item."""
    cuts = range(0, len(ledger.item), homes)
    return [books.pick(ledger, slice(at, at + homes)) for at in cuts]


def _metered(
    s: Settlement, homes: Index, home_kw: Col, prices: MeterPrices, place: Index, *, nets: bool
) -> list[Ledger]:
    """Book what homes pay: net where export is paid as import is charged, else import and credit apart."""
    operator, (price_per_kwh, credit_per_kwh) = row_of(s.parties, Role.OPERATOR), prices
    if nets:
        amount, moved = (home_kw * price_per_kwh).sum(1) * s.dt_h, home_kw.sum(1) * s.dt_h
        return [book(homes, operator, "energy", amount, s.period, moved, place)]
    bought, sold = home_kw.clip(min=0), (-home_kw).clip(min=0)
    import_usd = (bought * price_per_kwh).sum(1) * s.dt_h
    export_usd = (sold * credit_per_kwh).sum(1) * s.dt_h
    taken, given = bought.sum(1) * s.dt_h, sold.sum(1) * s.dt_h
    return [
        book(homes, operator, "energy", import_usd, s.period, taken, place),
        book(operator, homes, "credit", export_usd, s.period, given, place),
    ]
