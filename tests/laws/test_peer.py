"""Laws of trade between homes: nobody loses by it, money and energy balance, and only partners hear an offer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.core.exchange import WIRES, Status, count_bytes, count_messages, take, tender
from gridagora.core.place import Level, places
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    MessageCount,
    Opening,
    PeerMessages,
    Preference,
    SupplyOffer,
    Topology,
    drive,
)
from gridagora.kernels.coordination.consensus import find_components, make_links, party_of_end
from gridagora.kernels.curves.curve import Curves, clear, curves, power_at
from gridagora.markets.peer import Peer
from gridagora.mechanisms import trade_graph as graphs
from gridagora.mechanisms.peer_deal import cost_per_h, count_offers, list_owed, list_trades
from gridagora.mechanisms.peer_messages import OFFER_BYTES, REPORT_BYTES
from gridagora.settlement.ledger import book, paid_uusd

BUY, SELL, DELIVERY = 0.15, 0.05, 0.04
DESIGNS = {
    "nearest": Peer(neighbours=4),
    "complete": Peer(graph="complete"),
    "zone": Peer(graph="zone"),
    "pool": Peer(community=True),
    "pools": Peer(graph="zone", community=True),
    "uniform": Peer(network_fee="uniform", fee_per_kwh=0.02, graph="complete"),
    "distance": Peer(network_fee="distance", fee_per_kwh=0.004, neighbours=4),
    "zonal": Peer(network_fee="zonal", fee_per_kwh=0.03, graph="complete"),
    "pool with a fee": Peer(network_fee="uniform", fee_per_kwh=0.02, community=True),
}
EVERY = pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)


def site(n: int, transformers: int = 6) -> Topology:
    """Homes in turn at transformers of two zones."""
    levels = [Level.TRANSFORMER] * transformers + [Level.ZONE] * 2 + [Level.FEEDER]
    parent = np.concatenate(
        [
            transformers + np.arange(transformers) * 2 // transformers,
            np.full(2, transformers + 2),
            [-1],
        ]
    )
    tree = places([str(i) for i in range(len(levels))], levels, parent)
    return Topology(tree, np.arange(n) % transformers)


def call(n: int, buy: float = BUY, sell: float = SELL) -> Opening:
    product = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.array([buy]), np.array([sell]), np.zeros(1))
    return Opening(product, np.arange(n), supply, site(n))


def drawn(seed: int, n: int) -> Curves:
    """Homes of which some would export: polylines with blocks, gaps and slopes around no power."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        k = int(rng.integers(2, 7))
        price = -np.sort(-rng.choice([*rng.uniform(-0.05, 0.4, k), BUY, SELL], k))
        rows.append((np.sort(rng.uniform(-4, 3, k)), price))
    return curves(rows)


def value_per_h(table: Curves, p_kw: np.ndarray) -> np.ndarray:
    """What power is worth to each home, up to a constant: the area under its own curve."""
    total = np.empty(len(p_kw))
    for i in range(len(p_kw)):
        p, price = (
            c[table.offset[i] : table.offset[i + 1]] for c in (table.p_kw, table.price_per_kwh)
        )
        inside = np.clip(p, None, p_kw[i])
        at_end = np.interp(inside, p, price) if np.all(np.diff(p) > 0) else price
        keep = np.maximum(np.searchsorted(p, p_kw[i], side="left"), 1)
        total[i] = np.trapezoid(at_end[: keep + 1], inside[: keep + 1])
    return total


def alone(table: Curves, opened: Opening) -> tuple[np.ndarray, np.ndarray]:
    """Power and cost of every home that trades with the supplier only."""
    dear, cheap = (
        power_at(table, opened.supply.import_per_kwh[0], 1.0),
        power_at(table, opened.supply.export_per_kwh[0], 1.0),
    )
    power = np.where(dear > 0, dear, np.where(cheap < 0, cheap, 0.0))
    return power, power * np.where(power > 0, BUY, SELL)


