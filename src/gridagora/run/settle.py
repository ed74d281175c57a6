"""Who pays whom: homes pay the operator, the operator pays wholesale and wires; every entry is double and rounded once."""

from typing import Any

import numpy as np

from gridagora.core.ledger import bill_usd, book, join, paid_uusd
from gridagora.core.tables import Col
from gridagora.run.outlook import Wholesale


def settle(market: Any, home_kw: Col, load_kw: Col, price_per_kwh: Col, wholesale_per_kwh: Col, w: Wholesale, dt_h: float,
           outlooks: Col) -> tuple[Col, int, int]:  # fmt: skip
    """Book a run and return the bill of each home (n,) [$], the operator's margin and the sum of all accounts [micro-dollars].

    Homes pay the price of each interval for their net energy, exported energy included. The operator buys the sum at the
    wholesale price, pays delivery on import and receives the credit on export; its margin is what tariffs and congestion leave.
    """
    del market, outlooks
    n = len(home_kw)
    operator, wholesale, wires = n, n + 1, n + 2
    homes = np.arange(n)
    sold = (-load_kw).clip(min=0)
    ledger = join([
        book(homes, operator, "energy", home_kw @ price_per_kwh * dt_h),
        book(operator, wholesale, "wholesale energy", float(load_kw @ wholesale_per_kwh * dt_h)),
        book(operator, wires, "delivery", float(load_kw.clip(min=0).sum() * w.delivery_per_kwh * dt_h)),
        book(wholesale, operator, "export credit", float(sold.sum() * w.export_credit_per_kwh * dt_h)),
    ])
    paid = paid_uusd(ledger, n + 3)
    return bill_usd(ledger, n + 3)[:n], int(-paid[operator]), int(paid.sum())
