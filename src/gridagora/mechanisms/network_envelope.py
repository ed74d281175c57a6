"""How what rows of a network leave is shared among homes as limits of one direction, so that all of them may use theirs at once.

Limits add up in a row by coefficients of zero or more: the row is kept whatever each home does within its own. They grow
together, in proportion to a weight of each home, and a home stops where a row that it moves is full: the weighted max-min fair
share. A crowd of homes that each move a row by next to nothing does not stop with it; they count in it with all that they may
ever be given, for which at most `SPARED_SHARE` of its room is set aside.

References
----------
Max-min fairness by progressive filling: D. Bertsekas, R. Gallager, Data Networks, 2nd ed. (1992), section 6.5.2. Envelopes of an
unbalanced three-phase network that hold whatever others do within theirs: B. Liu, J. H. Braslavsky, Computation of robust dynamic
operating envelopes based on non-convex OPF for unbalanced distribution networks, arXiv 2404.03355.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col, Flag

SPARED_SHARE = 0.1
FULL = 1e-9  # of the room of a row: what is left of a full one


class SharedRows(NamedTuple):
    """k rows in which the limits of n homes add up over h steps."""

    by_kw: Col  # (k, n) how a kW of the limit of each home uses a row, zero or more [unit/kW]
    room: Col  # (k, h) what homes may use, in the unit of each row [pu], [A], [kVA]


def share_rows(rows: SharedRows, weight: Col, most_kw: Col) -> Col:
    """Return the limits of homes in every step, shape (n, h) [kW]: max-min fair by weight, none above `most_kw`.

    Parameters
    ----------
    rows
        Rows in which limits add up. One without room leaves its homes nothing.
    weight
        How fast the limit of each home grows, shape (n, h) [1], zero or more; zero gets none.
    most_kw
        What a home is given at most, shape (n,) [kW], finite.

    Raises
    ------
    PartError
        Coefficients or weights below zero, or that are no numbers.
    """
    for name, values in (("coefficient", rows.by_kw), ("weight", weight), ("most", most_kw)):
        if not ((values >= 0) & np.isfinite(values)).all():
            raise PartError(f"operating envelopes: a {name} is below zero or no number")
    worst = rows.by_kw * most_kw
    order = np.argsort(worst, axis=1, kind="stable")
    summed = np.cumsum(np.take_along_axis(worst, order, 1), axis=1)
    found = np.zeros(weight.shape)
    for step in range(weight.shape[1]):
        room = rows.room[:, step].clip(min=0)
        spared = _spare(order, summed, room)
        left = room - np.where(spared, worst, 0.0).sum(1)
        found[:, step] = _fill(np.where(spared, 0.0, rows.by_kw), left, weight[:, step], most_kw)
    return found


def _spare(order: np.ndarray, summed: Col, room: Col) -> Flag:
    """Return the entries (k, n) that move their row by so little that all of them at their most use a small share of it."""
    spared = np.zeros(order.shape, np.bool_)
    np.put_along_axis(spared, order, summed <= SPARED_SHARE * room[:, None], 1)
    return spared


def _fill(by_kw: Col, room: Col, weight: Col, most_kw: Col) -> Col:
    """Return limits (n,) [kW] that grow together until a row (k,) that they move is full, or their most is reached."""
    limit, grows = np.zeros(len(weight)), (weight > 0) & (most_kw > 0)
    end = np.divide(most_kw, weight, out=np.full(len(weight), np.inf), where=weight > 0)
    open_rows = (by_kw > 0).any(1)
    while grows.any():
        rate = by_kw @ np.where(grows, weight, 0.0)
        used = by_kw @ np.where(grows, 0.0, limit)
        moved = open_rows & (rate > 0)
        until = np.full(len(room), np.inf)
        until[moved] = (room[moved] - used[moved]).clip(min=0) / rate[moved]
        level = min(until.min(initial=np.inf), end[grows].min())
        limit = np.where(grows, np.minimum(level * weight, most_kw), limit)
        full = moved & (until <= level * (1 + FULL))
        stopped = (by_kw[full] > 0).any(0) | (end <= level)
        open_rows &= ~full
        grows &= ~stopped
    return limit
