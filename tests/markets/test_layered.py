"""The layered market driven by hand: prices of places where layers bind, premiums round by round, what is bound and told."""

import numpy as np
import pytest

from gridagora.core.agents import Believed, HomeAgents
from gridagora.core.errors import InputError
from gridagora.core.exchange import HEADER, NUMBER_BYTES, Plans, Proposals, Quotes, Status, tender
from gridagora.core.limits import Bounds, limit_places, limit_substation, stack
from gridagora.core.place import Level, places
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    Costed,
    GateOpen,
    LayerMessages,
    MessageCount,
    Opening,
    PeerMessages,
    PricePath,
    SupplyOffer,
    Topology,
    drive,
)
from gridagora.kernels.curves.curve import curves
from gridagora.kernels.stores.value import stores
from gridagora.markets.layered import RUN_H, Layered, announce_result, start_premiums
from gridagora.mechanisms.layer_bundle import (
    count_parties,
    find_branches,
    find_reach_kw,
    relay_plans,
    spread_rows,
    stack_rows,
)
from gridagora.mechanisms.layer_search import sum_down

BUY, SELL, OVER = 0.20, 0.10, 5.0
T1, T2, T3, Z1, Z2, ROOT = range(6)
NAMES = ["t1", "t2", "t3", "z1", "z2", "feeder"]
TREE = places(
    NAMES, [Level.TRANSFORMER] * 3 + [Level.ZONE] * 2 + [Level.FEEDER], [Z1, Z1, Z2, ROOT, ROOT, -1]
)
FREE = Layered(reserve_share=0.0)


def wants(kw: float, price: float):
    return ([0.0, kw], [price, price])


def gives(kw: float, price: float):
    return ([-kw, 0.0], [price, price])


def world(
    place, cost=(BUY,), *, sell=None, caps=(), others=(), limit_kw=np.inf, base_kw=0.0, **more
) -> Opening:
    """Return an opening over homes at places; `caps` are limits of places, `others` loads of other customers below them."""
    h, site = len(cost), Topology(TREE, np.asarray(place))
    earned = np.minimum(cost, SELL) if sell is None else np.asarray(sell, float)
    supply = SupplyOffer(np.array(cost, float), earned, np.full(h, base_kw))
    high, base = np.full(len(NAMES), np.inf), np.zeros((len(NAMES), h))
    for row, kw in caps:
        high[row] = kw
    for row, kw in others:
        base[row] = kw
    rows = limit_places(TREE, site.place, high, base, OVER)
    limits = stack([limit_substation(len(place), supply.base_kw, limit_kw, OVER), rows])
    horizon = Horizon.REAL_TIME if h == 1 else Horizon.DAY_AHEAD
    product = Product(Commodity.P, 0, 300 if h == 1 else 3600, horizon, 0)
    return Opening(product, np.arange(len(place)), supply, site, limits=limits, **more)


def cleared(rows, opening, market=FREE):
    """Return prices of all places and awards of homes."""
    heard = tender(opening.product, opening.party, curves(rows))
    found = drive(market.clear(opening, None), lambda _: heard, MessageCount()).result
    return found.place_per_kwh, found.transactions.p_kw[:, 0], found


# ------------------------------------------------------------------------------- one interval


def test_where_no_layer_binds_every_place_has_the_price_of_the_substation():
    price, power, found = cleared(
        [wants(2, 0.3), wants(3, 0.15), gives(1, 0.05)], world([T1, T2, T3])
    )
    assert (price == BUY).all()
    assert power == pytest.approx([2.0, 0.0, -1.0])
    trades = found.transactions
    assert trades.counterparty.tolist() == [
        T1,
        T2,
        T3,
    ]  # a home deals with the place right above it
    assert (trades.status == Status.FILLED).all()
    assert trades.price_per_kwh[:, 0].tolist() == [BUY] * 3


