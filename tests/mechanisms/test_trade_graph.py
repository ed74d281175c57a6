"""Trade graphs on small trees: who is linked to whom, how far they are, what they mind and what is refused, pair by pair."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.place import Level, places
from gridagora.kernels.coordination.consensus import make_links, party_of_end
from gridagora.mechanisms import trade_graph as graphs

# two transformers below the first zone, one below the second; one home hangs from a zone, one from the feeder
T1, T2, T3, Z1, Z2, ROOT = range(6)
TREE = places(
    ["t1", "t2", "t3", "z1", "z2", "feeder"],
    [Level.TRANSFORMER] * 3 + [Level.ZONE] * 2 + [Level.FEEDER],
    [Z1, Z1, Z2, ROOT, ROOT, -1],
)


def pairs(graph) -> list[tuple[int, int]]:
    ends = np.column_stack([party_of_end(graph), graph.peer])
    return sorted((int(a), int(b)) for a, b in ends if a < b)


def test_a_complete_graph_has_every_pair_once():
    assert pairs(graphs.complete(4)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert pairs(graphs.complete(1)) == []


def test_the_zone_of_a_home_is_the_topmost_place_where_there_are_no_zones():
    assert graphs.zones(TREE, np.array([T1, T2, T3, Z1, ROOT])).tolist() == [Z1, Z1, Z2, Z1, ROOT]
    flat = places(["a", "b", "top"], [Level.TRANSFORMER] * 2 + [Level.FEEDER], [2, 2, -1])
    assert graphs.zones(flat, np.array([0, 1, 1])).tolist() == [2, 2, 2]


def test_hops_are_the_places_on_the_way():
    """One at a common transformer, three through a zone, five through the feeder; less from a zone or the feeder itself."""
    place = np.array([T1, T1, T2, T3, Z1, ROOT])
    graph = graphs.complete(6)
    found = {
        pair: int(count)
        for pair, count in zip(
            zip(party_of_end(graph).tolist(), graph.peer.tolist(), strict=True),
            graphs.hops(TREE, place, graph),
            strict=True,
        )
    }
    expected = {
        (0, 1): 1,
        (0, 2): 3,
        (0, 3): 5,
        (0, 4): 2,
        (0, 5): 3,
        (2, 3): 5,
        (3, 4): 4,
        (3, 5): 3,
        (4, 5): 2,
    }
    for (a, b), count in expected.items():
        assert found[a, b] == found[b, a] == count, (a, b)


def test_near_is_few_places_away_and_then_few_homes_along_the_feeder():
    """Homes 0, 1 at the first transformer, 2, 3 at the second, 4, 5 in the other zone, each with one near: pairs, then joined."""
    place = np.array([T1, T1, T2, T2, T3, T3])
    assert pairs(graphs.nearest(TREE, place, 1)) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    # with two near each the second is next in the walk: of the own zone first
    two = pairs(graphs.nearest(TREE, place, 2))
    assert {(0, 1), (2, 3), (4, 5), (1, 2)} <= set(two)
    assert (0, 5) not in two and (1, 5) not in two


def test_the_order_of_homes_along_the_feeder_counts_and_not_their_numbers():
    place = np.array([T3, T1, T3, T1])
    assert {(0, 2), (1, 3)} <= set(pairs(graphs.nearest(TREE, place, 1)))


def test_far_partners_are_two_four_and_eight_homes_on():
    """A line of 16 homes at one transformer, one near and one far: spans 2, 4, 8 in turn, beside the neighbours."""
    place = np.full(16, T1)
    graph = pairs(graphs.nearest(TREE, place, 3, far=1))
    steps = {min(b - a, 16 - (b - a)) for a, b in graph}
    assert steps == {1, 2, 4, 8}
    assert (0, 2) in graph and (1, 5) in graph and (2, 10) in graph and (3, 5) in graph


@pytest.mark.parametrize(("k", "far"), [(0, 0), (2, 1), (4, 2), (3, -1)])
def test_a_graph_without_a_near_partner_is_refused(k, far):
    with pytest.raises(ValueError, match=f"nearest: got {k} partners with {far} far"):
        graphs.nearest(TREE, np.array([T1, T2]), k, far)


def test_two_homes_have_one_pair_whatever_is_asked():
    assert pairs(graphs.nearest(TREE, np.array([T1, T3]), 5, far=2)) == [(0, 1)]


def test_homes_by_coordinates_have_their_nearest_and_clusters_are_joined_from_west_to_east():
    x = np.array([10.0, 0.0, 0.1, 10.1])
    assert pairs(graphs.find_near(x, np.zeros(4), 1)) == [(0, 2), (0, 3), (1, 2)]
    assert pairs(graphs.find_near(np.zeros(3), np.array([0.0, 3.0, 1.0]), 1)) == [(0, 2), (1, 2)]
    assert pairs(graphs.find_near(x, np.zeros(4), 99)) == pairs(graphs.complete(4))


def test_homes_of_a_group_all_trade_and_each_has_one_of_the_next():
    place = np.array([T1, T1, T1, T3, T3])
    zone = graphs.zones(TREE, place)
    inside = [(0, 1), (0, 2), (1, 2), (3, 4)]
    across = [(0, 3), (1, 4), (2, 3)]  # in turn: the larger group has each of its homes served
    assert pairs(graphs.within(zone, TREE, place)) == sorted(inside + across)


def test_groups_follow_each_other_along_the_feeder_whatever_they_are_called():
    place = np.array([T1, T2, T3])
    assert pairs(graphs.within(np.array([9, 5, 7]), TREE, place)) == [(0, 1), (1, 2)]


def test_homes_that_prefer_nothing_pay_half_of_the_charge_at_each_end():
    graph = graphs.complete(3)
    costs = graphs.preference_costs(graph, np.zeros(3), np.full(3, False), 0.03)
    assert (costs.buys_per_kwh == 0.015).all() and (costs.sells_per_kwh == 0.015).all()


def test_energy_that_is_not_green_is_minded_by_its_buyer_alone():
    graph = make_links(2, [0], [1])
    costs = graphs.preference_costs(graph, np.array([0.04, 0.0]), np.array([True, False]))
    assert costs.buys_per_kwh.tolist() == [0.04, 0.0]  # home 0 buys of 1, which is not green
    assert costs.sells_per_kwh.tolist() == [0.0, 0.0]


def test_a_graph_of_one_part_and_fair_costs_is_accepted():
    graph = graphs.complete(3)
    graphs.check(graph)
    graphs.check(graph, graphs.Costs(np.full(6, 0.01), np.full(6, -0.01)))


@pytest.mark.parametrize(
    ("n", "first", "second", "says"),
    [
        (2, [], [], ["no partner of home 0, 1, expected one or more"]),
        (6, [0], [1], ["no partner of home 2, 3, 4 and 1 more"]),
        (
            4,
            [0, 2],
            [1, 3],
            ["2 parts, the smallest of 2 homes", "Add a pair between home 0 and home 2."],
        ),
        (
            5,
            [0, 1, 3],
            [1, 2, 4],
            ["2 parts, the smallest of 2 homes", "Add a pair between home 3 and home 0."],
        ),
    ],
)
def test_what_a_graph_must_not_be_is_told_with_a_way_out(n, first, second, says):
    graph = make_links(n, np.array(first, np.int64), np.array(second, np.int64))
    with pytest.raises(InputError) as caught:
        graphs.check(graph, where="partners")
    for sentence in says:
        assert sentence in str(caught.value)
    assert "partners" in str(caught.value)
    assert len(caught.value.problems) == 1


def test_homes_alone_beside_one_part_are_no_second_fault():
    with pytest.raises(InputError) as caught:
        graphs.check(make_links(3, [0], [1]))
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(("sum_per_kwh", "fair"), [(0.0, True), (-1e-10, True), (-1e-6, False)])
def test_buying_and_selling_back_must_not_pay(sum_per_kwh, fair):
    graph = make_links(2, [0], [1])
    costs = graphs.Costs(np.array([0.1 + sum_per_kwh, 0.1]), np.array([-0.1, -0.1]))
    if fair:
        graphs.check(graph, costs)
    else:
        with pytest.raises(
            InputError, match=r"costs of home 0 with 1: .* expected a sum of 0 or more"
        ):
            graphs.check(graph, costs)


def test_a_round_trip_that_pays_names_its_homes():
    """Home 0 pays .2 more for energy of 1, which pays .1 more for that of 2, which minds that of 0 by .05: .25 a round."""
    graph = graphs.complete(3)
    ends = list(zip(party_of_end(graph).tolist(), graph.peer.tolist(), strict=True))
    buys = {(0, 1): -0.2, (1, 2): -0.1, (2, 0): 0.05}
    costs = graphs.Costs(
        np.array([buys.get(end, 0.5) for end in ends]),
        np.array([0.25 if end in buys else 0.0 for end in ends]),
    )
    with pytest.raises(
        InputError,
        match=r"a round trip of energy through homes (0, 2, 1|1, 0, 2|2, 1, 0) that costs less",
    ):
        graphs.check(graph, costs)
    buys[2, 0] = 0.31  # now the trip costs a cent
    graphs.check(graph, costs._replace(buys_per_kwh=np.array([buys.get(end, 0.5) for end in ends])))
