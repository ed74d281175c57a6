"""The central market driven by hand: merit order, limits, ties and export at known prices, and plans that it can prove."""

from typing import NamedTuple

import numpy as np
import pytest

from gridagora.core.agents import Believed, DeviceAgents
from gridagora.core.device import storeless
from gridagora.core.errors import InputError
from gridagora.core.exchange import Status, tender
from gridagora.core.limits import limit_substation
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    REACH_KW,
    Clearing,
    GateOpen,
    MessageCount,
    Opening,
    Posted,
    PricePath,
    SpecRequest,
    SupplyOffer,
    drive,
    supply_curve,
)
from gridagora.core.spec import spec
from gridagora.kernels.curves.curve import curves
from gridagora.kernels.stores.value import stores
from gridagora.markets.central import Central, make_supply_row

BUY, SELL, OVER = 0.20, 0.10, 1.0
FREE = Central(reserve_share=0.0)


def interval(rows, *, base_kw=0.0, limit_kw=np.inf, buy=BUY, sell=SELL) -> Opening:
    product = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.array([buy]), np.array([sell]), np.array([base_kw]))
    return Opening(
        product,
        np.arange(len(rows)),
        supply,
        limits=limit_substation(len(rows), supply.base_kw, limit_kw, OVER),
    )


def cleared(rows, market=FREE, **world) -> Clearing:
    opening = interval(rows, **world)
    return drive(
        market.clear(opening, None),
        lambda _: tender(opening.product, opening.party, curves(rows)),
        MessageCount(),
    ).result


def awards(rows, **world) -> tuple[float, list[float]]:
    found = cleared(rows, **world).transactions
    assert np.ptp(found.price_per_kwh) == 0  # one price for all
    return float(found.price_per_kwh[0, 0]), found.p_kw[:, 0].tolist()


def wants(kw: float, price: float):
    return ([0.0, kw], [price, price])


def gives(kw: float, price: float):
    return ([-kw, 0.0], [price, price])


# ------------------------------------------------------------------------------- one interval


def test_who_values_power_above_the_import_price_is_served_at_that_price():
    assert awards([wants(2, 0.30), wants(3, 0.21), wants(4, 0.19)]) == (BUY, [2.0, 3.0, 0.0])


def test_who_costs_less_than_export_earns_gives_at_the_export_price():
    assert awards([gives(2, 0.05), gives(3, 0.09), gives(4, 0.11)]) == (SELL, [-2.0, -3.0, 0.0])


def test_between_the_two_prices_homes_serve_each_other_at_the_marginal_block():
    """3 kW wanted at .18, blocks of 2 kW at .12 and 2 kW at .15: half of the second gives, and sets the price."""
    price, power = awards([wants(3, 0.18), gives(2, 0.12), gives(2, 0.15)])
    assert price == pytest.approx(0.15)
    assert power == pytest.approx([3.0, -2.0, -1.0])


def test_demand_that_bends_meets_supply_where_the_lines_cross():
    """v = .20 - .02 p (to 5 kW) and c = .10 + .02 q: equal at 2.5 kW and .15."""
    price, power = awards([([0.0, 5.0], [0.20, 0.10]), ([-5.0, 0.0], [0.20, 0.10])])
    assert price == pytest.approx(0.15)
    assert power == pytest.approx([2.5, -2.5])


def test_load_that_does_not_tender_is_served_first():
    """A base load of 2 kW takes what a generator at .15 makes; its last half kW goes out at that price, not at export's."""
    price, power = awards([gives(2.5, 0.15), wants(0.5, 0.17)], base_kw=2.0)
    assert power == pytest.approx([-2.5, 0.5])
    assert 0.15 <= price <= 0.17
    price, power = awards([gives(2.5, 0.15)], base_kw=2.0)
    assert (price, power) == (pytest.approx(0.15), pytest.approx([-2.0]))
    price, power = awards([gives(2.5, 0.15)], base_kw=3.0)
    assert (price, power) == (BUY, pytest.approx([-2.5]))


def test_a_limit_raises_the_price_to_who_is_crowded_out():
    """5 kW for blocks of 4 at .9, 3 at .6 and 2 at .3: the second gets the kW that is left and sets the price."""
    price, power = awards([wants(4, 0.9), wants(3, 0.6), wants(2, 0.3)], limit_kw=5.0)
    assert price == pytest.approx(0.6)
    assert power == pytest.approx([4.0, 1.0, 0.0])


def test_a_limit_is_soft_at_its_price():
    """Who values a kWh above import and the price of the limit together gets it; the price is then just both."""
    price, power = awards([wants(4, BUY + OVER + 0.5), wants(3, BUY + OVER - 0.1)], limit_kw=3.0)
    assert price == pytest.approx(BUY + OVER)
    assert power == pytest.approx([4.0, 0.0])