@EVERY
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_home_is_worse_off_than_with_the_supplier_alone(design, seed):
    table, opened = drawn(seed, 14), call(14)
    deal = design.deal(opened, table)
    power, cost = alone(table, opened)
    gain = (
        value_per_h(table, deal.p_kw)
        - cost_per_h(opened, deal)
        - (value_per_h(table, power) - cost)
    )
    if deal.converged:
        assert gain.min() >= -14 * 8 * design.tolerance_kw * (BUY - SELL)
    assert gain.sum() >= -1e-3


@EVERY
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_energy_and_money_balance(design, seed):
    table, opened = drawn(seed, 14), call(14)
    deal = design.deal(opened, table)
    ends = party_of_end(deal.graph)
    np.testing.assert_array_equal(deal.trade_kw, -deal.trade_kw[deal.graph.twin])
    np.testing.assert_array_equal(deal.price_per_kwh, deal.price_per_kwh[deal.graph.twin])
    bought = np.bincount(ends, deal.trade_kw, minlength=14)
    np.testing.assert_allclose(bought[:14] + deal.supplier_kw, deal.p_kw, atol=1e-9)
    np.testing.assert_allclose(bought[14:], 0.0, atol=1e-9)  # a manager keeps nothing
    assert ((deal.price_per_kwh >= SELL) & (deal.price_per_kwh <= BUY)).all()
    rest = deal.supplier_kw
    supplier = (rest.clip(min=0) * BUY + rest.clip(max=0) * SELL).sum()
    fees = (np.abs(deal.trade_kw) * deal.fee_per_kwh).sum()
    assert cost_per_h(opened, deal).sum() == pytest.approx(supplier + fees, abs=1e-9)
    assert fees >= 0


@EVERY
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.43, 1.0]))
def test_with_delivery_nobody_loses_and_the_wires_get_it_for_every_kwh_bought(design, seed, share):
    table, opened = drawn(seed, 14), call(14)
    opened = opened._replace(supply=opened.supply._replace(delivery_per_kwh=DELIVERY))
    deal = replace(design, delivery_share=share).deal(opened, table)
    due, owed = share * DELIVERY, list_owed(opened, deal)
    bought = np.bincount(party_of_end(deal.graph), deal.trade_kw.clip(min=0), minlength=14)[:14]
    by_home = np.bincount(owed.party, owed.p_kw[:, 0] * owed.price_per_kwh[:, 0], minlength=14)
    np.testing.assert_allclose(by_home, due * bought, atol=1e-12)
    assert (owed.counterparty == WIRES).all()
    assert ((deal.price_per_kwh >= SELL) & (deal.price_per_kwh <= BUY - due)).all()
    rest = deal.supplier_kw
    supplier = (rest.clip(min=0) * BUY + rest.clip(max=0) * SELL).sum()
    fees = (np.abs(deal.trade_kw) * deal.fee_per_kwh).sum()
    cost = cost_per_h(opened, deal)
    assert cost.sum() == pytest.approx(supplier + fees + due * bought.sum(), abs=1e-9)
    power, before = alone(table, opened)
    gain = value_per_h(table, deal.p_kw) - cost - (value_per_h(table, power) - before)
    if deal.converged:
        assert gain.min() >= -14 * 8 * design.tolerance_kw * (BUY - SELL)


def test_delivery_in_full_leaves_nothing_to_trade_where_export_earns_what_energy_costs():
    table, opened = drawn(3, 14), call(14)
    supply, design = opened.supply, Peer(graph="complete")
    traded = []
    for due in (0.0, 0.06, BUY - SELL):
        opened = opened._replace(supply=supply._replace(delivery_per_kwh=due))
        deal = design.deal(opened, table)
        traded.append(np.abs(deal.trade_kw).sum() / 2)
    assert traded[0] > traded[1] > traded[2] == 0
    assert deal.rounds == 0
    np.testing.assert_array_equal(deal.p_kw, alone(table, opened)[0])


