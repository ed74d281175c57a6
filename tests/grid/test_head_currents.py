"""Currents of phases at the source: of loads that are known, straight through a line and through a winding in delta."""

import numpy as np
import pytest

from gridagora.grid import flow
from gridagora.grid.head_currents import feeder_head, head_currents
from gridagora.results.solved_flow import spread_of
from gridagora.sources import opendss

LINE = """Clear
New Circuit.head basekv=.4 pu=1.02 phases=3 bus1=head mvasc3=20 mvasc1=15
New Line.a bus1=head bus2=low phases=3 r1=.2 x1=.1 r0=.6 x0=.3 c1=0 c0=0 length=.1
"""
UNIT = """Clear
New Circuit.head basekv=11 pu=1.02 phases=3 bus1=head mvasc3=80 mvasc1=60
New Transformer.unit phases=3 buses=(head low) conns=(delta wye) kvs=(11 .4) kvas=(250 250) %loadloss=1 xhl=4 ppm_antifloat=0
"""
LOADS = """New Load.a bus1=low.1 phases=1 kv=.231 kw=1
New Load.b bus1=low.2 phases=1 kv=.231 kw=1
New Load.c bus1=low.3 phases=1 kv=.231 kw=1
Set VoltageBases=[11 .4]
CalcVoltageBases
Solve
"""
ONE_PHASE = """Clear
New Circuit.head basekv=.231 pu=1 phases=1 bus1=head
New Load.a bus1=head.1 phases=1 kv=.231 kw=1
Set VoltageBases=[.4]
CalcVoltageBases
Solve
"""


def solved(tmp_path, script, p_kw, q_kvar):
    path = tmp_path / "head.dss"
    path.write_text(script)
    feeder = opendss.read(path)
    head = feeder_head(feeder)
    assert head is not None
    found = flow.solve(feeder, np.array(p_kw, float), np.array(q_kvar, float), 1e-11)
    assert found.converged.all()
    return feeder, found, head_currents(head, found.v)


def test_through_a_line_without_charge_each_phase_carries_its_load(tmp_path):
    """The current of a load is |S| over the voltage that it has."""
    p_kw, q_kvar = [[9, 4, 2], [-3, 5, 0]], [[2, 1, 0], [0, 2, 0]]
    feeder, found, head_a = solved(tmp_path, LINE + LOADS, p_kw, q_kvar)
    at = [feeder.nodes.name.index(f"low.{phase}") for phase in (1, 2, 3)]
    expected = 1e3 * np.hypot(p_kw, q_kvar) / np.abs(found.v[:, at])
    assert head_a == pytest.approx(expected, abs=1e-4)


def test_a_load_of_one_phase_behind_a_delta_is_carried_by_two(tmp_path):
    """Its winding stands between two phases of the high side: both carry 1 / (sqrt 3 n) of it, the third carries nothing."""
    feeder, found, head_a = solved(tmp_path, UNIT + LOADS, [[20, 0, 0]], [[5, 0, 0]])
    own = feeder.nodes.name.index("low.1")
    low_a = 1e3 * np.hypot(20, 5) / np.abs(found.v[0, own])
    carried = low_a * 0.4 / 11 / np.sqrt(3)
    assert np.sort(head_a[0]) == pytest.approx([0, carried, carried], abs=1e-5)
    spread = spread_of(head_a)
    assert spread.most_a / spread.mean_a == pytest.approx(1.0, abs=1e-4)


def test_a_step_without_a_flow_has_no_current(tmp_path):
    path = tmp_path / "head.dss"
    path.write_text(LINE + LOADS)
    feeder = opendss.read(path)
    found = flow.solve(feeder, np.array([[1.0, 1, 1], [9e4, 0, 0]]), np.zeros((2, 3)))
    head = feeder_head(feeder)
    assert head is not None
    head_a = head_currents(head, found.v)
    assert np.isfinite(head_a[0]).all()
    assert np.isnan(head_a[1]).all()


def test_a_source_of_one_phase_has_no_head_of_three(tmp_path):
    path = tmp_path / "one.dss"
    path.write_text(ONE_PHASE)
    assert feeder_head(opendss.read(path)) is None
