"""Who pays whom: homes pay the operator, the operator pays wholesale and wires; every entry is double and rounded once.

Theory 9.1.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core import ledger as books
from gridagora.core.ledger import Ledger, book
from gridagora.core.outcome import Trades
from gridagora.core.quality import deviation_kwh, per_home
from gridagora.core.tables import Col, Flag, Index, Quality
from gridagora.run.outlook import Wholesale

PARTIES = ("operator", "wholesale", "wires", "other customers")  # after the homes
CHARGE = "deviation charge"


class Position(NamedTuple):
    """Power agreed for every hour before real time: p_kw and its price [$/kWh] (n, h) of each home, wholesale price (h,)."""

    item: str  # of the ledger: "long-term", "short-term", "day-ahead"
    p_kw: Col
    price_per_kwh: Col
    wholesale_per_kwh: Col


def settle(
    home_kw: Col,
    price_per_kwh: Col,
    credit_per_kwh: Col,
    wholesale_per_kwh: Col,
    w: Wholesale,
    dt_h: float,
    positions: tuple[Position, ...] = (),
    other_kw: Col | float = 0.0,
) -> Ledger:
    """Book a run.

    Parameters
    ----------
    home_kw
        Net power of every home, shape (n, t) [kW], netted within an interval; less what it bought of other homes.
    price_per_kwh, credit_per_kwh, wholesale_per_kwh
        What homes pay for import and get for export, shape (t,) or by home (n, t), and the energy price at the substation,
        shape (t,) [$/kWh].
    positions
        What was agreed before, the earliest first: each later one settles what it changes, real time the rest.
    other_kw
        Load of other customers, shape (t,) [kW].

    Returns
    -------
    Ledger
        Homes 0..n-1 pay the operator n; the operator pays wholesale n + 1 and, for import, the wires n + 2. With a position both
        settle it at day-ahead prices and the deviation in real time. Other customers n + 3 pay the operator what their energy
        costs by itself, whatever homes do, so that the rest is what homes cost. What is left with the operator is tariff margin
        and congestion rent.
    """
    n, load = len(home_kw), home_kw.sum(0) + other_kw
    operator, wholesale, wires, others = range(n, n + len(PARTIES))
    homes = np.arange(n)
    if not positions:
        energy = [
            _metered(homes, operator, home_kw, price_per_kwh, credit_per_kwh, dt_h),
            book(operator, wholesale, "wholesale energy", float(load @ wholesale_per_kwh * dt_h)),
        ]
    else:
        agreed = [books.Agreed(p.item, p.p_kw, p.price_per_kwh) for p in positions]
        bought = [books.Agreed(p.item, p.p_kw.sum(0, keepdims=True), p.wholesale_per_kwh) for p in positions]
        energy = [
            books.settle(homes, operator, agreed, home_kw, price_per_kwh, dt_h),
            books.settle(np.array([operator]), wholesale, bought, load[None, :], wholesale_per_kwh, dt_h),
        ]
    if np.any(other_kw):
        alone = float(np.sum(alone_usd_per_h(other_kw, wholesale_per_kwh, w)) * dt_h)
        energy.append(book(others, operator, "other customers", alone))
    return books.join(
        [
            *energy,
            book(operator, wires, "delivery", float(load.clip(min=0).sum() * w.delivery_per_kwh * dt_h)),
            book(wholesale, operator, "export credit", float((-load).clip(min=0).sum() * w.export_credit_per_kwh * dt_h)),
        ]
    )


def alone_usd_per_h(load_kw: Col | float, wholesale_per_kwh: Col, w: Wholesale) -> Col:
    """Return what a load costs that stands alone at the substation, shape (t,) [$/h].

    Import pays wholesale and delivery, export earns wholesale and the credit.
    """
    beside = np.where(np.asarray(load_kw) > 0, w.delivery_per_kwh, w.export_credit_per_kwh)
    return np.asarray(load_kw * (wholesale_per_kwh + beside))


def cost_usd_per_h(home_kw: Col, other_kw: Col, wholesale_per_kwh: Col, w: Wholesale) -> Col:
    """Return what homes add to the cost of the substation, shape (t,) [$/h]; net power of all homes and other load (t,) [kW]."""
    together = alone_usd_per_h(home_kw + other_kw, wholesale_per_kwh, w)
    return np.asarray(together - alone_usd_per_h(other_kw, wholesale_per_kwh, w))


def wire_losses(losses_kw: Col, wholesale_per_kwh: Col, homes: int, dt_h: float) -> Ledger:
    """Book what the wires pay wholesale for losses (t,), at its real-time price; intervals without a power flow left out."""
    _, wholesale, wires, _ = range(homes, homes + len(PARTIES))
    return book(wires, wholesale, "losses", float(np.nansum(losses_kw * wholesale_per_kwh) * dt_h))


def retail_margin(ledger: Ledger, leads: Flag) -> Ledger:
    """Book what selling to end-users left over to the prosumers who are the retailer, in equal parts, for their offers are equal.

    Nobody stands between them: the account of the operator n comes out at the few micro-dollars that equal parts leave.
    """
    n, own = len(leads), np.flatnonzero(leads)
    left = -books.paid_uusd(ledger, n + len(PARTIES))[n] / books.UUSD_PER_USD
    return book(n, own, "retail margin", np.full(len(own), left / len(own)))


def together(trades: list[Trades]) -> Trades:
    """Return the trades of all intervals as one table."""
    none, nil = np.zeros(0, np.int64), np.zeros(0)
    return Trades(*(np.concatenate(column) for column in zip(Trades(none, none, none, nil, nil, none > 0), *trades, strict=True)))


def between_homes(trades: Trades) -> Ledger:
    """Book what homes paid each other: one entry for each pair of buyer and seller, rounded once."""
    if not len(trades.usd):
        return books.opened()
    pairs, row = np.unique(np.stack([trades.buyer, trades.seller]), axis=1, return_inverse=True)
    return book(pairs[0], pairs[1], "local energy", np.bincount(row.ravel(), trades.usd, pairs.shape[1]))


def deviation_charge(home_kw: Col, award_kw: Col, quality: Quality, dt_h: float) -> Ledger:
    """Book what homes pay the operator for delivering other than awarded; no entries of homes without an award or a charge.

    Parameters
    ----------
    home_kw, award_kw
        Delivered and awarded power of every home, shape (n, t) [kW]; an award is nan where there is none.
    quality
        What a home pays for a kWh of deviation, and the hours over which it is averaged.
    """
    n = len(home_kw)
    price = per_home(quality, n).deviation_per_kwh
    rows = np.flatnonzero((price > 0) & np.isfinite(award_kw).any(1))
    if not rows.size:
        return books.opened()
    missed = np.nansum(deviation_kwh(home_kw[rows], award_kw[rows], dt_h, quality.window_h), 1)
    return book(rows, n, CHARGE, price[rows] * missed)


def _metered(homes: Index, operator: int, home_kw: Col, price_per_kwh: Col, credit_per_kwh: Col, dt_h: float) -> Ledger:
    """Book what homes pay: net where export is paid as import is charged, else import and credit apart."""
    if np.array_equal(price_per_kwh, credit_per_kwh):
        return book(homes, operator, "energy", (home_kw * price_per_kwh).sum(1) * dt_h)
    return books.join(
        [
            book(homes, operator, "energy", (home_kw.clip(min=0) * price_per_kwh).sum(1) * dt_h),
            book(operator, homes, "credit", ((-home_kw).clip(min=0) * credit_per_kwh).sum(1) * dt_h),
        ]
    )
