"""Inside an outer round of the retail game: the retail price that follows from an internal price, and what is bought outside.

All prosumers trade at one internal price, so they offer alike, and the retail price of their equilibrium is a small convex
problem (theory 6.4): least (1 + o) r'Rr / 2 - r'R(mu + o a) over r up to the outside tariff, with R the response of end-users, a
their choke price, mu the internal price and o the weight of the own effect on the price, 1/N for N prosumers who know it, nil for
those who take the price as given. At the outside tariff end-users take what they want, and prosumers serve it in equal parts.
"""

from collections.abc import Callable, Generator
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.retail_game import Demand, apart, boxed
from gridagora.core.tables import Col, Flag

NEWTON_ROUNDS = 100
HALVINGS = 40
ARMIJO = 1e-4
GRAIN = 1e-15
CLOSE = 1e-7  # of what is taken
ROUNDING = 1e-13


class Terms(NamedTuple):
    """What everybody knows when a session opens: end-users together, wholesale prices (T,), how many prosumers and devices.

    `own_share` is 1 where prosumers know that offers move the retail price (Cournot) and 0 where they take it as given. Nobody
    pays more than `tariff_per_kwh` outside; above `limit_kw` of net import wholesale asks `over_per_kwh` more.
    """

    end_users: Demand
    buy_per_kwh: Col
    sell_per_kwh: Col
    prosumer_count: int
    store_count: int
    own_share: float = 1.0
    tariff_per_kwh: Col | float = np.inf
    limit_kw: float = np.inf
    over_per_kwh: float = 0.0


class Inside(NamedTuple):
    """Where an inner iteration stands, shape (T,) each: internal and retail price, what is taken, net import."""

    internal_per_kwh: Col
    retail_per_kwh: Col
    taken_kw: Col
    wholesale_kw: Col


def highest_per_kwh(c: Terms) -> Col:
    """Return the retail price above which nobody buys of prosumers: the outside tariff, or the choke price below it."""
    return np.minimum(c.tariff_per_kwh, c.end_users.choke_per_kwh)


def retail_per_kwh(c: Terms, internal_per_kwh: Col, sellers: int) -> Col:
    """Return the retail price of the equilibrium of `sellers` prosumers at an internal price, shape (T,)."""
    own, top, choke = c.own_share / sellers, highest_per_kwh(c), c.end_users.choke_per_kwh
    free: Col = (internal_per_kwh + own * choke) / (1.0 + own)
    if (free <= top).all():
        return free
    if apart(c.end_users.slope):
        return np.minimum(free, top)
    response = c.end_users.response
    pull = response @ (internal_per_kwh + own * choke)
    return boxed((1.0 + own) * response, -pull, np.full(len(top), -np.inf), top)


def imported_kw(c: Terms, short_kw: Col, internal_per_kwh: Col, gain_per_kwh_kw: Col) -> tuple[Col, Flag]:
    """Return the net import of each hour, and in which hours it stands still while the need moves a little.

    It is the closed form of its own small problem: buy up to the limit or beyond it, sell, or neither.
    """
    at = short_kw + internal_per_kwh / gain_per_kwh_kw
    buying, selling = at - c.buy_per_kwh / gain_per_kwh_kw, at - c.sell_per_kwh / gain_per_kwh_kw
    beyond = at - (c.buy_per_kwh + c.over_per_kwh) / gain_per_kwh_kw
    within = np.where(buying > 0, np.minimum(buying, c.limit_kw), np.minimum(selling, 0.0))
    net = np.where(beyond > c.limit_kw, beyond, within)
    still = ((buying >= c.limit_kw) & (beyond <= c.limit_kw)) | ((buying <= 0) & (selling >= 0))
    return net, still


class _Trial(NamedTuple):
    """A retail price: what follows from it, the value that is least at the solution, its slope, and where net import stands."""

    inside: Inside
    value_usd: float
    slope_kw: Col
    still: Flag


