"""Days of feeders with inverters that follow voltage: under OpenDSS with a control for each of them, and in our flow."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.core.inverters import Infeed, InverterRule, InverterTable
from gridagora.core.voltage_dependence import with_constant
from gridagora.grid.fixed_point import open_grid
from gridagora.grid.flow import held_state
from gridagora.sources import opendss

TIGHT = 1e-7  # of what the engine's controls leave, of a rating and in pu
STEADY = "vminpu=.1 vmaxpu=9 vlowpu=.01"


class Panel(NamedTuple):
    """Panels and their inverter: its rating is theirs."""

    bus: str
    phases: int
    kv: float  # as the engine counts it: of one phase to earth, else between phases
    kw: float


class Day(NamedTuple):
    """A day of the engine: taps (t, k), voltages (t, m) [V], nodes by name, powers of panels (t, i) [kW], [kvar]."""

    tap: Any
    v: Any
    nodes: tuple[str, ...]
    p_kw: Any
    q_kvar: Any


def with_meters(script: str, panels: list[Panel]) -> str:
    """Return a script in which a meter of no load stands at every panel, and whose loads keep their model at any voltage."""
    meters = "".join(
        f"New Load.panel{at} bus1={each.bus} phases={each.phases} kv={each.kv} kw=1e-7 kvar=0\n"
        for at, each in enumerate(panels)
    )
    return f"{script}\n{meters}BatchEdit Load..* {STEADY}\nCalcVoltageBases\nSet MaxControlIter=200\nSolve\n"


def sun_and_load(steps: int) -> tuple[Any, Any]:
    """Return the share of sun and of load in every step, (t,) each."""
    sun = np.sin(np.linspace(-0.6, np.pi + 0.6, steps)).clip(min=0)
    return sun, 0.35 + 0.3 * np.sin(np.linspace(0, 2 * np.pi, steps)) ** 2


def engine_day(
    script: str, panels: list[Panel], rule: InverterRule, minutes: int, steps: int
) -> Day:
    """Return the day under OpenDSS, controls in mode STATIC; a control for each panel, since one of several phases fails."""
    from dss import DSS

    engine = DSS.NewContext()
    engine.AllowForms = False
    for line in script.splitlines():
        engine.Text.Command = line
    circuit = engine.ActiveCircuit
    loads = [(load.Name, load.kW, load.kvar) for load in circuit.Loads]
    sun, load = sun_and_load(steps)
    for command in _controls(panels, rule):
        engine.Text.Command = command
    for command in (
        f"Set mode=daily stepsize={minutes}m number=1 tolerance=1e-11 maxiterations=500",
        "Set controlmode=static hour=0 sec=0",
        "Set MaxControlIter=4000",
    ):
        engine.Text.Command = command
    taps, volts, powers = [], [], []
    for step in range(steps):
        for name, kw, kvar in loads:
            engine.Text.Command = f"Load.{name}.kw={kw * load[step]:.12g}"
            engine.Text.Command = f"Load.{name}.kvar={kvar * load[step]:.12g}"
        for at in range(len(panels)):
            engine.Text.Command = f"PVSystem.panel{at}.irradiance={sun[step]:.12g}"
        circuit.Solution.Solve()
        assert circuit.Solution.Converged
        taps.append([one.TapNumber for one in circuit.RegControls])
        volts.append(np.array(circuit.AllBusVolts, float).view(complex))
        powers.append([_given(circuit, at) for at in range(len(panels))])
    nodes = tuple(name.lower() for name in circuit.AllNodeNames)
    given = np.array(powers)
    return Day(np.array(taps), np.array(volts), nodes, given[..., 0], given[..., 1])


def our_day(
    path: Path, panels: list[Panel], rule: InverterRule, minutes: int, steps: int
) -> tuple[Feeder, Flow]:
    """Return the feeder and its day in our flow; the engine's first step ends one step after midnight."""
    feeder = opendss.read(path)
    names = [name.lower() for name in feeder.meters.name]
    meter = np.array([names.index(f"panel{at}") for at in range(len(panels))])
    plain = with_constant(feeder.loads.dependence, np.isin(feeder.loads.meter, meter))
    feeder = replace(feeder, loads=feeder.loads._replace(dependence=plain))
    (sun, load), step_s = sun_and_load(steps), 60.0 * minutes
    rated = np.array([each.kw for each in panels])
    infeed = Infeed(
        InverterTable(meter, rated, rated),
        rule,
        sun[:, None] * rated,
        np.ones((steps, len(panels)), bool),
    )
    rated_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    grid = open_grid(feeder, moves_controls=True, step_s=step_s)
    before = held_state(feeder)._replace(time_s=step_s)
    drawn = load[:, None] * feeder.meters.p_kw, load[:, None] * rated_kvar
    return feeder, grid.flow(*drawn, before, infeed)


def _controls(panels: list[Panel], rule: InverterRule) -> list[str]:
    """Return the commands that make panels and a control for each."""
    at, share = (" ".join(map(str, column)) for column in rule.volt_var)
    found = [f"New XYCurve.var npts={len(rule.volt_var.share)} xarray=({at}) yarray=({share})"]
    mode = "mode=voltvar"
    if rule.volt_watt is not None:
        at, share = (" ".join(map(str, column)) for column in rule.volt_watt)
        found.append(
            f"New XYCurve.watt npts={len(rule.volt_watt.share)} xarray=({at}) yarray=({share})"
        )
        mode = "combimode=vv_vw voltwatt_curve=watt voltwattyaxis=pmpppu"
    for row, each in enumerate(panels):
        ratings = f"kVA={each.kw} pmpp={each.kw} kvarmax={each.kw} kvarmaxabs={each.kw}"
        found.append(
            f"New PVSystem.panel{row} bus1={each.bus} phases={each.phases} kv={each.kv} {ratings} irradiance=1 pf=1 "
            f"%cutin=0 %cutout=0 vminpu=.1 vmaxpu=9 wattpriority={'no' if rule.var_first else 'yes'}"
        )
        found.append(
            f"New InvControl.at{row} derlist=[PVSystem.panel{row}] {mode} voltage_curvex_ref=rated vvc_curve1=var "
            f"refreactivepower=varmax deltaq_factor=.2 deltap_factor=.2 voltagechangetolerance={TIGHT} "
            f"varchangetolerance={TIGHT} activepchangetolerance={TIGHT}"
        )
    return found


def _given(circuit: Any, at: int) -> tuple[float, float]:
    """Return what a panel gives [kW], [kvar]."""
    circuit.SetActiveElement(f"PVSystem.panel{at}")
    element = circuit.ActiveCktElement
    power, ends = np.array(element.Powers), 2 * element.NumConductors
    return -power[:ends:2].sum(), -power[1:ends:2].sum()