def test_a_transformer_that_binds_has_a_price_of_its_own():
    """2 kW through the first transformer for bids of 1.5 at .9 and 1 at .6: the second is left half of what it wants."""
    opening = world([T1, T1, T2, T3], caps=[(T1, 2.0)])
    price, power, _ = cleared(
        [wants(1.5, 0.9), wants(1.0, 0.6), wants(4, 0.5), wants(4, 0.3)], opening
    )
    assert power == pytest.approx([1.5, 0.5, 4.0, 4.0])
    assert price[T1] == pytest.approx(0.6)
    assert price[[T2, T3, Z1, Z2, ROOT]] == pytest.approx(BUY)


def test_a_zone_that_binds_sets_the_price_of_all_below_it():
    opening = world([T1, T2, T3], caps=[(Z1, 3.0)])
    price, power, _ = cleared([wants(2, 0.8), wants(2, 0.5), wants(9, 0.3)], opening)
    assert power == pytest.approx([2.0, 1.0, 9.0])
    assert price[[Z1, T1, T2]] == pytest.approx(0.5)
    assert price[[Z2, T3, ROOT]] == pytest.approx(BUY)


def test_premiums_of_nested_layers_add_up():
    """The zone binds at .5 for its second transformer, and inside it the first binds at .9."""
    opening = world([T1, T1, T2, T2], caps=[(T1, 1.0), (Z1, 2.5)])
    rows = [wants(0.5, 1.5), wants(1.0, 0.9), wants(1, 0.7), wants(2, 0.5)]
    price, power, _ = cleared(rows, opening)
    assert power == pytest.approx([0.5, 0.5, 1.0, 0.5])
    assert price[[T1, T2, Z1, ROOT]] == pytest.approx([0.9, 0.5, 0.5, BUY])


def test_sun_behind_a_full_transformer_is_worth_less_than_elsewhere():
    opening = world([T1, T2], caps=[(T1, 3.0)])
    price, power, _ = cleared([gives(5, 0.02), gives(5, 0.03)], opening)
    assert power == pytest.approx([-3.0, -5.0])
    assert price[T1] == pytest.approx(0.02)
    assert price[T2] == pytest.approx(SELL)


def test_neighbours_at_one_transformer_trade_through_no_limit():
    """What one gives the other takes: the transformer carries nothing, however small it is."""
    price, power, _ = cleared([wants(4, 0.3), gives(4, 0.02)], world([T1, T1], caps=[(T1, 0.5)]))
    assert power[0] == pytest.approx(4.0)
    assert power.sum() == pytest.approx(0.0, abs=1e-9)
    assert 0.02 <= price[T1] <= 0.3


def test_the_substation_binds_as_the_highest_layer():
    price, power, _ = cleared([wants(4, 0.9), wants(4, 0.6)], world([T1, T3], limit_kw=5.0))
    assert price == pytest.approx(np.full(6, 0.6))
    assert power == pytest.approx([4.0, 1.0])


def test_a_limit_is_soft_at_its_price():
    opening = world([T1], caps=[(T1, 1.0)])
    price, power, _ = cleared([wants(3, BUY + OVER + 1.0)], opening)
    assert power == pytest.approx([3.0])
    assert price[T1] == pytest.approx(BUY + OVER)


def test_other_customers_below_a_place_take_their_room_first():
    opening = world([T1, T2], caps=[(Z1, 5.0)], others=[(Z1, 4.0)], base_kw=4.0)
    _, power, _ = cleared([wants(3, 0.9), wants(3, 0.8)], opening)
    assert power == pytest.approx([1.0, 0.0])


def test_base_load_meets_local_sun_before_the_substation_does():
    """Others take 2 kW at the substation, 3 kW of sun: one goes out, at the export price."""
    price, power, _ = cleared([gives(3, 0.02)], world([T1], base_kw=2.0))
    assert (price[ROOT], power[0]) == (pytest.approx(SELL), pytest.approx(-3.0))
    price, power, _ = cleared([gives(3, 0.15)], world([T1], base_kw=2.0))
    assert (price[ROOT], power[0]) == (pytest.approx(0.15), pytest.approx(-2.0))


