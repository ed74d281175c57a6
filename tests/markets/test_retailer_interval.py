"""The retailer in one interval and between rounds, by hand: who pays what, how prices move, what is remembered and told."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.exchange import HEADER, NUMBER_BYTES, Plans, Status, tender
from gridagora.core.limits import limit_substation
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    Baseline,
    MessageCount,
    Opening,
    PeerMessages,
    PricePath,
    SupplyOffer,
    drive,
)
from gridagora.kernels.curves.curve import curves
from gridagora.markets.retailer import (
    Path,
    Retailer,
    RetailState,
    correct_path,
    count_messages,
    find_leaders,
    retail_per_kwh,
    start_path,
)
from gridagora.mechanisms.retail.game import Demand
from gridagora.mechanisms.retail.protocol import GameResult
from gridagora.settlement.tariff import Tariff

BUY, SELL, OVER, OUTSIDE = 0.20, 0.10, 1.0, 0.40
FREE = Retailer(reserve_share=0.0)


def wants(kw: float, price: float):
    return ([0.0, kw], [price, price])


def gives(kw: float, price: float):
    return ([-kw, 0.0], [price, price])


def opening(leads, *, hours=1, limit_kw=np.inf, base_kw=0.0, start_s=0) -> Opening:
    product = Product(Commodity.P, start_s, 300 if hours == 1 else 3600, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.full(hours, BUY), np.full(hours, SELL), np.full(hours, base_kw))
    roles = None if leads is None else np.asarray(leads, bool)
    n = 2 if leads is None else len(leads)
    return Opening(
        product,
        np.arange(n),
        supply,
        is_prosumer=roles,
        limits=limit_substation(n, supply.base_kw, limit_kw, OVER),
    )


def remembered(retail=None, path=None) -> RetailState:
    outside = np.full(48, OUTSIDE)
    if retail is not None:
        retail = np.atleast_1d(np.asarray(retail, float))
        path = PricePath(0, np.stack([np.zeros_like(retail), retail, np.ones_like(retail)]))
    return RetailState(Tariff(0, 3600, outside, outside), path)


def cleared(rows, leads, retail=0.30, **world):
    opened = opening(leads, **world)
    heard = tender(opened.product, opened.party, curves(rows))
    trades = drive(
        FREE.clear(opened, remembered(retail)), lambda _: heard, MessageCount()
    ).result.transactions
    return trades.price_per_kwh[:, 0].tolist(), trades.p_kw[:, 0].tolist(), trades


# ------------------------------------------------------------------------------- one interval


@pytest.mark.parametrize(
    ("users", "price", "given"),
    [
        ([(3.0, 0.50)], 0.12, -3.0),  # the panels of cost .12 serve all, and set the internal price
        ([(3.0, 0.50), (4.0, 0.31)], BUY, -5.0),  # two kW come from wholesale
        (
            [(3.0, 0.50), (4.0, 0.29)],
            0.12,
            -3.0,
        ),  # who would pay less than the retail price takes nothing
        ([(3.0, 0.30)], 0.12, -3.0),  # at just that price it takes all
    ],
)
def test_end_users_pay_the_retail_price_and_prosumers_trade_the_rest(users, price, given):
    rows = [gives(5, 0.12), *(wants(*user) for user in users)]
    prices, power, trades = cleared(rows, [True, *(False for _ in users)])
    assert prices == pytest.approx([price, *(0.30 for _ in users)])
    assert power == pytest.approx([given, *(kw if worth >= 0.30 else 0.0 for kw, worth in users)])
    assert (trades.counterparty == -1).all() and (trades.status == Status.FILLED).all()


def test_what_end_users_leave_is_sold_at_the_export_price():
    prices, power, _ = cleared([gives(5, 0.05), wants(2, 0.1)], [True, False])
    assert (prices[0], power) == (pytest.approx(SELL), [-5.0, 0.0])


def test_prosumers_buy_at_the_internal_price_not_at_the_retail_price():
    prices, power, _ = cleared([wants(2, 0.25), wants(2, 0.25)], [True, False])
    assert prices == pytest.approx([BUY, 0.30])
    assert power == [2.0, 0.0]


def test_load_that_does_not_tender_is_served_beside_end_users():
    prices, power, _ = cleared([gives(5, 0.12), wants(3, 0.5)], [True, False], base_kw=1.0)
    assert (prices[0], power) == (pytest.approx(0.12), pytest.approx([-4.0, 3.0]))


def test_a_limit_is_kept_by_prosumers_alone_for_end_users_have_their_price():
    """Import of 4 kW for 3 kW of end-users: one kW is left for two prosumers, of whom the second sets the price."""
    prices, power, _ = cleared(
        [wants(0.5, 0.9), wants(2, 0.6), wants(3, 0.5)], [True, True, False], limit_kw=4.0
    )
    assert power == pytest.approx([0.5, 0.5, 3.0])
    assert prices == pytest.approx([0.6, 0.6, 0.30])
    prices, power, _ = cleared([([0.0], [0.0]), wants(5, 0.5)], [True, False], limit_kw=4.0)
    assert (prices[0], power) == (
        pytest.approx(BUY + OVER),
        [0.0, 5.0],
    )  # beyond: wholesale asks its price


def test_a_tie_of_prosumers_is_shared():
    _, power, _ = cleared([gives(1, 0.12), gives(3, 0.12), wants(2, 0.5)], [True, True, False])
    assert power == pytest.approx([-0.5, -1.5, 2.0])


def test_the_reserve_is_kept_free():
    opened = opening([True, False], limit_kw=10.0)
    heard = tender(opened.product, opened.party, curves([wants(20, 0.9), ([0.0], [0.0])]))
    trades = drive(
        Retailer(reserve_share=0.2).clear(opened, remembered(0.3)), lambda _: heard, MessageCount()
    ).result.transactions
    assert trades.p_kw[0, 0] == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("state", "start_s", "price"),
    [
        (remembered(), 0, OUTSIDE),  # nothing agreed yet: the outside tariff
        (remembered([0.31, 0.32, np.nan]), 0, 0.31),
        (remembered([0.31, 0.32, np.nan]), 3599, 0.31),
        (remembered([0.31, 0.32, np.nan]), 3600, 0.32),
        (remembered([0.31, 0.32, np.nan]), 7200, OUTSIDE),  # an hour that was not agreed
    ],
)
def test_the_retail_price_of_an_interval_is_that_agreed_for_its_hour(state, start_s, price):
    assert retail_per_kwh(opening([True, False], start_s=start_s), state) == price


def test_everybody_leads_where_nothing_is_said_of_roles():
    assert find_leaders(opening(None)).tolist() == [True, True]
    assert find_leaders(opening([False, True])).tolist() == [False, True]
    with pytest.raises(
        InputError, match="no home with PV, battery or car that takes part, expected prosumers"
    ):
        find_leaders(opening([False, False]))


def test_the_outside_tariff_is_the_given_multiple_of_what_earns_the_cost():
    """10 $ for 100 kWh, times 1.5, for import and export alike."""
    made = Baseline(
        0, 3600, np.arange(4.0), np.array([6.0, 4.0]), np.array([40.0, 60.0]), np.zeros(2)
    )
    state = Retailer(outside_ratio=1.5).start(made)
    assert state.outside.import_per_kwh == pytest.approx([0.15] * 4)
    assert np.array_equal(state.outside.credit_per_kwh, state.outside.import_per_kwh)
    assert state.path is None


# ------------------------------------------------------------------------------- the path


def test_a_first_path_stands_at_the_import_price_and_knows_no_retail_price():
    path = start_path(opening([True, False], hours=3), remembered())
    assert path.internal_per_kwh.tolist() == [BUY] * 3
    assert np.isnan(path.retail_per_kwh).all()
    assert path.steep.tolist() == [0.0] * 3


def test_a_path_moves_on_with_time_and_the_hour_that_comes_into_sight_is_that_of_the_day_before():
    hours = 25
    rows = np.stack(
        [np.full(hours, -0.05), np.linspace(0.2, 0.44, hours), np.arange(1.0, hours + 1)]
    )
    opened = opening([True, False], hours=hours, start_s=3600)
    path = start_path(opened, remembered(path=PricePath(0, rows)))
    assert path.internal_per_kwh[:-1] == pytest.approx(np.full(24, BUY - 0.05))
    assert path.internal_per_kwh[-1] == BUY  # no premium is known there
    assert path.retail_per_kwh[:-1] == pytest.approx(rows[1, 1:])
    assert path.retail_per_kwh[-1] == pytest.approx(rows[1, 1])  # 24 hours before hour 25 is hour 1
    assert path.steep.tolist() == [*range(2, 26), 25.0]  # the steepest of the others
    short = start_path(
        opening([True, False], hours=3, start_s=3600), remembered(path=PricePath(0, rows[:, :3]))
    )
    assert short.retail_per_kwh == pytest.approx([rows[1, 1], rows[1, 2], rows[1, 2]])


def test_a_path_stays_within_what_wholesale_could_ask_beyond_a_limit():
    rows = np.array([[9.0, -9.0, 0.0], [0.3] * 3, [1.0] * 3])
    path = start_path(opening([True, False], hours=3), remembered(path=PricePath(0, rows)))
    assert path.internal_per_kwh == pytest.approx([BUY + OVER, SELL - OVER, BUY])


def moved(price, net, *, limit_kw=10.0, steep=10.0, before=None):
    hours = len(price)
    supply = SupplyOffer(np.full(hours, BUY), np.full(hours, SELL), np.zeros(hours))
    limits = limit_substation(2, supply.base_kw, limit_kw, OVER)
    path = Path(np.array(price, float), np.array(price, float), np.full(hours, steep))
    return correct_path(path, np.array(net, float), supply, limits, before)


@pytest.mark.parametrize(
    ("price", "net", "after"),
    [
        (0.15, 0.2, 0.17),  # inside the wedge nothing may cross: a fifth of a kW too much costs .02
        (0.15, -0.2, 0.13),
        (0.15, 3.0, BUY),  # but no further than wholesale asks
        (0.15, -3.0, SELL),
        (BUY, 5.0, BUY),  # at the import price any import will do
        (BUY, 0.0, BUY),
        (BUY, -0.5, 0.15),
        (SELL, -5.0, SELL),
        (SELL, 0.5, 0.15),
        (BUY, 12.0, 0.4),  # up to the limit, beyond which it rises
        (0.5, 9.0, 0.4),  # and comes back where there is room
        (0.5, 2.0, BUY),  # though not below what wholesale asks
        (BUY, 90.0, BUY + OVER),  # nor above what it asks beyond the limit
        (SELL, -12.0, -0.1),
        (0.0, -9.0, 0.1),
        (0.0, -2.0, SELL),
        (SELL, -90.0, SELL - OVER),
    ],
)
def test_the_internal_price_moves_by_what_is_out_of_place(price, net, after):
    assert moved([price], [net]).internal_per_kwh == pytest.approx([after], abs=1e-12)


@pytest.mark.parametrize(
    ("at", "net", "after"),
    [(BUY, -0.5, 0.15), (BUY, 12.0, 0.4), (SELL, 0.5, 0.15), (SELL, -12.0, -0.1)],
)
@pytest.mark.parametrize("digit", [-1e-9, 0.0, 1e-9])
def test_which_side_of_a_wholesale_price_the_last_digit_is_on_does_not_matter(
    at, net, after, digit
):
    assert moved([at + digit], [net]).internal_per_kwh == pytest.approx([after], abs=1e-12)


def test_a_secant_says_how_steeply_net_power_falls():
    """From .12 to .14 net power fell from 1 to .6: 20 kW per $/kWh, so the rest of .6 asks for .03 more."""
    found = moved([0.14], [0.6], before=(np.array([0.12]), np.array([1.0])))
    assert found.steep == pytest.approx([20.0])
    assert found.internal_per_kwh == pytest.approx([0.17])


@pytest.mark.parametrize(
    ("before", "steep"),
    [
        ((0.12, 0.65), 5.0),  # hardly fell: taken as half as steep as before, at least
        ((0.12, 0.2), 5.0),  # even rose
        ((0.14, 3.0), 10.0),  # the price did not move: nothing was learnt
        ((0.14 - 1e-8, 100.0), 1e3),  # at most a thousand times net power
    ],
)
def test_a_secant_is_believed_within_bounds(before, steep):
    found = moved([0.14], [0.6], before=tuple(np.array([each]) for each in before))
    assert found.steep == pytest.approx([steep])


def test_a_first_step_takes_all_net_power_to_answer_the_whole_price():
    assert moved([0.15], [4.0], steep=0.0).steep == pytest.approx([4.0 / BUY])
    assert moved([0.15], [0.1], steep=0.0).steep == pytest.approx([1.0 / BUY])  # one kW at least


# ------------------------------------------------------------------------------- plans without end-users


def planned(market, opened, answer, state=None):
    asked = []

    def ask(message):
        asked.append(message.buy_per_kwh)
        return Plans(message.product, message.party, answer(message.buy_per_kwh))

    return drive(
        market.plan(opened, remembered() if state is None else state), ask, MessageCount()
    ), asked


def test_prosumers_alone_are_quoted_the_internal_price_and_no_game_is_played():
    """Net export of .5 kW at .20: with a steepness of 1 kW over .20 $ the price falls by .1, to what export earns."""
    driven, asked = planned(
        Retailer(rounds=1),
        opening([True, True], hours=2),
        lambda price: np.array([[1.0, 1.0], [-1.5, 1.0]]),
    )
    plan = driven.result
    assert len(asked) == 1 and asked[0].tolist() == [[BUY, BUY]] * 2
    assert plan.price_per_kwh.tolist() == [[BUY, BUY]] * 2
    assert plan.p_kw.tolist() == [[1.0, 1.0], [-1.5, 1.0]]
    assert plan.state.path.value_per_kwh[0] == pytest.approx(
        [-0.1, 0.0]
    )  # premiums of the next hour's first path
    assert plan.commitments == ()


def test_rounds_are_quoted_one_after_the_other_and_the_later_half_counts():
    turns = iter([1.0, 2.0, 4.0, 6.0])
    driven, asked = planned(
        Retailer(rounds=4), opening([True], hours=1), lambda price: np.full((1, 1), next(turns))
    )
    assert len(asked) == 4
    assert driven.result.p_kw == pytest.approx(np.array([[5.0]]))


def test_end_users_hear_the_price_agreed_and_prosumers_the_internal_one():
    path = PricePath(0, np.array([[0.0, -0.05], [0.31, 0.32], [10.0, 10.0]]))
    state = remembered(path=path)
    driven, asked = planned(
        Retailer(), opening([True, False], hours=2), lambda price: np.zeros((2, 2)), state
    )
    assert asked[0] == pytest.approx(np.array([[BUY, BUY - 0.05], [0.31, 0.32]]))
    assert driven.result.state.path.value_per_kwh[1] == pytest.approx([0.31, 0.32])


def linear(price):
    """Prosumers take nothing, end-users 20 kW per $ below .60."""
    return np.stack([np.zeros(price.shape[1]), 20 * (0.6 - price[1])])


@pytest.mark.parametrize("outer", ["damped", "sequential", "price_signal"])
def test_end_users_are_identified_by_prices_that_are_apart_by_the_probe(outer):
    market = Retailer(outer=outer, shifting=False, probe_per_kwh=0.04, reserve_share=0.0)
    opened = opening([True, False], hours=2)
    session = market.plan(opened._replace(binds=True), remembered())
    first = next(session)
    second = session.send(Plans(opened.product, opened.party, linear(first.buy_per_kwh)))
    assert first.buy_per_kwh[1] == pytest.approx([BUY, BUY])
    assert second.buy_per_kwh[1] == pytest.approx([BUY + 0.04, BUY + 0.04])
    assert np.array_equal(first.buy_per_kwh[0], second.buy_per_kwh[0])  # prosumers hear the same


def test_a_monopoly_sells_half_of_what_end_users_would_take_at_its_cost():
    """Identified as price = .6 - q / 20, at a cost of .20: 4 of 8 kW, at .40, whatever the way offers are found."""
    market = Retailer(outer="damped", shifting=False, rounds_day_ahead=1, outside_ratio=1.0)
    opened = opening([True, False], hours=2)._replace(binds=True)
    state = remembered()._replace(outside=Tariff(0, 3600, np.full(48, 9.0), np.full(48, 9.0)))
    driven, asked = planned(market, opened, linear, state)
    assert driven.result.price_per_kwh[1] == pytest.approx([0.40, 0.40], abs=1e-4)
    assert driven.result.p_kw[1] == pytest.approx([4.0, 4.0], abs=1e-3)
    assert len(asked) == 2 + 2  # two probes, and twice in the inner iteration


def test_nobody_pays_more_than_outside():
    market = Retailer(outer="damped", shifting=False, rounds_day_ahead=1)
    opened = opening([True, False], hours=2)._replace(binds=True)
    state = remembered()._replace(outside=Tariff(0, 3600, np.full(48, 0.3), np.full(48, 0.3)))
    driven, _ = planned(market, opened, linear, state)
    assert driven.result.price_per_kwh[1] == pytest.approx([0.30, 0.30])
    assert driven.result.p_kw[1] == pytest.approx([6.0, 6.0])  # all they want there


# ------------------------------------------------------------------------------- rounds and what is told


def one_hour(choke: float, slope: float) -> Demand:
    """End-users of one hour: price = choke - slope x power."""
    square = np.array([[slope]])
    return Demand(np.array([choke]), square, np.linalg.inv(square))


def finished(session):
    """Run a generator that needs no answers; return what it said and its result."""
    said = []
    while True:
        try:
            said.append(next(session))
        except StopIteration as end:
            return said, end.value


@pytest.mark.parametrize(
    ("market", "count", "total"),
    [
        (
            Retailer(outer="damped", conduct="price_taking"),
            3,
            8.0,
        ),  # price .20: all that is wanted there
        (Retailer(outer="damped"), 1, 4.0),  # a monopoly: half of it
        (Retailer(outer="damped"), 3, 6.0),  # n / (n + 1)
        (Retailer(outer="sequential"), 3, 6.0),
    ],
)
def test_offers_are_the_closed_form_of_cournot(market, count, total):
    """p = 1.0 - .1 q and a cost of .2: n sellers offer n / (n + 1) of 8 kW."""
    path = Path(np.array([0.2]), np.array([0.5]), np.ones(1))
    said, offered_kw = finished(market.offered(one_hour(1.0, 0.1), path, count))
    assert offered_kw == pytest.approx([total], rel=2e-4)
    (message,) = said
    rounds = message.rounds
    assert (rounds == 1) == (market.conduct == "price_taking")
    assert message == PeerMessages(
        2 * count * rounds, 2 * count * rounds * (HEADER.size + 16), rounds, count * rounds
    )


def test_what_a_game_made_parties_say_is_terms_once_and_prices_and_offers_in_every_round():
    hours, count, ends = 2, 3, 5
    nothing = np.zeros(hours)
    columns = dict.fromkeys(GameResult._fields, nothing)
    played = GameResult(**{**columns, "rounds": 4, "inner_rounds": 7, "retail_per_kwh": nothing})
    known = 3 + 5 * hours  # a triangle of the response, and five rows of prices and powers
    # each message names its party; an answer of end-users repeats the price
    outer, inner = (1 + 5 * hours) + (1 + 2 * hours), (1 + hours) + (1 + 2 * hours)
    numbers = count * (1 + known) + 12 * outer + 35 * inner
    messages = count + 24 + 70
    said = count_messages(played, count, ends)
    assert said == PeerMessages(
        messages,
        messages * HEADER.size + numbers * NUMBER_BYTES,
        11,
        12 * 2 * hours + 35 * hours,
    )
