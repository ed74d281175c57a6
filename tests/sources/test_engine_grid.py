"""The flow by OpenDSS itself: taps, banks and voltages of our own flow, in one batch, step by step and through a run."""

from pathlib import Path

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.grid.fixed_point import open_grid
from gridagora.run.compare import compare
from gridagora.scenario import build
from gridagora.sources import opendss
from gridagora.sources.opendss.engine_grid import open_engine_grid

SCRIPT = """Clear
New Circuit.street basekv=12.47 pu=1.02 mvasc3=300 mvasc1=250
New Line.a bus1=sourcebus bus2=a phases=3 r1=.4 x1=.8 r0=1.2 x0=2.4 c1=3 c0=2 length=3 units=km
New Transformer.reg phases=3 xhl=1 kvas=[5000 5000] buses=[a r] kvs=[12.47 12.47] %loadloss=.1
New RegControl.rc transformer=reg winding=2 vreg=122 band=2 ptratio=60 ctprim=100 r=2 x=3
New Line.b bus1=r bus2=b phases=3 r1=.4 x1=.8 r0=1.2 x0=2.4 c1=3 c0=2 length=3 units=km
New Capacitor.cap bus1=b phases=3 kv=12.47 kvar=600
New CapControl.cc capacitor=cap element=Line.b type=kvar onsetting=500 offsetting=-300
New Transformer.t phases=1 windings=3 buses=[b.1 low.1.0 low.0.2] kvs=[7.2 .12 .12] kvas=[50 50 50] xhl=2 xht=2 xlt=1.4
New Load.home1 phases=1 bus1=low.1.2 kv=.24 kw=6 kvar=1
New Load.home2 phases=1 bus1=low.1.2 kv=.24 kw=5 kvar=1
New Load.mill phases=3 bus1=b kv=12.47 kw=1800 kvar=700 model=8 zipv=[.3 .2 .5 .5 .3 .2 0]
New Load.shop phases=3 bus1=b kv=12.47 kw=600 kvar=300 conn=delta model=5
New Load.lamp phases=1 bus1=b.2 kv=7.2 kw=150 kvar=20 model=2
Set VoltageBases=[12.47 .208]
CalcVoltageBases
Solve
"""
SCENARIO = """
[scenario]
days = 1
architectures = ["flat", "rtp"]
[feeder]
source = "opendss"
file = "street.dss"
engine = "{}"
[homes]
count = 2
"""
STEPS = 24


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    path = tmp_path_factory.mktemp("street") / "street.dss"
    path.write_text(SCRIPT)
    return path


def day_of(feeder):
    along = np.linspace(0, 2 * np.pi, STEPS)[:, None]
    share = 0.7 - 0.6 * np.cos(along + np.linspace(0, 0.6, len(feeder.meters.name)))
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    return share * feeder.meters.p_kw, share * q_kvar


def test_both_engines_agree_on_a_day_with_controls(street):
    own = open_grid(opendss.read(street), moves_controls=True)
    p_kw, q_kvar = day_of(own.feeder)
    ours, theirs = own.flow(p_kw, q_kvar), open_engine_grid(own, street).flow(p_kw, q_kvar)
    assert np.array_equal(ours.tap, theirs.tap)
    assert np.array_equal(ours.steps_on, theirs.steps_on)
    assert np.ptp(theirs.tap) > 2
    assert np.ptp(theirs.steps_on) == 1
    assert np.abs(ours.v_pu - theirs.v_pu).max() < 1e-7
    assert theirs.losses_kw == pytest.approx(ours.losses_kw, abs=1e-3)
    assert theirs.substation_p_kw == pytest.approx(ours.substation_p_kw, abs=1e-3)
    assert theirs.p_kw == pytest.approx(ours.p_kw, abs=1e-4)
    assert theirs.mismatch_kva.max() < 1e-3
    assert theirs.after.time_s == ours.after.time_s


def test_a_day_in_parts_is_the_day(street):
    own = open_grid(opendss.read(street), moves_controls=True)
    grid, (p_kw, q_kvar) = open_engine_grid(own, street), day_of(own.feeder)
    whole, before = grid.flow(p_kw, q_kvar), None
    for at in (slice(0, 7), slice(7, 8), slice(8, STEPS)):
        part = grid.flow(p_kw[at], q_kvar[at], before)
        assert np.array_equal(part.tap, whole.tap[at])
        assert part.v_pu == pytest.approx(whole.v_pu[at], abs=1e-8)
        before = part.after


def test_a_load_that_no_voltage_carries_has_no_flow(street):
    own = open_grid(opendss.read(street), moves_controls=True)
    p_kw, q_kvar = day_of(own.feeder)
    p_kw[3, own.feeder.meters.name.index("home1")] = 9e4
    found = open_engine_grid(own, street).flow(p_kw, q_kvar)
    assert not found.converged[3]
    assert np.isnan(found.v_pu[3]).all()
    assert found.converged[:3].all()


def test_a_run_is_the_same_under_both(street):
    runs = []
    for engine in ("own", "opendss"):
        scenario = street.with_name(f"{engine}.toml")
        scenario.write_text(SCENARIO.format(engine))
        runs.append(compare(build.load(scenario)))
    ours, theirs = (run.tables["intervals"] for run in runs)
    assert theirs["losses_kw"].to_numpy(float) == pytest.approx(
        ours["losses_kw"].to_numpy(float), abs=1e-3
    )


def test_a_feeder_of_another_source_or_script_is_refused(street, tmp_path: Path):
    wrong = SCENARIO.format("opendss").replace('source = "opendss"', 'source = "synthetic"')
    path = tmp_path / "s.toml"
    path.write_text(wrong.replace('file = "street.dss"\n', ""))
    with pytest.raises(InputError, match=r"engine: .*a feeder of the source 'opendss'"):
        build.load(path)
    other = tmp_path / "other.dss"
    other.write_text(SCRIPT.replace("Load.shop", "Load.store"))
    own = open_grid(opendss.read(street), moves_controls=True)
    with pytest.raises(InputError, match="no load 'shop'"):
        open_engine_grid(own, other)