def test_a_reserve_keeps_its_share_of_every_limit_free():
    opening = world([T1, T3], caps=[(T1, 2.0)], limit_kw=10.0)
    _, power, _ = cleared([wants(9, 0.9), wants(9, 0.6)], opening, Layered(reserve_share=0.1))
    assert power == pytest.approx([1.8, 9.0 - 1.8])


def test_an_interval_says_one_curve_up_and_one_price_down_for_each_home_and_place():
    opening = world([T1, T2], caps=[(T1, 1.0)])
    session = FREE.clear(opening, None)
    assert next(session) == GateOpen(opening.product)
    said = session.send(
        tender(opening.product, opening.party, curves([wants(2, 0.5), wants(1, 0.4)]))
    )
    assert isinstance(said, LayerMessages)
    assert said.up.party.tolist() == list(range(6))
    assert said.down.party.tolist() == list(range(6))
    assert said.down.buy_per_kwh[T1, 0] == pytest.approx(0.5)
    root = slice(said.up.offset[ROOT], said.up.offset[ROOT + 1])
    assert said.up.p_kw[root].max() == pytest.approx(
        3.0
    )  # wanted where a kW over the limit costs nothing
    with pytest.raises(StopIteration):
        session.send(None)
    heard = tender(opening.product, opening.party, curves([wants(2, 0.5), wants(1, 0.4)]))
    traffic = drive(FREE.clear(opening, None), lambda _: heard, MessageCount()).traffic
    assert (traffic.messages, traffic.rounds) == (
        2 + 6 + 6 + 2,
        1,
    )  # tenders, curves, prices, awards


def test_blocks_are_spent_on_prices_that_can_clear():
    market = Layered(blocks=2)
    opening = world([T1])
    clipped = market.plausible(np.array([900.0, 0.15, -900.0]), opening.supply, OVER)
    assert clipped == pytest.approx([BUY + OVER, 0.15, SELL - OVER])
    kept = np.array([900.0, -900.0])
    assert FREE.plausible(kept, opening.supply, OVER) is kept


def test_a_curve_of_few_blocks_keeps_its_total_and_clears_near_the_exact_one():
    rng = np.random.default_rng(0)
    place = np.arange(12) % 3
    rows = [(np.array([0.0, 2.0]), np.sort(rng.uniform(0.05, 0.6, 2))[::-1]) for _ in place]
    opening = world(place, limit_kw=6.0)
    _, exact, _ = cleared(rows, opening)
    _, short, _ = cleared(rows, opening, Layered(reserve_share=0.0, blocks=4))
    assert exact.sum() == pytest.approx(6.0)
    assert short.sum() == pytest.approx(6.0)
    assert 0 < np.abs(short - exact).max() < 2.0


# ------------------------------------------------------------------------------- sums on the tree


def test_premiums_sum_from_the_root_down():
    premium = np.array([[1.0], [2.0], [4.0], [10.0], [20.0], [100.0]])
    assert sum_down(TREE, premium)[:, 0].tolist() == [111.0, 112.0, 124.0, 110.0, 120.0, 100.0]


def test_a_tree_may_begin_with_its_root():
    """Rows of places stand in any order: the root is where no parent is, not at the end."""
    tree = places(["feeder", "z", "t"], [Level.FEEDER, Level.ZONE, Level.TRANSFORMER], [-1, 0, 1])
    assert sum_down(tree, np.array([[1.0], [10.0], [100.0]]))[:, 0].tolist() == [
        1.0,
        11.0,
        111.0,
    ]
    assert find_branches(tree).tolist() == [0, 1, 1]
    assert count_parties(Topology(tree, np.array([2, 2, 1]))).tolist() == [3, 3, 2]
    site = Topology(tree, np.array([2]))
    told = Proposals(None, np.arange(1), np.ones((1, 2)), np.ones(1), np.ones(1))
    up = relay_plans(world([T1]), site, np.ones((3, 2)), told, np.array([1, 2]))
    assert up.party.tolist() == [0, 1, 2, 2]


def test_homes_are_counted_at_every_place_above_them():
    assert count_parties(Topology(TREE, np.array([T1, T1, T3, Z1]))).tolist() == [2, 0, 1, 3, 1, 4]


