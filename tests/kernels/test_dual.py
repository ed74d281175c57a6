"""Price coordination against an interior-point solver on the same problem, and its laws."""

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.kernels.coordination import interior_point, newton_system
from gridagora.kernels.coordination.bundle_master import (
    SupplyCost,
    blocks,
    mix,
    supply_bound,
    supply_cost,
)
from gridagora.kernels.coordination.dual import (
    Answer,
    alike,
    certify,
    coordinate,
    dual_value,
    recover,
)
from gridagora.kernels.stores.value import best_response, stores

H = 24


def solve(p, q, a, b, equal):
    settings_ = clarabel.DefaultSettings()
    settings_.verbose = False
    settings_.tol_gap_abs = settings_.tol_gap_rel = settings_.tol_feas = 1e-10
    cones = [clarabel.ZeroConeT(equal), clarabel.NonnegativeConeT(a.shape[0] - equal)]
    return clarabel.DefaultSolver(sp.triu(p).tocsc(), q, a.tocsc(), b, cones, settings_).solve()


def supply(n, slope=0.0, limit=None, h=H):
    t = np.arange(h)
    base = n * (
        0.8 + np.exp(-(((t - 19) / 2.5) ** 2)) - 1.5 * np.maximum(0, np.cos((t - 13) / 12 * np.pi))
    )
    buy = 0.08 + 0.05 * np.exp(-(((t - 18) / 3) ** 2)) + 0.003 * np.sin(7.0 * t)
    top = n * 1.9 if limit is None else limit
    field = (
        np.ones(h),
        base,
        buy,
        0.5 * buy,
        np.full(h, -top),
        np.full(h, top),
        np.full(h, 2.0),
        np.full(h, slope / n),
        base - 8 * n,
        base + 20 * n,
    )
    return SupplyCost(*field)


def homes(n, seed=0):
    """n batteries, n houses and n cars in one table; every one linear-quadratic."""
    rng = np.random.default_rng(seed)
    t = np.arange(H)
    out = 31 + 6 * np.cos((t - 16) / 12 * np.pi) + rng.standard_normal((n, H))
    leave = rng.integers(8, 12, n)
    size, power, eta = rng.uniform(8, 16, n), rng.uniform(3, 7, n), rng.uniform(0.93, 0.98, n)
    leak = rng.uniform(0.86, 0.93, n)
    rate = rng.uniform(3, 11, n)
    full = rng.uniform(40, 80, n)
    low = np.where(t == leave[:, None] - 1, np.minimum(0.3 * full, 5 + 6 * rate)[:, None], 0.0)
    both = lambda *parts: np.vstack([np.broadcast_to(np.asarray(p, float), (n, H)) for p in parts])  # noqa: E731
    col = lambda x: x[:, None]  # noqa: E731
    return stores(
        np.r_[0.5 * size, -rng.uniform(22, 25, n), np.full(n, 5.0)],
        np.ones(H),
        leak=both(1.0, col(leak), 1.0),
        inflow=both(0.0, -(1 - col(leak)) * out, 0.0),
        p_min_kw=both(-col(power), 0.0, 0.0),
        p_max_kw=both(
            col(power), rng.uniform(2.5, 4.5, (n, 1)), np.where(t < col(leave), col(rate), 0.0)
        ),
        x_min=both(0.0, -40.0, low),
        x_max=both(col(size), -15.0, col(full)),
        gain_in=both(col(eta), rng.uniform(1.5, 3, (n, 1)), 0.9),
        gain_out=both(col(eta), 1.0, 1.0),
        wear_per_kwh=both(rng.uniform(0.001, 0.02, (n, 1)), 0.0, 0.008),
        k_x=both(0.0, rng.uniform(0.02, 0.1, (n, 1)), 0.0),
        x_set=both(0.0, -23.5, 0.0),
        end_mu=np.repeat(np.r_[np.full(n, 0.1), np.full(n, 0.02), np.full(n, 0.05)][:, None], 2, 1),
    )


def ask(table):
    def answer(price):
        r = best_response(table, price, price)
        return Answer(r.p_kw, r.cost_usd - r.p_kw @ price, r.bound_usd)

    return answer


