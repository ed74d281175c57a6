"""The books of a result: its parties, the ledger of a design, and the statement of one party, from the tables of the result.

They come from the table `ledger` alone, so that a result in memory and one that was read back from its folder say the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.product import Commodity, Horizon
from gridagora.settlement import ledger as books
from gridagora.settlement.ledger import UUSD_PER_USD, UWH_PER_KWH, Ledger
from gridagora.settlement.parties import Parties, run_parties

TOTAL = "total"  # of the last line of a statement
UNITS = {Commodity.P: "kWh", Commodity.E: "kWh", Commodity.Q: "kvarh"}
Tables = Mapping[str, pd.DataFrame]


def parties_of(tables: Tables, design: str) -> Parties:
    """Return the parties of a design: its homes in the order of their rows, then one of every other role.

    Raises
    ------
    InputError
        A result without a ledger, or a design that it does not hold, with the nearest name.
    """
    _refuse_unknown(tables, design)
    homes = tables["homes"]
    return run_parties(homes.home_id[homes.architecture == design].tolist())


def ledger_of(tables: Tables, design: str) -> Ledger:
    """Return the ledger of a design, to the micro-dollar that of the run; its parties are rows of `parties_of`.

    Raises
    ------
    InputError
        As `parties_of` does.
    """
    row = {name: at for at, name in enumerate(parties_of(tables, design).id)}
    rows = tables["ledger"][tables["ledger"].architecture == design]

    def whole(values: Sequence[int]) -> Any:
        return np.array(values, dtype=np.int64)

    return Ledger(
        payer=whole([row[name] for name in rows.payer]),
        payee=whole([row[name] for name in rows.payee]),
        item=np.array(rows.item.tolist(), dtype=np.str_),
        horizon=whole([Horizon[name.upper()] for name in rows.horizon]),
        commodity=whole([Commodity[name] for name in rows.commodity]),
        place=whole(rows.place.tolist()),
        start_s=whole(rows.start_s.tolist()),
        duration_s=whole(rows.duration_s.tolist()),
        quantity_uwh=np.rint(rows.quantity_kwh.to_numpy(np.float64) * UWH_PER_KWH).astype(np.int64),
        amount_uusd=whole(rows.amount_uusd.tolist()),
    )


def statement_of(tables: Tables, design: str, party: str) -> pd.DataFrame:
    """Return what one party pays and is paid under a design.

    Parameters
    ----------
    tables
        Of a result.
    design
        Name of a design that the result holds.
    party
        A home, or "operator", "wholesale", "wires", "other customers".

    Returns
    -------
    pandas.DataFrame
        A line for each entry of the ledger, in its order, then one whose item is "total". `quantity` is what the party takes
        [kWh, or kvarh as `unit` says], `amount_usd` what it pays, `price_per_unit` the one over the other: both are below zero
        where the party gives and is paid. The price is nan where nothing is moved. The total is the bill, to the micro-dollar.

    Raises
    ------
    InputError
        A result without a ledger, or a design or party that it does not hold, with the nearest name.
    """
    parties = parties_of(tables, design)
    if not isinstance(party, str) or party not in parties.id:
        expected = f"a party of the design '{design}': a home, or {', '.join(parties.id[-4:])}"
        raise InputError([Problem("party", f"{party!r}", expected, near(str(party), parties.id))])
    row = parties.id.index(party)
    own = books.statement(ledger_of(tables, design), parties, party)
    sign = (own.payer == row).astype(np.int64) - (own.payee == row)
    amount, quantity = sign * own.amount_uusd / UUSD_PER_USD, sign * own.quantity_uwh / UWH_PER_KWH
    commodity = [Commodity(each) for each in own.commodity]
    names = np.array(parties.id)
    lines = pd.DataFrame(
        {
            "item": own.item.astype(object),
            "counterparty": names[np.where(own.payer == row, own.payee, own.payer)].astype(object),
            "horizon": [Horizon(each).name.lower() for each in own.horizon],
            "commodity": [each.name for each in commodity],
            "place": pd.array(own.place, dtype="Int64"),
            "start": pd.to_datetime(own.start_s, unit="s", utc=True),
            "end": pd.to_datetime(own.start_s + own.duration_s, unit="s", utc=True),
            "quantity": quantity,
            "unit": [UNITS[each] for each in commodity],
            "price_per_unit": np.divide(
                amount, quantity, out=np.full(len(amount), np.nan), where=quantity != 0
            ),
            "amount_usd": amount,
        }
    )
    total = books.paid_uusd(own, len(parties.id))[row] / UUSD_PER_USD
    last = (
        pd.DataFrame({"item": [TOTAL], "amount_usd": [total]})
        .reindex(columns=lines.columns)
        .astype(lines.dtypes.to_dict())
    )
    return pd.concat([lines, last], ignore_index=True) if len(lines) else last


def near(name: str, valid: Sequence[str], shown: int = 6) -> str:
    """Return a hint naming the closest of many names, or the first few of them."""
    if len(valid) <= shown:
        return nearest(name, valid)
    said = nearest(name, valid)
    return (
        said
        if said.startswith("Did")
        else f"Valid names: {', '.join(valid[:shown])} and {len(valid) - shown} others."
    )


def _refuse_unknown(tables: Tables, design: str) -> None:
    if "ledger" not in tables or "homes" not in tables:
        held = ", ".join(sorted(tables)) or "nothing"
        raise InputError(
            [
                Problem(
                    "statement",
                    f"a result with tables {held}",
                    "a result of `compare`, which has a ledger",
                )
            ]
        )
    designs = list(dict.fromkeys(tables["ledger"].architecture))
    if design not in designs:
        raise InputError(
            [
                Problem(
                    "design",
                    f"{design!r}",
                    f"one of {', '.join(designs)}",
                    nearest(str(design), designs),
                )
            ]
        )
