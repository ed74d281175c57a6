"""Loads whose power jumps at the edge of their band: a flow may then have two solutions, and the past tells which is found.

A load of CVR exponents draws less below its rated voltage, and its rated power as soon as the voltage leaves its band: behind an
impedance it may stand above the edge as well as below. OpenDSS keeps the side on which it was.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from gridagora.grid.fixed_point import open_grid
from gridagora.grid.flow import solve
from gridagora.sources import opendss
from gridagora.sources.opendss.engine_grid import open_engine_grid
from tests.grid.test_days_of_feeders import shares

OHM, KW, BASE_V = 0.28, 10.0, 240.0
SCRIPT = f"""Clear
New Circuit.t basekv=.24 pu=1 bus1=s phases=1 r1=1e-7 x1=1e-7 r0=1e-7 x0=1e-7
New Line.l bus1=s bus2=b phases=1 r1={OHM} x1=0 r0={OHM} x0=0 c1=0 c0=0 length=1
New Load.a bus1=b phases=1 kv=.24 kw={KW} kvar=0 model=4 cvrwatts=.8 vminpu=.95 vmaxpu=1.05 vlowpu=.5
Set VoltageBases=[.41569219]
CalcVoltageBases
Set Tolerance=1e-12 MaxIterations=500
Solve
"""
EDGE_PU, LOW_PU, CVR = 0.95, 0.5, 0.8
SAME_PU = 1e-6
CKT5 = "feeders/epri_ckt5/Master_ckt5.dss"
STEPS, WINDOW, QUARTER_S = 96, slice(42, 47), 900.0


def inside(v: float) -> float:
    """Current of the load within its band, over that at rated power and voltage [1]."""
    return v ** (CVR - 1)


def below(v: float) -> float:
    """Current below the band: a line from rated power at its edge to constant impedance at LOW_PU [1]."""
    at_edge = 1 / EDGE_PU
    return at_edge + (v - EDGE_PU) * (at_edge - LOW_PU) / (EDGE_PU - LOW_PU)


def closed_form() -> tuple[float, float]:
    """Voltages of the solution above the edge and of that below it [pu]."""
    drop = 1e3 * KW * OHM / BASE_V**2
    return tuple(brentq(lambda v, of=of: 1 - drop * of(v) - v, 0.9, 1) for of in (inside, below))


def engine_after(past_kw: float) -> float:
    """Return the voltage of the load under OpenDSS where it drew something else before [pu]."""
    from dss import DSS

    engine = DSS.NewContext()
    engine.AllowForms = False
    for line in SCRIPT.splitlines():
        engine.Text.Command = line
    for kw in (past_kw, KW):
        engine.Text.Command = f"Load.a.kw={kw}"
        engine.ActiveCircuit.Solution.Solve()
    volts: Any = np.array(engine.ActiveCircuit.YNodeVarray, float).view(complex)
    return float(abs(volts[-1]) / BASE_V)


def test_a_load_that_jumps_has_two_solutions_and_ours_is_one(tmp_path: Path) -> None:
    above, under = closed_form()
    assert under < EDGE_PU < above
    assert engine_after(1.0) == pytest.approx(above, abs=SAME_PU)
    assert engine_after(16.0) == pytest.approx(under, abs=SAME_PU)
    path = tmp_path / "jump.dss"
    path.write_text(SCRIPT)
    got = solve(opendss.read(path), np.full((1, 1), KW), np.zeros((1, 1)))
    assert got.mismatch_kva.max() < 1e-5
    assert min(abs(got.v_pu[0, -1] - v) for v in (above, under)) < SAME_PU


def test_a_feeder_on_which_engines_differ_has_two_solutions(data_dir: Path) -> None:
    """Homes of one transformer stand on one side of their edge in ours, on the other in OpenDSS; both fulfil our equations."""
    path = data_dir / CKT5
    feeder = opendss.read(path)
    own = open_grid(feeder, moves_controls=True, step_s=QUARTER_S)
    rows = feeder.loads
    share = shares(STEPS, len(feeder.meters.name))[WINDOW]
    powers = share * feeder.meters.p_kw, share * np.bincount(rows.meter, rows.q_kvar)
    ours, theirs = own.flow(*powers), open_engine_grid(own, path).flow(*powers)
    assert np.array_equal(ours.steps_on, theirs.steps_on)
    assert ours.mismatch_kva.max() < 1e-3
    assert theirs.mismatch_kva.max() < 1e-3
    off = (np.abs(ours.v - theirs.v) / feeder.nodes.base_v).max(axis=1)
    assert (off < SAME_PU).tolist() == [False, True, True, True, True]
    edge_v = rows.dependence.v_min_pu * rows.dependence.base_v
    volts = [np.append(each.v[0], 0.0) for each in (ours, theirs)]  # earth is the last
    is_above = [np.abs(v[rows.from_node] - v[rows.to_node]) > edge_v for v in volts]
    jumped = np.flatnonzero(is_above[0] != is_above[1])
    homes = [rows.name[row] for row in jumped]
    assert len(homes) > 1
    assert len({name.rpartition("-")[0] for name in homes}) == 1
    assert len(set(is_above[0][jumped].tolist())) == 1
