"""Metrics of delivery in closed form (theory 8.5): misses of single homes and of all, by the interval and by the hour."""

import math

import numpy as np
import pytest

from gridagora.results.outcome import settlement_period
from gridagora.settlement.ledger import book, join

NAN = math.nan
DELIVERY = ("D1", "D1i", "D1s", "D1si", "D1t", "D1ti")
# Two hours of quarters. The first home misses by 1 kW up and down in the first hour and by 2 kW in the second; the second home
# is 1 kW low in the first hour and has no award in the second; the third home has none at all.
HOME_KW = np.array([[3.0, 1.0, 3.0, 1.0, 4.0, 4.0, 4.0, 4.0], [1.0] * 8, [9.0] * 8])
AWARD_KW = np.array([[2.0] * 8, [2.0] * 4 + [NAN] * 4, [NAN] * 8])


def awarded(make, home_kw=HOME_KW, award_kw=AWARD_KW, **changed):
    return make(home_kw=home_kw, award_kw=award_kw, **changed)


@pytest.mark.parametrize(
    ("metric_id", "expected"),
    [
        ("D1", ((0.0 + 2.0) / 2 + 1.0) / 2),  # by home: 2 kWh in two hours, 1 kWh in one
        ("D1i", ((1.0 + 2.0) / 2 + 1.0) / 2),
        ("D1s", (0.0 + 2.0 + 1.0) / (2.0 + 4.0 + 1.0)),
        ("D1si", (1.0 + 2.0 + 1.0) / 7.0),
        ("D1t", (1.0 + 2.0) / 7.0),
        ("D1ti", (0.5 * 0.0 + 0.5 * 2.0 + 2.0) / 7.0),  # +1 - 1 cancels, -1 - 1 does not
    ],
)
def test_closed_forms(make, metric_value, metric_id, expected):
    assert metric_value(metric_id, awarded(make)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric_id", DELIVERY)
def test_what_delivers_as_awarded_misses_nothing(make, metric_value, metric_id):
    assert metric_value(metric_id, awarded(make, HOME_KW, HOME_KW)) == 0.0


@pytest.mark.parametrize("metric_id", DELIVERY)
def test_without_awards_nothing_is_said(make, metric_value, metric_id):
    assert math.isnan(metric_value(metric_id, make()))


@pytest.mark.parametrize("metric_id", DELIVERY)
def test_export_counts_as_import_does(make, metric_value, metric_id):
    turned = awarded(make, -HOME_KW, -AWARD_KW)
    assert metric_value(metric_id, turned) == pytest.approx(
        metric_value(metric_id, awarded(make)), rel=1e-12
    )


@pytest.mark.parametrize("metric_id", ["D1s", "D1si", "D1t", "D1ti"])
def test_a_share_of_no_energy_is_not_said(make, metric_value, metric_id):
    assert math.isnan(metric_value(metric_id, awarded(make, np.zeros((3, 8)))))


@pytest.mark.parametrize("seed", range(5))
def test_longer_windows_and_more_homes_together_only_cancel(make, metric_value, seed):
    """|sum| <= sum of ||, of homes that all withdraw: their energy is then the same one by one and together."""
    rng = np.random.default_rng(seed)
    home_kw, award_kw = rng.uniform(0, 4, (3, 8)), rng.normal(0, 2, (3, 8))
    award_kw[:, 4:][rng.random(3) < 0.5] = NAN
    got = {name: metric_value(name, awarded(make, home_kw, award_kw)) for name in DELIVERY}
    slack = 1 + 1e-12
    assert got["D1"] <= got["D1i"] * slack
    assert got["D1s"] <= got["D1si"] * slack
    assert got["D1t"] <= got["D1ti"] * slack
    assert got["D1ti"] <= got["D1si"] * slack
    assert got["D1t"] <= got["D1s"] * slack


def test_opposite_misses_of_two_homes_cancel_at_the_feeder_alone(make, metric_value):
    home_kw = np.stack([np.full(8, 3.0), np.full(8, 1.0)])
    pair = awarded(make, home_kw, np.full((2, 8), 2.0))
    assert metric_value("D1", pair) == pytest.approx(1.0)
    assert metric_value("D1s", pair) == pytest.approx(0.5)
    assert metric_value("D1t", pair) == metric_value("D1ti", pair) == 0.0


def test_the_charge_is_a_mean_over_all_homes(make, metric_value):
    o = make()
    day, operator = settlement_period(o), 3
    rows = [
        book(np.array([0, 1]), operator, "deviation charge", np.array([0.4, 0.2]), day),
        book(0, operator, "energy", 9.0, day),
    ]
    assert metric_value("D1u", o._replace(ledger=join(rows))) == pytest.approx(0.2)
    assert metric_value("D1u", o._replace(ledger=join(rows[1:]))) == 0.0
