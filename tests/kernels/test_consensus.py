"""Bilateral consensus against the central optimum, an optimal power flow, and its own definition."""

import clarabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from gridagora.kernels.coordination.consensus import (
    ConsensusRule,
    agree,
    find_components,
    fix_trades,
    make_links,
    party_of_end,
)
from gridagora.kernels.curves.curve import Curves, clear, curves, power_at
from gridagora.mechanisms.trade_graph import complete

FINE = ConsensusRule(1e-6, 1e-7, 3000)


def producers(rng, n):
    """Quadratic costs a/2 P^2 + b P in a box, half of the agents producers; their curves of withdrawal, and all four columns."""
    k = n // 2
    a = rng.uniform(0.02, 0.08, n)
    b = np.concatenate([rng.uniform(0.02, 0.10, k), rng.uniform(0.15, 0.35, n - k)])
    size = rng.uniform(2, 8, n)
    low, high = np.where(np.arange(n) < k, 0.0, -size), np.where(np.arange(n) < k, size, 0.0)
    rows = [
        ([-u, -v], [slope * u + c, slope * v + c])
        for slope, c, v, u in zip(a, b, low, high, strict=True)
    ]
    return curves(rows), (a, b, low, high)


def central(a, b, low, high):
    """Production of everyone and the price at which it sums to nothing, by bisection."""
    least, most = -10.0, 10.0
    for _ in range(100):
        price = (least + most) / 2
        made = np.clip((price - b) / a, low, high)
        least, most = (least, price) if made.sum() > 0 else (price, most)
    return made, price


