"""The retail game: prosumers lead with quantity offers, end-users follow with their demand, the retail price clears both.

End-user j takes d_j = B_j^-1 (a_j - r) at the retail price r: quadratic utility, own hour and total energy. Together they take
D(r) = B^-1 (a - r). Prosumer i offers s_i >= 0 and earns the margin of r over the internal price, at which prosumers trade with
each other and with wholesale. This is a reconstruction of a published idea whose equations are not public (theory 10).
Steps last one hour: a kW of offer is a kWh. Loops over offers are generators of rounds, so that who listens decides when to stop.

References
----------
Roles, nested iterations and what is exchanged: Xiao, Wang, Pinson, Wang, IEEE Trans. Smart Grid (2020). Undamped simultaneous
response: R. D. Theocharis, Rev. Econ. Stud. 27 (1960). Exact potential: D. Monderer, L. Shapley, Games Econ. Behav. 14 (1996).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col

FIXED = 1e-9  # a response of total energy below this share of the whole is none
QP_ROUNDS = 200
ARMIJO = 1e-4


class Demand(NamedTuple):
    """End-users together: inverse demand r = a - B D over T hours."""

    choke_per_kwh: Col  # (T,) a
    slope: Col  # (T, T) B [$/kWh per kW], symmetric, positive definite
    response: Col  # (T, T) its inverse [kW per $/kWh]


def aggregate_followers(worth_per_kwh: Col, slope: Col) -> Demand:
    """Return the aggregate of M end-users.

    Parameters
    ----------
    worth_per_kwh
        Worth a_j of the first kWh in each hour, shape (M, T) [$/kWh].
    slope
        B_j, shape (M, T, T), or (M, T) where no hour depends on another [$/kWh per kW].

    Raises
    ------
    PartError
        A slope that is not symmetric and positive definite.
    """
    if slope.ndim == 2:
        response = np.diag((1.0 / slope).sum(0))
        pull = (worth_per_kwh / slope).sum(0)
    else:
        inverse = np.linalg.inv(slope)
        response, pull = inverse.sum(0), np.einsum("jts,js->t", inverse, worth_per_kwh)
    return make_demand(np.linalg.solve(response, pull), response)


def make_demand(choke_per_kwh: Col, response: Col) -> Demand:
    """Return end-users by choke price (T,) [$/kWh] and response of their demand to price, -dD/dr, (T, T) [kW per $/kWh].

    Raises
    ------
    PartError
        Total energy that no price moves: profit would have no bound; or a response that is not symmetric positive definite.
    """
    even = np.ones(len(response))
    size = np.linalg.norm(response)
    if not np.isfinite(response).all() or np.abs(response - response.T).max() > 1e-6 * size:
        raise PartError(
            "end-users' response to price: expected a symmetric matrix of finite numbers"
        )
    if even @ response @ even <= FIXED * size * len(even):
        raise PartError(
            "end-users take a fixed total energy and have no other supplier: every price could rise together without bound, so "
            "no retail price is an equilibrium; give them some elasticity of total energy, or an outside tariff"
        )
    both = 0.5 * (response + response.T)
    if np.linalg.eigvalsh(both)[0] <= 0:
        raise PartError(
            "end-users' response to price: demand must fall in every direction of price (a positive definite matrix)"
        )
    slope = np.linalg.inv(both)
    return Demand(np.asarray(choke_per_kwh, np.float64), 0.5 * (slope + slope.T), both)


def taken_kw(end_users: Demand, price_per_kwh: Col) -> Col:
    """Return what end-users take at a retail price, shape (T,) [kW]."""
    return np.asarray(end_users.response @ (end_users.choke_per_kwh - price_per_kwh))


def price_per_kwh(end_users: Demand, offered_kw: Col) -> Col:
    """Return the retail price at which end-users absorb exactly what is offered, shape (T,) [$/kWh]."""
    return np.asarray(end_users.choke_per_kwh - end_users.slope @ offered_kw)


def surplus_usd(end_users: Demand, taken: Col) -> float:
    """Return the surplus of the end-users [$]: utility less payment, taking (T,) at the price that makes them take it."""
    return float(0.5 * taken @ end_users.slope @ taken)


class Offers(NamedTuple):
    """Offers of N prosumers (N, T) [kW] and the retail price (T,) [$/kWh] they lead to."""

    offer_kw: Col
    price_per_kwh: Col


def solve_cournot(end_users: Demand, cost_per_kwh: Col) -> Offers:
    """Return the Cournot equilibrium of N prosumers with constant marginal costs (N, T) [$/kWh], where every offer is above nil.

    Theory 10.3: r = (a + sum c_i) / (N + 1) and s_i = B^-1 (r - c_i).

    Raises
    ------
    PartError
        A prosumer too dear to offer in some hour.
    """
    n = len(cost_per_kwh)
    price = (end_users.choke_per_kwh + cost_per_kwh.sum(0)) / (n + 1)
    offer = (price - cost_per_kwh) @ end_users.response
    if (offer < 0).any():
        row, step = np.argwhere(offer < 0)[0]
        raise PartError(
            f"prosumer {row}, hour {step}: too dear to offer; the closed form holds where everybody offers"
        )
    return Offers(offer, price)


def welfare_share(n: int) -> float:
    """Return the share of the greatest welfare that n equal prosumers reach: 1 - 1/(n + 1)^2 (theory 10.3)."""
    return 1.0 - 1.0 / (n + 1) ** 2


def best_offer_kw(
    end_users: Demand, others_kw: Col, cost_per_kwh: Col, *, held: bool = True
) -> Col:
    """Return the most profitable offers, one row for each row of others' offers and of cost, shape (k, T) [kW].

    `held` keeps them at nil or above; without it an answer is linear, as the laws of convergence assume.
    """
    gain = end_users.choke_per_kwh - others_kw @ end_users.slope - cost_per_kwh
    if not held:
        return np.asarray(gain @ (0.5 * end_users.response))
    return solve_nonnegative(2.0 * end_users.slope, 0.5 * end_users.response, gain)


def offer_at_kw(end_users: Demand, price: Col, cost_per_kwh: Col) -> Col:
    """Return the offers with which each prosumer is content at a retail price: most of (r - c) s - s B s / 2, s >= 0, (k, T).

    Offers in [kW], price (T,) and costs (k, T) in [$/kWh]. The second half of the curvature is the price that its own offer has
    moved; at the equilibrium both agree.
    """
    return solve_nonnegative(end_users.slope, end_users.response, price - cost_per_kwh)


def iterate_simultaneous(
    end_users: Demand, cost_per_kwh: Col, start_kw: Col, damping: float = 1.0, *, held: bool = True
) -> Iterator[Offers]:
    """Yield the rounds in which all answer at once and move by `damping` towards the answer; damping 1 is undamped.

    Costs [$/kWh] and first offers [kW] have shape (N, T).

    Linear answers converge at rate N/(N+2) with damping 4/(N+2); undamped, three cycle and four or more diverge (theory 10.5).
    Answers held at nil or above converge no later, and cycle where linear ones diverge.
    """
    offer = np.array(start_kw, np.float64)
    while True:
        offer = offer + damping * (
            best_offer_kw(end_users, offer.sum(0) - offer, cost_per_kwh, held=held) - offer
        )
        yield Offers(offer, price_per_kwh(end_users, offer.sum(0)))


def iterate_sequential(end_users: Demand, cost_per_kwh: Col, start_kw: Col) -> Iterator[Offers]:
    """Yield the sweeps in which prosumers answer one after the other; each raises the potential, so it always converges.

    Costs [$/kWh] and first offers [kW] have shape (N, T).
    """
    offer = np.array(start_kw, np.float64)
    while True:
        total = offer.sum(0)
        for i, cost in enumerate(cost_per_kwh):
            answer = best_offer_kw(end_users, (total - offer[i])[None], cost[None])[0]
            total, offer[i] = total - offer[i] + answer, answer
        yield Offers(offer.copy(), price_per_kwh(end_users, offer.sum(0)))


def tatonnement(
    end_users: Demand, offered_kw: Col, start_per_kwh: Col, step: float
) -> Iterator[Col]:
    """Yield retail prices moved by `step` times the excess demand: the inner iteration when offers stand.

    Offers of all prosumers together (T,) [kW], prices (T,) [$/kWh].

    Converges exactly where step < 2 / (largest eigenvalue of the response) (theory 10.5).
    """
    price = np.array(start_per_kwh, np.float64)
    while True:
        yield price
        price = price + step * (taken_kw(end_users, price) - offered_kw)


def stiffness(end_users: Demand) -> float:
    """Return the largest eigenvalue of the end-users' response [kW per $/kWh]."""
    return float(np.linalg.eigvalsh(end_users.response)[-1])


