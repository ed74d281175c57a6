"""Power flow whose controls move, against OpenDSS, which runs in its own time loop with its controls on."""

import time
from pathlib import Path
from typing import Any

import dss
import numpy as np

from benchmarks.flow import give_shapes
from benchmarks.row import Row, alternate
from benchmarks.setting import Site
from benchmarks.sides.opendss import race_each, voltages
from gridagora.core.feeder import Feeder
from gridagora.core.flow import HUNTING, ControlState, Flow
from gridagora.grid.controlled_flow import solve_controlled
from gridagora.grid.controls import ControlledGrid, factor_controls
from gridagora.grid.flow import held_state
from gridagora.sources import opendss
from gridagora.sources.opendss.state import set_controls

NAME, UNIT, TOLERANCE, ASKED = "opendss_controls", "flow", 1e-6, 10.0
FEEDERS = {
    "IEEE 13": "feeders/ieee/13Bus/IEEE13Nodeckt.dss",
    "IEEE 34": "feeders/ieee/34Bus/ieee34Mod1.dss",
    "IEEE 37": "feeders/ieee/37Bus/ieee37.dss",
    "IEEE 123": "feeders/ieee/123Bus/IEEE123Master.dss",
}
STEPS, STEP_S, DAY = 2016, 300.0, 288
OURS_PU = 2e-7  # as far off as OpenDSS then is at most, 1.8e-7 to 2.5e-7 of its own solution at 1e-12 on these feeders
CONDITIONS = (
    f"{STEPS} steps of 5 minutes, loads of their own models on a wave of each day with noise of 5 %, regulators and capacitor "
    f"banks move. OpenDSS has the tolerance {TOLERANCE:.0e} pu, which leaves it {OURS_PU:.0e} pu off; ours, which says how far a "
    f"voltage is off, has {OURS_PU:.0e}. OpenDSS starts each step at the last solution and runs all of them in one call. Feeders "
    "are compiled before, on our side tables of controls and the first factors; later factorisations count, and of ours its "
    "losses and its check of the power balance"
)


def run(site: Site) -> list[Row]:
    """Return a row for each feeder."""
    return race_each(site, NAME, FEEDERS, STEPS, race)


def race(site: Site, case: str, path: Path) -> Row:
    """Time both on one feeder, and compare taps, banks and voltages of the last step."""
    feeder = opendss.read(path)
    share = shares(len(feeder.meters.name))
    rated = np.bincount(feeder.loads.meter, feeder.loads.q_kvar, minlength=share.shape[1])
    powers = share * feeder.meters.p_kw, share * rated
    engine = engine_of(path, feeder, share)
    start = held_state(feeder)._replace(time_s=STEP_S)
    grid = factor_controls(feeder)
    _, got = ours(feeder, grid, powers, start)
    pairs = alternate(
        lambda: ours(feeder, grid, powers, start)[0],
        lambda: theirs(engine, feeder, start),
        site.repeats,
    )
    off = np.abs(got.v[-1] - voltages(engine, feeder.nodes.name)) / feeder.nodes.base_v
    tap = [control.TapNumber for control in engine.ActiveCircuit.RegControls]
    equal = "as" if np.array_equal(tap, got.tap[-1]) else "NOT as"
    return Row(
        NAME,
        f"{case}, {len(feeder.nodes.name)} nodes",
        f"OpenDSS, dss-python {dss.__version__}",
        UNIT,
        STEPS,
        STEPS,
        pairs,
        ASKED,
        accuracy=f"taps {equal} in OpenDSS after {np.abs(np.diff(got.tap, axis=0)).sum()} moves, voltages differ by at most "
        f"{off.max():.0e} pu; power balance {np.nanmax(got.mismatch_kva):.0e} kVA",
        conditions=CONDITIONS,
    )


def shares(meters: int) -> np.ndarray:
    """Return what each meter draws of its rating, shape (t, j): days from about 0.3 to about 1, with noise."""
    dice = np.random.default_rng(7)
    along = np.arange(STEPS)[:, None] * 2 * np.pi / DAY
    wave = 0.65 - 0.35 * np.cos(along + dice.uniform(-0.5, 0.5, meters))
    return np.asarray(wave + 0.05 * dice.standard_normal((STEPS, meters)))


def engine_of(path: Path, feeder: Feeder, share: np.ndarray) -> Any:
    """Return the engine with one load shape a load."""
    engine = dss.DSS.NewContext()
    engine.AllowForms = engine.AllowChangeDir = False
    engine.Text.Command = f'Compile "{path}"'
    give_shapes(engine, feeder, share)
    for command in (
        "Disable EnergyMeter.*",
        f"Set Tolerance={TOLERANCE} MaxIterations=500 MaxControlIter={HUNTING + 1}",
        f"Set Mode=daily StepSize={STEP_S}s Number={STEPS} ControlMode=static",
    ):
        engine.Text.Command = command
    return engine


def ours(
    feeder: Feeder, grid: ControlledGrid, powers: tuple[np.ndarray, np.ndarray], start: ControlState
) -> tuple[float, Flow]:
    """Return CPU seconds of ours for all steps, and the flow."""
    begin = time.process_time()
    got = solve_controlled(feeder, *powers, STEP_S, OURS_PU, before=start, grid=grid)
    return time.process_time() - begin, got


def theirs(engine: Any, feeder: Feeder, start: ControlState) -> float:
    """Return CPU seconds of OpenDSS for all steps from the same taps and banks."""
    taps = dict(zip(feeder.regulators.name, start.tap.tolist(), strict=True))
    banks = zip(feeder.capacitors.steps.tolist(), start.steps_on.tolist(), strict=True)
    set_controls(engine.ActiveCircuit, taps, dict(zip(feeder.capacitors.name, banks, strict=True)))
    engine.Text.Command = "Set Hour=0 Sec=0"
    begin = time.process_time()
    engine.ActiveCircuit.Solution.Solve()
    return time.process_time() - begin
