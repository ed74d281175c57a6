"""The network operator's price: what a line of demand meets at the limit, in an interval and in every hour of a plan."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridagora.core.exchange import Proposals
from gridagora.core.limits import limit_substation
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import MessageCount, Opening, SupplyOffer, drive
from gridagora.mechanisms.network_price import (
    NetworkTerms,
    move_supply,
    price_interval,
    price_window,
)

BUY, SELL, OVER = 0.15, 0.05, 0.4
SLOPE = 40.0  # kW that homes together take less for each $/kWh
FINE = NetworkTerms(
    reserve_share=0.0, rounds=24, day_ahead_rounds=60, gap_share=1e-9, near_share=0.0
)


def opening(hours=1, limit_kw=6.0, base_kw=0.0, horizon=Horizon.REAL_TIME):
    supply = SupplyOffer(*(np.full(hours, each) for each in (BUY, SELL, base_kw)))
    limits = limit_substation(3, supply.base_kw, limit_kw, OVER)
    product = Product(Commodity.P, 0, 3600, horizon, 0)
    return Opening(product, np.arange(3), supply, binds=True, limits=limits)


def line(at_no_price_kw):
    """Homes that take so much at no network price and less with it; what they agreed on is the price itself."""
    return lambda price: (at_no_price_kw - SLOPE * price, price)


@given(load_kw=st.floats(-40.0, 40.0), base_kw=st.floats(-3.0, 3.0), limit_kw=st.floats(4.0, 12.0))
def test_the_price_is_where_demand_meets_the_limit(load_kw, base_kw, limit_kw):
    """In closed form: what is beyond over the slope, at most the price of a kWh beyond; nil within."""
    found = price_interval(opening(limit_kw=limit_kw, base_kw=base_kw), FINE, line(load_kw))
    high, low = limit_kw - base_kw, -limit_kw - base_kw
    beyond = max(load_kw - high, 0.0) + min(load_kw - low, 0.0)
    expected = np.clip(beyond / SLOPE, -OVER, OVER)
    assert found.network_per_kwh == pytest.approx(expected, abs=OVER / 2**20)
    assert found.found == found.network_per_kwh  # what is returned was agreed on at that price
    assert found.tried[0] == 0.0
    if abs(expected) < OVER:
        assert low <= load_kw - SLOPE * found.network_per_kwh <= high


def test_who_is_indifferent_takes_what_the_limit_leaves():
    """A block of 5 kW that all want up to .1 $/kWh, beside 4 kW that stay: 2 kW of it fit below 6 kW."""

    def take(price):
        taken = 9.0 if price < 0.1 else 4.0
        return taken, (price, taken)

    def mix(within, beyond, share):
        return min(within[0], beyond[0]), within[1] + share * (beyond[1] - within[1])

    alone = price_interval(opening(), FINE, take)
    assert alone.found[1] == 4.0
    found = price_interval(opening(), FINE, take, mix)
    assert found.found[1] == pytest.approx(6.0)
    assert found.network_per_kwh == found.found[0] == pytest.approx(0.1, abs=1e-6)
    assert found.network_per_kwh < 0.1 <= alone.network_per_kwh
    down = price_interval(
        opening(), FINE, lambda price: (-take(-price)[0], take(-price)[1]), lambda *a: a[2]
    )
    assert down.found == pytest.approx(0.4)


def test_a_search_ends_where_little_of_the_limit_is_left_unused():
    soon = price_interval(opening(), FINE._replace(near_share=0.1), line(7.1))
    late = price_interval(opening(), FINE, line(7.1))
    assert len(soon.tried) < len(late.tried)
    assert 0.9 * 6.0 <= 7.1 - SLOPE * soon.network_per_kwh <= 6.0


def test_a_reserve_of_the_limit_stays_free():
    found = price_interval(opening(), FINE._replace(reserve_share=0.5), line(7.0))
    assert found.network_per_kwh == pytest.approx(4.0 / SLOPE, abs=1e-6)


def test_without_a_limit_or_at_no_price_beyond_nothing_is_tried():
    for one in (opening(limit_kw=np.inf), opening()._replace(limits=None)):
        assert price_interval(one, FINE, line(1e6)).tried == (0.0,)
    free = opening()
    free = free._replace(limits=limit_substation(3, free.supply.base_kw, 6.0, 0.0))
    assert price_interval(free, FINE, line(1e6))[:2] == (0.0, 0.0)


def test_both_prices_of_the_supplier_move():
    moved = move_supply(opening(2).supply._replace(delivery_per_kwh=0.1), np.array([0.0, 0.02]))
    assert moved.import_per_kwh.tolist() == [BUY, pytest.approx(BUY + 0.02)]
    assert moved.export_per_kwh.tolist() == [SELL, pytest.approx(SELL + 0.02)]
    assert moved.delivery_per_kwh == 0.1


def planned(level_kw, opened):
    """Drive the search over a window with homes of which each takes a third of a line in every hour; return it and its prices."""
    asked = []

    def answer(message):
        price = message.quotes.buy_per_kwh
        asked.append(price[0])
        each = np.asarray(level_kw) / 3 - SLOPE / 3 * (price - BUY)
        spent = (price * each).sum(1)
        own = 1.5 / SLOPE * ((each - np.asarray(level_kw) / 3) ** 2).sum(1) - BUY * (
            each - np.asarray(level_kw) / 3
        ).sum(1)
        return Proposals(message.quotes.product, message.quotes.party, each, own, own + spent)

    session = price_window(opened, FINE, np.zeros(len(level_kw)))
    found = drive(session, answer, MessageCount(), private=True)
    return found, asked


def test_every_hour_of_a_plan_has_the_price_that_its_demand_meets_the_limit_at():
    level = np.array([3.0, 8.0, 7.0, 40.0, -9.0, -14.0])
    found, asked = planned(level, opening(6, horizon=Horizon.DAY_AHEAD))
    # where homes export 9 kW at the import price, they see the export price, and there the limit is kept
    expected = [0.0, 2.0 / SLOPE, 1.0 / SLOPE, OVER, 0.0, -4.0 / SLOPE]
    np.testing.assert_allclose(found.result, expected, atol=2e-3)
    assert len(asked) > 2
    reports = found.traffic.disclosed
    assert reports == 3 * (6 + 2) * len(asked)


def test_plans_within_the_limit_are_asked_for_once():
    found, asked = planned([3.0, 5.9], opening(2, horizon=Horizon.DAY_AHEAD))
    assert found.result.tolist() == [0.0, 0.0]
    assert len(asked) == 1
    found, asked = planned([30.0], opening(1, limit_kw=np.inf, horizon=Horizon.DAY_AHEAD))
    assert (found.result.tolist(), asked) == ([0.0], [])
