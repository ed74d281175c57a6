"""A feeder of an OpenDSS script whose flow OpenDSS itself solves; limits and prices stay those of our own matrix around it.

The engine plays the script anew for every batch of steps, with its controls from the state that the steps before left. Every load
draws what its meter is asked for, at any voltage where the feeder says so.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder, row_share
from gridagora.core.flow import HUNTING, ControlState
from gridagora.core.tables import Col, Index
from gridagora.core.voltage_dependence import is_constant
from gridagora.grid.controls import moves
from gridagora.grid.engine_grid import EngineGrid, EngineSteps
from gridagora.grid.fixed_point import FixedPoint
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


@dataclass(frozen=True)
class OpenDss:
    """OpenDSS as the engine of a feeder, with the script that the feeder was read from."""

    script: Path
    name: str = "OpenDSS"

    def play(self, own: FixedPoint, powers: tuple[Col, Col], start: ControlState) -> EngineSteps:
        """Return what OpenDSS leaves of t steps in which every meter draws powers (t, j) each [kW], [kvar].

        Dead times of capacitor banks and the direction in which a regulator looks begin anew with each batch.

        Raises
        ------
        InputError
            A script that OpenDSS now refuses.
        """
        with running() as engine:
            compile_script(engine, self.script)
            return _play(engine, own, powers, start)


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
    solver = OpenDss(script.absolute())
    with running() as engine:
        compile_script(engine, solver.script)
        _require_same(engine.ActiveCircuit, own.feeder, script)
    return EngineGrid(own, solver)


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


def _play(
    engine: Any, own: FixedPoint, powers: tuple[Col, Col], start: ControlState
) -> EngineSteps:
    """Let the engine solve step after step at powers (t, j) each [kW], [kvar]."""
    circuit, feeder, t = engine.ActiveCircuit, own.feeder, len(powers[0])
    switch_off_open(circuit)
    elements.leave_out(circuit)
    step_s = own.step_s
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
    found = EngineSteps(
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
