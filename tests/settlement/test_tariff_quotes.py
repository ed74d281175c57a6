"""What a tariff posts: its price at the baseline's cost, the products of an opening, and where export earns less (theory 3.2)."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import Baseline, Clearing, HourPlan, Opening, Posted, SupplyOffer
from gridagora.settlement.tariff import (
    NET_METERING,
    ROUNDING,
    Tariff,
    make_kinked,
    neutral_per_kwh,
    plan_at,
    plan_on,
    post,
    select_products,
    set_tariff,
    tariff_quotes,
)

START_S = 36_000
COST = np.array([2.0, 4.0])  # $/h of two intervals
LOAD_KW, EXPORT_KW = np.array([10.0, 20.0]), np.array([5.0, 0.0])


def baseline(**changed):
    columns = {
        "start_s": START_S,
        "duration_s": 900,
        "local_hour": np.arange(2),
        "cost_usd_per_h": COST,
        "load_kw": LOAD_KW,
        "exported_kw": EXPORT_KW,
    }
    return Baseline(**columns | changed)


def test_under_net_metering_the_price_earns_the_cost_on_the_net_load():
    got = set_tariff(baseline(), np.array([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(got.import_per_kwh, np.array([1.0, 2.0, 1.0]) * 6.0 / (10 + 40))
    np.testing.assert_array_equal(got.credit_per_kwh, got.import_per_kwh)
    assert (got.start_s, got.duration_s) == (START_S, 900)


def test_with_a_credit_import_earns_the_cost_and_what_export_is_paid():
    got = set_tariff(baseline(), np.array([1.0, 2.0, 1.0]), 0.05)
    price = (6.0 + 0.05 * 5.0) / (15.0 + 2 * 20.0)
    np.testing.assert_allclose(got.import_per_kwh, np.array([1.0, 2.0, 1.0]) * price)
    np.testing.assert_array_equal(got.credit_per_kwh, np.full(3, 0.05))


def test_the_run_that_finds_the_baseline_has_a_fixed_rate():
    found = set_tariff(
        baseline(fixed_per_kwh=0.12, cost_usd_per_h=np.zeros(0)), np.array([1.0, 3.0])
    )
    assert found.import_per_kwh.tolist() == found.credit_per_kwh.tolist() == [0.12, 0.12]
    assert set_tariff(baseline(fixed_per_kwh=0.12), np.ones(2), 0.04).credit_per_kwh.tolist() == [
        0.04,
        0.04,
    ]
    assert set_tariff(baseline(fixed_per_kwh=0.12), np.ones(2), 0.4).credit_per_kwh.tolist() == [
        0.12,
        0.12,
    ]


def test_a_credit_at_the_cheapest_price_is_allowed_and_never_above_the_price():
    shape = np.array([1.0, 2.0])
    cheapest = 6.0 / (15 + 40 - 5)  # x such that (6 + 5 x) / 55 = x
    assert neutral_per_kwh(shape, COST, LOAD_KW, EXPORT_KW, cheapest)[0] == pytest.approx(cheapest)
    tariff = set_tariff(baseline(), shape, cheapest)
    assert (tariff.credit_per_kwh <= tariff.import_per_kwh).all()
    with pytest.raises(InputError):
        neutral_per_kwh(shape, COST, LOAD_KW, EXPORT_KW, cheapest + 1e-6)
    assert neutral_per_kwh(shape, COST, LOAD_KW, EXPORT_KW, 0.0)[0] == pytest.approx(6.0 / 55)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_credit_above_the_price_is_refused_in_any_currency(scale):
    cheapest = scale * 6.0 / 50
    with pytest.raises(InputError):
        neutral_per_kwh(np.array([1.0, 2.0]), scale * COST, LOAD_KW, EXPORT_KW, 1.001 * cheapest)


def test_a_refused_credit_says_what_would_do():
    with pytest.raises(InputError) as fault:
        neutral_per_kwh(np.array([1.0, 2.0]), COST, LOAD_KW, EXPORT_KW, 0.5)
    (problem,) = fault.value.problems
    assert problem.where == "[tariff] credit_per_kwh"
    assert problem.got == "0.5 $/kWh"
    assert (
        problem.expected
        == f"0 to at most the cheapest import price of the design, here {(6 + 2.5) / 55:.4f} $/kWh"
    )
    assert "net metering" in problem.hint


TARIFF = Tariff(START_S, 900, np.arange(12) * 0.1, np.arange(12) * 0.01)  # three hours of quarters


def opening(start_s, duration_s, steps):
    product = Product(Commodity.P, start_s, duration_s, Horizon.REAL_TIME)
    return Opening(product, np.arange(2), SupplyOffer(*(np.zeros(steps) for _ in range(3))))


@pytest.mark.parametrize(
    ("start", "duration_s", "steps", "at"),
    [
        (0, 900, 1, [0]),
        (5, 900, 1, [5]),
        (2, 900, 3, [2, 3, 4]),
        (0, 3600, 3, [0, 4, 8]),  # an hour has the price of its first quarter
        (4, 3600, 2, [4, 8]),
        (1, 1800, 2, [1, 3]),
    ],
)
def test_the_products_of_an_opening_have_the_prices_of_their_start(start, duration_s, steps, at):
    price, credit = select_products(TARIFF, opening(START_S + 900 * start, duration_s, steps))
    np.testing.assert_allclose(price, np.array(at) * 0.1)
    np.testing.assert_allclose(credit, np.array(at) * 0.01)


def test_quotes_are_to_every_party():
    call = opening(START_S + 900, 900, 2)
    quotes = tariff_quotes(TARIFF, call)
    assert quotes.product == call.product
    assert quotes.party.tolist() == [0, 1]
    np.testing.assert_allclose(quotes.buy_per_kwh, [[0.1, 0.2]] * 2)
    np.testing.assert_allclose(quotes.sell_per_kwh, [[0.01, 0.02]] * 2)


def played(session):
    """Return what a session says, and what it returns when nobody answers."""
    said = []
    try:
        while True:
            said.append(session.send(None))
    except StopIteration as end:
        return said, end.value


def test_planning_on_a_tariff_posts_both_prices_and_keeps_the_state():
    quotes = tariff_quotes(TARIFF, opening(START_S, 3600, 3))
    said, plan = played(plan_on(quotes, "state"))
    assert said == [Posted(quotes)]
    assert isinstance(plan, HourPlan)
    np.testing.assert_allclose(plan.price_per_kwh, [0.0, 0.4, 0.8])
    np.testing.assert_allclose(plan.credit_per_kwh, [0.0, 0.04, 0.08])
    assert plan.state == "state"


def test_planning_at_a_price_has_no_credit_of_its_own():
    quotes = tariff_quotes(TARIFF, opening(START_S, 3600, 3))
    said, plan = played(plan_at(quotes, "state"))
    assert said == [Posted(quotes)]
    np.testing.assert_allclose(plan.price_per_kwh, [0.0, 0.4, 0.8])
    assert plan.credit_per_kwh is None
    assert plan.state == "state"


def test_a_tariff_may_have_a_single_listener():
    quotes = tariff_quotes(TARIFF, opening(START_S, 3600, 3)._replace(party=np.array([4])))
    for plan in (played(plan_on(quotes, None))[1], played(plan_at(quotes, None))[1]):
        np.testing.assert_allclose(plan.price_per_kwh, [0.0, 0.4, 0.8])


def test_posting_binds_nobody():
    quotes = tariff_quotes(TARIFF, opening(START_S, 900, 1))
    said, clearing = played(post(quotes))
    assert said == [Posted(quotes)]
    assert clearing == Clearing(posted=quotes)
    assert clearing.transactions is None


@pytest.mark.parametrize(
    ("buy", "sell", "expected"),
    [
        (0.2, 0.1, True),
        (0.2, 0.2, False),
        (0.2, 0.3, False),
        (0.2, 0.2 * (1 - ROUNDING / 4), False),
        (0.2, 0.2 * (1 - 4 * ROUNDING), True),
        (-0.2, -0.2, False),
        (-0.2, -0.2 * (1 + ROUNDING / 4), False),
        (-0.2, -0.2 * (1 + 4 * ROUNDING), True),
        (0.0, 0.0, False),
    ],
)
def test_where_export_earns_less_than_import_costs(buy, sell, expected):
    assert make_kinked(buy, sell) == expected
    assert make_kinked(np.array([buy] * 2), np.array([sell] * 2)).tolist() == [expected] * 2


def test_net_metering_caps_no_credit():
    assert NET_METERING > 1e300