def test_home_to_home_payments_settle_to_the_micro_dollar():
    table, opened = drawn(3, 14), call(14)
    deal = DESIGNS["uniform"].deal(opened, table)
    rows = list_trades(opened, deal)
    assert len(rows.party) > 3
    paid = paid_uusd(
        book(
            rows.party,
            rows.counterparty,
            "trade",
            rows.p_kw[:, 0] * rows.price_per_kwh[:, 0] / 12,
            rows.product,
        ),
        14,
    )
    assert paid.sum() == 0
    assert np.abs(paid).sum() > 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_without_charges_peers_take_what_one_market_would(seed):
    """T13 with a supplier: the same net power, whatever the graph."""
    table, opened = drawn(seed, 14), call(14)
    cleared = clear(table, 0.0, np.array([-1e3, 0, 0, 1e3]), np.array([SELL, SELL, BUY, BUY]))
    for name in ("nearest", "complete", "pool"):
        deal = replace(
            DESIGNS[name], tolerance_kw=1e-5, tolerance_per_kwh=1e-6, rounds_max=3000
        ).deal(opened, table)
        ties = np.isin(table.price_per_kwh, (BUY, SELL)).any()
        if deal.converged and not ties:
            assert deal.supplier_kw.sum() == pytest.approx(cleared.q_kw, abs=5e-3), name


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), way=st.sampled_from([-1.0, 1.0]))
def test_where_nothing_is_offered_consensus_would_trade_nothing(seed, way):
    """The short way out is a proof: all pairs at the supplier's price and no trade is an agreement."""
    table, opened = drawn(seed, 10), call(10)
    shift = np.abs(table.p_kw).max() * way
    table = table._replace(p_kw=table.p_kw + shift)
    deal = Peer().deal(opened, table)
    assert deal.rounds == 0
    start = BUY if way > 0 else SELL
    fine = Peer(graph="complete", tolerance_kw=1e-6, tolerance_per_kwh=1e-8, rounds_max=3000)
    partners = fine.partnership(opened, None)
    long = fine.bilateral(site(10), table, partners, BUY, SELL)
    assert long.converged
    gain = [value_per_h(table, each.p_kw) - cost_per_h(opened, each) for each in (deal, long)]
    np.testing.assert_allclose(*gain, atol=1e-4)
    assert (deal.worth_per_kwh[np.abs(deal.p_kw) > 0] == start).all()


def test_preference_for_partners_pays_for_more_local_trade():
    table, opened = drawn(11, 14), call(14)
    table = table._replace(
        p_kw=table.p_kw + 1.0
    )  # short of energy: what is traded here is not bought from the supplier
    plain, local = (
        Peer(graph="complete", local_per_kwh=p, network_fee="uniform", fee_per_kwh=0.11)
        for p in (0.0, 0.03)
    )
    traded = [np.abs(design.deal(opened, table).trade_kw).sum() for design in (plain, local)]
    assert traded[0] == 0
    assert traded[1] > 1


def test_a_dear_network_stops_all_trade():
    table, opened = drawn(12, 14), call(14)
    free, dear = (
        Peer(graph="complete", network_fee="uniform", fee_per_kwh=fee).deal(opened, table)
        for fee in (0.0, 0.11)
    )
    assert np.abs(free.trade_kw).sum() > 1
    assert np.abs(dear.trade_kw).sum() == 0
    np.testing.assert_array_equal(dear.p_kw, alone(table, opened)[0])


def test_order_of_homes_changes_no_bit():
    table, order = drawn(5, 8), np.random.default_rng(1).permutation(8)
    opened = call(8)._replace(site=None)
    turned = take(tender(opened.product, opened.party, table), order)
    plain = Peer().deal(opened, table)
    other = Peer().deal(opened, Curves(turned.offset, turned.p_kw, turned.price_per_kwh))
    assert plain.rounds > 0
    np.testing.assert_array_equal(plain.p_kw[order], other.p_kw)
    np.testing.assert_array_equal(plain.worth_per_kwh[order], other.worth_per_kwh)


