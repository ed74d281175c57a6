"""The table of the nodal market of reactive power: the network of every design without it and with it, and what it costs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome
from gridagora.results.reactive_market import WITH, ReactiveMarket, traded_kvarh

TABLE = "reactive_market"


def reactive_market_tables(outcomes: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
    """Return the table `reactive_market`, a row a design that buys reactive power at meters and a case; no table without such."""
    rows = [
        row
        for o in outcomes
        if o.reactive_market is not None
        for row in _rows(o, o.reactive_market)
    ]
    return {TABLE: pd.DataFrame(rows)} if rows else {}


def _rows(o: Outcome, side: ReactiveMarket) -> list[dict[str, object]]:
    """Return the cases of a design: what the network was, and in the case of the market what was traded."""
    traded = {
        "reactive_kvarh": traded_kvarh(side, o.dt_h),
        "paid_usd": float(side.paid_usd.sum()),
        "inverter_loss_kwh": side.loss_kwh,
        "inverter_loss_usd": side.loss_usd,
        "saved_usd": side.saved_usd,
        "unsettled_intervals": side.unsettled,
        "declined_intervals": side.declined,
    }
    none: dict[str, float] = dict.fromkeys(traded, 0.0)
    return [
        {
            "architecture": o.name,
            "case": each.name,
            **{name: getattr(each, name) for name in each._fields[1:]},
            **(traded if each.name == WITH else none),
        }
        for each in side.cases
    ]


def reactive_columns(side: ReactiveMarket) -> dict[str, Col]:
    """Return the market by interval: what homes draw (t,) [kvar], and the mean price of what they trade [$/kvarh]."""
    size = np.abs(side.given_kvar).sum(0)
    paid = -(side.given_kvar * side.price_per_kvarh).sum(0)
    price = np.divide(paid, size, out=np.full(len(size), np.nan), where=size > 0)
    return {"reactive_homes_kvar": side.given_kvar.sum(0), "reactive_price_per_kvarh": price}
