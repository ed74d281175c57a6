"""The flow whose controls move: taps and banks as in OpenDSS in every step, and laws that need no referee."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.components import CONSTANT_POWER
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder
from gridagora.core.flow import HUNTING
from gridagora.core.nodal_prices import SourcePrices, total_price
from gridagora.grid.controlled_flow import solve_controlled
from gridagora.grid.controls import factor_controls, moves
from gridagora.grid.fixed_point import open_grid
from gridagora.grid.flow import held_state
from gridagora.grid.loading import branch_loading, loads, ratings
from gridagora.kernels.flow.refactor import fill_pattern
from gridagora.sources import opendss, synthetic_feeder
from tests.grid.controlled_days import (
    DELTA_TAIL,
    LINE,
    TAIL,
    WYE,
    engine_day,
    our_day,
    powers,
    written,
)

STEPS = 32
REG = "New RegControl.rc transformer=reg winding=2 ptratio=60 band=2"
DROP = "ctprim=100 r=3 x=5"
REGULATORS = {
    "plain": "vreg=122",
    "one tap at a time": "vreg=121 maxtapchange=1",
    "line drop": f"vreg=120 {DROP}",
    "line drop by magnitude": "vreg=118 ctprim=100 ldc_z=6",
    "highest phase": "vreg=122 ptphase=max",
    "lowest phase": f"vreg=122 ptphase=min {DROP}",
    "third phase, limit": "vreg=123 vlimit=122.4 ptphase=3",
    "inverse time": "vreg=122 inversetime=yes",
    "remote bus": "vreg=121 bus=c.2 remoteptratio=61",
    "tap on the other winding": "vreg=122 tapwinding=1",
}
AGAINST = {
    "reverse": f"vreg=122 reversible=yes revvreg=119 revband=2 revthreshold=50 revr=2 revx=1 {DROP}",
    "to neutral": "vreg=124 reversible=yes revneutral=yes revthreshold=100 tapdelay=3",
    "cogeneration": f"vreg=123 cogen=yes revvreg=119 revband=2 revthreshold=20 revdelay=5 revr=3 revx=2 {DROP}",
}
EARTH = "".join(
    f"New Reactor.e{at} bus1=r.{at} bus2=r.0 phases=1 R=2000 X=.1\n" for at in (1, 2, 3)
)
UNIT = "New Transformer.reg phases=3 xhl=2 kvas=[5000 5000] buses=[a r] kvs=[12.47 12.47]"
OPEN_DELTA = """New Transformer.rega phases=1 xhl=.5 kvas=[2000 2000] buses=[a.1.2 r.1.2] conns=[delta delta] kvs=[12.47 12.47]
New Transformer.regb phases=1 xhl=.5 kvas=[2000 2000] buses=[a.2.3 r.2.3] conns=[delta delta] kvs=[12.47 12.47]
New Line.jump bus1=a.2 bus2=r.2 phases=1 switch=yes
New RegControl.ra transformer=rega winding=2 ptratio=105 vreg=121 band=2 delay=20 r=3 x=2 ctprim=100
New RegControl.rb transformer=regb winding=2 ptratio=105 vreg=122 band=2 delay=30 r=2 x=3 ctprim=100
"""
WINDINGS = {
    "delta-wye": (f"{UNIT} conns=[delta wye]\n{REG} vreg=122 ptphase=2\n", TAIL),
    "wye-delta, lead": (
        f"{UNIT} conns=[wye delta] leadlag=lead\n{EARTH}{REG} vreg=122 ptratio=104 ptphase=3\n",
        DELTA_TAIL,
    ),
    "open delta": (OPEN_DELTA, TAIL),
}
BANK = "New Capacitor.cap bus1=b phases=3 kv=12.47 kvar=900"
STEPPED = "New Capacitor.cap bus1=b phases=3 kv=12.47 kvar=[300 200 400] numsteps=3 states=[1 0 0]"
AT_LINE = "New CapControl.cc capacitor=cap element=Line.reg"
BANKS = {
    "kvar": (BANK, f"{AT_LINE} type=kvar onsetting=600 offsetting=-400"),
    "mean current, steps": (
        STEPPED,
        f"{AT_LINE} type=current ctratio=20 ctphase=avg onsetting=3 offsetting=1.5",
    ),
    "current": (BANK, f"{AT_LINE} type=current ctratio=20 onsetting=3.5 offsetting=2"),
    "voltage of a delta": (
        f"{BANK} conn=delta",
        f"{AT_LINE} type=voltage ptratio=105 onsetting=118 offsetting=121.5 terminal=2 ptphase=2",
    ),
    "highest voltage, steps": (
        STEPPED,
        f"{AT_LINE} type=voltage ptratio=60 onsetting=119 offsetting=122.5 terminal=2 ptphase=max",
    ),
    "time": (BANK, f"{AT_LINE} type=time onsetting=4.3 offsetting=6.1"),
    "time over midnight": (BANK, f"{AT_LINE} type=time onsetting=6.3 offsetting=4.1"),
    "power factor": (BANK, f"{AT_LINE} type=powerfactor onsetting=.94 offsetting=-.8"),
    "voltage goes before": (
        BANK,
        "MakeBusList\n"
        f"{AT_LINE} type=kvar onsetting=600 offsetting=-700 voltoverride=yes ptratio=60 vmin=118 vmax=122.4 vbus=c ptphase=avg",
    ),
}  # fmt: skip


def assert_same(path: Path, *, low: float = 0.1, high: float = 1.3, minutes: int = 15) -> None:
    """Every step has the taps and banks of OpenDSS and its voltages; something moves."""
    p, q = powers(STEPS, low=low, high=high)
    feeder = opendss.read(path)
    theirs, ours = engine_day(path.read_text(), p, q, minutes), our_day(feeder, p, q, minutes)
    assert np.array_equal(ours.tap, theirs.tap)
    assert np.array_equal(ours.steps_on, theirs.on)
    order = [theirs.nodes.index(name) for name in feeder.nodes.name]
    assert np.abs(ours.v - theirs.v[:, order]).max() < 1e-7 * feeder.nodes.base_v.max()
    assert ours.mismatch_kva.max() < 1e-4
    moved = (np.diff(theirs.tap, axis=0) != 0).any() or (np.diff(theirs.on, axis=0) != 0).any()
    assert moved


@pytest.mark.parametrize("name", [*REGULATORS, *AGAINST])
def test_a_regulator_moves_as_in_opendss(tmp_path: Path, name: str) -> None:
    settings = (REGULATORS | AGAINST)[name]
    assert_same(written(tmp_path, f"{WYE}{REG} {settings}\n"), low=-1.2 if name in AGAINST else 0.1)


@pytest.mark.parametrize("name", WINDINGS)
def test_windings_of_every_connection_are_measured_as_in_opendss(tmp_path: Path, name: str) -> None:
    middle, tail = WINDINGS[name]
    assert_same(written(tmp_path, middle, tail=tail))


@pytest.mark.parametrize("name", BANKS)
def test_a_capacitor_bank_switches_as_in_opendss(tmp_path: Path, name: str) -> None:
    bank, control = BANKS[name]
    line = f"New Line.reg bus1=a bus2=r {LINE.replace('length=3', 'length=1')}\n"
    assert_same(written(tmp_path, f"{line}{bank}\n", f"{control}\n"), high=1.1)


def test_four_regulators_in_series_and_a_bank_with_a_dead_time(tmp_path: Path) -> None:
    ends = (("a", "a2", 15), ("a2", "a3", 30), ("a3", "a4", 45), ("a4", "r", 60))
    middle = f"{BANK}\n"
    for at, (start, end, delay) in enumerate(ends):
        unit = WYE.replace("reg ", f"reg{at} ").replace("[a r]", f"[{start}m {end}]")
        middle += f"New Line.x{at} bus1={start} bus2={start}m {LINE.replace('length=3', 'length=1')}\n{unit}"
        middle += f"New RegControl.rc{at} transformer=reg{at} winding=2 ptratio=60 vreg=122 band=2 delay={delay}\n"
    after = "New CapControl.cc capacitor=cap element=Line.x0 type=kvar onsetting=500 offsetting=-800 deadtime=1500\n"
    assert_same(written(tmp_path, middle, after), high=1.0, minutes=5)


@pytest.fixture(scope="module")
def ieee13(data_dir: Path) -> Feeder:
    return opendss.read(data_dir / "feeders/ieee/13Bus/IEEE13Nodeckt.dss")


def drawn(feeder: Feeder, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rated = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    return share[:, None] * feeder.meters.p_kw, share[:, None] * rated


def test_a_day_is_its_intervals_one_after_another(ieee13: Feeder) -> None:
    share = 0.6 + 0.5 * np.sin(np.linspace(0, 9, 40))
    p, q = drawn(ieee13, share)
    grid = open_grid(ieee13, moves_controls=True, step_s=900.0)
    whole, before, parts = grid.flow(p, q), None, []
    for at in range(len(p)):
        parts.append(grid.flow(p[at], q[at], before))
        before = parts[-1].after
    assert len(np.unique(whole.tap, axis=0)) > 3
    assert np.array_equal(whole.tap, np.concatenate([one.tap for one in parts]))
    assert np.array_equal(whole.actions, np.concatenate([one.actions for one in parts]))
    v = np.concatenate([one.v for one in parts])
    assert np.abs(whole.v - v).max() < 1e-7 * ieee13.nodes.base_v.max()
    assert whole.after.time_s == parts[-1].after.time_s == 40 * 900.0
    assert (whole.losses_kw > 0).all()
    assert whole.substation_p_kw == pytest.approx(whole.p_kw.sum(axis=1) + whole.losses_kw)


def test_controls_that_are_held_or_absent_change_no_bit(ieee13: Feeder) -> None:
    p, q = drawn(ieee13, np.array([0.5, 1.0]))
    held = open_grid(ieee13).flow(p, q)
    assert np.array_equal(held.tap[1], ieee13.regulators.tap_number)
    still = replace(ieee13, regulators=ieee13.regulators._replace(at_once=np.zeros(3, np.int64)))
    assert not moves(still)
    assert np.array_equal(open_grid(still, moves_controls=True).flow(p, q).v, held.v)
    assert open_grid(synthetic_feeder.make(5, 12), moves_controls=True).controls is None


def test_controls_that_hunt_end_and_are_told(tmp_path: Path) -> None:
    """A bank too large for its band opens and closes without end; OpenDSS gives up on it with an error."""
    line = f"New Line.reg bus1=a bus2=r {LINE}\n"
    control = (
        f"Set ControlMode=OFF\nSolve\n{AT_LINE} type=kvar onsetting=600 offsetting=500 deadtime=0\n"
    )
    path = written(tmp_path, f"{line}{BANK}\n", control)
    feeder = opendss.read(path)
    assert not moves(feeder)  # as its script switches controls off
    path = written(tmp_path, f"{line}{BANK}\n", f"{AT_LINE} type=time onsetting=0 offsetting=23\n")
    feeder = opendss.read(path)
    own = feeder.capacitor_controls
    hunting = own._replace(
        kind=np.array([2]), on_setting=np.array([300.0]), off_setting=np.array([250.0])
    )
    feeder = replace(feeder, capacitor_controls=hunting)
    p, q = drawn(feeder, np.full(3, 0.8))
    got = solve_controlled(feeder, p, q, 900.0)
    assert got.actions.tolist() == [HUNTING] * 3
    assert got.converged.all()
    assert got.mismatch_kva.max() < 1e-4


def test_a_state_of_other_controls_is_refused(ieee13: Feeder) -> None:
    p, q = drawn(ieee13, np.ones(1))
    grid = open_grid(ieee13, moves_controls=True)
    state = held_state(ieee13)
    with pytest.raises(PartError, match="reg2 at tap 17, expected -16 to 16"):
        grid.flow(p, q, state._replace(tap=np.array([1, 17, 3])))
    with pytest.raises(PartError, match="2 taps and 2 banks, expected 3 and 2"):
        grid.flow(p, q, state._replace(tap=np.array([1, 3])))
    with pytest.raises(PartError, match="more steps on"):
        grid.flow(p, q, state._replace(steps_on=np.array([2, 1])))


def test_a_step_without_solution_is_left_out_and_the_next_goes_on(ieee13: Feeder) -> None:
    p, q = drawn(ieee13, np.array([1.0, 80.0, 0.9, 1.0]))
    got = open_grid(ieee13, moves_controls=True).flow(p, q)
    assert got.converged.tolist() == [True, False, True, True]
    assert np.isnan(got.v[1]).all()
    assert got.mismatch_kva[[0, 2, 3]].max() < 1e-3


def test_the_pattern_of_factors_is_that_of_elimination(ieee13: Feeder) -> None:
    rows = factor_controls(ieee13).factors.rows
    m = len(rows.ptr) - 1
    held = np.zeros((m, m), bool)
    held[np.repeat(np.arange(m), np.diff(rows.ptr)), rows.col] = True
    for k in range(m):
        held[k + 1 :] |= held[k + 1 :, k, None] & (held[k] & (np.arange(m) > k))
    l_ptr, l_col, u_ptr, u_col = fill_pattern(rows.ptr, rows.col)
    got = np.zeros((m, m), bool)
    got[np.repeat(np.arange(m), np.diff(l_ptr)), l_col] = True
    got[np.repeat(np.arange(m), np.diff(u_ptr)), u_col] = True
    assert np.array_equal(got, held & ~np.eye(m, dtype=bool))


def test_prices_and_rows_are_those_of_the_feeder_as_its_controls_stand(ieee13: Feeder) -> None:
    p, q = drawn(ieee13, np.array([0.3, 1.1]))
    grid = open_grid(ieee13, moves_controls=True)
    at = grid.flow(p, q)
    assert (at.tap[0] != at.tap[1]).any()
    source = SourcePrices(np.array([0.1, 0.2]), np.zeros(2))
    prices, rows = grid.prices(at, source), grid.limits(at)
    held = grid.stand(at, 1)
    same = held.flow(p[1], q[1])
    assert np.abs(same.v - at.v[1]).max() < 1e-6 * ieee13.nodes.base_v.max()
    alone = held.prices(same, SourcePrices(np.array([0.2]), np.zeros(1)))
    assert prices.p.loss[1] == pytest.approx(alone.p.loss[0], abs=1e-6)
    more = p[1].copy()
    steady = int(ieee13.loads.meter[np.flatnonzero(ieee13.loads.model == CONSTANT_POWER)[0]])
    more[steady] += 1.0
    ends = [held.flow(kw, q[1]).substation_p_kw[0] for kw in (more, p[1])]
    assert total_price(prices.p)[1, steady] == pytest.approx(0.2 * (ends[0] - ends[1]), rel=1e-3)
    near = held.limits(same)
    assert rows.name == near.name
    regulated = {ieee13.transformers.name[row] for row in ieee13.regulators.transformer}
    assert not any(name.removeprefix("transformer ") in regulated for name in rows.name)


def test_a_regulator_is_loaded_as_at_its_tap(ieee13: Feeder) -> None:
    p, q = drawn(ieee13, np.array([1.1, 0.3]))
    grid = open_grid(ieee13, moves_controls=True)
    at = grid.flow(p, q)
    rated = ratings(ieee13)
    assert rated is not None
    found = branch_loading(rated, loads(rated, at))
    held = grid.stand(at, 0)
    fixed = ratings(held.feeder)
    assert fixed is not None
    want = branch_loading(fixed, loads(fixed, held.flow(p[0], q[0])))
    assert (at.tap[0] != ieee13.regulators.tap_number).any()
    assert found.most_share == pytest.approx(want.most_share, rel=1e-4, abs=1e-6)