@EVERY
def test_every_offer_is_counted_and_goes_to_a_partner(design):
    table, opened = drawn(3, 14), call(14)
    deal = design.deal(opened, table)
    said = count_offers(deal, 14)
    assert deal.rounds > 0
    offers = deal.rounds * len(deal.graph.peer)
    checks = 0 if design.community else -(-deal.rounds // 5)
    assert said.messages == offers + 14 + 2 * 14 * checks
    assert said.rounds == deal.rounds + 2 * checks
    assert said.bytes == offers * OFFER_BYTES + (14 + 2 * 14 * checks) * REPORT_BYTES
    assert (
        count_bytes(take(list_trades(opened, deal), [0])) - 8 == OFFER_BYTES
    )  # as a transaction, without its status
    driven = drive(
        design.clear(opened, None),
        lambda _: tender(opened.product, opened.party, table),
        MessageCount(),
        private=True,
    )
    assert driven.traffic.messages == said.messages + count_messages(driven.result.transactions)
    assert driven.traffic.disclosed == said.disclosed  # curves stay at home
    heard = np.bincount(party_of_end(deal.graph), minlength=14)[:14]
    if not design.community:
        assert said.disclosed == 2 * (deal.rounds * heard.sum() + 14 * checks)


def test_spent_rounds_are_said_and_the_rest_stays_with_the_supplier():
    table, opened = drawn(3, 14), call(14)
    design = Peer(penalty=1e3, rounds_max=3)
    driven = drive(
        design.clear(opened, None),
        lambda _: tender(opened.product, opened.party, table),
        MessageCount(),
        private=True,
    )
    awards = driven.result.transactions
    assert (awards.status == Status.ROUNDS_SPENT).all()
    low, high = table.p_kw[table.offset[:-1]], table.p_kw[table.offset[1:] - 1]
    assert ((awards.p_kw[:, 0] >= low) & (awards.p_kw[:, 0] <= high)).all()
    deal = design.deal(opened, table)
    rest = deal.supplier_kw
    assert cost_per_h(opened, deal).sum() == pytest.approx(
        rest.clip(min=0).sum() * BUY + rest.clip(max=0).sum() * SELL
    )


def test_nobody_answers_a_design_that_needs_tenders():
    with pytest.raises(InputError, match="no tenders, expected a strategy that looks ahead"):
        drive(Peer().clear(call(4), None), lambda _: None, MessageCount())


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"graph": "ring"},
            "market.peer.graph: got 'ring', expected one of complete, nearest, zone, file",
        ),
        ({"graph": "file", "community": True}, "one without pairs from a file"),
        ({"neighbours": 0, "far": 0}, "neighbours: got 0, expected one partner or more"),
        ({"far": 4}, "far: got 4, expected none or more, below half of neighbours"),
        ({"local_per_kwh": -0.1}, "homes would buy to sell back"),
        ({"penalty": 0.0, "rounds_max": 0}, "rounds_max: got 0, expected one round or more"),
        (
            {"community": True, "network_fee": "zonal"},
            "expected none or uniform: a pool knows no way",
        ),
    ],
)
def test_keys_that_no_peer_could_follow_are_refused(keys, words):
    with pytest.raises(InputError, match=words):
        Peer(**keys)


def test_graphs_reach_everyone_and_know_who_is_near():
    ground = site(60, 20)
    for far, k in ((0, 4), (1, 6), (2, 8)):
        graph = graphs.nearest(ground.tree, ground.place, k, far)
        assert find_components(graph).max() == 0
        assert abs(np.diff(graph.offset).mean() - k) < 1.5
    near = graphs.nearest(ground.tree, ground.place, 2)
    count = graphs.hops(ground.tree, ground.place, near)
    np.testing.assert_array_equal(count, count[near.twin])
    assert (
        np.bincount(party_of_end(near)[count == 1], minlength=60).min() == 2
    )  # three homes at every transformer
    zone = graphs.zones(ground.tree, ground.place)
    by_zone = graphs.within(zone, ground.tree, ground.place)
    assert find_components(by_zone).max() == 0
    inside = zone[party_of_end(by_zone)] == zone[by_zone.peer]
    assert inside.sum() == 2 * (30 * 29)
    rng = np.random.default_rng(1)
    assert (
        find_components(
            graphs.find_near(rng.uniform(size=50), np.append(rng.uniform(size=49), 9.0), 3)
        ).max()
        == 0
    )