def reference(table, s):
    """Clarabel on the whole area: charge and discharge apart, states, deviations and the blocks of the supply."""
    m = len(table.x0)
    size = m * H
    price, length = blocks(s)
    eye, shift = sp.identity(size), sp.kron(sp.identity(m), sp.diags([np.ones(H - 1)], [-1]))
    leak, gain_in, gain_out = table.leak.ravel(), table.gain_in.ravel(), table.gain_out.ravel()
    first = np.zeros((m, H))
    first[:, 0] = table.leak[:, 0] * table.x0
    move = sp.hstack(
        [
            -sp.diags(gain_in),
            sp.diags(1 / gain_out),
            eye - sp.diags(leak) @ shift,
            sp.csc_matrix((size, 4 * H)),
        ]
    )
    total = sp.kron(np.ones((1, m)), sp.identity(H))
    supplies = sp.hstack(
        [total, -total, sp.csc_matrix((H, size)), -sp.hstack([sp.identity(H)] * 4)]
    )
    n = 3 * size + 4 * H
    a = sp.vstack([move, supplies, -sp.identity(n), sp.identity(n)])
    low = np.r_[np.zeros(2 * size), table.x_min.ravel(), np.zeros(4 * H)]
    high = np.r_[
        table.p_max_kw.ravel(),
        np.maximum(-table.p_min_kw, 0).ravel(),
        table.x_max.ravel(),
        length.ravel(),
    ]
    b = np.r_[(table.inflow + first).ravel(), s.q_min_kw - s.base_kw, -low, high]
    end = np.zeros((m, H))
    end[:, -1] = table.end_mu[:, 0]
    k, wear = table.k_x.ravel(), table.wear_per_kwh.ravel()
    join = sp.hstack([sp.identity(H)] * 4)
    p = sp.block_diag(
        [
            sp.csc_matrix((2 * size, 2 * size)),
            sp.diags(k),
            join.T @ sp.diags(s.slope_per_kwh_kw) @ join,
        ]
    )
    q = np.r_[
        wear,
        wear,
        -k * table.x_set.ravel() - end.ravel(),
        (price + s.slope_per_kwh_kw * s.q_min_kw).ravel(),
    ]
    constant = 0.5 * (k * table.x_set.ravel() ** 2).sum() + supply_cost(s, s.q_min_kw)
    found = solve(p, q, a, b, size + H)
    return found.obj_val + constant


@pytest.mark.parametrize(("n", "slope"), [(12, 0.0), (12, 0.02), (200, 0.02)])
def test_bounds_enclose_the_optimum_of_the_same_problem(n, slope):
    table, s = homes(n), supply(n, slope)
    kind = np.repeat(np.arange(3), n)
    group = alike(
        np.c_[table.x0, table.p_max_kw.max(1), table.gain_in[:, 0], table.k_x[:, 0]], kind, 24
    )
    found = coordinate(ask(table), s, group, 1.2 * s.buy_per_kwh, homes=n)
    assert found.gap_usd <= 1e-5 * abs(found.high_usd)
    p = recover(found, table.gain_in, table.gain_out)
    fixed = best_response(table._replace(p_min_kw=p, p_max_kw=p), np.zeros(H), np.zeros(H))
    assert fixed.missing.max() < 1e-9
    proof = certify(p, fixed.cost_usd, found.answers[found.best], s, found.price_per_kwh)
    assert proof.gap_usd <= 1e-5 * abs(proof.high_usd)
    assert proof.gap_usd == pytest.approx(proof.high_usd - proof.low_usd, abs=1e-9 * n)
    assert min(proof.regret_usd.min(), proof.supply_regret_usd) > -1e-9 * n
    best = reference(table, s)
    slack = 1e-8 * abs(best)
    assert proof.low_usd - slack <= best <= proof.high_usd + slack


def test_limit_shows_in_the_price_and_holds():
    n = 30
    table, loose = homes(n, 1), supply(30, limit=np.inf)
    free = loose.base_kw + best_response(table, loose.buy_per_kwh, loose.buy_per_kwh).p_kw.sum(0)
    s = supply(n, limit=0.45 * free.max())
    found = coordinate(
        ask(table),
        s,
        alike(table.x0[:, None], np.repeat(np.arange(3), n), 18),
        s.buy_per_kwh,
        homes=n,
    )
    p = recover(found, table.gain_in, table.gain_out)
    assert (s.base_kw + p.sum(0)).max() <= s.high_kw[0] * (1 + 2e-3)
    assert (found.price_per_kwh - s.buy_per_kwh).max() > 1e-3


def test_a_limit_holds_for_export_too():
    """With sun to spare the price falls below that of export until what leaves the area fits."""
    n = 30
    table, loose = homes(n, 1), supply(30, limit=np.inf)
    loose = loose._replace(
        base_kw=loose.base_kw - 9.0 * n * np.maximum(0, np.cos((np.arange(H) - 13) / 12 * np.pi))
    )
    loose = loose._replace(q_min_kw=loose.base_kw - 8 * n, q_max_kw=loose.base_kw + 20 * n)
    group = alike(table.x0[:, None], np.repeat(np.arange(3), n), 18)
    free = recover(
        coordinate(ask(table), loose, group, loose.buy_per_kwh, homes=n),
        table.gain_in,
        table.gain_out,
    )
    s = loose._replace(low_kw=np.full(H, 0.7 * (loose.base_kw + free.sum(0)).min()))
    found = coordinate(ask(table), s, group, s.buy_per_kwh, homes=n)
    p = recover(found, table.gain_in, table.gain_out)
    assert (s.base_kw + p.sum(0)).min() >= s.low_kw[0] * (1 + 2e-3)
    assert (found.price_per_kwh - s.sell_per_kwh).min() < -1e-3


def test_few_rounds_still_bound_and_never_get_worse():
    table, s = homes(20, 2), supply(20)
    group = np.repeat(np.arange(3), 20)
    full = coordinate(ask(table), s, group, s.buy_per_kwh, homes=20, rounds_max=25)
    few = coordinate(ask(table), s, group, s.buy_per_kwh, homes=20, rounds_max=3, hard=False)
    assert few.rounds == 3
    assert few.low_usd <= full.high_usd
    assert np.all(np.diff(full.trace, axis=0) * [1, -1] >= 0)
    assert dual_value(full.answers[full.best], s, full.price_per_kwh) == pytest.approx(
        full.low_usd, abs=1e-12
    )