def bipartite(n):
    first, second = np.meshgrid(np.arange(n // 2), np.arange(n // 2, n))
    return make_links(n, first.ravel(), second.ravel())


@pytest.mark.parametrize("n", [6, 20, 60])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
def test_t13_without_costs_dispatch_is_central_and_all_active_prices_are_equal(n, tolerance):
    table, columns = producers(np.random.default_rng(n), n)
    made, price = central(*columns)
    for graph in (bipartite(n), complete(n)):
        found = agree([table], graph, 0.15, rule=ConsensusRule(tolerance, tolerance / 10, 2000))
        degree = np.diff(graph.offset).max()
        assert found.converged[0]
        assert np.abs(found.p_kw[0] + made).max() <= 1.5 * degree * tolerance
        active = np.abs(found.trade_kw[0]) > 1e-3
        assert active.any()
        steepest = columns[
            0
        ].max()  # what a party misses of its trades moves a price by no more than its slope
        assert (
            np.abs(found.price_per_kwh[0, active] - price).max()
            <= 1.5 * degree * tolerance * steepest
        )


def test_rounds_stay_below_those_of_the_prototype():
    """66, 34 and 78 rounds to 1e-4 at a fixed penalty in a plain implementation (theory 3.6)."""
    rounds = []
    for n in (6, 20, 60):
        table, _ = producers(np.random.default_rng(1), n)
        rounds.append(
            int(agree([table], bipartite(n), 0.15, rule=ConsensusRule(1e-4, 1e-4, 300)).rounds[0])
        )
    assert max(rounds) <= 66


def test_a_sparse_connected_graph_finds_the_same_dispatch():
    table, columns = producers(np.random.default_rng(3), 24)
    made, _ = central(*columns)
    ring = np.arange(24)
    graph = make_links(24, np.append(ring, ring), np.append((ring + 1) % 24, (ring + 7) % 24))
    found = agree([table], graph, 0.15, rule=FINE)
    assert found.converged[0]
    assert np.abs(found.p_kw[0] + made).max() <= 1.5 * 4 * 1e-5


PARENT = {1: 0, 2: 1, 3: 2, 4: 1}


def four_buses(grid_per_kwh=0.3, v_min=0.98):
    """Optimal power flow of T14: consumers at four buses, a producer at the last, voltage and line limits that bind.

    Returns curves, nodal prices of their six parties (four consumers, the producer, the grid), and the optimal withdrawals.
    """
    ways = []
    for bus in PARENT:
        way, at_bus = set(), bus
        while at_bus:
            way, at_bus = way | {at_bus}, PARENT[at_bus]
        ways.append(way)
    r = {1: 0.02, 2: 0.03, 3: 0.03, 4: 0.04}
    r_sum = np.array([[sum(r[line] for line in a & b) for b in ways] for a in ways])
    down = np.array([[float(line in way) for way in ways] for line in PARENT])
    value, slope, line_max = (
        np.array([0.5, 0.6, 0.9, 0.7]),
        np.array([0.5, 0.4, 0.3, 0.5]),
        np.array([2.0, 1.2, 0.5, 0.6]),
    )
    net = np.hstack([np.eye(4), -np.eye(4)[:, 3:]])  # of p (4) and g
    upper = np.vstack([2 * r_sum @ net, down @ net, -down @ net, -net.sum(0), -np.eye(5)])
    bound = np.concatenate([np.full(4, 1 - v_min**2), line_max, line_max, np.zeros(6)])
    cost = np.append(-value, 0.05) + grid_per_kwh * net.sum(0)
    options = clarabel.DefaultSettings()
    options.verbose = False
    quadratic = sparse.csc_matrix(np.diag(np.append(slope, 0.1)))
    cones = [clarabel.NonnegativeConeT(len(bound))]
    found = clarabel.DefaultSolver(
        quadratic, cost, sparse.csc_matrix(upper), bound, cones, options
    ).solve()
    x, dual = np.array(found.x), np.array(found.z)
    root = grid_per_kwh - dual[12]
    price = root + 2 * r_sum @ dual[:4] + down.T @ (dual[4:8] - dual[8:12])
    rows = [([0.0, v / s], [v, 0.0]) for v, s in zip(value, slope, strict=True)]
    rows += [([-9.0, 0.0], [0.95, 0.05]), ([-50.0, 50.0], [root, root])]
    return curves(rows), np.append(price, [price[3], root]), np.append(x[:4], -x[4])


def test_t14_price_difference_fees_reproduce_the_optimal_power_flow():
    """Fees between parties at buses with different prices; fee revenue is the merchandising surplus."""
    table, node, best = four_buses()
    assert np.ptp(node) > 0.1
    graph = complete(6)
    fee = (
        node[party_of_end(graph)] - node[graph.peer]
    ) / 2  # at each end, of a kWh bought; sold, it moves the other way
    found = agree([table], graph, 0.3, costs=(fee, -fee), rule=ConsensusRule(1e-6, 1e-7, 20_000))
    assert found.converged[0]
    np.testing.assert_allclose(found.p_kw[0, :5], best, atol=1e-4)
    revenue = (found.trade_kw[0] * fee).sum()
    surplus = node[:5] @ best - node[5] * best.sum()
    assert surplus == pytest.approx(
        0.2412, abs=1e-4
    )  # the merchandising surplus, found by an interior-point solver
    assert revenue == pytest.approx(surplus, abs=1e-4)


def test_costs_open_a_band_without_trade():
    """A charge of gamma at each end stops every trade that brings less than 2 gamma (theory 3.6)."""
    table = curves([([-5.0, 0.0], [0.2, 0.1]), ([0.0, 5.0], [0.3, 0.1])])
    graph = make_links(2, [0], [1])
    traded = [
        agree([table], graph, 0.2, costs=(g, g), rule=FINE).trade_kw[0, 1]
        for g in (0.0, 0.05, 0.099, 0.101)
    ]
    expected = [(0.2 - 2 * g) / (0.02 + 0.04) for g in (0.0, 0.05, 0.099)]
    np.testing.assert_allclose(traded, [*expected, 0.0], atol=1e-5)


def drawn(rng, n, least=-4.0, most=4.0):
    rows = []
    for _ in range(n):
        k = int(rng.integers(2, 7))
        rows.append((np.sort(rng.uniform(least, most, k)), -np.sort(-rng.uniform(0, 0.5, k))))
    return curves(rows)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.01, 0.03]))
