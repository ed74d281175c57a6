"""Nodal prices: finite differences of the exact flow, the oracles of theory 8.3, and their laws."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.components import Phasors
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.core.limits import LimitKind, load_of
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.nodal_prices import (
    NodalPrices,
    RowDuals,
    SourcePrices,
    network_part,
    total_price,
)
from gridagora.core.tables import Col
from gridagora.grid import flow
from gridagora.grid.fixed_point import FixedPoint, open_grid
from gridagora.grid.limited import VA_PER_KVA, LimitedQuantities
from gridagora.sources import opendss, synthetic_feeder

SHARP = 1e-13  # pu, of the fixed point, so that differences of two flows mean something
STEPS_KW = (0.2, 0.1)
IEEE13 = "feeders/ieee/13Bus/IEEE13Nodeckt.dss"
PER_KWH, PER_KVARH = np.array([0.08, 0.05]), np.array([0.0, 0.02])


def rated(feeder: Feeder) -> Feeder:
    """The synthetic feeder with ratings for its lines, which it has none of."""
    lines = feeder.lines._replace(rating_a=np.full(len(feeder.lines.name), 200.0))
    return dataclasses.replace(feeder, lines=lines)


@pytest.fixture(scope="module", params=["synthetic", "ieee13"])
def grid(request: pytest.FixtureRequest) -> FixedPoint:
    if request.param == "synthetic":
        return open_grid(rated(synthetic_feeder.make(5, 24)))
    data: Path = request.getfixturevalue("data_dir")
    return open_grid(opendss.read(data / IEEE13))


def drawn(grid: FixedPoint) -> tuple[Col, Col]:
    """Loads of all kinds in two steps, some feeding in; ratings of meters set the size."""
    rng = np.random.default_rng(1)
    p_kw = grid.feeder.meters.p_kw * rng.uniform(-0.3, 0.9, (2, len(grid.feeder.meters.name)))
    return p_kw, 0.2 * np.abs(p_kw)


def solved(grid: FixedPoint, p_kw: Col, q_kvar: Col) -> Flow:
    return flow.solve(grid.feeder, p_kw, q_kvar, SHARP, factors=grid.factors)


def magnitudes(of: LimitedQuantities, v: Phasors) -> Col:
    """What is limited, written out once more: voltages [pu], currents [A], powers into transformers [kVA] of two steps."""
    current = v @ of.current.toarray().T
    each = v[:, of.unit_node] * np.conj(v @ of.into.toarray().T)
    power = each @ of.unit.toarray().T / VA_PER_KVA
    return np.abs(np.concatenate([v[:, of.node] / of.base_v, current, power], axis=1))


def any_duals(grid: FixedPoint, at: Flow) -> RowDuals:
    """Duals of either sign of every limit, in the second step alone."""
    rng, of = np.random.default_rng(2), grid.limited
    scale = np.array([3.0, 1e-3, 1e-2])[of.kind - LimitKind.VOLTAGE]
    dual = rng.normal(0, scale, (2, len(scale)))
    # a magnitude near zero bends within a step
    near = np.array([0.0, 15.0, 2.0])[of.kind - LimitKind.VOLTAGE]
    dual[:, magnitudes(of, at.v).min(0) < near] = 0.0
    # through a switch of a milliohm, the last digits of voltages are currents of their own
    stiff = np.abs(of.current.toarray()).max(axis=1, initial=0.0) > 100.0
    dual[:, of.kind == LimitKind.LINE] *= ~stiff
    dual[0] = 0.0
    return RowDuals(of.name, dual)


def cost(grid: FixedPoint, at: Flow, duals: RowDuals) -> tuple[Col, Col, Col]:
    """What a state costs, written out once more: energy with losses, congestion, voltage, shape (2,) each [$/h]."""
    energy = PER_KWH * at.substation_p_kw + PER_KVARH * at.substation_q_kvar
    each = duals.per_unit_h * magnitudes(grid.limited, at.v)
    is_voltage = grid.limited.kind == LimitKind.VOLTAGE
    return energy, each[:, ~is_voltage].sum(1), each[:, is_voltage].sum(1)


def difference(
    grid: FixedPoint, at: Flow, duals: RowDuals, of: str, meter: int, step_kw: float
) -> Col:
    """How the parts of the cost move with a meter, shape (3, 2) [$/kWh]."""
    move = step_kw * (np.arange(at.p_kw.shape[1]) == meter)
    p, q = move * (of == "p"), move * (of == "q")
    up, down = (
        np.array(cost(grid, solved(grid, at.rated_p_kw + s * p, at.rated_q_kvar + s * q), duals))
        for s in (1, -1)
    )
    return np.asarray((up - down) / (2 * step_kw))


@pytest.fixture(scope="module")
def priced(grid: FixedPoint) -> tuple[Flow, RowDuals, NodalPrices]:
    at = solved(grid, *drawn(grid))
    duals = any_duals(grid, at)
    return at, duals, grid.prices(at, SourcePrices(PER_KWH, PER_KVARH), duals)


@pytest.mark.parametrize("of", ["p", "q"])
def test_prices_are_finite_differences_of_the_exact_flow(
    grid: FixedPoint, priced: tuple[Flow, RowDuals, NodalPrices], of: str
) -> None:
    at, duals, prices = priced
    parts = prices.p if of == "p" else prices.q
    for meter in np.random.default_rng(3).choice(at.p_kw.shape[1], 3, replace=False):
        wide, near = (difference(grid, at, duals, of, meter, step) for step in STEPS_KW)
        slopes = (4 * near - wide) / 3  # what bends within a step falls out
        got = parts.energy + parts.loss, parts.congestion, parts.voltage
        for one, slope in zip(got, slopes, strict=True):
            np.testing.assert_allclose(one[:, meter], slope, atol=1e-6 * np.abs(one).max())


def test_a_meter_on_one_phase_has_the_price_of_its_node(
    grid: FixedPoint, priced: tuple[Flow, RowDuals, NodalPrices]
) -> None:
    loads, (at, _, prices) = grid.feeder.loads, priced
    rows = np.bincount(loads.meter)[loads.meter]
    alone = np.flatnonzero((rows == 1) & (loads.to_node < 0))
    if grid.feeder.name.startswith("ieee13"):
        assert len(alone)
    # of a kW of its rating a load that moves with voltage draws more or less than a kW
    drawn_share = at.p_kw / at.rated_p_kw, at.q_kvar / at.rated_q_kvar
    pairs = (prices.p, prices.node_p), (prices.q, prices.node_q)
    for (by_meter, by_node), share in zip(pairs, drawn_share, strict=True):
        parts = ((of.energy + of.loss, of.congestion, of.voltage) for of in (by_meter, by_node))
        for one, other in zip(*parts, strict=True):
            got = other[:, loads.from_node[alone]] * share[:, loads.meter[alone]]
            np.testing.assert_allclose(one[:, loads.meter[alone]], got, rtol=1e-12)


def test_steps_without_a_binding_limit_cost_one_solve(
    priced: tuple[Flow, RowDuals, NodalPrices],
) -> None:
    at, _, prices = priced
    assert prices.rounds[0] <= at.rounds[0]
    assert prices.rounds[0] < prices.rounds[1] <= 3 * at.rounds[1]
    assert not prices.p.congestion[0].any()
    assert not prices.p.voltage[0].any()


def test_without_losses_and_limits_all_prices_are_equal() -> None:
    feeder = synthetic_feeder.make(5, 12)
    grid = open_grid(feeder)
    nothing = np.zeros((1, 12))
    prices = grid.prices(
        solved(grid, nothing, nothing), SourcePrices(np.array([0.1]), np.array([0.03]))
    )
    # the unloaded network has losses of its iron alone, which a first kW hardly moves
    np.testing.assert_allclose(total_price(prices.p), 0.1, rtol=2e-4)
    assert np.ptp(total_price(prices.q)) < 2e-4
    assert not network_part(prices.p)[:, :0].any()


def test_a_step_without_a_flow_has_no_price_and_the_rest_has() -> None:
    feeder = synthetic_feeder.make(5, 12)
    grid = open_grid(feeder)
    p_kw = np.repeat([[1.0], [900.0], [2.0]], 12, axis=1)
    at = grid.flow(p_kw, 0.2 * p_kw)
    prices = grid.prices(at, SourcePrices(np.full(3, 0.1), np.zeros(3)))
    assert np.isnan(total_price(prices.p)[1]).all()
    assert prices.rounds[1] == 0
    alone = grid.prices(
        grid.flow(p_kw[2], 0.2 * p_kw[2]), SourcePrices(np.full(1, 0.1), np.zeros(1))
    )
    np.testing.assert_allclose(total_price(prices.p)[2], total_price(alone.p)[0], rtol=1e-7)


def test_soft_limits_have_their_price_beyond_and_none_within() -> None:
    grid = open_grid(rated(synthetic_feeder.make(5, 24)))
    p_kw = np.repeat([[0.1], [9.0]], 24, axis=1)
    at = grid.flow(p_kw, 0.3 * p_kw)
    worst = at.v_pu[1][grid.priced.is_live].min()
    duals = grid.soft_duals(at, NetworkRules((worst + 1e-3, 1.2), RowPrices(10.0, 0.0)))
    assert not duals.per_unit_h[0].any()
    assert set(duals.per_unit_h[1]) == {-10.0}
    wide = grid.soft_duals(at, NetworkRules((0.0, 2.0), RowPrices(10.0, 0.0)))
    assert wide.name == ()
    prices = grid.prices(at, SourcePrices(np.full(2, 0.1), np.zeros(2)), duals)
    assert (prices.p.voltage[1] > 0).all()  # who draws more lowers a voltage that is too low
    assert (prices.q.voltage[1] > 0).all()


def test_shapes_are_refused_all_at_once(grid: FixedPoint) -> None:
    at = solved(grid, *drawn(grid))
    wrong = RowDuals(("line of nobody",), np.zeros((2, 3)))
    said = r"per_kvarh has shape \(3,\)[^$]*per_unit_h has[^$]*dual of 'line of nobody'"
    with pytest.raises(PartError, match=said):
        grid.prices(at, SourcePrices(np.zeros(2), np.zeros(3)), wrong)


def test_duals_of_linear_rows_give_the_same_prices_and_the_merchandising_surplus(
    grid: FixedPoint, priced: tuple[Flow, RowDuals, NodalPrices]
) -> None:
    """What all pay for limits is the sum of duals times right-hand sides (theory 8.3); rows come without the adjoint."""
    at, duals, _ = priced
    one = solved(grid, at.p_kw[1:], at.q_kvar[1:])
    rows = grid.limits(one, kept=duals.name)
    dual = dict(zip(duals.name, duals.per_unit_h[1], strict=True))
    by_row = np.array([dual[name.removesuffix(", reverse")] for name in rows.name])
    source, j = SourcePrices(PER_KWH[1:], PER_KVARH[1:]), at.p_kw.shape[1]
    found = grid.prices(one, source, RowDuals(rows.name, by_row[None]))
    limits = [side.congestion[0] + side.voltage[0] for side in (found.p, found.q)]
    for part, by in zip((rows.a, rows.b), limits, strict=True):
        want = by_row @ part.value.reshape(-1, j)
        np.testing.assert_allclose(by, want, atol=1e-6 * np.abs(want).max())
    paid = limits[0] @ one.p_kw[0] + limits[1] @ one.q_kvar[0]
    room = load_of(rows, one.p_kw.T, one.q_kvar.T)[:, 0] - rows.c[:, 0]
    assert paid == pytest.approx(float(by_row @ room), rel=1e-6, abs=1e-9)


def test_a_flow_whose_controls_moved_is_refused(data_dir: Path) -> None:
    grid = open_grid(opendss.read(data_dir / IEEE13))
    at = grid.flow(*drawn(grid))
    moved = at._replace(tap=at.tap + 1)
    with pytest.raises(PartError, match="moved"):
        grid.prices(moved, SourcePrices(PER_KWH, PER_KVARH))


@pytest.mark.parametrize("x_to_r", [0.5, 2.0])
def test_at_one_x_over_r_voltage_prices_q_as_p_times_it(tmp_path: Path, x_to_r: float) -> None:
    lines = "\n".join(
        f"New Line.l{a}{b} bus1=b{a}.1 bus2=b{b}.1 phases=1 r1=0.2 x1={0.2 * x_to_r} r0=0.2 "
        f"x0={0.2 * x_to_r} c1=0 c0=0 length=1"
        for a, b in ((0, 1), (1, 2), (1, 3))
    )
    script = tmp_path / "radial.dss"
    script.write_text(
        "Clear\nNew Circuit.radial basekv=4.16 pu=1.0 phases=3 bus1=b0 r1=1e-7 x1=1e-7 r0=1e-7 "
        f"x0=1e-7\n{lines}\nNew Load.a bus1=b2.1 phases=1 kv=2.4 kw=1 kvar=0\n"
        "New Load.b bus1=b3.1 phases=1 kv=2.4 kw=1 kvar=0\nSet voltagebases=[4.16]\n"
        "Calcvoltagebases\nSolve\n"
    )
    grid = open_grid(opendss.read(script))
    at = solved(grid, np.zeros((1, 2)), np.zeros((1, 2)))
    at_a = f"voltage {grid.feeder.nodes.name[grid.feeder.loads.from_node[0]]}"
    low = RowDuals((at_a,), np.array([[-1.0]]))
    prices = grid.prices(at, SourcePrices(np.zeros(1), np.zeros(1)), low)
    assert (prices.p.voltage > 0).all()
    np.testing.assert_allclose(prices.q.voltage, x_to_r * prices.p.voltage, rtol=1e-5)
