"""Peers driven by hand: two or three homes whose trades, prices, charges and rests with the supplier are closed forms."""

import numpy as np
import pytest

from gridagora.core.exchange import HEADER, NETWORK, NUMBER_BYTES, Plans, Quotes, Status, tender
from gridagora.core.place import Level, places
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    GateOpen,
    MessageCount,
    Opening,
    PeerMessages,
    PricePath,
    SupplyOffer,
    Topology,
    drive,
)
from gridagora.kernels.coordination.consensus import party_of_end
from gridagora.kernels.curves.curve import curves
from gridagora.markets.peer import Peer, PeerState
from gridagora.mechanisms.peer_deal import (
    cost_per_h,
    count_posting,
    has_green_surplus,
    sum_traffic,
)

BUY, SELL = 0.15, 0.05
NEAR = {"abs": 2e-3}  # partners stop within .1 W and a thousandth of a cent
TREE = places(
    ["t1", "t2", "t3", "z1", "z2", "feeder"],
    [Level.TRANSFORMER] * 3 + [Level.ZONE] * 2 + [Level.FEEDER],
    [3, 3, 4, 5, 5, -1],
)

# worth .14 - .01 t to the one and cost .06 + .01 t to the other: they meet at 4 kW and .10 $/kWh
BUYER = ([0.0, 10.0], [0.14, 0.04])
SELLER = ([-10.0, 0.0], [0.16, 0.06])


def opening(place, *, hours=1, binds=False, buy=BUY, sell=SELL, party=None) -> Opening:
    product = Product(Commodity.P, 0, 300 if hours == 1 else 3600, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.full(hours, buy), np.full(hours, sell), np.zeros(hours))
    parties = np.arange(len(place)) if party is None else np.asarray(party)
    return Opening(product, parties, supply, Topology(TREE, np.asarray(place)), binds=binds)


def cleared(market, opened, rows):
    heard = tender(opened.product, opened.party, curves(rows))
    return drive(market.clear(opened, None), lambda _: heard, MessageCount(), private=True)


def between(found) -> tuple[list[float], list[float]]:
    """Return power and price of the trades between homes, charges left out."""
    rows = found.local.counterparty != NETWORK
    return found.local.p_kw[rows, 0].tolist(), found.local.price_per_kwh[rows, 0].tolist()


# ------------------------------------------------------------------------------- one interval


def test_two_partners_trade_where_their_lines_cross():
    found = cleared(Peer(graph="complete"), opening([0, 0], party=[7, 4]), [BUYER, SELLER]).result
    local, awards = found.local, found.transactions
    assert local.party.tolist() == [7] and local.counterparty.tolist() == [4]
    assert local.p_kw[0, 0] == pytest.approx(4.0, **NEAR)
    assert local.price_per_kwh[0, 0] == pytest.approx(0.10, **NEAR)
    assert awards.party.tolist() == [7, 4] and awards.counterparty.tolist() == [-1, -1]
    assert awards.p_kw[:, 0] == pytest.approx([4.0, -4.0], **NEAR)
    assert awards.price_per_kwh[:, 0] == pytest.approx([0.10, 0.10], **NEAR)
    assert (awards.status == Status.FILLED).all() and (local.status == Status.FILLED).all()


@pytest.mark.parametrize(
    ("keys", "place", "traded"),
    [
        ({"network_fee": "none", "fee_per_kwh": 0.02}, [0, 2], 4.0),
        ({"network_fee": "uniform", "fee_per_kwh": 0.02}, [0, 0], 3.0),
        ({"network_fee": "distance", "fee_per_kwh": 0.02}, [0, 0], 3.0),  # one transformer
        (
            {"network_fee": "distance", "fee_per_kwh": 0.01},
            [0, 1],
            2.5,
        ),  # up to the zone and down: three places
        ({"network_fee": "distance", "fee_per_kwh": 0.004}, [0, 2], 3.0),  # five places
        ({"network_fee": "zonal", "fee_per_kwh": 0.02}, [0, 1], 4.0),  # within a zone
        ({"network_fee": "zonal", "fee_per_kwh": 0.02}, [0, 2], 3.0),
    ],
)
def test_a_network_charge_is_a_wedge_between_the_two_lines(keys, place, traded):
    """.14 - .01 t less half a charge is .06 + .01 t and the other half: t = (.08 - charge) / .02, at .10 in the middle."""
    driven = cleared(Peer(graph="complete", **keys), opening(place), [BUYER, SELLER])
    p_kw, price = between(driven.result)
    assert p_kw == pytest.approx([traded], **NEAR)
    assert price == pytest.approx([0.10], **NEAR)


