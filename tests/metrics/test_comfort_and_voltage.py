"""Metrics of voltage, comfort and information in closed form (theory 8.3, 8.4, 8.6)."""

import math

import numpy as np
import pytest

from gridagora.results.outcome import Exchange
from gridagora.results.supply_quality import VoltageUnbalance


@pytest.mark.parametrize(
    ("metric_id", "expected"),
    [
        ("V1", 0.94),
        ("V1h", 1.06),
        ("V4", 2 * 0.25),  # 0.95 and 1.05 are inside
        ("C1", 3.0),
        ("C1v", 1.0),
        ("C2", 0.5),
        ("C2e", 0.6),
        ("C3", 1.0 / (2 / 24)),
        ("I1", 24.0),
        ("I1b", 3.0),
        ("I1r", 2.0),
        ("I2", 7.0),
        ("I3", 1.25),
    ],
)
def test_closed_forms(make, metric_value, metric_id, expected):
    got = metric_value(metric_id, make())
    assert got == pytest.approx(expected, rel=1e-12)
    assert isinstance(got, float)


@pytest.mark.parametrize("metric_id", ["V1", "V1h", "V4"])
def test_voltage_needs_a_power_flow(make, make_flow, metric_value, metric_id):
    gone = np.full(8, np.nan)
    none = make_flow(
        losses_kw=gone, v_min_pu=gone, v_max_pu=gone, home_v_pu=np.full((3, 8), np.nan)
    )
    assert math.isnan(metric_value(metric_id, make(network=None)))
    assert math.isnan(metric_value(metric_id, make(network=none)))


@pytest.mark.parametrize(
    ("v_pu", "hours"),
    [(0.95, 0.0), (1.05, 0.0), (0.9499999, 6.0), (1.0500001, 6.0), (1.0, 0.0), (math.nan, 0.0)],
)
def test_range_a_is_that_of_the_standard_bounds_included(
    make, make_flow, metric_value, v_pu, hours
):
    """ANSI C84.1: 114 to 126 V on 120 V. Three homes over two hours."""
    assert metric_value("V4", make(network=make_flow(home_v_pu=np.full((3, 8), v_pu)))) == hours


def test_the_extremes_are_of_all_intervals_that_have_a_flow(make, make_flow, metric_value):
    low, high = (np.full(8, np.nan) for _ in range(2))
    low[5], high[2] = 0.97, 1.03
    found = make(network=make_flow(v_min_pu=low, v_max_pu=high))
    assert (metric_value("V1", found), metric_value("V1h", found)) == (0.97, 1.03)


def test_unbalance_is_that_of_the_worst_bus_of_three_phases(make, make_flow, metric_value):
    buses = np.array([0, 1, 4])
    for kept, told in (([0.01, 0.018, 0.004], 0.018), ([math.nan] * 3, math.nan)):
        found = VoltageUnbalance(buses, np.array(kept), np.full(3, 0.2))
        got = metric_value("V7", make(network=make_flow(unbalance=found)))
        assert got == told or (math.isnan(got) and math.isnan(told))
    assert math.isnan(metric_value("V7", make()))


def test_comfort_is_a_mean_over_homes_and_a_missing_charge_a_sum(make, metric_value):
    """Twice as many homes of the same kind feel the same each; their cars miss twice as much."""
    one = make()
    twice = one._replace(
        measures={name: np.tile(column, 2) for name, column in one.measures.items()},
        device_usd={name: np.tile(column, 2) for name, column in one.device_usd.items()},
    )
    for metric_id in ("C1", "C1v", "C2", "C3"):
        assert metric_value(metric_id, twice) == pytest.approx(metric_value(metric_id, one)), (
            metric_id
        )
    assert metric_value("C2e", twice) == pytest.approx(2 * metric_value("C2e", one))


def test_the_worth_of_discomfort_is_not_that_of_wear(make, metric_value):
    usd = {"wear": np.full(3, 50.0), "comfort": np.array([0.0, 0.3, 0.6])}
    assert metric_value("C1v", make(device_usd=usd)) == pytest.approx(0.3)


def test_starts_are_by_the_day(make, metric_value):
    """Two starts in a run of 24 hours are two a day, however long the intervals are."""
    for per, dt_h in ((24, 1.0), (96, 0.25), (288, 1 / 12)):
        day = make(home_kw=np.ones((3, per)), dt_h=dt_h)
        day = day._replace(measures=dict(day.measures) | {"starts": np.array([2.0, 2.0, 2.0])})
        assert metric_value("C3", day) == pytest.approx(2.0), dt_h


def test_information_is_what_was_counted(make, metric_value):
    o = make(exchange=Exchange(messages=0, bytes=1, rounds=4, disclosed=0))
    assert [metric_value(name, o) for name in ("I1", "I1b", "I1r", "I2")] == [0.0, 1e-6, 0.5, 0.0]
