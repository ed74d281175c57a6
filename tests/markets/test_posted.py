"""Designs that post a price, driven by hand: what they set before the run, what they post, what they say and to whom."""

import numpy as np
import pytest

from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import HEADER, NUMBER_BYTES
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.records import Derived
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing
from gridagora.core.session import Baseline, MessageCount, Opening, Posted, SupplyOffer, drive
from gridagora.markets.flat import Flat
from gridagora.markets.flat_optimised import FlatOptimised
from gridagora.markets.rtp import RealTimePrice
from gridagora.markets.tou import TimeOfUse
from gridagora.settlement.tariff import Tariff, sum_groups

DAY_S, HOUR_S, STEP_S = 86400, 3600, 900
FLATS = pytest.mark.parametrize("design", [Flat, FlatOptimised])


def baseline(**changes) -> Baseline:
    """Two days of quarter-hours, the first with a baseline: 1 kW all day and 3 more from noon to six, when it costs double.

    The cost of a day is 18 h x .06 $/h + 6 h x .48 $/h = 3.96 $, its energy 24 + 18 = 42 kWh.
    """
    hour = np.arange(0, 48, 0.25) % 24
    noon = (hour[:96] >= 12) & (hour[:96] < 18)
    load = np.where(noon, 4.0, 1.0)
    made = Baseline(0, STEP_S, hour, np.where(noon, 0.12, 0.06) * load, load, np.zeros(96))
    return made._replace(**changes)


def opened(start_s: int, hours: int, duration_s: int = HOUR_S, parties: int = 3) -> Opening:
    product = Product(Commodity.P, start_s, duration_s, Horizon.DAY_AHEAD, 0)
    buy = 0.05 + 0.01 * np.arange(hours)
    return Opening(product, np.arange(parties), SupplyOffer(buy, buy - 0.02, np.zeros(hours)))


def nobody(message):
    raise AssertionError(f"a posted price asks nobody, got {type(message).__name__}")


# ------------------------------------------------------------------------------- flat


@FLATS
def test_a_flat_rate_is_the_mean_cost_of_a_kilowatt_hour(design):
    tariff = design().start(baseline())
    assert tariff.import_per_kwh == pytest.approx(np.full(192, 3.96 / 42), rel=1e-14)
    assert np.array_equal(tariff.credit_per_kwh, tariff.import_per_kwh)  # net metering
    assert (tariff.start_s, tariff.duration_s) == (0, STEP_S)


@FLATS
def test_a_credit_below_the_rate_is_paid_for_by_importers(design):
    """Half a kW is exported at night beside 1.5 kW of import: revenue is rate x import less credit x export."""
    made = baseline()
    exported = np.where(made.load_kw == 1.0, 0.5, 0.0)
    tariff = design(credit_per_kwh=0.04).start(made._replace(exported_kw=exported))
    assert tariff.import_per_kwh[0] == pytest.approx((3.96 + 0.04 * 9) / (42 + 9), rel=1e-14)
    assert (tariff.credit_per_kwh == 0.04).all()


@FLATS
def test_before_there_is_a_baseline_the_rate_is_the_fixed_one(design):
    tariff = design().start(baseline(fixed_per_kwh=0.123))
    assert (tariff.import_per_kwh == 0.123).all() and (tariff.credit_per_kwh == 0.123).all()
    tariff = design(credit_per_kwh=0.05).start(baseline(fixed_per_kwh=0.123))
    assert (tariff.credit_per_kwh == 0.05).all()
    tariff = design(credit_per_kwh=0.5).start(baseline(fixed_per_kwh=0.123))
    assert (tariff.credit_per_kwh == 0.123).all()  # no credit is above the price


@FLATS
def test_a_credit_above_the_rate_is_refused(design):
    with pytest.raises(
        InputError, match=r"credit_per_kwh: got 0.1 \$/kWh, expected 0 to at most .* here 0.0943"
    ):
        design(credit_per_kwh=0.1).start(baseline())


