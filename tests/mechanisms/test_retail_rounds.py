"""Rounds of the retail game step by step on two hours: what is broadcast, answered, heard and dropped, in closed form."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.kernels.stores.value import stores
from gridagora.mechanisms.price_grid import GRID_PER_KWH
from gridagora.mechanisms.retail import clearing
from gridagora.mechanisms.retail.certificate import _below_tariff_usd
from gridagora.mechanisms.retail.clearing import (
    GameParameters,
    imported_kw,
    outside_usd,
    retail_per_kwh,
    solve_prices,
)
from gridagora.mechanisms.retail.demand import alternate_signs, identify_end_users, make_probes
from gridagora.mechanisms.retail.game import (
    aggregate_followers,
    best_offer_kw,
    is_diagonal,
    iterate_sequential,
    iterate_simultaneous,
    make_demand,
    offer_at_kw,
    price_signal,
    solve_boxed,
    solve_cournot,
    solve_nonnegative,
    stiffness,
    surplus_usd,
    taken_kw,
    tatonnement,
    welfare_share,
)
from gridagora.mechanisms.retail.protocol import (
    GRID_KW,
    Broadcast,
    PrivateState,
    ProsumerOffer,
    StoppingRule,
    answer_prices,
    drop_silent,
    is_converged,
    make_broadcast,
    make_community,
    make_idle_state,
    make_offers,
    off_kw,
    open_protocol,
    publish_terms,
    receive_offers,
    run_protocol,
    settle_result,
    settle_state,
)

BUY, SELL = np.array([0.3, 0.2]), np.array([0.1, 0.1])
# price = .6 - .05 q in the first hour and .5 - .1 q in the second
USERS = make_demand(np.array([0.6, 0.5]), np.diag([20.0, 10.0]))


def game(made=((4.0, 0.0), (0.0, 0.0)), *, own_share=1.0, **more):
    """Return two prosumers without devices who make so much."""
    return make_community(USERS, np.array(made), (), (), BUY, SELL, own_share, **more)


# ------------------------------------------------------------------------------- end-users


def test_demand_and_price_are_each_others_inverse_and_surplus_is_the_triangle():
    taken = taken_kw(USERS, np.array([0.4, 0.3]))
    assert taken == pytest.approx([4.0, 2.0])
    assert surplus_usd(USERS, taken) == pytest.approx((0.2 * 4 + 0.2 * 2) / 2)
    assert stiffness(USERS) == pytest.approx(20.0)
    assert is_diagonal(USERS.slope) and not is_diagonal(np.array([[1.0, 0.1], [0.1, 1.0]]))


def test_offers_and_price_of_cournot_with_two_costs():
    """Costs of .1 and .2 in the first hour: price (.6 + .3) / 3 = .3, offers 20 (.3 - c) = 4 and 2."""
    cost = np.array([[0.1, 0.2], [0.2, 0.2]])
    found = solve_cournot(USERS, cost)
    assert found.price_per_kwh == pytest.approx([0.3, 0.3])
    assert found.offer_kw == pytest.approx(np.array([[4.0, 1.0], [2.0, 1.0]]))
    # at that price nobody would offer anything else, and each is the best answer to the other
    assert offer_at_kw(USERS, found.price_per_kwh, cost) == pytest.approx(found.offer_kw)
    assert best_offer_kw(USERS, found.offer_kw[::-1], cost) == pytest.approx(found.offer_kw)
    for rounds in (
        iterate_sequential(USERS, cost, np.zeros((2, 2))),
        iterate_simultaneous(USERS, cost, np.zeros((2, 2)), 0.9),
    ):
        last = [next(rounds) for _ in range(60)][-1]
        assert last.offer_kw == pytest.approx(found.offer_kw, abs=1e-6)
        assert last.price_per_kwh == pytest.approx(found.price_per_kwh, abs=1e-6)
    signal = price_signal(USERS, cost)
    assert [next(signal) for _ in range(8)][-1].price_per_kwh == pytest.approx([0.3, 0.3], abs=1e-9)


def test_a_price_signal_of_equal_costs_needs_one_price():
    """Demand and offers are lines between cost and choke price: the first secant is the answer."""
    cost = np.tile([0.15, 0.2], (2, 1))
    first = next(price_signal(USERS, cost))
    assert first.price_per_kwh == pytest.approx(solve_cournot(USERS, cost).price_per_kwh, abs=1e-12)
    assert first.offer_kw == pytest.approx(solve_cournot(USERS, cost).offer_kw, abs=1e-9)


def test_who_is_too_dear_offers_nothing_and_the_other_is_a_monopoly():
    cost = np.array([[0.1, 0.1], [0.9, 0.9]])
    with pytest.raises(PartError, match="prosumer 1, hour 0: too dear to offer"):
        solve_cournot(USERS, cost)
    rounds = iterate_sequential(USERS, cost, np.zeros((2, 2)))
    assert [next(rounds) for _ in range(3)][-1].offer_kw == pytest.approx(
        np.array([[5.0, 2.0], [0.0, 0.0]])
    )
    free = best_offer_kw(USERS, np.array([[5.0, 2.0]]), np.array([[0.9, 0.9]]), held=False)
    assert free == pytest.approx(
        np.array([[10 * (0.35 - 0.9), 5 * (0.3 - 0.9)]])
    )  # a linear answer goes below nothing


@pytest.mark.parametrize(("n", "share"), [(1, 0.75), (2, 8 / 9), (9, 0.99)])
def test_the_share_of_welfare_that_n_reach(n, share):
    assert welfare_share(n) == pytest.approx(share)


def test_a_price_that_follows_excess_demand_comes_to_rest_where_offers_are_absorbed():
    prices = tatonnement(USERS, np.array([4.0, 2.0]), np.zeros(2), 0.05)
    assert next(prices).tolist() == [0.0, 0.0]
    assert next(prices) == pytest.approx([0.05 * 8, 0.05 * 3])
    assert [next(prices) for _ in range(60)][-1] == pytest.approx([0.4, 0.3])


def test_a_quadratic_in_a_box_stands_at_its_bounds_or_where_it_is_flat():
    square = np.array([[2.0, 1.0], [1.0, 2.0]])
    low, high = np.zeros(2), np.full(2, 1.0)
    assert solve_boxed(square, np.array([-1.0, -1.0]), low, high) == pytest.approx([1 / 3, 1 / 3])
    assert solve_boxed(square, np.array([-9.0, 0.0]), low, high) == pytest.approx([1.0, 0.0])
    assert solve_boxed(square, np.array([-2.0, 1.0]), low, high) == pytest.approx([1.0, 0.0])
    # held at nothing in the second, the first is best alone: 1/2, not the 1 of both free
    gain = np.array([[1.0, -1.0], [1.0, 1.0]])
    assert solve_nonnegative(square, np.linalg.inv(square), gain) == pytest.approx(
        np.array([[0.5, 0.0], [1 / 3, 1 / 3]])
    )


def test_who_cannot_sell_above_cost_in_any_hour_gains_nothing_by_offers():
    """No hour is left to offer in: the best margin is none, with hours that depend on each other and without."""
    none, mu, top = np.zeros(0), np.array([0.3, 0.4]), np.array([0.5, 0.5])
    assert solve_boxed(np.zeros((0, 0)), none, none, none).shape == (0,)
    for own in (np.array([[0.1, 0.05]]), np.array([[[0.1, 0.02], [0.02, 0.05]]])):
        users = aggregate_followers(np.array([[0.2, 0.25]]), own)
        assert _below_tariff_usd(users, users.choke_per_kwh, mu, top) == 0.0


def test_probes_are_the_base_one_up_in_all_hours_and_one_by_turns():
    base, turns = np.array([0.3, 0.4, 0.5]), np.array([1, -1, 1])
    assert np.array_equal(alternate_signs(3), turns)
    assert make_probes(base, 0.1) == pytest.approx(np.array([base, base + 0.1, base + 0.1 * turns]))
    assert make_probes(base, 0.1, shifting=False) == pytest.approx(np.array([base, base + 0.1]))


@pytest.mark.parametrize("shifting", [True, False])
def test_linear_end_users_are_identified_exactly(shifting):
    """Two of them; where they shift, each by b and g of R = diag(b) - g b b'."""
    b, g = (
        np.array([[20.0, 10.0, 5.0], [4.0, 8.0, 6.0]]),
        np.array([0.01, 0.02]) if shifting else np.zeros(2),
    )
    choke = np.array([[0.6, 0.5, 0.7], [0.8, 0.6, 0.5]])
    each = [np.diag(row) - share * np.outer(row, row) for row, share in zip(b, g, strict=True)]
    prices = make_probes(np.array([0.3, 0.3, 0.3]), 0.02, shifting=shifting)
    taken = np.array(
        [[r @ (a - price) for r, a in zip(each, choke, strict=True)] for price in prices]
    )
    found = identify_end_users(taken, prices, 1e-9)
    assert found.response == pytest.approx(each[0] + each[1], abs=1e-6)
    assert taken_kw(found, np.full(3, 0.25)) == pytest.approx(
        sum(r @ (a - 0.25) for r, a in zip(each, choke, strict=True)), abs=1e-6
    )


