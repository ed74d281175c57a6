"""What a market may not hand a run: each refusal names the class of the market and what was expected of it."""

from collections.abc import Generator
from typing import Any, TypeVar

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import (
    ExportLimits,
    MeterFees,
    MeterLimits,
    Plans,
    Proposals,
    Quotes,
    Tenders,
    Transactions,
)
from gridagora.core.rules import Bidder, Pricing
from gridagora.core.session import Clearing, HourPlan, Opening
from gridagora.core.tables import Index
from gridagora.kernels.curves.awards import are_within
from gridagora.kernels.curves.curve import Curves, is_in_order
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
    found = _clearing(desk, result)
    awards = found.transactions
    if awards is not None and not isinstance(awards, Transactions):
        raise PartError(f"{who} returned {type(awards).__name__}, expected a Transactions")
    if awards is not None and heard is not None and _are_plain(awards, heard, parties):
        _refuse_trades(desk, found, opening)
        _refuse_two_prices(desk, awards)
        return
    if awards is None or not np.array_equal(awards.party, np.arange(parties)):
        rows = "no" if awards is None else np.size(awards.party)
        expected = f"one for each of the {parties} parties of the opening in order, as strategy '{desk.market.strategy}' needs"
        raise PartError(f"{who} returned {rows} transactions, expected {expected}")
    for column, values in (("p_kw", awards.p_kw), ("price_per_kwh", awards.price_per_kwh)):
        refuse_no_numbers(who, column, values, (parties, 1))
    refuse_no_numbers(who, "status", awards.status, (parties,))
    _refuse_trades(desk, found, opening)
    _refuse_beyond(who, awards, heard)
    _refuse_two_prices(desk, awards)


def _are_plain(awards: Transactions, heard: Tenders, parties: int) -> bool:
    """Return whether awards have the types and lengths that a compiled check reads, and pass it."""
    columns = awards.party, awards.status, awards.p_kw, awards.price_per_kwh
    if not all(type(column) is np.ndarray for column in columns):
        return False
    whole, status, power, price = columns
    if not (
        whole.shape == status.shape == (parties,)
        and power.shape == price.shape == (parties, 1)
        and whole.dtype == status.dtype == np.int64
        and power.dtype == price.dtype == np.float64
        and len(heard.offset) == parties + 1
        and heard.offset.dtype == np.int64
        and heard.p_kw.dtype == heard.price_per_kwh.dtype == np.float64
    ):
        return False
    return are_within(Curves(*heard[2:]), whole, power, price, TENDER_KW)


