"""Load models: what OpenDSS draws on both sides of every band, slopes by finite differences, and what a scene keeps of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridagora.core.feeder import Feeder
from gridagora.core.voltage_dependence import (
    Outside,
    check_dependence,
    constant_power,
    is_constant,
    with_constant,
)
from gridagora.grid import flow
from gridagora.kernels.flow.load_models import load_current_slopes
from gridagora.scenario.dwellings import keep_load_models
from gridagora.scenario.schema import Scenario
from gridagora.sources import opendss

KINDS = {
    1: "",
    2: "",
    3: "",
    4: "cvrwatts=.8 cvrvars=3",
    5: "",
    6: "",
    7: "",
    8: "zipv=[.3 .3 .4 .5 .2 .3 .66]",
}
SCRIPT = """Clear
New Circuit.c basekv=12.47 pu={pu} phases=3 bus1=s
New Line.l bus1=s bus2=b length=1 r1=2 x1=3 r0=4 x0=6 c1=0 c0=0
{loads}
New Load.delta phases=3 conn=delta bus1=b kv=12.47 kw=300 kvar=90 model=5
New Load.wye phases=3 bus1=b kv=12.47 kw=300 kvar=90 model=8 zipv=[.2 .3 .5 .2 .3 .5 .7]
New Load.line phases=1 bus1=b.1.2 kv=12.47 kw=100 kvar=20 model=4 vminpu=.9 vlowpu=.4
Set VoltageBases=[12.47]
CalcVoltageBases
Set Tolerance=1e-10
Set MaxIterations=1000
Solve
"""


def script(pu: float) -> str:
    each = [
        f"New Load.m{kind}{phase} phases=1 bus1=b.{phase} kv=7.2 kw={60 + 7 * kind + phase} kvar={30 + 2 * kind} "
        f"model={kind} {more}"
        for phase in (1, 2, 3)
        for kind, more in KINDS.items()
    ]
    return SCRIPT.format(pu=pu, loads="\n".join(each))


def read(folder: Path, pu: float) -> tuple[Feeder, Path]:
    path = folder / f"of {pu}.dss"
    path.write_text(script(pu))
    return opendss.read(path), path


def rated(feeder: Feeder) -> tuple[np.ndarray, np.ndarray]:
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    return feeder.meters.p_kw[None], q_kvar[None]


# above 1.05, at 1, and below 0.95, the ZIP loads' cut-off and vlowpu
@pytest.mark.parametrize("pu", [1.09, 1.0, 0.95, 0.72, 0.5])
def test_draw_what_opendss_draws_on_both_sides_of_every_band(tmp_path: Path, pu: float) -> None:
    from dss import DSS

    feeder, path = read(tmp_path, pu)
    got = flow.solve(feeder, *rated(feeder), 1e-11)
    engine = DSS.NewContext()
    engine.AllowChangeDir = False
    engine.Text.Command = f'Redirect "{path}"'
    circuit = engine.ActiveCircuit
    theirs: dict[str, Any] = {}
    for load in circuit.Loads:
        power = np.array(circuit.ActiveCktElement.Powers, float)
        theirs[load.Name] = power[::2].sum(), power[1::2].sum()
    drawn = np.column_stack([got.p_kw[0], got.q_kvar[0]])
    assert drawn == pytest.approx(np.array([theirs[name] for name in feeder.meters.name]), abs=2e-6)
    assert got.substation_p_kw[0] == pytest.approx(-circuit.TotalPower[0], abs=1e-5)
    assert got.losses_kw[0] == pytest.approx(circuit.Losses[0] / 1e3, abs=1e-5)
    assert got.mismatch_kva[0] < 1e-4


@pytest.mark.parametrize("pu", [1.09, 1.0, 0.8, 0.5])
def test_slopes_of_currents_are_finite_differences(tmp_path: Path, pu: float) -> None:
    feeder, _ = read(tmp_path, pu)
    loads, (p_kw, q_kvar) = flow.load_rows(feeder), rated(feeder)
    v = flow.solve(feeder, p_kw, q_kvar).v
    by_v, by_conj = (each[0] for each in load_current_slopes(loads, v, p_kw, q_kvar)[:2])

    def current(v: np.ndarray, p_kw: np.ndarray, q_kvar: np.ndarray) -> np.ndarray:
        # by_p and by_q are what a kW and a kvar draw, so the current is their sum
        _, _, of_p, of_q = load_current_slopes(loads, v, p_kw, q_kvar)
        return of_p[0] * p_kw[0, loads.meter] + of_q[0] * q_kvar[0, loads.meter]

    rows = np.arange(len(loads.start))
    end = np.where(loads.end < 0, 0, loads.end)
    for turn in (1.0, 1j):
        move = 1e-3 * turn
        for row in rows:
            ends = []
            for sign in (1, -1):
                moved = v.copy()
                moved[0, loads.start[row]] += sign * move
                ends.append(current(moved, p_kw, q_kvar)[row])
            found = (ends[0] - ends[1]) / 2
            assert found == pytest.approx(
                by_v[row] * move + by_conj[row] * np.conj(move), rel=1e-5, abs=1e-9
            )
    across = v[0, loads.start] - np.where(loads.end < 0, 0, v[0, end])
    assert np.array_equal(is_constant(feeder.loads.dependence), loads.varies == 0)
    assert (np.abs(across) > 0).all()


def test_rows_without_dependence_and_rows_of_constant_power_are_the_same_to_the_bit(
    tmp_path: Path,
) -> None:
    feeder, _ = read(tmp_path, 1.0)
    base_v = feeder.loads.dependence.base_v
    bare, plain = (
        replace(feeder, loads=feeder.loads._replace(dependence=each))
        for each in (constant_power(base_v[:0]), constant_power(base_v))
    )
    one, two = (flow.solve(each, *rated(feeder)) for each in (bare, plain))
    assert np.array_equal(one.v, two.v)
    assert np.array_equal(one.p_kw, one.rated_p_kw)
    assert not np.array_equal(flow.solve(feeder, *rated(feeder)).v, one.v)


def test_homes_draw_what_they_need_and_others_follow_the_file_or_nothing(tmp_path: Path) -> None:
    feeder, _ = read(tmp_path, 1.0)
    homes = np.array([0, 3])
    kept = keep_load_models(feeder, Scenario(), homes).loads
    of_homes = np.isin(kept.meter, homes)
    assert is_constant(kept.dependence)[of_homes].all()
    before = feeder.loads.dependence
    assert np.array_equal(kept.dependence.p_share[~of_homes], before.p_share[~of_homes])
    held = Scenario.model_validate({"feeder": {"load_models": "constant_power"}})
    assert not len(keep_load_models(feeder, held, homes).loads.dependence.base_v)
    everybody = np.arange(len(feeder.meters.name))
    assert not len(keep_load_models(feeder, Scenario(), everybody).loads.dependence.base_v)


def test_tables_that_cannot_be_are_named_by_column_and_row() -> None:
    good = constant_power(np.array([240.0, 240.0]))
    assert not check_dependence(good, 2, "here")
    assert not check_dependence(with_constant(good, np.ones(2, bool)), 5, "here")
    bad = good._replace(
        base_v=np.array([240.0, 0.0]),
        v_min_pu=np.array([-0.3, 0.0]),
        p_outside=np.array([0, 7]),
    )
    told = " ".join(str(each) for each in check_dependence(bad, 2, "here"))
    assert all(name in told for name in ("here.base_v", "0 in row 1", "here.v_min_pu", "Outside"))
    assert "expected 3" in str(check_dependence(good, 3, "here")[0])
    assert set(good.p_outside) == {Outside.LINE}
