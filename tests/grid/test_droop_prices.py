"""Prices and rows of limits where inverters follow voltage: finite differences of the exact flow, in which they do."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.flow import Flow
from gridagora.core.inverters import (
    STANDARDS,
    Infeed,
    InverterRule,
    InverterTable,
    VoltCurve,
    given_kw_kvar,
    given_slopes,
)
from gridagora.core.limits import LimitKind, load_of
from gridagora.core.nodal_prices import RowDuals, SourcePrices, total_price
from gridagora.core.tables import Col, Flag
from gridagora.grid import flow
from gridagora.grid.fixed_point import FixedPoint, open_grid
from gridagora.grid.flow_steps import steps_of
from gridagora.grid.inverters import meter_nodes
from gridagora.grid.limited import phasors_of
from gridagora.sources import opendss, synthetic_feeder

SHARP = 1e-13  # pu, of the fixed point, so that differences of two flows mean something
STEP_KW = 0.02
HOMES, STEPS = 12, 24
STEEP = VoltCurve((0.99, 1.0, 1.012, 1.024), (0.44, 0.0, 0.0, -0.44))
CUTS = VoltCurve((1.022, 1.05), (1.0, 0.0))
RULES = {
    "standard": STANDARDS["ieee1547_b"],
    "var first": InverterRule(STEEP, VoltCurve((1.1, 1.2), (1.0, 0.0))),
    "watt first": InverterRule(STEEP, CUTS, var_first=False),
}
PER_KWH, PER_KVARH = np.full(STEPS, 0.08), np.linspace(0.0, 0.02, STEPS)


@pytest.fixture(scope="module")
def grid() -> FixedPoint:
    street = synthetic_feeder.make(5, HOMES)
    lines = street.lines._replace(rating_a=np.full(len(street.lines.name), 200.0))
    return open_grid(dataclasses.replace(street, lines=lines))


def infeed(rule: str) -> Infeed:
    """Inverters of all sizes at two of three meters, two at one of them, from night to full sun and back."""
    rated = np.linspace(2.0, 16.0, HOMES - 3)
    sun = np.sin(np.linspace(0.0, np.pi, STEPS)).clip(min=0.0)
    meter = np.array([0, 1, 3, 4, 6, 7, 9, 10, 10])
    available = sun[:, None] * rated * np.linspace(1.3, 0.8, len(rated))
    enough = available > 0.05 * rated
    keeps = np.arange(len(rated)) == 7  # a battery, drawn from at first and then charged in full
    available[:, keeps] = np.linspace(1.049, -1.0499, STEPS)[:, None] * rated[keeps]
    enough[:, keeps] = True
    return Infeed(InverterTable(meter, 1.05 * rated, rated, keeps), RULES[rule], available, enough)


def solved(grid: FixedPoint, p_kw: Col, q_kvar: Col, own: Infeed) -> Flow:
    got = flow.solve(grid.feeder, p_kw, q_kvar, SHARP, factors=grid.factors, infeed=own)
    assert got.converged.all()
    return got


def drawn() -> tuple[Col, Col]:
    p_kw = np.random.default_rng(1).uniform(0.1, 7.0, (STEPS, HOMES))
    return p_kw, 0.3 * p_kw


def any_duals(grid: FixedPoint) -> RowDuals:
    rng, of = np.random.default_rng(2), grid.limited
    scale = np.array([3.0, 1e-3, 1e-2])[of.kind - LimitKind.VOLTAGE]
    dual = rng.normal(0, scale, (STEPS, len(scale)))
    dual[:, of.kind != LimitKind.VOLTAGE] *= np.arange(STEPS)[:, None] % 2
    return RowDuals(of.name, dual)


def cost(grid: FixedPoint, at: Flow, duals: RowDuals) -> Col:
    """What a state costs, written out once more: energy with losses, congestion, voltage, shape (3, t) [$/h]."""
    given = PER_KWH * at.given_kw.sum(1) + PER_KVARH * at.given_kvar.sum(1)
    source = PER_KWH * at.substation_p_kw + PER_KVARH * at.substation_q_kvar
    each = duals.per_unit_h * np.abs(phasors_of(grid.limited, at.v).value)
    is_voltage = grid.limited.kind == LimitKind.VOLTAGE
    return np.array(
        [source + given, each[:, ~is_voltage].sum(1), each[:, is_voltage].sum(1) - given]
    )


def meter_pu(grid: FixedPoint, at: Flow, own: Infeed) -> Col:
    first, node = meter_nodes(grid.factors.loads, grid.priced.is_live, own.inverters.meter)
    return np.add.reduceat(at.v_pu[:, node], first[:-1], axis=1) / np.diff(first)


def regimes(grid: FixedPoint, at: Flow, own: Infeed) -> Col:
    """Where every inverter is on its curves and which limit holds it, shape (4, t, i)."""
    u, table, rule = meter_pu(grid, at, own), own.inverters, own.rule
    most = table.rated_kw * np.interp(u, *rule.volt_watt)
    size = np.hypot(at.given_kw, at.given_kvar)
    segments = [np.searchsorted(curve.voltage_pu, u) for curve in (rule.volt_var, rule.volt_watt)]
    return np.array([*segments, most < own.available_kw, size > (1 - 1e-9) * table.rated_kva])


def smooth(grid: FixedPoint, ends: list[Flow], own: Infeed) -> Flag:
    """Steps (t,) in which no inverter turns a corner between two flows."""
    one, other = (regimes(grid, each, own) for each in ends)
    return np.asarray((one == other).all(axis=(0, 2)))


@pytest.mark.parametrize("of", ["p", "q"])
@pytest.mark.parametrize("rule", RULES)
def test_prices_are_finite_differences_of_the_flow_in_which_inverters_follow(
    grid: FixedPoint, rule: str, of: str
) -> None:
    own, (p_kw, q_kvar), duals = infeed(rule), drawn(), any_duals(grid)
    at = solved(grid, p_kw, q_kvar, own)
    prices = grid.prices(at, SourcePrices(PER_KWH, PER_KVARH), duals)
    parts = prices.p if of == "p" else prices.q
    got = np.array([parts.energy + parts.loss, parts.congestion, parts.voltage])
    held = grid.prices(at._replace(infeed=None), SourcePrices(PER_KWH, PER_KVARH), duals)
    checked = np.zeros(STEPS, np.int64)
    for meter in (1, 5, 10):
        slopes = []
        for step_kw in (STEP_KW, 0.5 * STEP_KW):
            move = step_kw * (np.arange(HOMES) == meter)
            p, q = move * (of == "p"), move * (of == "q")
            ends = [solved(grid, p_kw + s * p, q_kvar + s * q, own) for s in (1, -1)]
            up, down = (cost(grid, each, duals) for each in ends)
            slopes.append((up - down) / (2 * step_kw))
            if step_kw == STEP_KW:
                flat = smooth(grid, [*ends], own) & smooth(grid, [ends[0], at], own)
        exact = (4 * slopes[1] - slopes[0]) / 3  # what bends within a step falls out
        scale = np.abs(got).max(axis=2)[:, flat]
        np.testing.assert_array_less(
            np.abs(got[:, flat, meter] - exact[:, flat]), 1e-5 * scale + 1e-12
        )
        checked += flat
    assert (checked > 0).sum() > STEPS // 2
    # with inverters held at what they give it would be another price, by far
    side = held.p if of == "p" else held.q
    assert np.abs(got[2] - side.voltage).max() > 0.05 * np.abs(got[2]).max()


def test_every_regime_is_met(grid: FixedPoint) -> None:
    """Level and sloping curves, sun that is cut, ratings that are full: what the test above says, it says of all."""
    met = {
        rule: regimes(grid, solved(grid, *drawn(), infeed(rule)), infeed(rule)) for rule in RULES
    }
    for rule, counts in (
        ("standard", (2, 1, 2)),
        ("var first", (2, 1, 2)),
        ("watt first", (2, 2, 2)),
    ):
        assert tuple(len(np.unique(met[rule][row])) for row in (0, 1, 3)) == counts, rule
        assert len(np.unique(met[rule][2])) == 2, rule


@pytest.mark.parametrize("rule", RULES)
def test_rows_of_limits_are_those_differences_too(grid: FixedPoint, rule: str) -> None:
    own, (p_kw, q_kvar) = infeed(rule), drawn()
    some = np.array([3, 8, 12])
    own = own._replace(available_kw=own.available_kw[some], gives_var=own.gives_var[some])
    p_kw, q_kvar = p_kw[some], q_kvar[some]
    at = solved(grid, p_kw, q_kvar, own)
    rows = grid.limits(at)
    np.testing.assert_allclose(
        load_of(rows, at.rated_p_kw.T, at.rated_q_kvar.T)[rows.kind == LimitKind.VOLTAGE],
        np.abs(phasors_of(grid.limited, at.v).value).T[: (rows.kind == LimitKind.VOLTAGE).sum()],
        rtol=1e-9,
    )
    place = [grid.limited.name.index(each.removesuffix(", reverse")) for each in rows.name]
    for column, is_p in ((rows.a, True), (rows.b, False)):
        dense, found = column.value.reshape(len(place), HOMES), np.zeros(len(place), np.int64)
        for meter in (2, 7, 10):
            move = STEP_KW * (np.arange(HOMES) == meter)
            p, q = move * is_p, move * (not is_p)
            ends = [solved(grid, p_kw + s * p, q_kvar + s * q, own) for s in (1, -1)]
            up, down = (np.abs(phasors_of(grid.limited, each.v).value)[:, place] for each in ends)
            flat = smooth(grid, [*ends], own)
            exact = (up - down) / (2 * STEP_KW)
            scale = np.abs(dense).max(axis=1)
            off = np.abs(exact - dense[:, meter]) / scale
            # a row is linear around one of the steps, that in which it is nearest its limit
            hit = off[flat].min(axis=0) < 1e-5
            found += hit
        assert (found > 0).mean() > 0.9


def test_slopes_are_differences_of_what_is_given_and_those_of_the_left_at_a_corner() -> None:
    u = np.linspace(0.9, 1.12, 2001)[:, None]
    table = InverterTable(np.zeros(1, np.int64), np.array([10.0]), np.array([9.8]))
    for rule in RULES.values():
        for sun in (0.0, 4.0, 9.5, 9.9, 12.0):
            at = np.full_like(u, sun), np.full_like(u, True, bool)
            found = given_slopes(table, rule, u, *at)
            up, down = (np.array(given_kw_kvar(table, rule, u + s, *at)) for s in (1e-7, -1e-7))
            back = (np.array(given_kw_kvar(table, rule, u, *at)) - down) / 1e-7
            middle = (up - down) / 2e-7
            corner = np.abs(middle - back).max(axis=(0, 2)) > 1e-2
            assert corner.sum() < 40
            np.testing.assert_allclose(np.array(found)[:, ~corner], middle[:, ~corner], atol=1e-3)
    corners = np.array([[0.92], [0.98], [1.02], [1.08]])
    full = np.full_like(corners, 4.0), np.full_like(corners, True, bool)
    kvar = given_slopes(table, RULES["standard"], corners, *full)[1]
    steep = -0.44 / 0.06 * 10.0
    np.testing.assert_allclose(kvar[:, 0], [0.0, steep, 0.0, steep], rtol=1e-12)
    none = given_slopes(table, RULES["standard"], corners, full[0], ~full[1])
    assert not np.any(none)


def test_a_kwh_is_worth_less_where_panels_are_cut_for_voltage(grid: FixedPoint) -> None:
    """Who draws one more lets panels give it: the part of the voltage takes back some of the price of energy."""
    own, (p_kw, q_kvar) = infeed("watt first"), drawn()
    at = solved(grid, 0.05 * p_kw, 0.05 * q_kvar, own)
    prices = grid.prices(at, SourcePrices(PER_KWH, np.zeros(STEPS)))
    cut = (own.available_kw - at.given_kw).sum(1)
    noon, night = int(cut.argmax()), 0
    assert cut[noon] > 10.0
    assert (prices.p.voltage[noon] < 0).mean() > 0.8
    assert prices.p.voltage[noon].min() < -0.2 * PER_KWH[noon]
    assert not prices.p.voltage[night].any()


def test_prices_with_inverters_take_one_solve_a_part(grid: FixedPoint) -> None:
    own, duals = infeed("standard"), any_duals(grid)
    at = solved(grid, *drawn(), own)
    prices = grid.prices(at, SourcePrices(PER_KWH, PER_KVARH), duals)
    held = grid.prices(at._replace(infeed=None), SourcePrices(PER_KWH, PER_KVARH), duals)
    assert (prices.rounds[1:] <= 3 * at.rounds[1:]).all()
    assert (prices.rounds < 4 * held.rounds).all()


def test_where_controls_move_each_step_has_the_prices_of_its_own_state(data_dir: Path) -> None:
    feeder = opendss.read(data_dir / "feeders/ieee/13Bus/IEEE13Nodeckt.dss")
    plain = feeder.loads.dependence
    steady = dataclasses.replace(
        feeder, loads=feeder.loads._replace(dependence=type(plain)(*(c[:0] for c in plain)))
    )
    grid = open_grid(steady, moves_controls=True, step_s=900.0)
    rated, share = np.full(3, 600.0), np.linspace(0.2, 1.0, 6)[:, None]
    own = Infeed(
        InverterTable(np.array([0, 4, 8]), rated, rated), RULES["standard"], share[::-1] * rated,
        np.ones((6, 3), np.bool_),
    )  # fmt: skip
    at = grid.flow(share * steady.meters.p_kw, 0.3 * share * steady.meters.p_kw, infeed=own)
    assert len(np.unique(at.tap, axis=0)) > 1
    source = SourcePrices(np.full(6, 0.1), np.zeros(6))
    together = grid.prices(at, source)
    for step in range(6):
        one = steps_of(at, np.array([step]))
        alone = grid.stand(at, step).prices(one, SourcePrices(np.full(1, 0.1), np.zeros(1)))
        for side in ("p", "q"):
            got, want = total_price(getattr(together, side)), total_price(getattr(alone, side))
            np.testing.assert_allclose(got[step], want[0], rtol=1e-5)