def test_branches_hang_from_the_root():
    assert find_branches(TREE).tolist() == [Z1, Z1, Z2, Z1, Z2, ROOT]


def test_the_rows_of_a_search_are_the_root_and_then_each_limited_place():
    opening = world(
        [T1, T3],
        (0.1, 0.3),
        sell=[0.05, 0.2],
        caps=[(T1, 2.0), (Z2, 4.0)],
        others=[(Z2, 1.5)],
        base_kw=0.7,
    )
    usable = FREE.available_limits(opening)
    rows = stack_rows(opening.supply, usable, ROOT, np.array([T1, Z2]))
    assert rows.dt_h.tolist() == [1.0] * 6
    assert rows.base_kw.tolist() == [0.7, 0.7, 0.0, 0.0, 1.5, 1.5]
    assert rows.buy_per_kwh.tolist() == [0.1, 0.3, 0, 0, 0, 0]
    assert rows.sell_per_kwh.tolist() == [0.05, 0.2, 0, 0, 0, 0]
    assert rows.high_kw.tolist() == [1e6, 1e6, 2.0, 2.0, 4.0, 4.0]
    assert rows.low_kw.tolist() == [-1e6, -1e6, -2.0, -2.0, -4.0, -4.0]
    assert rows.over_per_kwh.tolist() == [OVER] * 6
    back = spread_rows(
        np.array([0.15, 0.3, 1, 2, 3, 4]), opening.supply, ROOT, np.array([T1, Z2]), (6, 2)
    )
    assert back[ROOT] == pytest.approx([0.05, 0.0])
    assert back[T1].tolist() == [1.0, 2.0] and back[Z2].tolist() == [3.0, 4.0]
    assert not back[[T2, T3, Z1]].any()


def test_a_limited_place_is_told_again_at_every_further_hop():
    """A zone hands up the row of its transformer beside its own; the root hands up nothing."""
    opening = world([T1, T3], (0.1, 0.3), caps=[(T1, 2.0), (Z2, 4.0)])
    told = Proposals(
        opening.product,
        opening.party,
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([0.5, 0.7]),
        np.array([0.1, 0.2]),
    )
    q_kw = np.array([[1.0, 2], [0, 0], [3, 4], [1, 2], [3, 4], [4, 6]])
    up = relay_plans(opening, opening.site, q_kw, told, np.array([T1, Z2]))
    assert up.party.tolist() == [T1, T2, T3, Z1, Z2, ROOT, T1]
    assert up.own_usd == pytest.approx([0.5, 0, 0.7, 0.5, 0.7, 1.2, 0.5])
    assert up.bound_usd == pytest.approx([0.1, 0, 0.2, 0.1, 0.2, 0.3, 0.1])
    assert up.p_kw[-1].tolist() == [1.0, 2.0]


def test_the_end_of_a_search_is_told_to_every_place_and_home():
    opening = world([T1, T2, T3])
    assert announce_result(opening, 6, 4) == PeerMessages(
        9, 9 * (HEADER.size + NUMBER_BYTES * 5), 1, 0
    )


def test_premiums_begin_at_nil_and_move_on_with_time():
    opening = world([T1], (0.1, 0.1, 0.1))
    assert not start_premiums(opening, None).any() and start_premiums(opening, None).shape == (6, 3)
    later = opening._replace(product=opening.product._replace(start_s=7200))
    path = PricePath(0, np.arange(18.0).reshape(6, 3))
    assert start_premiums(later, path)[:2].tolist() == [[2.0, 0.0, 0.0], [5.0, 0.0, 0.0]]


# ------------------------------------------------------------------------------- premiums, round by round


