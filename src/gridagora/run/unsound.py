"""What a market may not hand a run: each refusal names the class of the market and what was expected of it."""

from collections.abc import Generator
from typing import Any

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.rules import Bidder, Pricing
from gridagora.core.session import Clearing, Opening, Plan
from gridagora.run.desk import Desk


def generator(desk: Desk, session: Any) -> Any:
    """Return the session, a generator.

    Raises
    ------
    PartError
        A function without `yield`.
    """
    if not isinstance(session, Generator):
        raise PartError(
            f"{_who(desk)} gave a session of type {type(session).__name__}, expected a generator: a function that yields"
        )
    return session


def refuse_unsound(desk: Desk, result: Any, opening: Opening) -> None:
    """Refuse how an interval ended where no run could follow or settle it.

    Raises
    ------
    PartError
        No clearing, neither transactions nor posted prices, not one row for each party in order, a number that is none, two
        prices behind one meter, or another kind of price than the rules declare.
    """
    who, parties = f"the session of {_who(desk)}", len(opening.party)
    if not isinstance(result, Clearing):
        raise PartError(f"{who} returned {type(result).__name__}, expected a Clearing")
    if desk.bidder is Bidder.NOBODY:
        _refuse_unposted(who, result, parties)
        return
    awards = result.transactions
    if awards is None or not np.array_equal(awards.party, np.arange(parties)):
        rows = "no" if awards is None else len(awards.party)
        expected = f"one for each of the {parties} parties of the opening in order, as strategy '{desk.market.strategy}' needs"
        raise PartError(f"{who} returned {rows} transactions, expected {expected}")
    for column, values in (("p_kw", awards.p_kw), ("price_per_kwh", awards.price_per_kwh)):
        if values.shape != (parties, 1) or not np.isfinite(values).all():
            raise PartError(f"{who} returned {column} of shape {values.shape}, expected finite numbers of shape {(parties, 1)}")
    if desk.rules.pricing is Pricing.UNIFORM and parties and np.ptp(awards.price_per_kwh) > 0:
        raise PartError(f"{who} gave parties different prices, but its rules say {Pricing.UNIFORM}")


def _refuse_unposted(who: str, result: Clearing, parties: int) -> None:
    if result.transactions is not None or result.posted is None or len(result.posted.party) != parties:
        raise PartError(
            f"{who} quoted no price to all {parties} parties, and by its rules nobody tenders: nothing says what a kWh costs"
        )


def refuse_unsound_plan(desk: Desk, plan: Any, opening: Opening) -> None:
    """Refuse a plan that is no price for every hour, of all or of each home, or that binds what the rules do not declare.

    Raises
    ------
    PartError
        Another type or shape, a number that is none, a horizon or commodity that is not declared.
    """
    who = f"the plan of {_who(desk)}"
    if not isinstance(plan, Plan):
        raise PartError(f"{who} returned {type(plan).__name__}, expected a Plan")
    n, h = len(opening.party), len(opening.supply.import_per_kwh)
    shapes = {"price_per_kwh": ((h,), (n, h)), "credit_per_kwh": ((h,),), "p_kw": ((n, h),)}
    for name, allowed in shapes.items():
        values = plan._asdict()[name]
        if values is None and name != "price_per_kwh":
            continue
        if not isinstance(values, np.ndarray) or values.shape not in allowed or not np.isfinite(values).all():
            got = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            expected = " or ".join(map(str, allowed))
            raise PartError(f"{who} holds {name} of {got}, expected finite numbers of shape {expected}, one for each hour")
    for bound in plan.commitments:
        product = bound.product
        if product.horizon not in desk.rules.commits or product.commodity not in desk.rules.commodities:
            found = f"{product.commodity.name} for the horizon {product.horizon.name}"
            raise PartError(f"{who} binds {found}, which its rules do not declare")
        if len(bound.p_kw) != n or not np.isfinite(bound.p_kw).all() or not np.isfinite(bound.premium_per_kwh).all():
            raise PartError(f"{who} binds power of shape {bound.p_kw.shape}, expected finite numbers of {n} rows")


def _who(desk: Desk) -> str:
    return f"the market {type(desk.market).__name__}"
