"""Double entry in whole micro-dollars: every entry names who pays and who is paid, so all balances sum to exactly zero.

Theory 9.1, 9.2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.errors import PartError
from gridagora.core.tables import Col, Index

UUSD_PER_USD = 1_000_000


class Ledger(NamedTuple):
    """Entries as columns, shape (m,); a negative amount is paid by the payee. Order carries no meaning."""

    payer: Index
    payee: Index
    item: NDArray[np.str_]
    amount_uusd: Index


def opened() -> Ledger:
    """Return a ledger without entries."""
    none = np.zeros(0, dtype=np.int64)
    return Ledger(none, none, np.zeros(0, dtype=np.str_), none)


def book(payer: int | Index, payee: int | Index, item: str, amount_usd: float | Col) -> Ledger:
    """Return the ledger of one item, each amount rounded once, half to even; join it to others with `join`.

    Parameters
    ----------
    payer, payee
        Parties, one number or shape (m,).
    item
        What the money is for, as in "energy" or "delivery".
    amount_usd
        Shape (m,) or one number [$]; positive where the payer pays.

    Raises
    ------
    PartError
        An amount that is not finite or beyond nine trillion dollars; the message names the entry.
    """
    sides = (np.atleast_1d(payer), np.atleast_1d(payee), np.asarray(amount_usd, dtype=np.float64))
    payers, payees, amount = np.broadcast_arrays(*sides)
    fair = np.abs(amount) < np.iinfo(np.int64).max / UUSD_PER_USD
    if not fair.all():
        row = int(np.argmin(fair))
        sentence = f"entry {row} of '{item}', {payers[row]} to {payees[row]}: got {amount[row]} $, expected a finite amount"
        raise PartError(sentence)
    whole = np.rint(amount * UUSD_PER_USD).astype(np.int64)
    return Ledger(payers.astype(np.int64), payees.astype(np.int64), np.full(len(whole), item), whole)


def join(ledgers: Sequence[Ledger]) -> Ledger:
    """Return the entries of all ledgers as one."""
    return Ledger(*(np.concatenate(columns) for columns in zip(opened(), *ledgers, strict=True)))


def only(ledger: Ledger, item: str) -> Ledger:
    """Return the entries of one item."""
    rows = ledger.item == item
    return Ledger(*(column[rows] for column in ledger))


def paid_uusd(ledger: Ledger, count: int) -> Index:
    """Return what each of `count` parties paid less what it was paid, shape (count,) [micro-dollars]; it sums to exactly zero.

    Raises
    ------
    PartError
        An entry of a party that does not exist.
    """
    for side in (ledger.payer, ledger.payee):
        if side.size and not (side.min() >= 0 and side.max() < count):
            raise PartError(f"ledger of {count} parties: an entry names party {side.max() if side.min() >= 0 else side.min()}")
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, ledger.payer, ledger.amount_uusd)
    np.subtract.at(total, ledger.payee, ledger.amount_uusd)
    return total


def bill_usd(ledger: Ledger, count: int) -> Col:
    """Return the bill of each party, shape (count,) [$], positive where it paid."""
    return paid_uusd(ledger, count) / UUSD_PER_USD


class Agreed(NamedTuple):
    """Positions of one market: p_kw (n, h) [kW] at a price (h,) or (n, h) [$/kWh]; `item` names their entries."""

    item: str
    p_kw: Col
    price_per_kwh: Col


def settle(
    payer: Index,
    payee: int | Index,
    agreed: Sequence[Agreed],
    delivered_kw: Col,
    real_time_per_kwh: Col,
    dt_h: float,
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
    dt_h
        Length of a real-time interval [h].

    Returns
    -------
    Ledger
        An entry a row for each market and one "deviation". Before rounding their sum is the delivery at the real-time price
        plus every position at the difference of its price to that of the market after it.

    Raises
    ------
    PartError
        The real-time intervals do not tile the agreed ones.
    """
    last = agreed[-1].p_kw
    inside, rest = divmod(delivered_kw.shape[1], last.shape[1])
    if rest or not inside:
        raise PartError(f"settlement: {delivered_kw.shape[1]} real-time intervals do not tile {last.shape[1]} agreed ones")
    entries, held_kw = [], np.zeros_like(last)
    for item, p_kw, price in agreed:
        entries.append(book(payer, payee, item, (price * (p_kw - held_kw)).sum(axis=1) * dt_h * inside))
        held_kw = p_kw
    deviation_kw = delivered_kw - np.repeat(last, inside, axis=1)
    entries.append(book(payer, payee, "deviation", (real_time_per_kwh * deviation_kw).sum(axis=1) * dt_h))
    return join(entries)