def test_the_two_flat_designs_differ_in_who_answers_alone():
    rules = Flat().rules
    assert Flat().rules == FlatOptimised().rules
    assert (Flat().strategy, FlatOptimised().strategy) == ("habit", "price_taker")
    assert (rules.bidder, rules.pricing, rules.discloses) == (
        Bidder.NOBODY,
        Pricing.POSTED,
        Disclosure.NOTHING,
    )
    assert rules.look_ahead is LookAhead.POSTED and rules.is_tariff and not rules.sees_limit
    assert not RealTimePrice().rules.is_tariff and TimeOfUse().rules.is_tariff


# ------------------------------------------------------------------------------- time of use


def test_both_prices_of_a_time_of_use_tariff_are_the_closed_form():
    """Window noon to six, ratio 3: 18 kWh at low and 24 kWh at three times low earn 3.96 $."""
    tariff = TimeOfUse(peak_ratio=3.0, peak_start_h=12, peak_end_h=18).start(baseline())
    low = 3.96 / (18 + 3 * 24)
    hour = baseline().local_hour
    assert tariff.import_per_kwh == pytest.approx(
        np.where((hour >= 12) & (hour < 18), 3 * low, low), rel=1e-14
    )


def test_the_window_begins_with_its_first_hour_and_ends_before_its_last():
    tariff = TimeOfUse(peak_ratio=2.0, peak_start_h=12.5, peak_end_h=13.0).start(baseline())
    dear = np.flatnonzero(tariff.import_per_kwh > tariff.import_per_kwh.min() * 1.5)
    assert dear.tolist() == [50, 51, 146, 147]  # 12:30 and 12:45 of both days


def test_staggered_windows_have_one_low_price_in_closed_form():
    """Two homes: one takes 1 kW all day, the other 3 more from noon to six. Group 1's window is 18 to 24, of six cheap kWh less.

    Revenue low x (18 + 3 x 6) + low x (3 x 0 + 18) = 3.96 $: home 0 has 24 kWh, 6 of them in its window, home 1 all its 18 kWh
    outside.
    """
    made = baseline()
    load = np.array([np.ones(96), made.load_kw - 1.0])
    design = TimeOfUse(peak_ratio=3.0, peak_start_h=12, peak_end_h=18, groups=2, stagger_hours=6)
    tariff = design.start(made._replace(home_kw=load))
    low = 3.96 / (18 + 3 * 6 + 18)
    hour = made.local_hour
    windows = np.array([(hour >= 12) & (hour < 18), hour >= 18])
    assert tariff.import_per_kwh == pytest.approx(np.where(windows, 3 * low, low), rel=1e-14)
    with_credit = TimeOfUse(
        peak_ratio=3.0,
        peak_start_h=12,
        peak_end_h=18,
        groups=2,
        stagger_hours=6,
        credit_per_kwh=0.04,
    ).start(made._replace(home_kw=np.array([[1.0] * 96, [-0.5] * 96])))
    # home 1 exports 12 kWh, and imports nothing: load net of export and export cancel in its windows
    low = (3.96 + 0.04 * 12) / (18 + 3 * 6)
    assert with_credit.import_per_kwh.min() == pytest.approx(low, rel=1e-14)
    assert (with_credit.credit_per_kwh == 0.04).all()


def test_a_staggered_window_goes_round_the_clock():
    """Group 1's window, 22 to 28 h, is 22 to 24 and 0 to 4; earlier ones are hours before."""
    later, earlier = (
        TimeOfUse(peak_start_h=16, peak_end_h=22, groups=2, stagger_hours=shift)
        .start(baseline(fixed_per_kwh=None, home_kw=np.ones((2, 96))))
        .import_per_kwh[1]
        for shift in (6, -18)
    )
    hour = baseline().local_hour
    dear = later > 2 * later.min()
    assert np.array_equal(dear, (hour >= 22) | (hour < 4))
    assert np.array_equal(earlier, later)


