"""Bills by a retail tariff: by hand, month by month, and against a slow bill of one home at a time."""

from datetime import date, timedelta

import numpy as np
import pytest

from gridagora.core.retail_tariff import (
    Amount,
    DemandRate,
    EnergyRate,
    RetailTariff,
    always,
)
from gridagora.settlement.retail_bill import (
    first_block_prices,
    plan_blocks,
    plan_prices,
    retail_usd,
)
from gridagora.settlement.retail_terms import begins_month, demand_ahead, lay_out_terms

PEAK = tuple(tuple(int(16 <= hour < 21) for hour in range(24)) for _ in range(12))
SUMMER = tuple(
    tuple(int(month in (5, 6, 7, 8) and 16 <= hour < 21) for hour in range(24))
    for month in range(12)
)


def day(year: int, month: int, number: int = 1) -> int:
    return (date(year, month, number) - date(1970, 1, 1)).days


def flat(*rates: float, upto: tuple[float, ...] = (), **keys) -> RetailTariff:
    energy = (EnergyRate("all", rates, upto, keys.pop("paid", None)),)
    export = keys.pop("export", "net_metering")
    return RetailTariff("flat", energy, always(), always(), export=export, **keys)


def bill(tariff: RetailTariff, first_day: int, home_kw: np.ndarray, per: int = 1) -> np.ndarray:
    """Return the whole bill of every home: energy at the first block less what is paid for export, and all other items."""
    hours = home_kw.shape[1] // per
    terms = lay_out_terms(tariff, first_day, hours, hours)
    price, credit = (np.repeat(each, per) for each in first_block_prices(terms))
    energy = (home_kw.clip(min=0) * price - (-home_kw).clip(min=0) * credit).sum(1) / per
    return np.asarray(energy + sum(retail_usd(terms, home_kw, per).values()))


@pytest.mark.parametrize(
    ("tariff", "usd"),
    [
        (flat(0.10, 0.20, upto=(300.0,)), 1392.00),
        (flat(0.10, 0.20, upto=(10.0,), blocks_by_day=True), 1387.00),
        (flat(0.10, fixed=Amount(per_day=0.5)), 1058.50),
    ],
)
def test_a_year_of_one_kilowatt_by_hand(tariff, usd):
    """12 x 300 x .1 + 5160 x .2; 365 x (10 x .1 + 14 x .2); 365 x (2.4 + .5)."""
    assert bill(tariff, day(2023, 1), np.ones((1, 8760))) == pytest.approx([usd], abs=1e-9)


