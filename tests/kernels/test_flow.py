"""The flow kernel against the closed form of one line and one load, and its laws."""

import numpy as np
import pytest

from gridagora.core.components import (
    GROUND,
    Buses,
    Lines,
    LoadRows,
    Meters,
    Nodes,
    Sources,
    pi_block,
    stack_blocks,
)
from gridagora.core.feeder import Feeder
from gridagora.grid import flow
from gridagora.kernels.flow.fixed_point import BLOCK

SOURCE_V, SOURCE_OHM, LINE_OHM = 240.0, 0.01 + 0.02j, 0.2 + 0.1j


def two_nodes(to: int = GROUND) -> Feeder:
    """A source behind an impedance, a line, and one meter at its far end."""
    one, none, no = np.zeros(1, np.int64), np.zeros(0, np.int64), np.full(1, np.nan)
    source = np.array([[1 / SOURCE_OHM]], np.complex128)
    still, ends = np.full(2, SOURCE_V, np.complex128), np.arange(2)
    line = stack_blocks([(ends, ends, pi_block(np.array([[LINE_OHM]])))])
    return Feeder(
        name="two nodes",
        buses=Buses(("a", "b"), np.zeros(2), np.zeros(2), np.full(2, SOURCE_V)),
        nodes=Nodes(("a.1", "b.1"), ends, np.full(2, SOURCE_V), still),
        sources=Sources(
            ("a",), one, np.ones(1), stack_blocks([(one, one, source)]), SOURCE_V * source[0]
        ),
        lines=Lines(("a-b",), one, one + 1, one + 1, no, no, no, np.zeros(1, bool), line),
        loads=LoadRows(("home",), one, one + 1, one + to, np.ones(1), np.zeros(1), one + 1),
        meters=Meters(("home",), one + 1, np.ones(1), np.ones(1, bool), none, (), none),
    )


def closed_form_v(p_kw: float, q_kvar: float) -> float:
    """Voltage at the load of the two-node feeder: the larger root of |V|^4 + (2 Re(Z* S) - E^2) |V|^2 + |Z S|^2 = 0."""
    z, s = SOURCE_OHM + LINE_OHM, 1e3 * (p_kw + 1j * q_kvar)
    half = SOURCE_V**2 / 2 - (np.conj(z) * s).real
    return float(np.sqrt(half + np.sqrt(half**2 - abs(z * s) ** 2)))


@pytest.mark.parametrize(
    ("p_kw", "q_kvar"), [(0.0, 0.0), (5.0, 2.0), (-8.0, 0.0), (20.0, -5.0), (40.0, 10.0)]
)
def test_meets_the_closed_form(p_kw: float, q_kvar: float) -> None:
    got = flow.solve(two_nodes(), np.array([[p_kw]]), np.array([[q_kvar]]), 1e-12)
    assert got.v_pu[0, 1] * SOURCE_V == pytest.approx(closed_form_v(p_kw, q_kvar), rel=1e-11)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-8])
def test_the_tolerance_is_about_how_far_a_voltage_is_off(tolerance: float) -> None:
    p_kw = np.linspace(-30.0, 40.0, 29)[:, None]
    got = flow.solve(two_nodes(), p_kw, 0.2 * p_kw, tolerance)
    want = [closed_form_v(p, 0.2 * p) for p in p_kw[:, 0]]
    assert np.abs(got.v_pu[:, 1] - np.array(want) / SOURCE_V).max() < 1.5 * tolerance


def test_losses_are_those_of_the_line_alone() -> None:
    got = flow.solve(two_nodes(), np.array([[12.0]]), np.array([[3.0]]), 1e-12)
    current = abs(12.0 + 3.0j) * 1e3 / closed_form_v(12.0, 3.0)
    assert got.losses_kw[0] == pytest.approx(1e-3 * LINE_OHM.real * current**2, rel=1e-9)
    assert got.substation_q_kvar[0] == pytest.approx(
        3.0 + 1e-3 * LINE_OHM.imag * current**2, rel=1e-9
    )


def test_a_load_beyond_the_largest_transfer_does_not_converge_and_leaves_the_others_alone() -> None:
    # at unity power factor the largest load is E^2 / (2 (|Z| + R)) = 120 kW
    p_kw = np.array([[10.0], [130.0], [20.0]])
    got = flow.solve(two_nodes(), p_kw, np.zeros((3, 1)))
    assert got.converged.tolist() == [True, False, True]
    assert np.isnan(got.v_pu[1]).all()
    assert np.isnan(got.losses_kw[1])
    assert got.v_pu[2, 1] * SOURCE_V == pytest.approx(closed_form_v(20.0, 0.0), rel=1e-7)


@pytest.mark.parametrize("steps", [1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_results_do_not_depend_on_threads(steps: int) -> None:
    p_kw = np.linspace(0.0, 30.0, steps)[:, None]
    one, three = (flow.solve(two_nodes(), p_kw, 0.3 * p_kw, threads=threads) for threads in (1, 3))
    assert np.array_equal(one.v, three.v)
    assert np.array_equal(one.rounds, three.rounds)


def test_a_step_alone_equals_the_step_in_its_block() -> None:
    p_kw = np.linspace(0.0, 30.0, 40)[:, None]
    whole = flow.solve(two_nodes(), p_kw, 0 * p_kw, 1e-12)
    alone = flow.solve(two_nodes(), p_kw[25:26], 0 * p_kw[25:26], 1e-12)
    assert whole.v[25] == pytest.approx(alone.v[0], rel=1e-11)


def test_the_certificate_is_the_mismatch_of_the_answer_it_comes_with() -> None:
    feeder = two_nodes()
    source_i = np.array([SOURCE_V / SOURCE_OHM, 0])
    loose = flow.solve(feeder, np.array([[25.0]]), np.array([[5.0]]), 1e-2)
    y = np.array([[1 / SOURCE_OHM + 1 / LINE_OHM, -1 / LINE_OHM], [-1 / LINE_OHM, 1 / LINE_OHM]])
    off = np.array([0, -25e3 - 5e3j]) - loose.v[0] * np.conj(y @ loose.v[0] - source_i)
    assert loose.mismatch_kva[0] == pytest.approx(1e-3 * np.abs(off).max(), rel=1e-6)
    assert loose.mismatch_kva[0] > 1e-4
    assert flow.solve(feeder, np.array([[25.0]]), np.array([[5.0]]), 1e-12).mismatch_kva[0] < 1e-8
