"""The nodal market of reactive power: inverters are paid what a kvarh is worth at their own node, in losses and in voltage.

Nothing links intervals, so t of them are cleared at once. In each the operator minimises

    cost of inverters(q) + losses_per_kwh (g x + |F x|^2) + prices of rows beyond(v + a x),     x the sum of q by meter,

on a model of the network around a flow (`core.reactive_model`). The price at a meter is the derivative of all but the first
term, the marginal value of reactive power there, and every inverter answers with the best of its own offer: so no inverter is
asked for what it would not do at its price. Signs as in `mechanisms.reactive`: q > 0 is withdrawal, and at a price above zero it
is paid for q < 0.

The problem is solved in the form min f(q) + h(M q), M the rows of F and of a, by the alternating direction method of multipliers
with one factored matrix for all intervals. What it leaves, prices of the rows of M, is a bound from below, and the answers to
those prices one from above: `gap_usd_per_h` is proven, not assumed.

References
----------
S. Boyd and others, Distributed optimization and statistical learning via the alternating direction method of multipliers,
Foundations and Trends in Machine Learning 3 (2011), doi 10.1561/2200000016.
Q. Li, R. Ayyanar, V. Vittal, Convex optimization for DES planning and operation in radial distribution systems with high
penetration of photovoltaic resources, IEEE Trans. Sustainable Energy 7 (2016); A. Papavasiliou, Analysis of distribution
locational marginal prices, IEEE Trans. Smart Grid 9 (2018), doi 10.1109/TSG.2017.2673860 (prices of reactive power by node).
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.reactive_model import ReactiveModel
from gridagora.core.tables import Col, Flag, Index
from gridagora.mechanisms.reactive_offers import (
    LEAST_PER_KWH,
    ReactiveOffers,
    lean,
    lost_kw,
    respond,
)

GAP_SHARE = 1e-5  # of what the market saves, or at first costs, at which an interval is done
LEAST_USD_PER_H = 1e-3  # that an interval counts as saving, so that one which saves nothing is done
ROUNDS_MAX = 1000
LOOK_EVERY = 20  # rounds between looks at the gap
OVER_RELAXED = 1.6
BALANCED = 10.0  # ratio of squared residuals up to which weights stay
SCALES_UNTIL = 600  # rounds after which weights stay, so that the method settles
ROW_ROUNDS = 6  # times that rows which the answer breaks are added


class NodalClearing(NamedTuple):
    """t intervals cleared: what n inverters draw, and the price at each of j meters in its parts."""

    q_kvar: Col  # (n, t)
    price_per_kvarh: Col  # (n, t) of the meter of each
    loss_per_kvarh: Col  # (j, t) what a kvarh drawn adds to losses of lines, at their price
    limit_per_kvarh: Col  # (j, t) what it adds to the prices of what is beyond a limit
    dual_usd_per_h: (
        Col  # (k, t) price of each row [$/h] a unit; below zero where its lower side binds
    )
    saved_usd_per_h: Col  # (t,) against inverters that draw nothing
    gap_usd_per_h: Col  # (t,) proven distance to the least cost


class _Terms(NamedTuple):
    """The problem with some of its rows: prices and the model, times along the last axis."""

    offers: ReactiveOffers
    energy: Col  # (t,)
    losses: Col  # (t,)
    gradient: Col  # (j, t) of losses, priced
    factor: Col  # (r, j)
    rows: Col  # (k, j)
    value: Col  # (k, t)
    low: Col  # (k, t)
    high: Col  # (k, t)
    over: Col  # (k,)


class _Found(NamedTuple):
    """Answers to prices of the rows of a problem, what they cost and the bound below."""

    q: Col  # (n, t)
    factor_price: Col  # (r, t)
    row_price: Col  # (k, t)
    cost: Col  # (t,)
    bound: Col  # (t,)


def clear_nodal(
    offers: ReactiveOffers, model: ReactiveModel, energy_per_kwh: Col, losses_per_kwh: Col
) -> NodalClearing:
    """Clear reactive power of t intervals on a model of the network, and price it at every meter.

    Parameters
    ----------
    offers
        Of n inverters.
    model
        Of j meters and k limited quantities, around a flow in which inverters draw nothing.
    energy_per_kwh
        What inverters pay for the energy they lose, shape (t,) [$/kWh].
    losses_per_kwh
        What the energy lost in lines costs, shape (t,) [$/kWh]; below zero both count as next to nothing.

    Returns
    -------
    NodalClearing
        `q_kvar` is the best answer of each inverter to its price, to the last digit.
    """
    every = _Terms(
        offers,
        np.maximum(energy_per_kwh, LEAST_PER_KWH),
        np.maximum(losses_per_kwh, LEAST_PER_KWH),
        np.maximum(losses_per_kwh, LEAST_PER_KWH) * model.loss_kw_per_kvar.T,
        model.loss_factor,
        model.b,
        model.value,
        model.low,
        model.high,
        model.over_usd_per_h,
    )
    k, t = model.value.shape
    nothing = np.zeros_like(offers.most_kvar)
    kept = _breaks_once(every, nothing)
    start = _cost(every, nothing)
    found = _solve(_some_rows(every, kept), start)
    for _ in range(ROW_ROUNDS):
        more = _breaks_once(every, found.q) & ~kept
        if not more.any():
            break
        kept |= more
        found = _solve(_some_rows(every, kept), start)
    dual = np.zeros((k, t))
    dual[kept] = found.row_price
    by_loss = every.gradient + every.factor.T @ found.factor_price
    by_limit = every.rows.T @ dual
    cost = _cost(every, found.q)
    price = (by_loss + by_limit)[offers.meter]
    return NodalClearing(
        found.q, price, by_loss, by_limit, dual, start - cost, np.maximum(cost - found.bound, 0.0)
    )


def _some_rows(every: _Terms, kept: Flag) -> _Terms:
    return every._replace(
        rows=every.rows[kept],
        value=every.value[kept],
        low=every.low[kept],
        high=every.high[kept],
        over=every.over[kept],
    )


def _some_steps(terms: _Terms, at: Index) -> _Terms:
    offers = terms.offers
    return terms._replace(
        offers=offers._replace(
            free_kvar=offers.free_kvar[:, at], most_kvar=offers.most_kvar[:, at]
        ),
        energy=terms.energy[at],
        losses=terms.losses[at],
        gradient=terms.gradient[:, at],
        value=terms.value[:, at],
        low=terms.low[:, at],
        high=terms.high[:, at],
    )


def _by_meter(terms: _Terms, q: Col) -> Col:
    total = np.zeros((len(terms.gradient), q.shape[1]))
    np.add.at(total, terms.offers.meter, q)
    return total


def _is_broken(terms: _Terms, q: Col) -> Flag:
    at = terms.value + terms.rows @ _by_meter(terms, q)
    return np.asarray((at > terms.high) | (at < terms.low))


def _breaks_once(terms: _Terms, q: Col) -> Flag:
    return np.asarray(_is_broken(terms, q).any(axis=1), np.bool_)


def _cost(terms: _Terms, q: Col) -> Col:
    """Return what answers q (n, t) cost, (t,) [$/h], less the losses without them."""
    x = _by_meter(terms, q)
    at = terms.value + terms.rows @ x
    beyond = np.maximum(at - terms.high, terms.low - at).clip(min=0)
    lines = (terms.gradient * x).sum(0) + terms.losses * np.square(terms.factor @ x).sum(0)
    own = terms.energy * lost_kw(terms.offers, q).sum(0)
    return np.asarray(own + lines + terms.over @ beyond)


def _answer(terms: _Terms, factor_price: Col, row_price: Col) -> _Found:
    """Return the answers to prices of the rows of M, their cost, and the bound that the prices prove."""
    over = terms.over[:, None]
    # rounding must not price the side of a row that has no limit, for no bound follows from that
    row_price = np.clip(
        row_price,
        np.where(np.isfinite(terms.low), -over, 0.0),
        np.where(np.isfinite(terms.high), over, 0.0),
    )
    by_meter = terms.gradient + terms.factor.T @ factor_price + terms.rows.T @ row_price
    price = by_meter[terms.offers.meter]
    q = respond(terms.offers, price, terms.energy)
    own = terms.energy * lost_kw(terms.offers, q).sum(0) + (price * q).sum(0)
    side = np.where(row_price > 0, terms.high, np.where(row_price < 0, terms.low, terms.value))
    rows = -(row_price * (side - terms.value)).sum(0)
    lines = -np.square(factor_price).sum(0) / (4 * terms.losses)
    return _Found(q, factor_price, row_price, _cost(terms, q), own + rows + lines)


class _Split(NamedTuple):
    """Weights of the method: of inverters, of the rows of M, and the small matrix that all rounds share."""

    own: Col  # (n,)
    row: Col  # (k,)
    inverse: Col  # (j, j)


FACTOR_WEIGHT = 2.0


def _split(terms: _Terms) -> _Split:
    """Return weights that are the curvature of the offers, and of rows what such offers move them by."""
    own = 2 * terms.offers.loss_share / terms.offers.rating_kva
    j = len(terms.gradient)
    soft = np.bincount(terms.offers.meter, 1 / own, j)
    row = 1 / np.maximum(np.square(terms.rows) @ soft, 1e-30)
    stiff = FACTOR_WEIGHT * terms.factor.T @ terms.factor + terms.rows.T @ (
        row[:, None] * terms.rows
    )
    inverse = np.linalg.solve(np.eye(j) + stiff * soft, stiff)
    return _Split(own, row, np.asarray(inverse, np.float64))


def _solve(terms: _Terms, start: Col) -> _Found:
    """Return the answers of all intervals; one that is done leaves the others.

    `start` (t,) is what inverters that draw nothing cost [$/h].
    """
    n, t = terms.offers.most_kvar.shape
    zero = [np.zeros((size, t)) for size in (n, len(terms.factor), len(terms.rows))]
    best = _answer(terms, zero[1], zero[2])
    left = np.flatnonzero(~_is_done(best, start))
    if not left.size:
        return best
    q, factor, row = (column[:, left] for column in zero)
    split, state = _split(terms), _State(q, factor, row, q, factor, row, np.ones(len(left)))
    part = _some_steps(terms, left)
    for number in range(1, ROUNDS_MAX + 1):
        last, state = state, _round(part, split, state)
        if number % LOOK_EVERY:
            continue
        _keep_better(best, left, _look(part, split, state))
        open_still = ~_is_done(_Found(*(column[..., left] for column in best)), start[left])
        if not open_still.any():
            break
        if not open_still.all():
            left = left[open_still]
            part = _some_steps(terms, left)
            last, state = (
                _State(*(column[..., open_still] for column in each)) for each in (last, state)
            )
        if number <= SCALES_UNTIL:
            state = _balance(split, last, state)
    return best


class _State(NamedTuple):
    """Copies of the inverters and of the rows of M, and their scaled prices, (., t) each; what scales all weights."""

    q: Col
    factor: Col
    row: Col
    q_price: Col
    factor_price: Col
    row_price: Col
    scale: Col  # (t,)


def _balance(split: _Split, last: _State, now: _State) -> _State:
    """Return the state with heavier weights where copies differ more than they move, and lighter ones where they move more.

    All weights of an interval grow alike, so the matrix that all rounds share stays (section 3.4.1 of Boyd and others).
    """
    weights = split.own[:, None], np.full((1, 1), FACTOR_WEIGHT), split.row[:, None]
    moved, apart = (
        sum(
            (weight * np.square(new - old)).sum(0)
            for weight, new, old in zip(weights, now[first:], last[first:], strict=False)
        )
        for first in (0, 3)
    )
    grow = np.where(apart > BALANCED * moved, 2.0, np.where(moved > BALANCED * apart, 0.5, 1.0))
    return now._replace(
        q_price=now.q_price / grow,
        factor_price=now.factor_price / grow,
        row_price=now.row_price / grow,
        scale=now.scale * grow,
    )


def _round(terms: _Terms, split: _Split, s: _State) -> _State:
    """Return the state after one round: all together, then each part by itself, then prices."""
    own, row, meter = split.own[:, None], split.row[:, None], terms.offers.meter
    pull = FACTOR_WEIGHT * (terms.factor.T @ (s.factor - s.factor_price))
    pull += terms.rows.T @ (row * (s.row - s.row_price))
    free = s.q - s.q_price + pull[meter] / own
    together = free - (split.inverse @ _by_meter(terms, free))[meter] / own
    x = _by_meter(terms, together)
    q, factor, at = (
        OVER_RELAXED * new + (1 - OVER_RELAXED) * old + price
        for new, old, price in (
            (together, s.q, s.q_price),
            (terms.factor @ x, s.factor, s.factor_price),
            (terms.rows @ x, s.row, s.row_price),
        )
    )
    priced = terms.energy * s.scale
    weight = own * priced
    new_q = lean(terms.offers, terms.gradient[meter] - weight * q, terms.energy, weight)
    stiff = FACTOR_WEIGHT * priced
    new_factor = stiff * factor / (stiff + 2 * terms.losses)
    new_row = _pull_inside(terms, at, terms.over[:, None] / (row * priced))
    return _State(new_q, new_factor, new_row, q - new_q, factor - new_factor, at - new_row, s.scale)


def _pull_inside(terms: _Terms, at: Col, most: Col) -> Col:
    """Return rows (k, t), as moves from their value, pulled towards their limits by `most` where they are beyond them."""
    y = terms.value + at
    inside = np.clip(y, terms.low, terms.high)
    return np.asarray(
        inside + np.sign(y - inside) * np.maximum(np.abs(y - inside) - most, 0) - terms.value
    )


def _look(terms: _Terms, split: _Split, s: _State) -> _Found:
    priced = terms.energy * s.scale
    factor_price = FACTOR_WEIGHT * priced * s.factor_price
    return _answer(terms, factor_price, split.row[:, None] * priced * s.row_price)


def _keep_better(best: _Found, at: Index, now: _Found) -> None:
    """Write prices that prove more of their own answers into `best` at some intervals, with those answers.

    What a price is worth shows in its own bound: at the capability of inverters many prices have one answer.
    """
    less = now.cost - now.bound < best.cost[at] - best.bound[at]
    for kept, new in zip(best, now, strict=True):
        kept[..., at[less]] = new[..., less]


def _is_done(found: _Found, start: Col) -> Flag:
    worth = np.maximum(np.abs(start - found.cost), LEAST_USD_PER_H)
    return np.asarray(found.cost - found.bound <= GAP_SHARE * worth)