def solve_nonnegative(curvature: Col, inverse: Col, gain: Col) -> Col:
    """Return s >= 0, (k, T) [kW], of most gain's - s'Qs/2 for each row of gain (k, T) [$/kWh], given Q (T, T) and inverse."""
    free = np.asarray(gain @ inverse)
    if is_diagonal(curvature):
        return np.maximum(free, 0.0)
    rows = np.flatnonzero((free < 0).any(1))
    if rows.size:
        alike, which = np.unique(gain[rows], axis=0, return_inverse=True)
        low, high = np.zeros(gain.shape[1]), np.full(gain.shape[1], np.inf)
        free[rows] = np.array([solve_boxed(curvature, -row, low, high) for row in alike])[
            which.ravel()
        ]
    return free


def is_diagonal(curvature: Col) -> bool:
    """Return whether no hour depends on another in a matrix of hours (T, T) [any unit]."""
    return bool(
        np.abs(curvature - np.diag(np.diag(curvature))).max() <= FIXED * np.abs(curvature).max()
    )


def solve_boxed(curvature: Col, linear: Col, low: Col, high: Col) -> Col:
    """Return the x (T,) in [low, high] of least x'Qx/2 + linear'x, Q (T, T) positive definite, by projected Newton steps.

    All in [any unit] that x'Qx and linear'x share.

    References
    ----------
    D. P. Bertsekas, Projected Newton methods for optimization problems with simple constraints, SIAM J. Control Optim. 20 (1982).
    """
    x = np.clip(np.linalg.solve(curvature, -linear), low, high)
    grain = 1e-13 * (1.0 + np.abs(linear).max(initial=0.0))
    for _ in range(QP_ROUNDS):
        slope = curvature @ x + linear
        held = ((x <= low) & (slope > 0)) | ((x >= high) & (slope < 0))
        free = np.flatnonzero(~held)
        if not free.size or np.abs(slope[free]).max() <= grain:
            break
        move = np.zeros_like(x)
        move[free] = -np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
        value, t = 0.5 * x @ curvature @ x + linear @ x, 1.0
        while True:
            new = np.clip(x + t * move, low, high)
            fall = value - 0.5 * new @ curvature @ new - linear @ new
            if fall >= ARMIJO * slope @ (x - new) or t < 1e-9:
                break
            t *= 0.5
        if np.array_equal(new, x):
            break
        x = new
    return np.asarray(x)


