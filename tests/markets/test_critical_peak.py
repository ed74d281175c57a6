"""The critical-peak tariff: its hours, its two prices in closed form, and what it is where nothing is limited."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import Baseline, MessageCount, Opening, SupplyOffer, drive
from gridagora.markets.critical_peak import CriticalPeak, find_critical
from gridagora.markets.flat import Flat
from gridagora.markets.flat_optimised import FlatOptimised
from gridagora.markets.rtp import RealTimePrice
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate

STEP_S = 900
QUARTER_H = 0.25


def baseline(**changes) -> Baseline:
    """Two days of quarter-hours, the first with a baseline: 1 kW all day and 3 more from noon to six, when it costs double.

    The cost of a day is 3.96 $, its energy 42 kWh. Others take 2 kW, so that the substation carries 6 kW from noon to six.
    """
    hour = np.arange(0, 48, 0.25) % 24
    noon = (hour[:96] >= 12) & (hour[:96] < 18)
    load = np.where(noon, 4.0, 1.0)
    made = Baseline(0, STEP_S, hour, np.where(noon, 0.12, 0.06) * load, load, np.zeros(96))
    return made._replace(other_kw=np.full(96, 2.0), limit_kw=5.5)._replace(**changes)


def hours(critical) -> list[int]:
    return np.flatnonzero(critical).tolist()


def test_hours_above_the_limit_are_critical_and_the_fullest_come_first():
    made = baseline()
    assert hours(find_critical(made, 24)) == [12, 13, 14, 15, 16, 17]
    assert hours(find_critical(made, 5)) == [12, 13, 14, 15, 16]  # of equal ones the earliest
    fuller = np.where(made.local_hour[:96].astype(int) == 17, 4.5, made.load_kw)
    assert hours(find_critical(made._replace(load_kw=fuller), 1)) == [17]
    assert hours(find_critical(made, 24)) == hours(
        find_critical(made._replace(limit_kw=np.nextafter(6.0, 0.0)), 24)
    )
    assert hours(find_critical(made._replace(limit_kw=6.0), 24)) == []


def test_other_customers_count_and_no_limit_has_no_critical_hour():
    made = baseline()
    assert hours(find_critical(made._replace(other_kw=None), 5)) == []
    assert hours(find_critical(made._replace(limit_kw=np.inf), 5)) == []
    assert hours(find_critical(made._replace(load_kw=-made.load_kw - 10), 5)) == []  # export


def test_the_mean_day_decides_and_not_one_day():
    load = np.zeros(192)
    load[12:16] = 8.0  # three in the morning of the first day alone: 4 kW on the mean day
    made = baseline(load_kw=load, other_kw=None, cost_usd_per_h=load, exported_kw=np.zeros(192))
    assert hours(find_critical(made._replace(limit_kw=3.9), 5)) == [3]
    assert hours(find_critical(made._replace(limit_kw=4.1), 5)) == []


def test_both_prices_are_the_closed_form():
    """Five critical hours of 4 kW at four times low, and 22 kWh at low, earn 3.96 $."""
    tariff = CriticalPeak(critical_ratio=4.0).start(baseline())
    low, hour = 3.96 / (22 + 4 * 20), baseline().local_hour
    critical = (hour >= 12) & (hour < 17)
    assert tariff.import_per_kwh == pytest.approx(np.where(critical, 4 * low, low), rel=1e-14)
    assert np.array_equal(tariff.credit_per_kwh, tariff.import_per_kwh)


def test_with_a_credit_importers_pay_it():
    """At night 1.5 kW enter and .5 leave: 31 kWh of import at low, 20 at four times low, 9 kWh of credit."""
    made = baseline()
    away = np.where(made.load_kw == 1.0, 0.5, 0.0)
    tariff = CriticalPeak(critical_ratio=4.0, credit_per_kwh=0.02).start(
        made._replace(exported_kw=away)
    )
    low = (3.96 + 0.02 * 9) / (31 + 4 * 20)
    assert tariff.import_per_kwh.min() == pytest.approx(low, rel=1e-14)
    assert tariff.import_per_kwh.max() == pytest.approx(4 * low, rel=1e-14)
    assert (tariff.credit_per_kwh == 0.02).all()
    with pytest.raises(InputError, match="at most the cheapest import price"):
        CriticalPeak(credit_per_kwh=0.05).start(made)


def test_on_wholesale_the_premium_comes_to_nothing_on_the_baseline():
    made = baseline()
    more = CriticalPeak(base="wholesale", critical_ratio=4.0).start(made)
    low, flat = 3.96 / (22 + 4 * 20), 3.96 / 42
    critical = (made.local_hour >= 12) & (made.local_hour < 17)
    expected = np.where(critical, 4 * low - flat, low - flat)
    assert more.import_per_kwh == pytest.approx(expected, abs=1e-15)
    assert np.array_equal(more.credit_per_kwh, more.import_per_kwh)
    assert more.import_per_kwh[:96] @ made.load_kw * QUARTER_H == pytest.approx(0, abs=1e-13)
    product = Product(Commodity.P, 12 * 3600, 3600, Horizon.DAY_AHEAD, 0)
    buy = 0.05 + 0.01 * np.arange(6)
    opening = Opening(product, np.arange(3), SupplyOffer(buy, buy - 0.02, np.zeros(6)))
    market = CriticalPeak(base="wholesale", critical_ratio=4.0)
    plan = drive(market.plan(opening, more), pytest.fail, MessageCount()).result
    added = np.array([4 * low - flat] * 5 + [low - flat])
    assert plan.price_per_kwh == pytest.approx(buy + added)
    assert plan.credit_per_kwh == pytest.approx(buy - 0.02 + added)


def test_before_there_is_a_baseline_the_rate_is_the_fixed_one():
    none = baseline(
        fixed_per_kwh=0.1, load_kw=np.zeros(0), cost_usd_per_h=np.zeros(0), exported_kw=np.zeros(0)
    )
    assert (CriticalPeak().start(none).import_per_kwh == 0.1).all()
    assert (CriticalPeak(base="wholesale").start(none).import_per_kwh == 0.0).all()


@pytest.mark.parametrize("base", ["flat", "wholesale"])
def test_homes_are_not_paid_to_consume_in_critical_hours(base):
    made = baseline(cost_usd_per_h=np.full(96, -1.0))
    with pytest.raises(InputError, match=r"market\.critical_peak: got -.* \$/kWh, expected a rate"):
        CriticalPeak(base=base).start(made)
    free = made._replace(limit_kw=np.inf)
    assert np.array_equal(
        CriticalPeak().start(free).import_per_kwh, Flat().start(free).import_per_kwh
    )


def test_only_a_flat_base_is_a_tariff():
    assert CriticalPeak().rules.is_tariff
    assert CriticalPeak(base="wholesale").rules == CriticalPeak().rules._replace(is_tariff=False)


SAME = [(CriticalPeak(), FlatOptimised()), (CriticalPeak(base="wholesale"), RealTimePrice())]


@pytest.mark.parametrize(("market", "same"), SAME, ids=["flat", "wholesale"])
def test_without_a_limit_it_is_its_base_to_the_last_bit(study, market, same):
    free = study._replace(wholesale=study.wholesale._replace(limit_kw=np.inf))
    one, other = (evaluate("flat", simulate(each, free), free) for each in (market, same))
    np.testing.assert_array_equal(one.home_kw, other.home_kw)
    np.testing.assert_array_equal(one.bill_usd, other.bill_usd)
    np.testing.assert_array_equal(one.price_per_kwh, other.price_per_kwh)


@pytest.mark.parametrize("base", ["flat", "wholesale"])
def test_critical_hours_cost_more_in_a_run_and_homes_leave_them(study, base):
    market = CriticalPeak(base=base)
    same = FlatOptimised() if base == "flat" else RealTimePrice()
    one, other = (evaluate("flat", simulate(each, study), study) for each in (market, same))
    load_kw = other_load(study)
    critical = find_critical(
        Baseline(0, 300, np.arange(288) // 12, load_kw, load_kw, load_kw, limit_kw=limit(study)),
        5,
    )
    assert 1 <= critical.sum() <= 5
    own = np.repeat(critical, 12)
    more = one.price_per_kwh - other.price_per_kwh
    assert more[own].min() > 0 > more[~own].max()
    assert np.ptp(more[own]) == pytest.approx(0, abs=1e-12)
    assert one.load_kw[own].sum() < 0.8 * other.load_kw[own].sum()


def other_load(study):
    """Return the load of the substation under the flat design, (t,) [kW]."""
    return np.asarray(study.baseline_kw).sum(0) + np.repeat(study.other_kw[:24], 12)


def limit(study):
    return study.wholesale.limit_kw
