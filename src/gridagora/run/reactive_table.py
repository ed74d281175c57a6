"""The table of the nodal market of reactive power: the network of every design without it, by volt-var, and with it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome
from gridagora.results.reactive_market import WITH, AgreedAhead, NetworkCase, ReactiveMarket

TABLE = "reactive_market"
AHEAD = ("day_ahead_kvarh", "day_ahead_usd", "deviation_kvarh", "deviation_usd")


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
            **_agreed(side.ahead if each.name == WITH else None),
        }
        for each in side.cases
    ]


def _agreed(ahead: AgreedAhead | None) -> dict[str, float]:
    """Return what a design agreed a day ahead, an hour a column of it, and what differed."""
    if ahead is None:
        return dict.fromkeys(AHEAD, 0.0)
    held_kvarh = float(np.abs(ahead.q_kvar).sum())
    figures = held_kvarh, ahead.paid_usd.sum(), ahead.deviation_kvarh, ahead.deviation_usd.sum()
    return dict(zip(AHEAD, map(float, figures), strict=True))


def reactive_columns(side: ReactiveMarket) -> dict[str, Col]:
    """Return the market by interval: what homes draw (t,) [kvar], and the mean price of what they trade [$/kvarh].

    The same of what they agreed a day ahead, where they did.
    """
    found = _mean_price("", side.given_kvar, side.price_per_kvarh)
    if side.ahead is None:
        return found
    inside = side.given_kvar.shape[1] // side.ahead.q_kvar.shape[1]
    ahead = _mean_price("_ahead", side.ahead.q_kvar, side.ahead.price_per_kvarh)
    return found | {name: np.repeat(column, inside) for name, column in ahead.items()}


def _mean_price(word: str, q_kvar: Col, price_per_kvarh: Col) -> dict[str, Col]:
    size, paid = np.abs(q_kvar).sum(0), -(q_kvar * price_per_kvarh).sum(0)
    price = np.divide(paid, size, out=np.full(len(size), np.nan), where=size > 0)
    return {f"reactive{word}_homes_kvar": q_kvar.sum(0), f"reactive{word}_price_per_kvarh": price}
