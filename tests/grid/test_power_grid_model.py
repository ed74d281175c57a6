"""power-grid-model as the engine of a flow: our own flow is the oracle, and what it has no type for is refused by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.components import block_of, with_block
from gridagora.core.errors import InputError, PartError
from gridagora.core.voltage_dependence import (
    CURRENT,
    IMPEDANCE,
    POWER,
    constant_power,
    no_dependence,
    with_constant,
)
from gridagora.grid.fixed_point import open_grid
from gridagora.grid.power_grid_model import branches, open_engine_grid, refusals
from gridagora.run.compare import compare
from gridagora.scenario import build, describe
from gridagora.sources import opendss

SCRIPT = """Clear
New Circuit.street basekv=11 pu=1.03 angle=20 phases=3 bus1=mv mvasc3=80 mvasc1=60
New Linecode.main nphases=3 rmatrix=[.3|.1 .32|.09 .11 .29] xmatrix=[.2|.1 .21|.08 .1 .2] cmatrix=[90|-20 95|-10 -25 88] units=km
New Linecode.service nphases=1 r1=.7 x1=.08 r0=.7 x0=.08 c1=120 c0=120 units=km
New Transformer.unit phases=3 buses=(mv lv) conns=(delta wye) kvs=(11 .4) kvas=(250 250) taps=[1.025 1]
~ %loadloss=1.1 xhl=4 %noloadloss=.3 %imag=1
New Line.a bus1=lv bus2=a linecode=main length=120 units=m
New Line.b bus1=a bus2=b linecode=main length=90 units=m
New Line.s bus1=b.2 bus2=s.2 linecode=service length=30 units=m
New Line.s2 bus1=s.2 bus2=e.2 linecode=service length=30 units=m
New Line.two bus1=a.1.3 bus2=t.1.3 phases=2 rmatrix=[.3|.1 .3] xmatrix=[.2|.1 .2] cmatrix=[60|-9 70] length=.05 units=km
New Line.tie bus1=lv bus2=b phases=3 switch=y
New Capacitor.bank bus1=b phases=3 kv=.4 kvar=12
New Reactor.coil bus1=a phases=3 kv=.4 kvar=5 conn=delta
New Load.one bus1=e.2 phases=1 kv=.231 kw=4 kvar=1
New Load.two bus1=t.1 phases=1 kv=.24 kw=6 kvar=2 model=2
New Load.three bus1=b phases=3 kv=.4 kw=21 kvar=4
New Load.four bus1=t.3 phases=1 kv=.231 kw=9 kvar=1 model=2
Set VoltageBases=[11 .4]
CalcVoltageBases
Solve
"""
SCENARIO = """
[scenario]
days = 1
architectures = ["flat"]
[feeder]
source = "opendss"
file = "street.dss"
engine = "{}"
[homes]
on = "all"
"""
STEPS = 6


def read(tmp_path, *changes):
    """Return the feeder of the script, its loads of constant power without the band that OpenDSS gives them."""
    feeder = as_written(tmp_path, *changes)
    kept = with_constant(feeder.loads.dependence, feeder.loads.model == 1)
    return replace(feeder, loads=feeder.loads._replace(dependence=kept))


def as_written(tmp_path, *changes):
    text = SCRIPT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "street.dss"
    path.write_text(text)
    return opendss.read(path)


def steps_of(feeder, most=2.0):
    share = most * np.random.default_rng(5).uniform(0.1, 1, (STEPS, len(feeder.meters.name)))
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar, len(feeder.meters.name))
    return share * feeder.meters.p_kw, share * q_kvar


def both(feeder):
    own = open_grid(feeder)
    powers = steps_of(feeder)
    return own.flow(*powers), open_engine_grid(own).flow(*powers)


@pytest.mark.parametrize(
    "changes",
    [
        (),
        (("conns=(delta wye)", "conns=(wye wye)"),),
        (("conns=(delta wye)", "conns=(delta wye) leadlag=euro"),),
        (("lv bus2=b phases=3 switch=y", "lv bus2=b linecode=main length=200 units=m"),),
    ],
    ids=["Dyn1", "YNyn0", "Dyn11", "ring"],
)
def test_voltages_are_those_of_our_own_flow(tmp_path, changes):
    """Two numerical methods for one set of equations: equal to what both leave of the last round."""
    ours, theirs = both(read(tmp_path, *changes))
    feeder_v = np.abs(ours.v) / ours.v_pu
    assert (np.abs(ours.v - theirs.v) / feeder_v).max() < 2e-8
    assert theirs.losses_kw == pytest.approx(ours.losses_kw, abs=1e-4)
    assert theirs.p_kw == pytest.approx(ours.p_kw, abs=1e-5)
    assert theirs.substation_q_kvar == pytest.approx(ours.substation_q_kvar, abs=1e-4)
    assert theirs.mismatch_kva.max() < 1e-3
    assert theirs.converged.all()


@pytest.mark.parametrize("conns", ["wye delta", "delta delta"])
def test_a_low_voltage_without_earth_is_balanced_at_every_node(tmp_path, conns):
    """Only bank and charge hold it to earth, so that our fixed point does not settle; the certificate is that of our matrix."""
    feeder = read(
        tmp_path, ("delta wye", conns), *((f"kw={kw}", f"kw={kw} model=2") for kw in (4, 21))
    )
    found = open_engine_grid(open_grid(feeder)).flow(*steps_of(feeder))
    assert found.mismatch_kva.max() < 1e-4
    assert np.ptp(found.v_pu, axis=1).max() > 0.05


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_loads_follow_voltage_by_shares_of_impedance_current_and_power(tmp_path, exponent):
    """The part of power counts as current or impedance by its exponent; the voltage of a rating is the row's own."""
    feeder = read(tmp_path)
    rows = constant_power(1.05 * feeder.nodes.base_v[feeder.loads.from_node])
    p_share, q_share = rows.p_share.copy(), rows.q_share.copy()
    p_share[:, (IMPEDANCE, CURRENT, POWER)] = 0.3, 0.2, 0.5
    q_share[:, (IMPEDANCE, CURRENT, POWER)] = 0.0, 0.9, 0.1
    power = np.full(len(rows.base_v), exponent)
    rows = rows._replace(p_share=p_share, q_share=q_share, p_exponent=power, q_exponent=power)
    ours, theirs = both(replace(feeder, loads=feeder.loads._replace(dependence=rows)))
    assert np.abs(ours.v_pu - theirs.v_pu).max() < 2e-8
    assert theirs.p_kw == pytest.approx(ours.p_kw, abs=1e-5)
    assert theirs.q_kvar == pytest.approx(ours.q_kvar, abs=1e-5)
    assert np.abs(ours.p_kw / ours.rated_p_kw - 1).max() > 0.02