def solved(c: Terms, made_kw: Col, internal_per_kwh: Col, gain_per_kwh_kw: Col, sellers: int) -> Inside:
    """Return the prices at which end-users, as they are known, agree with wholesale and with what prosumers make.

    The internal price moves by `gain_per_kwh_kw` (T,) for each kW left over. In the retail price this is a convex problem, smooth
    and piecewise quadratic, below the outside tariff: projected Newton steps, shortened until the value falls.

    Raises
    ------
    PartError
        No solution, which only a response that is hardly positive definite allows.

    References
    ----------
    D. P. Bertsekas, Projected Newton methods for optimization problems with simple constraints, SIAM J. Control Optim. 20 (1982).
    """
    own, top, (choke, _, response) = c.own_share / sellers, highest_per_kwh(c), c.end_users

    def tried(price: Col) -> _Trial:
        taken = response @ (choke - price)
        net, still = imported_kw(c, taken - made_kw, internal_per_kwh, gain_per_kwh_kw)
        left = taken - made_kw - net
        internal = internal_per_kwh + gain_per_kwh_kw * left
        worth = choke @ taken - 0.5 * (1.0 + own) * (choke - price) @ taken
        value = _cost_usd(c, net) + 0.5 * (internal_per_kwh + internal) @ left - worth
        slope = response @ ((1.0 + own) * price - own * choke - internal)
        return _Trial(Inside(internal, price, taken, net), float(value), slope, still)

    here = tried(np.minimum((internal_per_kwh + own * choke) / (1.0 + own), top))
    grain = GRAIN * (1.0 + np.abs(response).sum(1) * np.abs(choke).max() * (1.0 + gain_per_kwh_kw * np.abs(response).sum(1)))
    for _ in range(NEWTON_ROUNDS):
        price, slope = here.inside.retail_per_kwh, here.slope_kw
        free = np.flatnonzero((price < top) | (slope > 0))
        if not (np.abs(slope[free]) > grain[free]).any():
            break
        steep = (1.0 + own) * response + (response * (gain_per_kwh_kw * here.still)) @ response
        move = np.zeros_like(price)
        move[free] = -np.linalg.solve(steep[np.ix_(free, free)], slope[free])
        there = _closer(tried, here, move, top)
        if there is None:  # as close as rounding allows
            break
        here = there
    off = _off_kw(here, top)
    if off > CLOSE * (1.0 + np.abs(here.inside.taken_kw).max()):
        raise PartError(f"inner iteration: what is taken stays {off:.1e} kW off; end-users' response is hardly positive definite")
    return here.inside


def _closer(tried: Callable[[Col], _Trial], here: _Trial, move: Col, top: Col) -> _Trial | None:
    """Return the first of ever shorter moves that lowers the value enough; None where none does.

    Where the value no longer tells two prices apart, the slope does.
    """
    price, step = here.inside.retail_per_kwh, 1.0
    same = ROUNDING * (1.0 + abs(here.value_usd))
    for _ in range(HALVINGS):
        there = tried(np.minimum(price + step * move, top))
        fall = here.value_usd - there.value_usd
        if abs(fall) <= same and _off_kw(there, top) < _off_kw(here, top):
            return there
        if fall > same and fall >= -ARMIJO * float(here.slope_kw @ (there.inside.retail_per_kwh - price)):
            return there
        step *= 0.5
    return None


def _off_kw(here: _Trial, top: Col) -> float:
    """Return the largest slope in hours whose price may move that way."""
    return float(np.abs(here.slope_kw[(here.inside.retail_per_kwh < top) | (here.slope_kw > 0)]).max(initial=0.0))


def _cost_usd(c: Terms, net_kw: Col) -> float:
    over = c.over_per_kwh * float((net_kw - c.limit_kw).clip(min=0).sum())
    return float(c.buy_per_kwh @ net_kw.clip(min=0) - c.sell_per_kwh @ (-net_kw).clip(min=0)) + over


def inner(
    c: Terms, made_kw: Col, internal_per_kwh: Col, gain_per_kwh_kw: Col, sellers: int, stand_per_kwh: float, most: int
) -> Generator[Col, Col, tuple[Inside, Demand, int]]:
    """Yield retail prices, hear what end-users take (T,), until it is what they were known to take; then all agree.

    What they say moves the level of the demand that stands for them; its slope stays. Linear end-users need one price.

    Returns
    -------
    tuple
        Prices and quantities, end-users as they are known now, and how many prices they were told.
    """
    count = 0
    while True:
        found = solved(c, made_kw, internal_per_kwh, gain_per_kwh_kw, sellers)
        taken: Col = np.asarray((yield found.retail_per_kwh))
        count, off = count + 1, c.end_users.slope @ (taken - found.taken_kw)
        if count == most or np.abs(off).max() <= stand_per_kwh:
            break
        c = c._replace(end_users=c.end_users._replace(choke_per_kwh=c.end_users.choke_per_kwh + off))
    net, _ = imported_kw(c, taken - made_kw, internal_per_kwh, gain_per_kwh_kw)
    return found._replace(taken_kw=taken, wholesale_kw=net), c.end_users, count
