"""The network operator of a run: it answers a market with the exact flow of what parties would take, and limits around it.

Every kind of message has one function here, in `ANSWERS`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.flow import ControlState, Flow
from gridagora.core.limits import Coefficients, Limits, beyond_kw
from gridagora.core.network_operator import (
    EnvelopeRequest,
    EnvelopeState,
    FeeRequest,
    FeeState,
    NetworkCheck,
    NetworkState,
)
from gridagora.core.product import HOUR_S
from gridagora.core.tables import Col, Flag, Index
from gridagora.population.fleet import Fleet
from gridagora.run.envelopes import tell_envelopes
from gridagora.run.nodal_fees import tell_fees
from gridagora.run.power_flow import TAN_PHI, Wiring, meter_powers
from gridagora.run.state import RunState, wiring_of

SHRINK = 0.8  # of a plan that no voltage can carry, until one can
SHRINKS = 12


class Askers(NamedTuple):
    """Who tenders in an opening: n parties, and what H homes take in its h steps that does not tender."""

    home: Index  # (n,) whose meter each party is behind
    own_kw: Col  # (H, h)
    is_motor: Flag | None  # (n,) parties that draw at the power factor of appliances; None: homes
    equipped: Flag  # (H,) homes with an inverter
    plan: Callable[[Col], Col] | None = (
        None  # what homes would take at prices inside them, (H, h) each [$/kWh], [kW]; None in an interval
    )


def with_inverter(fleet: Fleet, rows: slice) -> Flag:
    """Return which of the homes of a run have an inverter, (H,)."""
    owns = np.zeros(rows.stop, np.bool_)
    for group in fleet.groups:
        if group.about.has_inverter:
            home = group.home
            owns[home[home < rows.stop]] = True
    return owns[rows]


def answer_network(
    asked: Mapping[int, Any], runs: list[RunState], askers: Callable[[int], Askers]
) -> dict[int, Any]:
    """Return answers to those of the messages, by run, that are for the network operator; none where no message is."""
    return {
        run: ANSWERS[type(message)](runs[run], askers(run), message)
        for run, message in asked.items()
        if type(message) in ANSWERS
    }


def check_network(desk: RunState, askers: Askers, asked: NetworkCheck) -> NetworkState:
    """Return the exact flow of a plan and the limits of the network around it.

    A home draws reactive power with its load and with what it takes beyond. In homes without an inverter a kWh moves a row
    with its reactive power, in others alone: all parties behind a meter move it alike, so that they see one price. Where a
    step has no solution, the limits stand around a part of the plan that has one, and tell from there how far the plan is
    beyond them.

    Raises
    ------
    PartError
        A plan that is not one number for each party and step, or a feeder that cannot carry any part of it.
    """
    homes = len(askers.own_kw)
    p_kw, q_kvar = (_read(each, askers) for each in (asked.p_kw, asked.q_kvar))
    taken_kw = _by_home(p_kw, askers.home, homes)
    given_kvar = None if asked.q_kvar is None else _by_home(q_kvar, askers.home, homes)
    wiring, rules = wiring_of(desk.study), desk.study.network
    drawn = _draw(desk, wiring, askers, asked, (p_kw, taken_kw, given_kvar))
    before = None if desk.flow is None else desk.flow.after
    flow, part = _solve(wiring, *drawn, before)
    rows = wiring.grid.limits(flow, asked.near_share, asked.kept, rules.band_pu, rules.prices)
    a, b = (each.value.reshape(len(rows.name), flow.p_kw.shape[1]) for each in (rows.a, rows.b))
    costly = rows.over_per_kwh > 0  # what costs nothing to break is no limit
    a, b, rows = a[costly], b[costly], _take(rows, costly)
    held = rows.c + a @ flow.rated_p_kw.T + b @ flow.rated_q_kvar.T
    by_kw, by_kvar = a[:, wiring.home_meter], b[:, wiring.home_meter]
    if given_kvar is None:
        by_kw = by_kw + TAN_PHI * by_kvar * ~askers.equipped
        by_kvar = np.zeros((len(by_kvar), 0))
    fixed = held - by_kw @ (taken_kw * part)
    if given_kvar is not None:
        fixed -= by_kvar @ (given_kvar * part)
    limits = rows._replace(
        a=_make_coefficients(by_kw[:, askers.home]),
        b=_make_coefficients(by_kvar[:, askers.home] if given_kvar is not None else by_kvar),
        c=fixed,
    )
    load = fixed + by_kw @ taken_kw
    if given_kvar is not None:
        load = load + by_kvar @ given_kvar
    beyond = beyond_kw(limits, load)
    return NetworkState(limits, load, beyond, flow.losses_kw, flow, askers.home, by_kw)


def _read(values: Col | None, askers: Askers) -> Col:
    """Return what a market says of its parties; zero where it says nothing."""
    shape = len(askers.home), askers.own_kw.shape[1]
    if values is None:
        return np.zeros(shape)
    read = np.asarray(values, np.float64)
    if read.shape != shape or not np.isfinite(read).all():
        said = f"network check of powers of shape {read.shape}"
        raise PartError(f"{said}: expected finite ones of {shape[0]} parties in {shape[1]} steps")
    return read


def _draw(
    desk: RunState,
    wiring: Wiring,
    askers: Askers,
    asked: NetworkCheck,
    plan: tuple[Col, Col, Col | None],
) -> tuple[Col, Col]:
    """Return what every meter draws, (h, j) each [kW], [kvar]."""
    p_kw, taken_kw, given_kvar = plan
    own_kw, first = askers.own_kw, asked.product.start_s - desk.study.start_s
    steps = first + asked.product.duration_s * np.arange(own_kw.shape[1])
    if askers.is_motor is None:  # a home: its load, and what it takes beyond
        motors_kw = np.maximum(own_kw, taken_kw)
        whole_kw = taken_kw
    else:
        turning = _by_home(p_kw[askers.is_motor], askers.home[askers.is_motor], len(own_kw))
        motors_kw, whole_kw = own_kw + turning, own_kw + taken_kw
    if given_kvar is not None:
        motors_kw = own_kw
    other = wiring.other_kw[steps // HOUR_S]
    return meter_powers(wiring.home_meter, whole_kw, motors_kw, other, given_kvar)


def _solve(wiring: Wiring, p_kw: Col, q_kvar: Col, before: ControlState | None) -> tuple[Flow, Col]:
    """Return a flow that converged, and the part of the powers (h, j) of each step that it carries, (h,) [1]."""
    part = np.ones(len(p_kw))
    for _ in range(SHRINKS):
        flow = wiring.grid.flow(p_kw * part[:, None], q_kvar * part[:, None], before)
        if flow.converged.all():
            return flow, part
        part = np.where(flow.converged, part, SHRINK * part)
    raise PartError(
        f"network check: no voltages carry even {part.min():.0%} of a plan; use a stronger feeder or fewer homes"
    )


def _by_home(values: Col, home: Index, count: int) -> Col:
    """Return the sums of parties (n, h) over those of each home, (count, h)."""
    total = np.zeros((count, values.shape[1]))
    np.add.at(total, home, values)
    return total


def _take(rows: Limits, kept: Flag) -> Limits:
    """Return some of k rows, (k,), with the coefficients of all."""
    return rows._replace(
        c=rows.c[kept],
        low=rows.low[kept],
        high=rows.high[kept],
        over_per_kwh=rows.over_per_kwh[kept],
        name=tuple(rows.name[at] for at in np.flatnonzero(kept)),
        kind=rows.kind[kept],
        place=rows.place[kept],
    )


def _make_coefficients(dense: Col) -> Coefficients:
    k, n = dense.shape
    return Coefficients(n * np.arange(k + 1), np.tile(np.arange(n), k), dense.ravel())


def answer_envelopes(desk: RunState, askers: Askers, asked: EnvelopeRequest) -> EnvelopeState:
    """Return operating envelopes of all homes over the hours of a look-ahead."""
    return tell_envelopes(desk, asked, askers.own_kw.shape[1], askers.plan)


def answer_fees(desk: RunState, askers: Askers, asked: FeeRequest) -> FeeState:
    """Return the nodal fees of all homes over the hours of a look-ahead.

    Raises
    ------
    PartError
        An interval, in which nobody plans.
    """
    if askers.plan is None:
        raise PartError(
            "nodal fees are asked for in an interval, expected in a look-ahead: homes plan there"
        )
    wiring, own_kw = wiring_of(desk.study), askers.own_kw
    first = (asked.product.start_s - desk.study.start_s) // HOUR_S
    other_kw = wiring.other_kw[first : first + own_kw.shape[1]]
    before = None if desk.flow is None else desk.flow.after

    def solve(p_kw: Col) -> Flow:
        motors_kw = np.where(askers.equipped[:, None], own_kw, np.maximum(own_kw, p_kw))
        drawn = meter_powers(wiring.home_meter, p_kw, motors_kw.clip(min=0), other_kw)
        return _solve(wiring, *drawn, before)[0]

    return tell_fees(desk, asked, askers.plan, solve, askers.equipped)


ANSWERS: Mapping[type, Callable[[RunState, Askers, Any], Any]] = MappingProxyType(
    {NetworkCheck: check_network, EnvelopeRequest: answer_envelopes, FeeRequest: answer_fees}
)