def test_a_line_that_leaks_at_one_end_has_the_same_voltages(tmp_path):
    """What no capacitance has is a shunt there, so long as its phases are alike."""
    even = "bus2=a r1=.03 x1=.02 r0=.1 x0=.05 c1=20 c0=10"
    feeder = read(tmp_path, ("bus2=a linecode=main length=120 units=m", even))
    row = feeder.lines.name.index("a")
    _, y = block_of(feeder.lines.blocks, row)
    leak = np.kron(np.diag([1.0, 0.0]), np.diag([0.3, 0.3, 0.3]) + 0.1)
    blocks = with_block(feeder.lines.blocks, row, y + leak)
    ours, theirs = both(replace(feeder, lines=feeder.lines._replace(blocks=blocks)))
    assert np.abs(ours.v_pu - theirs.v_pu).max() < 2e-8
    leak[0, 0] *= 2
    blocks = with_block(feeder.lines.blocks, row, y + leak)
    (problem,) = refusals(replace(feeder, lines=feeder.lines._replace(blocks=blocks)), "here")
    assert problem.got == "shunts and leakage whose phases are not alike (1): a"


def test_the_european_feeder_has_the_same_voltages(data_dir):
    """906 buses behind a Dyn transformer, all 55 loads of constant power."""
    feeder = opendss.read(data_dir / "feeders/ieee/LVTestCase/Master.dss")
    feeder = replace(feeder, loads=feeder.loads._replace(dependence=no_dependence()))
    ours, theirs = both(feeder)
    assert (np.abs(ours.v - theirs.v) / feeder.nodes.base_v).max() < 1e-8
    assert theirs.losses_kw == pytest.approx(ours.losses_kw, abs=1e-5)