def price_signal(end_users: Demand, cost_per_kwh: Col) -> Iterator[Offers]:
    """Yield retail prices that are broadcast and the offers answered to each, by a safeguarded secant, hour by hour.

    The evaluations do not depend on the number of prosumers; each round is one price down and N offers up. Costs are (N, T)
    [$/kWh].

    Raises
    ------
    PartError
        End-users whose hours depend on each other: excess demand of one hour then moves with the price of another.
    """
    if not is_diagonal(end_users.slope):
        raise PartError(
            "end-users shift consumption between hours: find prices by the rounds of `mechanisms.retail.protocol`"
        )
    low = np.minimum(cost_per_kwh.min(0), end_users.choke_per_kwh)  # nobody offers: demand exceeds
    high = np.maximum(end_users.choke_per_kwh, low)  # nobody takes
    short_low = taken_kw(end_users, low)
    short_high = -offer_at_kw(end_users, high, cost_per_kwh).sum(0)
    side = np.zeros(len(low), np.int64)
    while True:
        width = np.where(short_low > short_high, short_low - short_high, 1.0)
        price = np.clip(high + short_high * (high - low) / width, low, high)
        offer = offer_at_kw(end_users, price, cost_per_kwh)
        yield Offers(offer, price)
        short = taken_kw(end_users, price) - offer.sum(0)
        up = short > 0
        # Illinois: an end that stays twice counts half, so that both ends move
        short_high = np.where(up, np.where(side > 0, 0.5 * short_high, short_high), short)
        short_low = np.where(up, short, np.where(side < 0, 0.5 * short_low, short_low))
        low, high, side = np.where(up, price, low), np.where(up, high, price), np.where(up, 1, -1)
