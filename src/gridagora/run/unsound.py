"""What a market may not hand a run: each refusal names the class of the market and what was expected of it."""

from collections.abc import Generator
from typing import Any

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes, Transactions
from gridagora.core.session import Outlook
from gridagora.run.desk import Desk


def generator(desk: Desk, session: Any) -> Any:
    """Return the session, a generator.

    Raises
    ------
    PartError
        A function without `yield`.
    """
    if not isinstance(session, Generator):
        raise PartError(f"{_who(desk)} gave a session of type {type(session).__name__}, expected a function that yields")
    return session


def refuse_unsound(desk: Desk, result: Any, quotes: Quotes | None, parties: int) -> None:
    """Refuse transactions of an interval that no run could follow or settle.

    Raises
    ------
    PartError
        None at all, not one row for each party in order, a number that is none, two prices behind one meter, or none anywhere.
    """
    who = f"the session of {_who(desk)}"
    if not isinstance(result, Transactions):
        raise PartError(f"{who} returned {type(result).__name__}, expected Transactions; nothing(call) where a price is posted")
    if not len(result.party) and not desk.whole:
        if quotes is None or len(quotes.party) != parties:
            raise PartError(f"{who} bound nobody and quoted no price to all {parties} parties: nothing says what a kWh costs")
        return
    if not np.array_equal(result.party, np.arange(parties)):
        expected = f"one for each of the {parties} parties of the call in order, as strategy '{desk.market.strategy}' needs"
        raise PartError(f"{who} returned {len(result.party)} transactions, expected {expected}")
    for column, values in (("p_kw", result.p_kw), ("price_per_kwh", result.price_per_kwh)):
        if values.shape != (parties, 1) or not np.isfinite(values).all():
            raise PartError(f"{who} returned {column} of shape {values.shape}, expected finite numbers of shape {(parties, 1)}")
    if not desk.whole and parties and np.ptp(result.price_per_kwh) > 0:
        raise PartError(f"{who} gave each device a price, but a meter has one: take a strategy that tenders for the whole home")


def refuse_unsound_path(desk: Desk, path: Any, shape: tuple[int, ...]) -> None:
    """Refuse an outlook that is no price for every hour.

    Raises
    ------
    PartError
        Another shape, or a number that is none.
    """
    if not isinstance(path, np.ndarray) or path.shape != shape or not np.isfinite(path).all():
        got = f"shape {path.shape}" if isinstance(path, np.ndarray) else type(path).__name__
        raise PartError(f"the outlook of {_who(desk)} is {got}, expected finite prices of shape {shape}, one for each hour")


def refuse_unsound_outlook(desk: Desk, found: Any, shape: tuple[int, int]) -> None:
    """Refuse what a look-ahead returned where it is no price for every home and hour.

    Raises
    ------
    PartError
        Another type or shape, or a price that is none.
    """
    if not isinstance(found, Outlook):
        raise PartError(f"the look-ahead of {_who(desk)} returned {type(found).__name__}, expected an Outlook")
    refuse_unsound_path(desk, found.price_per_kwh, shape)


def _who(desk: Desk) -> str:
    return f"the market {type(desk.market).__name__}"