def test_a_load_that_no_voltage_carries_has_no_flow(tmp_path):
    own = open_grid(read(tmp_path))
    p_kw, q_kvar = steps_of(own.feeder)
    p_kw[2, own.feeder.meters.name.index("one")] = 9e3
    found = open_engine_grid(own).flow(p_kw, q_kvar)
    assert found.converged.tolist() == [True, True, False, True, True, True]
    assert np.isnan(found.v_pu[2]).all()
    assert np.isfinite(found.v_pu[found.converged]).all()


def test_one_step_alone_is_that_of_a_batch_and_takes_up_the_state_before(tmp_path):
    own = open_grid(read(tmp_path))
    grid, (p_kw, q_kvar) = open_engine_grid(own), steps_of(own.feeder)
    whole, first = grid.flow(p_kw, q_kvar), grid.flow(p_kw[0], q_kvar[0])
    assert first.v[0] == pytest.approx(whole.v[0], abs=1e-9)
    assert whole.after.time_s == STEPS * own.step_s


REGULATOR = "New RegControl.rc transformer=unit winding=1 vreg=120 band=2 ptratio=55\nSet V"
SPLIT = "New Transformer.c phases=1 windings=3 buses=(b.1 c.1.0 c.0.2) kvs=(.231 .12 .12)\nSet V"
NEUTRAL = "New Line.n bus1=a.1.2.3.4 bus2=n.1.2.3.4 phases=4 length=.1\nNew Reactor.n bus1=a.4 phases=1 r=1 x=0\nSet V"
REFUSED = {
    "delta": ("one bus1=e.2", "one bus1=t.1.3", r"loads between two phases \(1\): one"),
    "exponent": ("kvar=2 model=2", "kvar=2 model=4 cvrwatts=.7", r"than 0, 1 or 2 \(1\): two"),
    "bank": ("bank bus1=b phases=3", "bank bus1=b.1 phases=1", r"one or two phases \(1\): bank"),
    "ring": ("tie bus1=lv bus2=b phases=3", "tie bus1=lv.1 bus2=b.1 phases=1", r"fewer .*: .*tie"),
    "swap": ("tie bus1=lv bus2=b", "tie bus1=lv bus2=b.2.1.3", r"changes its phase \(1\): tie"),
    "regulator": ("Set V", REGULATOR, r'that move \(1\): rc.*controls = "hold"'),
    "split": ("Set V", SPLIT, r"three windings.*\(1\): c"),
    "neutral": ("Set V", NEUTRAL, r"nodes that are no phase 1, 2 or 3 \(2\): a.4, n.4"),
}


@pytest.mark.parametrize(("old", "new", "told"), REFUSED.values(), ids=REFUSED)
def test_what_it_has_no_type_for_is_refused_by_kind_and_name(tmp_path, old, new, told):
    feeder = read(tmp_path, (old, new))
    problems = refusals(feeder, "s.toml: [feeder] engine")
    assert all(str(each).startswith("s.toml: [feeder] engine: got ") for each in problems)
    with pytest.raises(InputError, match=told):
        open_engine_grid(open_grid(feeder))


def test_bands_of_voltages_are_refused_with_the_key_that_takes_them_away(tmp_path):
    (problem,) = refusals(as_written(tmp_path), "here")
    assert problem.got == "loads that change outside of a band of voltages (2): one, three"
    assert 'load_models = "constant_power"' in problem.hint