def test_a_limit_of_export_lowers_the_price_down_to_export_less_its_price():
    price, power = awards([gives(4, 0.05), gives(3, -0.2)], limit_kw=5.0)
    assert price == pytest.approx(0.05)
    assert power == pytest.approx([-2.0, -3.0])
    price, power = awards([([-4.0], [0.0])], limit_kw=3.0)  # what must go out goes out
    assert price == pytest.approx(SELL - OVER)
    assert power == [-4.0]


def test_the_reserve_takes_its_share_of_the_limit_either_way():
    market = Central(reserve_share=0.1)
    got = cleared([wants(20, 0.9)], market, limit_kw=10.0).transactions
    assert got.p_kw[0, 0] == pytest.approx(9.0)
    got = cleared([gives(20, 0.0)], market, limit_kw=10.0).transactions
    assert got.p_kw[0, 0] == pytest.approx(-9.0)


@pytest.mark.parametrize("sizes", [[1.0, 1.0], [1.0, 3.0], [2.0, 0.0]])
def test_a_tie_is_shared_in_proportion(sizes):
    """Equal bids for twice what can come in: each gets the half of what it wants."""
    price, power = awards([wants(size, 0.5) for size in sizes], limit_kw=sum(sizes) / 2)
    assert price == pytest.approx(0.5)
    assert power == pytest.approx([size / 2 for size in sizes])


def test_one_party_alone_trades_with_the_substation():
    assert awards([wants(1.5, 0.5)]) == (BUY, [1.5])


def test_parties_that_offer_nothing_are_awarded_nothing_and_hear_the_price():
    price, power = awards([([0.0], [0.0]), wants(1, 0.5), ([0.0], [9.0])])
    assert (price, power) == (BUY, [0.0, 1.0, 0.0])


def test_every_award_is_filled_by_the_operator_and_has_its_party():
    rows = [wants(1, 0.5), gives(1, 0.0)]
    opening = interval(rows)._replace(party=np.array([8, 3]))
    session = Central().clear(opening, None)
    assert next(session) == GateOpen(opening.product)
    with pytest.raises(StopIteration) as end:
        session.send(tender(opening.product, opening.party, curves(rows)))
    trades = end.value.value.transactions
    assert trades.product == opening.product
    assert trades.party.tolist() == [8, 3]
    assert trades.counterparty.tolist() == [-1, -1]
    assert trades.status.tolist() == [Status.FILLED] * 2
    assert end.value.value.posted is None and end.value.value.local is None


def test_an_interval_counts_the_gate_one_tender_and_one_award_each():
    rows = [wants(1, 0.5), gives(1, 0.0), wants(2, 0.3)]
    opening = interval(rows)
    asked = []

    def parties(message):
        asked.append(message)
        return tender(opening.product, opening.party, curves(rows))

    traffic = drive(Central().clear(opening, None), parties, MessageCount()).traffic
    assert asked == [GateOpen(opening.product)]
    assert (traffic.messages, traffic.rounds) == (6, 1)
    assert traffic.disclosed == 2 * 6  # price and power of six points


@pytest.mark.parametrize(("verb", "what"), [("clear", "no tenders"), ("plan", "no specs")])
def test_parties_that_say_nothing_are_refused(verb, what):
    opening = interval([wants(1, 0.5)])
    session = getattr(Central(), verb)(opening, None)
    next(session)
    with pytest.raises(
        InputError, match=f"market.central: got {what}, expected a strategy that tenders"
    ):
        session.send(None)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_reserve_that_leaves_nothing_to_sell_is_refused(share):
    with pytest.raises(
        InputError, match=r"market.central.reserve_share: got .*, expected a share in \[0, 1\)"
    ):
        Central(reserve_share=share)


# ------------------------------------------------------------------------------- the supply as a curve


@pytest.mark.parametrize(
    ("limit_kw", "power", "price"),
    [
        (np.inf, [-REACH_KW, 0, 0, REACH_KW], [SELL, SELL, BUY, BUY]),
        (
            4.0,
            [-REACH_KW, -4, -4, 0, 0, 4, 4, REACH_KW],
            [SELL - OVER, SELL - OVER, SELL, SELL, BUY, BUY, BUY + OVER, BUY + OVER],
        ),
    ],
)
def test_the_supply_of_an_interval_rises_with_power(limit_kw, power, price):
    opening = interval([wants(1, 0.5)], limit_kw=limit_kw)
    found = supply_curve(opening.supply, opening.limits)
    assert found[0].tolist() == power
    assert found[1] == pytest.approx(price)


