"""Power flow against OpenDSS's own time loop: same feeder, same loads, same tolerance, one thread, one run.

Usage: python benchmarks/flow.py [data folder]. Prints flows per CPU second of both, their ratio and the largest difference.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from dss import DSS

from gridagora.core.feeder import Feeder
from gridagora.grid import flow
from gridagora.sources import opendss

FEEDERS = {
    "IEEE 13": "feeders/ieee/13Bus/IEEE13Nodeckt.dss",
    "IEEE 123": "feeders/ieee/123Bus/IEEE123Master.dss",
    "Austin": "feeders/smartds_austin/substations/p1uhs23_1247/p1uhs23_1247--p1udt21301/Master.dss",
    "EPRI ckt5": "feeders/epri_ckt5/Master_ckt5.dss",
}
STEPS = 2016
REPEATS = 2


def engine_with_shapes(path: Path, feeder: Feeder, share: np.ndarray, tolerance: float) -> Any:
    """OpenDSS with one load shape a load, controls stopped at the taps of the first solution, constant power."""
    engine = DSS.NewContext()
    engine.AllowChangeDir = False
    engine.Text.Command = f'Compile "{path}"'
    solution = engine.ActiveCircuit.Solution
    solution.Mode, solution.ControlMode = 0, 0
    solution.Solve()
    solution.ControlMode = -1
    give_shapes(engine, feeder, share, "model=1 vminpu=0.1 vmaxpu=3 ")
    for command in (
        "Disable EnergyMeter.*",
        f"Set Tolerance={tolerance}",
        "Set MaxIterations=500",
        "Set Mode=daily stepsize=5m",
    ):
        engine.Text.Command = command
    return engine


def give_shapes(engine: Any, feeder: Feeder, share: np.ndarray, model: str = "") -> None:
    """Have each load follow its own shape, shares of its rating (t, j) in steps of 5 minutes; `model` is what else is edited."""
    for j, name in enumerate(feeder.meters.name):
        values = " ".join(f"{value:.17g}" for value in share[:, j])
        engine.Text.Command = (
            f"New Loadshape.bench_{j} npts={len(share)} minterval=5 useactual=no mult=[{values}]"
        )
        engine.Text.Command = f"Edit Load.{name} daily=bench_{j} {model}status=variable"


def their_seconds(engine: Any) -> float:
    """CPU seconds of OpenDSS for all steps inside its own loop."""
    for command in ("Set hour=0 sec=0", f"Set Number={STEPS}"):
        engine.Text.Command = command
    start = time.process_time()
    engine.ActiveCircuit.Solution.Solve()
    return time.process_time() - start


def our_seconds(
    feeder: Feeder, p_kw: np.ndarray, q_kvar: np.ndarray, tolerance: float
) -> tuple[float, flow.Flow]:
    """CPU seconds of ours for all steps, factorisation and power balance included."""
    start = time.process_time()
    got = flow.solve(feeder, p_kw, q_kvar, tolerance)
    return time.process_time() - start, got


def compare(name: str, path: Path, tolerance: float) -> None:
    """Time both, best of some repeats, and compare the voltages of the last step."""
    feeder = opendss.read(path)
    share = np.random.Generator(np.random.Philox(7)).uniform(
        0.2, 0.8, (STEPS, len(feeder.meters.name))
    )
    rated_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    p_kw, q_kvar = share * feeder.meters.p_kw, share * rated_kvar
    engine = engine_with_shapes(path, feeder, share, tolerance)
    flow.solve(feeder, p_kw[:1], q_kvar[:1])
    theirs = min(their_seconds(engine) for _ in range(REPEATS))
    ours, got = min(
        (our_seconds(feeder, p_kw, q_kvar, tolerance) for _ in range(REPEATS)),
        key=lambda pair: pair[0],
    )
    circuit = engine.ActiveCircuit
    v = dict(
        zip(
            (n.lower() for n in circuit.YNodeOrder),
            np.array(circuit.YNodeVarray).view(complex),
            strict=True,
        )
    )
    off = np.abs(got.v[-1] - [v[node] for node in feeder.nodes.name]) / feeder.nodes.base_v
    print(
        f"{name:9s} {len(feeder.nodes.name):4d} nodes, tolerance {tolerance:.0e}: ours {STEPS / ours:7.0f}/s, "
        f"OpenDSS {STEPS / theirs:6.0f}/s, ratio {theirs / ours:4.1f}; {STEPS} steps {ours:.3f} s; "
        f"rounds {got.rounds.mean():.1f}; difference {off.max():.1e} pu; mismatch {got.mismatch_kva.max():.1e} kVA"
    )


if __name__ == "__main__":
    root = Path(
        sys.argv[1]
        if len(sys.argv) > 1
        else os.environ.get("GRIDAGORA_DATA", Path(__file__).parents[2] / "shared/data")
    )
    for feeder_name, master in FEEDERS.items():
        for limit in (1e-6, 1e-8):
            compare(feeder_name, root / master, limit)
