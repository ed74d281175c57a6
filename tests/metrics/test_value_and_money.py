"""Metrics of value and money in closed form (theory 8.1): what it is worth, and to whom."""

import math

import numpy as np
import pytest

from gridagora.results.gain import warn_of_stores
from gridagora.results.outcome import (
    costs_usd,
    settlement_period,
    welfare_before_losses_usd,
    welfare_usd,
)
from gridagora.settlement.balanced import balance_bills
from gridagora.settlement.ledger import book, join, paid_uusd

# Of the load 5.5, 4.5, -0.5, 0.5, 2.5, 3.5, 11.5, 2.5 at wholesale prices of 0.1 (four times), 0.2 (three times) and -0.1.
WHOLESALE_USD = (0.1 * 10.0 + 0.2 * 17.5 - 0.1 * 2.5) * 0.25
DELIVERY_USD, CREDIT_USD = 0.05 * 30.5 * 0.25, 0.02 * 0.5 * 0.25
LOSSES_USD = 0.1 * (0.1 * 3 + 0.2 * 7 - 0.1 * 1) * 0.25
COSTS_USD = {
    "energy": WHOLESALE_USD + DELIVERY_USD - CREDIT_USD,
    "losses": LOSSES_USD,
    "wear": 0.6,
    "comfort": 3.0,
    "ev unmet": 0.6,
    "over limit": 2.0 * 1.5 * 0.25,
    "left in stores": -0.25,
    "reactive": 0.0,
}


def test_every_cost_by_hand(make):
    got = costs_usd(make())
    assert list(got) == list(COSTS_USD)
    assert got == pytest.approx(COSTS_USD, rel=1e-12)


def test_social_welfare_is_minus_the_costs(make, metric_value):
    assert metric_value("E1", make()) == pytest.approx(-sum(COSTS_USD.values()), rel=1e-12)
    assert metric_value("E1", make()) == welfare_usd(make())


@pytest.mark.parametrize(
    ("changed", "more_usd"),
    [
        ({"limit_kw": math.inf}, 0.75),
        ({"limit_kw": 11.5}, 0.75),
        (
            {"limit_kw": 0.25},
            0.75 - 2.0 * (31.0 - 8 * 0.25) * 0.25,
        ),  # import and export are both beyond
        ({"over_per_kwh": 0.0}, 0.75),
        ({"network": None}, LOSSES_USD),
        ({"left_usd": -1.0}, -1.25),
        ({"delivery_per_kwh": 0.0}, DELIVERY_USD),
        ({"export_credit_per_kwh": 0.0}, -CREDIT_USD),
        (
            {"bill_usd": np.array([9.0, 9.0, 9.0]), "surplus_uusd": -8},
            0.0,
        ),  # what one party pays another is no cost
    ],
)
def test_what_changes_welfare_and_by_how_much(make, metric_value, changed, more_usd):
    more = metric_value("E1", make(**changed)) - metric_value("E1", make())
    assert more == pytest.approx(more_usd, abs=1e-12)


def test_reactive_energy_that_inverters_lose_and_that_is_bought_elsewhere_costs(
    make, make_reactive, metric_value
):
    less = metric_value("E1", make()) - metric_value("E1", make(reactive=make_reactive()))
    assert less == pytest.approx(0.125 + 0.375, abs=1e-12)


def test_a_gain_is_stated_of_a_home_and_a_year_of_such_days(make, metric_value):
    """Four dollars more than flat, of three homes in two hours: a twelfth of a day."""
    flat = make(left_usd=-3.75)
    assert metric_value("E1y", make(), flat=flat) == pytest.approx(4.0 / 3 * 12 * 365, rel=1e-12)
    assert metric_value("E1y", flat, flat=flat) == 0.0
    assert math.isnan(metric_value("E1y", make()))


