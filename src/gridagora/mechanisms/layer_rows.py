"""Rows of the network in a market of layers: which layer each belongs to, who counts in it, and what crosses.

A row belongs to the lowest place that holds what it can steer. Between layers a round of prices passes, beside plans, what a
place does to the rows of places above it, and back come their prices. No layer hears of a row that none of its homes moves, and
none knows what stands behind a row of another.
"""

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.limits import Limits
from gridagora.core.place import Places
from gridagora.core.session import PeerMessages
from gridagora.core.tables import Col, Index

NETWORKS = ("none", "limits")
NEAR_SHARE = 0.05  # rows further from their limit are asked for once they come near [1]
SPARED_SHARE = 0.01  # of all that moves a row: the least of it, which no party pays for
LOADS = PRICES = (
    "w"  # loads of rows and their prices: layouts as in `core.encoding`, with steps of rows for products
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


def count_crossing(tree: Places, owner: Index, moved: Col, steps: int = 1) -> PeerMessages:
    """Return what crosses between layers in a round beside plans and prices: a message each way at places with rows above.

    Up goes what a place does to rows that a place above owns, down come their prices. Rows have their `owner` (k,) and homes
    below each place that move them (k, m) [1].
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
    size = sum(message_bytes(layout, int(k)) for k in count.tolist() for layout in (LOADS, PRICES))
    return PeerMessages(2 * len(count), size, 1, 0)
