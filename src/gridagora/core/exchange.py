"""What crosses between party and market, as columns, and how it is counted (theory 4.2).

Signs, stated here for the whole package: `p_kw > 0` is withdrawal at the meter (buying), `p_kw < 0` injection. A price is money
per kWh bought, so `p_kw * price_per_kwh * dt_h` is what the party pays. Row i belongs to `party[i]`; columns are the consecutive
products that begin with `product`. Powers are summed as integers (micro-watts): a sum knows neither order nor shard.

References
----------
OASIS, Energy Interoperation Common Transactive Services (CTS) 1.0: the words quote, tender, transaction, position, delivery.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.product import Product
from gridagora.core.tables import Col, Index
from gridagora.kernels.curve import Curves

NETWORK = -2  # counterparty of a charge for using the network: it pays for a quantity and moves none
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
AnyTable = TypeVar("AnyTable", Quotes, Tenders, Plans, Proposals, Transactions, Positions, Deliveries)


def quote(product: Product, party: Index, buy_per_kwh: Col, sell_per_kwh: Col | None = None, share: float | Col = 1.0) -> Quotes:
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
    columns = [np.broadcast_to(np.asarray(column, dtype=np.float64), shape) for column in (buy, sell, share)]
    for name, column in zip(Quotes._fields[2:], columns, strict=True):
        if not np.isfinite(column).all():
            row, step = np.argwhere(~np.isfinite(column))[0]
            raise PartError(f"quote to party {party[row]}, interval {step}: {name} {column[row, step]}, expected a finite number")
    return Quotes(product, np.asarray(party, dtype=np.int64), *columns)


def tender(product: Product, party: Index, curves: Curves) -> Tenders:
    """Return the tender of each party from its curve; `curves` has one row a party."""
    if len(curves.offset) != len(party) + 1:
        raise PartError(f"tenders of {len(party)} parties: got {len(curves.offset) - 1} curves, expected one each")
    return Tenders(product, np.asarray(party, dtype=np.int64), curves.offset, curves.p_kw, curves.price_per_kwh)


def quanta_uw(p_kw: Col) -> Index:
    """Return power as whole micro-watts, rounding half to even; same shape."""
    return np.rint(np.asarray(p_kw, dtype=np.float64) * UW_PER_KW).astype(np.int64)


def sum_kw(p_kw: Col, axis: int = 0) -> Col:
    """Return the sum over an axis in whole micro-watts [kW]: the same in any order and any grouping of rows."""
    return np.asarray(quanta_uw(p_kw).sum(axis=axis) / UW_PER_KW)


def net(transactions: Transactions, party: Index) -> Positions:
    """Return the position of each listed party (rising): what it bought as party less what it sold as counterparty."""
    quanta = quanta_uw(transactions.p_kw)
    total = np.zeros((len(party), quanta.shape[1]), dtype=np.int64)
    for side, sign in ((transactions.party, 1), (transactions.counterparty, -1)):
        at = np.searchsorted(party, side)
        known = party[np.minimum(at, len(party) - 1)] == side
        np.add.at(total, at[known], sign * quanta[known])
    return Positions(transactions.product, party, total / UW_PER_KW)


def take(table: AnyTable, rows: Sequence[int] | Index) -> AnyTable:
    """Return the given rows of a table, in that order."""
    rows = np.asarray(rows, dtype=np.int64)
    if not isinstance(table, Tenders):
        return table._replace(**{name: getattr(table, name)[rows] for name in table._fields[1:]})
    length = np.diff(table.offset)[rows]
    offset = np.concatenate([[0], np.cumsum(length)])
    point = np.repeat(table.offset[rows] - offset[:-1], length) + np.arange(offset[-1])
    return Tenders(table.product, table.party[rows], offset, table.p_kw[point], table.price_per_kwh[point])


def join(tables: Sequence[AnyTable]) -> AnyTable:
    """Return the rows of several tables of one kind and product as one table.

    Raises
    ------
    PartError
        No table at all, or tables of different products.
    """
    if len({t.product for t in tables}) != 1:
        raise PartError(f"join of {len(tables)} tables: expected one product, got {len({t.product for t in tables})}")
    first = tables[0]
    columns: dict[str, Any] = {name: np.concatenate([getattr(t, name) for t in tables]) for name in first._fields[1:]}
    if isinstance(first, Tenders):
        columns["offset"] = np.concatenate([[0], *(np.diff(t.offset) for t in tables)]).cumsum()
    return first._replace(**columns)


def encode(table: Table) -> list[bytes]:
    """Return what is sent, one message a row: the product, then the numbers of the row."""
    product = table.product
    head = HEADER.pack(product.commodity, product.horizon, product.start_s, product.duration_s, product.place)
    columns = [getattr(table, name) for name in table._fields[1:]]
    if isinstance(table, Tenders):
        columns = [table.party, *(np.split(column, table.offset[1:-1]) for column in (table.p_kw, table.price_per_kwh))]
    return [b"".join([head, *(np.asarray(column[i]).tobytes() for column in columns)]) for i in range(len(table.party))]


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
