"""Some intervals of the nodal market of reactive power: cleared around the exact flow, again and again, until both agree.

A round solves the exact flow with what inverters gave in the round before, makes the model around it and clears on that. Where
an answer no longer moves, the model stands around the answer itself: its prices are those of the exact flow, and every inverter
gives what is best for it at its price.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from gridagora.core.flow import Flow
from gridagora.core.limits import Limits, beyond_kw
from gridagora.core.network_operator import NetworkRules
from gridagora.core.nodal_prices import SourcePrices
from gridagora.core.ports import Grid
from gridagora.core.reactive_model import ReactiveModel
from gridagora.core.tables import Col, Flag, Index
from gridagora.grid.reactive import model_around
from gridagora.mechanisms.reactive_nodal import NodalClearing, clear_nodal
from gridagora.mechanisms.reactive_offers import ReactiveOffers, lost_kw

ROUNDS = 12
WHOLE = 4  # rounds whose answer is taken whole; later ones go half of the way
AGREES_SHARE = 5e-3  # move of an answer, of its rating, at which an interval is settled
NEAR_SHARE = 0.25  # rows this far from their limit are told; those that an answer breaks come with the next round
SAVES_USD_PER_H = 1e-9  # less is rounding


class BlockTerms(NamedTuple):
    """What t intervals are cleared by."""

    rules: NetworkRules
    losses_per_kwh: Col  # (t,) of energy at the substation
    energy_per_kwh: Col  # (t,) what inverters pay for what they lose


class Site(NamedTuple):
    """Where the r inverters of a run stand: the u meters that have any, and the second order of losses there."""

    meter: Index  # (u,) columns of the flow
    factor: Col  # (r, u) [kW^0.5/kvar]


class ClearedBlock(NamedTuple):
    """t intervals cleared, of r inverters."""

    q_kvar: Col  # (r, t)
    price_per_kvarh: Col  # (r, t)
    saved_usd_per_h: Col  # (t,) in the exact flow
    is_settled: Flag  # (t,)
    is_declined: Flag  # (t,) the exact flow costs less without, so nothing is bought
    flow: Flow


FlowOf = Callable[[Col, Col], Flow]  # of reactive power and losses of inverters, (r, t) each


class _Seen(NamedTuple):
    """The exact flow of some answers, the limits around it, and what it costs (t,) [$/h]."""

    flow: Flow
    rows: Limits
    cost: Col


def clear_block(
    grid: Grid, flow_of: FlowOf, offers: ReactiveOffers, site: Site, terms: BlockTerms
) -> ClearedBlock:
    """Clear t intervals.

    Parameters
    ----------
    grid
        Of the run.
    flow_of
        Solves the exact flow of these intervals, given reactive power and losses of inverters, (r, t) each [kvar], [kW].
    offers
        Of r inverters; `meter` counts the meters of the site.
    site
        Meters and curvature.
    terms
        Prices and limits.

    """
    drawn = np.zeros_like(offers.most_kvar)
    seen = without = _look(grid, flow_of, offers, terms, drawn)
    for number in range(ROUNDS):
        model = _model(grid, seen, site, offers, drawn)
        found = clear_nodal(offers, model, terms.energy_per_kwh, terms.losses_per_kwh)
        move = np.abs(found.q_kvar - drawn) / offers.rating_kva[:, None]
        is_settled = np.asarray(move.max(axis=0, initial=0.0) <= AGREES_SHARE)
        if is_settled.all():
            break
        drawn = drawn + (1.0 if number < WHOLE else 0.5) * (found.q_kvar - drawn)
        seen = _look(grid, flow_of, offers, terms, drawn, seen.rows.name)
    return _keep_what_saves(grid, flow_of, offers, terms, without, found, is_settled)


def _look(
    grid: Grid,
    flow_of: FlowOf,
    offers: ReactiveOffers,
    terms: BlockTerms,
    drawn_kvar: Col,
    kept: Collection[str] = (),
) -> _Seen:
    """Return the exact flow of reactive power (r, t) [kvar], and the limits near or beyond in it and those that are kept."""
    lost = lost_kw(offers, drawn_kvar)
    flow = flow_of(drawn_kvar, lost)
    rules = terms.rules
    rows = grid.limits(flow, NEAR_SHARE, kept, rules.band_pu, rules.prices)
    return _Seen(flow, rows, _cost_usd_per_h(flow, rows, lost, terms))


def cost_usd_per_h(grid: Grid, flow: Flow, lost_kw: Col, terms: BlockTerms) -> Col:
    """Return what a flow costs by the measure of the market, shape (t,) [$/h]: of use as a difference of two flows.

    Parameters
    ----------
    grid, flow
        The network and its flow in t intervals.
    lost_kw
        What inverters lose in it over reactive power, part of what homes draw, shape (r, t) [kW].
    terms
        Prices and limits.
    """
    rules = terms.rules
    rows = grid.limits(flow, 0.0, (), rules.band_pu, rules.prices)
    return _cost_usd_per_h(flow, rows, lost_kw, terms)


def _cost_usd_per_h(flow: Flow, rows: Limits, lost_kw: Col, terms: BlockTerms) -> Col:
    """Return what a flow costs; of its limits, rows hold those that are beyond (at least)."""
    k, j = len(rows.name), flow.p_kw.shape[1]
    a, b = (each.value.reshape(k, j) for each in (rows.a, rows.b))
    beyond = beyond_kw(rows, rows.c + a @ flow.rated_p_kw.T + b @ flow.rated_q_kvar.T)
    lost = lost_kw.sum(0)
    network_kw = flow.substation_p_kw - lost
    own = terms.energy_per_kwh * lost
    return np.asarray(terms.losses_per_kwh * network_kw + rows.over_per_kwh @ beyond + own)


def _model(
    grid: Grid, seen: _Seen, site: Site, offers: ReactiveOffers, drawn_kvar: Col
) -> ReactiveModel:
    """Return the model around a flow in which inverters draw (r, t) [kvar]."""
    t = len(seen.cost)
    slope = grid.prices(seen.flow, SourcePrices(np.ones(t), np.zeros(t))).q.loss[:, site.meter]
    by_meter = np.zeros((len(site.meter), t))
    np.add.at(by_meter, offers.meter, drawn_kvar)
    return model_around(seen.flow, seen.rows, slope, site.factor, site.meter, by_meter)


def _keep_what_saves(
    grid: Grid,
    flow_of: FlowOf,
    offers: ReactiveOffers,
    terms: BlockTerms,
    without: _Seen,
    found: NodalClearing,
    is_settled: Flag,
) -> ClearedBlock:
    """Return what was cleared, but for intervals in which the exact flow costs more with it than without."""
    q, price = found.q_kvar.copy(), found.price_per_kvarh.copy()
    is_declined = np.zeros(len(is_settled), np.bool_)
    while True:
        seen = _look(grid, flow_of, offers, terms, q)
        saved = without.cost - seen.cost
        worse = (saved < -SAVES_USD_PER_H) & ~is_declined
        if not worse.any():
            break
        is_declined |= worse
        q[:, worse] = price[:, worse] = 0.0
    return ClearedBlock(q, price, saved, is_settled | is_declined, is_declined, seen.flow)
