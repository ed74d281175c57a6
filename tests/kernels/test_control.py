"""Best control of two-state houses: closed-form matrices, an interior point on the same problem, and a bound no control beats."""

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm

from gridagora.kernels.physics.control import TwoStateHouses, discretise, steer

N, H = 5, 40


def houses(sub, n=N, h=H, seed=0, heat=False):
    rng = np.random.default_rng(seed)
    ua, hm, ca, cm = (
        rng.uniform(0.1, 0.4, n),
        rng.uniform(0.4, 1.5, n),
        np.full(n, 0.56),
        rng.uniform(2, 8, n),
    )
    matrices = discretise(ua, hm, ca, cm, 0.25 / sub)
    out = (35 if not heat else 2) + 5 * np.sin(np.arange(h) / 15)
    source = np.stack([ua[:, None] * out / ca[:, None], np.full((n, h), 0.1) / cm[:, None]], 2)
    gain = np.full((n, h), 8.0 if heat else -8.0) / ca[:, None]
    best = np.full((n, h), 20.0 if heat else 23.0)
    end = (-1 if heat else 1) * 0.02 * np.stack([ca, cm], 1)
    start = np.full((n, 2), 20.0 if heat else 23.5)
    return TwoStateHouses(
        *matrices, start, source, gain, np.full((n, h), 2.5), best, np.full((n, h), 0.05 / 4), end
    )


def price(h=H, seed=1):
    return np.random.default_rng(seed).uniform(-0.02, 0.4, h)


def reference(a, i, lam, sub):
    """Clarabel on house i: duty, both states and the mean of every block."""
    steps = H * sub
    k = np.repeat(np.arange(H), sub)
    eye, shift = sp.identity(steps), sp.diags([np.ones(steps - 1)], [-1])
    zero = sp.csc_matrix((steps, H))
    first = np.zeros(steps)
    first[0] = 1
    rows, rhs = [], []
    for j in range(2):
        states = [(eye if m == j else 0 * eye) - a.step[i, j, m] * shift for m in range(2)]
        rows.append(sp.hstack([-sp.diags(a.push[i, j, 0] * a.gain[i, k]), *states, zero]))
        rhs.append(a.source[i, k] @ a.push[i, j] + first * (a.step[i, j] @ a.start[i]))
    mean = sp.kron(sp.identity(H), np.full((1, sub), 1 / sub))
    air = [-mean @ (a.mean[i, m] * shift) for m in range(2)]
    rows.append(sp.hstack([-mean @ sp.diags(a.lift[i, 0] * a.gain[i, k]), *air, sp.identity(H)]))
    rhs.append(mean @ (a.source[i, k] @ a.lift[i] + first * (a.mean[i] @ a.start[i])) - a.best[i])
    n = 3 * steps + H
    box = sp.hstack([eye, sp.csc_matrix((steps, n - steps))])
    q = np.zeros(n)
    q[:steps] = lam[k] * a.power[i, k] * 0.25 / sub
    q[2 * steps - 1], q[3 * steps - 1] = a.end[i]
    p = sp.diags(np.r_[np.zeros(3 * steps), a.weight[i]]).tocsc()
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    cones = [clarabel.ZeroConeT(2 * steps + H), clarabel.NonnegativeConeT(2 * steps)]
    b = np.concatenate([*rhs, np.zeros(steps), np.ones(steps)])
    return (
        clarabel.DefaultSolver(p, q, sp.vstack([*rows, -box, box]).tocsc(), b, cones, settings)
        .solve()
        .obj_val
    )


def test_matrices_are_the_matrix_exponential():
    ua, hm, ca, cm = (
        np.array([0.24, 0.0]),
        np.array([0.85, 1.1]),
        np.array([0.56, 0.6]),
        np.array([4.1, 6.0]),
    )
    for dt in (0.25, 1 / 60):
        step, push, mean, lift = discretise(ua, hm, ca, cm, dt)
        for i in range(2):
            m = np.zeros((8, 8))
            m[:2, :2] = [[-(hm[i] + ua[i]) / ca[i], hm[i] / ca[i]], [hm[i] / cm[i], -hm[i] / cm[i]]]
            m[:2, 2:4] = m[4:6, :2] = np.eye(2)
            whole = expm(m * dt)
            assert np.allclose(step[i], whole[:2, :2], atol=1e-13)
            assert np.allclose(push[i], whole[:2, 2:4], atol=1e-13)
            assert np.allclose(mean[i], whole[4, :2] / dt, atol=1e-12)
            assert np.allclose(lift[i], whole[4, 2:4] / dt, atol=1e-12)


@pytest.mark.parametrize("sub", [1, 3])
@pytest.mark.parametrize("heat", [False, True])
def test_bound_is_tight_against_an_interior_point_solver(sub, heat):
    a, lam = houses(sub, heat=heat), price()
    found = steer(a, lam, 0.25, sub)
    cost = found.own_usd + found.p_kw @ lam * 0.25
    best = np.array([reference(a, i, lam, sub) for i in range(N)])
    scale = np.maximum(1.0, np.abs(best))
    assert np.all(found.bound_usd <= best + 1e-9 * scale)
    assert np.all(cost >= best - 1e-9 * scale)
    assert np.max((cost - found.bound_usd) / scale) < 1e-5


def test_no_control_is_cheaper_than_the_bound():
    a, lam = houses(1), price()
    bound = steer(a, lam, 0.25).bound_usd
    rng = np.random.default_rng(3)
    for _ in range(200):
        duty = rng.random((N, H)) ** rng.choice([0.2, 1.0, 5.0])
        x, cost = a.start.copy(), np.zeros(N)
        for t in range(H):
            heat = a.source[:, t] + np.stack([a.gain[:, t] * duty[:, t], np.zeros(N)], 1)
            mean = (a.mean * x).sum(1) + (a.lift * heat).sum(1) - a.best[:, t]
            cost += 0.5 * a.weight[:, t] * mean**2 + lam[t] * a.power[:, t] * duty[:, t] * 0.25
            x = np.einsum("njm,nm->nj", a.step, x) + np.einsum("njm,nm->nj", a.push, heat)
        assert np.all(cost + (a.end * x).sum(1) >= bound)


def test_finer_duty_never_costs_more_and_threads_change_nothing():
    lam = price()
    coarse, fine = steer(houses(1), lam, 0.25, 1), steer(houses(5), lam, 0.25, 5)
    assert np.all(fine.bound_usd <= coarse.own_usd + coarse.p_kw @ lam * 0.25)
    twice = steer(houses(5), lam, 0.25, 5, threads=2)
    assert np.array_equal(twice.p_kw, fine.p_kw)
    assert np.array_equal(twice.bound_usd, fine.bound_usd)
