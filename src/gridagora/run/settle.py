"""Who pays whom: homes pay the operator, the operator pays wholesale and wires; every entry is double and rounded once."""

from typing import NamedTuple

import numpy as np

from gridagora.core import ledger as books
from gridagora.core.ledger import Ledger, book
from gridagora.core.tables import Col
from gridagora.run.outlook import Wholesale

PARTIES = ("operator", "wholesale", "wires")  # after the homes


class Position(NamedTuple):
    """Energy bought the day before, by hour: p_kw (n, h) of each home, its price and the wholesale price (h,) [$/kWh]."""

    p_kw: Col
    price_per_kwh: Col
    wholesale_per_kwh: Col


def settle(
    home_kw: Col, price_per_kwh: Col, wholesale_per_kwh: Col, w: Wholesale, dt_h: float, position: Position | None
) -> Ledger:
    """Book a run.

    Parameters
    ----------
    home_kw
        Net power of every home, shape (n, t) [kW]; what it exports is credited at the price of the interval.
    price_per_kwh, wholesale_per_kwh
        Price homes see and energy price at the substation, shape (t,) [$/kWh].
    position
        Day-ahead purchases of all hours, or None where everything settles in real time.

    Returns
    -------
    Ledger
        Homes 0..n-1 pay the operator n; the operator pays wholesale n + 1 and, for import, the wires n + 2. With a position both
        settle it at day-ahead prices and the deviation in real time. What is left with the operator is tariff margin and
        congestion rent.
    """
    n, load = len(home_kw), home_kw.sum(0)
    operator, wholesale, wires = n, n + 1, n + 2
    homes = np.arange(n)
    if position is None:
        energy = [
            book(homes, operator, "energy", home_kw @ price_per_kwh * dt_h),
            book(operator, wholesale, "wholesale energy", float(load @ wholesale_per_kwh * dt_h)),
        ]
    else:
        bought = position.p_kw.sum(0, keepdims=True)
        energy = [
            books.settle(homes, operator, position.p_kw, position.price_per_kwh, home_kw, price_per_kwh, dt_h),
            books.settle(
                np.array([operator]), wholesale, bought, position.wholesale_per_kwh, load[None, :], wholesale_per_kwh, dt_h
            ),
        ]
    return books.join(
        [
            *energy,
            book(operator, wires, "delivery", float(load.clip(min=0).sum() * w.delivery_per_kwh * dt_h)),
            book(wholesale, operator, "export credit", float((-load).clip(min=0).sum() * w.export_credit_per_kwh * dt_h)),
        ]
    )