def test_end_users_who_do_not_answer_are_taken_to_answer_a_little():
    """Of 4 kW at .3 with an elasticity of .02: .2667 kW per $/kWh."""
    taken = np.full((2, 1, 2), 4.0)
    found = identify_end_users(taken, make_probes(np.full(2, 0.3), 0.02, shifting=False), 0.02)
    assert found.response == pytest.approx(np.diag([0.02 * 4 / 0.3] * 2))


# ------------------------------------------------------------------------------- inside a round


@pytest.mark.parametrize(
    ("sellers", "own_share", "tariff", "price"),
    [
        (2, 1.0, np.inf, [(0.2 + 0.3) / 1.5, (0.2 + 0.25) / 1.5]),  # (mu + o a) / (1 + o), o = 1/2
        (1, 1.0, np.inf, [0.4, 0.35]),
        (2, 0.0, np.inf, [0.2, 0.2]),  # who takes the price as given sells at the internal one
        (2, 1.0, 0.31, [0.31, 0.30]),
    ],
)
def test_the_retail_price_at_an_internal_price(sellers, own_share, tariff, price):
    c = GameParameters(USERS, BUY, SELL, 2, 1, own_share, tariff)
    assert retail_per_kwh(c, np.full(2, 0.2), sellers) == pytest.approx(price)


