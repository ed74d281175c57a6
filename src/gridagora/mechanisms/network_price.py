"""The network operator's price at the substation: it moves both prices of the supplier until the load is within its limit.

A kWh that a home takes from the supplier costs so much more, and one that it gives earns as much more, in hours in which the load
would exceed the limit; less of both where the export would. It is the dual price of that limit, bounded by what a kWh beyond it
costs. The operator hears what homes would take in total, and what their plans cost them in total, never a curve.

References
----------
Peers that pay the marginal price of the network for their use of it: J. Kim, Y. Dvorkin, A P2P-dominant distribution system
architecture, arXiv 1902.03940.
"""

from collections.abc import Callable, Generator
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import LAYOUT, Plans, Proposals, quote, sum_kw
from gridagora.core.lean import NUMBER_BITS
from gridagora.core.limits import keep_reserve
from gridagora.core.session import (
    REACH_KW,
    Costed,
    Opening,
    PeerMessages,
    PricePath,
    SupplyOffer,
    limits_of,
    shift_path,
)
from gridagora.core.tables import Col
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, coordinating
from gridagora.mechanisms.peer_messages import MESSAGES, SupplierPrices
from gridagora.mechanisms.price_grid import GRID_PER_KWH, put_on_grid

Found = TypeVar("Found")


NETWORKS = (
    "none",
    "price",
    "envelope",
    "fee",
)  # what the operator may do beside trade between homes


class NetworkTerms(NamedTuple):
    """How the operator searches: share of the limit that it keeps free, rounds of an interval, of an hour's plan and of midnight.

    `gap_share` is the certified share of the cost at which a search of plans ends earlier, `near_share` the part of the limit
    that the search of an interval may leave unused.
    """

    reserve_share: float = 0.03
    rounds: int = 12
    plan_rounds: int = 6
    day_ahead_rounds: int = 20
    gap_share: float = 1e-4
    near_share: float = 0.005


class Substation(NamedTuple):
    """What homes may take together in each hour, (h,) each [kW], and the price of a kWh beyond [$/kWh]."""

    low_kw: Col
    high_kw: Col
    over_per_kwh: float


class PricedInterval(NamedTuple, Generic[Found]):
    """The network price of an interval [$/kWh], what homes agreed on at it, and at each price that was posted."""

    network_per_kwh: float
    found: Found
    tried: tuple[Found, ...]


def substation_of(opening: Opening, reserve_share: float) -> Substation:
    """Return what the substation of an opening leaves to homes, less a share of the limit and the load that does not tender."""
    limits = keep_reserve(limits_of(opening), reserve_share)
    base, over = opening.supply.base_kw, float(limits.over_per_kwh[0])
    return Substation(limits.low[0] - base, limits.high[0] - base, over)


def move_supply(supply: SupplyOffer, network_per_kwh: Col | float) -> SupplyOffer:
    """Return a supply whose two prices are moved by a network price, (h,) or one number [$/kWh]."""
    return supply._replace(
        import_per_kwh=supply.import_per_kwh + network_per_kwh,
        export_per_kwh=supply.export_per_kwh + network_per_kwh,
    )


def move_opening(opening: Opening, network_per_kwh: Col | float) -> Opening:
    """Return an opening whose supplier asks and pays so much more, (h,) or one number [$/kWh]."""
    return opening._replace(supply=move_supply(opening.supply, network_per_kwh))


def price_interval(
    opening: Opening,
    terms: NetworkTerms,
    take: Callable[[float], tuple[float, Found]],
    mix: Callable[[Found, Found, float], Found] | None = None,
) -> PricedInterval[Found]:
    """Return the least network price of an interval that keeps its load within the limit, by bisection; at most the price beyond.

    Many homes may be indifferent at one price, for they plan on the same: just above it they leave the limit unused, just below
    they exceed it. The operator then posts the lower of the two with the share of the difference that homes may take.

    Parameters
    ----------
    opening
        Of one interval.
    terms
        The reserve, and the most rounds after the first, at no price: each halves what the price is uncertain by.
    take
        Returns the power of all homes together [kW] at a network price [$/kWh], and what they agreed on; the power never rises
        with the price.
    mix
        Returns what homes take between what they agreed on within the limit and beyond it, for a share of the difference; left
        out: they keep to the first, at its price.
    """
    low, high, over = substation_of(opening, terms.reserve_share)
    load_kw, found = take(0.0)
    tried = [found]
    if low[0] <= load_kw <= high[0] or over <= 0:
        return PricedInterval(0.0, found, (found,))
    sign, limit_kw = (1.0, high[0]) if load_kw > high[0] else (-1.0, low[0])
    beyond, within = (0.0, load_kw, found), (over, load_kw, found)
    price = over
    for _ in range(
        terms.rounds
    ):  # the dearest price first: where the load stays beyond, it is the one
        load_kw, found = take(sign * price)
        tried.append(found)
        if sign * load_kw <= sign * limit_kw:
            within = price, load_kw, found
        elif price < over:
            beyond = price, load_kw, found
        else:
            return PricedInterval(sign * over, found, tuple(tried))
        price = 0.5 * (beyond[0] + within[0])
        if sign * (limit_kw - within[1]) <= terms.near_share * abs(limit_kw):
            break
    if mix is None or within[1] == limit_kw:
        return PricedInterval(sign * within[0], within[2], tuple(tried))
    share = (limit_kw - within[1]) / (beyond[1] - within[1])
    return PricedInterval(sign * beyond[0], mix(within[2], beyond[2], share), tuple(tried))


