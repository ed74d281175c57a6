"""Exact power flow of a feeder whose regulators and capacitor banks move, step after step (theory 7.1)."""

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder
from gridagora.core.flow import HUNTING, ControlState, Flow
from gridagora.core.inverters import Infeed
from gridagora.core.tables import Col
from gridagora.grid.controls import ControlledGrid, factor_controls
from gridagora.grid.flow import (
    TOLERANCE_PU,
    check_powers,
    held_state,
    inverters_of,
    leave_flow,
    rounds_of,
)
from gridagora.kernels.flow.controlled import ControlTrack, run_controlled
from gridagora.kernels.flow.fixed_point import FlowResult


def solve_controlled(
    feeder: Feeder,
    p_kw: Col,
    q_kvar: Col,
    step_s: float,
    tolerance: float = TOLERANCE_PU,
    *,
    before: ControlState | None = None,
    grid: ControlledGrid | None = None,
    infeed: Infeed | None = None,
) -> Flow:
    """Power flow of steps that follow each other, controls at rest in each.

    Parameters
    ----------
    feeder
        m nodes, j meters.
    p_kw, q_kvar
        Withdrawal of each meter, shape (t, j) [kW], [kvar].
    step_s
        Length of a step [s]: what dead times and times of day are counted in.
    tolerance
        Largest move of the voltage at any load that one more round would make [pu]: about how far it is off.
    before
        State of the controls at the start; left out: as the source of the feeder leaves them.
    grid
        From `factor_controls`, to save the factorisation on repeated calls.
    infeed
        Inverters that follow voltage, beside what meters withdraw; left out: none.

    Raises
    ------
    PartError
        Shapes that do not match, a power that is not a number, a state of other controls or beyond their range, or a
        singular feeder.
    InputError
        Inverters that cannot be, as of `grid.flow.inverters_of`.

    References
    ----------
    See `kernels.flow.controlled`.
    """
    p_kw, q_kvar = check_powers(feeder, p_kw, q_kvar)
    kept = grid if grid is not None else factor_controls(feeder)
    start = before if before is not None else held_state(feeder)
    _require_state(feeder, kept, start)
    t, m = len(p_kw), len(feeder.nodes.name)
    settled = FlowResult(
        np.empty((t, m), complex), np.empty((t, m)), np.zeros(t, np.int64), np.zeros(t)
    )
    track = ControlTrack(
        start.tap.copy(),
        start.steps_on.copy(),
        start.is_reversed.copy(),
        start.opened_s.copy(),
        np.zeros((t, len(start.tap)), np.int64),
        np.zeros((t, len(start.steps_on)), np.int64),
        np.zeros(t, np.int64),
    )
    factors = kept.factors
    inverters = inverters_of(feeder, factors, infeed, t)
    run_controlled(
        factors.triangles,
        factors.rows,
        factors.loads,
        factors.still,
        kept.sites,
        kept.parts,
        kept.changers,
        kept.switches,
        kept.behind,
        p_kw,
        q_kvar,
        inverters,
        tolerance,
        rounds_of(infeed),
        HUNTING,
        float(start.time_s),
        float(step_s),
        track,
        settled,
    )
    flow = leave_flow(factors, p_kw, q_kvar, inverters, settled, start)
    after = ControlState(
        track.tap, track.on, track.reversed, track.opened_s, start.time_s + t * step_s
    )
    return flow._replace(
        tap=track.taps, steps_on=track.ons, actions=track.actions, after=after, infeed=infeed
    )


def _require_state(feeder: Feeder, grid: ControlledGrid, state: ControlState) -> None:
    """Refuse a state of other controls, or one that they cannot have."""
    counts = len(feeder.regulators.name), len(feeder.capacitors.name)
    got = len(state.tap), len(state.steps_on)
    if got != counts or len(state.opened_s) != len(feeder.capacitor_controls.name):
        raise PartError(
            f"state before a flow: {got[0]} taps and {got[1]} banks, expected {counts[0]} and {counts[1]} of feeder "
            f"{feeder.name}"
        )
    low, high = grid.changers.lowest, grid.changers.highest
    fed = grid.changers.part >= 0
    if (fed & ((state.tap < low) | (state.tap > high))).any():
        row = int(np.flatnonzero(fed & ((state.tap < low) | (state.tap > high)))[0])
        raise PartError(
            f"state before a flow: regulator {feeder.regulators.name[row]} at tap {state.tap[row]}, expected "
            f"{low[row]} to {high[row]}"
        )
    if ((state.steps_on < 0) | (state.steps_on > feeder.capacitors.steps)).any():
        raise PartError("state before a flow: a capacitor bank with more steps on than it has")
