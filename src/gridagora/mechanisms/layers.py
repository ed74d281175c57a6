"""Lifting in space and in time: curves up a tree of places and price down, cuts from fast periods to slow ones and energy back.

Theory 2.10, 4.3.

In space each place sums what is below it exactly, may shorten the sum to a few blocks (the information dial), applies its own
limit and passes one curve up. With exact curves the prices and powers that come down are those of the one problem over all
places together; where no limit binds, those of one flat market. Prices of transformers, zones and the area come from the same
pass.

In time the slow layer knows a fast period only through cuts: for the energy x that a period starts with its cost from there on is
at least intercept + slope x. A single price does not determine the quantity of a linear device; a set of cuts does. Any
cuts bound the cost from below, any schedule of energy from above; both meet after finitely many cuts of a linear problem.

References
----------
M. D. Ilic, Dynamic Monitoring and Decision Systems for enabling sustainable energy services, Proc. IEEE 99 (2011),
doi 10.1109/JPROC.2010.2089478: entities that look ahead for themselves, one curve up, one price down.
J. R. Birge, Decomposition and partitioning methods for multistage stochastic linear programs, Oper. Res. 33 (1985),
doi 10.1287/opre.33.5.989: nested cuts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.errors import PartError, require
from gridagora.core.limits import Bounds
from gridagora.core.place import Places
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.curve import Curves, list_points
from gridagora.kernels.curves.layers import (
    LayerLimits,
    LayerResult,
    Rungs,
    TreeCleared,
    clear_tree,
    down,
    up,
)
from gridagora.kernels.stores.cuts import envelope
from gridagora.kernels.stores.value import Response, Stores, best_response

FLOOR_USD = 1e6  # nothing costs less than minus this: where a period has no cut yet


class Lifted(NamedTuple):
    """Published curves of every layer with the data to pass prices down again; n curves, m places.

    `loss_usd_per_h` (m,) is the most that the blocks of a place can lose.
    """

    tree: Places
    order: Index  # (m,) children before parents
    limits: LayerLimits
    rungs: Rungs

    @property
    def loss_usd_per_h(self) -> Col:
        """Most welfare that the shortening at each place can lose, (m,) [$/h]; zero where curves are exact."""
        return self.rungs.loss_usd_per_h

    @property
    def points(self) -> Index:
        """Points of the curve that each place passes up, (m,)."""
        m = len(self.tree.parent)
        return self.rungs.end[-m:] - self.rungs.begin[-m:]


def lift_space(
    curves: Curves,
    place: Index,
    tree: Places,
    high_kw: ArrayLike = np.inf,
    low_kw: ArrayLike = -np.inf,
    over_per_kwh: ArrayLike = 0.0,
    blocks: ArrayLike = 0,
    base_kw: ArrayLike = 0.0,
) -> Lifted:
    """Publish one curve for every place of a tree.

    Parameters
    ----------
    curves
        One curve a device or home, n rows.
    place
        Place of each row, shape (n,), at any level.
    tree
        m places.
    high_kw, low_kw
        LayerLimits of the net power of each place, scalar or shape (m,) [kW]; inf where there is none.
    over_per_kwh
        What a kWh beyond the limit costs, scalar or (m,) [$/kWh]; a large price is a hard limit.
    blocks
        Most blocks of a published curve, scalar or (m,); 0 keeps every breakpoint.
    base_kw
        Fixed power at each place, scalar or (m,) [kW].

    Raises
    ------
    InputError
        Curves or places that are none.
    PartError
        A row without place, limits that cross, a price over the limit that is negative or infinite; the place is named.
    """
    require(curves, Curves, "lift_space: curves", "Curves, as gridagora.extend.curves makes them")
    require(tree, Places, "lift_space: tree", "Places, as gridagora.extend.places makes them")
    m = len(tree.name)
    index = np.asarray(place, dtype=np.int64)
    if index.shape != (len(curves.offset) - 1,) or (
        len(index) and not 0 <= index.min() <= index.max() < m
    ):
        raise PartError(
            f"place of curves: expected {len(curves.offset) - 1} rows of 0 to {m - 1}, got shape {index.shape}"
        )
    limits = LayerLimits(*(_spread(x, m) for x in (low_kw, high_kw, over_per_kwh, base_kw)))
    _refuse(tree, limits)
    order = np.argsort(tree.level, kind="stable")
    count = np.ascontiguousarray(np.broadcast_to(np.asarray(blocks, np.int64), (m,)))
    return Lifted(tree, order, limits, up(curves, index, tree.parent, order, limits, count))


def _spread(value: ArrayLike, count: int) -> Col:
    """Return a value for each place, (count,) [any unit]."""
    column = np.asarray(value, np.float64)
    return column if column.shape == (count,) else np.broadcast_to(column, (count,))


def _refuse(tree: Places, limits: LayerLimits) -> None:
    low, high, over, base = limits
    good = (
        (low <= high)
        & (low < np.inf)
        & (high > -np.inf)
        & (over >= 0.0)
        & np.isfinite(over)
        & np.isfinite(base)
    )
    if not good.all():
        i = int(np.argmin(good))
        got = f"low {low[i]}, high {high[i]}, fixed {base[i]} kW, over {over[i]} $/kWh"
        raise PartError(
            f"place '{tree.name[i]}': got {got}; expected low <= high, a finite price of zero or more, fixed power"
        )


def published(lifted: Lifted, places: Index | None = None) -> Curves:
    """Return the curves that places (k,) passed up, row by row; without `places` those of the roots, in the order of the tree."""
    chosen = (
        np.flatnonzero(lifted.tree.parent < 0)
        if places is None
        else np.asarray(places, dtype=np.int64)
    )
    row = len(lifted.rungs.begin) - len(lifted.tree.parent) + chosen
    begin, length = lifted.rungs.begin[row], lifted.rungs.end[row] - lifted.rungs.begin[row]
    offset, point = list_points(begin, length)
    return Curves(offset, lifted.rungs.p_kw[point], lifted.rungs.price_per_kwh[point])


def descend(
    lifted: Lifted,
    price_per_kwh: ArrayLike,
    share: ArrayLike = 0.0,
    given_kw: ArrayLike | None = None,
) -> LayerResult:
    """Return prices and powers below from a price and tie share at the roots (scalar, or one a root).

    Parameters
    ----------
    given_kw
        What each root takes, where it was settled as a place of a larger tree [kW]; price and share are then those above it.

    Returns
    -------
    Settled
        Price, tie share and net power of every place (m,), and the power of every row (n,). Powers are whole microwatts and
        the parts of a place add up to its power exactly. The price of a place within its limits is that of its parent.
    """
    roots = lifted.tree.parent < 0
    level, part = np.zeros(len(roots)), np.zeros(len(roots))
    level[roots], part[roots] = price_per_kwh, share
    given = None
    if given_kw is not None:
        given = np.full(len(roots), np.nan)
        given[roots] = given_kw
    return down(lifted.rungs, lifted.tree.parent, lifted.order, lifted.limits, level, part, given)


def clear_space(
    curves: Curves,
    place: Index,
    tree: Places,
    bounds: Bounds,
    kept_share: float,
    blocks: int,
    supply: tuple[float, Col, Col],
) -> TreeCleared:
    """Lift curves up a tree, clear them at its root and pass price and power down, for the first step of the bounds.

    Parameters
    ----------
    curves, place, tree
        As for `lift_space`.
    bounds
        Of m places; those of a root are not read, for they are the supply's.
    kept_share
        Share of each limit that may be used.
    blocks
        Most blocks of a published curve; 0 keeps every breakpoint.
    supply
        Fixed power at the root [kW], and a rising polyline of power (k,) [kW] and price (k,) [$/kWh].

    Raises
    ------
    PartError
        As `lift_space`.
    """
    low, high, base = bounds.low_kw[:, 0], bounds.high_kw[:, 0], bounds.base_kw[:, 0]
    load_kw, *offered = supply
    found = clear_tree(
        curves,
        (place, tree.parent, tree.level),
        LayerLimits(low, high, bounds.over_per_kwh, base),
        kept_share,
        blocks,
        load_kw,
        (offered[0], offered[1]),
    )
    if found is None:
        inner = tree.parent >= 0
        least, most = (
            np.where(inner, limit * kept_share - base, far)
            for limit, far in ((low, -np.inf), (high, np.inf))
        )
        lift_space(curves, place, tree, most, least, bounds.over_per_kwh, blocks)
        raise PartError("lift_space: a tree without a root, expected one place or more that is")
    return found


class Cuts(NamedTuple):
    """Lower bounds of the cost from one moment on: intercept + slope x for a state x, (n, K) each.

    The marginal value of x is -slope. Slope in [$] per unit of x, intercept in [$].
    """

    slope: Col
    intercept_usd: Col


class LiftedTime(NamedTuple):
    """A slow schedule of n stores over H periods, and proof of it.

    `lower_usd` <= least cost <= `upper_usd`, (n,) each [$]; `state` (n, H + 1) at the ends of the periods, in play;
    `worth` (n, H) the price of the energy each period starts with [$ per unit of state]; `cuts` of the starts of
    periods 1 to H - 1; `rounds` made.
    """

    lower_usd: Col
    upper_usd: Col
    state: Col
    worth: Col
    cuts: tuple[Cuts, ...]
    rounds: int

    @property
    def gap_usd(self) -> Col:
        """Largest possible loss of the schedule, (n,) [$]."""
        return self.upper_usd - self.lower_usd


def lift_time(
    periods: Sequence[Stores],
    price_per_kwh: Sequence[Col],
    *,
    rounds_max: int = 60,
    tolerance_usd: float = 1e-10,
) -> LiftedTime:
    """Tie fast periods together by cuts of their value alone.

    A round goes forwards, each period planning against the cuts of the next, and backwards, each giving one more cut where the
    path passed.

    Parameters
    ----------
    periods
        The same n stores in H consecutive periods of any number of steps. `x0` counts in the first period only, the end value
        in the last one only.
    price_per_kwh
        Prices of the steps of each period, (h,) or (n, h) [$/kWh].
    rounds_max, tolerance_usd
        Stopping test: this number of rounds, or upper - lower within the tolerance for every row.

    Raises
    ------
    InputError
        Periods that are not of type Stores.
    PartError
        Periods and prices of different number, or no period.
    """
    for name, column in (("periods", periods), ("price_per_kwh", price_per_kwh)):
        require(column, (list, tuple), f"lift_time: {name}", "a list, one item a period")
    for each in periods:
        require(each, Stores, "lift_time: periods", "Stores, as gridagora.extend.stores makes them")
    if not periods or len(periods) != len(price_per_kwh):
        raise PartError(
            f"lift_time: got {len(periods)} periods and {len(price_per_kwh)} prices, expected one or more of both"
        )
    n = len(periods[0].x0)
    cuts = [Cuts(np.zeros((n, 0)), np.zeros((n, 0)))] * (len(periods) - 1)
    upper, x = np.full(n, np.inf), np.zeros((n, len(periods) + 1))
    for turn in range(1, max(rounds_max, 1) + 1):
        path, cost, lower, worth = _forward(periods, price_per_kwh, cuts)
        better = cost < upper
        upper, x = np.where(better, cost, upper), np.where(better[:, None], path, x)
        if np.all(upper - lower <= tolerance_usd) or turn >= rounds_max:
            break
        for h in range(len(periods) - 1, 0, -1):
            _, reply, later = _plan(
                periods[h], price_per_kwh[h], path[:, h], _next(periods, cuts, h)
            )
            slope = -reply.slope[:, None]
            intercept = (reply.bound_usd + later)[:, None] - slope * path[:, h, None]
            old = cuts[h - 1]
            cuts[h - 1] = Cuts(
                np.hstack([old.slope, slope]), np.hstack([old.intercept_usd, intercept])
            )
    return LiftedTime(lower, upper, x, worth, tuple(cuts), turn)


def _next(periods: Sequence[Stores], cuts: Sequence[Cuts], h: int) -> Cuts | None:
    return cuts[h] if h < len(periods) - 1 else None


def _plan(
    period: Stores, price_per_kwh: Col, x0: Col, cuts: Cuts | None
) -> tuple[Col, Response, Col]:
    """Solve one period that starts in x0. Returns its own cost, the response, and the later cost not in the response."""
    if cuts is None:
        reply = best_response(period._replace(x0=x0), price_per_kwh, price_per_kwh)
        return reply.cost_usd, reply, np.zeros(len(x0))
    lo, hi = period.x_min[:, -1], period.x_max[:, -1]
    if cuts.slope.shape[1] == 0:  # no cut yet: energy has no value
        cuts = Cuts(np.zeros((len(x0), 1)), np.full((len(x0), 1), -FLOOR_USD))
    end = envelope(cuts.slope, cuts.intercept_usd, lo, hi)
    reply = best_response(
        period._replace(x0=x0, end_x=end.end_x, end_mu=end.end_mu), price_per_kwh, price_per_kwh
    )
    later = np.max(cuts.intercept_usd + cuts.slope * reply.x[:, -1:], axis=1)
    return reply.cost_usd + (end.cost_usd - later), reply, end.cost_usd


def _forward(
    periods: Sequence[Stores], price_per_kwh: Sequence[Col], cuts: Sequence[Cuts]
) -> tuple[Col, Col, Col, Col]:
    """Pass along the periods. Returns path (n, H + 1), its cost (n,), the lower bound (n,) and the marginal value of x (n, H)."""
    path, worth = [periods[0].x0], []
    cost = np.zeros(len(periods[0].x0))
    lower = cost
    for h, period in enumerate(periods):
        own, reply, later = _plan(period, price_per_kwh[h], path[-1], _next(periods, cuts, h))
        lower = reply.bound_usd + later if h == 0 else lower
        cost = cost + own
        path.append(reply.x[:, -1])
        worth.append(reply.slope)
    return np.stack(path, axis=1), cost, lower, np.stack(worth, axis=1)


def fixed_energy(
    periods: Sequence[Stores], price_per_kwh: Sequence[Col], x: Col
) -> tuple[Col, Col]:
    """Cost of a schedule of energy x (n, H + 1) imposed at the ends of all periods: an upper bound of the least cost.

    Returns cost (n,) [$], and the unreachable part of the schedule (n,) [unit of x], zero where the cost is a bound.
    """
    cost, beyond = np.zeros(len(x)), np.zeros(len(x))
    for h, (period, price) in enumerate(zip(periods, price_per_kwh, strict=True)):
        low, high = np.array(period.x_min), np.array(period.x_max)
        low[:, -1] = high[:, -1] = x[:, h + 1]
        fixed = period._replace(x0=x[:, h], x_min=low, x_max=high)
        if h < len(periods) - 1:
            fixed = fixed._replace(end_x=np.zeros((len(x), 1)), end_mu=np.zeros((len(x), 1)))
        reply = best_response(fixed, price, price)
        cost, beyond = cost + reply.cost_usd, beyond + reply.missing
    return cost, beyond