def test_the_market_adds_what_automation_at_a_flat_rate_does_not(make, metric_value):
    """Of a gain of 4 $ automation gives 3 $: the market adds 1 $; the flat design itself has no automation to add to."""
    flat = make(left_usd=make().left_usd - 4.0)._replace(name="flat")
    automated = make(left_usd=make().left_usd - 1.0)._replace(name="flat_optimised")
    own = make()._replace(name="rtp")
    added = metric_value("E1m", own, flat=flat, automated=automated)
    assert added == pytest.approx(1.0 / 3 * 12 * 365, rel=1e-12)
    assert metric_value("E1m", automated, flat=flat, automated=automated) == 0.0
    assert math.isnan(metric_value("E1m", flat, flat=flat, automated=automated))
    assert math.isnan(metric_value("E1m", own, flat=flat))


def test_of_a_gain_what_stores_hold_is_told_apart(make, metric_value):
    """Five dollars of comfort lost and four of stores gained: one is lost, and stores count four the other way."""
    flat = make(left_usd=-3.75)
    cold = make(device_usd={"comfort": np.array([5.0, 3.0, 0.6])})  # 8.6 in place of 4.2
    more = welfare_usd(cold) - welfare_usd(flat)
    assert more == pytest.approx(4.0 - 4.4, abs=1e-12)
    assert metric_value("E1s", cold, flat=flat) == pytest.approx(4.0 / 3 * 12 * 365, rel=1e-12)
    (told,) = warn_of_stores(cold, flat)
    assert "of a gain of -0.40 $ over flat, +4.00 $ is what stores hold" in told


@pytest.mark.parametrize(
    ("more_usd", "warns"),
    [(0.0, False), (0.24, False), (0.26, True), (-0.16, False), (-0.18, True)],
)
def test_stores_are_warned_of_above_a_fifth_of_the_gain(make, more_usd, warns):
    """The design gains a dollar, and what its stores hold more than those of flat: a fifth of 1.25 is .25, of .833 is .167."""
    flat = make(device_usd={"comfort": np.array([5.2, 0.0, 0.0])})  # in place of 4.2
    assert bool(warn_of_stores(make(left_usd=0.25 + more_usd), flat)) == warns
    assert warn_of_stores(flat, flat) == ()


@pytest.mark.parametrize(
    ("more_kwh", "saved_usd", "expected"),
    [(0.375, 0.75, 2.0), (0.375, -0.75, -2.0), (-0.3, 0.6, -2.0), (-0.3, -0.6, 2.0)],
)
def test_break_even_is_what_is_saved_over_the_overload_it_takes(
    make, metric_value, more_kwh, saved_usd, expected
):
    """One interval of a quarter of an hour is beyond 10 kW by 1.5 kW; the limit of flat moves its own overload."""
    flat = make(limit_kw=10.0 + 4.0 * more_kwh, left_usd=0.25 - saved_usd)
    assert metric_value("E1o", make(), flat=flat) == pytest.approx(expected, rel=1e-9)


def test_break_even_is_no_number_where_both_overload_alike(make, metric_value):
    assert math.isnan(metric_value("E1o", make(), flat=make(left_usd=-3.75)))
    assert math.isnan(metric_value("E1o", make(limit_kw=math.inf), flat=make(limit_kw=math.inf)))


@pytest.mark.parametrize(
    ("bills_uusd", "margin_uusd", "expected"),
    [
        ([10, 20, 30], 6, [8, 18, 28]),
        ([10, 20, 30], -6, [12, 22, 32]),
        ([10, 20, 30], 7, [7, 18, 28]),  # what does not divide goes to the first homes
        ([10, 20, 30], -7, [12, 22, 33]),
        ([], 0, []),
    ],
)
def test_a_margin_goes_back_in_equal_parts_to_the_micro_dollar(bills_uusd, margin_uusd, expected):
    found = balance_bills(np.array(bills_uusd, dtype=np.int64), margin_uusd)
    assert found.tolist() == expected
    assert found.sum() == sum(bills_uusd) - margin_uusd


def test_captured_value_is_the_share_of_the_gain_to_the_bound(make, metric_value):
    flat = make(left_usd=-3.75)  # four dollars worse
    bound_usd = welfare_before_losses_usd(make()) + 1.0
    assert metric_value("E2", make(), flat=flat, bound_usd=bound_usd) == pytest.approx(
        0.8, abs=1e-12
    )
    assert metric_value("E2", flat, flat=flat, bound_usd=bound_usd) == 0.0
    best = make(left_usd=1.25)
    assert metric_value("E2", best, flat=flat, bound_usd=bound_usd) == pytest.approx(1.0, abs=1e-12)
    assert metric_value(
        "E2", make(left_usd=-4.75), flat=flat, bound_usd=bound_usd
    ) == pytest.approx(-0.2, abs=1e-12)


