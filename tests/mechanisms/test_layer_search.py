"""Rows of a network over a tree of limits, against a second solver on the same problem, and in closed form."""

from functools import partial
from typing import NamedTuple

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp

from gridagora.core.limits import Bounds
from gridagora.core.place import Level, Places, lift_kw, places
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import LayerMessages, Opening, PeerMessages, SupplyOffer, Topology
from gridagora.kernels.curves.curve import Curves, curves
from gridagora.markets.layered import GAP_SHARE, ROUNDS
from gridagora.mechanisms.layer_search import (
    RowSearch,
    RowsFound,
    ask_curves,
    group_branches,
    mark_homes,
    search_rows,
    sum_down,
    take_premiums,
)
from gridagora.mechanisms.layers import clear_space
from gridagora.mechanisms.network_interval import (
    GROUPS,
    answer_on_curves,
    find_worth,
)
from gridagora.mechanisms.network_limits import RowTable

LOAD_KW, IMPORT, EXPORT = 3.0, 0.2, 0.05
SUPPLY = (
    LOAD_KW,
    np.array([-1e3, 0.0, 0.0, 1e3]),
    np.array([EXPORT, EXPORT, IMPORT, IMPORT]),
)
TREE = places(
    ["a", "b", "c", "d", "east", "west", "feeder"],
    [Level.TRANSFORMER] * 4 + [Level.ZONE] * 2 + [Level.FEEDER],
    [4, 4, 5, 5, 6, 6, -1],
)
ALONE = places(["feeder"], [Level.FEEDER], [-1])
NEAR_USD_PER_H = 3e-3  # what forty prices leave where rows cost tens of dollars an hour


class Rows(NamedTuple):
    """Rows of n homes: `by_kw` p <= `room_kw`, beyond at a price."""

    by_kw: np.ndarray
    room_kw: np.ndarray
    over_per_kwh: np.ndarray


class Case(NamedTuple):
    curves: Curves
    tree: Places
    place: np.ndarray
    bounds: Bounds
    rows: Rows


def clear(case, offered):
    return clear_space(offered, case.place, case.tree, case.bounds, 1.0, 0, SUPPLY)


def solve(case) -> tuple[np.ndarray, RowsFound, list]:
    """Return the powers without rows, what layers find with them, and all that they pass."""
    first, n = clear(case, case.curves), len(case.place)
    by_kw, room, over = case.rows
    names, k = tuple(f"row {at}" for at in range(len(room))), len(room)
    nil = np.zeros((k, 1))
    table = RowTable(names, by_kw, -room[:, None], np.full((k, 1), -np.inf), nil, over, np.ones(k))
    product = Product(Commodity.P, 0, 900, Horizon.REAL_TIME, 0)
    offer = SupplyOffer(*(np.full(1, each) for each in (IMPORT, EXPORT, LOAD_KW)))
    opening = Opening(product, np.arange(n), offer, Topology(case.tree, case.place))
    premium = take_premiums(case.tree, first.price_per_kwh, IMPORT)[:, None]
    group = group_branches(case.tree, case.place, table)
    ask = partial(ask_curves, case.curves, find_worth(case.curves, first.p_kw))
    asked = RowSearch(
        case.bounds,
        table,
        group,
        premium,
        nil,
        (),
        ask,
    )
    search = search_rows(opening, asked, ROUNDS, GAP_SHARE)
    passed = []
    while True:
        try:
            passed.append(next(search))
        except StopIteration as end:
            return first.p_kw, end.value, passed


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
    case = Case(curves(drawn), tree, place, bounds, Rows(a, np.zeros(rows), np.ones(rows)))
    load = a @ clear(case, case.curves).p_kw
    room = load - np.abs(load) * rng.uniform(0, 0.8, rows) - 0.1
    over = np.full(rows, rng.choice([0.04, 0.4, 4.0]))
    return case._replace(rows=Rows(a, room, over))


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
    first, got, _ = solve(case)
    plain, best = (cost_usd_per_h(case, p_kw) for p_kw in (first, least_by_clarabel(case)))
    assert plain > best + 1e-3
    near = max(NEAR_USD_PER_H, 1e-3 * (plain - best))
    assert cost_usd_per_h(case, got.p_kw[:, 0]) == pytest.approx(best, abs=near)
    assert got.found.gap_usd <= near


@pytest.mark.parametrize("seed", range(4))
def test_one_layer_alone_finds_the_same(seed):
    case = draw(seed, tree=ALONE)
    _, got, _ = solve(case)
    best = cost_usd_per_h(case, least_by_clarabel(case))
    assert cost_usd_per_h(case, got.p_kw[:, 0]) == pytest.approx(best, abs=NEAR_USD_PER_H)


@pytest.mark.parametrize("seed", range(4))
def test_homes_gain_next_to_nothing_by_another_power_at_the_prices_that_they_pay(seed):
    """What all homes together would gain is part of the gap, which is proven."""
    case = draw(seed)
    _, got, _ = solve(case)
    best = answer_on_curves(case.curves, got.home_per_kwh[:, 0])
    worth = -find_worth(case.curves, got.p_kw[:, 0])
    regret = worth + got.home_per_kwh[:, 0] * got.p_kw[:, 0] - best.bound_usd
    assert (regret > -1e-9).all()
    assert regret.sum() <= NEAR_USD_PER_H