def test_both_ends_owe_half_of_the_charge_for_what_they_move():
    market = Peer(graph="complete", network_fee="uniform", fee_per_kwh=0.02)
    found = cleared(market, opening([0, 0], party=[7, 4]), [BUYER, SELLER]).result
    owed = found.local.counterparty == NETWORK
    assert sorted(found.local.party[owed].tolist()) == [4, 7]
    assert found.local.p_kw[owed, 0] == pytest.approx(
        [3.0, 3.0], **NEAR
    )  # a quantity, whichever way it goes
    assert found.local.price_per_kwh[owed, 0].tolist() == [0.01, 0.01]
    assert not (
        cleared(Peer(graph="complete"), opening([0, 0]), [BUYER, SELLER]).result.local.counterparty
        == NETWORK
    ).any()


def test_what_a_home_pays_is_its_trades_its_charges_and_the_supplier():
    market = Peer(graph="complete", network_fee="uniform", fee_per_kwh=0.02)
    rows = [
        ([5.0], [0.0]),
        ([-3.0], [0.0]),
    ]  # a fixed load and fixed sun: 3 kW meet, 2 come from the supplier
    opened = opening([0, 0])
    deal = market.deal(opened, curves(rows))
    assert deal.supplier_kw == pytest.approx([2.0, 0.0], **NEAR)
    price = float(deal.price_per_kwh[deal.trade_kw > 0][0])
    assert SELL <= price <= BUY
    assert cost_per_h(opened, deal) == pytest.approx(
        [3 * price + 0.03 + 2 * BUY, -3 * price + 0.03], **NEAR
    )


def test_sun_beyond_what_partners_take_earns_the_credit_whoever_hands_it_on():
    """At a price of the credit a buyer may take more and hand it on to the supplier: nobody is the better or worse for it."""
    opened = opening([0, 0])
    rows = [([1.0], [0.0]), ([-3.0], [0.0])]
    found = cleared(Peer(graph="complete"), opened, rows).result
    assert between(found)[0][0] >= 1.0 - 2e-3
    assert found.transactions.p_kw[:, 0] == pytest.approx([1.0, -3.0])
    assert found.transactions.price_per_kwh[:, 0] == pytest.approx([SELL, SELL], **NEAR)
    deal = Peer(graph="complete").deal(opened, curves(rows))
    assert deal.supplier_kw.sum() == pytest.approx(-2.0, **NEAR)
    assert cost_per_h(opened, deal) == pytest.approx([SELL, -3 * SELL], **NEAR)


def test_a_dear_charge_leaves_everybody_with_the_supplier():
    market = Peer(graph="complete", network_fee="uniform", fee_per_kwh=0.11)
    found = cleared(market, opening([0, 0]), [([5.0], [0.0]), ([-3.0], [0.0])]).result
    assert sum(between(found)[0]) == pytest.approx(0.0, **NEAR)
    assert found.transactions.p_kw[:, 0] == pytest.approx([5.0, -3.0])


@pytest.mark.parametrize(
    ("row", "taken", "worth"),
    [
        (([0.0, 4.0], [0.30, 0.0]), 2.0, BUY),  # imports where its line is at .15
        (([-4.0, 0.0], [0.30, 0.0]), -4.0 / 6, SELL),  # exports where its line is at .05
        (([-1.0, 1.0], [0.20, 0.0]), 0.0, 0.10),  # neither: it covers itself, at a worth of its own
    ],
)
@pytest.mark.parametrize("homes", [1, 2])
def test_who_finds_nobody_to_trade_with_does_as_with_the_supplier_alone(row, taken, worth, homes):
    """One home alone, or two alike of which neither would sell above what the other pays."""
    driven = cleared(Peer(graph="complete"), opening([0] * homes), [row] * homes)
    found = driven.result
    assert found.transactions.p_kw[:, 0] == pytest.approx([taken] * homes, **NEAR)
    assert found.transactions.price_per_kwh[:, 0] == pytest.approx([worth] * homes, **NEAR)
    assert sum(between(found)[0]) == pytest.approx(0.0, **NEAR)


def test_a_session_opens_the_gate_and_then_tells_what_was_said():
    opened = opening([0, 0])
    session = Peer(graph="complete").clear(opened, None)
    assert next(session) == GateOpen(opened.product)
    said = session.send(tender(opened.product, opened.party, curves([BUYER, SELLER])))
    assert isinstance(said, PeerMessages)
    assert said.rounds > 0 and said.messages > 2 * said.rounds


def test_partners_of_a_file_alone_hear_each_other():
    """Three in a chain: the end trades with the middle only, which hands it on."""
    opened = opening([0, 0, 0])
    chain = opened._replace(site=opened.site._replace(partners=np.array([[0, 1], [1, 2]])))
    found = cleared(Peer(graph="file"), chain, [BUYER, ([0.0], [0.0]), SELLER]).result
    pairs = set(zip(found.local.party.tolist(), found.local.counterparty.tolist(), strict=True))
    assert pairs == {(0, 1), (1, 2)}
    assert between(found)[0] == pytest.approx([4.0, 4.0], **NEAR)