@pytest.mark.parametrize(
    ("short", "internal", "net", "still"),
    [
        (5.0, 0.3, 5.0, False),  # at the import price all that is short comes in
        (5.0, 0.2, 4.0, False),  # a price .1 below, at .1 a kW: one kW of it is left
        (0.5, 0.2, 0.0, True),  # neither bought nor sold between both prices
        (-5.0, 0.1, -5.0, False),
        (9.0, 0.3, 6.0, True),  # the limit, up to where it pays to break it
        (9.0, 0.6, 9.0 + 3.0 - 5.0, False),  # .5 $ dearer beyond it
        (-9.0, 0.1, -6.0, True),
        (-12.0, 0.1, -12.0 + 5.0, False),
    ],
)
def test_net_import_is_bought_or_sold_up_to_the_limit_and_beyond_it_for_its_price(
    short, internal, net, still
):
    c = GameParameters(
        USERS, np.full(2, 0.3), np.full(2, 0.1), 2, 1, limit_kw=6.0, over_per_kwh=0.5
    )
    found, stands = imported_kw(c, np.array([short, short]), np.full(2, internal), np.full(2, 0.1))
    assert found == pytest.approx([net, net])
    assert stands.tolist() == [still, still]


def test_what_other_customers_take_is_bought_too_and_counts_for_the_limit():
    c = GameParameters(
        USERS, np.full(2, 0.3), np.full(2, 0.1), 2, 1, limit_kw=6.0, over_per_kwh=0.5, base_kw=2.0
    )
    found, _ = imported_kw(c, np.array([3.0, 5.0]), np.full(2, 0.3), np.full(2, 0.1))
    assert found == pytest.approx([3.0, 4.0])
    assert outside_usd(c, np.array([3.0, 6.0])) == pytest.approx(0.3 * (5 + 8) + 0.5 * 2)
    assert outside_usd(c, np.array([-3.0, -9.0])) == pytest.approx(-0.1 * (1 + 7) + 0.5 * 1)


def test_prices_of_a_round_agree_with_what_is_made_and_bought():
    """Nobody makes anything: all is bought, inside at the import price, retail a third of the way from it to the choke price."""
    c = GameParameters(USERS, BUY, SELL, 2, 1)
    found = solve_prices(c, np.zeros(2), BUY, np.full(2, 0.1), 2)
    retail = (BUY + 0.5 * USERS.choke_per_kwh) / 1.5
    assert found.retail_per_kwh == pytest.approx(retail)
    assert found.taken_kw == pytest.approx(taken_kw(USERS, retail))
    assert found.wholesale_kw == pytest.approx(found.taken_kw)
    assert found.internal_per_kwh == pytest.approx(BUY)
    assert found.margin_per_kwh == pytest.approx(retail - BUY)