def test_a_transformer_that_turns_by_part_of_an_hour_is_refused():
    """A phase shifter by 10 degrees: its admittance in positive and negative sequence turns that way and back."""
    turned = np.exp(1j * np.radians(10) * np.array([0, 1, -1]))
    turned[0] = 0
    y = 10 - 40j
    own = branches.SEQUENCES @ np.diag([0, y, y]) @ np.linalg.inv(branches.SEQUENCES)
    there = -branches.SEQUENCES @ np.diag(y * turned) @ np.linalg.inv(branches.SEQUENCES)
    block = np.block([[own, there], [there.T, own]])
    phase, side = np.tile(np.arange(3), 2), np.repeat([0, 1], 3)
    component = branches.PhaseBlock("shifter", 0, side, phase, side, block)
    with pytest.raises(branches.Refusal, match="full hours"):
        branches.unit(component, np.array([230.0, 230.0]))


def test_many_of_a_kind_are_counted(tmp_path):
    more = "".join(f"New Load.d{at} bus1=b.1.2 phases=1 kv=.4 kw=1\n" for at in range(7))
    (problem,) = refusals(read(tmp_path, ("Set Voltage", f"{more}Set Voltage")), "here")
    assert problem.got == "loads between two phases (7): d0, d1, d2, d3 and 3 others"
    assert '"own" or "opendss"' in problem.hint


def test_a_run_is_the_same_under_both(tmp_path: Path):
    read(tmp_path)
    runs = []
    for engine in ("own", "power_grid_model"):
        path = tmp_path / f"{engine}.toml"
        path.write_text(SCENARIO.format(engine))
        runs.append(compare(build.load(path)).tables["intervals"])
    ours, theirs = (run["losses_kw"].to_numpy(float) for run in runs)
    assert theirs == pytest.approx(ours, abs=1e-5)
    assert describe.check(path)["flow solved by"].startswith("power-grid-model")


def test_check_tells_whether_it_can(tmp_path):
    read(tmp_path)
    path = tmp_path / "street.dss"
    told = describe.check(path)["power-grid-model"]
    assert told.startswith("cannot represent it: loads that change outside of a band")
    pure = (
        path.read_text().replace("kvar=1\nNew", "kvar=1 model=2\nNew").replace("kw=21", "model=2")
    )
    path.write_text(pure)
    assert describe.check(path)["power-grid-model"].startswith("can represent it")
    read(tmp_path, ("bus1=e.2", "bus1=t.1.3"))
    scenario = tmp_path / "s.toml"
    scenario.write_text(SCENARIO.format("power_grid_model").replace('on = "all"', "count = 1"))
    with pytest.raises(
        InputError, match=r"s.toml: \[feeder\] engine: got loads between two phases"
    ):
        build.load(scenario)
    scenario.write_text('[feeder]\nsource = "busbar"\nengine = "power_grid_model"\n')
    with pytest.raises(InputError, match=r"expected a feeder with voltages"):
        build.load(scenario)


def test_an_engine_that_is_not_installed_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr("gridagora.grid.power_grid_model.engine.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"no power-grid-model installed.*pip install"):
        open_engine_grid(open_grid(read(tmp_path)))


def test_inverters_that_follow_voltage_are_refused(tmp_path):
    grid = open_engine_grid(open_grid(read(tmp_path)))
    p_kw, q_kvar = steps_of(grid.feeder)
    with pytest.raises(PartError, match="power-grid-model as engine: got inverters"):
        grid.flow(p_kw, q_kvar, infeed=object())
    scenario = tmp_path / "s.toml"
    follow = '[inverters]\nfollow = "volt_var"\n'
    scenario.write_text(SCENARIO.format("power_grid_model") + follow)
    with pytest.raises(InputError, match='engine = "power_grid_model", which solves a run without'):
        build.load(scenario)
