"""The retail price of the hours in which end-users buy: a projected Newton method, all steps in one call (theory 10.3).

The problem is convex, smooth and piecewise quadratic in the retail price, which stays below the outside tariff. Net import has a
closed form by hour: buy up to the limit or beyond it, sell up to the limit or beyond it, or neither.

References
----------
D. P. Bertsekas, Projected Newton methods for optimization problems with simple constraints, SIAM J. Control Optim. 20 (1982),
doi 10.1137/0320018.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import JIT
from gridagora.kernels.stores.table import compile_entry

Floats = NDArray[np.float64]

NEWTON_ROUNDS = 100
HALVINGS = 40
ARMIJO = 1e-4
GRAIN = 1e-15
ROUNDING = 1e-13


class SoldPrices(NamedTuple):
    """Internal and retail price, margin [$/kWh], what is taken and net import [kW], (T,) each; how far off a solution [kW]."""

    internal_per_kwh: Floats
    retail_per_kwh: Floats
    margin_per_kwh: Floats
    taken_kw: Floats
    wholesale_kw: Floats
    off_kw: float


@register_jitable(**JIT)
def _net_import(short, internal, gain, outside, limit, over, net, still):  # type: ignore[no-untyped-def]
    """Write the net import of each hour, and whether it stands still while the need moves a little."""
    buy, sell, base = outside
    for t in range(short.shape[0]):
        at = short[t] + base[t] + internal[t] / gain[t]
        buying, selling = at - buy[t] / gain[t], at - sell[t] / gain[t]
        beyond, below = at - (buy[t] + over) / gain[t], at - (sell[t] - over) / gain[t]
        through = min(buying, limit) if buying > 0.0 else min(max(selling, -limit), 0.0)
        if beyond > limit:
            through = beyond
        elif below < -limit:
            through = below
        net[t] = through - base[t]
        full = (buying >= limit and beyond <= limit) or (selling <= -limit and below >= -limit)
        still[t] = 1.0 if full or (buying <= 0.0 and selling >= 0.0) else 0.0


@register_jitable(**JIT)
def _try(price, game, sold, here):  # type: ignore[no-untyped-def]
    """Write what follows from a retail price; return the value that is least at the solution."""
    made, internal, gain, outside, limit, over, own, choke, _ = game
    hours, others, response, drawn = sold
    inside, slope, still = here
    left = choke[hours] - price
    taken_there = np.dot(response, left)
    taken = np.zeros(made.shape[0])
    taken[hours] = taken_there
    inside[3] = taken
    _net_import(taken - made, internal, gain, outside, limit, over, inside[4], still)
    net, (buy, sell, base) = inside[4], outside
    rest = taken - made - net
    inside[0] = internal + gain * rest
    margin = price - inside[0][hours]
    inside[1][hours], inside[2][hours] = price, margin
    if others.shape[0]:
        inside[1][others] = choke[others] + np.dot(drawn, left)
        inside[2][others] = -np.dot(drawn, margin)
    through = net + base
    cost = np.sum(buy * np.maximum(through, 0.0)) - np.sum(sell * np.maximum(-through, 0.0))
    if over > 0.0:
        cost += over * np.sum(np.maximum(np.abs(through) - limit, 0.0))
    worth = np.sum(choke[hours] * taken_there) - 0.5 * (1.0 + own) * np.sum(left * taken_there)
    slope[:] = np.dot(response, margin - own * left)
    return cost + 0.5 * np.sum((internal + inside[0]) * rest) - worth


@register_jitable(**JIT)
def _off(slope, price, top):  # type: ignore[no-untyped-def]
    """Return the largest slope in hours whose price may move that way."""
    most = 0.0
    for t in range(price.shape[0]):
        if price[t] < top[t] or slope[t] > 0.0:
            most = max(most, abs(slope[t]))
    return most


@register_jitable(**JIT)
def _move(slope, still, price, game, sold):  # type: ignore[no-untyped-def]
    """Return the Newton step of the prices that are free, nil where all of them stand to the last digits."""
    _, _, gain, _, _, _, own, choke, top = game
    hours, _, response, _ = sold
    size = np.sum(np.abs(response), axis=1)
    most = np.max(np.abs(choke[hours]))
    grain = GRAIN * (1.0 + size * most * (1.0 + gain[hours] * size))
    free = np.flatnonzero((price < top) | (slope > 0.0))
    move = np.zeros(price.shape[0])
    if not np.any(np.abs(slope[free]) > grain[free]):
        return move
    weighed = response * (gain[hours] * still[hours])
    steep = (1.0 + own) * response + np.dot(weighed, response)
    move[free] = -np.linalg.solve(steep[free][:, free], slope[free])
    return move


@njit(**JIT)
def _solve_retail(response, drawn, hours, others, choke, top, made, internal, gain, buy, sell, base, limit, over, own, inside):  # type: ignore[no-untyped-def]  # fmt: skip
    """Write where the solution stands, (5, T); return how far it is from one."""
    game = (made, internal, gain, (buy, sell, base), limit, over, own, choke, top)
    sold = (hours, others, response, drawn)
    f, many = hours.shape[0], made.shape[0]
    price = np.minimum((internal[hours] + own * choke[hours]) / (1.0 + own), top)
    slope, still = np.zeros(f), np.zeros(many)
    trial, new_slope, new_still = np.empty((5, many)), np.empty(f), np.empty(many)
    value = _try(price, game, sold, (inside, slope, still))
    for _ in range(NEWTON_ROUNDS):
        move = _move(slope, still, price, game, sold)
        if not np.any(move):
            break
        step, same, moved = 1.0, ROUNDING * (1.0 + abs(value)), False
        for _ in range(HALVINGS):
            new = np.minimum(price + step * move, top)
            there = _try(new, game, sold, (trial, new_slope, new_still))
            fall = value - there
            nearer = abs(fall) <= same and _off(new_slope, new, top) < _off(slope, price, top)
            if nearer or (fall > same and fall >= -ARMIJO * np.sum(slope * (new - price))):
                moved = True
                break
            step *= 0.5
        if not moved:  # as close as rounding allows
            break
        price, value = new, there
        slope[:], still[:], inside[:] = new_slope, new_still, trial
    return _off(slope, price, top)


_READ1 = types.Array(types.float64, 1, "C", readonly=True)
_READ2 = types.Array(types.float64, 2, "C", readonly=True)
_INDEX = types.Array(types.int64, 1, "C", readonly=True)
_WRITE1 = types.Array(types.float64, 1, "C")
_WRITE2 = types.Array(types.float64, 2, "C")


@njit(**JIT)
def _import_rows(short, internal, gain, buy, sell, base, limit, over, net, still):  # type: ignore[no-untyped-def]
    _net_import(short, internal, gain, (buy, sell, base), limit, over, net, still)


def net_import(
    short_kw: Floats,
    prosumers: tuple[Floats, Floats],
    outside: tuple[Floats, Floats, Floats],
    limit_kw: float,
    over_per_kwh: float,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the net import of each hour [kW], and in which hours it stands still while the need moves a little, (T,) each.

    Parameters
    ----------
    short_kw
        What is needed, shape (T,) [kW].
    prosumers
        Internal price [$/kWh] and how it moves for each kW left over [$/kWh per kW], (T,) each.
    outside, limit_kw, over_per_kwh
        As in `solve_retail`.
    """
    net, still = np.empty(len(short_kw)), np.empty(len(short_kw))
    entry = compile_entry(_import_rows, *(_READ1,) * 6, *(types.float64,) * 2, *(_WRITE1,) * 2)
    columns = (short_kw, *prosumers, *outside)
    reads = [np.ascontiguousarray(each, np.float64) for each in columns]
    entry(*reads, limit_kw, over_per_kwh, net, still)
    return net, still > 0.0


