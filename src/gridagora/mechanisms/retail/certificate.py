"""What an equilibrium of the retail game is checked by: the potential, and what every party could still gain alone (theory 10.6).

The potential is the welfare of all parties less half of what each offer costs its owner by moving the price. Its optimum is the
equilibrium where end-users are linear. Where their demand stops at nil the inverse demand has kinks, profit is not concave, and
only a best response over all prices says what somebody could gain.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col
from gridagora.kernels.stores.value import Stores, best_response
from gridagora.mechanisms.retail.clearing import outside_usd, restrict_response
from gridagora.mechanisms.retail.game import Demand, best_offer_kw, price_per_kwh, solve_boxed
from gridagora.mechanisms.retail.protocol import Community, PrivateState, make_offers, publish_terms

CORNER = 1e-9  # relative: what rounding can make of the same peak
OFFER_DIGITS = 9  # of a kW, to which offers count as alike


class Users(NamedTuple):
    """M end-users one by one: worth of the first kWh (M, T) [$/kWh], and slopes (M, T, T), or (M, T) without shifting."""

    worth_per_kwh: Col
    slope: Col


class EquilibriumCertificate(NamedTuple):
    """What each party could gain alone [$], prosumers (N,) and end-users (M,), and the wholesale position of all.

    `share` is the largest gain over the mean absolute profit. `proved` is false where a gain is only known from below;
    `warning` says in words which condition does not hold, and is empty where all hold.
    """

    offer_usd: Col
    device_usd: Col
    follower_usd: Col
    wholesale_usd: float
    profit_usd: Col
    share: float
    proved: bool
    warning: str


def device_cost_usd(c: Community, held: PrivateState) -> Col:
    """Return what schedules cost their owners besides energy, shape (N,) [$]."""
    zero, total = np.zeros_like(c.buy_per_kwh), np.zeros(len(c.made_kw))
    for table, at, p_kw in zip(c.stores, c.home, held.device_kw, strict=True):
        np.add.at(total, at, best_response(_at(table, p_kw), zero, zero).cost_usd)
    return total


def _at(table: Stores, p_kw: Col) -> Stores:
    return table._replace(p_min_kw=p_kw, p_max_kw=p_kw)


def wholesale_usd(c: Community, held: PrivateState) -> float:
    """Return what wholesale is paid for what is offered but not made, less what it pays for the rest [$]."""
    told = make_offers(c, held)
    return outside_usd(publish_terms(c), (told.offer_kw - told.made_kw).sum(0))


def potential_usd(c: Community, held: PrivateState) -> float:
    """Return the potential of the game at a schedule [$]; with `own_share` 0 it is the welfare of all."""
    offer, end_users = held.offer_kw, c.end_users
    total = offer.sum(0)
    worth = end_users.choke_per_kwh @ total - 0.5 * total @ end_users.slope @ total
    moved = 0.5 * c.own_share * float(np.einsum("it,ts,is->", offer, end_users.slope, offer))
    return float(worth - moved - device_cost_usd(c, held).sum() - wholesale_usd(c, held))


def retail_at(c: Community, offered_kw: Col) -> Col:
    """Return the retail price that absorbs all offers (T,), at most the outside tariff [$/kWh]."""
    return np.minimum(price_per_kwh(c.end_users, offered_kw), c.tariff_per_kwh)


def profit_usd(c: Community, held: PrivateState, internal_per_kwh: Col) -> Col:
    """Return the profit of every prosumer at the retail price that absorbs all offers, shape (N,) [$]."""
    told = make_offers(c, held)
    margin = retail_at(c, told.offer_kw.sum(0)) - internal_per_kwh
    return np.asarray(
        told.offer_kw @ margin + told.made_kw @ internal_per_kwh - device_cost_usd(c, held)
    )


def certify_offers(
    c: Community, held: PrivateState, internal_per_kwh: Col, users: Users | None = None
) -> EquilibriumCertificate:
    """Return what every party could gain by itself, others and the internal price given (theory 10.6).

    Parameters
    ----------
    c, held
        Prosumers and what they do; end-users take all that is offered.
    internal_per_kwh
        Price at which prosumers trade with each other, shape (T,) [$/kWh].
    users
        End-users one by one: they then take no less than nothing, which the linear aggregate does not know.

    Raises
    ------
    PartError
        Prosumers who take the retail price as given: they have no best offer, only a price at which any offer is as good.
    """
    if c.own_share != 1.0:
        raise PartError(
            "a best offer exists where prosumers know that it moves the price (own_share 1)"
        )
    total = held.offer_kw.sum(0)
    retail = retail_at(c, total)
    now = held.offer_kw @ (retail - internal_per_kwh)
    others = total - held.offer_kw
    gain = _best_usd(c, others, internal_per_kwh) - now
    own = device_cost_usd(c, held) + _paid(c, held, internal_per_kwh)
    least = np.zeros(len(c.made_kw))
    for table, at in zip(c.stores, c.home, strict=True):
        np.add.at(least, at, best_response(table, internal_per_kwh, internal_per_kwh).bound_usd)
    profit = profit_usd(c, held, internal_per_kwh)
    short = total - make_offers(c, held).made_kw.sum(0)
    apart = (internal_per_kwh - c.buy_per_kwh).clip(min=0) + (
        c.sell_per_kwh - internal_per_kwh
    ).clip(min=0)
    rent = float(apart.sum() * c.limit_kw) if np.isfinite(c.limit_kw) else 0.0
    outside = wholesale_usd(c, held) - float(internal_per_kwh @ (short + c.base_kw)) + rent
    follower, proved, warning = np.zeros(0), True, ""
    if users is not None:
        follower = _follower_usd(users, retail)
        gain, proved, warning = _bound_gains(
            users, PlayerMarket(others, internal_per_kwh, retail, c.tariff_per_kwh, now), gain
        )
    parts = np.concatenate([gain, own - least, follower])
    share = float(np.max(parts, initial=0.0) / max(float(np.abs(profit).mean()), 1e-12))
    return EquilibriumCertificate(
        gain, own - least, follower, outside, profit, share, proved, warning
    )


def _best_usd(c: Community, others_kw: Col, internal_per_kwh: Col) -> Col:
    """Return the largest margin of each prosumer over all offers, others given, shape (N,) [$].

    At the outside tariff who sells serves: nobody may offer so little that the price would have to rise above it.
    """
    slope, choke = c.end_users.slope, c.end_users.choke_per_kwh
    bound = (0.5 * (choke + internal_per_kwh - others_kw @ slope) > c.tariff_per_kwh).any(1)
    best = best_offer_kw(c.end_users, others_kw, np.broadcast_to(internal_per_kwh, others_kw.shape))
    usd: Col = ((choke - (others_kw + best) @ slope - internal_per_kwh) * best).sum(1)
    alike, which = np.unique(np.round(others_kw[bound], OFFER_DIGITS), axis=0, return_inverse=True)
    top = np.broadcast_to(c.tariff_per_kwh, choke.shape)
    found = np.array(
        [
            _below_tariff_usd(c.end_users, choke - slope @ rest, internal_per_kwh, top)
            for rest in alike
        ]
    )
    usd[bound] = found[which.ravel()]
    return usd


def _below_tariff_usd(
    end_users: Demand, choke_per_kwh: Col, internal_per_kwh: Col, top_per_kwh: Col
) -> float:
    """Return the largest margin of one prosumer whose residual demand has that choke price (T,), below the outside tariff [$].

    It chooses a price; hours in which that would need an offer below nil are left, until none is. Where the conditions of the
    optimum then do not hold, offers below nil count, so that no gain is missed.
    """
    mu, hours, highest = internal_per_kwh, np.ones(len(choke_per_kwh), np.bool_), np.inf
    while True:
        sold = restrict_response(end_users.response, hours)
        choke, low = choke_per_kwh[hours], np.full(int(hours.sum()), -np.inf)
        price = solve_boxed(
            2.0 * sold.response, -sold.response @ (choke + mu[hours]), low, top_per_kwh[hours]
        )
        offer = np.zeros(len(mu))
        offer[hours] = sold.response @ (choke - price)
        usd = float((price - mu[hours]) @ offer[hours])
        highest = min(highest, usd) if hours.all() else highest
        left = hours & (offer < -CORNER * (1.0 + np.abs(offer).max()))
        if not left.any():
            break
        hours = hours & ~left
    held, retail = np.zeros(len(mu)), choke_per_kwh - end_users.slope @ offer
    held[hours] = np.maximum(
        sold.response @ (choke + mu[hours] - 2.0 * price), 0.0
    )  # how hard the tariff presses
    more = retail - end_users.slope @ (offer - held) - mu  # by one kW more in an hour that was left
    grain = CORNER * (1.0 + np.abs(choke_per_kwh).max())
    exact = (more[~hours] <= grain).all() and (retail[~hours] <= top_per_kwh[~hours] + grain).all()
    return usd if exact else highest


def _paid(c: Community, held: PrivateState, internal_per_kwh: Col) -> Col:
    total = np.zeros(len(c.made_kw))
    for at, p_kw in zip(c.home, held.device_kw, strict=True):
        np.add.at(total, at, p_kw @ internal_per_kwh)
    return total


def _follower_usd(users: Users, retail_per_kwh: Col) -> Col:
    """Return what each end-user would gain if it could take no less than nothing: nil where its linear answer is positive."""
    gain = np.zeros(len(users.worth_per_kwh))
    for j, worth in enumerate(users.worth_per_kwh):
        slope = np.diag(users.slope[j]) if users.slope.ndim == 2 else users.slope[j]
        free = np.linalg.solve(slope, worth - retail_per_kwh)
        if (free < 0).any():
            best = solve_boxed(
                slope, retail_per_kwh - worth, np.zeros(len(worth)), np.full(len(worth), np.inf)
            )
            away = best - np.maximum(free, 0.0)
            gain[j] = 0.5 * away @ slope @ away
    return gain


class PlayerMarket(NamedTuple):
    """What prosumers are judged by: others' offers (N, T), internal and retail price, outside tariff (T,), margin now (N,)."""

    others_kw: Col
    internal_per_kwh: Col
    retail_per_kwh: Col
    tariff_per_kwh: Col | float
    now_usd: Col