def test_premiums_move_by_what_a_plan_breaks_a_limit_for_each_home_and_come_back():
    """One column a case, 4 homes, learning .1: 8 kW through a limit of 4 raises by .1; room takes it back, not below nil."""
    market = Layered(learning_per_kwh=0.1, reserve_share=0.0)
    supply = SupplyOffer(np.full(5, BUY), np.full(5, SELL), np.zeros(5))
    site, homes = Topology(TREE, np.zeros(4, np.int64)), np.array([4.0, 0, 0, 4, 0, 4])
    high = np.full((6, 5), 4.0)
    usable = Bounds(-high, high, np.zeros((6, 5)), np.full(6, OVER))
    q_kw = np.tile([8.0, 2.0, 4.0, -8.0, 1e6], (6, 1))
    found = market.corrected(np.zeros((6, 5)), q_kw, site, usable, homes, supply)
    assert found[T1] == pytest.approx([0.1, 0.0, 0.0, -0.1, OVER])  # at most what the limit costs
    # at the root exports earn .10 less than imports cost: the premium rests between, where nothing crosses
    assert found[ROOT] == pytest.approx([0.1, 0.0, 0.0, -0.1 - 0.0, OVER])
    again = market.corrected(np.full((6, 5), 0.3), q_kw, site, usable, homes, supply)
    assert again[T1] == pytest.approx([0.4, 0.25, 0.3, 0.0, OVER])


def test_the_root_rests_at_the_wedge_while_export_is_within_its_limit():
    """Premium -.1 is the export price: exports up to the limit stay there, more lowers it, import brings it up."""
    market = Layered(learning_per_kwh=0.1, reserve_share=0.0)
    supply = SupplyOffer(np.full(5, BUY), np.full(5, SELL), np.zeros(5))
    site, homes = Topology(TREE, np.zeros(1, np.int64)), np.ones(6)
    high = np.full((6, 5), 4.0)
    usable = Bounds(-high, high, np.zeros((6, 5)), np.full(6, OVER))
    q_kw = np.tile([-3.0, -4.0, -6.0, 0.5, 9.0], (6, 1))
    found = market.corrected(np.full((6, 5), -0.1), q_kw, site, usable, homes, supply)
    assert found[ROOT] == pytest.approx([-0.1, -0.1, -0.3, -0.05, 0.4])
    lowest = market.corrected(
        np.full((6, 5), -0.1 - OVER), np.full((6, 5), -9.0), site, usable, homes, supply
    )
    assert lowest[ROOT] == pytest.approx(np.full(5, -0.1 - OVER))


def test_between_import_and_export_price_only_the_premium_of_the_root_moves():
    """Wherever the root stands in the tree: half a kW of export lowers its premium, and is room enough for the place below it."""
    tree = places(["feeder", "t1"], [Level.FEEDER, Level.TRANSFORMER], [-1, 0])
    supply = SupplyOffer(np.array([BUY]), np.array([SELL]), np.zeros(1))
    high = np.full((2, 1), 4.0)
    usable = Bounds(-high, high, np.zeros((2, 1)), np.full(2, OVER))
    site = Topology(tree, np.ones(1, np.int64))
    market = Layered(learning_per_kwh=0.1, reserve_share=0.0)
    found = market.corrected(
        np.zeros((2, 1)), np.full((2, 1), -0.5), site, usable, np.ones(2), supply
    )
    assert found[:, 0] == pytest.approx([-0.05, 0.0])


def plan_of(market, opening, answer, state=None):
    """Drive a plan with homes that answer by `answer(price (n, h))`; return it, what was said, and the traffic."""
    said = []

    def ask(message):
        said.append(message)
        quotes = message.quotes if isinstance(message, Costed) else message
        return Plans(opening.product, opening.party, answer(quotes.buy_per_kwh))

    driven = drive(market.plan(opening, state), ask, MessageCount())
    return driven.result, said, driven.traffic