def test_bad_graphs_are_named_all_at_once():
    with pytest.raises(InputError) as caught:
        graphs.check(make_links(6, [0, 2], [1, 3]))
    assert len(caught.value.problems) == 2
    assert "no partner of home 4, 5, expected one or more for every home. Add a pair for it" in str(
        caught.value
    )
    assert "4 parts, the smallest of 2 homes" in str(caught.value)
    assert "Add a pair between home 0 and home 2" in str(caught.value)
    graphs.check(make_links(3, [0, 1], [1, 2]))


def test_contradictory_preferences_are_named():
    graph = make_links(3, [0, 1, 0], [1, 2, 2])
    nil = np.zeros(6)
    bad = graphs.Costs(np.array([-0.3, 0, 0, 0, 0, 0]), nil + 0.1)
    with pytest.raises(
        InputError, match=r"costs of home 0 with 1: -0.3 \$/kWh to buy and 0.1 to sell"
    ):
        graphs.check(graph, bad)
    pair = party_of_end(graph) * 3 + graph.peer
    round_trip = np.isin(
        pair, (0 * 3 + 1, 1 * 3 + 2, 2 * 3 + 0)
    )  # each of them would rather have it from the next
    loop = graphs.Costs(np.where(round_trip, -0.2, 0.5), np.where(round_trip, 0.5, 0.1))
    with pytest.raises(
        InputError, match=r"a round trip of energy through homes .* that costs less than nothing"
    ):
        graphs.check(graph, loop)
    node = np.array([0.1, 0.3, 0.2])
    fee = (node[party_of_end(graph)] - node[graph.peer]) / 2
    graphs.check(graph, graphs.Costs(fee, -fee))  # differences of nodal prices: no loop pays


def test_a_green_preference_pays_green_sellers_more():
    graph = make_links(3, [0, 1, 0], [2, 2, 1])
    costs = graphs.preference_costs(
        graph, np.array([0.0, 0.0, 0.04]), np.array([True, False, False]), 0.01
    )
    at_buyer = party_of_end(graph) == 2
    assert costs.buys_per_kwh[at_buyer].tolist() == pytest.approx([0.005, 0.045])
    assert (costs.buys_per_kwh[~at_buyer] == 0.005).all()
    graphs.check(graph, costs)


GREEN_BUYER, PLAIN_BUYER, SUN, STORE = range(4)


def wanting(
    opened: Opening,
    green_per_kwh: float,
    green: list[bool],
    panels: list[bool],
    local_per_kwh: float = 0.0,
) -> Opening:
    """The same call with homes that prefer something."""
    wants = Preference(local_per_kwh, green_per_kwh, np.array(green), np.array(panels))
    assert opened.site is not None
    return opened._replace(site=opened.site._replace(prefers=wants))


def market_day(sun_kw: float = 4.0, store_kw: float = 4.0) -> Curves:
    """Two homes that buy up to 2 kW, one with sun and one with a battery that sell at the same price."""
    buy = ([0.0, 2.0], [0.30, 0.02])
    return curves([buy, buy, *(([-power, 0.0], [0.08, 0.08]) for power in (sun_kw, store_kw))])


def bought(deal, buyer: int) -> np.ndarray:
    """What one home buys of each other one."""
    kw = np.zeros(4)
    mine = party_of_end(deal.graph) == buyer
    kw[deal.graph.peer[mine]] = deal.trade_kw[mine]
    return kw


def test_green_homes_buy_of_the_sun_first_and_others_do_not_notice():
    design = Peer(graph="complete", tolerance_kw=1e-5, tolerance_per_kwh=1e-6, rounds_max=3000)
    table, plain = market_day(), call(4)
    caring = wanting(plain, 0.04, [True, False, False, False], [False, False, True, False])
    before, after = design.deal(plain, table), design.deal(caring, table)
    assert before.converged
    assert after.converged
    assert bought(after, GREEN_BUYER)[SUN] > 1.0
    assert bought(after, GREEN_BUYER)[STORE] < 1e-3
    assert bought(before, GREEN_BUYER)[STORE] > 0.1, (
        "without a preference both sellers are the same"
    )
    assert after.p_kw[PLAIN_BUYER] == pytest.approx(before.p_kw[PLAIN_BUYER], abs=1e-3)
    assert cost_per_h(caring, after)[PLAIN_BUYER] == pytest.approx(
        cost_per_h(plain, before)[PLAIN_BUYER], abs=1e-4
    )


