"""Days of published feeders with their controls and load models: taps, banks and voltages are those of OpenDSS in every interval.

Loads follow a wave of their own with noise. The 8,531 nodes of IEEE's feeder of that name are no part of the data folder: put
`8500-Node` of the IEEE test cases of OpenDSS into `feeders/ieee` to have its day run.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridagora.core.feeder import Feeder
from gridagora.core.flow import HUNTING
from gridagora.grid.controlled_flow import solve_controlled
from gridagora.grid.flow import held_state
from gridagora.report.opendss_model import write_opendss
from gridagora.sources import gridlabd, opendss
from tests.grid.controlled_days import Day

SMALL = (
    "13Bus/IEEE13Nodeckt.dss",
    "34Bus/ieee34Mod1.dss",
    "37Bus/ieee37.dss",  # without earth behind its regulators: what stands against floating sets its neutral
    "123Bus/IEEE123Master.dss",
)
LARGE = ("ieee/8500-Node/Master.dss",)
TAXONOMY = "feeders/taxonomy/tesp/R5-12.47-1.glm"
TOLERANCE_PU = 1e-6
LOWEST = 0.25  # share of the rating that the shares of a day come down to


def shares(steps: int, loads: int) -> Any:
    """Return what each load draws of its rating, shape (t, l): a day from about 0.3 to about 1, with noise of 5 %."""
    dice = np.random.default_rng(7)
    along = np.linspace(0, 2 * np.pi, steps, endpoint=False)[:, None]
    wave = 0.65 - 0.35 * np.cos(along + dice.uniform(-0.5, 0.5, loads))
    return wave + 0.05 * dice.standard_normal((steps, loads))


def engine_of(path: Path, feeder: Feeder, share: Any, minutes: int) -> Any:
    """Return the engine before the day, one load shape a load."""
    from dss import DSS

    engine = DSS.NewContext()
    engine.AllowForms = engine.AllowChangeDir = False
    engine.Text.Command = f'Compile "{path}"'
    for at, name in enumerate(feeder.meters.name):
        values = " ".join(f"{value:.17g}" for value in share[:, at])
        engine.Text.Command = f"New Loadshape.day_{at} npts={len(share)} minterval={minutes} useactual=no mult=[{values}]"
        engine.Text.Command = f"Edit Load.{name} daily=day_{at} status=variable"
    for command in (
        "Disable EnergyMeter.*",
        "Set tolerance=1e-10 maxiterations=500 maxcontroliter=200",
        f"Set mode=daily stepsize={minutes}m number=1 controlmode=static",
        "Set hour=0 sec=0",
    ):
        engine.Text.Command = command
    return engine


def state_of(circuit: Any) -> tuple[Any, Any]:
    """Return taps and steps on."""
    taps = [one.TapNumber for one in circuit.RegControls]
    on = [sum(one.States) for one in circuit.Capacitors]
    return np.array(taps, np.int64), np.array(on, np.int64)


def engine_day(engine: Any, steps: int) -> Day:
    """Return the day under the engine."""
    circuit, found, volts = engine.ActiveCircuit, [], []
    for _ in range(steps):
        circuit.Solution.Solve()
        assert circuit.Solution.Converged
        found.append(state_of(circuit))
        volts.append(np.array(circuit.YNodeVarray, float).view(complex))
    tap, on = (np.array(each) for each in zip(*found, strict=True))
    return Day(tap, on, np.array(volts), tuple(name.lower() for name in circuit.YNodeOrder))


def assert_same_day(path: Path, steps: int, swing: float = 1.0) -> None:
    """Controls stand as in the engine in every interval, and voltages differ by less than the tolerance.

    Shares of the rating swing so many times as far about their lowest.
    """
    feeder, minutes = opendss.read(path), 24 * 60 // steps
    share = LOWEST + swing * (shares(steps, len(feeder.meters.name)) - LOWEST)
    engine = engine_of(path, feeder, share, minutes)
    tap, on = state_of(engine.ActiveCircuit)
    rated = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    before = held_state(feeder)._replace(tap=tap, steps_on=on, time_s=60.0 * minutes)
    ours = solve_controlled(
        feeder, share * feeder.meters.p_kw, share * rated, 60.0 * minutes, 1e-9, before=before
    )
    theirs = engine_day(engine, steps)
    assert np.array_equal(ours.tap, theirs.tap)
    assert np.array_equal(ours.steps_on, theirs.on)
    assert (ours.actions < HUNTING).all()
    order = [theirs.nodes.index(name) for name in feeder.nodes.name]
    assert (np.abs(ours.v - theirs.v[:, order]) / feeder.nodes.base_v).max() < TOLERANCE_PU
    assert len(np.unique(np.hstack([theirs.tap, theirs.on]), axis=0)) > 3


@pytest.mark.parametrize("name", SMALL)
def test_a_day_of_a_published_feeder_is_that_of_opendss(name: str, data_dir: Path) -> None:
    assert_same_day(data_dir / "feeders/ieee" / name, 288)


def test_a_day_of_a_converted_taxonomy_feeder_is_that_of_opendss(
    tmp_path: Path, data_dir: Path
) -> None:
    """Its regulator stands at the source and its banks follow the voltage, which moves enough once loads swing twice as far."""
    feeder = gridlabd.read(data_dir / TAXONOMY)
    assert_same_day(write_opendss(feeder, tmp_path).path, 96, swing=2.0)


@pytest.mark.long
@pytest.mark.parametrize("name", LARGE)
def test_a_day_of_a_large_feeder_is_that_of_opendss(name: str, data_dir: Path) -> None:
    path = data_dir / "feeders" / name
    if not path.exists():
        pytest.skip(f"there is no {path}: it is one of the IEEE test cases of OpenDSS")
    assert_same_day(path, 96)