# ------------------------------------------------------------------------------- pools


def test_a_pool_has_one_price_and_its_manager_keeps_nothing():
    """Two buyers as above and one seller of the sum: each buys what it would at .10667."""
    rows = [BUYER, BUYER, ([-10.0, 0.0], [0.16, 0.06])]
    opened = opening([0, 1, 2], party=[7, 4, 9])
    found = cleared(Peer(community=True), opened, rows).result
    # .14 - .01 t = .06 + .01 (2 t): t = 8/3
    assert found.transactions.p_kw[:, 0] == pytest.approx([8 / 3, 8 / 3, -16 / 3], abs=5e-3)
    assert (
        found.local.price_per_kwh.max()
        == found.local.price_per_kwh.min()
        == pytest.approx(0.14 - 0.08 / 3, **NEAR)
    )
    manager = 3  # the first number after the homes
    assert sorted(found.local.party.tolist()) == [manager, 4, 7]
    bought = found.local.p_kw[found.local.party != manager].sum()
    assert bought == pytest.approx(found.local.p_kw[found.local.party == manager].sum(), abs=1e-9)


def test_homes_of_a_pool_pay_their_charge_and_the_manager_none():
    market = Peer(community=True, network_fee="uniform", fee_per_kwh=0.02)
    found = cleared(market, opening([0, 1]), [BUYER, SELLER]).result
    owed = found.local.counterparty == NETWORK
    assert found.local.party[owed].tolist() == [0, 1]
    assert found.local.price_per_kwh[owed, 0] == pytest.approx([0.01, 0.01])
    assert found.local.p_kw[owed, 0] == pytest.approx([3.0, 3.0], abs=5e-3)


def test_pools_of_zones_do_not_trade_with_each_other():
    found = cleared(Peer(community=True, graph="zone"), opening([0, 2]), [BUYER, SELLER]).result
    assert len(found.local.party) == 0
    # the buyer takes nothing at .15, the seller gives nothing at .05
    assert found.transactions.p_kw[:, 0] == pytest.approx([0.0, 0.0], **NEAR)


# ------------------------------------------------------------------------------- the look-ahead


def ahead(market, opened, dear_kw, cheap_kw, state=None):
    """Drive a plan; homes take `dear_kw` at the first prices quoted and `cheap_kw` at the second."""
    asked = []

    def answer(message):
        assert isinstance(message, Quotes)
        asked.append(message)
        return Plans(
            message.product,
            message.party,
            np.array(dear_kw if len(asked) == 1 else cheap_kw, float),
        )

    return drive(market.plan(opened, state), answer, MessageCount(), private=True), asked


def test_a_home_alone_plans_on_the_price_of_the_side_that_it_stands_on():
    """It imports in the first hour whatever the price, exports in the second, and in the third could cover itself."""
    opened = opening([0], hours=3, binds=True)
    driven, asked = ahead(Peer(), opened, [[1.0, -3.0, -1.0]], [[3.0, -2.0, 1.0]])
    assert asked[0].buy_per_kwh.tolist() == [[BUY] * 3] and asked[1].buy_per_kwh.tolist() == [
        [SELL] * 3
    ]
    plan = driven.result
    assert plan.price_per_kwh == pytest.approx(np.array([[BUY, SELL, 0.10]]), abs=1e-9)
    assert plan.p_kw == pytest.approx(np.array([[1.0, -2.0, 0.0]]), abs=1e-9)
    assert plan.commitments == () and plan.credit_per_kwh is None
    # what is remembered is the place between both forecasts; the hour after the window is as its last, for want of a day
    assert plan.state.path.start_s == 0
    assert plan.state.path.value_per_kwh == pytest.approx(
        np.array([[1.0, 0.0, 0.5, 0.5]]), abs=1e-9
    )


def test_a_home_that_takes_less_where_it_is_cheaper_is_a_fixed_power_of_the_mean():
    opened = opening([0], hours=2, binds=True)
    driven, _ = ahead(Peer(), opened, [[3.0, -1.0]], [[1.0, -3.0]])
    assert driven.result.p_kw == pytest.approx(np.array([[2.0, -2.0]]), abs=1e-9)
    assert driven.result.price_per_kwh == pytest.approx(np.array([[BUY, SELL]]), abs=1e-9)


def test_where_export_earns_what_import_costs_the_place_between_is_the_upper():
    opened = opening([0], hours=2, binds=True)
    even = opened.supply._replace(export_per_kwh=np.array([SELL, BUY]))
    driven, _ = ahead(Peer(), opened._replace(supply=even), [[1.0, -1.0]], [[1.0, -1.0]])
    assert (driven.result.state.path.value_per_kwh == 1.0).all()
    assert (driven.result.price_per_kwh == BUY).all()


