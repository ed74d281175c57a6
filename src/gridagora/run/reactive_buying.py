"""What a nodal market of reactive power does to a run: who gave, the books, and the network without it and with it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gridagora.core.ports import Market
from gridagora.core.product import Commodity
from gridagora.core.records import by_rows
from gridagora.core.tables import Col
from gridagora.mechanisms.reactive import Inverters
from gridagora.results.control_moves import CAPACITOR, REGULATOR, count_moves
from gridagora.results.outcome import NetworkResult, Outcome, settlement_period
from gridagora.results.reactive_market import WITH, WITHOUT, NetworkCase, ReactiveMarket
from gridagora.run.network_rules import hold_network
from gridagora.run.power_flow import Wiring
from gridagora.run.reactive import (
    ITEM,
    InverterPower,
    book_losses,
    equip_homes,
    equip_nobody,
    make_inverters,
    with_books,
)
from gridagora.run.reactive_nodal import NodalRun, NodalTerms, RunPower, by_home, clear_run
from gridagora.run.state import FinishedRun
from gridagora.scenario.build import Scene
from gridagora.settlement.ledger import book, join
from gridagora.settlement.parties import Role, row_of, rows_of


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
    (n, t), alone = outcome.home_kw.shape, outcome.network
    asks, rules = Commodity.Q in market.rules.commodities, hold_network(scene)
    fitted = equip_homes(ran.lived, n, ran.track.kind_kw) if asks else equip_nobody(n, t)
    table, p_kw = make_inverters(fitted)

    def describe(name: str, net: NetworkResult | None) -> tuple[NetworkCase, ...]:
        return () if net is None else (describe_case(name, net, rules.band_pu, outcome.dt_h),)

    if not len(table.home):
        return buy_nothing(outcome, describe(WITHOUT, alone))
    energy_per_kwh = outcome.price_per_kwh
    found = clear_run(
        wiring,
        drawn,
        table,
        p_kw,
        NodalTerms(rules, outcome.wholesale_per_kwh, energy_per_kwh, scene.start_s, outcome.dt_h),
    )
    seen = solve(power_given(table, found, n))
    cases = (*describe(WITHOUT, alone), *describe(WITH, seen))
    return join_nodal(outcome._replace(network=seen), table, found, energy_per_kwh, cases)


def power_given(table: Inverters, found: NodalRun, homes: int) -> InverterPower:
    """Return what inverters of homes do for reactive power, by home."""
    return InverterPower(
        by_home(table.home, found.q_kvar, homes), by_home(table.home, found.lost_kw, homes)
    )


def join_nodal(
    outcome: Outcome,
    table: Inverters,
    found: NodalRun,
    energy_per_kwh: Col,
    cases: tuple[NetworkCase, ...],
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
    energy_per_kwh
        Price at which homes buy what inverters lose, shape (t,) [$/kWh].
    cases
        The network without the market, and with it.
    """
    n, dt_h, parties = len(outcome.bill_usd), outcome.dt_h, outcome.parties
    given = power_given(table, found, n)
    paid = by_home(table.home, -found.q_kvar * found.price_per_kvarh, n).sum(1) * dt_h
    lost_usd = given.loss_kw @ np.maximum(energy_per_kwh, 0.0) * dt_h
    owner = np.unique(table.home)
    price = np.zeros_like(given.q_kvar)
    price[table.home] = found.price_per_kvarh
    product = settlement_period(outcome)._replace(commodity=Commodity.Q)
    kvarh = np.abs(given.q_kvar[owner]).sum(1) * dt_h
    homes, wires = rows_of(parties, Role.HOME), row_of(parties, Role.WIRES)
    bought = book(wires, homes[owner], ITEM, paid[owner], product, kvarh)
    lost = book_losses(outcome, lost_usd, given.loss_kw.sum(1) * dt_h)
    booked = with_books(outcome, join([outcome.ledger, bought, lost]), found.traffic)
    return booked._replace(
        warnings=(*booked.warnings, *_warn(found)),
        reactive_market=ReactiveMarket(
            given.q_kvar,
            price,
            paid,
            float(lost_usd.sum()),
            float(given.loss_kw.sum() * dt_h),
            float(found.saved_usd_per_h.sum() * dt_h),
            found.unsettled,
            found.declined,
            cases,
        ),
    )


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


def describe_case(
    name: str, net: NetworkResult, band_pu: tuple[float, float], dt_h: float
) -> NetworkCase:
    """Return a network in the figures of a case; voltages of homes are held to a band [pu]."""
    low, high = band_pu

    def outside(rows: slice) -> Col:
        v = np.asarray(net.home_v_pu[rows])
        return np.asarray(np.nansum(np.maximum(v - high, low - v).clip(min=0), axis=1))

    moves = [
        float("nan") if net.controls is None else float(count_moves(net.controls, kind).sum())
        for kind in (REGULATOR, CAPACITOR)
    ]
    return NetworkCase(
        name,
        float(np.nansum(net.losses_kw) * dt_h),
        float(np.nanmin(net.v_min_pu)),
        float(np.nanmax(net.v_max_pu)),
        float(by_rows(outside, net.home_v_pu.shape).sum() * dt_h),
        moves[0],
        moves[1],
    )