# ------------------------------------------------------------------------------- the protocol


def test_a_session_opens_between_the_wholesale_prices_with_nothing_offered():
    c, rule = publish_terms(game()), StoppingRule()
    board = open_protocol(c, rule, None)
    mid = np.array([0.2, 0.15])
    assert board.inside.internal_per_kwh == pytest.approx(mid)
    assert board.inside.retail_per_kwh == pytest.approx((mid + 0.5 * USERS.choke_per_kwh) / 1.5)
    assert board.inside.margin_per_kwh == pytest.approx(board.inside.retail_per_kwh - mid)
    assert not board.offered_kw.any() and not board.made_kw.any() and board.sellers == 2
    assert board.pull_per_kwh_kw == pytest.approx(
        np.full(2, 0.3 * 2 * 0.075)
    )  # times the mean slope of an hour
    asked = make_broadcast(c, board)
    assert asked.internal_per_kwh == pytest.approx(mid)
    assert not asked.part_kw.any()


def test_what_is_short_moves_the_internal_price_that_is_broadcast():
    c, rule = publish_terms(game()), StoppingRule()
    begun = open_protocol(c, rule, None)
    inside = begun.inside._replace(taken_kw=np.array([6.0, 2.0]), wholesale_kw=np.array([1.0, 2.0]))
    board = begun._replace(
        inside=inside, relaxed_kw=np.array([4.0, 1.0]), pull_per_kwh_kw=np.array([0.1, 0.2])
    )
    asked = make_broadcast(c, board)
    assert asked.internal_per_kwh - begun.inside.internal_per_kwh == pytest.approx(
        [0.1 * 1.0, 0.2 * -1.0]
    )
    assert asked.part_kw == pytest.approx([3.0, 1.0])


def test_a_prosumer_offers_what_is_best_at_the_margin_and_its_part_at_the_outside_tariff():
    c = game(tariff_per_kwh=np.array([np.inf, 0.4]))
    asked = Broadcast(
        np.array([0.4, 0.4]),
        np.array([0.15, -0.3]),
        np.array([0.25, 0.7]),
        np.array([9.0, 3.0]),
        np.ones(2),
    )
    assert answer_prices(c, asked, make_idle_state(c)).offer_kw == pytest.approx(
        np.array([[3.0, 3.0], [3.0, 3.0]])
    )
    dear = asked._replace(margin_per_kwh=np.array([-0.1, 0.0]))
    assert answer_prices(c, dear, make_idle_state(c)).offer_kw[:, 0].tolist() == [0.0, 0.0]
    taking = game(own_share=0.0)
    assert answer_prices(taking, asked, make_idle_state(taking)).offer_kw == pytest.approx(
        np.array([[9.0, 3.0]] * 2)
    )


def test_devices_stay_near_their_last_answer_by_the_pull():
    """A store without worth or loss, of quadratic cost .1 p^2 / 2: the price -.2 alone would make it take 2 kW."""
    pack = stores([50.0], np.ones(2), p_min_kw=-9.0, p_max_kw=9.0, x_max=100.0, prox=0.1)
    c = make_community(USERS, np.zeros((2, 2)), (pack,), (np.array([1]),), BUY, SELL)
    asked = Broadcast(np.ones(2), np.zeros(2), np.full(2, -0.2), np.zeros(2), np.full(2, 0.1))
    held = PrivateState(np.zeros((2, 2)), (np.array([[1.0, 4.0]]),))
    assert answer_prices(c, asked, held).device_kw[0] == pytest.approx(
        np.array([[1.5, 3.0]])
    )  # half of the way, with equal weights
    told = make_offers(c, held)
    assert told.made_kw.tolist() == [
        [0.0, 0.0],
        [-1.0, -4.0],
    ]  # what a device takes its owner makes less
    assert publish_terms(c).store_count == 1 and publish_terms(c).prosumer_count == 2


