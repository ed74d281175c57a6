"""The value recursion against an interior-point solver, its own laws, and closed-form numbers."""

from typing import Any

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp

from gridagora.kernels.stores.polyline import PENALTY, comfort_slope, mean_after_draws, right_value
from gridagora.kernels.stores.table import FIELDS, MarginalValue, Stores, stores
from gridagora.kernels.stores.value import (
    best_response,
    bid,
    blend,
    marginal_value,
    respond_row,
    scratch,
)

Table = dict[str, Any]


def tariff(
    rng: np.random.Generator, h: int, rows: int, spread: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    hour = np.arange(h) * 24 / h
    shape = (
        0.12 + 0.1 * np.exp(-(((hour - 18) / 3) ** 2)) - 0.05 * np.exp(-(((hour - 13) / 3) ** 2))
    )
    buy = np.maximum(shape + 0.03 * rng.standard_normal((rows, h)), 0.02)
    return buy, spread * buy


def battery(rng: np.random.Generator, n: int, h: int) -> Table:
    e_kwh, p_kw, gain = (
        rng.uniform(6, 16, (n, 1)),
        rng.uniform(2, 7, (n, 1)),
        rng.uniform(0.9, 0.98, (n, 1)),
    )
    return {
        "x0": (e_kwh * rng.uniform(0, 1, (n, 1)))[:, 0],
        "dt_h": np.full(h, 24 / h),
        "p_min_kw": -p_kw,
        "p_max_kw": p_kw,
        "x_max": e_kwh,
        "gain_in": gain,
        "gain_out": gain,
        "wear_per_kwh": rng.uniform(0, 0.02, (n, 1)),
        "end_x": e_kwh * np.array([0.0, 0.5, 0.7, 1.0]),
        "end_mu": rng.uniform(0.05, 0.2, (n, 1)) * np.array([1, 1, 0.6, 0.6]),
        "leak": 0.9998,
    }


def car(rng: np.random.Generator, n: int, h: int) -> Table:
    dt, step = 24 / h, np.arange(h)
    leave, back = rng.integers(h // 3, h // 2, (n, 1)), rng.integers(2 * h // 3, 3 * h // 4, (n, 1))
    p_kw = np.where((step < leave) | (step >= back), rng.uniform(3, 11, (n, 1)), 0.0)
    x0 = rng.uniform(5, 20, n)
    need = np.minimum(60.0, x0[:, None] + 0.8 * 0.9 * dt * p_kw[:, :1] * leave)
    return {
        "x0": x0,
        "dt_h": np.full(h, dt),
        "p_max_kw": p_kw,
        "x_min": np.where(step == leave - 1, need, 0.0),
        "x_max": 70.0,
        "gain_in": 0.9,
        "inflow": np.where(step == back - 1, -0.3 * need, 0.0),
        "wear_per_kwh": 0.005,
        "end_x": [0.0, 60.0, 70.0],
        "end_mu": [0.25, 0.1, 0.0],
    }


def tank(rng: np.random.Generator, n: int, h: int) -> Table:
    dt = 24 / h
    draw = dt * rng.uniform(0.2, 0.8, (n, 1)) * rng.random((n, h)) * 2 * (rng.random((n, h)) < 0.5)
    e_kwh = rng.uniform(4, 9, (n, 1))
    return {
        "x0": rng.uniform(0.3, 0.9, n) * e_kwh[:, 0],
        "dt_h": np.full(h, dt),
        "leak": np.exp(-dt / 150),
        "inflow": -draw,
        "p_max_kw": 4.5,
        "x_min": -3.0,
        "x_max": e_kwh,
        "k_x": 0.05,
        "x_set": 0.7 * e_kwh,
        "dead": 0.15 * e_kwh,
        "end_x": [0.0, 1.0],
        "end_mu": [0.12, 0.08],
    }


def lagged(rng: np.random.Generator, n: int, h: int) -> Table:
    """A house whose comfort is that of the state after the step."""
    dt = 24 / h
    leak = rng.uniform(0.8, 0.95, (n, 1)) ** dt
    outdoor = 31 + 6 * np.cos((np.arange(h) * dt - 16) / 12 * np.pi) + rng.standard_normal((n, h))
    return {
        "x0": rng.uniform(-1, 3, n),
        "dt_h": np.full(h, dt),
        "leak": leak,
        "inflow": -(1 - leak) * (outdoor - 24),
        "p_max_kw": rng.uniform(2, 5, (n, 1)),
        "x_min": -30.0,
        "x_max": 30.0,
        "gain_in": rng.uniform(1, 3, (n, 1)),
        "k_x": rng.uniform(0.02, 0.2, (n, 1)),
        "x_set": 0.5,
        "dead": rng.choice([0.0, 0.5], (n, 1)),
        "end_x": [-6.0, 4.0],
        "end_mu": [0.3, 0.0],
    }


def felt(rng: np.random.Generator, n: int, h: int) -> Table:
    """A house whose comfort feels the power within the step, weakly or strongly."""
    house = lagged(rng, n, h)
    return house | {
        "k_x": 0.0,
        "k_c": rng.uniform(0.02, 0.2, (n, 1)),
        "c_x": rng.uniform(0.6, 1, (n, 1)),
        "c_p": rng.choice([0.0, 0.05, 0.6, 3.0], (n, 1)) * rng.uniform(0.8, 1.2, (n, h)),
        "c_0": rng.uniform(-1, 1, (n, h)),
    }


def turned(table: Table, rng: np.random.Generator) -> Table:
    """The same store, whose state changes its sense before some steps, the first among them in some rows."""
    n, h = len(table["x0"]), len(table["dt_h"])
    way = np.where(rng.random((n, h)) < 0.25, -1.0, 1.0)
    return table | {"leak": way * table["leak"], "c_x": way * table.get("c_x", 0.0)}


def warm_and_cold(rng: np.random.Generator, n: int, h: int) -> Table:
    """A house that heats in some hours and cools in others: the state is counted in the sense of the step's own mode."""
    return turned(felt(rng, n, h), rng)


def dressed(rng: np.random.Generator, n: int, h: int) -> Table:
    """A house of both modes with comfort in the state after the step: set point and dead band in the sense of the step."""
    return turned(lagged(rng, n, h), rng) | {"x_set": rng.uniform(-1, 1, (n, h))}


def tight(rng: np.random.Generator, n: int, h: int) -> Table:
    """A store of both signs of power between bounds that bind on either side and differ from step to step."""
    e_kwh = rng.uniform(3, 6, (n, 1))
    pack = turned(battery(rng, n, h), rng)
    return pack | {
        "x0": rng.uniform(-2, 2, n),
        "x_min": -e_kwh - rng.uniform(0, 0.2, (n, h)),
        "x_max": e_kwh + rng.uniform(0, 0.2, (n, h)),
        "end_x": e_kwh * np.array([-1.0, 0.0, 0.3, 1.0]),
    }


KINDS = {
    "battery": battery,
    "car": car,
    "tank": tank,
    "lagged": lagged,
    "felt": felt,
    "warm_and_cold": warm_and_cold,
    "dressed": dressed,
    "tight": tight,
}


def built(table: Table) -> Stores:
    return stores(
        table["x0"],
        table["dt_h"],
        **{key: value for key, value in table.items() if key not in ("x0", "dt_h")},
    )


class Programme:
    """A sparse quadratic programme gathered block by block."""

    def __init__(self) -> None:
        self.linear: list[np.ndarray] = []
        self.quadratic: list[np.ndarray] = []
        self.blocks: dict[bool, list[tuple[list[tuple[np.ndarray, Any]], np.ndarray]]] = {
            True: [],
            False: [],
        }
        self.size = 0

    def variable(self, m: int, cost: Any = 0.0, square: Any = 0.0) -> np.ndarray:
        self.linear.append(np.broadcast_to(np.asarray(cost, float), m))
        self.quadratic.append(np.broadcast_to(np.asarray(square, float), m))
        self.size += m
        return np.arange(self.size - m, self.size)

    def row(self, terms: list[tuple[np.ndarray, Any]], right: Any, *, equal: bool) -> None:
        self.blocks[equal].append(
            (terms, np.broadcast_to(np.asarray(right, float), len(terms[0][0])))
        )

    def box(self, index: np.ndarray, lo: Any, hi: Any) -> None:
        self.row([(index, 1.0)], hi, equal=False)
        self.row([(index, -1.0)], -np.asarray(lo, float), equal=False)

    def solve(self) -> tuple[float, np.ndarray]:
        data, rows, cols, right, at = [], [], [], [], [0]
        for equal in (True, False):
            for terms, b in self.blocks[equal]:
                for index, factor in terms:
                    data.append(np.broadcast_to(np.asarray(factor, float), len(b)))
                    rows.append(at[-1] + np.arange(len(b)))
                    cols.append(index)
                right.append(b)
                at.append(at[-1] + len(b))
        count = at[len(self.blocks[True])]
        a = sp.csc_matrix(
            (np.concatenate(data), (np.concatenate(rows), np.concatenate(cols))),
            shape=(at[-1], self.size),
        )
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_iter = False, 200
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
        cones = [clarabel.ZeroConeT(count), clarabel.NonnegativeConeT(at[-1] - count)]
        square = sp.diags(np.concatenate(self.quadratic), format="csc")
        found = clarabel.DefaultSolver(
            square, np.concatenate(self.linear), a, np.concatenate(right), cones, settings
        ).solve()
        assert str(found.status) in ("Solved", "AlmostSolved")
        return found.obj_val, np.array(found.x)


def reference(s: Stores, i: int, buy: np.ndarray, sell: np.ndarray) -> tuple[float, np.ndarray]:
    """Cost and power of row i by interior point, import and export as separate variables."""
    f = {name: getattr(s, name)[i] for name in FIELDS}
    dt, h, m = s.dt_h, len(s.dt_h), Programme()
    up = m.variable(h, dt * (f["wear_per_kwh"] - f["prox"] * f["p_ref_kw"]), dt * f["prox"])
    down = m.variable(h, dt * (f["wear_per_kwh"] + f["prox"] * f["p_ref_kw"]), dt * f["prox"])
    m.box(up, np.maximum(f["p_min_kw"], 0), np.maximum(f["p_max_kw"], 0))
    m.box(down, np.maximum(-f["p_max_kw"], 0), np.maximum(-f["p_min_kw"], 0))
    x, bought, sold = m.variable(h), m.variable(h, dt * buy), m.variable(h, -dt * sell)
    m.box(x, f["x_min"], f["x_max"])
    m.box(bought, 0, 1e3), m.box(sold, 0, 1e3)
    m.row([(bought, 1.0), (sold, -1.0), (up, -1.0), (down, 1.0)], f["load_kw"], equal=True)
    right = f["inflow"].copy()
    right[0] += f["leak"][0] * s.x0[i]
    m.row(
        [(x[:1], 1.0), (up[:1], -f["gain_in"][0] * dt[0]), (down[:1], dt[0] / f["gain_out"][0])],
        right[:1],
        equal=True,
    )
    later = [
        (x[1:], 1.0),
        (x[:-1], -f["leak"][1:]),
        (up[1:], (-f["gain_in"] * dt)[1:]),
        (down[1:], (dt / f["gain_out"])[1:]),
    ]
    m.row(later, right[1:], equal=True)
    if f["k_x"].any():
        away = m.variable(h, 0.0, dt * f["k_x"])
        m.row([(x, 1.0), (away, -1.0)], f["x_set"] + f["dead"], equal=False)
        m.row([(x, -1.0), (away, -1.0)], f["dead"] - f["x_set"], equal=False)
        m.row([(away, -1.0)], 0.0, equal=False)
    if f["k_c"].any():
        now = m.variable(h, 0.0, dt * f["k_c"])
        right = f["c_0"].copy()
        right[0] += f["c_x"][0] * s.x0[i]
        m.row([(now[:1], 1.0), (up[:1], -f["c_p"][:1])], right[:1], equal=True)
        m.row(
            [(now[1:], 1.0), (x[:-1], -f["c_x"][1:]), (up[1:], -f["c_p"][1:])],
            right[1:],
            equal=True,
        )
    ends, mu = s.end_x[i], s.end_mu[i]
    wide = np.diff(ends) > 0
    width = np.diff(ends)[wide]
    parts = m.variable(wide.sum(), -mu[:-1][wide], (mu[:-1] - mu[1:])[wide] / width)
    m.box(parts, 0.0, width)
    out = m.variable(2, [mu[0], -mu[-1]])
    m.row([(out, -1.0)], 0.0, equal=False)
    pieces = [(part, -1.0) for part in parts[:, None]]
    m.row([(x[-1:], 1.0), (out[:1], 1.0), (out[1:], -1.0), *pieces], ends[:1], equal=True)
    cost, found = m.solve()
    return cost + 0.5 * float((dt * f["prox"] * f["p_ref_kw"] ** 2).sum()), found[up] - found[down]


def infeasible(s: Stores, p_kw: np.ndarray, x: np.ndarray) -> float:
    move = np.where(p_kw >= 0, p_kw * s.gain_in, p_kw / s.gain_out) * s.dt_h
    gap = np.abs(x[:, 1:] - s.leak * x[:, :-1] - s.inflow - move).max()
    return max(
        gap,
        (s.p_min_kw - p_kw).max(),
        (p_kw - s.p_max_kw).max(),
        (s.x_min - x[:, 1:]).max(),
        (x[:, 1:] - s.x_max).max(),
    )


@pytest.mark.parametrize("prox", [0.0, 0.01])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("h", "n"), [(24, 10), (96, 3)])
def test_response_equals_the_quadratic_programme(kind: str, prox: float, h: int, n: int) -> None:
    rng = np.random.default_rng(11)
    table = KINDS[kind](rng, n, h) | {
        "load_kw": rng.uniform(-4, 3, (n, h)),
        "prox": prox,
        "p_ref_kw": rng.uniform(0, 1, (n, h)),
    }
    s, (buy, sell) = built(table), tariff(rng, h, n)
    found = best_response(s, buy, sell)
    cost = np.array([reference(s, i, buy[i], sell[i])[0] for i in range(n)])
    assert found.missing.max() == 0.0
    assert found.hulled.max() == 0
    assert np.abs(found.cost_usd - cost).max() <= 1e-8 * max(1.0, np.abs(cost).max())
    assert infeasible(s, found.p_kw, found.x) <= 1e-9
    assert np.array_equal(found.cost_usd, found.bound_usd)


@pytest.mark.parametrize("kind", KINDS)
def test_slope_is_the_derivative_of_cost(kind: str) -> None:
    rng = np.random.default_rng(5)
    s = built(KINDS[kind](rng, 60, 24) | {"load_kw": rng.uniform(-4, 3, (60, 24))})
    s = s._replace(x0=np.clip(s.x0, s.x_min[:, 0] + 0.01, s.x_max[:, 0] - 0.01))
    buy, sell = tariff(rng, 24, 60)
    step = 1e-5
    cost = [best_response(s._replace(x0=s.x0 + way * step), buy, sell).cost_usd for way in (-1, 1)]
    error = np.abs((cost[0] - cost[1]) / (2 * step) - best_response(s, buy, sell).slope)
    assert np.median(error) < 1e-6
    assert np.mean(error > 1e-4) < 0.1  # a kink of the value next to x0


@pytest.mark.parametrize("kind", KINDS)
def test_bid_answers_every_price_as_optimising_again_does(kind: str) -> None:
    rng = np.random.default_rng(3)
    n, h = 12, 24
    s = built(KINDS[kind](rng, n, h))
    buy, _ = tariff(rng, h, n)
    values = marginal_value(s, buy, keep=1)
    first = s._replace(dt_h=s.dt_h[:1], **{name: getattr(s, name)[:, :1] for name in FIELDS})
    curves = bid(first, values, 0.0, t0=1)
    for price in (-0.01, 0.03, 0.11, 0.17, 0.31, 0.9):
        again = buy.copy()
        again[:, 0] = price
        best = best_response(s, again, again).p_kw[:, 0]
        for i in range(n):
            part = slice(curves.offset[i], curves.offset[i + 1])
            p, cost = curves.p_kw[part], -curves.price_per_kwh[part]
            assert np.all(np.diff(p) >= 0)
            assert np.all(np.diff(cost) >= 0)
            assert abs(np.interp(price * -1.0, cost, p) - best[i]) < 1e-9


def test_worked_example_by_hand() -> None:
    """Two hours, 4 kWh, 2 kW, 90 % each way: charge in full at .10, deliver in full at .30; the last unit is worth .15."""
    s = stores(
        [1.0],
        [1.0, 1.0],
        p_min_kw=-2,
        p_max_kw=2,
        x_max=4,
        gain_in=0.9,
        gain_out=0.9,
        end_mu=(0.15, 0.15),
    )
    found = best_response(s, [0.1, 0.3], [0.1, 0.3])
    assert found.p_kw[0] == pytest.approx([2, -2])
    assert found.x[0] == pytest.approx([1, 2.8, 2.8 - 2 / 0.9])
    assert found.cost_usd[0] == pytest.approx(0.2 - 0.6 - 0.15 * (2.8 - 2 / 0.9), abs=1e-14)
    assert found.slope[0] == pytest.approx(0.15)
    curve = bid(
        stores([1.0], [1.0], p_min_kw=-2, p_max_kw=2, x_max=4, gain_in=0.9, gain_out=0.9),
        marginal_value(s, [0.1, 0.3]),
        1.0,
    )
    assert curve.p_kw == pytest.approx(
        [-2, -0.9, -0.9, 0, 0, 2 - 0.578 / 0.9, 2 - 0.578 / 0.9, 2], abs=1e-3
    )
    assert curve.price_per_kwh == pytest.approx(
        [PENALTY / 0.9, PENALTY / 0.9, 0.3, 0.3, 0.243, 0.243, 0.135, 0.135]
    )


def test_an_empty_battery_charges_before_a_spike() -> None:
    """The slope of an empty store is that of its next unit: with the outward one it would never charge for the spike."""
    price = np.array([0.05, 0.06, 0.05, 5.0, 0.05])
    s = stores(
        [0.0],
        np.ones(5),
        p_min_kw=-5,
        p_max_kw=5,
        x_max=13.5,
        gain_in=0.95,
        gain_out=0.95,
        wear_per_kwh=0.01,
    )
    found, (cost, _) = best_response(s, price, price), reference(s, 0, price, price)
    assert found.cost_usd[0] == pytest.approx(cost, abs=1e-8)
    assert found.p_kw[0, 3] == pytest.approx(-5)
    assert found.slope[0] == pytest.approx((0.06 + 0.01) / 0.95, abs=0.02)
    values = marginal_value(s, price, keep=3)
    assert values.mu[values.offset[3]] == pytest.approx((5.0 - 0.01) * 0.95)


def test_unreachable_bounds_are_met_by_a_priced_slack() -> None:
    s = stores([2.0], np.ones(3), p_max_kw=1.0, x_min=[[0, 0, 10]], x_max=20.0)
    found = best_response(s, np.full(3, 0.1), np.full(3, 0.1))
    assert found.missing[0] == pytest.approx(5.0)
    assert found.cost_usd[0] == pytest.approx(0.3 + 5 * PENALTY)
    assert found.x[0, -1] == 10.0


def exhaustive(s: Stores, i: int, price: np.ndarray, points: int) -> float:
    """Cost by exclusive power on a grid of states: no convexity is used."""
    grid = np.linspace(s.x_min[i, 0], s.x_max[i, 0], points)
    worth = np.zeros(points)
    for t in range(len(price) - 1, -1, -1):
        start = grid if t else s.x0[i : i + 1]
        move = grid[None, :] - start[:, None]
        p = np.where(move >= 0, move / s.gain_in[i, t], move * s.gain_out[i, t])
        cost = price[t] * p + s.wear_per_kwh[i, t] * np.abs(p) + worth
        worth = np.where(
            (p >= s.p_min_kw[i, t] - 1e-12) & (p <= s.p_max_kw[i, t] + 1e-12), cost, np.inf
        ).min(axis=1)
    return float(worth[0])


def test_negative_prices_are_bounded_by_the_hull_and_answered_by_exclusive_power() -> None:
    rng = np.random.default_rng(12)
    n, h = 8, 8
    s = stores(
        np.full(n, 5.0),
        np.ones(h),
        p_min_kw=-4,
        p_max_kw=4,
        x_max=10,
        gain_in=0.85,
        gain_out=0.85,
        wear_per_kwh=0.0,
    )
    price = rng.uniform(-0.2, 0.15, (n, h))
    found = best_response(s, price, price)
    best = np.array([exhaustive(s, i, price[i], 501) for i in range(n)])
    relaxed = np.array([reference(s, i, price[i], price[i])[0] for i in range(n)])
    assert found.hulled.max() > 0
    assert np.all(
        found.bound_usd >= relaxed - 1e-7
    )  # the hull keeps power within its bounds, two variables do not
    assert np.all(found.bound_usd <= found.cost_usd + 1e-12)
    assert np.all(found.bound_usd <= best + 1e-9)
    assert np.all(found.cost_usd >= best - 0.02)
    assert np.all(found.cost_usd <= best + 0.15)
    assert infeasible(s, found.p_kw, found.x) <= 1e-9


def test_the_bound_at_negative_prices_counts_what_is_left_in_store() -> None:
    rng = np.random.default_rng(13)
    n, h = 6, 8
    loss = {"gain_in": 0.85, "gain_out": 0.85}
    s = stores(
        np.full(n, 5.0),
        np.ones(h),
        p_min_kw=-4,
        p_max_kw=4,
        x_max=10,
        end_x=(0, 10),
        end_mu=(0.3, 0.1),
        **loss,
    )
    price = rng.uniform(-0.2, 0.15, (n, h))
    found = best_response(s, price, price)
    relaxed = np.array([reference(s, i, price[i], price[i])[0] for i in range(n)])
    assert found.hulled.max() > 0
    assert np.all(found.bound_usd >= relaxed - 1e-7)
    assert np.all(found.bound_usd <= found.cost_usd + 1e-12)
    assert np.all(found.cost_usd - found.bound_usd < 0.5)


@pytest.mark.parametrize("kind", ["battery", "car", "tank", "lagged", "dressed", "tight"])
def test_both_ways_to_roll_out_agree(kind: str) -> None:
    """Without a slope in the marginal cost the roll-out needs no W'; a slope of next to nothing makes it look there."""
    rng = np.random.default_rng(14)
    s, (buy, sell) = (
        built(KINDS[kind](rng, 20, 96) | {"load_kw": rng.uniform(-4, 3, (20, 96))}),
        tariff(rng, 96, 20),
    )
    short, long = (
        best_response(table, buy, sell) for table in (s, s._replace(prox=np.full((20, 96), 1e-13)))
    )
    assert long.cost_usd == pytest.approx(short.cost_usd, abs=1e-9)
    assert long.slope == pytest.approx(short.slope, abs=1e-6)


def strongly_felt(h: int, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A house whose power is felt so soon that the walk along W' turns back; its end value has many points."""
    fields = {"leak": 0.6, "gain_in": 1.95, "p_max_kw": 5.85, "x_min": -40.0, "x_max": 40.0}
    felt_now = {"k_c": 0.16, "c_x": 0.93, "c_p": 0.32}
    end_x = np.linspace(-12.0, 12.0, points)
    end_mu = -0.0022 * end_x
    house = stores(np.zeros(1), np.ones(h), **fields, **felt_now, end_x=end_x, end_mu=end_mu)
    return np.stack([column[0] for column in house[2:21]], 1), house.end_x[0], house.end_mu[0]


@pytest.mark.parametrize("room", [650, 800, 1500, 20_000])
def test_points_that_a_walk_passes_again_stay_within_their_arrays(room: int) -> None:
    """A response worked out in arrays that are too short writes nothing behind them, and is the same."""
    h, points = 3, 300
    row, end_x, end_mu = strongly_felt(h, points)
    price, dt, work = np.full(h, 0.05), np.ones(h), scratch(h, points)
    p_kw, path, guarded = np.empty((2, h)), np.empty(h + 1), np.full((2, room + 2000), 7.25)
    whole = respond_row(row, dt, price, price, end_x, end_mu, 0.1, work, p_kw[0], path)
    assert np.diff(work[2][:, 1]).min() < -200  # a step adds more points than one walk does
    short = (guarded[0, :room], guarded[1, :room], *work[2:])
    found = respond_row(row, dt, price, price, end_x, end_mu, 0.1, short, p_kw[1], path)
    assert np.all(guarded[:, room:] == 7.25)
    assert found == whole
    assert np.array_equal(*p_kw)


def test_slopes_of_a_walk_that_turns_back_are_those_of_its_response() -> None:
    h, points = 6, 1000
    row, end_x, end_mu = strongly_felt(h, points)
    columns = dict(zip(FIELDS, row.T, strict=True))
    house = stores(np.array([0.1]), np.ones(h), **columns, end_x=end_x, end_mu=end_mu)
    found = marginal_value(house, np.full(h, 0.05), keep=h)
    x, mu = (part[: found.offset[1]] for part in (found.x, found.mu))
    answer = best_response(house, np.full(h, 0.05), np.full(h, 0.05))
    assert right_value(x, mu, len(x), 0.1) == pytest.approx(answer.slope[0], abs=1e-12)


def test_the_mean_after_draws_is_that_of_every_draw_taken_alone() -> None:
    rng = np.random.default_rng(15)
    x, mu = np.sort(rng.uniform(0, 6, 9)), -np.sort(-rng.uniform(0, 0.3, 9))
    x[4], draws = (
        x[3],
        np.array([0.0, -0.7, 0.4, -9.0, 9.0]),
    )  # a jump, and draws beyond both bounds
    lo, hi = x[0], x[-1]
    found_x, found_mu = np.empty(50), np.empty(50)
    n = mean_after_draws(x, mu, 9, lo, hi, 0.2, 4.0, 0.5, draws, 41, found_x, found_mu)
    at = np.linspace(lo, hi, 41)
    worth = np.mean(
        [
            [
                right_value(x, mu, 9, min(max(y, lo), hi)) + comfort_slope(y, 0.2, 4.0, 0.5)
                for y in at + d
            ]
            for d in draws
        ],
        axis=0,
    )
    assert np.interp(at, found_x[:n], found_mu[:n]) == pytest.approx(worth, abs=1e-12)


def test_rows_threads_and_order_change_no_bit() -> None:
    rng = np.random.default_rng(8)
    n = 700
    s, (buy, sell) = built(battery(rng, n, 24)), tariff(rng, 24, 5)
    row = rng.integers(0, 5, n)
    one, four = best_response(s, buy, sell, row), best_response(s, buy, sell, row, threads=4)
    order = rng.permutation(n)
    moved = Stores(
        *(
            getattr(s, name) if name == "dt_h" else getattr(s, name)[order]
            for name in Stores._fields
        )
    )
    mixed = best_response(moved, buy, sell, row[order])
    for a, b, c in zip(one, four, mixed, strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a[order], c)
    a, b = marginal_value(s, buy, 3, row), marginal_value(s, buy, 3, row, threads=4)
    assert np.array_equal(a.offset, b.offset)
    assert np.array_equal(a.mu, b.mu)


def test_blending_is_linear_in_the_share_and_exact_at_both_ends() -> None:
    rng = np.random.default_rng(4)
    s, (buy, _) = built(felt(rng, 20, 24)), tariff(rng, 24, 20)
    values = marginal_value(s, buy, keep=2)

    def at(v: Any, i: int, t: int, x: np.ndarray) -> np.ndarray:
        part = slice(v.offset[i * (v.keep + 1) + t], v.offset[i * (v.keep + 1) + t + 1])
        return np.interp(x, v.x[part], v.mu[part])

    mixed = blend(values, 0, 1, 0.3)
    for i in range(20):
        x = rng.uniform(-5, 5, 50)
        assert at(mixed, i, 0, x) == pytest.approx(
            0.7 * at(values, i, 0, x) + 0.3 * at(values, i, 1, x), abs=1e-9
        )


def test_known_draws_equal_an_inflow_and_uncertain_ones_are_worth_more_in_a_low_tank() -> None:
    rng = np.random.default_rng(6)
    n, h = 6, 24
    table = tank(rng, n, h) | {"x_min": 0.0, "dead": 0.0}
    price = tariff(rng, h, n)[0]
    none = table | {"inflow": 0.0}
    draws = np.broadcast_to(np.asarray(table["inflow"])[:, None, :], (n, 3, h))
    known, drawn = (
        marginal_value(built(table), price),
        marginal_value(built(none), price, draws=draws),
    )
    for i in range(n):
        a, b = (
            slice(known.offset[2 * i], known.offset[2 * i + 1]),
            slice(drawn.offset[2 * i], drawn.offset[2 * i + 1]),
        )
        x = np.linspace(0.3, 0.9, 20) * built(table).x_max[i, 0]
        error = np.abs(
            np.interp(x, known.x[a], known.mu[a]) - np.interp(x, drawn.x[b], drawn.mu[b])
        )
        assert error.max() < 0.02
    assert np.all(np.diff(drawn.mu[: drawn.offset[1]]) <= 0)


def drawn_tanks(rng: np.random.Generator, n: int, h: int) -> tuple[Stores, np.ndarray]:
    """Tanks of one taste, and rare draws that may empty them."""
    size = rng.uniform(5, 9, (n, 1))
    table = stores(
        0.6 * size[:, 0],
        np.ones(h),
        leak=0.99,
        inflow=rng.uniform(-0.2, 0.0, (n, h)),
        p_max_kw=rng.uniform(1, 4, (n, 1)),
        x_max=size,
        gain_in=0.9,
        wear_per_kwh=0.01,
        k_x=0.2,
        x_set=0.7 * size,
        dead=0.2 * size,
        end_x=np.zeros((1, 2)) + size * np.array([0.0, 1.0]),
        end_mu=(0.2, 0.05),
    )
    return table, -rng.exponential(2.0, (n, 9, h)) * (rng.random((n, 9, h)) < 0.4)


def test_a_slope_on_even_points_is_the_walk_on_lines_to_the_width_of_a_point() -> None:
    """A taste that changes by nothing to speak of in one late step sends the same rows the long way."""
    rng = np.random.default_rng(21)
    n, h = 30, 24
    table, draws = drawn_tanks(rng, n, h)
    price = rng.uniform(-0.03, 0.4, (n, h))
    k_x = np.array(table.k_x)
    k_x[:, -1] *= 1 + 1e-12
    even = marginal_value(table, price, draws=draws)
    lines = marginal_value(table._replace(k_x=k_x), price, draws=draws)
    assert not np.array_equal(even.mu, lines.mu)
    worst = 0.0
    for row in range(2 * n):
        a, b = (slice(v.offset[row], v.offset[row + 1]) for v in (even, lines))
        x = np.linspace(0, table.x_max[row // 2, 0], 200)
        on, off = (np.interp(x, v.x[own], v.mu[own]) for v, own in ((even, a), (lines, b)))
        assert np.all(np.diff(even.mu[a]) <= 0)
        worst = max(worst, np.abs(on - off).mean() / np.abs(off).mean())
    assert worst < 5e-3


def test_a_slope_on_even_points_is_exact_where_every_step_is_whole_points() -> None:
    """Without leak, draws, charge and inflow of whole points, and prices that slopes at points never meet within an edge."""
    h, points = 6, 41
    draws = -np.array([[[0, 3, 0, 2, 0, 1], [5, 3, 0, 0, 1, 1], [0, 0, 9, 0, 60, 1]]], float)
    levels = -np.round(np.linspace(0, 40, points)).cumsum() / 820
    own = {"p_min_kw": 1.0, "p_max_kw": 6.0, "x_max": 40.0, "k_x": 0.01, "x_set": 30.0, "dead": 5.0}
    ends = {"end_x": np.arange(points, dtype=float), "end_mu": levels}
    table = stores([20.0], np.ones(h), inflow=-2.0, **own, **ends)
    price = np.array([-2.0, 9.0, -2.0, 9.0, -2.0, 9.0])  # in full, or not at all
    k_x = np.array(table.k_x)
    k_x[:, -1] *= 1 + 1e-15
    even, lines = (
        marginal_value(each, price, draws=draws) for each in (table, table._replace(k_x=k_x))
    )
    x = np.linspace(12, 28, 200)  # no bound is felt within the steps from here
    for row in range(2):
        a, b = (slice(v.offset[row], v.offset[row + 1]) for v in (even, lines))
        assert np.interp(x, even.x[a], even.mu[a]) == pytest.approx(
            np.interp(x, lines.x[b], lines.mu[b]), abs=1e-9
        )


def test_draws_far_beyond_the_range_are_worked_out_on_lines() -> None:
    """A draw of more points than the grid has room for, which the taste is still charged for in full."""
    table, draws = drawn_tanks(np.random.default_rng(22), 2, 12)
    far = draws.copy()
    far[0, 0, 0] = -1e3 * table.x_max[0, 0]
    near, deep = (marginal_value(table, np.full(12, 0.2), draws=each) for each in (draws, far))
    assert deep.mu[: deep.offset[1]].max() > near.mu[: near.offset[1]].max() + 1.0
    own = slice(near.offset[2], None), slice(deep.offset[2], None)
    assert np.array_equal(near.mu[own[0]], deep.mu[own[1]])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"p_min_kw": [[0.0], [3.0]], "p_max_kw": 2.0}, "row 1, step 0: p_min_kw"),
        ({"leak": [[1.0], [np.nan]]}, "row 1, step 0: leak"),
        ({"gain_in": [[1.0], [0.0]]}, "row 1, step 0: gain_in"),
        ({"x_min": [[0.0, 0.0, 5.0], [0.0, 0.0, 0.0]], "x_max": 4.0}, "row 0, step 2: x_min"),
        ({"k_x": -1.0}, "k_x is -1"),
        ({"k_c": [[0.0], [1.0]], "c_p": [1.0, 1.0, -1.0]}, "row 1, step 2: c_p"),
        ({"colour": 1.0}, "unknown field colour"),
        ({"wear_per_kwh": np.zeros((2, 7))}, "does not broadcast"),
        ({"end_mu": (0.0, 1.0)}, "end_mu"),
    ],
)
def test_faults_are_named(fault: Table, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stores([1.0, 2.0], np.ones(3), **fault)


def test_one_number_for_what_is_left_holds_at_all_of_it() -> None:
    """A worth that is the same at every state may be told as one number, as any other field."""
    one = stores([1.0, 2.0], [1.0], x_max=4.0, end_x=(0.0, 4.0), end_mu=0.2)
    both = stores([1.0, 2.0], [1.0], x_max=4.0, end_x=(0.0, 4.0), end_mu=(0.2, 0.2))
    assert np.array_equal(one.end_mu, both.end_mu) and one.end_mu.shape == (2, 2)
    assert stores([1.0], [1.0], end_x=1.0).end_x.tolist() == [[1.0, 1.0]]


def test_prices_that_do_not_fit_are_refused() -> None:
    s = stores([1.0, 2.0], np.ones(3), x_max=4.0)
    with pytest.raises(ValueError, match="sell price exceeds"):
        best_response(s, np.ones(3), np.full(3, 2.0))
    with pytest.raises(ValueError, match="not a finite"):
        best_response(s, np.array([1, np.nan, 1]), np.zeros(3))
    with pytest.raises(ValueError, match="4 steps"):
        best_response(s, np.ones(4), np.ones(4))
    with pytest.raises(ValueError, match="say by `row`"):
        best_response(s, np.ones((3, 3)), np.ones((3, 3)))


def test_a_full_battery_bids_finite_prices_where_energy_is_paid_to_be_taken():
    """At a constant -205 $/MWh both sides of its bid fall and touch at no power alone: the tangent there has no width."""
    fixed = {
        "p_min_kw": -5.0,
        "p_max_kw": 5.0,
        "x_max": 13.5,
        "gain_in": 0.95,
        "gain_out": 0.95,
        "wear_per_kwh": 0.01,
    }
    x = [0.0, 5.776, 5.776, 8.75, 8.75, 13.5, 0.0, 0.513, 0.513, 10.526, 10.526, 13.5]
    mu = [
        -0.20006,
        -0.20006,
        -0.20383,
        -0.20383,
        -0.20473,
        -0.20473,
        -0.19858,
        -0.19858,
        -0.20006,
        -0.20006,
        -0.20383,
        -0.20383,
    ]
    worth = MarginalValue(np.array([0, 6, 12]), np.array(x), np.array(mu), 1)
    offered = bid(stores([13.5], [1 / 12], **fixed), worth, 1 / 12)
    assert np.isfinite(offered.p_kw).all() and np.isfinite(offered.price_per_kwh).all()
    assert (np.diff(offered.p_kw) >= 0).all() and (np.diff(offered.price_per_kwh) <= 0).all()
