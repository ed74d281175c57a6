"""A feeder of an OpenDSS script whose flow OpenDSS itself solves; limits and prices stay those of our own matrix around it.

The engine plays the script anew for every batch of steps, with its controls from the state that the steps before left. Every load
draws what its meter is asked for, at any voltage where the feeder says so.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.feeder import Feeder, row_share
from gridagora.core.flow import HUNTING, ControlState, Flow
from gridagora.core.inverters import Infeed
from gridagora.core.limits import Limits
from gridagora.core.network_operator import NO_PRICES, NetworkRules, RowPrices
from gridagora.core.nodal_prices import NodalPrices, RowDuals, SourcePrices
from gridagora.core.tables import Col, Index
from gridagora.core.voltage_dependence import is_constant
from gridagora.grid.controls import moves
from gridagora.grid.fixed_point import FixedPoint
from gridagora.grid.flow import check_powers, held_state, leave_flow
from gridagora.grid.flow_steps import group_steps
from gridagora.grid.inverters import no_inverters
from gridagora.grid.limits import RANGE_A_PU
from gridagora.kernels.flow.fixed_point import FlowResult
from gridagora.kernels.flow.load_models import delivered
from gridagora.sources.opendss import elements
from gridagora.sources.opendss.engine import compile_script, fault_type, require_engine, running
from gridagora.sources.opendss.opened import switch_off_open
from gridagora.sources.opendss.state import has_converged, set_controls, solve_to_rest

DAY_S, HOUR_S = 86400, 3600
CONSTANT_POWER = 1
WIDE_PU = 9.0  # a band of voltages in which a load of constant power stays one
SETTINGS = (
    "Set Mode=Daily Number=1 Tolerance=1e-11 MaxIterations=500 LoadMult=1 %Growth=0",
    f"Set MaxControlIter={HUNTING + 1}",  # controls do not act in the last of them
)


@dataclass(frozen=True, eq=False)
class EngineGrid:
    """A feeder solved by OpenDSS, from the script that it was read from."""

    own: FixedPoint
    script: Path

    @property
    def feeder(self) -> Feeder:
        """Nodes, meters and what hangs where."""
        return self.own.feeder

    def flow(
        self,
        p_kw: Col,
        q_kvar: Col,
        before: ControlState | None = None,
        infeed: Infeed | None = None,
    ) -> Flow:
        """Return the flow of what every meter draws, shape (j,) or (t, j) [kW], [kvar], as `core.ports.Grid` says.

        Dead times of capacitor banks and the direction in which a regulator looks begin anew with each batch.

        Raises
        ------
        PartError
            Powers of another shape than meters have, or that are no numbers; inverters that follow the voltage.
        InputError
            A script that OpenDSS now refuses.
        """
        if infeed is not None:
            raise PartError("OpenDSS as engine: got inverters that follow voltage, expected none")
        if p_kw.ndim == 1 and q_kvar.ndim == 1:
            p_kw, q_kvar = p_kw[None], q_kvar[None]
        p_kw, q_kvar = check_powers(self.feeder, p_kw, q_kvar)
        start = held_state(self.feeder) if before is None else before
        with running() as engine:
            compile_script(engine, self.script)
            played = _play(engine, self, (p_kw, q_kvar), start)
        return _as_flow(self.own, p_kw, q_kvar, played, start)

    def limits(
        self,
        at: Flow,
        near_share: float = np.inf,
        kept: Collection[str] = (),
        band_pu: tuple[float, float] = RANGE_A_PU,
        prices: RowPrices = NO_PRICES,
    ) -> Limits:
        """Return what the network can carry, linear around a flow, as `grid.fixed_point.FixedPoint.limits` does."""
        return self.own.limits(at, near_share, kept, band_pu, prices)

    def prices(self, at: Flow, source: SourcePrices, duals: RowDuals | None = None) -> NodalPrices:
        """Return the prices of active and reactive power at every meter and node, around a flow."""
        return self.own.prices(at, source, duals)

    def soft_duals(self, at: Flow, rules: NetworkRules) -> RowDuals:
        """Return the duals of limits in the steps of a flow."""
        return self.own.soft_duals(at, rules)

    def loss_factor(self, at: Flow, meter: Index) -> Col:
        """Return the second order of losses with reactive power of u meters, shape (r, u) [kW^0.5/kvar]."""
        return self.own.loss_factor(at, meter)


@dataclass
class _Played:
    """What the engine left of t steps: voltages of m nodes, and k taps and c banks."""

    v: Phasors  # (t, m) [V]
    rounds: Index  # (t,) 0 where it did not converge
    actions: Index  # (t,)
    tap: Index  # (t, k)
    steps_on: Index  # (t, c)


def open_engine_grid(own: FixedPoint, script: Path) -> EngineGrid:
    """Return a grid whose flow OpenDSS solves.

    Parameters
    ----------
    own
        The grid of the feeder that was read from the script.
    script
        The master script.

    Raises
    ------
    InputError
        OpenDSS that is not installed, or a script that has not the nodes, loads or regulators of the feeder.
    """
    require_engine(script)
    grid = EngineGrid(own, script.absolute())
    with running() as engine:
        compile_script(engine, grid.script)
        _require_same(engine.ActiveCircuit, own.feeder, script)
    return grid


def _require_same(circuit: Any, feeder: Feeder, script: Path) -> None:
    expected = "what the feeder was read from"
    known = (
        ("node", feeder.nodes.name, circuit.AllNodeNames),
        ("load", dict.fromkeys(feeder.loads.name), circuit.Loads.AllNames),
        ("regulator", feeder.regulators.name, circuit.RegControls.AllNames),
        ("capacitor bank", feeder.capacitors.name, circuit.Capacitors.AllNames),
    )
    problems = []
    for kind, names, there in known:
        held = {name.lower() for name in there}
        lacking = [name for name in names if name.lower() not in held]
        if lacking:
            problems.append(Problem(str(script), f"no {kind} '{lacking[0]}'", expected))
    if problems:
        raise InputError(problems)


def _play(engine: Any, grid: EngineGrid, powers: tuple[Col, Col], start: ControlState) -> _Played:
    """Let the engine solve step after step at powers (t, j) each [kW], [kvar]."""
    circuit, feeder, t = engine.ActiveCircuit, grid.feeder, len(powers[0])
    switch_off_open(circuit)
    elements.leave_out(circuit)
    step_s = grid.own.step_s
    clock_s = (start.time_s - step_s) % DAY_S  # the engine solves at the end of a step of its own
    hour, second = divmod(clock_s, HOUR_S)
    is_moving = moves(feeder)
    mode = "Static" if is_moving else "Off"
    for command in (
        *SETTINGS,
        f"Set StepSize={step_s:.9g}s Hour={hour:.0f} Sec={second:.9g} ControlMode={mode}",
    ):
        engine.Text.Command = command
    fed = feeder.regulators.transformer >= 0
    names = zip(feeder.regulators.name, start.tap.tolist(), fed, strict=True)
    steps = zip(feeder.capacitors.steps.tolist(), start.steps_on.tolist(), strict=True)
    set_controls(
        circuit,
        {name: tap for name, tap, is_fed in names if is_fed},
        dict(zip(feeder.capacitors.name, steps, strict=True)),
    )
    drawn = [_by_element(feeder, circuit, each) for each in powers]
    order = _order(circuit, feeder)
    m = len(feeder.nodes.name)
    found = _Played(
        np.full((t, m), np.nan, np.complex128),
        np.zeros(t, np.int64),
        np.zeros(t, np.int64),
        np.zeros((t, len(start.tap)), np.int64),
        np.zeros((t, len(start.steps_on)), np.int64),
    )
    for step in range(t):
        for name in drawn[0]:
            circuit.Loads.Name = name
            circuit.Loads.kW = drawn[0][name][step]
            circuit.Loads.kvar = drawn[1][name][step]
        solved = _solve(engine)
        found.tap[step], found.steps_on[step] = _controls(circuit, feeder)
        if is_moving:
            found.actions[step] = int(circuit.Solution.ControlIterations) - 1
        if solved:
            volts = np.asarray(circuit.AllBusVolts, np.float64).view(np.complex128)
            found.v[step] = volts[order]
            found.rounds[step] = max(int(circuit.Solution.Iterations), 1)
    return found


def _solve(engine: Any) -> bool:
    """Solve and return whether there is a solution; that of controls which hunt is the one at their last state."""
    try:
        solve_to_rest(engine)
    except fault_type():
        return False
    return has_converged(engine.ActiveCircuit)


def _order(circuit: Any, feeder: Feeder) -> Index:
    """Return where each node of the feeder stands among those of the engine, (m,)."""
    at = {name.lower(): row for row, name in enumerate(circuit.AllNodeNames)}
    return np.array([at[name.lower()] for name in feeder.nodes.name], np.int64)


def _by_element(feeder: Feeder, circuit: Any, power: Col) -> dict[str, Col]:
    """Return what each load of the script draws in the steps of meters (t, j), (t,) each; its model is set beside."""
    rows, share = feeder.loads, row_share(feeder)
    constant = (
        is_constant(rows.dependence)
        if len(rows.dependence.base_v)
        else np.ones(len(rows.meter), np.bool_)
    )
    total: dict[str, Col] = {}
    for row, name in enumerate(rows.name):
        total[name] = total.get(name, 0.0) + share[row] * power[:, rows.meter[row]]
    varies = {name for name, still in zip(rows.name, constant, strict=True) if not still}
    count = Counter(rows.name)
    for load in circuit.Loads:
        name = load.Name
        if name not in total:
            circuit.ActiveCktElement.Enabled = False
            continue
        total[name] = total[name] * (int(load.Phases) / count[name])  # dead phases draw nothing
        if name not in varies:
            load.Model, load.Vminpu, load.Vmaxpu = CONSTANT_POWER, 0.0, WIDE_PU
            circuit.ActiveDSSElement.Properties("vlowpu").Val = "0"
    return total


def _controls(circuit: Any, feeder: Feeder) -> tuple[list[int], list[int]]:
    """Return the taps and the steps that are on."""
    taps, banks = [], []
    for name in feeder.regulators.name:
        circuit.RegControls.Name = name
        taps.append(int(circuit.RegControls.TapNumber))
    for name in feeder.capacitors.name:
        circuit.Capacitors.Name = name
        banks.append(int(sum(circuit.Capacitors.States)))
    return taps, banks


def _as_flow(own: FixedPoint, p_kw: Col, q_kvar: Col, played: _Played, start: ControlState) -> Flow:
    """Return what the engine left as a flow; losses and the balance of each node are those of our matrix at its voltages."""
    v_pu = np.abs(played.v) / own.feeder.nodes.base_v
    settled = FlowResult(played.v, v_pu, played.rounds, np.zeros(len(p_kw)))
    flow = leave_flow(own.factors, p_kw, q_kvar, no_inverters(len(p_kw)), settled, start)
    flow = flow._replace(tap=played.tap, steps_on=played.steps_on, actions=played.actions)
    time_s = start.time_s + len(p_kw) * own.step_s
    after = start._replace(tap=played.tap[-1], steps_on=played.steps_on[-1], time_s=time_s)
    return _balanced(own, flow)._replace(after=after)


def _balanced(own: FixedPoint, flow: Flow) -> Flow:
    """Return a flow with the power into the network, its losses and the balance of its nodes, by the matrix of each step."""
    source_kva = np.zeros(len(flow.v), np.complex128)
    mismatch = np.zeros(len(flow.v))
    drawn = _drawn_kva(own, flow)
    for step in group_steps(flow):
        network = own.stand(flow, int(step[0])).factors.network
        inner = network.y - network.source_y
        into = 1e-3 * flow.v[step] * np.conj((inner @ flow.v[step].T).T) + drawn[step]
        at = own.factors.source_node
        source_kva[step] = into[:, at].sum(axis=1)
        rest = np.setdiff1d(np.arange(into.shape[1]), at)
        mismatch[step] = np.abs(into[:, rest]).max(axis=1, initial=0.0)
    return flow._replace(
        substation_p_kw=source_kva.real,
        substation_q_kvar=source_kva.imag,
        losses_kw=source_kva.real - flow.p_kw.sum(axis=1),
        mismatch_kva=mismatch,
    )


def _drawn_kva(own: FixedPoint, flow: Flow) -> Phasors:
    """Return what loads draw at each node, shape (t, m) [kVA]: a row between two nodes draws at both by its current."""
    rows = own.factors.loads
    asked = [each[:, rows.meter] * rows.share for each in (flow.rated_p_kw, flow.rated_q_kvar)]
    drawn = [each.copy() for each in asked]
    if rows.varies.any():  # each row as a meter of its own
        alone = rows._replace(meter=np.arange(len(rows.meter)), share=np.ones(len(rows.meter)))
        delivered(alone, flow.v, *asked, *drawn)
    t, m = flow.v.shape
    volts = np.concatenate([flow.v, np.zeros((t, 1))], axis=1)  # earth is the last
    across = volts[:, rows.start] - volts[:, rows.end]
    power = drawn[0] + 1j * drawn[1]
    current = np.divide(power, across, out=np.zeros_like(power), where=np.abs(across) > 0)
    found = np.zeros((m + 1, t), np.complex128)
    for side, sign in ((rows.start, 1.0), (rows.end, -1.0)):
        np.add.at(found, side, sign * (volts[:, side] * current).T)
    return found[:m].T
