"""Inside an outer round of the retail game: the retail price that follows from an internal price, and what is bought outside.

All prosumers trade at one internal price, so they offer alike, and the retail price of their equilibrium is a small convex
problem (theory 10.3): least (1 + o) r'Rr / 2 - r'R(mu + o a) over r up to the outside tariff, with R the response of end-users, a
their choke price, mu the internal price and o the weight of the own effect on the price, 1/N for N prosumers who know it, nil for
those who take the price as given. At the outside tariff end-users take what they want, and prosumers serve it in equal parts.
Nobody offers less than nothing: where end-users would take less at any price that pays, nothing is offered.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col, Flag
from gridagora.kernels.coordination.retail_newton import net_import, solve_retail
from gridagora.mechanisms.retail.game import Demand, is_diagonal, solve_boxed

CLOSE = 1e-7  # of what is taken
SOFT = 1.0  # times the end-users' slope: a pull that Newton steps stand
SOFT_ROUNDS = 1000
SOFT_CLOSE = 1e-9  # of what is taken


class GameParameters(NamedTuple):
    """What everybody knows when a session opens: end-users together, wholesale prices (T,), how many prosumers and devices.

    `own_share` is 1 where prosumers know that offers move the retail price (Cournot) and 0 where they take it as given. Nobody
    pays more than `tariff_per_kwh` outside. Wholesale is bought with `base_kw`, what other customers take: above `limit_kw` of
    both together it asks `over_per_kwh` more, and below as much export it pays that much less.
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
    base_kw: Col | float = 0.0


class InnerState(NamedTuple):
    """Where an inner iteration stands, shape (T,) each: internal and retail price, margin, what is taken, net import.

    The margin is retail less internal price, and what it would have to be for prosumers to offer where they do not.
    """

    internal_per_kwh: Col
    retail_per_kwh: Col
    margin_per_kwh: Col
    taken_kw: Col
    wholesale_kw: Col


def retail_per_kwh(c: GameParameters, internal_per_kwh: Col, sellers: int) -> Col:
    """Return the retail price of the equilibrium of `sellers` prosumers at an internal price, shape (T,) [$/kWh] each."""
    own, choke = c.own_share / sellers, c.end_users.choke_per_kwh
    top = np.broadcast_to(c.tariff_per_kwh, choke.shape)
    free: Col = (internal_per_kwh + own * choke) / (1.0 + own)
    if (free <= top).all() or is_diagonal(c.end_users.slope):
        return np.asarray(np.minimum(free, top))
    response = c.end_users.response
    pull = response @ (internal_per_kwh + own * choke)
    return solve_boxed((1.0 + own) * response, -pull, np.full(len(top), -np.inf), top)


def imported_kw(
    c: GameParameters, short_kw: Col, internal_per_kwh: Col, gain_per_kwh_kw: Col
) -> tuple[Col, Flag]:
    """Return the net import of each hour [kW], and in which hours it stands still while the need moves a little, (T,) each.

    It is the closed form of its own small problem: of net import and other customers together, buy up to the limit or beyond it,
    sell up to the limit or beyond it, or neither. Need [kW], internal price [$/kWh] and gain [$/kWh per kW] have shape (T,).
    """
    base = np.broadcast_to(c.base_kw, short_kw.shape)
    outside = (
        np.broadcast_to(c.buy_per_kwh, short_kw.shape),
        np.broadcast_to(c.sell_per_kwh, short_kw.shape),
        base,
    )
    return net_import(
        short_kw, (internal_per_kwh, gain_per_kwh_kw), outside, c.limit_kw, c.over_per_kwh
    )


class Sold(NamedTuple):
    """Hours (T,) in which end-users buy, f of T, and their response there, (f, f) [kW per $/kWh].

    `drawn` (T - f, f) is how prices in the others follow theirs, a ratio.
    """

    hours: Flag
    response: Col
    drawn: Col


def solve_prices(
    c: GameParameters, made_kw: Col, internal_per_kwh: Col, gain_per_kwh_kw: Col, sellers: int
) -> InnerState:
    """Return the prices at which end-users, as they are known, agree with wholesale and with what prosumers make.

    The internal price moves by `gain_per_kwh_kw` (T,) [$/kWh per kW] for each kW left over. Where end-users would take less than
    nothing they leave the hour, and the price there is the one at which they do.

    Raises
    ------
    PartError
        No solution in double precision: pulls, or the end-users' response, too uneven.
    """
    hours = np.ones(len(made_kw), np.bool_)
    while True:
        sold = restrict_response(c.end_users.response, hours)
        found, off = _solve_retail(c, sold, made_kw, internal_per_kwh, gain_per_kwh_kw, sellers)
        if not _close(found, off):
            found = _solve_proximal(c, sold, made_kw, internal_per_kwh, gain_per_kwh_kw, sellers)
        left = hours & (found.taken_kw < -CLOSE * (1.0 + np.abs(found.taken_kw).max()))
        if not left.any():
            return found
        hours = hours & ~left


def restrict_response(response: Col, hours: Flag) -> Sold:
    """Return end-users of a response (T, T) [kW per $/kWh] who take nothing in the other hours, whatever it costs."""
    if hours.all():
        return Sold(hours, response, np.zeros((0, len(hours))))
    across = response[np.ix_(~hours, hours)]
    drawn: Col = np.asarray(np.linalg.solve(response[np.ix_(~hours, ~hours)], across), np.float64)
    return Sold(hours, response[np.ix_(hours, hours)] - across.T @ drawn, drawn)


