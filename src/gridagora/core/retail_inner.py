"""Inside an outer round of the retail game: the retail price that follows from an internal price, and what is bought outside.

All prosumers trade at one internal price, so they offer alike, and the retail price of their equilibrium is a small convex
problem (theory 6.4): least (1 + o) r'Rr / 2 - r'R(mu + o a) over r up to the outside tariff, with R the response of end-users, a
their choke price, mu the internal price and o the weight of the own effect on the price, 1/N for N prosumers who know it, nil for
those who take the price as given. At the outside tariff end-users take what they want, and prosumers serve it in equal parts.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.retail_game import Demand, apart, boxed, taken_kw
from gridagora.core.tables import Col, Flag

NEWTON_ROUNDS = 60
HALVINGS = 30
GRAIN_PER_KWH = 1e-14
CLOSE_PER_KWH = 1e-8


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


def fall_kw(c: Terms, retail: Col, sellers: int) -> Col:
    """Return how what is taken falls with the internal price, (T, T): symmetric, nil in hours at the highest price."""
    free = retail < highest_per_kwh(c)
    part = c.end_users.response[:, free]
    return part @ np.linalg.solve(c.end_users.response[np.ix_(free, free)], part.T) / (1.0 + c.own_share / sellers)


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


def solved(c: Terms, made_kw: Col, internal_per_kwh: Col, gain_per_kwh_kw: Col, sellers: int) -> Inside:
    """Return the prices at which end-users, as they are known, agree with wholesale and with what prosumers make.

    The internal price moves by `gain_per_kwh_kw` (T,) for each kW left over. Newton's method on a strongly monotone, piecewise
    linear map; a step that does not come closer is halved.

    Raises
    ------
    PartError
        No solution, which only a response that is hardly positive definite allows.
    """

    def at(price: Col) -> tuple[Inside, Col, Flag]:
        retail = retail_per_kwh(c, price, sellers)
        taken = taken_kw(c.end_users, retail)
        net, still = imported_kw(c, taken - made_kw, internal_per_kwh, gain_per_kwh_kw)
        return Inside(price, retail, taken, net), price - internal_per_kwh - gain_per_kwh_kw * (taken - made_kw - net), still

    here, off, still = at(internal_per_kwh)
    grain = GRAIN_PER_KWH * (1.0 + np.abs(internal_per_kwh).max() + float(np.abs(gain_per_kwh_kw * made_kw).max()))
    for _ in range(NEWTON_ROUNDS):
        far = np.abs(off).max()
        if far <= grain:
            break
        steep = np.eye(len(off)) + (gain_per_kwh_kw * still)[:, None] * fall_kw(c, here.retail_per_kwh, sellers)
        move, step = np.linalg.solve(steep, off), 1.0
        for _ in range(HALVINGS):
            there, rest, kept = at(here.internal_per_kwh - step * move)
            if np.abs(rest).max() < far:
                break
            step *= 0.5
        else:  # as close as rounding allows
            break
        here, off, still = there, rest, kept
    if np.abs(off).max() > CLOSE_PER_KWH:
        raise PartError(
            f"inner iteration: prices stay {np.abs(off).max():.1e} $/kWh apart; end-users' response is hardly positive"
        )
    return here


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
