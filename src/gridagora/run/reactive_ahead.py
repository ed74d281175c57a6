"""Reactive power agreed a day ahead: cleared at midnight on what is forecast then, settled against what real time measures.

Every hour of a day is cleared as an interval of real time is, on a forecast flow: power of homes as they agreed or plan it,
what their inverters plan, day-ahead prices. What is agreed binds money, not power: it is paid its price, and what real time gives
beside it the price of real time (theory 9.2).

All hours of the day are cleared, however far plans reach. Left out: homes that take no part; all that they give is settled in
real time.
Regulators and capacitor banks of the forecast begin as the source of the feeder leaves them, and move once an hour.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.network_operator import NetworkRules
from gridagora.core.product import HOUR_S, Horizon, Product
from gridagora.core.session import MessageCount
from gridagora.core.tables import LEAD_H, Col, Flag, Index
from gridagora.mechanisms.reactive import Inverters
from gridagora.results.reactive_market import AgreedAhead
from gridagora.run.day_forecast import DayForecast
from gridagora.run.power_flow import Wiring
from gridagora.run.reactive import equip_homes, make_inverters, rows_of_panels
from gridagora.run.reactive_nodal import NodalTerms, RunPower, by_home, clear_run
from gridagora.run.state import Lived
from gridagora.settlement.ledger import Ledger, book, join
from gridagora.settlement.parties import Parties, Role, row_of, rows_of

AHEAD_ITEM, DEVIATION_ITEM = "reactive energy, day-ahead", "reactive energy, deviation"


class Forecast(NamedTuple):
    """What all midnights of a run knew of c hours: n homes and the g groups of the run."""

    hour: Index  # (c,) of the run
    home_kw: Col  # (n, c)
    kind_kw: Col  # (g, c, n)
    price_per_kwh: Col  # (c,)
    is_heard: Flag  # (n,)


class ClearedAhead(NamedTuple):
    """What was agreed, and what crossed for it."""

    agreed: AgreedAhead
    unsettled: int  # hours whose prices and forecast flow did not come to agree
    traffic: MessageCount


def join_forecasts(days: Sequence[DayForecast]) -> Forecast:
    """Return the forecasts of one midnight or more as one."""
    return Forecast(
        np.concatenate([day.hour + np.arange(len(day.price_per_kwh)) for day in days]),
        np.concatenate([day.home_kw for day in days], axis=1),
        np.concatenate([day.kind_kw for day in days], axis=1),
        np.concatenate([day.price_per_kwh for day in days]),
        days[0].is_heard,
    )


def clear_ahead(
    wiring: Wiring,
    known: Forecast,
    lived: Sequence[Lived],
    panel_ratio: float,
    rules: NetworkRules,
    day_ahead_per_kwh: Col,
    run: Product,
    *,
    gives_way: bool = False,
) -> ClearedAhead:
    """Clear reactive power of the hours that midnights know, and return it over all hours of the run: nil in others.

    Parameters
    ----------
    wiring
        The grid, where homes stand, and other customers by hour of the run.
    known
        What is forecast.
    lived, panel_ratio
        Groups of the run, and the rating of an inverter of panels over their largest output [1].
    rules
        What meters and ratings are held to.
    day_ahead_per_kwh
        Wholesale prices from `LEAD_H` hours before the run on, shape (h,) [$/kWh].
    run
        The settlement period, which is the whole run.
    gives_way
        Whether active power of panels gives way to reactive power.

    Raises
    ------
    PartError
        A forecast that the feeder cannot carry.
    """
    n, hours = len(known.home_kw), run.duration_s // HOUR_S
    nothing = np.zeros((n, hours))
    fleet = equip_homes(lived, n, known.kind_kw, panel_ratio)
    table, p_kw = make_inverters(fleet)
    heard = known.is_heard[table.home]
    panels = np.isin(np.arange(len(table.home)), rows_of_panels(fleet, lived))[heard]
    table = Inverters(table.home[heard], table.rating_kva[heard], table.loss_share[heard])
    if not len(table.home):
        return ClearedAhead(AgreedAhead(nothing, nothing), 0, MessageCount())
    rating = table.rating_kva[:, None]
    beside = known.home_kw - fleet.p_kw.sum(0)
    # errors may forecast more sun than the largest output
    p_kw = np.clip(p_kw[heard], -rating, rating)
    terms = NodalTerms(
        rules,
        day_ahead_per_kwh[LEAD_H + known.hour],
        known.price_per_kwh,
        run.start_s + HOUR_S * int(known.hour[0]),
        1.0,
        Horizon.DAY_AHEAD,
    )
    there = wiring._replace(other_kw=wiring.other_kw[known.hour])
    try:
        drawn = RunPower(known.home_kw, beside.clip(min=0))
        found = clear_run(
            there, drawn, table, p_kw, terms, np.flatnonzero(panels) if gives_way else None
        )
    except PartError as fault:
        raise PartError(f"the forecast of a midnight, hour by hour: {fault}") from fault
    q_kvar, price = nothing.copy(), nothing.copy()
    q_kvar[:, known.hour] = by_home(table.home, found.q_kvar, n)
    price[table.home[:, None], known.hour] = found.price_per_kvarh
    return ClearedAhead(AgreedAhead(q_kvar, price), found.unsettled, found.traffic)


def settle_ahead(
    parties: Parties,
    agreed: AgreedAhead,
    q_kvar: Col,
    price_per_kvarh: Col,
    product: Product,
    dt_h: float,
) -> tuple[Ledger, AgreedAhead]:
    """Book reactive energy in two settlements, and return what was agreed with what it and the deviation paid each home.

    Parameters
    ----------
    parties
        Homes first; the wires pay them.
    agreed
        Positions (n, h) of every hour.
    q_kvar, price_per_kvarh
        What homes drew in real time, and what a kvarh cost there, (n, t) each; t whole intervals an hour.
    product
        Reactive energy of the settlement period.
    dt_h
        Length of an interval [h].

    Raises
    ------
    PartError
        Intervals that do not tile the hours.
    """
    inside, rest = divmod(q_kvar.shape[1], agreed.q_kvar.shape[1])
    if rest or not inside:
        raise PartError(
            f"settlement of reactive energy: got {q_kvar.shape[1]} intervals of {agreed.q_kvar.shape[1]} hours, expected a whole "
            "number in each"
        )
    beside = q_kvar - np.repeat(agreed.q_kvar, inside, axis=1)
    paid = -(agreed.q_kvar * agreed.price_per_kvarh).sum(1) * dt_h * inside
    rest_usd = -(beside * price_per_kvarh).sum(1) * dt_h
    own = np.flatnonzero((agreed.price_per_kvarh != 0).any(1) | (price_per_kvarh != 0).any(1))
    homes, wires = rows_of(parties, Role.HOME)[own], row_of(parties, Role.WIRES)
    ahead = product._replace(horizon=Horizon.DAY_AHEAD)
    held_kvarh, more_kvarh = (
        -rows.sum(1)[own] * hours
        for rows, hours in ((agreed.q_kvar, dt_h * inside), (beside, dt_h))
    )
    entries = [
        book(wires, homes, AHEAD_ITEM, paid[own], ahead, held_kvarh),
        book(wires, homes, DEVIATION_ITEM, rest_usd[own], product, more_kvarh),
    ]
    return join(entries), agreed._replace(
        paid_usd=paid,
        deviation_usd=rest_usd,
        deviation_kvarh=float(np.abs(beside).sum() * dt_h),
    )
