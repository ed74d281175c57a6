"""What a nodal market of reactive power does to a run: who gave, the books, and the network without it and with it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gridagora.core.inverters import InverterRule
from gridagora.core.ports import Market
from gridagora.core.product import Commodity
from gridagora.core.session import MessageCount
from gridagora.mechanisms.reactive import Inverters
from gridagora.results.outcome import NetworkResult, Outcome, settlement_period
from gridagora.results.reactive_market import (
    WITH,
    WITHOUT,
    InverterUse,
    NetworkCase,
    ReactiveMarket,
    use_of,
)
from gridagora.run.network_rules import hold_network
from gridagora.run.power_flow import Wiring
from gridagora.run.reactive import (
    GIVEN_UP_ITEM,
    ITEM,
    InverterPower,
    book_losses,
    equip_homes,
    equip_nobody,
    make_inverters,
    rows_of_panels,
    with_books,
)
from gridagora.run.reactive_against import Panels, find_panels, show_volt_var
from gridagora.run.reactive_ahead import (
    ClearedAhead,
    clear_ahead,
    join_forecasts,
    settle_ahead,
)
from gridagora.run.reactive_case import describe_case
from gridagora.run.reactive_nodal import NodalRun, NodalTerms, RunPower, by_home, clear_run
from gridagora.run.state import FinishedRun
from gridagora.scenario.build import Scene
from gridagora.scenario.inverter_keys import volt_var_of
from gridagora.settlement.ledger import book, join
from gridagora.settlement.parties import Role, row_of, rows_of

PLANS_NOTHING = "homes plan nothing under this design: reactive power is not agreed a day ahead, and real time pays for all of it"
NOT_SETTLED = (
    "in {} of {} hours the day-ahead prices of reactive power and the flow of the forecast did not come to agree: what was "
    "agreed there saves by the forecast, but may not be what saves most"
)


def buy_at_meters(
    scene: Scene,
    market: Market[Any],
    ran: FinishedRun,
    outcome: Outcome,
    wiring: Wiring,
    drawn: RunPower,
    solve: Callable[[InverterPower], NetworkResult],
) -> Outcome:
    """Return the outcome with reactive power bought at every meter, where the market asks inverters and homes have any.

    Parameters
    ----------
    outcome
        With its power flow.
    wiring, drawn
        The grid, and what homes draw.
    solve
        Solves the power flow of what inverters are told.
    """
    (n, t), keys = outcome.home_kw.shape, scene.scenario
    asks, ratio = Commodity.Q in market.rules.commodities, keys.inverters.rating_ratio
    kind_kw = ran.track.kind_kw
    fitted = equip_homes(ran.lived, n, kind_kw, ratio) if asks else equip_nobody(n, t)
    table, p_kw = make_inverters(fitted)
    terms = NodalTerms(
        hold_network(scene),
        outcome.wholesale_per_kwh,
        outcome.price_per_kwh,
        scene.start_s,
        outcome.dt_h,
    )
    panels = find_panels(ran.lived, n, kind_kw, ratio)
    against = keys.reactive.against == "volt_var" and len(panels.home) > 0
    rule = volt_var_of(keys.inverters).rule if against else None
    outcome, cases = _show_without(outcome, wiring, drawn, panels, rule, terms, solve)
    if not len(table.home):
        return buy_nothing(outcome, cases)
    gives_way = keys.reactive.priority == "reactive"
    rows = rows_of_panels(fitted, ran.lived) if gives_way else None
    found = clear_run(wiring, drawn, table, p_kw, terms, rows)
    seen = outcome._replace(network=solve(power_given(table, found, n)))
    if not keys.reactive.day_ahead:
        return join_nodal(seen, table, found, terms, cases)
    if not ran.forecasts:
        return join_nodal(_warned(seen, PLANS_NOTHING), table, found, terms, cases)
    known, prices = join_forecasts(ran.forecasts), scene.prices.day_ahead_per_kwh
    period = settlement_period(outcome)
    ahead = clear_ahead(
        wiring, known, ran.lived, ratio, terms.rules, prices, period, gives_way=gives_way
    )
    if ahead.unsettled:
        seen = _warned(seen, NOT_SETTLED.format(ahead.unsettled, len(known.hour)))
    return join_nodal(seen, table, found, terms, cases, ahead)


def _show_without(
    outcome: Outcome,
    wiring: Wiring,
    drawn: RunPower,
    panels: Panels,
    rule: InverterRule | None,
    terms: NodalTerms,
    solve: Callable[[InverterPower], NetworkResult],
) -> tuple[Outcome, tuple[NetworkCase, ...]]:
    """Return the outcome, warned where a case is missing, and the network without the market, also by a rule if given."""
    if outcome.network is None:
        return outcome, ()
    alone = describe_case(WITHOUT, outcome.network, outcome, terms.rules.band_pu, InverterUse())
    if rule is None:
        return outcome, (alone,)
    shown = show_volt_var(outcome, wiring, drawn, panels, rule, terms, solve)
    if isinstance(shown, str):
        return _warned(outcome, shown), (alone,)
    return outcome, (alone, shown)


def add_traffic(first: MessageCount, second: MessageCount) -> MessageCount:
    """Return the messages of two markets together."""
    return MessageCount(*(a + b for a, b in zip(first, second, strict=True)))


def _warned(outcome: Outcome, said: str) -> Outcome:
    return outcome._replace(warnings=(*outcome.warnings, said))


def power_given(table: Inverters, found: NodalRun, homes: int) -> InverterPower:
    """Return what inverters of homes do for reactive power, by home."""
    return InverterPower(
        by_home(table.home, found.q_kvar, homes), by_home(table.home, found.lost_kw, homes)
    )


def join_nodal(
    outcome: Outcome,
    table: Inverters,
    found: NodalRun,
    terms: NodalTerms,
    cases: tuple[NetworkCase, ...],
    ahead: ClearedAhead | None = None,
) -> Outcome:
    """Return the outcome with its nodal market of reactive power booked, in kvarh: the wires pay homes.

    Parameters
    ----------
    outcome
        With the power flow of what inverters give.
    table
        The r inverters.
    found
        What they were asked for.
    terms
        Prices and limits: homes buy what inverters lose at that of energy.
    cases
        The network without the market.
    ahead
        What was agreed at midnight; left out: nothing, and real time pays for all.
    """
    n, dt_h, parties = len(outcome.bill_usd), outcome.dt_h, outcome.parties
    given = power_given(table, found, n)
    paid = by_home(table.home, -found.q_kvar * found.price_per_kvarh, n).sum(1) * dt_h
    up_kw = by_home(table.home, found.given_up_kw, n)
    own_kw, energy = given.loss_kw - up_kw, np.maximum(terms.energy_per_kwh, 0.0) * dt_h
    lost_usd, up_usd = own_kw @ energy, up_kw @ energy
    owner = np.unique(table.home)
    price = np.zeros_like(given.q_kvar)
    price[table.home] = found.price_per_kvarh
    product = settlement_period(outcome)._replace(commodity=Commodity.Q)
    kvarh = np.abs(given.q_kvar[owner]).sum(1) * dt_h
    homes, wires = rows_of(parties, Role.HOME), row_of(parties, Role.WIRES)
    traffic, agreed = found.traffic, None
    if ahead is None:
        bought = book(wires, homes[owner], ITEM, paid[owner], product, kvarh)
    else:
        bought, agreed = settle_ahead(parties, ahead.agreed, given.q_kvar, price, product, dt_h)
        paid, traffic = agreed.paid_usd + agreed.deviation_usd, add_traffic(traffic, ahead.traffic)
    lost = book_losses(outcome, lost_usd, own_kw.sum(1) * dt_h)
    given_up = book_losses(outcome, up_usd, up_kw.sum(1) * dt_h, GIVEN_UP_ITEM)
    booked = with_books(outcome, join([outcome.ledger, bought, lost, given_up]), traffic)
    market = ReactiveMarket(
        given.q_kvar,
        price,
        paid,
        float(lost_usd.sum()),
        float(own_kw.sum() * dt_h),
        float(found.saved_usd_per_h.sum() * dt_h),
        found.unsettled,
        found.declined,
        cases,
        agreed,
        float(up_kw.sum() * dt_h),
        float(up_usd.sum()),
    )
    if outcome.network is not None:
        band_pu = terms.rules.band_pu
        last = describe_case(WITH, outcome.network, outcome, band_pu, use_of(market, dt_h))
        market = market._replace(cases=(*cases, last))
    return booked._replace(warnings=(*booked.warnings, *_warn(found)), reactive_market=market)


def buy_nothing(outcome: Outcome, cases: tuple[NetworkCase, ...]) -> Outcome:
    """Return the outcome of a design that asks no inverter, or whose homes have none."""
    n, t = outcome.home_kw.shape
    zero, none = np.zeros((n, t)), np.zeros(n)
    return outcome._replace(
        reactive_market=ReactiveMarket(zero, zero, none, 0.0, 0.0, 0.0, 0, 0, cases)
    )


def _warn(found: NodalRun) -> tuple[str, ...]:
    if not found.unsettled:
        return ()
    return (
        f"in {found.unsettled} of {found.q_kvar.shape[1]} intervals the prices of reactive power and the exact flow did not come "
        "to agree: what was bought there saves, but may not be what saves most",
    )