def test_a_short_sun_earns_its_worth_and_is_not_bought_elsewhere_to_be_sold_as_green():
    design = Peer(graph="complete", tolerance_kw=1e-5, tolerance_per_kwh=1e-6, rounds_max=3000)
    table, plain = market_day(sun_kw=0.5), call(4)
    caring = wanting(plain, 0.04, [True, False, False, False], [False, False, True, False])
    deal = design.deal(caring, table)
    assert deal.converged
    assert (bought(deal, SUN) <= 0).all()
    assert deal.supplier_kw[SUN] == pytest.approx(0.0, abs=1e-4)
    assert bought(deal, GREEN_BUYER)[SUN] == pytest.approx(0.5, abs=1e-3)
    to_green = (party_of_end(deal.graph) == GREEN_BUYER) & (deal.graph.peer == SUN)
    to_plain = (party_of_end(deal.graph) == PLAIN_BUYER) & (deal.graph.peer == STORE)
    assert deal.price_per_kwh[to_green] - deal.price_per_kwh[to_plain] == pytest.approx(
        0.04, abs=1e-3
    )


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_homes_that_want_a_low_price_never_pay_more_than_the_supplier_asks(seed):
    rng = np.random.default_rng(seed)
    table, green, panels = drawn(seed, 14), rng.random(14) < 0.5, rng.random(14) < 0.5
    caring = wanting(call(14), 0.05, list(green), list(panels))
    deal = Peer(graph="complete").deal(caring, table)
    buyer = np.where(deal.trade_kw > 0, party_of_end(deal.graph), deal.graph.peer)
    power = power_at(table, BUY, 1.0)
    plain = ~green[buyer] & ~(panels & (power < 0))[buyer]
    assert (deal.price_per_kwh[plain] <= BUY).all()
    assert (deal.price_per_kwh <= BUY + 0.05 + 1e-12).all()
    own = np.flatnonzero(~green & ~(panels & (power < 0)))
    price = np.where(alone(table, caring)[0] > 0, BUY, SELL)
    if deal.converged:
        gain = value_per_h(table, deal.p_kw) - cost_per_h(caring, deal)
        left = value_per_h(table, alone(table, caring)[0]) - alone(table, caring)[0] * price
        assert (gain - left)[own].min(initial=0.0) >= -14 * 14 * 1e-4 * (BUY - SELL)


def test_all_homes_may_prefer_local_energy():
    table, plain = drawn(11, 14), call(14)
    said = wanting(plain, 0.0, [False] * 14, [False] * 14, local_per_kwh=0.03)
    by_scenario = Peer(graph="complete").deal(said, table)
    by_design = Peer(graph="complete", local_per_kwh=0.03).deal(plain, table)
    np.testing.assert_array_equal(by_scenario.trade_kw, by_design.trade_kw)


def test_partners_of_a_file_are_the_graph():
    opened = call(6)
    ring = np.array([(k, (k + 1) % 6) for k in range(6)])
    design = Peer(graph="file")
    table = drawn(4, 6)
    deal = design.deal(opened._replace(site=opened.site._replace(partners=ring)), table)
    assert deal.rounds > 0
    np.testing.assert_array_equal(np.diff(deal.graph.offset), 2)
    with pytest.raises(InputError, match=r"market\.peer\.graph: got 'file' and no file"):
        design.deal(opened, table)


def test_homes_that_trade_nothing_hear_the_supplier_and_say_nothing():
    table, opened = curves([([0.0, 3.0], [0.3, 0.0])] * 4), call(4)
    assert count_offers(Peer().deal(opened, table), 4) == PeerMessages(4, 4 * REPORT_BYTES, 0, 0)