def price_window(
    opening: Opening, terms: NetworkTerms, start_per_kwh: Col, below_per_kwh: Col | float = 0.0
) -> Generator[Any, Any, Col]:
    """Find the network price of every hour of a plan, (h,) [$/kWh]: nil where plans at the supplier's prices keep the limit.

    It is told in steps of `GRID_PER_KWH`, far below what the search tells apart, and far above what rounding leaves in it. The
    operator posts a price of each hour, and hears the plans of all homes and what they cost, each as one sum.

    Parameters
    ----------
    opening
        Of a look-ahead over h hours.
    terms
        Reserve and rounds; more of these where the opening binds.
    start_per_kwh
        Where the search begins, shape (h,) [$/kWh].
    below_per_kwh
        How much less than the import price an hour is worth inside each home, (n, h) or one number [$/kWh]: a home plans on that,
        and its plan costs it the difference.

    References
    ----------
    `kernels.coordination.dual.coordinating`, with one group.
    """
    supply, room = opening.supply, substation_of(opening, terms.reserve_share)
    h, n = len(supply.base_kw), len(opening.party)
    if not (np.isfinite(room.high_kw).any() or np.isfinite(room.low_kw).any()):
        return np.zeros(h)
    total = yield from _hear_total(opening, supply.import_per_kwh, below_per_kwh)
    load_kw = total.p_kw[0]
    if (load_kw <= room.high_kw).all() and (load_kw >= room.low_kw).all():
        return np.zeros(h)
    search = coordinating(
        make_supply_cost(supply, room, n),
        np.zeros(1, np.int64),
        supply.import_per_kwh + start_per_kwh,
        homes=n,
        rounds_max=terms.day_ahead_rounds if opening.binds else terms.plan_rounds,
        tolerance=terms.gap_share,
        hard=False,
    )
    price = next(search)
    while True:
        answer = yield from _hear_total(opening, price, below_per_kwh)
        try:
            price = search.send(answer)
        except StopIteration as end:
            path: Col = end.value.price_per_kwh
            break
    above = (path - supply.import_per_kwh).clip(min=0)
    below = (path - supply.export_per_kwh).clip(max=0)
    posted = put_on_grid(above + below, GRID_PER_KWH)
    return np.asarray(np.clip(posted, -room.over_per_kwh, room.over_per_kwh))


def carry_network_price(
    opening: Opening,
    terms: NetworkTerms,
    before: PricePath | None,
    below_per_kwh: Col | float = 0.0,
) -> Generator[Any, Any, PricePath]:
    """Find the network price of a plan, (h,) [$/kWh], from that of the opening before; nil in hours that it did not have.

    `below_per_kwh` (n, h) [$/kWh] as for `price_window`.
    """
    start = np.zeros(len(opening.supply.base_kw))
    if before is not None:
        start = np.nan_to_num(shift_path(before, opening))
    path = yield from price_window(opening, terms, start, below_per_kwh)
    return PricePath(opening.product.start_s, path)


def make_supply_cost(supply: SupplyOffer, room: Substation, homes: int) -> SupplyCost:
    """Return the supply of h hours and the limit as input of a coordinator of so many homes."""
    h, reach = len(supply.base_kw), REACH_KW * (1 + homes)
    return SupplyCost(
        np.ones(h),
        np.zeros(h),
        supply.import_per_kwh,
        supply.export_per_kwh,
        np.minimum(room.low_kw, 0.0).clip(min=-reach),
        np.maximum(room.high_kw, 0.0).clip(max=reach),
        np.full(h, room.over_per_kwh),
        np.zeros(h),
        np.full(h, -reach),
        np.full(h, reach),
    )


def _hear_total(
    opening: Opening, price_per_kwh: Col, below_per_kwh: Col | float
) -> Generator[Any, Any, Answer]:
    """Post a price path (h,) [$/kWh] and return what homes answer together, as one row, each at so much below it."""
    heard = yield Costed(quote(opening.product, opening.party, price_per_kwh - below_per_kwh))
    if not isinstance(heard, Proposals):
        _refuse_no_plans()
    yield count_reports(opening, len(price_per_kwh))
    own_usd = heard.own_usd.sum() - (below_per_kwh * heard.p_kw).sum()
    bound = np.array([heard.bound_usd.sum()])
    return Answer(sum_kw(heard.p_kw)[None], np.array([own_usd]), bound)


def _refuse_no_plans() -> NoReturn:
    expected = "a strategy that looks ahead and tenders, such as 'home'"
    raise InputError([Problem("market: network 'price'", "no plans", expected)])


def count_reports(opening: Opening, steps: int) -> PeerMessages:
    """Return the messages by which homes report plans of so many hours and their two costs, counted as if each told its own."""
    homes = len(opening.party)
    numbers = homes * (steps + 2)
    size = homes * message_bytes(LAYOUT[Proposals], steps)
    return PeerMessages(homes, size, 0, numbers, NUMBER_BITS * numbers)


def count_rounds(opening: Opening, rounds: int) -> PeerMessages:
    """Return the messages of so many rounds of an interval: two prices go to all, and back comes what each would take."""
    homes = len(opening.party)
    down = message_bytes(MESSAGES[SupplierPrices], 1)
    up = message_bytes(LAYOUT[Plans], 1)
    told = rounds * homes
    return PeerMessages(2 * told, told * (down + up), 2 * rounds, told, NUMBER_BITS * told)
