"""What crosses between party and market, as columns, and how it is counted (theory 4.2).

Signs, stated here for the whole package: `p_kw > 0` is withdrawal at the meter (buying), `p_kw < 0` injection. A price is money
per kWh bought, so `p_kw * price_per_kwh * dt_h` is what the party pays. Row i belongs to `party[i]`; columns are the consecutive
products that begin with `product`. Powers are summed as integers (micro-watts): a sum knows neither order nor shard.

References
----------
OASIS, Energy Interoperation Common Transactive Services (CTS) 1.0: the words quote, tender, transaction, position, delivery.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from gridagora.core.encoding import (
    HEADER,
    NUMBER_BYTES,
    TRIANGLE,
    WHOLE,
    WIDE,
    count_numbers,
    decode_rows,
    encode_rows,
)
from gridagora.core.errors import PartError
from gridagora.core.product import Product
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.curve import Curves, take_rows

NETWORK = (
    -2
)  # counterparty of a charge for using the network: it pays for a quantity and moves none
WIRES = -3  # counterparty of delivery owed for energy of another home: likewise
UW_PER_KW = 1_000_000_000


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


class MeterLimits(NamedTuple):
    """Market to party: what a party imports beyond a limit, on the mean of each interval, costs more than the quoted price.

    A party that is not listed has no limit.
    """

    product: Product
    party: Index  # (n,) each listener is one message
    limit_kw: Col  # (n, h) of import at the meter, zero or more
    over_per_kwh: Col  # (n, h) what a kWh beyond it costs more [$/kWh], zero or more


class ExportLimits(NamedTuple):
    """Market to party: what a party exports beyond a limit earns less than the quoted credit.

    A party that is not listed has no limit.
    """

    product: Product
    party: Index  # (n,) each listener is one message
    limit_kw: Col  # (n, h) of export at the meter, zero or more
    over_per_kwh: Col  # (n, h) what a kWh beyond it earns less [$/kWh], zero or more


class MeterFees(NamedTuple):
    """Network operator to party: what a kWh through its meter costs more, and given earns more, than what it is quoted.

    A party that is not listed has no fee.
    """

    product: Product
    party: Index  # (n,) each listener is one message
    fee_per_kwh: Col  # (n, h) below zero where more import helps the network [$/kWh]


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


Table = (
    Quotes
    | MeterLimits
    | ExportLimits
    | MeterFees
    | Tenders
    | Plans
    | Proposals
    | Transactions
    | Positions
    | Deliveries
)
AnyTable = TypeVar(
    "AnyTable"
)  # a table of this file, or a named tuple `product, party, ...` of a market's own


LAYOUT: Mapping[type[NamedTuple], str] = MappingProxyType(
    {
        Quotes: "iwww",
        MeterLimits: "iww",
        ExportLimits: "iww",
        MeterFees: "iw",
        Tenders: "iww",
        Plans: "iw",
        Proposals: "iwoo",
        Transactions: "iiwwi",
        Positions: "iw",
        Deliveries: "iw",
    }
)  # as in `core.encoding`; a market that has messages of its own states theirs in its own file


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
    given = (buy, buy if sell_per_kwh is None else sell_per_kwh, share)
    columns: list[Col] = []
    for name, column in zip(Quotes._fields[2:], given, strict=True):
        if column is buy and columns:  # the credit is the price
            columns.append(columns[0])
            continue
        values = np.asarray(column, dtype=np.float64)
        spread = values if values.shape == shape else np.broadcast_to(values, shape)
        if not np.isfinite(values).all() and spread.size:
            row, step = np.argwhere(~np.isfinite(spread))[0]
            raise PartError(
                f"quote to party {party[row]}, interval {step}: {name} {spread[row, step]}, expected a finite number"
            )
        columns.append(spread)
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
    """Return the given rows (k,) of a table, in that order.

    Raises
    ------
    PartError
        What is no table of columns.
    """
    if not hasattr(table, "_fields"):
        raise PartError(f"take: got a {type(table).__name__}, expected a table such as Quotes")
    rows, whole = np.asarray(rows, dtype=np.int64), cast("Any", table)
    if not isinstance(table, Tenders):
        return cast(
            "AnyTable",
            whole._replace(**{name: getattr(table, name)[rows] for name in whole._fields[1:]}),
        )
    taken = Tenders(table.product, table.party[rows], *take_rows(Curves(*table[2:]), rows))
    return cast("AnyTable", taken)


def join(tables: Sequence[AnyTable]) -> AnyTable:
    """Return the rows of several tables of one kind and product as one table.

    Raises
    ------
    PartError
        No table at all, or tables of different products.
    """
    products = {cast("Any", t).product for t in tables}
    if len(products) != 1:
        raise PartError(f"join of {len(tables)} tables: expected one product, got {len(products)}")
    first: Any = tables[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(t, name) for t in tables]) for name in first._fields[1:]
    }
    if isinstance(first, Tenders):
        columns["offset"] = np.concatenate(
            [[0], *(np.diff(cast("Any", t).offset) for t in tables)]
        ).cumsum()
    return cast("AnyTable", first._replace(**columns))


def encode(table: Any, layout: str | None = None) -> list[bytes]:
    """Return what is sent, one message a row, in the format of `core.encoding`.

    Parameters
    ----------
    table
        A table of this file, or a named tuple `product, party, ...` of a market's own.
    layout
        Of a market's own table.

    Raises
    ------
    PartError
        A number that is not finite.
    """
    columns = [getattr(table, name) for name in table._fields[1:]]
    if isinstance(table, Tenders):
        columns = [
            table.party,
            *(np.split(column, table.offset[1:-1]) for column in (table.p_kw, table.price_per_kwh)),
        ]
    return encode_rows(type(table).__name__, layout or LAYOUT[type(table)], table.product, columns)


def decode(
    kind: type[AnyTable],
    messages: Sequence[bytes],
    layout: str | None = None,
    *,
    product: Product | None = None,
    steps: int | None = None,
) -> AnyTable:
    """Return the table of n rows that `encode` sent as n messages, all of one product; nothing in a message is ever run.

    Parameters
    ----------
    kind
        The table that is expected: a message holds numbers alone, and its length says how many products or points it has.
    layout
        Of a market's own table.
    product, steps
        What the reader expects; without messages the table is empty, over so many products. None takes what the first message
        has.

    Raises
    ------
    PartError
        What is no such message: which one, what it holds and what was expected.
    """
    layout = layout or LAYOUT[cast("type[NamedTuple]", kind)]
    ragged, made = kind is Tenders, cast("Callable[..., AnyTable]", kind)
    found, rows = decode_rows(kind.__name__, layout, messages, product, least=0 if ragged else 1)
    for i, row in enumerate(rows):
        _refuse(kind, layout, (i, row), rows[0], steps)
    columns: list[Any] = [
        _stack_column(letter, [row[k] for row in rows], steps or 1, ragged=ragged)
        for k, letter in enumerate(layout)
    ]
    if ragged:
        columns.insert(1, np.cumsum([0, *(len(row[1]) for row in rows)]))
    return made(found, *columns)


def _refuse(
    kind: Any, layout: str, numbered: tuple[int, list[Any]], first: list[Any], steps: int | None
) -> None:
    """Refuse a row that is none of the table of the first."""
    i, row = numbered
    where = f"message {i} of {kind.__name__}"
    if kind is Tenders:
        if (np.diff(row[1]) < 0).any() or (np.diff(row[2]) > 0).any():
            raise PartError(
                f"{where} holds points out of order, expected rising powers at falling prices"
            )
        return
    if any(len(one) != len(other) for one, other in zip(row, first, strict=True)):
        raise PartError(f"{where} has another number of products than the first")
    got = len(row[layout.index(WIDE)]) if WIDE in layout else steps
    if steps is not None and got != steps:
        raise PartError(f"{where} is over {got} products, expected {steps}")
    if kind is Transactions and int(row[-1][0]) not in tuple(Status):
        raise PartError(
            f"{where}: got status {row[-1][0]}, expected one of {', '.join(map(str, map(int, Status)))}"
        )


def _stack_column(letter: str, rows: list[Any], steps: int, *, ragged: bool) -> Any:
    """Return a column of all rows: (n, h) of what has a number for each product, (n,) or the points of all else."""
    wide = letter in (WIDE, TRIANGLE) and not ragged
    if wide:
        return (
            np.array(rows).reshape(len(rows), -1)
            if rows
            else np.zeros((0, count_numbers(letter, steps)))
        )
    return np.concatenate([np.zeros(0, np.int64 if letter == WHOLE else np.float64), *rows])


def count_messages(table: Any) -> int:
    """Return the messages a table is sent as: one a row."""
    return len(table.party)


def count_bytes(table: Any) -> int:
    """Return the bytes of `encode(table)` without encoding it (metric I1b)."""
    rows = len(table.party)
    numbers = 0
    for column in table[1:]:
        numbers += column.size
    if isinstance(table, Tenders):
        numbers -= len(table.offset)  # the length of a message says how many points it holds
    return rows * HEADER.size + numbers * NUMBER_BYTES
