"""What crosses between party and market, as columns, and how it is counted (theory 4.2).

Signs, stated here for the whole package: `p_kw > 0` is withdrawal at the meter (buying), `p_kw < 0` injection. A price is money
per kWh bought, so `p_kw * price_per_kwh * dt_h` is what the party pays. Row i belongs to `party[i]`; columns are the consecutive
products that begin with `product`. Powers are summed as integers (micro-watts): a sum knows neither order nor shard.

References
----------
OASIS, Energy Interoperation Common Transactive Services (CTS) 1.0: the words quote, tender, transaction, position, delivery.
"""

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.curve import Curves

NETWORK = (
    -2
)  # counterparty of a charge for using the network: it pays for a quantity and moves none
UW_PER_KW = 1_000_000_000
HEADER = struct.Struct("<BBqii")  # commodity, horizon, start_s, duration_s, place
NUMBER_BYTES = 8  # every number travels as 8 bytes, little-endian


class Status(IntEnum):
    """Why a transaction is what it is."""

    FILLED = 0
    PARTIAL = 1
    NONE = 2
    REFUSED = 3
    ROUNDS_SPENT = 4


class Quotes(NamedTuple):
    """Market to party: the price of each interval, and the share taken where a party is indifferent at that price."""

    product: Product
    party: Index  # (n,) each listener is one message
    buy_per_kwh: Col  # (n, h) price of a kWh withdrawn [$/kWh]
    sell_per_kwh: Col  # (n, h) credit of a kWh injected [$/kWh]
    share: Col  # (n, h) of the tie at the price, 0..1


class Tenders(NamedTuple):
    """Party to market: one curve a row, linear blocks between neighbouring points (a step where the two prices are equal)."""

    product: Product
    party: Index  # (n,)
    offset: Index  # (n + 1,) row i owns points offset[i] to offset[i + 1]
    p_kw: Col  # (points,) rising within a row
    price_per_kwh: Col  # (points,) falling within a row


class Plans(NamedTuple):
    """Party to market: what it would take in each interval at the quoted prices; a forecast that binds nobody."""

    product: Product
    party: Index  # (n,)
    p_kw: Col  # (n, h)


class Proposals(NamedTuple):
    """Party to market: a plan and two numbers that prove how good a common price is.

    `own_usd` is what the plan costs its maker beside the energy, `bound_usd` a bound from below of that and the energy together
    under any plan at the quoted prices.
    """

    product: Product
    party: Index  # (n,)
    p_kw: Col  # (n, h)
    own_usd: Col  # (n,)
    bound_usd: Col  # (n,)


class Transactions(NamedTuple):
    """Binding outcome: what each party withdraws, from whom, at what price."""

    product: Product
    party: Index  # (n,)
    counterparty: Index  # (n,)
    p_kw: Col  # (n, h)
    price_per_kwh: Col  # (n, h)
    status: Index  # (n,) a `Status`


class Positions(NamedTuple):
    """Net of the transactions of each party."""

    product: Product
    party: Index  # (n,)
    p_kw: Col  # (n, h)


class Deliveries(NamedTuple):
    """Metered outcome."""

    product: Product
    party: Index  # (n,)
    p_kw: Col  # (n, h)


Table = Quotes | Tenders | Plans | Proposals | Transactions | Positions | Deliveries
AnyTable = TypeVar(
    "AnyTable", Quotes, Tenders, Plans, Proposals, Transactions, Positions, Deliveries
)


WHOLE, ONE, WIDE = "iow"  # a whole number, one number, a number for each product or point
LAYOUT: Mapping[type[NamedTuple], str] = MappingProxyType(
    {
        Quotes: "iwww",
        Tenders: "iww",
        Plans: "iw",
        Proposals: "iwoo",
        Transactions: "iiwwi",
        Positions: "iw",
        Deliveries: "iw",
    }
)