def _bound_gains(users: Users, told: PlayerMarket, linear: Col) -> tuple[Col, bool, str]:
    """Return the gain of each prosumer against end-users who may leave an hour, whether it is proved, and a warning."""
    retail = told.retail_per_kwh
    if users.slope.ndim == 3:
        free = np.linalg.solve(users.slope, (users.worth_per_kwh - retail)[:, :, None])[:, :, 0]
        out = int((free < 0).any(1).sum())
        shift = "end-users shift between hours: no gain was searched for at prices at which some of them take nothing"
        return (
            linear,
            False,
            f"{out} end-users would take less than nothing: the gain may be larger"
            if out
            else shift,
        )
    best = [
        best_bounded_usd(users, rest, told.internal_per_kwh, told.tariff_per_kwh)
        for rest in told.others_kw
    ]
    gain, out = np.array(best) - told.now_usd, int((users.worth_per_kwh < retail).any(1).sum())
    if out:
        return (
            gain,
            True,
            f"{out} end-users take nothing in some hour: profit has several peaks, an equilibrium may not exist",
        )
    dear = gain > linear + CORNER * (1.0 + np.abs(told.now_usd))
    return (
        gain,
        True,
        f"{int(dear.sum())} prosumers gain by a price at which some end-users take nothing"
        if dear.any()
        else "",
    )