def test_order_of_rows_does_not_move_the_price():
    table, s = homes(8, 3), supply(8)
    group = alike(table.x0[:, None], np.repeat(np.arange(3), 8), 6)
    turn = np.random.default_rng(0).permutation(24)
    other = type(table)(*(f if i == 1 else f[turn] for i, f in enumerate(table)))
    a = coordinate(ask(table), s, group, s.buy_per_kwh, homes=8)
    b = coordinate(ask(other), s, group[turn], s.buy_per_kwh, homes=8)
    assert abs(a.low_usd - b.low_usd) <= 1e-5 * abs(a.low_usd)


def test_alike_keeps_kinds_apart_and_fills_every_group():
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], [30, 10])
    group = alike(rng.random((40, 3)), kind, 7)
    assert sorted(set(group.tolist())) == list(range(7))
    assert all(len(set(kind[group == g].tolist())) == 1 for g in range(7))


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.01]))
@settings(max_examples=30, deadline=None)
def test_no_supply_beats_its_bound(seed, slope):
    rng = np.random.default_rng(seed)
    s = supply(3, slope, limit=rng.uniform(1, 20), h=5)
    price = rng.uniform(-0.5, 3, 5)
    value, q = supply_bound(s, price)
    assert np.all((q >= s.q_min_kw - 1e-9) & (q <= s.q_max_kw + 1e-9))
    for _ in range(20):
        trial = rng.uniform(s.q_min_kw, s.q_max_kw)
        assert supply_cost(s, trial) - price @ trial >= value - 1e-9


@pytest.mark.parametrize(("slope", "limit"), [(0.0, 4.0), (0.02, 4.0), (0.0, np.inf)])
def test_master_is_the_quadratic_programme(slope, limit):
    rng = np.random.default_rng(1)
    g, k, step = 6, 5, 10.0
    s = supply(1, slope, limit)
    columns, cost, start = rng.standard_normal((g * k, H)), rng.random(g * k), np.arange(g) * k
    centre = 1.2 * s.buy_per_kwh
    price, length = blocks(s)
    m, join = g * k, sp.hstack([sp.identity(H)] * 4)
    p = sp.block_diag(
        [sp.csc_matrix((m, m)), join.T @ sp.diags(s.slope_per_kwh_kw) @ join, sp.identity(H) / step]
    )
    q = np.r_[cost, (price + s.slope_per_kwh_kw * s.q_min_kw).ravel(), centre]
    a = sp.vstack(
        [
            sp.hstack([sp.kron(sp.identity(g), np.ones((1, k))), sp.csc_matrix((g, 5 * H))]),
            sp.hstack([sp.csc_matrix(columns.T), -join, -sp.identity(H)]),
            sp.hstack([-sp.identity(m + 4 * H), sp.csc_matrix((m + 4 * H, H))]),
            sp.hstack([sp.csc_matrix((4 * H, m)), sp.identity(4 * H), sp.csc_matrix((4 * H, H))]),
        ]
    )
    b = np.r_[np.ones(g), s.q_min_kw - s.base_kw, np.zeros(m + 4 * H), length.ravel()]
    x = np.array(solve(p, q, a, b, g + H).x)
    found = mix(columns, cost, start, s, centre, step)
    assert np.abs(found.price_per_kwh - centre - x[-H:] / step).max() < 1e-4
    assert np.abs(found.weight - x[:m]).max() < 5e-3
    assert np.allclose(np.add.reduceat(found.weight, start), 1.0, atol=1e-12)


def test_a_newton_matrix_that_is_singular_gets_a_ridge_and_one_without_any_is_left():
    """Two columns move the steps one way only, and no block is free: a matrix of rank one, then one that is no matrix."""
    p = np.array([[0.5, 0.0, -0.5], [-0.5, 0.0, 0.5]])
    factor, whole = newton_system.factor_newton(p.T @ p)
    assert whole
    x = np.array([1.0, 0.0, -1.0])
    newton_system.substitute(factor, x)
    assert p.T @ p @ x == pytest.approx(np.array([1.0, 0.0, -1.0]), abs=1e-3)
    _, whole = newton_system.factor_newton(np.full((3, 3), np.nan))
    assert not whole


def test_a_problem_with_nothing_to_choose_has_the_price_of_the_block_it_ends_in():
    h = 3
    flat, block = np.ones(h), np.ones((4, h))
    terms = (flat, 0.5 * flat, -2.0 * flat, np.arange(4.0)[:, None] * block, block, 0.0 * flat)
    w, lam, left = interior_point.solve_master(
        np.zeros((1, h)), np.zeros(1), np.array([0, 1]), terms, flat, 0.0, 40, 1e-10
    )
    assert left < 1e-10
    assert w == pytest.approx(1.0)
    assert lam == pytest.approx(2.0 * flat)  # half of the third block is bought