def quote(
    product: Product,
    party: Index,
    buy_per_kwh: Col,
    sell_per_kwh: Col | None = None,
    share: float | Col = 1.0,
) -> Quotes:
    """Return quotes with every column spread over all parties.

    Parameters
    ----------
    product
        First of the h intervals.
    party
        Listeners, shape (n,).
    buy_per_kwh, sell_per_kwh
        Shape (h,) or (n, h) [$/kWh]; the credit equals the price where it is left out.
    share
        Tie share, anything that spreads to (n, h).

    Raises
    ------
    PartError
        A price that is not finite.
    """
    buy = np.atleast_1d(np.asarray(buy_per_kwh, dtype=np.float64))
    shape = (len(party), buy.shape[-1])
    sell = buy if sell_per_kwh is None else sell_per_kwh
    columns = [
        np.broadcast_to(np.asarray(column, dtype=np.float64), shape)
        for column in (buy, sell, share)
    ]
    for name, column in zip(Quotes._fields[2:], columns, strict=True):
        if not np.isfinite(column).all():
            row, step = np.argwhere(~np.isfinite(column))[0]
            raise PartError(
                f"quote to party {party[row]}, interval {step}: {name} {column[row, step]}, expected a finite number"
            )
    return Quotes(product, np.asarray(party, dtype=np.int64), *columns)


def tender(product: Product, party: Index, curves: Curves) -> Tenders:
    """Return the tender of each of n parties, (n,), from its curve; `curves` has one row a party.

    Raises
    ------
    PartError
        Not one curve for each party.
    """
    if len(curves.offset) != len(party) + 1:
        raise PartError(
            f"tenders of {len(party)} parties: got {len(curves.offset) - 1} curves, expected one each"
        )
    return Tenders(
        product, np.asarray(party, dtype=np.int64), curves.offset, curves.p_kw, curves.price_per_kwh
    )


def quanta_uw(p_kw: Col) -> Index:
    """Return power in any shape [kW] as whole micro-watts [uW], rounding half to even."""
    return np.rint(np.asarray(p_kw, dtype=np.float64) * UW_PER_KW).astype(np.int64)


def sum_kw(p_kw: Col, axis: int = 0) -> Col:
    """Return the sum over an axis in whole micro-watts, any shape [kW]: the same in any order and any grouping of rows."""
    return np.asarray(quanta_uw(p_kw).sum(axis=axis) / UW_PER_KW)


def net(transactions: Transactions, party: Index) -> Positions:
    """Return the position of each listed party (n,), rising: what it bought as party less what it sold as counterparty."""
    quanta = quanta_uw(transactions.p_kw)
    total = np.zeros((len(party), quanta.shape[1]), dtype=np.int64)
    for side, sign in ((transactions.party, 1), (transactions.counterparty, -1)):
        at = np.searchsorted(party, side)
        known = party[np.minimum(at, len(party) - 1)] == side
        np.add.at(total, at[known], sign * quanta[known])
    return Positions(transactions.product, party, total / UW_PER_KW)


def take(table: AnyTable, rows: Sequence[int] | Index) -> AnyTable:
    """Return the given rows (k,) of a table, in that order."""
    rows = np.asarray(rows, dtype=np.int64)
    if not isinstance(table, Tenders):
        return table._replace(**{name: getattr(table, name)[rows] for name in table._fields[1:]})
    length = np.diff(table.offset)[rows]
    offset = np.concatenate([[0], np.cumsum(length)])
    point = np.repeat(table.offset[rows] - offset[:-1], length) + np.arange(offset[-1])
    return Tenders(
        table.product, table.party[rows], offset, table.p_kw[point], table.price_per_kwh[point]
    )


def join(tables: Sequence[AnyTable]) -> AnyTable:
    """Return the rows of several tables of one kind and product as one table.

    Raises
    ------
    PartError
        No table at all, or tables of different products.
    """
    if len({t.product for t in tables}) != 1:
        raise PartError(
            f"join of {len(tables)} tables: expected one product, got {len({t.product for t in tables})}"
        )
    first = tables[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(t, name) for t in tables]) for name in first._fields[1:]
    }
    if isinstance(first, Tenders):
        columns["offset"] = np.concatenate([[0], *(np.diff(t.offset) for t in tables)]).cumsum()
    return first._replace(**columns)


def encode(table: Table) -> list[bytes]:
    """Return what is sent, one message a row: the product, then the numbers of the row."""
    product = table.product
    head = HEADER.pack(
        product.commodity, product.horizon, product.start_s, product.duration_s, product.place
    )
    columns = [getattr(table, name) for name in table._fields[1:]]
    if isinstance(table, Tenders):
        columns = [
            table.party,
            *(np.split(column, table.offset[1:-1]) for column in (table.p_kw, table.price_per_kwh)),
        ]
    return [
        b"".join([head, *(np.asarray(column[i]).tobytes() for column in columns)])
        for i in range(len(table.party))
    ]


