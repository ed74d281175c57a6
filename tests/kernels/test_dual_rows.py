"""Coordination with rows of a network beside the supply: the same optimum as an interior-point solver, and its laws."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from gridagora.kernels.coordination.bundle_master import SupplyCost, blocks, mix, supply_cost
from gridagora.kernels.coordination.dual import (
    Answer,
    alike,
    coordinate,
    price_parties,
    recover,
)
from gridagora.kernels.stores.value import best_response
from tests.kernels.test_dual import H, homes, solve, supply


def feeder_rows(table, n, tight, rows=4, over=1.0):
    """Return weights (k, r) of rows like voltages along a feeder in kW of its last home, and their bounds (k, h)."""
    along = np.tile(np.linspace(0, 1, n), 3)
    reach = np.linspace(1, 0.4, rows)
    by_kw = -np.minimum(along, reach[:, None])
    free = best_response(table, np.full(H, 0.1), np.full(H, 0.1)).p_kw
    load = by_kw @ free
    base = np.broadcast_to((-1.5 * n * reach * 0.3)[:, None], (rows, H))
    y = load + base
    low = np.repeat(tight * y.min(1)[:, None], H, axis=1)
    return by_kw, base, low, np.full((rows, H), 0.5 * n), np.full(rows, over)


def behind(s, by_kw, base, low, high, over):
    """Return a supply with rows behind its steps."""
    k, reach = len(base), 1e3 * np.abs(by_kw).sum()
    nil, every = np.zeros(k * H), np.full(k * H, reach)
    rows = SupplyCost(
        np.ones(k * H),
        base.ravel(),
        nil,
        nil,
        low.ravel(),
        high.ravel(),
        np.repeat(over, H),
        nil,
        -every,
        every,
    )
    return SupplyCost(*(np.r_[own, row] for own, row in zip(s, rows, strict=True)))


def ask_with_rows(table, by_kw):
    def answer(price):
        own = price_parties(price, by_kw)
        r = best_response(table, own, own)
        return Answer(r.p_kw, r.cost_usd - (r.p_kw * own).sum(1), r.bound_usd)

    return answer


def reference(table, s, rows):
    """Clarabel on the whole area with the rows: charge and discharge apart, states, blocks of the supply, what is beyond."""
    by_kw, base, low, high, over = rows
    m, k = len(table.x0), len(base)
    size = m * H
    price, length = blocks(s)
    eye, shift = sp.identity(size), sp.kron(sp.identity(m), sp.diags([np.ones(H - 1)], [-1]))
    leak, gain_in, gain_out = table.leak.ravel(), table.gain_in.ravel(), table.gain_out.ravel()
    first = np.zeros((m, H))
    first[:, 0] = table.leak[:, 0] * table.x0
    n = 3 * size + 4 * H + k * H
    none = sp.csc_matrix((size, 4 * H + k * H))
    move = sp.hstack(
        [-sp.diags(gain_in), sp.diags(1 / gain_out), eye - sp.diags(leak) @ shift, none]
    )
    total = sp.kron(np.ones((1, m)), sp.identity(H))
    join = sp.hstack([sp.identity(H)] * 4)
    supplies = sp.hstack(
        [total, -total, sp.csc_matrix((H, size)), -join, sp.csc_matrix((H, k * H))]
    )
    moved = sp.kron(sp.csc_matrix(by_kw), sp.identity(H))
    beside = sp.csc_matrix((k * H, size + 4 * H))
    slack = sp.identity(k * H)
    a = sp.vstack(
        [
            move,
            supplies,
            -sp.identity(n),
            sp.identity(n),
            sp.hstack([moved, -moved, beside, -slack]),
            sp.hstack([-moved, moved, beside, -slack]),
        ]
    )
    least = np.r_[np.zeros(2 * size), table.x_min.ravel(), np.zeros(4 * H + k * H)]
    most = np.r_[
        table.p_max_kw.ravel(),
        np.maximum(-table.p_min_kw, 0).ravel(),
        table.x_max.ravel(),
        length.ravel(),
        np.full(k * H, 1e5),
    ]
    b = np.r_[
        (table.inflow + first).ravel(),
        s.q_min_kw - s.base_kw,
        -least,
        most,
        (high - base).ravel(),
        (base - low).ravel(),
    ]
    end = np.zeros((m, H))
    end[:, -1] = table.end_mu[:, 0]
    stiff, wear = table.k_x.ravel(), table.wear_per_kwh.ravel()
    p = sp.block_diag(
        [
            sp.csc_matrix((2 * size, 2 * size)),
            sp.diags(stiff),
            join.T @ sp.diags(s.slope_per_kwh_kw) @ join,
            sp.csc_matrix((k * H, k * H)),
        ]
    )
    q = np.r_[
        wear,
        wear,
        -stiff * table.x_set.ravel() - end.ravel(),
        (price + s.slope_per_kwh_kw * s.q_min_kw).ravel(),
        np.repeat(over, H),
    ]
    constant = 0.5 * (stiff * table.x_set.ravel() ** 2).sum() + supply_cost(s, s.q_min_kw)
    return solve(p, q, a, b, size + H).obj_val + constant


def search(table, n, s, rows, rounds=60, seeds=(), tolerance=2e-6):
    by_kw = rows[0]
    kind = np.repeat(np.arange(3), n)
    features = np.c_[by_kw[0], table.x0, table.p_max_kw.max(1)]
    return coordinate(
        ask_with_rows(table, by_kw),
        behind(s, *rows),
        alike(features, kind, 24),
        np.r_[s.buy_per_kwh, np.zeros(rows[1].size)],
        homes=n,
        rounds_max=rounds,
        tolerance=tolerance,
        by_kw=by_kw,
        seeds=seeds,
    )


FEW, MANY = 33, pytest.mark.long


@pytest.mark.parametrize("n", [FEW, pytest.param(100, marks=MANY), pytest.param(300, marks=MANY)])
@pytest.mark.parametrize(("tight", "over"), [(0.3, 1.0), (0.01, 1.0), (0.3, 0.02)])
def test_bounds_enclose_the_optimum_with_rows(n, tight, over):
    table, s = homes(n), supply(n, 0.02)
    rows = feeder_rows(table, n, tight, over=over)
    found = search(table, n, s, rows)
    best = reference(table, s, rows)
    slack = 1e-7 * abs(best)
    assert found.low_usd - slack <= best <= found.high_usd + slack
    assert found.gap_usd <= 1e-5 * abs(best)


def test_rows_far_from_their_limits_change_no_price():
    table, s = homes(FEW), supply(FEW, 0.02)
    by_kw, base, low, high, over = feeder_rows(table, FEW, 1.0)
    group = alike(np.c_[by_kw[0], table.x0], np.repeat(np.arange(3), FEW), 12)
    without = coordinate(
        ask_with_rows(table, by_kw[:0]), s, group, s.buy_per_kwh, homes=FEW, tolerance=1e-6
    )
    wide = behind(s, by_kw, base, 9.0 * low, 9.0 * high, over)
    start = np.r_[s.buy_per_kwh, np.zeros(base.size)]
    found = coordinate(
        ask_with_rows(table, by_kw), wide, group, start, homes=FEW, tolerance=1e-6, by_kw=by_kw
    )
    assert (found.price_per_kwh[H:] == 0).all()
    assert abs(found.high_usd - without.high_usd) <= 2e-6 * abs(without.high_usd)


def test_a_row_that_no_plan_keeps_has_its_price_beyond():
    table, s = homes(FEW), supply(FEW, 0.02)
    by_kw, base, low, high, over = feeder_rows(table, FEW, 0.5, rows=2)
    found = search(table, FEW, s, (by_kw, base, low + 40.0 * FEW, high + 40.0 * FEW, over))
    assert found.price_per_kwh[H:] == pytest.approx(-np.repeat(over, H), abs=1e-9)


def test_tighter_rows_never_cost_less():
    table, s = homes(FEW), supply(FEW, 0.02)
    cost = [search(table, FEW, s, feeder_rows(table, FEW, tight)) for tight in (0.8, 0.3, 0.01)]
    for loose, tighter in pairwise(cost):
        assert tighter.high_usd >= loose.low_usd - 1e-9 * abs(loose.low_usd)
    assert cost[-1].low_usd > cost[0].high_usd


def test_the_mix_keeps_the_rows_as_it_says():
    table, s = homes(FEW), supply(FEW, 0.02)
    rows = feeder_rows(table, FEW, 0.3)
    by_kw, base, low, _, _ = rows
    found = search(table, FEW, s, rows)
    p_kw = recover(found, table.gain_in, table.gain_out)
    y = base + by_kw @ p_kw
    assert (y - low).min() > -2e-3 * np.abs(low).max()
    mixed = found.q_kw[H:].reshape(len(base), H)
    assert (mixed - low).min() > -2e-3 * np.abs(low).max()


def test_answers_of_an_earlier_search_save_rounds():
    table, s = homes(FEW), supply(FEW, 0.02)
    rows = feeder_rows(table, FEW, 0.3)
    first = search(table, FEW, s, rows)
    again = search(table, FEW, s, rows, seeds=first.answers)
    assert again.gap_usd <= 2e-6 * abs(again.high_usd)
    assert again.rounds < first.rounds
    assert len(again.answers) == len(again.weight) == len(first.answers) + again.rounds


def test_a_thin_master_is_the_same_quadratic_programme():
    rng = np.random.default_rng(1)
    g, k = 6, 5
    s = supply(1, 0.02, 4.0)
    columns, cost, start = rng.standard_normal((g * k, H)), rng.random(g * k), np.arange(g) * k
    usual = mix(columns, cost, start, s, 1.2 * s.buy_per_kwh, 10.0)
    thin = mix(columns, cost, start, s, 1.2 * s.buy_per_kwh, 10.0, thin=True)
    assert thin.price_per_kwh == pytest.approx(usual.price_per_kwh, abs=1e-6)
    assert thin.weight == pytest.approx(usual.weight, abs=1e-4)
    assert thin.value_usd == pytest.approx(usual.value_usd, abs=1e-6)
