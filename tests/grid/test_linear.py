"""Rows of limits around a flow: their coefficients against finite differences of the exact flow, and their laws."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.components import block_of
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.core.limits import (
    LimitKind,
    beyond_kw,
    check_limits,
    limit_substation,
    load_of,
    stack,
)
from gridagora.core.network_operator import RowPrices
from gridagora.core.tables import Col
from gridagora.grid import flow
from gridagora.grid.fixed_point import FixedPoint, open_grid
from gridagora.grid.linear import sensitivity
from gridagora.sources import opendss, synthetic_feeder

STEP_KW = 0.02
SHARP = 1e-13  # pu, of the fixed point, so that differences of two flows mean something
IEEE13 = "feeders/ieee/13Bus/IEEE13Nodeckt.dss"
AUSTIN = "feeders/smartds_austin/substations/p1uhs23_1247/p1uhs23_1247--p1udt21301/Master.dss"


def rated(feeder: Feeder) -> Feeder:
    """The synthetic feeder with ratings for its lines, which it has none of."""
    lines = feeder.lines._replace(rating_a=np.full(len(feeder.lines.name), 200.0))
    return dataclasses.replace(feeder, lines=lines)


@pytest.fixture(scope="module", params=["synthetic", "ieee13", "austin"])
def grid(request: pytest.FixtureRequest) -> FixedPoint:
    if request.param == "synthetic":
        return open_grid(rated(synthetic_feeder.make(5, 24)))
    data: Path = request.getfixturevalue("data_dir")
    return open_grid(opendss.read(data / (IEEE13 if request.param == "ieee13" else AUSTIN)))


def drawn(grid: FixedPoint, seed: int = 1) -> tuple[Col, Col]:
    """Loads of all kinds, some feeding in; ratings of meters set the size."""
    rng = np.random.default_rng(seed)
    p_kw = grid.feeder.meters.p_kw * rng.uniform(-0.3, 0.7, len(grid.feeder.meters.name))
    return p_kw, 0.2 * np.abs(p_kw)


def solved(grid: FixedPoint, p_kw: Col, q_kvar: Col) -> Flow:
    return flow.solve(
        grid.feeder, np.atleast_2d(p_kw), np.atleast_2d(q_kvar), SHARP, factors=grid.factors
    )


def magnitudes(feeder: Feeder, v: np.ndarray, name: str) -> float:
    """What a row is about, written out once more: by its name, from the voltages of a flow."""
    kind, _, rest = name.removesuffix(", reverse").partition(" ")
    if kind == "voltage":
        node = feeder.nodes.name.index(rest)
        return float(abs(v[node]) / feeder.nodes.base_v[node])
    if kind == "line":
        line, _, node = rest.partition(" at ")
        at, y = block_of(feeder.lines.blocks, feeder.lines.name.index(line))
        row = [feeder.nodes.name[k] for k in at].index(node)
        return float(abs(y[row] @ v[at]))
    row = feeder.transformers.name.index(rest)
    at, y = block_of(feeder.transformers.blocks, row)
    start = feeder.transformers.blocks.start
    first = feeder.transformers.blocks.terminal[start[row] : start[row + 1]] == 0
    return float(1e-3 * abs((v[at] * np.conj(y @ v[at]))[first].sum()))


def noise(feeder: Feeder, names: tuple[str, ...]) -> Col:
    """What the last digits of voltages are in the unit of each row."""
    found = []
    for name in names:
        kind, _, rest = name.removesuffix(", reverse").partition(" ")
        if kind == "voltage":
            found.append(2 * SHARP)
            continue
        table = feeder.lines if kind == "line" else feeder.transformers
        at, y = block_of(table.blocks, table.name.index(rest.partition(" at ")[0]))
        v = np.abs(feeder.nodes.v_no_load[at]).max()
        found.append(2 * SHARP * np.abs(y).max() * v * (1.0 if kind == "line" else 1e-3 * v))
    return np.array(found)


@pytest.mark.parametrize("of", ["p", "q"])
def test_coefficients_are_finite_differences_of_the_exact_flow(grid: FixedPoint, of: str) -> None:
    p_kw, q_kvar = drawn(grid)
    rows = grid.limits(solved(grid, p_kw, q_kvar))
    j = len(p_kw)
    part = rows.a if of == "p" else rows.b
    dense = part.value.reshape(len(rows.name), j)
    some = np.random.default_rng(3).choice(j, min(j, 6), replace=False)
    for meter in some:
        move = STEP_KW * (np.arange(j) == meter)
        ends = [
            solved(grid, p_kw + sign * move * (of == "p"), q_kvar + sign * move * (of == "q")).v[0]
            for sign in (1, -1)
        ]
        up, down = (
            np.array([magnitudes(grid.feeder, v, name) for name in rows.name]) for v in ends
        )
        exact = (up - down) / (2 * STEP_KW)
        scale = np.abs(dense).max(axis=1) + 1e-12
        # a magnitude near zero bends within a step; the rest is straight
        straight = np.abs(up + down - 2 * rows_at(rows, p_kw, q_kvar)) < 1e-6 * scale
        # through a switch of a milliohm, the last digits of voltages are currents of their own
        straight &= noise(grid.feeder, rows.name) / (2 * STEP_KW) < 5e-5 * scale
        assert straight.mean() > 0.7
        np.testing.assert_allclose(
            dense[straight, meter] / scale[straight], exact[straight] / scale[straight], atol=1e-4
        )


def rows_at(rows, p_kw: Col, q_kvar: Col) -> Col:
    return load_of(rows, p_kw[:, None], q_kvar[:, None])[:, 0]


def test_rows_hold_at_their_point_what_the_flow_has(grid: FixedPoint) -> None:
    p_kw, q_kvar = drawn(grid)
    both = [np.stack([1.0 * each, 0.6 * each, -0.5 * each]) for each in (p_kw, q_kvar)]
    at = solved(grid, *both)
    rows = grid.limits(at)
    here = np.array([[magnitudes(grid.feeder, v, name) for v in at.v] for name in rows.name])
    held = load_of(rows, *(each.T for each in both))
    np.testing.assert_allclose(held, here, rtol=1e-7, atol=1e-6)
    assert rows.c.shape == rows.low.shape == rows.high.shape == (len(here), 3)
    check_limits(rows, len(p_kw))
    kinds = set(rows.kind.tolist())
    assert kinds == {LimitKind.VOLTAGE, LimitKind.LINE, LimitKind.LOADING}
    assert set(rows.high[rows.kind == LimitKind.VOLTAGE].ravel()) == {1.05}


def test_only_rows_near_their_limit_are_told_and_those_that_are_kept(grid: FixedPoint) -> None:
    p_kw, q_kvar = drawn(grid)
    at = solved(grid, np.stack([p_kw, 0.5 * p_kw]), np.stack([q_kvar, 0.5 * q_kvar]))
    every = grid.limits(at)
    held = load_of(every, at.p_kw.T, at.q_kvar.T)
    rating = np.where(np.isfinite(every.high), every.high, 0.0)
    span = np.where(np.isfinite(every.low), 0.5 * (every.high - every.low), rating)
    left = np.where(np.isfinite(every.high), every.high - held, np.inf)
    near = (np.minimum(left, held - every.low) <= 0.5 * span).any(1)
    some = grid.limits(at, near_share=0.5, kept=every.name[-1:])
    wanted = [name for name, close in zip(every.name, near, strict=True) if close]
    assert [name for name in some.name if name != every.name[-1]] == [
        name for name in wanted if name != every.name[-1]
    ]
    assert every.name[-1] in some.name
    for part in ("c", "low", "high"):
        rows = [every.name.index(name) for name in some.name]
        np.testing.assert_allclose(getattr(some, part), getattr(every, part)[rows], atol=1e-9)


def test_a_rated_row_holds_for_one_way_of_its_power() -> None:
    grid = open_grid(rated(synthetic_feeder.make(5, 12)))
    p_kw = np.stack([np.full(12, 3.0), np.full(12, -3.0)])
    rows = grid.limits(grid.flow(p_kw, 0 * p_kw), prices=RowPrices(500.0, 0.4))
    unit = [
        at
        for at, name in enumerate(rows.name)
        if name.startswith("transformer")
        if f"{name}, reverse" in rows.name or name.removesuffix(", reverse") in rows.name[:at]
    ]
    assert len(unit) >= 2
    for at in unit:
        slope = rows.a.value[rows.a.start[at] : rows.a.start[at + 1]]
        back = rows.name[at].endswith(", reverse")
        assert (slope.sum() < 0) == back
        assert np.isfinite(rows.high[at]).tolist() == [not back, back]
        assert rows.over_per_kwh[at] == 0.4
    volts = rows.kind == LimitKind.VOLTAGE
    assert (rows.over_per_kwh[volts] == 500.0).all()


def test_rows_tell_near_the_point_what_would_break(grid: FixedPoint) -> None:
    """A small move of all meters: the error falls with its square."""
    p_kw, q_kvar = drawn(grid)
    rows = grid.limits(solved(grid, p_kw, q_kvar))
    off = []
    for part in (0.02, 0.01):
        far = solved(grid, p_kw * (1 + part), q_kvar)
        exact = np.array([magnitudes(grid.feeder, far.v[0], name) for name in rows.name])
        off.append(
            np.abs(rows_at(rows, p_kw * (1 + part), q_kvar) - exact)[
                rows.kind == LimitKind.VOLTAGE
            ].max()
        )
    assert off[0] < 1e-4
    assert off[1] < 0.3 * off[0]


def test_rows_stand_behind_those_of_a_substation() -> None:
    grid = open_grid(rated(synthetic_feeder.make(5, 12)))
    p_kw = np.full(12, 3.0)
    rows = grid.limits(grid.flow(np.stack([p_kw, p_kw]), 0.2 * np.stack([p_kw, p_kw])))
    both = stack([limit_substation(12, np.zeros(2), 30.0, 1.0), rows])
    assert both.kind[0] == LimitKind.SUBSTATION
    load = load_of(
        both, np.repeat(p_kw[:, None], 2, axis=1), np.repeat(0.2 * p_kw[:, None], 2, axis=1)
    )
    assert load[0].tolist() == [36.0, 36.0]
    assert beyond_kw(both, load)[0].tolist() == [6.0, 6.0]


def test_a_load_lowers_the_voltage_of_its_own_home() -> None:
    feeder = synthetic_feeder.make(5, 24)
    grid = open_grid(feeder)
    p_kw = np.full(24, 2.0)
    moves = sensitivity(feeder, grid.factors.network.y, grid.flow(p_kw, 0.2 * p_kw))
    for meter in range(24):
        own = np.flatnonzero(feeder.nodes.bus == feeder.meters.bus[meter])
        at = feeder.nodes.v_no_load[own]
        for dv in (moves.dv_dp, moves.dv_dq):
            assert ((np.conj(at) * dv[own, meter]).real < 0).all()


def test_only_a_flow_that_converged_is_a_point() -> None:
    grid = open_grid(synthetic_feeder.make(5, 12))
    p_kw = np.stack([np.full(12, 1.0), np.full(12, 9000.0)])
    with pytest.raises(PartError, match="limits around a flow of 2 steps, 1 of them converged"):
        grid.limits(grid.flow(p_kw, 0 * p_kw))
    with pytest.raises(PartError, match="0 steps, 0 of them converged"):
        grid.limits(grid.flow(p_kw[:0], p_kw[:0]))