def test_a_round_quotes_a_path_to_each_home_and_learns_from_the_plans_for_the_next():
    """Two homes at a transformer of 2 kW plan 2 kW each: 2 too much, for two homes, at .01: .01 more in the next path."""
    market = Layered(rounds=3, learning_per_kwh=0.01, reserve_share=0.0)
    opening = world([T1, T1], (0.1, 0.3), caps=[(T1, 2.0)])
    plan, said, traffic = plan_of(market, opening, lambda price: np.tile([2.0, 0.5], (2, 1)))
    assert all(isinstance(quotes, Quotes) for quotes in said)
    paths = [quotes.buy_per_kwh[0] for quotes in said]
    assert paths[0] == pytest.approx([0.10, 0.30])
    assert paths[1] == pytest.approx([0.11, 0.30])
    assert paths[2] == pytest.approx([0.12, 0.30])
    assert np.array_equal(
        plan.price_per_kwh, said[-1].buy_per_kwh
    )  # homes plan on what they heard last
    assert plan.state.value_per_kwh[T1] == pytest.approx(
        [0.03, 0.0]
    )  # and the next opening begins one step further
    assert not plan.state.value_per_kwh[[T2, T3, Z1, Z2, ROOT]].any()
    assert plan.commitments == ()
    assert traffic.messages == 3 * (2 + 2 + 6 + 6)
    assert traffic.rounds == 3


def test_what_is_taken_as_planned_is_the_mean_of_the_later_half_of_the_rounds():
    turns = iter([1.0, 2.0, 3.0, 5.0])
    plan, _, _ = plan_of(
        Layered(rounds=4), world([T1], (0.1, 0.1)), lambda price: np.full((1, 2), next(turns))
    )
    assert plan.p_kw == pytest.approx(np.full((1, 2), 4.0))
    turns = iter([1.0, 2.0, 3.0])
    plan, _, _ = plan_of(
        Layered(rounds=3), world([T1], (0.1, 0.1)), lambda price: np.full((1, 2), next(turns))
    )
    assert plan.p_kw == pytest.approx(np.full((1, 2), 2.5))


def test_other_customers_count_in_the_plans_of_a_place():
    market = Layered(learning_per_kwh=0.01, reserve_share=0.0)
    opening = world([T1], (0.1, 0.1), caps=[(T1, 2.0)], others=[(T1, 1.5)])
    plan, _, _ = plan_of(market, opening, lambda price: np.ones((1, 2)))
    assert plan.state.value_per_kwh[T1] == pytest.approx([0.005, 0.005])


# ------------------------------------------------------------------------------- midnight


def car(kwh: float, kw: float, hours: int):
    ends = {"end_x": (0.0, kwh), "end_mu": (5.0, 5.0)}
    return stores([0.0], np.ones(hours), p_max_kw=kw, x_max=kwh, **ends)


def agreed(market, opening, *cars):
    n = len(opening.party)
    believed = Believed(
        np.zeros((n, len(opening.supply.import_per_kwh))),
        cars,
        tuple(np.array([i]) for i in range(n)),
        np.ones(n, bool),
    )
    return drive(market.plan(opening, None), HomeAgents(believed).answer, MessageCount())


def test_two_cars_behind_one_transformer_share_its_hours_and_another_does_not_notice():
    """4 kW for two cars of 4 kWh: the price of the transformer makes both cheap hours equal; elsewhere cost is the price."""
    opening = world([T1, T1, T3], (0.10, 0.12, 0.50), caps=[(T1, 4.0)], binds=True)
    market = Layered(reserve_share=0.0, gap=1e-9)
    driven = agreed(market, opening, *(car(4.0, 4.0, 3) for _ in range(3)))
    plan = driven.result
    assert plan.p_kw[:2].sum(0) == pytest.approx([4.0, 4.0, 0.0], abs=1e-6)
    assert plan.p_kw[2] == pytest.approx([4.0, 0.0, 0.0], abs=1e-6)
    assert plan.price_per_kwh[0, 0] == pytest.approx(plan.price_per_kwh[0, 1], abs=1e-6)
    assert plan.price_per_kwh[2] == pytest.approx([0.10, 0.12, 0.50], abs=1e-9)
    assert 0 <= plan.gap_share <= 1e-9
    (bound,) = plan.commitments
    assert (bound.product, bound.hours) == (opening.product, 24)
    assert np.array_equal(bound.p_kw, plan.p_kw)
    assert bound.premium_per_kwh == pytest.approx(
        plan.price_per_kwh - opening.supply.import_per_kwh
    )


