"""Intervals of means, quantiles and proportions: published examples, coverage, corrections, and the rule that stops."""

import math

import numpy as np
import pytest

from gridagora.core.rng import stream
from gridagora.studies.risk.distribution_free import (
    exact_proportion_interval,
    least_draws,
    proportion_interval,
    quantile_interval,
)
from gridagora.studies.risk.drivers import driver_effect, rank_correlation, ranks
from gridagora.studies.risk.intervals import (
    adjust_holm,
    bootstrap_mean_intervals,
    mean_interval,
    p_value,
)
from gridagora.studies.risk.stopping import draws_for, find_stop, half_widths

# Student, The probable error of a mean, Biometrika 6, 1908, section IX: hours of sleep gained, two drugs and their difference
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
# R. G. Newcombe, Statistics in Medicine 17, 1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I:
# hits, count, score interval (method 3), exact interval (method 5)
PROPORTIONS = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


def test_the_difference_of_two_drugs_in_ten_patients():
    found = mean_interval(SLEEP)
    assert found.value == pytest.approx(1.58)
    assert p_value(SLEEP) == pytest.approx(0.00283, abs=5e-6)
    assert (found.low, found.high) == pytest.approx((0.7001, 2.4599), abs=5e-5)


@pytest.mark.parametrize(("hits", "count", "score", "exact"), PROPORTIONS)
def test_published_intervals_of_proportions(hits, count, score, exact):
    assert proportion_interval(hits, count)[1:] == pytest.approx(score, abs=5.1e-5)
    assert exact_proportion_interval(hits, count)[1:] == pytest.approx(exact, abs=5.1e-5)


@pytest.mark.parametrize("count", [1, 7, 40])
def test_exact_intervals_hold_the_share_and_mirror(count):
    for hits in range(count + 1):
        for interval in (proportion_interval, exact_proportion_interval):
            found, other = interval(hits, count), interval(count - hits, count)
            assert 0.0 <= found.low <= hits / count <= found.high <= 1.0
            assert found.low == pytest.approx(1.0 - other.high, abs=1e-9)


def test_no_world_at_all_gives_no_figure():
    for found in (mean_interval(np.empty(0)), quantile_interval(np.empty(0), 0.95)):
        assert all(math.isnan(each) for each in found)
    assert math.isnan(proportion_interval(0, 0).value)
    assert math.isnan(mean_interval(np.array([3.0])).low)
    assert math.isnan(p_value(np.array([3.0])))


def test_draws_that_are_all_alike():
    assert mean_interval(np.full(5, 0.1)) == (0.1, 0.1, 0.1)
    assert p_value(np.zeros(4)) == 1.0
    assert p_value(np.full(4, 2.0)) == 0.0


def test_holm_by_hand():
    """Four p values: 4 x .005, 3 x .01, 2 x .03, and the last no less than the one before."""
    found = adjust_holm(np.array([0.01, 0.04, 0.03, 0.005, np.nan]))
    assert np.allclose(found[:4], [0.03, 0.06, 0.06, 0.02])
    assert math.isnan(found[4])
    assert adjust_holm(np.array([0.8, 0.9])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("level", "confidence", "least"), [(0.95, 0.9, 59), (0.95, 0.95, 72), (0.9, 0.95, 36)]
)
def test_least_draws_of_a_tail(level, confidence, least):
    """59 are the one-sided 95 %/95 % of Wilks; the two-sided interval of a quantile has an upper end from there on."""
    assert least_draws(level, confidence) == least
    draws = np.arange(float(least))
    assert math.isfinite(quantile_interval(draws, level, confidence).high)
    assert math.isnan(quantile_interval(draws[1:], level, confidence).high)


def test_order_statistics_around_a_median():
    """Of ten draws the second and the ninth enclose the median in 97.9 % of cases; the third and the eighth only in 89."""
    found = quantile_interval(np.arange(1.0, 11.0), 0.5)
    assert found == (5.0, 2.0, 9.0)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_intervals_of_a_quantile_cover_whatever_the_distribution(level):
    draw, times, missed = stream(2, "quantile"), 1500, 0
    for _ in range(times):
        found = quantile_interval(draw.uniform(size=90), level)
        missed += found.low > level or found.high < level
    assert missed <= 0.05 * times + 2.0 * math.sqrt(times * 0.05 * 0.95)