def test_groups_before_there_is_a_baseline_have_the_fixed_rate_and_need_homes_after():
    design = TimeOfUse(groups=3, stagger_hours=2)
    assert (
        design.start(baseline(fixed_per_kwh=0.1)).import_per_kwh == np.full((3, 192), 0.1)
    ).all()
    with pytest.raises(PartError, match="what each home takes"):
        design.start(baseline())


def test_homes_in_blocks_sum_to_the_same_groups():
    """A baseline that is read some homes at a time is summed by group as the whole is."""
    rng = np.random.default_rng(3)
    homes = rng.integers(-4, 9, (2500, 288)).astype(float)
    made = baseline(home_kw=Derived(homes.shape, lambda rows, times: homes[rows, times]))
    load, exported = sum_groups(made, 7)
    for group in range(7):
        assert np.array_equal(load[group], homes[group::7].sum(0))
        assert np.array_equal(exported[group], (-homes[group::7]).clip(min=0).sum(0))


def test_a_staggered_tariff_is_quoted_and_planned_home_by_home():
    design = TimeOfUse(groups=2, stagger_hours=3)
    state = Tariff(
        0, HOUR_S, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.1, 0.2], [0.3, 0.4]])
    )
    call = opened(0, 2, HOUR_S, parties=3)
    plan = drive(design.plan(call, state), nobody, MessageCount()).result
    assert plan.price_per_kwh.tolist() == [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]
    assert plan.credit_per_kwh.tolist() == [[0.1, 0.2], [0.3, 0.4], [0.1, 0.2]]
    posted = drive(design.clear(opened(HOUR_S, 1), state), nobody, MessageCount()).result.posted
    assert posted.buy_per_kwh[:, 0].tolist() == [2.0, 4.0, 2.0]
    assert posted.sell_per_kwh[:, 0].tolist() == [0.2, 0.4, 0.2]


def test_a_ratio_of_one_is_the_flat_tariff_and_one_below_turns_the_window_cheap():
    flat, tou = Flat().start(baseline()), TimeOfUse(peak_ratio=1.0).start(baseline())
    assert tou.import_per_kwh == pytest.approx(flat.import_per_kwh, rel=1e-14)
    turned = TimeOfUse(peak_ratio=0.5, peak_start_h=12, peak_end_h=18).start(baseline())
    assert turned.import_per_kwh[50] == pytest.approx(0.5 * turned.import_per_kwh[0])


def test_a_window_may_be_the_whole_day():
    tariff = TimeOfUse(peak_start_h=0, peak_end_h=24).start(baseline())
    assert tariff.import_per_kwh == pytest.approx(np.full(192, 3.96 / 42), rel=1e-14)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"peak_start_h": 20.0, "peak_end_h": 20.0},
            "market.tou: got 20.0 to 20.0 h, expected 0 <= peak_start_h",
        ),
        ({"peak_start_h": -1.0}, "market.tou: got -1.0 to 20.0 h"),
        ({"peak_end_h": 24.5}, "market.tou: got 14.0 to 24.5 h"),
        ({"peak_ratio": 0.0}, "market.tou.peak_ratio: got 0.0, expected a number above 0"),
        ({"peak_ratio": float("nan")}, "market.tou.peak_ratio: got nan"),
    ],
)
def test_a_window_that_is_none_and_a_ratio_that_is_no_price_are_refused(keys, says):
    with pytest.raises(InputError, match=says):
        TimeOfUse(**keys)


def test_all_faults_of_a_window_are_told_at_once():
    with pytest.raises(InputError) as caught:
        TimeOfUse(peak_ratio=-1.0, peak_start_h=5.0, peak_end_h=4.0)
    assert len(caught.value.problems) == 2


# ------------------------------------------------------------------------------- what a tariff posts


def stepped_tariff() -> Tariff:
    """Two days in quarter-hours: the price is the number of the quarter-hour in thousandths, the credit half of it."""
    price = np.arange(192) / 1000
    return Tariff(0, STEP_S, price, price / 2)


