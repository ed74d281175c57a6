"""Rows of a network over a tree of limits, against a second solver on the same problem, and in closed form."""

from typing import NamedTuple

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp

from gridagora.core.limits import Bounds
from gridagora.core.place import Level, Places, lift_kw, places
from gridagora.kernels.coordination.box_step import best_step
from gridagora.kernels.curves.curve import Curves, curves
from gridagora.mechanisms.layers import clear_space
from gridagora.mechanisms.row_prices import NEAR_KW, PricedRows, lay_out, price_rows

SUPPLY = (3.0, np.array([-1e3, 0.0, 0.0, 1e3]), np.array([0.05, 0.05, 0.2, 0.2]))
TREE = places(
    ["a", "b", "c", "d", "east", "west", "feeder"],
    [Level.TRANSFORMER] * 4 + [Level.ZONE] * 2 + [Level.FEEDER],
    [4, 4, 5, 5, 6, 6, -1],
)
ALONE = places(["feeder"], [Level.FEEDER], [-1])


class Case(NamedTuple):
    curves: Curves
    tree: Places
    place: np.ndarray
    bounds: Bounds
    rows: PricedRows


def clear(case, offered):
    return clear_space(offered, case.place, case.tree, case.bounds, 1.0, 0, SUPPLY)


def solve(case):
    """Return the clearing without rows, that with them, and how many rounds the second took."""
    at = lay_out(case.tree, case.place, case.bounds, 1.0, SUPPLY[1:])
    first = clear(case, case.curves)
    search = price_rows(case.curves, at, case.rows, first.p_kw, np.zeros(len(case.rows.room_kw)))
    offered, rounds = next(search), 0
    while True:
        rounds += 1
        try:
            offered = search.send(clear(case, offered))
        except StopIteration as end:
            return first, end.value, rounds


