"""Rows of the network in a market of layers: which layer each belongs to, what crosses, and limits around the exact flow.

A row belongs to the lowest place that holds what it can steer. Homes keep to one curve up and one price down. Between layers a
round of prices passes, beside the curve, what a place does to the rows of places above it: their loads and how these bend, and
back come their prices. No layer hears of a row that none of its homes moves, and none knows what stands behind a row of another.
The network operator answers each time with the exact flow of what was cleared and with rows around it, until both agree.
"""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import quote, tender
from gridagora.core.limits import Limits
from gridagora.core.network_operator import NetworkCheck, NetworkState
from gridagora.core.place import Places, lift_kw
from gridagora.core.session import LayerMessages, Opening, PeerMessages
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.layers import TreeCleared
from gridagora.mechanisms.row_choice import FIRST, widen_choice
from gridagora.mechanisms.row_prices import (
    NEAR_KW,
    LaidOut,
    PricedClearing,
    PricedRows,
    distances_kw,
    price_rows,
)

NETWORKS = ("none", "limits")
NEAR_SHARE = 0.05  # rows further from their limit are asked for once they come near [1]
SPARED_SHARE = 0.01  # of all that moves a row: the least of it, which no party pays for
# how near a row is to what its price says, by the exact flow: of half its band or limit, and of the home that moves it most
AGREED_SHARE = 0.005
AGREED_KW = 0.02
UP, DOWN = (
    "wt",
    "w",
)  # loads of rows and how they bend, prices: layouts as in `core.encoding`, with rows for products
REBASES = 8  # exact flows of an interval, at most


class FacedRows(NamedTuple):
    """Sides of rows as homes see them, with names by which prices are kept, and the place that each belongs to."""

    rows: PricedRows
    name: tuple[str, ...]  # (k,)
    side: Index  # (k,) 1 of an upper limit, -1 of a lower one
    owner: Index  # (k,)
    moved: Col  # (k, m) homes below each place that move it [1]
    agreed_kw: Col  # (k,) how far from what its price says it may end


ClearHeld = Callable[[FacedRows, Col, Col], Generator[Any, Any, PricedClearing]]


class NetworkCleared(NamedTuple):
    """How an interval ended: the last clearing, what a home pays above its place, and whether the exact flow agrees."""

    cleared: TreeCleared
    added_per_kwh: Col  # (n,)
    agrees: bool


def face_rows(
    told: NetworkState, tree: Places, place: Index, p_kw: Col, reserve_share: float
) -> FacedRows:
    """Return the sides of rows of one step that have an end, around what n homes take, (n,) [kW], at their places (n,).

    A share of each limit is kept free, of a band of that to its middle.
    Parties that move a row least, by `SPARED_SHARE` of it in all, are left out of it: they stand in it as they are. A row that
    no party moves is left out, for no price helps it.
    """
    limits = told.limits
    a = read_coefficients(limits, len(p_kw))
    a, fixed = spare_least(a, limits.c[:, 0], p_kw)
    most, parts = np.abs(a).max(1, initial=0.0), []
    low, high = limits.low[:, 0], limits.high[:, 0]
    banded = np.isfinite(low) & np.isfinite(high)
    span = np.where(banded, 0.5 * np.where(banded, high - low, 0.0), np.abs(high))
    kept = reserve_share * span
    for sign, bound in ((1, high - kept), (-1, low + kept)):
        at = np.flatnonzero(np.isfinite(bound) & (most > 0) & (limits.over_per_kwh > 0))
        scale = sign * most[at]
        room, over = (bound[at] - fixed[at]) / scale, limits.over_per_kwh[at] * most[at]
        near = np.maximum(AGREED_KW, AGREED_SHARE * span[at] / most[at])
        parts.append((a[at] / scale[:, None], room, over, at, np.full(len(at), sign), near))
    by_kw, room, over, row, side, near = (np.concatenate(each) for each in zip(*parts, strict=True))
    moved = lift_kw(tree, place, (by_kw != 0).T.astype(np.float64)).T
    names = tuple(limits.name[at] for at in row.tolist())
    return FacedRows(
        PricedRows(by_kw, room, over), names, side, find_owners(tree, moved), moved, near
    )


def read_coefficients(limits: Limits, parties: int) -> Col:
    """Return the coefficients of active power of k rows, (k, n) [any unit], of n parties."""
    a = np.zeros((len(limits.name), parties))
    row = np.repeat(np.arange(len(a)), np.diff(limits.a.start))
    np.add.at(a, (row, limits.a.party), limits.a.value)
    return a


def spare_least(a: Col, fixed: Col, p_kw: Col) -> tuple[Col, Col]:
    """Return coefficients (k, n) without the least of each row, and what stands in it beside them, (k, ...) [any unit].

    `fixed` (k, ...) [any unit] stood there before, n homes take `p_kw` (n, ...) [kW]: they stay in a row that they leave.
    """
    size = np.abs(a)
    order = np.argsort(size, axis=1, kind="stable")
    summed = np.cumsum(np.take_along_axis(size, order, 1), axis=1)
    spared = np.zeros(a.shape, np.bool_)
    np.put_along_axis(spared, order, summed <= SPARED_SHARE * summed[:, -1:], 1)
    return np.where(spared, 0.0, a), fixed + np.where(spared, a, 0.0) @ p_kw


def find_owners(tree: Places, moved: Col) -> Index:
    """Return the lowest place that holds all homes that move a row, (k,), from how many do below each place, (k, m) [1]."""
    every = moved.max(1, keepdims=True, initial=0.0)
    level = np.where(moved >= every, tree.level, tree.level.max(initial=0) + 1)
    return np.asarray(level.argmin(1), np.int64)