@pytest.mark.parametrize("market", [Flat(), FlatOptimised(), TimeOfUse()])
@pytest.mark.parametrize(
    ("start_s", "hours", "duration_s", "at"),
    [(0, 3, HOUR_S, [0, 4, 8]), (5 * HOUR_S, 2, HOUR_S, [20, 24]), (1800, 4, STEP_S, [2, 3, 4, 5])],
)
def test_a_tariff_posts_the_price_of_the_first_interval_of_each_product(
    market, start_s, hours, duration_s, at
):
    opening, state = opened(start_s, hours, duration_s), stepped_tariff()
    planned = drive(market.plan(opening, state), nobody, MessageCount())
    assert planned.result.price_per_kwh == pytest.approx(np.array(at) / 1000)
    assert planned.result.credit_per_kwh == pytest.approx(np.array(at) / 2000)
    assert planned.result.state is state
    assert planned.result.p_kw is None and planned.result.commitments == ()
    assert np.isnan(planned.result.gap_share)


@pytest.mark.parametrize("market", [Flat(), FlatOptimised(), TimeOfUse(), RealTimePrice()])
def test_an_interval_ends_with_the_price_that_was_posted_to_all(market):
    opening = opened(900, 1, STEP_S, parties=4)
    session = market.clear(opening, stepped_tariff())
    said = next(session)
    assert isinstance(said, Posted)
    cleared = drive(market.clear(opening, stepped_tariff()), nobody, MessageCount())
    assert cleared.result.transactions is None and cleared.result.local is None
    quotes = cleared.result.posted
    assert quotes.party.tolist() == [0, 1, 2, 3]
    assert quotes.buy_per_kwh.shape == (4, 1)
    assert np.ptp(quotes.buy_per_kwh) == 0
    assert (quotes.share == 1.0).all()
    assert np.array_equal(said.quotes.buy_per_kwh, quotes.buy_per_kwh)


@pytest.mark.parametrize("market", [Flat(), FlatOptimised(), TimeOfUse(), RealTimePrice()])
@pytest.mark.parametrize("verb", ["plan", "clear"])
def test_a_posted_price_is_one_message_to_each_and_one_round_and_discloses_nothing(market, verb):
    opening = opened(0, 2 if verb == "plan" else 1, parties=5)
    traffic = drive(
        getattr(market, verb)(opening, stepped_tariff()), nobody, MessageCount(1, 10, 1, 3)
    ).traffic
    hours = len(opening.supply.import_per_kwh)
    size = 5 * (
        HEADER.size + NUMBER_BYTES * (1 + 3 * hours)
    )  # party, then price, credit and share of each hour
    assert traffic == MessageCount(1 + 5, 10 + size, 1 + 1, 3)


# ------------------------------------------------------------------------------- real-time price


@pytest.mark.parametrize(("export", "apart"), [("wholesale", 0.02), ("net_metering", 0.0)])
def test_the_real_time_price_is_that_of_the_substation_and_export_earns_by_the_key(export, apart):
    opening = opened(0, 3)
    plan = drive(RealTimePrice(export=export).plan(opening, None), nobody, MessageCount()).result
    assert plan.price_per_kwh == pytest.approx([0.05, 0.06, 0.07])
    assert plan.credit_per_kwh == pytest.approx(np.array([0.05, 0.06, 0.07]) - apart)
    assert plan.state is None
    quotes = drive(
        RealTimePrice(export=export).clear(opened(0, 1), None), nobody, MessageCount()
    ).result.posted
    assert quotes.buy_per_kwh[:, 0] == pytest.approx([0.05] * 3)
    assert quotes.sell_per_kwh[:, 0] == pytest.approx([0.05 - apart] * 3)


def test_a_real_time_price_remembers_nothing():
    assert RealTimePrice().start(baseline()) is None


def test_a_payment_for_export_that_is_none_of_the_two_is_refused():
    with pytest.raises(
        InputError,
        match=r"market.rtp.export: got 'retail', expected one of wholesale, net_metering",
    ):
        RealTimePrice(export="retail")
