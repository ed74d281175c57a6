"""What a market may not hand a run: each refusal names the class of the market and what was expected of it."""

from collections.abc import Generator
from typing import Any, TypeVar

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes, Tenders, Transactions
from gridagora.core.rules import Bidder, Pricing
from gridagora.core.session import Clearing, HourPlan, Opening
from gridagora.run.state import RunState

Ended = TypeVar("Ended")
TENDER_KW = 1e-6  # awards come in whole microwatts


def check_generator(
    desk: RunState, session: Generator[Any, Any, Ended]
) -> Generator[Any, Any, Ended]:
    """Return the session, a generator.

    Raises
    ------
    PartError
        A function without `yield`.
    """
    given: object = session  # nobody has checked the annotation of a plugin
    if not isinstance(given, Generator):
        raise PartError(
            f"{_who(desk)} gave a session of type {type(given).__name__}, expected a generator: a function that yields"
        )
    return session


def refuse_unsound(desk: RunState, result: object, opening: Opening, heard: Tenders | None) -> None:
    """Refuse how an interval ended where no run could follow or settle it.

    Parameters
    ----------
    desk, result, opening
        The run, what the session returned, and what it was opened with.
    heard
        The tenders that the market received, one row a party.

    Raises
    ------
    PartError
        No clearing, neither transactions nor posted prices, not one row for each party in order, a number that is none, an award
        beyond what a party tendered, two prices behind one meter, or another kind of price than the rules declare.
    """
    who, parties = f"the session of {_who(desk)}", len(opening.party)
    if desk.bidder is Bidder.NOBODY:
        posted_quotes(desk, result, opening)
        return
    awards = _clearing(desk, result).transactions
    if awards is None or not np.array_equal(awards.party, np.arange(parties)):
        rows = "no" if awards is None else len(awards.party)
        expected = f"one for each of the {parties} parties of the opening in order, as strategy '{desk.market.strategy}' needs"
        raise PartError(f"{who} returned {rows} transactions, expected {expected}")
    for column, values in (("p_kw", awards.p_kw), ("price_per_kwh", awards.price_per_kwh)):
        if values.shape != (parties, 1) or not np.isfinite(values).all():
            raise PartError(
                f"{who} returned {column} of shape {values.shape}, expected finite numbers of shape {(parties, 1)}"
            )
    _refuse_beyond(who, awards, heard)
    if desk.rules.pricing is Pricing.UNIFORM and parties and np.ptp(awards.price_per_kwh) > 0:
        raise PartError(f"{who} gave parties different prices, but its rules say {Pricing.UNIFORM}")


def _refuse_beyond(who: str, awards: Transactions, heard: Tenders | None) -> None:
    """Refuse awards that no tender holds, as where the sign is turned: what is bought is positive."""
    if heard is None:
        raise PartError(
            f"{who} awarded power and heard no tenders: expected it to yield GateOpen and to clear what it receives"
        )
    power, first, last = awards.p_kw[:, 0], heard.offset[:-1], heard.offset[1:] - 1
    low, high = (
        np.minimum(heard.p_kw[first], heard.p_kw[last]),
        np.maximum(heard.p_kw[first], heard.p_kw[last]),
    )
    beyond = np.flatnonzero((power < low - TENDER_KW) | (power > high + TENDER_KW))
    if beyond.size:
        row = beyond[0]
        span = f"{low[row]:.3f} to {high[row]:.3f} kW, what it tendered (withdrawal is positive)"
        raise PartError(
            f"{who} awarded {power[row]:.3f} kW to party {row} and {beyond.size - 1} others, expected {span}"
        )


def posted_quotes(desk: RunState, result: object, opening: Opening) -> Quotes:
    """Return the prices that a session posted to all parties, by whose rules nobody tenders.

    Raises
    ------
    PartError
        No clearing, transactions, or no price for each party.
    """
    found, parties = _clearing(desk, result), len(opening.party)
    if found.transactions is not None or found.posted is None or len(found.posted.party) != parties:
        raise PartError(
            f"the session of {_who(desk)} quoted no price to all {parties} parties, and by its rules nobody tenders: "
            "nothing says what a kWh costs"
        )
    return found.posted


def _clearing(desk: RunState, result: object) -> Clearing:
    """Return what a session returned, which must be a clearing."""
    if not isinstance(result, Clearing):
        raise PartError(
            f"the session of {_who(desk)} returned {type(result).__name__}, expected a Clearing"
        )
    return result


def refuse_unsound_plan(desk: RunState, plan: object, opening: Opening) -> None:
    """Refuse a plan that is no price for every hour, of all or of each home, or that binds what the rules do not declare.

    Raises
    ------
    PartError
        Another type or shape, a number that is none, a horizon or commodity that is not declared.
    """
    who = f"the plan of {_who(desk)}"
    if not isinstance(plan, HourPlan):
        raise PartError(f"{who} returned {type(plan).__name__}, expected a Plan")
    n, h = len(opening.party), len(opening.supply.import_per_kwh)
    shapes = {"price_per_kwh": ((h,), (n, h)), "credit_per_kwh": ((h,),), "p_kw": ((n, h),)}
    for name, allowed in shapes.items():
        values = plan._asdict()[name]
        if values is None and name != "price_per_kwh":
            continue
        if (
            not isinstance(values, np.ndarray)
            or values.shape not in allowed
            or not np.isfinite(values).all()
        ):
            got = (
                f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            )
            expected = " or ".join(map(str, allowed))
            raise PartError(
                f"{who} holds {name} of {got}, expected finite numbers of shape {expected}, one for each hour"
            )
    for bound in plan.commitments:
        product = bound.product
        if (
            product.horizon not in desk.rules.commits
            or product.commodity not in desk.rules.commodities
        ):
            found = f"{product.commodity.name} for the horizon {product.horizon.name}"
            raise PartError(f"{who} binds {found}, which its rules do not declare")
        if (
            len(bound.p_kw) != n
            or not np.isfinite(bound.p_kw).all()
            or not np.isfinite(bound.premium_per_kwh).all()
        ):
            raise PartError(
                f"{who} binds power of shape {bound.p_kw.shape}, expected finite numbers of {n} rows"
            )


def _who(desk: RunState) -> str:
    return f"the market {type(desk.market).__name__}"
