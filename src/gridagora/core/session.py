"""What a market knows when it opens, and how a session is driven: quotes down, tenders up, until transactions."""

from collections.abc import Callable, Generator
from typing import NamedTuple

import numpy as np

from gridagora.core.exchange import Quotes, Tenders, Transactions, count_bytes, count_messages
from gridagora.core.product import Product
from gridagora.core.tables import Col, Index
from gridagora.kernels.value import Stores

Session = Generator[Quotes, Tenders | None, Transactions]
ROUNDS_MAX = 10_000
REACH_KW = 1e7  # what a substation can carry where nobody limits it


class Supply(NamedTuple):
    """The substation's tender, shape (h,) each: import and export price [$/kWh], and what is already taken [kW].

    Above `limit_kw` the import price rises by `over_per_kwh`; `export_per_kwh` never exceeds `import_per_kwh`.
    """

    import_per_kwh: Col
    export_per_kwh: Col
    base_kw: Col
    limit_kw: float
    over_per_kwh: float


class Call(NamedTuple):
    """One opening of a market: the product, who takes part, the supply, and what the design may know of the homes.

    `tariff_per_kwh` (h,) is nan where the design has no tariff; `specs` is empty unless the design is told every spec;
    `before_per_kwh` (h,) is the outlook of the opening before, shifted to this one, nan at first.
    """

    product: Product
    party: Index  # (n,)
    supply: Supply
    tariff_per_kwh: Col  # (h,)
    specs: tuple[Stores, ...]
    before_per_kwh: Col  # (h,)


class Traffic(NamedTuple):
    """What crossed the seam so far."""

    messages: int = 0
    bytes: int = 0
    rounds: int = 0
    disclosed: int = 0  # numbers sent up, by all homes together


def steps(supply: Supply, step: int = 0) -> tuple[Col, Col]:
    """Return the supply of one interval as a rising polyline: power (k,) [kW] and price (k,) [$/kWh]."""
    buy, sell, top = float(supply.import_per_kwh[step]), float(supply.export_per_kwh[step]), supply.limit_kw
    if top >= REACH_KW:
        return np.array([-REACH_KW, 0.0, 0.0, REACH_KW]), np.array([sell, sell, buy, buy])
    over = buy + supply.over_per_kwh
    return np.array([-REACH_KW, 0.0, 0.0, top, top, REACH_KW]), np.array([sell, sell, buy, buy, over, over])


def drive(session: Session, ask: Callable[[Quotes], Tenders | None], traffic: Traffic) -> tuple[Transactions, Quotes, Traffic]:
    """Run a session to its end and count every row that crosses.

    Parameters
    ----------
    session
        The market's generator.
    ask
        The carrier: takes quotes to the parties and brings their tenders, or None where the design lets nobody answer.
    traffic
        The count so far.

    Returns
    -------
    tuple
        Binding transactions (no rows where the price is only posted), the last quotes, and the new count.
    """
    quotes = next(session)
    messages, sent, rounds, disclosed = traffic
    for _ in range(ROUNDS_MAX):
        tenders = ask(quotes)
        messages += count_messages(quotes)
        sent += count_bytes(quotes)
        rounds += 1
        if tenders is not None:
            messages += count_messages(tenders)
            sent += count_bytes(tenders)
            disclosed += 2 * len(tenders.p_kw)
        try:
            quotes = session.send(tenders)
        except StopIteration as end:
            return end.value, quotes, Traffic(messages, sent, rounds, disclosed)
    raise RuntimeError(f"a market session did not end within {ROUNDS_MAX} rounds")


def nothing(call: Call) -> Transactions:
    """Return transactions without rows: a posted price binds nobody."""
    none, empty = np.zeros(0, dtype=np.int64), np.zeros((0, 1))
    return Transactions(call.product, none, none, empty, empty, none)