def test_prices_of_homes_are_those_of_their_place_and_of_rows():
    case = draw(2)
    _, got, _ = solve(case)
    rows = case.rows.by_kw.T @ got.rows.per_unit_h
    np.testing.assert_allclose(got.home_per_kwh, got.place_per_kwh[case.place] + rows)
    np.testing.assert_allclose(got.place_per_kwh, IMPORT + sum_down(case.tree, got.premium_per_kwh))


def test_rows_with_room_move_nothing_and_tighter_ones_never_help():
    case = draw(3)
    load = case.rows.by_kw @ clear(case, case.curves).p_kw
    worth = []
    for room in (np.maximum(case.rows.room_kw, load), load - 0.2, load - 0.6):
        held = case._replace(rows=case.rows._replace(room_kw=room))
        first, got, _ = solve(held)
        worth.append(cost_usd_per_h(held, got.p_kw[:, 0]))
        if len(worth) == 1:
            assert worth[0] == pytest.approx(cost_usd_per_h(held, first), abs=NEAR_USD_PER_H)
    assert worth[0] <= worth[1] + NEAR_USD_PER_H <= worth[2] + 2 * NEAR_USD_PER_H


def test_layers_pass_sums_and_prices_and_no_curve():
    """Places pass their own sums and those of limited places below; rows cross as `count_crossing` says."""
    case = draw(0)
    _, got, passed = solve(case)
    plans = [each for each in passed if isinstance(each, LayerMessages)]
    assert len(plans) == got.found.rounds
    assert len(plans) == sum(isinstance(each, PeerMessages) for each in passed)
    assert all(each.up.p_kw.shape[1] == 1 for each in plans)


def test_branches_are_grouped_and_homes_at_the_root_stand_for_themselves():
    rng = np.random.default_rng(0)
    names = tuple("rows")
    nil, one = np.zeros((4, 1)), np.ones(4)
    table = RowTable(names, rng.normal(size=(4, 40)), nil, nil, nil, one, one)
    place = rng.integers(0, 4, 40)
    group = group_branches(TREE, place, table)
    assert len(np.unique(group)) == 2  # east and west
    assert all(len(np.unique(group[np.isin(place, pair)])) == 1 for pair in ((0, 1), (2, 3)))
    assert len(np.unique(group_branches(ALONE, np.zeros(40, np.int64), table))) == GROUPS


def test_homes_below_chosen_places_are_marked():
    found = mark_homes(TREE, np.array([0, 0, 1]), np.array([0, 4, 6]))
    assert found.tolist() == [[1, 1, 0], [1, 1, 1], [1, 1, 1]]


def test_premiums_are_what_prices_rise_by_from_place_to_place():
    premium = np.array([[1.0], [2], [3], [4], [10], [20], [100]])
    price = sum_down(TREE, premium)[:, 0]
    assert price.tolist() == [111, 112, 123, 124, 110, 120, 100]
    np.testing.assert_allclose(take_premiums(TREE, 0.2 + price, 0.2), premium[:, 0])


def test_panels_that_are_alike_give_way_at_the_price_of_nothing():
    """Three homes of 5 kW of panels, .05 $/kWh for export, 9 kW of room: 6 kW are given up, and a row costs .05 $/kWh."""
    drawn = [([-5.0, 0.0], [0.0, 0.0])] * 3
    free = Bounds(*(np.full((1, 1), at) for at in (-np.inf, np.inf, 0.0)), np.zeros(1))
    rows = Rows(-np.ones((1, 3)), np.full(1, 9.0), np.ones(1))
    case = Case(curves(drawn), ALONE, np.zeros(3, np.int64), free, rows)
    _, got, _ = solve(case)
    # the other load of 3 kW is fed first: 15 kW of sun leave 12 kW to export
    assert got.p_kw.sum() == pytest.approx(-9.0, abs=2e-3)
    assert got.rows.per_unit_h[0, 0] == pytest.approx(0.05, abs=1e-4)


def test_a_row_that_nothing_keeps_costs_its_full_price():
    drawn = [([2.0], [0.3]), ([1.0, 1.5], [0.25, 0.21])]
    free = Bounds(*(np.full((1, 1), at) for at in (-np.inf, np.inf, 0.0)), np.zeros(1))
    rows = Rows(np.ones((1, 2)), np.full(1, 2.5), np.full(1, 0.7))
    case = Case(curves(drawn), ALONE, np.zeros(2, np.int64), free, rows)
    _, got, _ = solve(case)
    np.testing.assert_allclose(got.p_kw[:, 0], [2.0, 1.0], atol=1e-6)
    assert got.rows.per_unit_h[0, 0] == pytest.approx(0.7)
    np.testing.assert_allclose(got.home_per_kwh[:, 0], got.place_per_kwh[0, 0] + 0.7)