def test_the_supply_of_a_later_step_is_that_of_its_own_prices_and_limits():
    supply = SupplyOffer(np.array([0.1, 0.3]), np.array([0.0, 0.2]), np.zeros(2))
    limits = limit_substation(1, supply.base_kw, 5.0, 1.0)
    limits = limits._replace(high=np.array([[5.0, np.inf]]), low=np.array([[-5.0, -2.0]]))
    power, price = supply_curve(supply, limits, 1)
    assert power.tolist() == [-REACH_KW, -2.0, -2.0, 0.0, 0.0, REACH_KW]
    assert price == pytest.approx([-0.8, -0.8, 0.2, 0.2, 0.3, 0.3])


# ------------------------------------------------------------------------------- plans


def window(
    cost, *, n=2, limit_kw=np.inf, base_kw=0.0, binds=False, sell=None, start_s=0
) -> Opening:
    cost = np.asarray(cost, float)
    product = Product(Commodity.P, start_s, 3600, Horizon.DAY_AHEAD, 0)
    supply = SupplyOffer(
        cost, cost if sell is None else np.asarray(sell, float), np.full(len(cost), base_kw)
    )
    limits = limit_substation(n, supply.base_kw, limit_kw, OVER)
    return Opening(product, np.arange(n), supply, binds=binds, limits=limits)


def shifting(kwh: float, kw: float, hours: int, worth: float = 5.0):
    """Return what must take so many kWh within the window: a car that is missed dearly."""
    ends = {"end_x": (0.0, kwh), "end_mu": (worth, worth)}
    return stores([0.0], np.ones(hours), p_max_kw=kw, x_max=kwh, **ends)


def planned(market, opening, *tables, state=None):
    n = len(opening.party)
    home = tuple(np.array([i % n]) for i in range(len(tables)))
    agents = DeviceAgents(
        Believed(np.zeros((n, len(opening.supply.import_per_kwh))), tables, home, np.ones(n, bool))
    )
    said = []

    def ask(message):
        said.append(message)
        return agents.answer(message)

    driven = drive(market.plan(opening, state), ask, MessageCount())
    return driven, said


def test_where_nothing_binds_the_price_is_cost_to_the_last_bit():
    opening = window([0.1, 0.3, 0.2], limit_kw=10.0)
    driven, said = planned(Central(), opening, shifting(2.0, 4.0, 3))
    assert np.array_equal(driven.result.price_per_kwh, opening.supply.import_per_kwh)
    assert said == [SpecRequest(opening.product)]
    assert driven.result.commitments == () and np.isnan(driven.result.gap_share)
    assert driven.result.state == PricePath(0, driven.result.price_per_kwh)


@pytest.mark.parametrize(
    ("limit_kw", "base_kw", "searches"),
    [
        (8.0, 0.0, False),
        (7.9, 0.0, True),
        (50.0, -9.0, True),
        (50.0, -8.0, False),
        (10.0, 2.1, True),
    ],
)
def test_a_search_is_made_only_where_the_answer_to_cost_breaks_a_limit_or_exports(
    monkeypatch, limit_kw, base_kw, searches
):
    """Two cars take 4 kW each in the first hour and the second: 8 kW in, beside what others take."""
    made = []
    monkeypatch.setattr(
        Central, "coordinated", lambda *_, **__: made.append(1) or FakeSearch(np.full(2, 9.0))
    )
    opening = window([0.1, 0.1], limit_kw=limit_kw, base_kw=base_kw)
    specs = (spec(opening.product, np.arange(2), joined_cars()),)
    price = FREE.prices(opening, specs, None)
    assert bool(made) == searches
    assert price.tolist() == ([9.0, 9.0] if searches else [0.1, 0.1])


class FakeSearch(NamedTuple):
    """What a search is read for."""

    price_per_kwh: np.ndarray


def joined_cars():
    """Return two cars that need both hours."""
    ends = {"end_x": (0.0, 8.0), "end_mu": (5.0, 5.0)}
    return stores([0.0, 0.0], np.ones(2), p_max_kw=4.0, x_max=8.0, **ends)


def test_a_plan_asks_once_and_posts_its_price_to_every_home():
    opening = window([0.1, 0.3], n=3)
    session = Central().plan(opening, None)
    assert next(session) == SpecRequest(opening.product)
    posted = session.send((spec(opening.product, np.array([1]), shifting(2.0, 4.0, 2)),))
    assert isinstance(posted, Posted)
    assert posted.quotes.party.tolist() == [0, 1, 2]
    assert np.array_equal(posted.quotes.buy_per_kwh, np.tile([0.1, 0.3], (3, 1)))