def _refuse_two_prices(desk: RunState, awards: Transactions) -> None:
    price = awards.price_per_kwh
    if desk.rules.pricing is Pricing.UNIFORM and price.size and np.ptp(price) > 0:
        who = f"the session of {_who(desk)}"
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
        No clearing, transactions, no price for each party, or a price that is no number.
    """
    found, parties = _clearing(desk, result), len(opening.party)
    who, posted = f"the session of {_who(desk)}", found.posted
    if (
        found.transactions is not None
        or not isinstance(posted, Quotes)
        or len(posted.party) != parties
    ):
        raise PartError(
            f"{who} quoted no price to all {parties} parties, and by its rules nobody tenders: "
            "nothing says what a kWh costs"
        )
    for column in ("buy_per_kwh", "sell_per_kwh", "share"):
        steps = len(opening.supply.import_per_kwh)
        refuse_no_numbers(who, column, posted._asdict()[column], (parties, steps))
    return posted


def refuse_unlike(desk: RunState, posted: Quotes) -> None:
    """Refuse prices that differ between the devices of an interval: bills could not tell whose is whose.

    Raises
    ------
    PartError
        A price or a credit that differs.
    """
    columns = posted.buy_per_kwh, posted.sell_per_kwh
    if any(len(column) and np.ptp(column) > 0 for column in columns):
        raise PartError(
            f"the session of {_who(desk)} posted different prices to devices: a design whose rules say posts_hours "
            "is opened for homes and may post to each its own"
        )


def refuse_no_numbers(who: str, column: str, values: Any, *shapes: tuple[int, ...]) -> None:
    """Refuse a column that is no array of finite numbers of one of the shapes.

    Raises
    ------
    PartError
        What it is, and what was expected.
    """
    plain = isinstance(values, np.ndarray) and values.dtype.kind in "fiu"
    if plain and values.shape in shapes and np.isfinite(values).all():
        return
    expected = f"finite numbers of shape {' or '.join(map(str, shapes))}"
    if not isinstance(values, np.ndarray):
        raise PartError(
            f"{who} returned {column} of type {type(values).__name__}, expected {expected}"
        )
    if values.shape not in shapes:
        raise PartError(f"{who} returned {column} of shape {values.shape}, expected {expected}")
    if values.dtype.kind not in "fiu":
        raise PartError(f"{who} returned {column} of {values.dtype.name}, expected {expected}")
    if not np.isfinite(values).all():
        at = np.argwhere(~np.isfinite(values))[0]
        raise PartError(
            f"{who} returned {column} {values[tuple(at)]} in row {at[0]}, expected {expected}"
        )


def _refuse_trades(desk: RunState, result: Clearing, opening: Opening) -> None:
    """Refuse trades between parties, prices of places and of the network that no ledger could book."""
    who, local, added = f"the session of {_who(desk)}", result.local, result.network_per_kwh
    if not isinstance(added, int | float | np.floating) or not np.isfinite(added):
        raise PartError(f"{who} returned network_per_kwh {added!r}, expected a finite price")
    if added and desk.rules.pricing is not Pricing.BILATERAL:
        expected = f"none, for its rules say {desk.rules.pricing}"
        raise PartError(f"{who} returned network_per_kwh {added:g}, expected {expected}")
    if local is not None:
        rows = np.size(local.party)
        for column in ("p_kw", "price_per_kwh"):
            refuse_no_numbers(who, f"local {column}", getattr(local, column), (rows, 1))
        for column in ("party", "counterparty"):
            refuse_no_numbers(who, f"local {column}", getattr(local, column), (rows,))
    if result.home_per_kwh is not None:
        if desk.rules.pricing is not Pricing.NODAL:
            expected = f"none, for its rules say {desk.rules.pricing}"
            raise PartError(f"{who} returned home_per_kwh, expected {expected}")
        homes = (desk.load_kw.shape[1],)
        refuse_no_numbers(who, "home_per_kwh", result.home_per_kwh, homes)
    if result.place_per_kwh is not None and opening.site is not None:
        places = (len(opening.site.tree.parent),)
        refuse_no_numbers(who, "place_per_kwh", result.place_per_kwh, places)


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
    shapes = {"price_per_kwh": ((h,), (n, h)), "credit_per_kwh": ((h,), (n, h)), "p_kw": ((n, h),)}
    for name, allowed in shapes.items():
        values = plan._asdict()[name]
        if values is None and name != "price_per_kwh":
            continue
        refuse_no_numbers(who, name, values, *allowed)
    for limits, kind in ((plan.limits, MeterLimits), (plan.export_limits, ExportLimits)):
        if limits is not None:
            _refuse_unsound_limits(who, limits, kind, n, h)
    if plan.fees is not None:
        _refuse_unsound_fees(who, plan.fees, n, h)
    for bound in plan.commitments:
        product = bound.product
        if (
            product.horizon not in desk.rules.commits
            or product.commodity not in desk.rules.commodities
        ):
            found = f"{product.commodity.name} for the horizon {product.horizon.name}"
            raise PartError(f"{who} binds {found}, which its rules do not declare")
        columns = np.shape(bound.p_kw)[1:2]
        refuse_no_numbers(who, "a commitment of p_kw", bound.p_kw, (n, *columns))
        hours = (n, bound.hours), (bound.hours,), (n, *columns), columns, (1,)
        refuse_no_numbers(who, "a commitment of premium_per_kwh", bound.premium_per_kwh, *hours)


def _refuse_unsound_limits(
    who: str,
    limits: object,
    kind: type[MeterLimits] | type[ExportLimits],
    parties: int,
    hours: int,
) -> None:
    """Refuse limits of meters that are not of parties of the opening, each once, or that no home could keep to."""
    if not isinstance(limits, kind):
        raise PartError(
            f"{who} returned limits of type {type(limits).__name__}, expected {kind.__name__}"
        )
    rows = _refuse_strange_parties(who, "limits", limits.party, parties)
    for column in ("limit_kw", "over_per_kwh"):
        values = getattr(limits, column)
        refuse_no_numbers(who, f"limits of {column}", values, (rows, hours))
        if (values < 0).any():
            at = np.argwhere(values < 0)[0]
            got = f"{column} {values[tuple(at)]} in row {at[0]}"
            raise PartError(f"{who} returned limits of {got}, expected 0 or more")


def _refuse_unsound_fees(who: str, fees: object, parties: int, hours: int) -> None:
    """Refuse fees that are not of parties of the opening, each once, or that are no number."""
    if not isinstance(fees, MeterFees):
        raise PartError(f"{who} returned fees of type {type(fees).__name__}, expected MeterFees")
    rows = _refuse_strange_parties(who, "fees", fees.party, parties)
    refuse_no_numbers(who, "fees of fee_per_kwh", fees.fee_per_kwh, (rows, hours))


def _refuse_strange_parties(who: str, what: str, party: Index, parties: int) -> int:
    """Return how many parties are listed; refuse those that no opening has, or that are listed twice."""
    rows = int(np.size(party))
    refuse_no_numbers(who, f"{what} of party", party, (rows,))
    known = (party >= 0) & (party < parties)
    if not known.all() or np.unique(party).size < rows:
        expected = f"each at most once, of 0 to {parties - 1}"
        raise PartError(f"{who} returned {what} of parties {party.tolist()}, expected {expected}")
    return rows


def refuse_unsound_tenders(desk: RunState, tenders: Any, parties: int) -> None:
    """Refuse what a strategy offers unless it is one curve for each party, rising powers at falling prices.

    Raises
    ------
    PartError
        Another type, another number of rows, a number that is none, points out of order.
    """
    who = f"tender of the strategy {type(desk.strategy).__name__}"
    if not isinstance(tenders, Tenders):
        raise PartError(
            f"{who} returned {type(tenders).__name__}, expected Tenders, or None where nothing is offered"
        )
    if _is_plain(tenders, parties) and is_in_order(*tenders[2:]):
        return
    refuse_no_numbers(who, "party", tenders.party, (parties,))
    refuse_no_numbers(who, "offset", tenders.offset, (parties + 1,))
    points = (int(tenders.offset[-1]),)
    refuse_no_numbers(who, "p_kw", tenders.p_kw, points)
    refuse_no_numbers(who, "price_per_kwh", tenders.price_per_kwh, points)
    begins = np.zeros(points[0] + 1, np.bool_)
    if not parties:
        return
    if tenders.offset[0] != 0 or (np.diff(tenders.offset) < 1).any():
        raise PartError(
            f"{who} returned a curve without points, expected one point or more for each party"
        )
    begins[tenders.offset] = True
    inside = ~begins[1:-1]
    falls = inside & ((np.diff(tenders.p_kw) < 0) | (np.diff(tenders.price_per_kwh) > 0))
    if falls.any():
        row = int(np.searchsorted(tenders.offset, int(np.argmax(falls)), side="right")) - 1
        raise PartError(
            f"{who} returned points out of order for party {row}, expected rising powers at falling prices"
        )


def _is_plain(tenders: Tenders, parties: int) -> bool:
    """Return whether the columns have the types and lengths that a compiled check reads."""
    whole = [np.shape(tenders.party), np.shape(tenders.offset)] == [(parties,), (parties + 1,)]
    types = [getattr(column, "dtype", None) for column in tenders[1:]]
    return whole and types == [np.int64, np.int64, np.float64, np.float64]


def refuse_unsound_answer(desk: RunState, answer: Any, opening: Opening) -> None:
    """Refuse plans of a strategy that are not one power for each party and hour.

    Raises
    ------
    PartError
        Another number of rows or hours, a number that is none.
    """
    if not isinstance(answer, Plans | Proposals):
        return
    who = f"the agents of the strategy {type(desk.strategy).__name__}"
    n, h = len(opening.party), len(opening.supply.import_per_kwh)
    refuse_no_numbers(who, "p_kw", answer.p_kw, (n, h))
    if isinstance(answer, Proposals):
        refuse_no_numbers(who, "own_usd", answer.own_usd, (n,))
        refuse_no_numbers(who, "bound_usd", answer.bound_usd, (n,))


def _who(desk: RunState) -> str:
    return f"the market {type(desk.market).__name__}"