def test_agreements_are_answers_to_their_own_prices(seed, cost):
    """Bilateral equilibrium: no end would trade more or less at its price and cost, and every party is on its own curve."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 9))
    table, graph = drawn(rng, n), complete(n)
    found = agree(
        [table],
        graph,
        0.2,
        outside=(0.3, 0.1),
        costs=(cost, cost),
        rule=ConsensusRule(1e-6, 1e-7, 5000),
    )
    if not found.converged[0]:
        assert found.rounds[0] == 5000
        return
    trade, price, worth = (
        found.trade_kw[0],
        found.price_per_kwh[0],
        found.worth_per_kwh[0][party_of_end(graph)],
    )
    np.testing.assert_array_equal(trade, -trade[graph.twin])
    np.testing.assert_array_equal(price, price[graph.twin])
    buys, sells = trade > 1e-3, trade < -1e-3
    inner = np.abs(worth - np.clip(worth, 0.1 + 1e-9, 0.3 - 1e-9)) == 0
    smooth = np.isin(np.round(worth, 4), np.round(table.price_per_kwh, 4), invert=True) & inner
    assert (price[buys & smooth] + cost <= worth[buys & smooth] + 1e-4).all()
    assert (price[sells & smooth] - cost >= worth[sells & smooth] - 1e-4).all()
    own = np.array([power_at(table, w, 0.0)[i] for i, w in enumerate(found.worth_per_kwh[0])])
    full = np.array([power_at(table, w, 1.0)[i] for i, w in enumerate(found.worth_per_kwh[0])])
    assert (found.p_kw[0] >= own - 1e-6).all() or np.isclose(found.p_kw[0], full, atol=1e-3).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_with_a_supplier_welfare_is_that_of_one_market(seed):
    rng = np.random.default_rng(seed)
    table, graph = drawn(rng, 8), complete(8)
    found = agree([table], graph, 0.3, outside=(0.3, 0.1), rule=ConsensusRule(1e-6, 1e-7, 3000))
    cleared = clear(table, 0.0, np.array([-1e3, 0, 0, 1e3]), np.array([0.1, 0.1, 0.3, 0.3]))
    if found.converged[0]:
        assert found.outside_kw[0].sum() == pytest.approx(cleared.q_kw, abs=1e-3)


def test_order_of_parties_changes_no_bit():
    rng = np.random.default_rng(5)
    table = drawn(rng, 9)
    order = rng.permutation(9)
    rows = [slice(table.offset[i], table.offset[i + 1]) for i in order]
    turned = curves([(table.p_kw[row], table.price_per_kwh[row]) for row in rows])
    cost = rng.uniform(0, 0.02, 9)
    graph = complete(9)

    def run(table: Curves, cost):
        ends = cost[party_of_end(graph)]
        return agree(
            [table],
            graph,
            0.2,
            outside=(0.3, 0.1),
            costs=(ends, ends),
            rule=ConsensusRule(1e-5, 1e-6, 300),
        )

    plain, other = run(table, cost), run(turned, cost[order])
    np.testing.assert_array_equal(plain.p_kw[0][order], other.p_kw[0])
    np.testing.assert_array_equal(plain.worth_per_kwh[0][order], other.worth_per_kwh[0])
    np.testing.assert_array_equal(plain.rounds, other.rounds)


def test_products_are_independent_and_threads_change_no_bit():
    rng = np.random.default_rng(6)
    tables = [drawn(rng, 12) for _ in range(5)]
    one, two = (agree(tables, complete(12), 0.2, outside=(0.3, 0.1), threads=t) for t in (1, 3))
    alone = agree(tables[3:4], complete(12), 0.2, outside=(0.3, 0.1))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.trade_kw[3], alone.trade_kw[0])


def test_a_party_hears_only_its_partners():
    """What a home changes reaches others one pair further in each round: nothing else tells them of it."""
    rng, n, rounds = np.random.default_rng(9), 20, 4
    table = drawn(rng, n)
    ring = np.arange(n)
    graph = make_links(n, ring, (ring + 1) % n)
    other = table._replace(
        p_kw=np.where(ring.repeat(np.diff(table.offset)) == 0, table.p_kw - 3.0, table.p_kw)
    )
    plain, changed = (
        agree([t], graph, 0.2, rule=ConsensusRule(rounds_max=rounds)) for t in (table, other)
    )
    steps = np.minimum(ring, n - ring)
    near = np.minimum(steps[party_of_end(graph)], steps[graph.peer])
    same = plain.price_per_kwh[0] == changed.price_per_kwh[0]
    assert same[near >= rounds].all()
    assert not same[near == 0].any()
    assert not same[near == 1].all()


def test_a_warm_start_ends_where_it_began():
    table, _ = producers(np.random.default_rng(7), 20)
    first = agree([table], bipartite(20), 0.15)
    again = agree([table], bipartite(20), first.price_per_kwh, trade_kw=first.trade_kw)
    assert again.rounds[0] < first.rounds[0] / 2
    np.testing.assert_allclose(again.p_kw, first.p_kw, atol=5e-3)


def test_a_hopeless_penalty_is_said_and_what_is_left_is_feasible():
    table = drawn(np.random.default_rng(8), 10)
    found = agree(
        [table],
        complete(10),
        0.2,
        outside=(0.3, 0.1),
        rule=ConsensusRule(1e-6, 1e-7, 40, 50.0, 1.6, adapts=False),
    )
    assert not found.converged[0]
    assert found.rounds[0] == 40
    graph = complete(10)
    np.testing.assert_array_equal(found.trade_kw[0], -found.trade_kw[0][graph.twin])
    ends = np.minimum(
        np.maximum(found.p_kw[0], table.p_kw[table.offset[:-1]]), table.p_kw[table.offset[1:] - 1]
    )
    np.testing.assert_array_equal(found.p_kw[0], ends)
    balance = np.bincount(party_of_end(graph), found.trade_kw[0], 10) + found.outside_kw[0]
    np.testing.assert_allclose(balance, found.p_kw[0], atol=1e-9)


def test_what_is_kept_buys_dear_sells_cheap_or_neither():
    table = curves([([0.0, 4.0], [0.4, 0.0])])
    graph = make_links(1, [], [])
    dear, cheap = np.array([0.3]), np.array([0.1])
    assert fix_trades(table, graph, np.zeros(0), (dear, cheap)).p_kw[0] == pytest.approx(1.0)
    two = make_links(2, [0], [1])
    pair = curves([([0.0, 4.0], [0.4, 0.0]), ([-9.0, -9.0], [0.4, 0.0])])
    for traded, power, worth, outside in (
        (0.5, 1.0, 0.3, 0.5),
        (2.0, 2.0, 0.2, 0.0),
        (3.5, 3.0, 0.1, -0.5),
    ):
        kept = fix_trades(
            pair, two, np.array([traded, -traded]), (np.full(2, 0.3), np.full(2, 0.1))
        )
        assert (kept.p_kw[0], kept.worth_per_kwh[0], kept.outside_kw[0]) == pytest.approx(
            (power, worth, outside)
        )


def test_links_and_parts():
    graph = make_links(5, [3, 0, 1, 0], [0, 3, 2, 1])
    assert graph.offset.tolist() == [0, 2, 4, 5, 6, 6]
    assert graph.peer.tolist() == [1, 3, 0, 2, 1, 0]
    np.testing.assert_array_equal(graph.twin[graph.twin], np.arange(6))
    np.testing.assert_array_equal(graph.peer[graph.twin], party_of_end(graph))
    assert find_components(graph).tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: make_links(3, [0, 1], [1, 3]),
            "pair 1: got parties 1 and 3, expected two different ones of 0 to 2",
        ),
        (
            lambda: agree([curves([([0], [1])])], complete(2), 0.1),
            "product 0: got 1 curves, expected one for each of 2 parties",
        ),
        (
            lambda: agree([curves([([0], [1])] * 2)], complete(2), 0.1, costs=(-0.2, 0.1)),
            r"party 0 with 1: got costs of -0.2 \$/kWh to buy and 0.1 to sell, expected a finite sum of 0 or more",
        ),
        (
            lambda: agree([curves([([0], [1])] * 2)], complete(2), np.nan),
            "start price or trade is not finite",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