def draw(seed, tree=TREE, homes=24, rows=10, limited=True):
    """Return homes with blocks, gaps and slopes, and rows that a few homes move much and others little."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(homes):
        p, c = [-rng.uniform(0, 6) * (rng.random() < 0.7)], [0.6]
        for _ in range(rng.integers(2, 6)):
            kind = rng.integers(3)
            p.append(p[-1] + (rng.uniform(0.2, 3) if kind != 2 else 0.0))
            c.append(c[-1] - (rng.uniform(0.02, 0.3) if kind != 1 else 0.0))
        if rng.random() < 0.6:  # panels, given up where a kWh is worth nothing
            c += [min(c[-1], 0.0)] * 2
            p += [p[-1], p[-1] + rng.uniform(1, 5)]
        drawn.append((p, c))
    m, place = len(tree.name), rng.integers(0, max(1, len(tree.name) - 3), homes)
    high = np.where((tree.parent >= 0) & limited, rng.uniform(8, 30, m), np.inf)[:, None]
    bounds = Bounds(-high, high, np.zeros((m, 1)), np.full(m, 5.0))
    a = -rng.uniform(0.02, 0.15, (rows, homes)) * rng.choice([1.0, -0.5], (rows, homes))
    a[::2] = 0.0
    for row in a:
        own = rng.integers(homes)
        row[place == place[own]] -= 0.3
        row[own] -= 0.7
    case = Case(curves(drawn), tree, place, bounds, PricedRows(a, np.zeros(rows), np.ones(rows)))
    load = a @ clear(case, case.curves).p_kw
    room = load - np.abs(load) * rng.uniform(0, 0.8, rows) - 0.1
    over = np.full(rows, rng.choice([0.04, 0.4, 4.0]))
    return case._replace(rows=PricedRows(a, room, over))


def cost_usd_per_h(case, p_kw):
    """Return what powers cost: minus what they are worth, the supply, and what is beyond limits and rows."""
    offset, p, c = case.curves
    total = 0.0
    for home, power in enumerate(p_kw):
        at = slice(offset[home], offset[home + 1])
        width = np.diff(p[at])
        taken = np.clip(power - p[at][:-1], 0.0, width)
        fall = np.divide(np.diff(c[at]), width, out=np.zeros(len(width)), where=width > 0)
        total -= float((c[at][:-1] * taken + 0.5 * fall * taken**2).sum())
    q = p_kw.sum() + SUPPLY[0]
    total += 0.2 * max(q, 0.0) - 0.05 * max(-q, 0.0)
    net = lift_kw(case.tree, case.place, p_kw[:, None])[:, 0]
    beyond = np.maximum(np.abs(net) - case.bounds.high_kw[:, 0], 0.0)
    total += float((case.bounds.over_per_kwh * beyond).sum())
    rows = case.rows
    return total + float(rows.over_per_kwh @ (rows.by_kw @ p_kw - rows.room_kw).clip(min=0))


def least_by_clarabel(case):
    """Return the powers of least cost: a quadratic programme over stretches of curves, import, export and what is beyond."""
    offset, p, c = case.curves
    n, k = len(offset) - 1, len(case.rows.room_kw)
    owner = np.repeat(np.arange(n), np.diff(offset))
    begin = np.flatnonzero((owner[:-1] == owner[1:]) & (np.diff(p) > 0))
    own, width = owner[begin], p[begin + 1] - p[begin]
    least, s = p[offset[:-1]], len(begin)
    inner = np.flatnonzero(np.isfinite(case.bounds.high_kw[:, 0]))
    below = lift_kw(case.tree, case.place, np.eye(n))[inner]
    size = s + 2 + 2 * len(inner) + k
    bend, slope = np.zeros(size), np.zeros(size)
    bend[:s], slope[:s] = (c[begin] - c[begin + 1]) / width, -c[begin]
    slope[s : s + 2] = 0.2, -0.05
    beyond = np.tile(case.bounds.over_per_kwh[inner], 2)
    slope[s + 2 :] = np.concatenate([beyond, case.rows.over_per_kwh])
    tall = np.concatenate([below, -below, case.rows.by_kw])
    caps = np.concatenate([np.tile(case.bounds.high_kw[inner, 0], 2), case.rows.room_kw])
    balance = np.concatenate([np.ones(s), [-1.0, 1.0], np.zeros(size - s - 2)])[None]
    held = np.concatenate([tall[:, own], np.zeros((len(tall), 2)), -np.eye(len(tall))], axis=1)
    matrix = np.concatenate([balance, np.eye(size)[:s], -np.eye(size), held])
    right = np.concatenate([[-SUPPLY[0] - least.sum()], width, np.zeros(size), caps - tall @ least])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(len(right) - 1)]
    quadratic, whole = sp.csc_matrix(np.diag(bend)), sp.csc_matrix(matrix)
    found = clarabel.DefaultSolver(quadratic, slope, whole, right, cones, settings).solve()
    return least + np.bincount(own, np.array(found.x)[:s], n)


@pytest.mark.parametrize("seed", range(12))
def test_layers_find_what_one_programme_over_all_homes_finds(seed):
    case = draw(seed, limited=seed % 2 == 0)
    first, found, _ = solve(case)
    plain, best = (cost_usd_per_h(case, p_kw) for p_kw in (first.p_kw, least_by_clarabel(case)))
    assert plain > best + 1e-3
    # a row is there within `NEAR_KW`, which is worth its price at most
    worth = NEAR_KW * case.rows.over_per_kwh.sum()
    assert cost_usd_per_h(case, found.cleared.p_kw) <= best + min(worth, 1e-2 * (plain - best))
    assert found.left_kw <= NEAR_KW


@pytest.mark.parametrize("seed", range(4))
def test_one_layer_alone_finds_the_same(seed):
    case = draw(seed, tree=ALONE)
    _, found, _ = solve(case)
    assert cost_usd_per_h(case, found.cleared.p_kw) == pytest.approx(
        cost_usd_per_h(case, least_by_clarabel(case)), abs=NEAR_KW * case.rows.over_per_kwh.sum()
    )


@pytest.mark.parametrize("seed", range(4))
def test_each_home_takes_what_its_curve_says_at_the_price_that_it_pays(seed):
    case = draw(seed)
    _, found, _ = solve(case)
    price = found.cleared.price_per_kwh[case.place] + found.added_per_kwh
    for home in range(len(price)):
        at = slice(case.curves.offset[home], case.curves.offset[home + 1])
        p, c = case.curves.p_kw[at], case.curves.price_per_kwh[at]
        low = p[c > price[home] + 1e-4].max(initial=p[0])
        high = p[c < price[home] - 1e-4].min(initial=p[-1])
        assert low - 1e-6 <= found.cleared.p_kw[home] <= high + 1e-6


def test_rows_with_room_move_nothing_and_tighter_ones_never_help():
    case = draw(3)
    load = case.rows.by_kw @ clear(case, case.curves).p_kw
    worth = []
    for room in (np.maximum(case.rows.room_kw, load), load - 0.2, load - 0.6):
        held = case._replace(rows=case.rows._replace(room_kw=room))
        first, found, rounds = solve(held)
        worth.append(cost_usd_per_h(held, found.cleared.p_kw))
        if len(worth) == 1:
            assert rounds == 1 and not found.price_per_kwh.any()
            np.testing.assert_allclose(found.cleared.p_kw, first.p_kw, atol=1e-6)
    assert worth[0] <= worth[1] + 1e-6 <= worth[2] + 2e-6


def test_panels_that_are_alike_share_a_row_at_the_price_of_nothing():
    """Three homes of 5 kW of panels, .05 $/kWh for export, 9 kW of room: 6 kW are given up, and a row costs .05 $/kWh."""
    drawn = [([-5.0, 0.0], [0.0, 0.0])] * 3
    free = Bounds(*(np.full((1, 1), at) for at in (-np.inf, np.inf, 0.0)), np.zeros(1))
    rows = PricedRows(-np.ones((1, 3)), np.full(1, 9.0), np.ones(1))
    case = Case(curves(drawn), ALONE, np.zeros(3, np.int64), free, rows)
    _, found, _ = solve(case)
    # the other load of 3 kW is fed first: 15 kW of sun leave 12 kW to export
    assert found.cleared.p_kw.sum() == pytest.approx(-9.0, abs=2e-3)
    np.testing.assert_allclose(found.cleared.p_kw, -3.0, atol=2e-3)
    assert found.price_per_kwh[0] == pytest.approx(0.05, abs=1e-4)


def test_a_row_that_nothing_keeps_costs_its_full_price():
    drawn = [([2.0], [0.3]), ([1.0, 1.5], [0.25, 0.21])]
    free = Bounds(*(np.full((1, 1), at) for at in (-np.inf, np.inf, 0.0)), np.zeros(1))
    rows = PricedRows(np.ones((1, 2)), np.full(1, 2.5), np.full(1, 0.7))
    case = Case(curves(drawn), ALONE, np.zeros(2, np.int64), free, rows)
    _, found, _ = solve(case)
    np.testing.assert_allclose(found.cleared.p_kw, [2.0, 1.0], atol=1e-6)
    assert found.price_per_kwh[0] == pytest.approx(0.7)
    np.testing.assert_allclose(found.added_per_kwh, 0.7)


def test_a_step_in_a_box_is_where_no_entry_gains_by_moving():
    rng = np.random.default_rng(5)
    for _ in range(20):
        root = rng.normal(size=(6, 4))
        curvature, gain = root @ root.T + 1e-3 * np.eye(6), rng.normal(size=6)
        low, high = -rng.uniform(0, 1, 6), rng.uniform(0, 1, 6)
        way = best_step(gain, curvature, low, high)
        left = gain - curvature @ way
        inside = (way > low + 1e-9) & (way < high - 1e-9)
        assert np.abs(left[inside]).max(initial=0.0) < 1e-3
        assert (left[way <= low + 1e-9] <= 1e-3).all() and (left[way >= high - 1e-9] >= -1e-3).all()


def test_an_entry_without_curvature_goes_to_the_end_that_it_gains_by():
    way = best_step(np.array([1.0, -1.0, 0.0]), np.zeros((3, 3)), -np.ones(3), 2 * np.ones(3))
    assert way.tolist() == [2.0, -1.0, 0.0]