def best_bounded_usd(
    users: Users, others_kw: Col, internal_per_kwh: Col, tariff_per_kwh: Col | float = np.inf
) -> float:
    """Return the largest margin [$] of one prosumer over all prices, against end-users who take no less than nothing.

    Hours do not depend on each other, shape (T,) each. Demand is a polyline in price with a corner where an end-user leaves, so
    profit is a parabola between corners: each is solved, the best of all is the global one. Where the price would rise above the
    outside tariff without its offer, it has to serve.
    """
    total = 0.0
    for t, (mu, cap) in enumerate(
        zip(internal_per_kwh, np.broadcast_to(tariff_per_kwh, len(internal_per_kwh)), strict=True)
    ):
        worth = users.worth_per_kwh[:, t]
        order = np.argsort(-worth)
        rate = 1.0 / users.slope[order, t]
        fall, pull = np.cumsum(rate), np.cumsum(rate * worth[order])
        high, low = np.minimum(worth[order], cap), np.append(worth[order][1:], -np.inf)
        price = np.clip(0.5 * (mu + (pull - others_kw[t]) / fall), np.minimum(low, high), high)
        offer = pull - fall * price - others_kw[t]
        best = float(np.max(np.where((offer > 0) & (low < high), (price - mu) * offer, -np.inf)))
        serves = (
            np.maximum(worth - cap, 0.0) @ (1.0 / users.slope[:, t]) > others_kw[t]
            if np.isfinite(cap)
            else False
        )
        total += best if serves else max(0.0, best)
    return total