def clear_network(
    opening: Opening,
    at: LaidOut,
    curves: Curves,
    clear: Callable[[Curves], TreeCleared],
    first: TreeCleared,
    reserve_share: float,
) -> Generator[Any, Any, NetworkCleared]:
    """Clear an interval with the rows of the network, until its exact flow agrees; where none is near its limit nothing moves.

    Parameters
    ----------
    opening
        Of one interval.
    at
        Where homes stand.
    curves
        What homes tendered, n rows.
    clear
        Returns what layers clear of such curves.
    first
        What they cleared of these.
    reserve_share
        Part of every limit that is kept free for units that cannot follow exactly [1].

    Raises
    ------
    InputError
        Nobody answers for the network.
    """
    tree, nobody = at.tree, np.zeros(len(at.place))
    clear_held = partial(_clear_held, opening, at, curves, clear)
    found = NetworkCleared(first, nobody, agrees=False)
    held: dict[tuple[str, int], float] = {}
    for _ in range(REBASES):
        p_kw = found.cleared.p_kw
        kept = tuple(sorted({name for name, _ in held}))
        told = yield NetworkCheck(opening.product, p_kw[:, None], None, NEAR_SHARE, kept)
        if not isinstance(told, NetworkState):
            _refuse_no_operator()
        faced = face_rows(told, tree, at.place, p_kw, reserve_share)
        rows = faced.rows
        keys = list(zip(faced.name, faced.side.tolist(), strict=True))
        price = rows.over_per_kwh * np.array([held.get(key, 0.0) for key in keys])
        away = distances_kw(rows, price, rows.by_kw @ p_kw - rows.room_kw)
        if (away <= faced.agreed_kw).all():
            return found._replace(agrees=True)
        priced = yield from _clear_rows(faced, p_kw, price, clear_held)
        found = NetworkCleared(priced.cleared, priced.added_per_kwh, agrees=False)
        share = (
            priced.price_per_kwh / rows.over_per_kwh
        )  # of the full price: it does not move with the operating point
        held = {key: paid for key, paid in zip(keys, share.tolist(), strict=True) if paid > 0}
    return found


def _clear_rows(
    faced: FacedRows, p_kw: Col, price: Col, clear_held: ClearHeld
) -> Generator[Any, Any, PricedClearing]:
    """Find prices of rows, first of the few that are broken or priced, until none is broken that the search does not hold."""
    rows, held, at_most = faced.rows, price > 0, FIRST
    held = widen_choice(held, rows.by_kw @ p_kw - rows.room_kw, rows.by_kw, at_most)
    while True:
        some = _take_sides(faced, held)
        priced = yield from clear_held(some, p_kw, price[held])
        price = np.zeros(len(price))
        price[held] = priced.price_per_kwh
        at_most *= 2
        beyond = rows.by_kw @ priced.cleared.p_kw - rows.room_kw
        wider = widen_choice(held, beyond - NEAR_KW, rows.by_kw, at_most)
        if (wider == held).all():
            return priced._replace(price_per_kwh=price)
        held, p_kw = wider, priced.cleared.p_kw


def _take_sides(faced: FacedRows, held: Flag) -> FacedRows:
    name = tuple(name for name, one in zip(faced.name, held.tolist(), strict=True) if one)
    rows = PricedRows(*(each[held] for each in faced.rows))
    return FacedRows(
        rows, name, faced.side[held], faced.owner[held], faced.moved[held], faced.agreed_kw[held]
    )


def _clear_held(
    opening: Opening,
    at: LaidOut,
    curves: Curves,
    clear: Callable[[Curves], TreeCleared],
    faced: FacedRows,
    p_kw: Col,
    price: Col,
) -> Generator[Any, Any, PricedClearing]:
    """Find prices of rows; every clearing is one round between layers, with all that it passes."""
    every, crossing = (
        np.arange(len(at.tree.parent)),
        count_crossing(at.tree, faced.owner, faced.moved),
    )
    search = price_rows(curves, at, faced.rows, p_kw, price)
    offered = next(search)
    while True:
        cleared = clear(offered)
        prices = quote(opening.product, every, cleared.price_per_kwh[:, None])
        yield LayerMessages(tender(opening.product, every, cleared.passed), prices)
        yield crossing
        try:
            offered = search.send(cleared)
        except StopIteration as end:
            priced: PricedClearing = end.value
            return priced


def count_crossing(
    tree: Places, owner: Index, moved: Col, layouts: tuple[str, str] = (UP, DOWN), steps: int = 1
) -> PeerMessages:
    """Return what crosses between layers in a round beside curves and prices: a message each way at places with rows above.

    Up goes what a place does to rows that a place above owns, down come their prices, in the two `layouts`. Rows have their
    `owner` (k,) and homes below each place that move them (k, m) [1].
    """
    above, own = moved > 0, owner
    while (
        own >= 0
    ).any():  # a row ends at its owner: it is not above that place, nor above what lies over it
        known = own >= 0
        above[np.flatnonzero(known), own[known]] = False
        own = np.where(known, tree.parent[own], -1)
    count = above.sum(0)
    count = count[count > 0] * steps
    size = sum(message_bytes(layout, int(k)) for k in count.tolist() for layout in layouts)
    return PeerMessages(2 * len(count), size, 1, 0)


def _refuse_no_operator() -> NoReturn:
    expected = "a run that knows its feeder"
    raise InputError([Problem("market.layered.network 'limits'", "no network operator", expected)])
