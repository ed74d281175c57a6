"""Volt-var without a market, on the active power of a run: what the nodal market of reactive power is shown against.

Panels follow the curve in the exact flow, regulators and capacitor banks with them. What their inverters lose over it, and what
reactive power takes of the room of active power, is drawn in a second flow, from which all figures are: as for the market.
Batteries, which the market asks too, stay at unity power factor, as under `[inverters] follow`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.device import total_by_home
from gridagora.core.flow import ControlState
from gridagora.core.inverters import LEAST_SHARE, Infeed, InverterRule, InverterTable
from gridagora.core.tables import Col, Index
from gridagora.kernels.flow.fixed_point import BLOCK
from gridagora.mechanisms.reactive import LOSS_SHARE, join_inverters
from gridagora.results.outcome import NetworkResult, Outcome
from gridagora.results.reactive_market import VOLT_VAR, InverterUse, NetworkCase
from gridagora.run.follow_voltage import CUT_KW, are_panels
from gridagora.run.power_flow import Wiring, meter_powers
from gridagora.run.reactive import InverterPower
from gridagora.run.reactive_case import describe_case
from gridagora.run.reactive_nodal import BlockFlow, NodalTerms, RunPower, by_home, terms_of
from gridagora.run.reactive_rounds import cost_usd_per_h
from gridagora.run.state import Lived


class Panels(NamedTuple):
    """The panels of r homes over a run."""

    home: Index  # (r,)
    rated_kw: Col  # (r,) largest output
    rated_kva: Col  # (r,) of their inverters
    given_kw: Col  # (r, t)


class Drooped(NamedTuple):
    """What the inverters of r homes did over a run, withdrawal positive."""

    q_kvar: Col  # (r, t)
    lost_kw: Col  # (r, t) for reactive power
    cut_kw: Col  # (r, t) of active power that gave way


def find_panels(lived: Sequence[Lived], homes: int, kind_kw: Col, panel_ratio: float) -> Panels:
    """Return the panels of homes; arguments as of `equip_homes`, powers of groups (g, t, n) [kW]."""
    rated, given = np.zeros(homes), np.zeros(kind_kw.shape[1:])
    for row, group in enumerate(lived):
        if are_panels(group.about):
            rated += total_by_home(group.rated_kva, group.home, homes)
            given += -kind_kw[row].clip(max=0.0)
    own = np.flatnonzero(rated > 0)
    return Panels(own, rated[own], panel_ratio * rated[own], np.ascontiguousarray(given[:, own].T))


def follow_curve(
    wiring: Wiring, rule: InverterRule, drawn: RunPower, panels: Panels, dt_h: float
) -> Drooped | int:
    """Return what panels that follow a curve do over a run, or in how many intervals the flow has no solution with it.

    Parameters
    ----------
    wiring, drawn
        The grid, and what homes draw, what panels gave included.
    rule, panels
        The curve, and who follows it.
    dt_h
        Length of an interval [h].
    """
    n, t = drawn.home_kw.shape
    table = InverterTable(wiring.home_meter[panels.home], panels.rated_kva, panels.rated_kw)
    given = by_home(panels.home, panels.given_kw, n)
    gives_var = panels.given_kw >= LEAST_SHARE * panels.rated_kw[:, None]
    found, failed = list[tuple[Col, Col]](), 0
    before: ControlState | None = None
    for first in range(0, t, BLOCK):
        at = slice(first, min(first + BLOCK, t))
        hour = np.arange(at.start, at.stop) // round(1 / dt_h)
        powers = meter_powers(
            wiring.home_meter,
            drawn.home_kw[:, at] + given[:, at],
            drawn.motor_kw[:, at],
            wiring.other_kw[hour],
        )
        available = np.ascontiguousarray(panels.given_kw[:, at].T)
        infeed = Infeed(table, rule, available, np.ascontiguousarray(gives_var[:, at].T))
        flow = wiring.grid.flow(*powers, before, infeed)
        before = flow.after
        failed += int((~flow.converged).sum())
        found.append((-flow.given_kvar.T, available.T - flow.given_kw.T))
    if failed:
        return failed
    q, cut = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    lost = LOSS_SHARE / panels.rated_kva[:, None] * np.square(q)
    return Drooped(q, lost, np.where(cut > CUT_KW, cut, 0.0))


def saved_usd(
    wiring: Wiring, drawn: RunPower, panels: Panels, did: Drooped, terms: NodalTerms
) -> float:
    """Return what inverters save by the measure of the market, against none that gives reactive power [$]; below zero they cost.

    Raises
    ------
    PartError
        An interval without a power flow.
    """
    table = join_inverters(panels.home, panels.rated_kva)
    own = did.lost_kw + did.cut_kw
    nothing, total = np.zeros_like(own), 0.0
    for sign, q, lost in ((1.0, nothing, nothing), (-1.0, did.q_kvar, own)):
        before: ControlState | None = None
        for first in range(0, q.shape[1], BLOCK):
            at = slice(first, min(first + BLOCK, q.shape[1]))
            flow = BlockFlow(wiring, drawn, table, at, terms.dt_h, before).solve(
                q[:, at], lost[:, at]
            )
            cost = cost_usd_per_h(wiring.grid, flow, lost[:, at], terms_of(terms, at))
            total += sign * float(cost.sum()) * terms.dt_h
            before = flow.after
    return total


def show_volt_var(
    outcome: Outcome,
    wiring: Wiring,
    drawn: RunPower,
    panels: Panels,
    rule: InverterRule,
    terms: NodalTerms,
    solve: Callable[[InverterPower], NetworkResult],
) -> NetworkCase | str:
    """Return the network of a run in which panels follow a curve without a market, or why it is not shown, in a sentence.

    Parameters
    ----------
    outcome
        With its power flow.
    wiring, drawn
        The grid, and what homes draw, what panels gave included.
    panels, rule
        Who follows, and which curve.
    terms
        Prices and limits of the market.
    solve
        Solves the power flow of what inverters do.
    """
    net, n = outcome.network, len(outcome.bill_usd)
    failed = 0 if net is None else net.failed
    did = failed or follow_curve(wiring, rule, drawn, panels, terms.dt_h)
    if isinstance(did, int):
        return (
            f"the power flow has no solution in {did} of {len(outcome.start_s)} intervals with volt-var, so the market of "
            "reactive power is not shown against it"
        )
    energy = np.maximum(terms.energy_per_kwh, 0.0) * terms.dt_h
    use = InverterUse(
        float(np.abs(did.q_kvar).sum() * terms.dt_h),
        0.0,
        float(did.lost_kw.sum() * terms.dt_h),
        float((did.lost_kw @ energy).sum()),
        float(did.cut_kw.sum() * terms.dt_h),
        float((did.cut_kw @ energy).sum()),
        saved_usd(wiring, drawn, panels, did, terms),
    )
    told = (by_home(panels.home, rows, n) for rows in (did.q_kvar, did.lost_kw + did.cut_kw))
    return describe_case(VOLT_VAR, solve(InverterPower(*told)), outcome, terms.rules.band_pu, use)