def solve_retail(
    response: Floats,
    drawn: Floats,
    hours: NDArray[np.bool_],
    end_users: tuple[Floats, Floats],
    prosumers: tuple[Floats, Floats, Floats],
    outside: tuple[Floats, Floats, Floats],
    limit_kw: float,
    over_per_kwh: float,
    own_share: float,
) -> SoldPrices:
    """Return the prices at which f of T hours are sold.

    Parameters
    ----------
    response, drawn
        Response of end-users in the hours sold, (f, f) [kW per $/kWh], and how prices in the others follow theirs, (T - f, f).
    hours
        Which hours are sold, shape (T,).
    end_users
        Their choke price and the outside tariff, shape (T,) each [$/kWh].
    prosumers
        What they make [kW], their internal price [$/kWh] and how it moves for each kW left over [$/kWh per kW], (T,) each.
    outside
        Wholesale price of import and of export [$/kWh], and load of other customers [kW], (T,) each.
    limit_kw, over_per_kwh
        Of the substation, inf for none, and what a kWh beyond it costs more.
    own_share
        Weight of the own effect on the price.
    """
    choke, tariff = end_users
    inside = np.empty((5, len(choke)))
    entry = compile_entry(
        _solve_retail,
        *(_READ2, _READ2, _INDEX, _INDEX),
        *(_READ1,) * 8,
        *(types.float64,) * 3,
        _WRITE2,
    )
    at, rest = np.flatnonzero(hours), np.flatnonzero(~hours)
    columns = [np.ascontiguousarray(each, np.float64) for each in (*prosumers, *outside)]
    off = entry(
        np.ascontiguousarray(response),
        np.ascontiguousarray(drawn),
        at,
        rest,
        np.ascontiguousarray(choke),
        np.ascontiguousarray(tariff[at]),
        *columns,
        limit_kw,
        over_per_kwh,
        own_share,
        inside,
    )
    internal, retail, margin, taken, net = inside
    return SoldPrices(internal, retail, margin, taken, net, float(off))