def test_a_july_with_all_of_it_is_what_a_hand_makes_of_it():
    """July 2024 has 31 days, 23 of them weekdays. Home 0 takes 1 kW and on weekdays 16 to 21 another 3; home 1 takes .5 kW.

    Home 0: peak 5 x 23 x 4 = 460, rest 744 - 115 = 629, in all 1,089 kWh, of which 589 beyond 500.
    """
    tariff = RetailTariff(
        "all",
        (
            EnergyRate("rest", (0.10, 0.16), (500.0,), 0.0),
            EnergyRate("summer peak", (0.30, 0.40), (500.0,), 0.0),
        ),
        SUMMER,
        always(),
        Amount(10.0, 0.1),
        Amount(70.0),
        (DemandRate("evening", 5.0, PEAK, PEAK), DemandRate("any", 2.0, always(1), always(1))),
        "rate",
    )
    home_kw = np.full((2, 744), 1.0)
    hour = np.arange(744)
    weekday = (hour // 24) % 7 < 5  # 1 July 2024 is a Monday
    home_kw[0, weekday & (hour % 24 >= 16) & (hour % 24 < 21)] = 4.0
    home_kw[1] = 0.5
    peak, rest, beyond = 460.0, 629.0, 589.0 / 1089.0
    first = 0.10 * rest + 0.30 * peak
    energy = first + beyond * (0.06 * rest + 0.10 * peak)
    fixed, demand = 10.0 + 3.1, 4.0 * (5.0 + 2.0)
    small = 0.5 * (0.10 * 629 + 0.30 * 115) + 13.1 + 3.5  # 372 kWh: below 500
    assert small < 70.0
    expected = [energy + fixed + demand, 70.0]
    assert bill(tariff, day(2024, 7), home_kw) == pytest.approx(expected, abs=1e-9)
    winter = bill(tariff, day(2024, 12), home_kw)[1]
    assert winter == pytest.approx(70.0)
    no_least = tariff._replace(minimum=Amount())
    assert bill(no_least, day(2024, 12), home_kw)[1] == pytest.approx(37.2 + 13.1 + 3.5)


def test_a_run_over_two_months_bills_the_days_of_each():
    """30 and 31 January, 1 February 2023: 2 of 31 and 1 of 28 days of a fixed charge and of the end of the first block."""
    tariff = flat(0.1, 0.3, upto=(310.0,), fixed=Amount(31.0))
    own = bill(tariff, day(2023, 1, 30), np.ones((1, 72)))
    january = 20 * 0.1 + 28 * 0.3 + 2.0
    end = 310 / 28
    february = end * 0.1 + (24 - end) * 0.3 + 31 / 28
    assert own == pytest.approx([january + february], abs=1e-12)


def test_export_is_taken_off_the_month_or_paid_at_its_rate():
    power = np.concatenate([np.full((1, 12), 2.0), np.full((1, 12), -1.0)], 1)
    share = 1 / 30
    net = flat(0.1, 0.2, upto=(300.0,))
    assert bill(net, day(2023, 6), power) == pytest.approx([1.0 + 0.4])
    paid = flat(0.1, 0.2, upto=(300.0,), paid=0.05, export="rate")
    assert bill(paid, day(2023, 6), power) == pytest.approx([1.0 + 14 * 0.2 - 12 * 0.05])
    least = paid._replace(minimum=Amount(102.0))  # 3.4 of this day, the bill is 3.2
    assert bill(least, day(2023, 6), power) == pytest.approx([3.4])
    none = flat(0.1, 0.2, upto=(300.0,), export="none")
    assert bill(none, day(2023, 6), power) == pytest.approx([1.0 + 14 * 0.2])
    surplus = flat(0.1, 0.2, upto=(300.0,), minimum=Amount(30.0))
    assert bill(surplus, day(2023, 6), -power) == pytest.approx([30.0 * share])


def test_demand_is_a_mean_over_its_minutes_and_begins_anew_each_month():
    rate = DemandRate("any", 31.0, always(1), always(1), 15)
    power = np.zeros((1, 2 * 24 * 12))
    power[0, 100] = 6.0  # five minutes: 2 kW over fifteen, .5 over an hour
    power[0, 500] = 3.0
    quarter, hour = (
        bill(flat(0.0, demand=(each,)), day(2023, 1, 31), power, 12)
        for each in (rate, rate._replace(window_minutes=60))
    )
    assert quarter == pytest.approx([2.0 + 31 / 28])
    assert hour == pytest.approx([0.5 + 0.25 * 31 / 28])


def slow_bill(tariff: RetailTariff, first_day: int, power: np.ndarray) -> float:
    """Return the bill of one home of hourly power, hour by hour."""
    months: dict[tuple[int, int], list[int]] = {}
    start = date(1970, 1, 1) + timedelta(first_day)
    for hour in range(len(power)):
        at = start + timedelta(hour // 24)
        months.setdefault((at.year, at.month), []).append(hour)
    total = 0.0
    for (year, month), hours in months.items():
        following = date(year + month // 12, month % 12 + 1, 1)
        share = len(hours) / 24 / (following - date(year, month, 1)).days
        kwh = [0.0] * len(tariff.energy)
        usd = 0.0
        demand = [0.0] * len(tariff.demand)
        for hour in hours:
            weekend = (start + timedelta(hour // 24)).weekday() >= 5
            table = tariff.weekend if weekend else tariff.weekday
            row = table[month - 1][hour % 24]
            if tariff.export == "net_metering":
                kwh[row] += power[hour]
            else:
                kwh[row] += max(power[hour], 0.0)
                usd -= max(-power[hour], 0.0) * (tariff.energy[row].export_per_kwh or 0.0)
            for number, rate in enumerate(tariff.demand):
                held = (rate.weekend if weekend else rate.weekday)[month - 1][hour % 24]
                demand[number] = max(demand[number], power[hour] * bool(held))
        every = sum(kwh)
        for row, rate in enumerate(tariff.energy):
            scale = len(hours) / 24 if tariff.blocks_by_day else share
            ends = [0.0, *(end * scale for end in rate.upto_kwh), np.inf]
            if every <= 0:
                usd += kwh[row] * rate.per_kwh[0]
                continue
            for price, low, high in zip(rate.per_kwh, ends, ends[1:], strict=False):
                usd += kwh[row] * price * max(0.0, min(every, high) - low) / every
        usd += sum(
            each.per_kw_month * share * kw for each, kw in zip(tariff.demand, demand, strict=True)
        )
        usd += tariff.fixed.per_month * share + tariff.fixed.per_day * len(hours) / 24
        total += max(
            usd, tariff.minimum.per_month * share + tariff.minimum.per_day * len(hours) / 24
        )
    return total


@pytest.mark.parametrize("seed", range(6))
def test_any_tariff_bills_what_a_slow_bill_does(seed):
    rng = np.random.default_rng(seed)
    weekday, weekend = (
        tuple(tuple(int(x) for x in row) for row in rng.integers(0, 3, (12, 24))) for _ in range(2)
    )
    ends = tuple(np.sort(rng.uniform(50, 900, 2)).tolist())
    energy = [
        EnergyRate(str(row), tuple(rng.uniform(0.05, 0.4, 3).tolist()), ends) for row in range(2)
    ]
    energy.append(EnergyRate("one", (0.2,)))
    tariff = RetailTariff(
        "drawn",
        tuple(each._replace(export_per_kwh=float(rng.uniform(0, 0.05))) for each in energy),
        weekday,
        weekend,
        Amount(9.0, 0.2),
        Amount(30.0, 0.1),
        (DemandRate("peak", 4.0, PEAK, SUMMER), DemandRate("any", 1.0, always(1), always(1))),
        ("net_metering", "rate", "none")[seed % 3],
    )
    if tariff.export == "none":
        tariff = tariff._replace(energy=tuple(energy))
    power = rng.normal(0.6, 1.0, (4, 24 * 40))
    first = day(2024, 1) + int(rng.integers(0, 330))
    expected = [slow_bill(tariff, first, each) for each in power]
    assert bill(tariff, first, power) == pytest.approx(expected, rel=1e-12)


def test_homes_plan_on_the_block_in_which_their_month_ends():
    tariff = flat(0.1, 0.2, 0.3, upto=(300.0, 600.0), paid=0.05, export="rate")
    power = np.array([0.2, 0.5, 1.0, 0.5])[:, None] * np.ones((4, 48))
    terms = lay_out_terms(tariff, day(2023, 6, 29), 48, 72)
    planned = plan_blocks(terms, power, 1)
    price, credit = plan_prices(terms, planned.block, np.arange(72))
    assert price.shape == (3, 72)
    own = price[planned.home_class]
    assert np.array_equal(own[:, 0], [0.1, 0.2, 0.3, 0.2])
    assert np.array_equal(own[:, -1], own[:, 0]), "hours beyond the run belong to its last month"
    assert (credit == 0.05).all()


def test_plans_see_two_prices_in_every_hour_where_export_has_a_rate():
    """Runs in step have two prices in all of them or in none, whatever day of the week each is at."""
    free = RetailTariff(
        "free weekends",
        (EnergyRate("week", (0.2,), (), 0.05), EnergyRate("free", (0.0,), (), 0.0)),
        always(0),
        always(1),
        export="rate",
    )
    terms = lay_out_terms(free, day(2024, 6, 29), 24, 48)  # a Saturday
    price, credit = plan_prices(terms, plan_blocks(terms, np.ones((1, 24)), 1).block, np.arange(48))
    assert (credit < price).all()
    assert bill(free, day(2024, 6, 29), -np.ones((1, 24))) == [0.0]


def test_the_highest_demand_charge_of_the_month_is_planned_on():
    rates = (DemandRate("peak", 4.0, PEAK, PEAK), DemandRate("any", 3.0, always(1), SUMMER))
    terms = lay_out_terms(flat(0.1, demand=rates), day(2023, 1, 31), 48, 72)
    charge, counted = demand_ahead(terms, 12, 24)
    assert charge == pytest.approx(4.0 / 31)
    assert np.flatnonzero(counted).tolist() == [4, 5, 6, 7, 8]
    assert demand_ahead(terms, 24, 24)[1].sum() == 5
    assert [hour for hour in range(48) if begins_month(terms, hour)] == [24]
    assert demand_ahead(lay_out_terms(flat(0.1), day(2023, 1), 24, 48), 0, 24)[0] == 0.0