def test_two_cars_that_both_want_the_cheap_hour_are_told_a_price_that_keeps_the_limit():
    """Each wants 4 kWh at 4 kW, and 4 kW can come in: one hour at .10, one at .12, and at midnight one price for both."""
    opening = window([0.10, 0.12, 0.50], limit_kw=4.0, binds=True)
    market = Central(reserve_share=0.0, gap=1e-9)
    driven, _ = planned(market, opening, shifting(4.0, 4.0, 3), shifting(4.0, 4.0, 3))
    plan = driven.result
    (bound,) = plan.commitments
    assert bound.p_kw.sum(0) == pytest.approx([4.0, 4.0, 0.0], abs=1e-6)
    assert bound.p_kw.sum(1) == pytest.approx([4.0, 4.0], abs=1e-6)
    assert plan.price_per_kwh[0] == pytest.approx(
        plan.price_per_kwh[1], abs=1e-6
    )  # indifferent, or both would move
    assert 0 <= plan.gap_share <= 1e-8
    assert (bound.product, bound.hours) == (opening.product, 24)
    assert bound.premium_per_kwh == pytest.approx(
        plan.price_per_kwh - opening.supply.import_per_kwh
    )


def test_devices_of_one_home_are_bound_together():
    opening = window([0.1, 0.3], n=2, binds=True)
    driven, _ = planned(
        Central(), opening, shifting(1.0, 4.0, 2), shifting(2.0, 4.0, 2), shifting(3.0, 4.0, 2)
    )
    (bound,) = driven.result.commitments
    assert bound.p_kw == pytest.approx(
        np.array([[4.0, 0.0], [2.0, 0.0]]), abs=1e-6
    )  # rows 0 and 2 are of home 0


def test_a_gate_that_stays_open_binds_nothing():
    opening = window([0.10, 0.12, 0.50], limit_kw=4.0)
    driven, _ = planned(Central(), opening, shifting(4.0, 4.0, 3), shifting(4.0, 4.0, 3))
    assert driven.result.commitments == ()
    assert driven.result.price_per_kwh[0] > 0.10


def test_other_customers_take_room_from_the_limit():
    """With 2 of 4 kW taken by others the cars need a second hour of the dear ones."""
    tables = shifting(4.0, 4.0, 4), shifting(4.0, 4.0, 4)
    opening = window([0.10, 0.11, 0.12, 0.13], limit_kw=4.0, base_kw=2.0, binds=True)
    driven, _ = planned(Central(reserve_share=0.0), opening, *tables)
    assert driven.result.commitments[0].p_kw.sum(0) == pytest.approx([2.0] * 4, abs=1e-6)
    assert driven.result.price_per_kwh == pytest.approx(
        [driven.result.price_per_kwh[0]] * 4, abs=1e-6
    )


def test_export_that_nobody_there_uses_earns_the_export_price():
    """Generators of cost .05 face .20 for import and .10 for export: they run, and the price is that of export."""
    opening = window([0.20, 0.20], sell=[0.10, 0.02], binds=True)
    made = storeless(2, np.ones(2), p_min_kw=-3.0, wear_per_kwh=0.05)
    agents = (spec(opening.product, np.arange(2), made),)
    market = Central(reserve_share=0.0)
    prices = market.prices(opening, agents, None)
    found = market.schedule(opening, agents, prices)
    assert found.p_kw.sum(0) == pytest.approx([-6.0, 0.0], abs=1e-6)
    assert 0.05 <= found.price_per_kwh[0] <= 0.10 + 1e-6
    assert 0.02 - 1e-6 <= found.price_per_kwh[1] <= 0.05 + 1e-6


def test_prices_found_in_the_hour_before_are_where_the_next_search_begins():
    """The path moves on with time: the second hour of the last window is the first of this one."""
    tables = shifting(4.0, 4.0, 3), shifting(4.0, 4.0, 3)
    first, _ = planned(Central(), window([0.10, 0.12, 0.50], limit_kw=4.0), *tables)
    later = window([0.12, 0.50, 0.50], limit_kw=4.0, start_s=3600)
    second, _ = planned(Central(), later, *tables, state=first.result.state)
    assert second.result.state.start_s == 3600
    assert second.result.price_per_kwh[0] > 0.12


def test_the_coordinator_reads_the_substation_row_and_what_devices_can_reach():
    opening = window([0.1, 0.2], sell=[0.05, 0.1], limit_kw=7.0, base_kw=1.5)
    rows = make_supply_row(opening.supply, opening.limits, 3)
    assert rows.base_kw.tolist() == [1.5, 1.5]
    assert rows.low_kw.tolist() == [-7.0, -7.0] and rows.high_kw.tolist() == [7.0, 7.0]
    free = make_supply_row(opening.supply, window([0.1, 0.2]).limits, 3)
    assert free.high_kw.tolist() == [4e4, 4e4] and free.low_kw.tolist() == [-4e4, -4e4]


def test_a_central_market_remembers_nothing_before_its_first_hour():
    assert Central().start(None) is None