def decode(kind: type[AnyTable], messages: Sequence[bytes]) -> AnyTable:
    """Return the table of n rows that `encode` sent as n messages, all of one product; nothing in a message is ever run.

    `kind` is the table that is expected: a message holds numbers alone, and its length says how many products or points it has.

    Raises
    ------
    PartError
        What is no such message: which one, what it holds and what was expected.
    """
    layout = LAYOUT[kind]
    heads: list[Product] = []
    rows: list[list[Any]] = []
    for i, message in enumerate(messages):
        where = f"message {i} of {kind.__name__}"
        heads.append(decode_product(message, where))
        rows.append(_decode_row(layout, message, where))
        if heads[i] != heads[0]:
            raise PartError(
                f"{where} is of {heads[i]}, expected the product of the first, {heads[0]}"
            )
        if kind is Tenders:
            _refuse_unordered(rows[i][1], rows[i][2], where)
        elif any(len(one) != len(first) for one, first in zip(rows[i], rows[0], strict=True)):
            raise PartError(f"{where} has another number of products than the first")
        if kind is Transactions and int(rows[i][-1][0]) not in tuple(Status):
            raise PartError(
                f"{where}: got status {rows[i][-1][0]}, expected one of {', '.join(map(str, map(int, Status)))}"
            )
    if not rows:
        raise PartError(f"no message of {kind.__name__}: its product is not known without one")
    columns: list[Any] = [
        np.stack(column) if code == WIDE and kind is not Tenders else np.concatenate(column)
        for code, column in zip(layout, zip(*rows, strict=True), strict=True)
    ]
    if kind is Tenders:
        columns.insert(1, np.cumsum([0, *(len(row[1]) for row in rows)]))
    return kind(heads[0], *columns)


def decode_product(message: bytes, where: str) -> Product:
    """Return the product in the head of a message.

    Raises
    ------
    PartError
        A message without a head, or a head that names no commodity, horizon, duration or place.
    """
    if len(message) < HEADER.size:
        raise PartError(
            f"{where} has {len(message)} bytes, expected a head of {HEADER.size} at least"
        )
    commodity, horizon, start_s, duration_s, place = HEADER.unpack_from(message)
    for name, code, valid in (("commodity", commodity, Commodity), ("horizon", horizon, Horizon)):
        if code not in tuple(valid):
            expected = ", ".join(f"{one.value} ({one.name})" for one in valid)
            raise PartError(f"{where}: got {name} {code}, expected one of {expected}")
    if duration_s <= 0 or place < 0:
        raise PartError(
            f"{where}: got a duration of {duration_s} s at place {place}, expected above 0 s at place 0 or above"
        )
    return Product(Commodity(commodity), start_s, duration_s, Horizon(horizon), place)


def _decode_row(layout: str, message: bytes, where: str) -> list[Any]:
    """Return the columns of a row, (1,) or (h,) each, h from the length of the message."""
    count, rest = divmod(len(message) - HEADER.size, NUMBER_BYTES)
    wide = layout.count(WIDE)
    each, over = divmod(count - len(layout) + wide, wide)
    if rest or over or each < 1:
        fixed = HEADER.size + NUMBER_BYTES * (len(layout) - wide)
        raise PartError(
            f"{where} has {len(message)} bytes, expected {fixed} and a whole number of {NUMBER_BYTES * wide}"
        )
    columns, at = [], HEADER.size
    for code in layout:
        length = each if code == WIDE else 1
        sent, own = ("<i8", np.int64) if code == WHOLE else ("<f8", np.float64)
        column = np.frombuffer(message, sent, length, at).astype(own)
        if not np.isfinite(column).all():
            raise PartError(
                f"{where} holds {column[~np.isfinite(column)][0]}, expected finite numbers"
            )
        columns.append(column)
        at += NUMBER_BYTES * length
    return columns


def _refuse_unordered(p_kw: Col, price_per_kwh: Col, where: str) -> None:
    if (np.diff(p_kw) < 0).any() or (np.diff(price_per_kwh) > 0).any():
        raise PartError(
            f"{where} holds points out of order, expected rising powers at falling prices"
        )


def count_messages(table: Table) -> int:
    """Return the messages a table is sent as: one a row."""
    return len(table.party)


def count_bytes(table: Table) -> int:
    """Return the bytes of `encode(table)` without encoding it (metric I1)."""
    rows = len(table.party)
    numbers = sum(int(getattr(table, name).size) for name in table._fields[1:])
    if isinstance(table, Tenders):
        numbers -= len(table.offset)  # the length of a message says how many points it holds
    return rows * HEADER.size + numbers * NUMBER_BYTES