def test_bootstrap_and_student_cover_a_skewed_mean_about_alike():
    draw, times = stream(3, "mean"), 40
    values = draw.standard_exponential((60, 25 * times)) - 1.0
    ends = bootstrap_mean_intervals(values)
    boot = np.mean((ends[0] <= 0.0) & (ends[1] >= 0.0))
    student = np.mean(
        [mean_interval(x).low <= 0.0 <= mean_interval(x).high for x in values.T.copy()]
    )
    assert 0.90 <= boot <= 0.97
    assert 0.90 <= student <= 0.97


def test_the_order_of_draws_changes_no_bit():
    draw = stream(4, "order")
    values, order = draw.standard_normal((50, 3)), draw.permutation(50)
    assert np.array_equal(bootstrap_mean_intervals(values), bootstrap_mean_intervals(values[order]))
    assert mean_interval(values[:, 0]) == mean_interval(values[order, 0])
    assert p_value(values[:, 0]) == p_value(values[order, 0])
    one, two = driver_effect(*values.T[:2]), driver_effect(*values[order].T[:2])
    assert one == two


def test_half_widths_are_those_of_the_interval_after_each_draw():
    x = 1e6 + stream(5, "width").standard_normal(40)
    found = half_widths(x)
    assert math.isnan(found[0])
    for n in (2, 11, 40):
        assert found[n - 1] == pytest.approx(mean_interval(x[:n]).half_width, rel=1e-6)


def test_the_rule_stops_where_the_interval_is_narrow_and_never_at_once():
    x = stream(6, "stop").standard_normal(2000)
    found = find_stop(x, 0.1)
    assert found.draws is not None
    assert half_widths(x)[found.draws - 1] <= 0.1
    assert 300 < found.draws < 480  # (1.96 / .1)**2 = 384
    assert find_stop(x[: found.draws - 1], 0.1).draws is None
    assert find_stop(np.zeros(5), 0.1).draws is None
    assert find_stop(np.zeros(50), 0.1).draws == 10
    # draws that are alike by chance do not end it at once: t_3 = 3.18 is below 4, t_2 = 4.30 is not below 3
    assert find_stop(np.zeros(50), 0.1, least=2).draws == 4


def test_intervals_where_the_rule_stopped_cover():
    """With the least of ten draws; the loss to stopping early is a few per cent."""
    draw, times, covered = stream(7, "sequential"), 400, 0
    for _ in range(times):
        x = draw.standard_normal(400)
        stop = find_stop(x, 0.25).draws
        covered += stop is not None and abs(x[:stop].mean()) <= 0.25
    assert covered / times >= 0.91


def test_draws_fall_with_the_square_of_the_width():
    assert draws_for(2.0, 1.0, 50) == 200
    assert draws_for(0.1, 1.0, 50) == 10


def test_ranks_share_and_correlate():
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    x = stream(8, "ranks").standard_normal(60)
    assert rank_correlation(x, np.exp(x)) == (1.0, 1.0, 1.0)
    assert rank_correlation(x, -x).value == -1.0
    assert math.isnan(rank_correlation(x, np.zeros(60)).value)
    found = rank_correlation(x, x + 2.0 * stream(9, "ranks").standard_normal(60))
    assert found.low < found.value < found.high


def test_a_driver_of_bad_worlds_stands_out_and_another_does_not():
    draw = stream(10, "drivers")
    heat, sun = draw.standard_normal(200), draw.standard_normal(200)
    loss = 100.0 + 10.0 * heat + draw.standard_normal(200)
    found, other = driver_effect(loss, heat), driver_effect(loss, sun)
    assert found.distance > 1.5 > found.chance
    assert abs(other.distance) < other.chance
    assert found.tail_mean > found.rest_mean
    assert math.isnan(driver_effect(loss, np.full(200, 3.0)).distance)


def test_distances_by_chance_stay_within_what_is_said_of_chance():
    draw, times = stream(11, "chance"), 800
    far = 0
    for _ in range(times):
        found = driver_effect(draw.standard_normal(200), draw.standard_normal(200))
        far += abs(found.distance) > found.chance
    assert 0.02 * times < far < 0.085 * times
