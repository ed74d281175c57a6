"""What an inverter offers of reactive power where every node has its own price: capability, cost, and which power has priority.

An inverter that draws q [kvar] loses `loss_share` q^2 / S more [kW] (`mechanisms.reactive`). With priority of active power it
has what its active power leaves free of its rating S. With priority of reactive power a generator has all of its capability at
any time, and gives up the active power that no longer fits,

    p - sqrt(S^2 - q^2)     where it is above zero,

which is part of its cost. Both are convex in q, so at a price the inverter has one best answer, which needs no more than its own
numbers: an offer is a rising curve of reactive power over price.

References
----------
IEEE 1547-2018, clause 5.2 and table 7 (capability of category B), clause 5.3.1 (priority of reactive power where active power
must give way).
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col, Index
from gridagora.mechanisms.reactive import CATEGORY_B_SHARE, Inverters, capability

PRIORITIES = ("active", "reactive")
NEWTON_STEPS = 20  # at most, of an answer that gives up active power
LEAST_PER_KWH = 1e-5  # energy that is lost costs at least so much, so that no answer is left open
ROUNDING = 1e-12  # of a rating


class ReactiveOffers(NamedTuple):
    """Offers of n inverters in t intervals; `free_kvar` costs no active power and `most_kvar` is all that can be had."""

    meter: Index  # (n,) column of the model of the network
    rating_kva: Col  # (n,)
    loss_share: Col  # (n,) of current squared at rating, of the rating
    free_kvar: Col  # (n, t)
    most_kvar: Col  # (n, t)


def make_reactive_offers(
    table: Inverters, meter: Index, p_kw: Col, gives_way: Index | None = None
) -> ReactiveOffers:
    """Return what inverters offer beside their active power.

    Parameters
    ----------
    table
        n inverters.
    meter
        Column of the model of the network at which each stands, shape (n,).
    p_kw
        Active power at their AC side, either sign, shape (n, t) [kW].
    gives_way
        Rows whose active power gives way to reactive power; left out: none.

    Raises
    ------
    PartError
        A power that is not finite or beyond the rating; the message names inverter, home and interval.
    """
    free = capability(table, p_kw)
    most = free.copy()
    if gives_way is not None:
        most[gives_way] = CATEGORY_B_SHARE * table.rating_kva[gives_way, None]
    rows = np.asarray(meter, np.int64)
    return ReactiveOffers(rows, table.rating_kva, table.loss_share, free, most)


def respond(offers: ReactiveOffers, price_per_kvarh: Col, energy_per_kwh: Col) -> Col:
    """Return the best answer of every inverter to its price, shape (n, t) [kvar], withdrawal positive.

    Parameters
    ----------
    offers
        Of n inverters in t intervals.
    price_per_kvarh
        What each pays for what it draws, shape (n, t) [$/kvarh].
    energy_per_kwh
        What the energy it loses costs it, shape (t,) [$/kWh].
    """
    return lean(offers, price_per_kvarh, energy_per_kwh, np.zeros(1))


def lean(offers: ReactiveOffers, linear: Col, energy_per_kwh: Col, stiff: Col) -> Col:
    """Return the q of least cost + `linear` q + `stiff` q^2 / 2, shape (n, t) [kvar].

    `linear` has shape (n, t) [$/kvarh]; `energy_per_kwh` (t,) [$/kWh]; `stiff` (n, t) or one number [$/(kvar2 h)].
    """
    energy = np.maximum(energy_per_kwh, LEAST_PER_KWH)
    slope = 2 * energy * (offers.loss_share / offers.rating_kva)[:, None] + stiff
    wanted = np.abs(linear)
    size = np.minimum(wanted / slope, offers.free_kvar)
    rows, steps = np.nonzero(
        (wanted > slope * offers.free_kvar) & (offers.most_kvar > offers.free_kvar)
    )
    if len(rows):
        at = rows, steps
        size[at] = _give_way(
            wanted[at],
            np.broadcast_to(slope, size.shape)[at],
            energy[steps],
            offers.rating_kva[rows],
            offers.free_kvar[at],
            offers.most_kvar[at],
        )
    return np.asarray(-np.sign(linear) * size)


def _give_way(wanted: Col, slope: Col, energy: Col, rating: Col, free: Col, most: Col) -> Col:
    """Return the answers of inverters that ask for more than is free, (z,): all of them columns of z answers.

    Above `free` the marginal cost is slope q + energy q / sqrt(S^2 - q^2), which rises and is convex: Newton from the far end
    falls to the root without passing it.
    """

    def marginal(q: Col) -> tuple[Col, Col]:
        left = np.sqrt(np.maximum((rating - q) * (rating + q), ROUNDING * rating**2))
        return slope * q + energy * q / left, slope + energy * rating**2 / left**3

    found = most.copy()
    for _ in range(NEWTON_STEPS):
        cost, rise = marginal(found)
        ahead = np.clip(found - (cost - wanted) / rise, free, most)
        if np.array_equal(ahead, found):
            break
        found = ahead
    return found


def lost_kw(offers: ReactiveOffers, q_kvar: Col) -> Col:
    """Return what giving q (n, t) [kvar] costs in active power, conversion losses and power given up, shape (n, t) [kW]."""
    rating = offers.rating_kva[:, None]
    lost = offers.loss_share[:, None] / rating * np.square(q_kvar)
    beyond = np.abs(q_kvar) > offers.free_kvar
    if not beyond.any():
        return np.asarray(lost)
    room, free = (
        np.sqrt(np.maximum((rating - q) * (rating + q), 0.0))
        for q in (np.abs(q_kvar), offers.free_kvar)
    )
    return np.asarray(lost + np.where(beyond, np.maximum(free - room, 0.0), 0.0))


def given_up_kw(offers: ReactiveOffers, q_kvar: Col) -> Col:
    """Return the part of `lost_kw` that is active power given up for q (n, t) [kvar], shape (n, t) [kW]."""
    converting = offers.loss_share[:, None] / offers.rating_kva[:, None] * np.square(q_kvar)
    return np.asarray(np.maximum(lost_kw(offers, q_kvar) - converting, 0.0))


def check_priority(priority: str) -> None:
    """Refuse a priority that is none.

    Raises
    ------
    PartError
        A word that is not one of `PRIORITIES`.
    """
    if priority not in PRIORITIES:
        words = " or ".join(f"'{word}'" for word in PRIORITIES)
        raise PartError(f"priority of an inverter: got '{priority}', expected {words}")
