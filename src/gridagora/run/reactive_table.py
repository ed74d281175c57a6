"""The table of the nodal market of reactive power: the network of every design without it, by volt-var, and with it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome
from gridagora.results.reactive_market import WITH, NetworkCase, ReactiveMarket

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
    """Return the cases of a design: what the network was, and what inverters did for it."""
    rounds = {"unsettled_intervals": side.unsettled, "declined_intervals": side.declined}
    return [
        {
            "architecture": o.name,
            "case": each.name,
            **{name: getattr(each, name) for name in NetworkCase._fields[1:-1]},
            **each.use._asdict(),
            **(rounds if each.name == WITH else dict.fromkeys(rounds, 0)),
        }
        for each in side.cases
    ]


def reactive_columns(side: ReactiveMarket) -> dict[str, Col]:
    """Return the market by interval: what homes draw (t,) [kvar], and the mean price of what they trade [$/kvarh]."""
    size = np.abs(side.given_kvar).sum(0)
    paid = -(side.given_kvar * side.price_per_kvarh).sum(0)
    price = np.divide(paid, size, out=np.full(len(size), np.nan), where=size > 0)
    return {"reactive_homes_kvar": side.given_kvar.sum(0), "reactive_price_per_kvarh": price}
