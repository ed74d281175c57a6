"""The auction driven by hand: what a book of two homes agrees, what each is settled at, and what crossed."""

import numpy as np
import pytest

from gridagora.core.exchange import HEADER, NUMBER_BYTES, Status, tender
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    GateOpen,
    MessageCount,
    Opening,
    PeerMessages,
    Posted,
    SupplyOffer,
    drive,
)
from gridagora.kernels.curves.curve import curves
from gridagora.markets.auction import (
    Auction,
    AuctionTrades,
    count_messages,
    list_trades,
    match_orders,
    settle_homes,
)

LOW, HIGH = 0.05, 0.15


def opening(party, low=LOW, high=HIGH, start_s=0) -> Opening:
    product = Product(Commodity.P, start_s, 300, Horizon.REAL_TIME, 0)
    return Opening(
        product, np.asarray(party), SupplyOffer(np.array([high]), np.array([low]), np.zeros(1))
    )


def offered(opened, rows):
    return tender(opened.product, opened.party, curves(rows))


def agreed(buyer, seller, p_kw, price, net_kw) -> AuctionTrades:
    rows = np.asarray(buyer), np.asarray(seller), np.asarray(p_kw, float), np.asarray(price, float)
    return AuctionTrades(*rows, np.zeros(len(buyer), np.int64), np.asarray(net_kw, float), 5, 3)


# ------------------------------------------------------------------------------- settlement of known trades


def test_a_home_is_settled_at_the_mean_of_its_trades_and_of_its_rest():
    """Home 7 takes 3 kW, two from home 3 at .10 and .12, one at the import price; home 3 gives 5, three at the credit."""
    opened = opening([7, 3])
    traded = agreed([7, 7], [3, 3], [1.0, 1.0], [0.10, 0.12], [2.0, -2.0])
    found = settle_homes(opened, offered(opened, [([3.0], [0.0]), ([-5.0], [0.0])]), traded)
    assert found.party.tolist() == [7, 3] and found.counterparty.tolist() == [-1, -1]
    assert found.p_kw[:, 0] == pytest.approx([3.0, -5.0])
    assert found.price_per_kwh[:, 0] == pytest.approx(
        [(0.10 + 0.12 + HIGH) / 3, (0.10 + 0.12 + 3 * LOW) / 5]
    )
    assert (found.status == Status.FILLED).all()


def test_what_a_home_bought_and_sold_again_weighs_alike_in_its_price():
    """Home 1 buys 2 kW at .08 and sells 1 of them at .12, and keeps the other."""
    opened = opening([0, 1, 2])
    traded = agreed([1, 2], [0, 1], [2.0, 1.0], [0.08, 0.12], [-2.0, 1.0, 1.0])
    found = settle_homes(
        opened, offered(opened, [([-2.0], [0.0]), ([1.0], [0.0]), ([1.0], [0.0])]), traded
    )
    assert found.p_kw[:, 0] == pytest.approx([-2.0, 1.0, 1.0])
    assert found.price_per_kwh[:, 0] == pytest.approx([0.08, (2 * 0.08 + 0.12) / 3, 0.12])


@pytest.mark.parametrize(
    ("row", "net_kw", "taken", "price"),
    [
        (([0.0, 4.0], [0.30, 0.0]), 0.0, 2.0, HIGH),  # imports what its line wants at .15
        (([0.0, 4.0], [0.30, 0.0]), 1.0, 2.0, (0.10 + HIGH) / 2),  # and less by what it bought
        (
            ([0.0, 4.0], [0.30, 0.0]),
            3.0,
            3.0,
            0.10,
        ),  # bought more than that, wanted it at .10: it keeps it
        (
            ([0.0, 4.0], [0.30, 0.0]),
            4.0,
            10 / 3,
            (4 * 0.10 + 2 / 3 * LOW) / (4 + 2 / 3),
        ),  # sells what is worth below .05
        (([-4.0, 0.0], [0.30, 0.0]), 0.0, -2 / 3, LOW),
        (([1.0], [0.0]), 0.0, 1.0, HIGH),
        (([-1.0], [0.0]), 0.0, -1.0, LOW),
        (([0.0], [0.0]), 0.0, 0.0, HIGH),  # neither takes nor gives: it hears the import price
    ],
)
def test_the_rest_of_a_home_is_what_its_curve_wants_at_the_suppliers_price(
    row, net_kw, taken, price
):
    opened = opening([0, 1])
    sides = ([0], [1]) if net_kw else ([], [])
    size = [net_kw] if net_kw else []
    traded = agreed(
        *(np.array(side, np.int64) for side in sides), size, [0.10] * len(size), [net_kw, -net_kw]
    )
    found = settle_homes(opened, offered(opened, [row, ([-net_kw], [0.0])]), traded)
    assert found.p_kw[0, 0] == pytest.approx(taken)
    assert found.price_per_kwh[0, 0] == pytest.approx(price)


def test_a_trade_is_a_row_of_the_buyer_with_the_seller_as_counterparty():
    traded = agreed([7, 2], [3, 7], [1.0, 0.5], [0.10, 0.12], [0.5, 0, 0])
    rows = list_trades(opening([2, 3, 7]), traded)
    assert rows.party.tolist() == [7, 2] and rows.counterparty.tolist() == [3, 7]
    assert rows.p_kw[:, 0].tolist() == [1.0, 0.5] and rows.price_per_kwh[:, 0].tolist() == [
        0.10,
        0.12,
    ]


