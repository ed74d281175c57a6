"""How a market opens: from the state of a run and a product to what the design may know, in one place."""

import numpy as np

from gridagora.core.limits import Limits, bounds_of, limit_substation, stack, steps_of
from gridagora.core.product import HOUR_S, Commodity, Horizon, Product
from gridagora.core.rules import Bidder
from gridagora.core.session import Opening
from gridagora.core.tables import Col
from gridagora.run.forecast import believed_load_kw, energy_per_kwh, offer_supply
from gridagora.run.state import HourOpening, RunState


def hour_product(desk: RunState, hour: int) -> Product:
    """Return the first product of the look-ahead that opens at an hour of the run."""
    return Product(Commodity.P, desk.study.start_s + HOUR_S * hour, HOUR_S, Horizon.DAY_AHEAD)


def interval_product(desk: RunState, interval: int) -> Product:
    """Return the real-time product of an interval of the run."""
    duration_s = round(HOUR_S * desk.study.dt_h)
    return Product(
        Commodity.P, desk.study.start_s + duration_s * interval, duration_s, Horizon.REAL_TIME
    )


def open_plan(desk: RunState, product: Product, energy: Col | None = None) -> Opening:
    """Return the opening of a look-ahead: the forecast of the window, homes, and whether the gate of the day ahead closes.

    `energy` (h,) is the forecast of the energy price where it was drawn before [$/kWh]. Load that tenders is no part of the
    base load: where homes bid, that is the load of other customers alone.
    """
    study = desk.study
    hour, window = (product.start_s - study.start_s) // HOUR_S, study.window_h
    own_kw: Col | float = 0.0
    if desk.bidder is not Bidder.HOME:
        error = study.errors.load
        own_kw = believed_load_kw(desk.expected_kw, error, hour, hour, window).sum(1)
    base_kw = study.other_kw[hour : hour + window] + own_kw
    known = energy_per_kwh(study.wholesale, hour, window) if energy is None else energy
    offered, n = offer_supply(study.wholesale, known, base_kw), desk.expected_kw.shape[1]
    return Opening(
        product,
        np.arange(n),
        offered,
        study.site,
        binds=int(study.local_hour[hour]) == 0,
        is_prosumer=desk.is_prosumer,
        limits=open_limits(desk, offered.base_kw, n, hour),
    )


def open_clear(desk: RunState, product: Product, devices: int, steps: int = 1) -> Opening:
    """Return the opening of an interval, or of several of one hour, in which homes or so many devices take part.

    A price that is posted for an hour at once is posted to homes, which are then as many.
    """
    study, homes = desk.study, desk.bidder is Bidder.HOME
    since_s = product.start_s - study.start_s
    first = since_s // product.duration_s
    n = desk.expected_kw.shape[1] if homes else devices
    known = _open_hour(desk, n, steps, since_s // HOUR_S)
    energy = desk.wholesale_per_kwh[first : first + steps]
    return Opening(
        product,
        known.party,
        offer_supply(study.wholesale, energy, known.base_kw),
        study.site if homes else None,
        is_prosumer=desk.is_prosumer if homes else None,
        limits=known.limits,
        flow=desk.flow,
        bounds=known.bounds,
    )


def open_limits(desk: RunState, base_kw: Col, parties: int, hour: int) -> Limits:
    """Return what the substation can carry from an hour on, and, where homes bid, every zone and transformer.

    `base_kw` (h,) does not tender [kW].
    """
    w, inner = desk.study.wholesale, desk.study.limits
    top = limit_substation(parties, base_kw, w.limit_kw, w.over_per_kwh)
    if inner is None or desk.bidder is not Bidder.HOME:
        return top
    return stack([top, steps_of(inner, hour, len(base_kw))])


def _open_hour(desk: RunState, parties: int, steps: int, hour: int) -> HourOpening:
    """Return what openings of the intervals of an hour share, made when its first one opens."""
    key, held = (hour, parties, steps), desk.opened
    if held is None or held[:3] != key:
        own_kw = 0.0 if desk.bidder is Bidder.HOME else desk.expected_kw[hour].sum()
        base_kw = np.full(steps, desk.study.other_kw[hour] + own_kw)
        limits = open_limits(desk, base_kw, parties, hour)
        site = desk.study.site if desk.bidder is Bidder.HOME else None
        bounds = None if site is None else bounds_of(limits, site.tree)
        desk.opened = held = HourOpening(*key, np.arange(parties), base_kw, limits, bounds)
    return held
