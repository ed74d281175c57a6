"""What the bill of each home is made of, as tables: its meter, its positions and its trades, so that anybody can audit it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridagora.core.tables import Index
from gridagora.results.outcome import Outcome, Paid
from gridagora.settlement.ledger import item_of

HOUR_S = 3600
Names = NDArray[np.str_]


def home_tables(home_id: Sequence[str], outcomes: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
    """Return the tables `meters`, `positions` and `trades` of all designs.

    A bill is the sum of three parts, before charges for power, deviations and reactive energy and a retail margin.
    A home pays its net power less what it bought of other homes, by interval: import at the price, export at the credit. A
    position settles what it changes of the one before at its price, and real time the deviation. Trades are paid to whom they
    name; rows with `charge` are owed to the network and move no energy.
    """
    names = np.array(list(home_id))
    made = [(o, o.paid) for o in outcomes if o.paid is not None]
    tables = {
        "meters": [_meters(names, o, paid) for o, paid in made],
        "positions": [_positions(names, o, paid) for o, paid in made],
        "trades": [_trades(names, o, paid) for o, paid in made],
    }
    return {name: pd.concat(rows, ignore_index=True) for name, rows in tables.items() if rows}


def long_columns(names: Names, o: Outcome, start_s: Index) -> dict[str, object]:
    """Return the first columns of a table of n homes and t times [s UTC], n t rows, the times of a home one after the other.

    Names have shape (n,), times (t,).
    """
    return {
        "architecture": o.name,
        "home_id": np.repeat(names, len(start_s)),
        "start_s": np.tile(start_s, len(names)),
    }


def _meters(names: Names, o: Outcome, paid: Paid) -> pd.DataFrame:
    columns = {
        "net_kw": np.asarray(o.home_kw),
        "price_per_kwh": np.broadcast_to(paid.price_per_kwh, o.home_kw.shape),
        "credit_per_kwh": np.broadcast_to(paid.credit_per_kwh, o.home_kw.shape),
    }
    return pd.DataFrame(
        long_columns(names, o, o.start_s)
        | {name: column.ravel() for name, column in columns.items()}
    )


def _positions(names: Names, o: Outcome, paid: Paid) -> pd.DataFrame:
    rows = []
    for order, position in enumerate(paid.positions):
        hours = o.start_s[0] + HOUR_S * np.arange(position.p_kw.shape[1])
        price = np.broadcast_to(position.price_per_kwh, position.p_kw.shape)
        values = {
            "item": item_of(position.product),
            "order": order,
            "p_kw": position.p_kw.ravel(),
            "price_per_kwh": price.ravel(),
        }
        rows.append(pd.DataFrame(long_columns(names, o, hours) | values))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _trades(names: Names, o: Outcome, paid: Paid) -> pd.DataFrame:
    party, t = np.array(o.parties.id), paid.trades
    return pd.DataFrame(
        {
            "architecture": np.full(len(t.usd), o.name),
            "start_s": o.start_s[t.interval],
            "buyer": party[t.buyer],
            "seller": party[t.seller],
            "energy_kwh": t.p_kw * o.dt_h,
            "paid_usd": t.usd,
            "charge": t.charge,
        }
    )
