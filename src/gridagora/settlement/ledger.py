"""Double entry in whole micro-dollars: every entry names who pays and who is paid, so all balances sum to exactly zero.

Theory 9.1, 9.2.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.errors import PartError
from gridagora.core.product import Product
from gridagora.core.tables import Col, Flag, Index
from gridagora.settlement.parties import Parties

UUSD_PER_USD = 1_000_000
UWH_PER_KWH = 1_000_000_000  # of quantities; kvarh likewise


class Ledger(NamedTuple):
    """Entries as columns, shape (m,); a negative amount is paid by the payee. Order carries no meaning.

    An entry is all that one party paid another for one item and product over a settlement period, which begins at `start_s` and
    lasts `duration_s`. `horizon` and `commodity` are numbers of `core.product`; `place` is where the meter stands, a row of the
    site's places. `quantity_uwh` is what was moved, positive from payee to payer: 0 where an item moves nothing.
    """

    payer: Index
    payee: Index
    item: NDArray[np.str_]
    horizon: Index
    commodity: Index
    place: Index
    start_s: Index
    duration_s: Index
    quantity_uwh: Index
    amount_uusd: Index


def open_ledger() -> Ledger:
    """Return a ledger without entries."""
    none = np.zeros(0, dtype=np.int64)
    return Ledger(none, none, np.zeros(0, dtype=np.str_), *(none,) * 7)


def book(
    payer: int | Index,
    payee: int | Index,
    item: str,
    amount_usd: float | Col,
    product: Product,
    quantity_kwh: float | Col = 0.0,
    place: Index | None = None,
) -> Ledger:
    """Return the ledger of one item, each amount and quantity rounded once, half to even; join it to others with `join`.

    Parameters
    ----------
    payer, payee
        Parties, one number or shape (m,).
    item
        What the money is for, as in "energy" or "delivery".
    amount_usd
        Shape (m,) or one number [$]; positive where the payer pays.
    product
        What was traded; its interval is the settlement period.
    quantity_kwh
        What was moved from payee to payer, shape (m,) or one number [kWh or kvarh].
    place
        Places of the meters, shape (m,); the product's where left out.

    Raises
    ------
    PartError
        An amount or quantity that is not finite or beyond nine billion; the message names the entry.
    """
    numbers = (np.asarray(column, dtype=np.float64) for column in (amount_usd, quantity_kwh))
    columns = (
        np.atleast_1d(payer),
        np.atleast_1d(payee),
        np.asarray(product.place if place is None else place),
        *numbers,
    )
    payers, payees, places, amount, quantity = np.broadcast_arrays(*columns)
    for name, values, per in (("$", amount, UUSD_PER_USD), ("kWh", quantity, UWH_PER_KWH)):
        fair = np.abs(values) < np.iinfo(np.int64).max / per
        if not fair.all():
            row = int(np.argmin(fair))
            entry = f"entry {row} of '{item}', {payers[row]} to {payees[row]}"
            raise PartError(f"{entry}: got {values[row]} {name}, expected a finite amount")
    m = len(payers)
    of_product = (product.horizon, product.commodity), (product.start_s, product.duration_s)
    horizon, commodity, start, duration = (
        np.full(m, int(value)) for pair in of_product for value in pair
    )
    sides = payers.astype(np.int64), payees.astype(np.int64), np.full(m, item)
    moved, paid = (
        np.rint(quantity * UWH_PER_KWH).astype(np.int64),
        np.rint(amount * UUSD_PER_USD).astype(np.int64),
    )
    return Ledger(*sides, horizon, commodity, places.astype(np.int64), start, duration, moved, paid)


def join(ledgers: Sequence[Ledger]) -> Ledger:
    """Return the entries of all ledgers as one."""
    return Ledger(
        *(np.concatenate(columns) for columns in zip(open_ledger(), *ledgers, strict=True))
    )


def pick(ledger: Ledger, rows: Flag | slice) -> Ledger:
    """Return some entries of a ledger, chosen by a mask (m,) or a slice."""
    columns: tuple[Any, ...] = ledger
    return Ledger(*(column[rows] for column in columns))


def only(ledger: Ledger, item: str) -> Ledger:
    """Return the entries of one item."""
    return pick(ledger, ledger.item == item)


def statement(ledger: Ledger, parties: Parties, party_id: str) -> Ledger:
    """Return the entries of one party, which are its bill.

    Raises
    ------
    PartError
        No party of that identifier.
    """
    if party_id not in parties.id:
        raise PartError(
            f"statement of '{party_id}': expected one of the {len(parties.id)} parties, as {parties.id[0]}"
        )
    row = parties.id.index(party_id)
    return pick(ledger, (ledger.payer == row) | (ledger.payee == row))


def paid_uusd(ledger: Ledger, count: int) -> Index:
    """Return what each of `count` parties paid less what it was paid, shape (count,) [micro-dollars]; it sums to exactly zero.

    Raises
    ------
    PartError
        An entry of a party that does not exist.
    """
    for side in (ledger.payer, ledger.payee):
        if side.size and not (side.min() >= 0 and side.max() < count):
            raise PartError(
                f"ledger of {count} parties: an entry names party {side.max() if side.min() >= 0 else side.min()}"
            )
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, ledger.payer, ledger.amount_uusd)
    np.subtract.at(total, ledger.payee, ledger.amount_uusd)
    return total


def bill_usd(ledger: Ledger, count: int) -> Col:
    """Return the bill of each party, shape (count,) [$], positive where it paid."""
    return paid_uusd(ledger, count) / UUSD_PER_USD


class AgreedPositions(NamedTuple):
    """Positions of one product: p_kw (n, h) [kW] at a price (h,) or (n, h) [$/kWh]."""

    product: Product
    p_kw: Col
    price_per_kwh: Col


def item_of(product: Product) -> str:
    """Return the item under which what was agreed for a horizon is booked, as in "day-ahead"."""
    return product.horizon.name.lower().replace("_", "-")


def settle(
    payer: Index,
    payee: int | Index,
    agreed: Sequence[AgreedPositions],
    delivered_kw: Col,
    real_time_per_kwh: Col,
    period: Product,
    dt_h: float,
    place: Index | None = None,
    credit_per_kwh: Col | None = None,
) -> Ledger:
    """Book a sequence of settlements: each market settles what it changes of the position before, real time the deviation.

    Parameters
    ----------
    payer, payee
        Who withdraws, shape (n,), and who is paid.
    agreed
        Positions, the earliest agreed first, all over the same h intervals; one is the usual two settlements.
    delivered_kw, real_time_per_kwh
        Delivery (n, h k) [kW], k real-time intervals in each agreed one, and its price (h k,) or (n, h k) [$/kWh].
    period
        The real-time product of the settlement period.
    dt_h
        Length of a real-time interval [h].
    place
        Places of the meters, shape (n,).
    credit_per_kwh
        What a kWh earns in real time that is given on the whole, shaped as its price, where it is less: the deviation is then
        what the delivery costs less what the position would have cost. None: the price.

    Returns
    -------
    Ledger
        An entry a row for each market and one "deviation". Before rounding their sum is the delivery at the real-time price
        plus every position at the difference of its price to that of the market after it; their quantities sum to the delivery.

    Raises
    ------
    PartError
        The real-time intervals do not tile the agreed ones.
    """
    last = agreed[-1].p_kw
    inside, rest = divmod(delivered_kw.shape[1], last.shape[1])
    if rest or not inside:
        raise PartError(
            f"settlement: {delivered_kw.shape[1]} real-time intervals do not tile {last.shape[1]} agreed ones"
        )
    entries, held_kw = [], np.zeros_like(last)
    for product, p_kw, price in agreed:
        over = period._replace(horizon=product.horizon, commodity=product.commodity)
        changed_kw = p_kw - held_kw
        amount = (price * changed_kw).sum(axis=1) * dt_h * inside
        entries.append(
            book(
                payer,
                payee,
                item_of(product),
                amount,
                over,
                changed_kw.sum(axis=1) * dt_h * inside,
                place,
            )
        )
        held_kw = p_kw
    held_kw = np.repeat(last, inside, axis=1)
    deviation_kw = delivered_kw - held_kw
    if credit_per_kwh is None:
        amount = (real_time_per_kwh * deviation_kw).sum(axis=1) * dt_h
    else:
        more_kw = delivered_kw.clip(min=0) - held_kw.clip(min=0)
        paid = real_time_per_kwh * more_kw + credit_per_kwh * (deviation_kw - more_kw)
        amount = paid.sum(axis=1) * dt_h
    entries.append(
        book(payer, payee, "deviation", amount, period, deviation_kw.sum(axis=1) * dt_h, place)
    )
    return join(entries)