def test_an_order_is_one_message_a_trade_two_and_only_orders_tell_of_a_home():
    size = HEADER.size + 5 * NUMBER_BYTES
    assert count_messages(agreed([1, 1], [0, 0], [1, 1], [0.1, 0.1], [0, 0])) == PeerMessages(
        5 + 4, 9 * size, 3, 10
    )


# ------------------------------------------------------------------------------- sessions


def test_a_session_opens_the_gate_tells_what_was_said_and_settles():
    opened = opening([4, 9])
    session = Auction().clear(opened, None)
    assert next(session) == GateOpen(opened.product)
    said = session.send(offered(opened, [([2.0], [0.0]), ([-2.0], [0.0])]))
    assert isinstance(said, PeerMessages)
    with pytest.raises(StopIteration) as end:
        session.send(None)
    clearing = end.value.value
    assert set(clearing.local.party.tolist()) == {4} and set(
        clearing.local.counterparty.tolist()
    ) == {9}
    assert clearing.local.p_kw.sum() == pytest.approx(2.0)
    assert clearing.transactions.p_kw[:, 0] == pytest.approx([2.0, -2.0])


@pytest.mark.parametrize("block_kw", [0.25, 1.0, 5.0])
def test_no_trade_is_larger_than_a_block(block_kw):
    """A load of 2 kW and sun of 2 kW find each other whatever the blocks, in as many trades as they need."""
    opened = opening([0, 1])
    found = match_orders(
        Auction(block_kw=block_kw), opened, offered(opened, [([2.0], [0.0]), ([-2.0], [0.0])])
    )
    assert found.p_kw.max() <= block_kw + 1e-9
    assert found.p_kw.sum() == pytest.approx(2.0)
    assert len(found.p_kw) >= 2.0 / block_kw


def test_one_turn_is_one_order_for_each_home():
    opened = opening([0, 1, 2])
    found = match_orders(
        Auction(turns=1, block_kw=1.0),
        opened,
        offered(opened, [([2.0], [0.0]), ([-2.0], [0.0]), ([2.0], [0.0])]),
    )
    assert found.orders <= 3 and found.turns == 1
    assert found.p_kw.sum() <= 1.0 + 1e-9
    assert (found.turn == 0).all()


def test_prices_stand_on_ticks_between_credit_and_import_price():
    opened = opening([0, 1])
    rows = [([0.0, 14.0], [0.14, 0.0]), ([-14.0, 0.0], [0.20, 0.06])]
    found = match_orders(Auction(ticks=10), opened, offered(opened, rows))
    steps = (found.price_per_kwh - LOW) / (HIGH - LOW) * 10
    assert len(steps) > 0
    assert steps == pytest.approx(np.rint(steps), abs=1e-9)
    assert found.net_kw == pytest.approx([-found.net_kw[1], found.net_kw[1]])


def test_who_draws_blindly_among_two_ticks_names_the_middle():
    """Neither end of the window is drawn, where nobody could gain: of two steps of price one price is left."""
    opened = opening([0, 1, 2, 3])
    market = Auction(trader="zero_intelligence", ticks=2)
    found = match_orders(market, opened, offered(opened, [([2.0], [0.0]), ([-2.0], [0.0])] * 2))
    assert found.p_kw.sum() == pytest.approx(4.0)
    assert found.price_per_kwh == pytest.approx(np.full(len(found.p_kw), (LOW + HIGH) / 2))


@pytest.mark.parametrize("trader", ["look_ahead", "zero_intelligence"])
def test_homes_that_want_the_same_side_do_not_trade(trader):
    opened = opening([0, 1, 2])
    found = match_orders(Auction(trader=trader), opened, offered(opened, [([2.0], [0.0])] * 3))
    assert len(found.p_kw) == 0
    assert not found.net_kw.any()


@pytest.mark.parametrize(
    ("party", "low", "high", "ticks"),
    [
        ([0], LOW, HIGH, 1000),
        ([0, 1], HIGH, HIGH, 1000),
        ([0, 1], HIGH, LOW, 1000),
        ([0, 1], 1e9, 1e9 + 1e-4, 1000),
    ],
)
def test_without_a_window_of_distinct_prices_or_a_second_home_nothing_is_posted(
    party, low, high, ticks
):
    opened = opening(party, low, high)
    rows = [([2.0], [0.0]), ([-2.0], [0.0])][: len(party)]
    found = match_orders(Auction(ticks=ticks), opened, offered(opened, rows))
    assert (len(found.p_kw), found.orders, found.turns) == (0, 0, 0)
    assert found.net_kw.tolist() == [0.0] * len(party)


def test_homes_plan_on_the_import_price_for_what_they_sell_too():
    product = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD, 0)
    opened = Opening(
        product, np.arange(2), SupplyOffer(np.array([0.2, 0.3]), np.array([0.1, 0.1]), np.zeros(2))
    )
    session = Auction().plan(opened, None)
    assert isinstance(next(session), Posted)
    driven = drive(
        Auction().plan(opened, None), lambda _: pytest.fail("nobody is asked"), MessageCount()
    )
    assert driven.result.price_per_kwh.tolist() == [0.2, 0.3]
    assert driven.result.credit_per_kwh is None
    assert driven.traffic.messages == 2
    assert Auction().start(None) is None
