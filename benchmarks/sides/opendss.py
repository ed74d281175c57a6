"""Power flow against OpenDSS, which runs in its own time loop on the same feeders and loads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dss
import numpy as np

from benchmarks import flow as bench
from benchmarks.peer import PeerError
from benchmarks.row import Row, alternate
from benchmarks.setting import Site, absent, data_file
from gridagora.grid import flow
from gridagora.sources import opendss

NAME, UNIT, TOLERANCE = "opendss", "flow", 1e-6
CONDITIONS = (
    f"{bench.STEPS} steps of constant-power loads that vary by meter, tolerance {TOLERANCE:.0e} pu on both sides, taps and "
    "capacitors held where OpenDSS settled them; OpenDSS starts each step at the last solution and runs all of them in one call. "
    "Ours counts its factorisation, its loss and its check of the power balance"
)


def run(site: Site) -> list[Row]:
    """Return a row for each feeder."""
    return race_each(site, NAME, bench.FEEDERS, bench.STEPS, race)


def race_each(
    site: Site,
    name: str,
    feeders: Mapping[str, str],
    steps: int,
    race_one: Callable[[Site, str, Path], Row],
) -> list[Row]:
    """Return a row for each feeder, by name and path in the data folder; one that could not be timed says why."""
    rows = []
    for feeder, path in feeders.items():
        case = f"{feeder}, {steps} steps"
        try:
            rows.append(race_one(site, case, data_file(site.data, path)))
        except PeerError as fault:
            rows.append(absent(name, case, "OpenDSS", UNIT, fault))
    return rows


def race(site: Site, case: str, path: Path) -> Row:
    """Time both on one feeder and compare the voltages of the last step."""
    feeder = opendss.read(path)
    share = np.random.Generator(np.random.Philox(7)).uniform(
        0.2, 0.8, (bench.STEPS, len(feeder.meters.name))
    )
    rated_kvar = np.bincount(
        feeder.loads.meter, feeder.loads.q_kvar, minlength=len(feeder.meters.name)
    )
    p_kw, q_kvar = share * feeder.meters.p_kw, share * rated_kvar
    engine = bench.engine_with_shapes(path, feeder, share, TOLERANCE)
    got = flow.solve(feeder, p_kw, q_kvar, TOLERANCE)
    pairs = alternate(
        lambda: bench.our_seconds(feeder, p_kw, q_kvar, TOLERANCE)[0],
        lambda: bench.their_seconds(engine),
        site.repeats,
    )
    off = np.abs(got.v[-1] - voltages(engine, feeder.nodes.name)) / feeder.nodes.base_v
    return Row(
        NAME,
        f"{case}, {len(feeder.nodes.name)} nodes",
        f"OpenDSS, dss-python {dss.__version__}",
        UNIT,
        bench.STEPS,
        bench.STEPS,
        pairs,
        accuracy=f"voltages differ by at most {off.max():.0e} pu; power balance {np.nanmax(got.mismatch_kva):.0e} kVA",
        conditions=CONDITIONS,
    )


def voltages(engine: Any, names: tuple[str, ...]) -> np.ndarray:
    """Return the voltages of the engine at nodes by name [V]."""
    circuit = engine.ActiveCircuit
    found = np.array(circuit.YNodeVarray).view(complex)
    by_name = dict(zip((name.lower() for name in circuit.YNodeOrder), found, strict=True))
    return np.array([by_name[name] for name in names])