def test_where_no_trade_can_pay_homes_plan_on_the_two_prices_of_the_supplier_and_are_asked_nothing():
    opened = opening([0, 0], hours=2, binds=True)
    supply = opened.supply._replace(delivery_per_kwh=BUY - SELL)
    driven, asked = ahead(
        Peer(), opened._replace(supply=supply), [[0.0, 1.0]] * 2, [[5.0, 1.0]] * 2
    )
    assert asked == []
    np.testing.assert_array_equal(driven.result.price_per_kwh, supply.import_per_kwh)
    np.testing.assert_array_equal(driven.result.credit_per_kwh, supply.export_per_kwh)
    assert driven.traffic.messages == 2


def test_partners_find_what_an_hour_will_be_worth_to_both():
    """Lines from 0 to 5 kW and from -5 to 0 between .15 and .05 meet in the middle; in the other hour nothing is offered."""
    opened = opening([0, 0], hours=2, binds=True)
    driven, _ = ahead(
        Peer(graph="complete"), opened, [[0.0, 1.0], [-5.0, 1.0]], [[5.0, 1.0], [0.0, 1.0]]
    )
    assert driven.result.price_per_kwh[:, 0] == pytest.approx([0.10, 0.10], **NEAR)
    assert driven.result.price_per_kwh[:, 1].tolist() == [BUY, BUY]
    assert driven.result.p_kw[:, 0] == pytest.approx([2.5, -2.5], abs=5e-3)


def test_in_other_hours_a_home_keeps_its_place_and_hears_the_forecast_alone():
    """A window of 25 hours: the hour that comes into sight is like that of the day before."""
    opened = opening([0, 0], hours=25)
    share = np.linspace(0, 1, 26)
    path = PeerState(PricePath(-3600, np.stack([share, share[::-1]])), None)
    driven, asked = ahead(Peer(), opened, None, None, path)
    assert asked == []
    kept = np.stack([share, share[::-1]])[:, 1:]
    assert driven.result.price_per_kwh == pytest.approx(SELL + kept * (BUY - SELL))
    assert driven.result.p_kw is None
    assert driven.result.state.path.value_per_kwh[:, :-1] == pytest.approx(kept)
    assert driven.result.state.path.value_per_kwh[:, -1] == pytest.approx(
        kept[:, 1]
    )  # hour 25 of the window is hour 1 of it
    assert driven.traffic == MessageCount(2, 2 * (HEADER.size + NUMBER_BYTES * 51), 1, 0)


def test_local_energy_is_worth_more_to_all():
    opened = opening([0], hours=1, binds=True)
    _, asked = ahead(Peer(local_per_kwh=0.03), opened, [[1.0]], [[1.0]])
    assert asked[0].buy_per_kwh[0, 0] == pytest.approx(BUY + 0.03)


def test_talks_side_by_side_last_as_long_as_the_longest():
    assert sum_traffic([PeerMessages(3, 30, 5, 7), PeerMessages(2, 20, 9, 1)]) == PeerMessages(
        5, 50, 9, 8
    )


def test_a_posted_forecast_is_one_message_to_each_home_with_both_prices_of_every_hour():
    assert count_posting(opening([0, 0, 0], hours=4)) == PeerMessages(
        3, 3 * (HEADER.size + NUMBER_BYTES * 9), 1, 0
    )


def test_nobody_has_sun_to_spare_where_no_preference_asks():
    assert not has_green_surplus(Topology(TREE, np.zeros(2, np.int64)), np.array([-5.0, 1.0])).any()


@pytest.mark.parametrize(
    ("keys", "place", "pairs"),
    [
        ({"graph": "complete"}, [0, 1, 2], {(0, 1), (0, 2), (1, 2)}),
        (
            {"graph": "nearest", "neighbours": 8},
            [0, 1, 2],
            {(0, 1), (0, 2), (1, 2)},
        ),  # too few to choose among
        (
            {"graph": "nearest", "neighbours": 1, "far": 0},
            [0, 0, 2, 2],
            {(0, 1), (1, 2), (2, 3)},
        ),  # clusters are joined
        (
            {"graph": "zone"},
            [0, 1, 2],
            {(0, 1), (0, 2), (1, 2)},
        ),  # two of the first zone, each with the one of the next
        (
            {"graph": "zone"},
            [0, 0, 1, 2, 2],
            {(0, 1), (0, 2), (1, 2), (3, 4), (0, 3), (1, 4), (2, 3)},
        ),
    ],
)
def test_who_may_trade_with_whom(keys, place, pairs):
    graph = Peer(**keys).partners(Topology(TREE, np.asarray(place)))
    ends = zip(party_of_end(graph).tolist(), graph.peer.tolist(), strict=True)
    assert {tuple(sorted(pair)) for pair in ends} == pairs