def test_who_does_not_answer_is_counted_out():
    heard = ProsumerOffer(
        np.array([[1.0, 2.0], [np.nan, np.nan]]), np.array([[3.0, 4.0], [np.nan, np.nan]])
    )
    kept = drop_silent(heard, np.array([False, True]))
    assert kept.offer_kw.tolist() == [[1.0, 2.0], [0.0, 0.0]] and kept.made_kw.tolist() == [
        [3.0, 4.0],
        [0.0, 0.0],
    ]
    board = receive_offers(
        open_protocol(publish_terms(game()), StoppingRule(), None),
        kept,
        np.array([False, True]),
        StoppingRule(),
    )
    assert board.sellers == 1
    assert board.offered_kw.tolist() == [1.0, 2.0] and board.made_kw.tolist() == [3.0, 4.0]
    assert board.relaxed_kw.tolist() == [3.0, 4.0]  # nothing to go beyond in the first round


def test_after_the_first_round_prices_answer_to_more_than_was_made():
    begun = open_protocol(publish_terms(game()), StoppingRule(), None)
    inside = begun.inside._replace(taken_kw=np.array([6.0, 2.0]), wholesale_kw=np.array([1.0, 0.0]))
    heard = ProsumerOffer(np.ones((2, 2)), np.full((2, 2), 3.0))
    board = receive_offers(
        begun._replace(inside=inside, rounds=1),
        heard,
        np.zeros(2, bool),
        StoppingRule(relaxed_ratio=1.5),
    )
    assert board.relaxed_kw == pytest.approx([1.5 * 6 - 0.5 * 5, 1.5 * 6 - 0.5 * 2])
    assert off_kw(board) == pytest.approx(4.0)  # of offers 6 - 2, of needs 2 - 6
    assert not is_converged(board, StoppingRule())


def test_two_prosumers_without_devices_end_at_the_closed_form():
    """One has 4 kW of sun in the first hour, just what both sell at the import price: inside it is worth that in both hours."""
    result, held = run_protocol(game())
    expected = solve_cournot(USERS, np.tile(BUY, (2, 1)))
    assert result.converged
    assert result.internal_per_kwh == pytest.approx(BUY, abs=1e-6)
    assert result.retail_per_kwh == pytest.approx(expected.price_per_kwh, abs=1e-6)
    assert result.offer_kw == pytest.approx(expected.offer_kw, abs=1e-5)
    needed = taken_kw(USERS, result.retail_per_kwh) - result.made_kw.sum(0)
    assert result.wholesale_kw == pytest.approx(needed, abs=1e-5)
    assert len(result.silent_party) == 0 and held.offer_kw.shape == (2, 2)