def _close(found: InnerState, off_kw: float) -> bool:
    return off_kw <= CLOSE * (1.0 + float(np.abs(found.taken_kw).max()))


def _solve_proximal(
    c: GameParameters,
    sold: Sold,
    made_kw: Col,
    internal_per_kwh: Col,
    gain_per_kwh_kw: Col,
    sellers: int,
) -> InnerState:
    """Solve with pulls that Newton steps stand, each time around the internal price found before: the proximal point method.

    A pull g around m and a softer s around q are together one of 1 / (1/g + 1/s) around the mean of m and q that they weigh.
    Where q no longer moves, what s adds is nothing.

    Raises
    ------
    PartError
        No solution in double precision.

    References
    ----------
    R. T. Rockafellar, Augmented Lagrangians and applications of the proximal point algorithm, Math. Oper. Res. 1 (1976).
    """
    soft = SOFT * float(np.diag(c.end_users.slope).mean())
    stiff = gain_per_kwh_kw > soft
    gain = np.where(stiff, 1.0 / (1.0 / gain_per_kwh_kw + 1.0 / soft), gain_per_kwh_kw)
    low, high = c.sell_per_kwh - c.over_per_kwh, c.buy_per_kwh + c.over_per_kwh
    internal, off = np.clip(internal_per_kwh, low, high), np.inf
    for _ in range(SOFT_ROUNDS):
        around = np.where(
            stiff, gain * (internal_per_kwh / gain_per_kwh_kw + internal / soft), internal_per_kwh
        )
        found, off = _solve_retail(c, sold, made_kw, around, gain, sellers)
        if not _close(found, off):
            break
        added = np.where(stiff, (found.internal_per_kwh - internal) / soft, 0.0)
        internal, off = found.internal_per_kwh, float(np.abs(added).max())
        if off <= SOFT_CLOSE * (1.0 + float(np.abs(found.taken_kw).max())):
            return found._replace(wholesale_kw=found.wholesale_kw + added)
    size, pull = np.linalg.eigvalsh(sold.response), float(gain_per_kwh_kw.max() / soft)
    raise PartError(
        f"inner iteration: what is taken stays {off:.1e} kW off; end-users' response differs by direction by a factor of "
        f"{size[-1] / size[0]:.0e}, and the hardest pull is {pull:.0e} times their slope: too uneven to tell prices apart"
    )


def _solve_retail(
    c: GameParameters,
    sold: Sold,
    made_kw: Col,
    internal_per_kwh: Col,
    gain_per_kwh_kw: Col,
    sellers: int,
) -> tuple[InnerState, float]:
    """Solve for the retail price of the hours sold, below the outside tariff.

    Returns where it stands, and how far that is from a solution [kW]: far where kinks between hard pulls stop every step.
    """
    choke = c.end_users.choke_per_kwh
    tariff, base = (np.broadcast_to(each, choke.shape) for each in (c.tariff_per_kwh, c.base_kw))
    *inside, off = solve_retail(
        sold.response,
        sold.drawn,
        sold.hours,
        (choke, tariff),
        (made_kw, internal_per_kwh, gain_per_kwh_kw),
        (c.buy_per_kwh, c.sell_per_kwh, base),
        c.limit_kw,
        c.over_per_kwh,
        c.own_share / sellers,
    )
    return InnerState(*inside), off


def outside_usd(c: GameParameters, net_kw: Col) -> float:
    """Return what a net import (T,) costs outside, together with what other customers take [$]."""
    through = net_kw + c.base_kw
    over = c.over_per_kwh * float((np.abs(through) - c.limit_kw).clip(min=0).sum())
    return (
        float(c.buy_per_kwh @ through.clip(min=0) - c.sell_per_kwh @ (-through).clip(min=0)) + over
    )


def solve_inner(
    c: GameParameters,
    made_kw: Col,
    internal_per_kwh: Col,
    gain_per_kwh_kw: Col,
    sellers: int,
    stand_per_kwh: float,
    most: int,
) -> Generator[Col, Col, tuple[InnerState, Demand, int]]:
    """Yield retail prices (T,) [$/kWh], hear what end-users take (T,) [kW], until it is what they were known to; then all agree.

    What they say moves the level of the demand that stands for them; its slope stays. Linear end-users need one price.

    Returns
    -------
    tuple
        Prices and quantities, end-users as they are known now, and how many prices they were told.
    """
    count = 0
    while True:
        found = solve_prices(c, made_kw, internal_per_kwh, gain_per_kwh_kw, sellers)
        taken: Col = np.asarray((yield found.retail_per_kwh))
        count, off = count + 1, c.end_users.slope @ (taken - found.taken_kw)
        if count == most or np.abs(off).max() <= stand_per_kwh:
            break
        c = c._replace(
            end_users=c.end_users._replace(choke_per_kwh=c.end_users.choke_per_kwh + off)
        )
    net, _ = imported_kw(c, taken - made_kw, internal_per_kwh, gain_per_kwh_kw)
    return found._replace(taken_kw=taken, wholesale_kw=net), c.end_users, count