def test_captured_value_knows_no_losses(make, make_flow, metric_value):
    """The bound knows no network: with ten times the losses a design captures the same."""
    flat, bound_usd = make(left_usd=-3.75), 0.0
    lossy = make(network=make_flow(losses_kw=10 * make_flow().losses_kw))
    against = {"flat": flat, "bound_usd": bound_usd}
    assert metric_value("E2", lossy, **against) == pytest.approx(
        metric_value("E2", make(), **against), rel=1e-12
    )
    assert metric_value("E1", lossy) < metric_value("E1", make())


@pytest.mark.parametrize("above", [0.0, -1.0, 1e-13])
def test_captured_value_is_not_said_where_the_bound_leaves_nothing_to_gain(
    make, metric_value, above
):
    flat = make()
    start = welfare_before_losses_usd(flat)
    assert math.isnan(
        metric_value("E2", make(left_usd=9.0), flat=flat, bound_usd=start * (1 - above))
    )


def test_captured_value_needs_both_a_flat_design_and_a_bound(make, metric_value):
    for against in ({}, {"flat": make()}, {"bound_usd": 3.0}):
        assert math.isnan(metric_value("E2", make(), **against))


def test_captured_value_without_the_limit_reads_the_run_without_it(make, metric_value):
    """The flat run is the same with and without a limit, which it does not see; only its cost beyond the limit falls away."""
    flat = make(left_usd=-3.75)
    free = make(limit_kw=math.inf)
    start = welfare_before_losses_usd(flat) + 0.75
    against = {"flat": flat, "unlimited": free, "unlimited_bound_usd": start + 5.0}
    assert metric_value("E2u", make(left_usd=-99.0), **against) == pytest.approx(
        4.0 / 5.0, abs=1e-12
    )
    for left_out in against:
        rest = {key: given for key, given in against.items() if key != left_out}
        assert math.isnan(metric_value("E2u", make(), **rest)), left_out
    assert math.isnan(metric_value("E2u", make(), **against | {"unlimited_bound_usd": start}))


@pytest.mark.parametrize(
    ("metric_id", "changed", "expected"),
    [
        ("E3", {}, WHOLESALE_USD),
        ("E3", {"wholesale_per_kwh": np.full(8, 0.1)}, 0.1 * 7.5),
        (
            "E3",
            {"load_kw": np.full(8, -2.0), "wholesale_per_kwh": np.full(8, 0.1)},
            -0.4,
        ),  # export earns
        ("E3", {"wholesale_per_kwh": np.full(8, -0.1)}, -0.75),
        ("E4", {}, 7.5e-3),
        ("E4", {"load_kw": np.full(8, -4000.0)}, -8.0),
        ("E4", {"dt_h": 0.5}, 15e-3),
        ("E5", {}, 4.5 / 3),
        ("E5", {"bill_usd": np.array([-1.0, -2.0, -6.0])}, -3.0),
        ("E5p", {}, 4.5 / ((12 + 2 + 16) * 0.25)),  # a home that exports withdraws nothing then
        ("E5p", {"bill_usd": np.array([-1.0, -2.0, -4.5])}, -1.0),
        ("E6", {}, -(4.5 + 0.6 + 3.0 + 0.6) / 3),
        ("E6", {"bill_usd": np.array([-9.0, -9.0, -9.0])}, 9.0 - 4.2 / 3),
        ("E5b", {}, (4.5 - 1.5) / 3),
        ("E5b", {"surplus_uusd": -3_000_000}, 2.5),
        ("E6m", {}, 1.5),
        ("E6m", {"surplus_uusd": -250_001}, -0.250001),
        ("E7", {}, (7.5 + 8.0) * 0.25),
        ("E7", {"owned": {"ev": np.array([False, False, True])}}, 2.0),
        ("E7", {"owned": {}}, 0.0),
        (
            "E7",
            {
                "device_kw": {"pv": -np.ones(8), "battery": np.tile([2.0, -3.0], 4)},
                "owned": {"battery": np.ones(3, bool)},
            },
            5.0,
        ),
        ("E8", {}, 0.0),
        ("E8", {"imbalance_uusd": -3}, 3e-6),
        ("E8", {"imbalance_uusd": 2_000_000}, 2.0),
    ],
)
def test_closed_forms(make, metric_value, metric_id, changed, expected):
    assert metric_value(metric_id, make(**changed)) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_average_price_is_not_said_where_homes_withdraw_nothing(make, metric_value):
    assert math.isnan(metric_value("E5p", make(home_kw=np.zeros((3, 8)))))
    assert math.isnan(metric_value("E5p", make(home_kw=np.full((3, 8), -1.0))))