def test_what_rounding_left_in_a_session_is_not_handed_on():
    """Two ends of a session that differ by a thousandth of the grid are one for the next, and pulls begin anew."""
    c = game(made=((4.003, 0.001), (0.002, 0.0)), tariff_per_kwh=np.array([0.4, 0.29]))
    terms = publish_terms(c)
    ended, held = run_protocol(c)
    # a quarter of the grid beyond its points: a thousandth of it more or less passes no half
    ended = ended._replace(
        internal_per_kwh=np.array([100.25, 200_000.25]) * GRID_PER_KWH,
        retail_per_kwh=np.array([300_000.25, 250_000.25]) * GRID_PER_KWH,
        offer_kw=(np.rint(ended.offer_kw / GRID_KW) + 0.25) * GRID_KW,
        made_kw=(np.rint(ended.made_kw / GRID_KW) + 0.25) * GRID_KW,
    )
    near = ended._replace(
        internal_per_kwh=ended.internal_per_kwh + 1e-3 * GRID_PER_KWH,
        retail_per_kwh=ended.retail_per_kwh - 1e-3 * GRID_PER_KWH,
        offer_kw=ended.offer_kw - 1e-3 * GRID_KW,
        made_kw=ended.made_kw + 1e-3 * GRID_KW,
        wholesale_kw=ended.wholesale_kw * (1.0 + 1e-12),
        pull_per_kwh_kw=7.0 * ended.pull_per_kwh_kw,
    )
    boards = [
        open_protocol(terms, StoppingRule(), settle_result(terms, each)) for each in (ended, near)
    ]
    for one, other in zip(boards[0].inside, boards[1].inside, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(boards[0].made_kw, boards[1].made_kw)
    assert np.array_equal(boards[0].pull_per_kwh_kw, boards[1].pull_per_kwh_kw)
    assert settle_result(terms, ended).made_kw == pytest.approx(ended.made_kw, abs=GRID_KW / 2)
    drawn = PrivateState(held.offer_kw, (np.array([[0.3, 1.26]]),))
    assert settle_state(drawn).device_kw[0] == pytest.approx(np.array([[0.3, 1.26]]), abs=GRID_KW)


def test_a_price_that_near_a_bound_is_that_bound_and_none_is_above_the_outside_tariff():
    tariff = np.array([0.4, 0.29])
    c = game(tariff_per_kwh=tariff)
    terms, (ended, _) = publish_terms(c), run_protocol(c)
    digit = 0.4 * GRID_PER_KWH
    at_bounds = ended._replace(
        internal_per_kwh=np.array([BUY[0] - digit, SELL[1] + digit]),
        retail_per_kwh=np.array([tariff[0] - digit, tariff[1]]),
    )
    settled = settle_result(terms, at_bounds)
    assert settled.internal_per_kwh.tolist() == [BUY[0], SELL[1]]
    assert settled.retail_per_kwh.tolist() == tariff.tolist()
    free = settle_result(terms, ended)
    assert (free.retail_per_kwh <= tariff).all()
    assert free.internal_per_kwh == pytest.approx(ended.internal_per_kwh, abs=GRID_PER_KWH)


def test_where_nobody_answers_the_session_ends_without_agreement():
    result, _ = run_protocol(game(), quiet={0: 1, 1: 1})
    assert not result.converged
    assert result.silent_party.tolist() == [0, 1]
    assert result.rounds == 0


def test_rounds_that_are_spent_are_said():
    result, _ = run_protocol(game(), StoppingRule(most_rounds=2))
    assert result.rounds == 2 and not result.converged


@pytest.mark.parametrize(
    ("world", "says"),
    [
        ({"made": np.zeros((0, 2))}, "nobody has PV, a battery or a car"),
        ({"made": np.zeros((2, 3))}, "prosumers plan 3 hours"),
        ({"limit_kw": 0.0}, "a limit above nil"),
        ({"over_per_kwh": -1.0}, "a price of nil or more"),
        ({"tariff_per_kwh": np.nan}, "outside tariff, limit and its price: expected numbers"),
    ],
)
def test_a_community_that_cannot_be_is_refused(world, says):
    with pytest.raises(PartError, match=says):
        game(**world)


def test_wholesale_that_pays_more_than_it_asks_is_refused_by_its_hour():
    with pytest.raises(PartError, match=r"hour 1: wholesale pays 0.5 \$/kWh and asks 0.2"):
        make_community(USERS, np.zeros((1, 2)), (), (), BUY, np.array([0.1, 0.5]))


@pytest.mark.parametrize("owner", [[0, 2], [-1, 0], [0]])
def test_every_device_has_one_prosumer_that_exists(owner):
    packs = stores([1.0, 1.0], np.ones(2))
    with pytest.raises(PartError, match="owners of 2 devices: expected one prosumer of 2 for each"):
        make_community(USERS, np.zeros((2, 2)), (packs,), (np.array(owner),), BUY, SELL)
    make_community(USERS, np.zeros((2, 2)), (packs,), (np.array([0, 1]),), BUY, SELL)


def test_a_session_ends_by_these_tolerances_unless_told():
    rule = StoppingRule()
    assert (rule.tolerance_share, rule.tolerance_per_kwh, rule.inner_per_kwh) == (1e-7, 1e-9, 1e-11)
    assert (rule.most_rounds, rule.most_inner_rounds, rule.balanced_rounds) == (500, 50, 100)
    assert (rule.device_ratio, rule.relaxed_ratio, rule.most_pull_ratio) == (0.3, 1.3, 1e4)


def test_devices_are_of_prosumers_that_exist_and_plan_hours():
    pack = stores([1.0], np.ones(2))
    with pytest.raises(PartError, match="owners of 1 devices: expected one prosumer of 2 for each"):
        make_community(USERS, np.zeros((2, 2)), (pack,), (np.array([2]),), BUY, SELL)
    short = stores([1.0], np.full(2, 0.5))
    with pytest.raises(PartError, match="expected 2 steps of one hour"):
        make_community(USERS, np.zeros((2, 2)), (short,), (np.array([0]),), BUY, SELL)


def test_prices_that_double_precision_cannot_tell_apart_are_refused(monkeypatch):
    """Where no step comes close, not even with softer pulls, the sentence says how uneven the day is."""
    monkeypatch.setattr(clearing, "_close", lambda *_: False)
    c = GameParameters(USERS, BUY, SELL, 2, 1)
    with pytest.raises(
        PartError, match=r"differs by direction by a factor of 2e\+00, .* too uneven"
    ):
        solve_prices(c, np.zeros(2), BUY, np.full(2, 0.1), 2)