def test_where_nothing_binds_one_round_proves_the_plan_and_nobody_hears_of_it_again():
    opening = world([T1, T3], (0.10, 0.12), binds=True)
    driven = agreed(FREE, opening, car(1.0, 4.0, 2), car(1.0, 4.0, 2))
    assert driven.result.price_per_kwh == pytest.approx(np.tile([0.10, 0.12], (2, 1)))
    assert driven.traffic.rounds == 1
    assert driven.traffic.messages == 2 * (2 + 6)


def test_a_search_that_takes_rounds_ends_with_a_word_to_all():
    opening = world([T1, T1], (0.10, 0.12, 0.50), caps=[(T1, 4.0)], binds=True)
    driven = agreed(FREE, opening, car(4.0, 4.0, 3), car(4.0, 4.0, 3))
    rounds = driven.traffic.rounds - 1
    assert rounds > 1
    relayed_rows = 1  # the zone hands up the row of the transformer
    assert driven.traffic.messages == rounds * (2 + 2 + 6 + relayed_rows + 6) + 8


def test_energy_is_bound_as_even_power_for_the_run_at_first_and_for_each_day():
    market = Layered(reserve_share=0.0, energy_products=True)
    opening = world([T1], (0.10, 0.12), binds=True)
    long, short, ahead = agreed(market, opening, car(3.0, 2.0, 2)).result.commitments
    assert [row.product.horizon for row in (long, short, ahead)] == [
        Horizon.LONG_TERM,
        Horizon.SHORT_TERM,
        Horizon.DAY_AHEAD,
    ]
    assert [row.product.commodity for row in (long, short, ahead)] == [
        Commodity.E,
        Commodity.E,
        Commodity.P,
    ]
    assert [row.hours for row in (long, short, ahead)] == [RUN_H, 24, 24]
    assert long.p_kw == pytest.approx(np.array([[1.5]])) and short.p_kw == pytest.approx(
        np.array([[1.5]])
    )
    assert ahead.p_kw == pytest.approx(np.array([[2.0, 1.0]]))
    assert not long.premium_per_kwh.any() and not short.premium_per_kwh.any()


def test_only_the_first_plan_binds_energy_of_the_run_and_only_midnight_that_of_the_day():
    market, opening = Layered(energy_products=True), world([T1], (0.10, 0.12))

    def answer(price):
        return np.ones((1, 2))

    first, _, _ = plan_of(market, opening, answer)
    assert [row.product.horizon for row in first.commitments] == [Horizon.LONG_TERM]
    later, _, _ = plan_of(market, opening, answer, first.state)
    assert later.commitments == ()


def test_the_rules_follow_the_keys():
    assert Layered().rules.commits == (Horizon.DAY_AHEAD,)
    assert Layered().rules.commodities == (Commodity.P, Commodity.Q)
    assert Layered(reactive=False).rules.commodities == (Commodity.P,)
    rules = Layered(energy_products=True).rules
    assert rules.commits == (Horizon.LONG_TERM, Horizon.SHORT_TERM, Horizon.DAY_AHEAD)
    assert rules.commodities == (Commodity.P, Commodity.E, Commodity.Q)


@pytest.mark.parametrize(
    ("verb", "hours", "binds", "answer", "what"),
    [
        ("clear", 1, False, None, "no tenders"),
        ("plan", 2, False, None, "no plans"),
        ("plan", 2, True, None, "no plans"),
        ("plan", 2, True, Plans(None, np.zeros(1), np.zeros((1, 2))), "no costs of plans"),
    ],
)
def test_parties_that_do_not_say_what_is_asked_are_refused(verb, hours, binds, answer, what):
    session = getattr(FREE, verb)(world([T1], (0.1,) * hours, binds=binds), None)
    next(session)
    with pytest.raises(
        InputError, match=f"market.layered: got {what}, expected a strategy that looks ahead"
    ):
        session.send(answer)


def test_a_limit_above_a_gigawatt_is_that_of_its_homes():
    """A million homes may take two of them: no fixed number stands for more than anybody takes."""
    assert find_reach_kw(100) == 1e6
    assert find_reach_kw(10**6) == 1e8