def test_average_price_of_one_rate_is_that_rate(make, metric_value):
    """Where nobody exports, every bill is the rate times the energy, and so is their ratio."""
    home_kw = np.random.default_rng(3).uniform(0, 5, (4, 8))
    rated = make(home_kw=home_kw, bill_usd=0.137 * home_kw.sum(1) * 0.25)
    assert metric_value("E5p", rated) == pytest.approx(0.137, rel=1e-12)


def test_home_surplus_and_margin_say_who_gains_what_welfare_says_in_all(make, metric_value):
    """Bills only move money: what they take from homes is the margin of the operator, and their sum does not know them."""
    n = 3
    cheap, dear = (
        make(bill_usd=np.full(n, usd), surplus_uusd=round(n * usd * 1e6)) for usd in (1.0, 2.5)
    )
    for one in (cheap, dear):
        total = n * metric_value("E6", one) + metric_value("E6m", one)
        assert total == pytest.approx(-4.2, abs=1e-9)
    assert metric_value("E6", cheap) - metric_value("E6", dear) == pytest.approx(1.5, abs=1e-12)


def test_the_margin_is_what_the_ledger_leaves_with_the_operator(make, metric_value):
    """Homes pay 5 and 1, wholesale gets 4, the wires 0.75: 1.25 stay."""
    o = make()
    at = {role: o.parties.id.index(role) for role in ("operator", "wholesale", "wires")}
    day = settlement_period(o)
    ledger = join(
        [
            book(np.array([0, 1]), at["operator"], "energy", np.array([5.0, 1.0]), day),
            book(at["operator"], at["wholesale"], "wholesale energy", 4.0, day),
            book(at["operator"], at["wires"], "delivery", 0.75, day),
        ]
    )
    paid = paid_uusd(ledger, len(o.parties.id))
    kept = o._replace(
        ledger=ledger, surplus_uusd=int(-paid[at["operator"]]), imbalance_uusd=int(paid.sum())
    )
    assert metric_value("E6m", kept) == 1.25
    assert metric_value("E8", kept) == 0.0


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (np.full(8, 0.3), 0.0),
        (np.arange(8) * 0.1, 0.0),  # a steady climb has no spread of its steps
        (np.tile([0.1, 0.3], 4), math.sqrt(4 * 0.2**2 / 7 + 3 * 0.2**2 / 7 - (0.2 / 7) ** 2)),
        (np.array([0, 0, 0, 0, 1.0, 0, 0, 0]), math.sqrt(2 / 7)),
        (np.array([0.1, 0.4]), 0.0),
    ],
)
def test_price_volatility_is_the_spread_of_the_steps(make, metric_value, price, expected):
    assert metric_value("E10", make(price_per_kwh=price)) == pytest.approx(expected, abs=1e-15)


def test_price_volatility_is_of_prices_that_homes_see(make, metric_value):
    quiet = make(
        price_per_kwh=np.full(8, 0.1),
        wholesale_per_kwh=np.tile([0.0, 5.0], 4),
        credit_per_kwh=np.tile([0.0, 3.0], 4),
    )
    assert metric_value("E10", quiet) == 0.0


def test_price_volatility_is_not_said_of_a_single_interval(make, metric_value):
    assert math.isnan(
        metric_value("E10", make(home_kw=np.ones((3, 1)), price_per_kwh=np.array([0.1])))
    )
