"""Tails of losses: laws of a coherent measure, closed forms, and how often intervals cover the truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from gridagora.core.rng import stream
from gridagora.studies.risk.tail import (
    expected_shortfall,
    shortfall_difference,
    shortfall_interval,
    tail_contributions,
    tail_weights,
    value_at_risk,
)

LOSSES = st.lists(st.integers(-1000, 1000), min_size=3, max_size=40)
LEVELS = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])
COVERED = 0.90  # at the least, of intervals of 95 % where few draws lie in the tail


def test_t27_ten_losses_with_a_part_of_one_in_the_tail():
    """T27: {1, ..., 10} at .85: the worst one and a half are 10 and half of 9."""
    losses = np.arange(1.0, 11.0)
    assert expected_shortfall(losses, 0.85) == pytest.approx((10.0 + 0.5 * 9.0) / 1.5, abs=1e-12)
    assert value_at_risk(losses, 0.85) == 9.0
    assert value_at_risk(losses, 0.9) == 9.0  # nine of ten do not exceed it
    assert expected_shortfall(losses, 0.9) == pytest.approx(10.0, abs=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_t27_closed_forms_at_the_quantiles_of_a_normal_and_an_exponential_loss(level):
    """T27: draws at the middles of equal shares of probability have the tails of the distribution."""
    n = 400_000
    share = (np.arange(n) + 0.5) / n
    normal, q = 3.0 + 2.0 * ndtri(share), ndtri(level)
    density = math.exp(-q * q / 2.0) / math.sqrt(2.0 * math.pi)
    assert value_at_risk(normal, level) == pytest.approx(3.0 + 2.0 * q, abs=1e-3)
    assert expected_shortfall(normal, level) == pytest.approx(
        3.0 + 2.0 * density / (1.0 - level), abs=1e-3
    )
    exponential = -np.log1p(-share)
    assert value_at_risk(exponential, level) == pytest.approx(-math.log(1 - level), abs=1e-3)
    assert expected_shortfall(exponential, level) == pytest.approx(
        1.0 - math.log(1 - level), abs=1e-3
    )


@given(LOSSES, LEVELS)
def test_shortfall_is_at_least_the_value_at_risk_and_at_most_the_worst(losses, level):
    x = np.array(losses, dtype=float)
    found = expected_shortfall(x, level)
    assert value_at_risk(x, level) - 1e-9 <= found <= x.max() + 1e-9
    assert found >= x.mean() - 1e-9


@given(LOSSES, LEVELS, st.integers(-500, 500), st.sampled_from([0.25, 2.0, 8.0]))
def test_a_constant_moves_both_and_a_factor_scales_both(losses, level, constant, factor):
    x = np.array(losses, dtype=float)
    for measure in (value_at_risk, expected_shortfall):
        assert measure(x + constant, level) == pytest.approx(measure(x, level) + constant, abs=1e-9)
        assert measure(factor * x, level) == pytest.approx(factor * measure(x, level), abs=1e-9)


@given(st.data(), LEVELS)
def test_the_shortfall_of_a_sum_never_exceeds_the_sum(data, level):
    one = data.draw(LOSSES)
    two = data.draw(st.lists(st.integers(-1000, 1000), min_size=len(one), max_size=len(one)))
    x, y = np.array(one, dtype=float), np.array(two, dtype=float)
    parts = expected_shortfall(x, level) + expected_shortfall(y, level)
    assert expected_shortfall(x + y, level) <= parts + 1e-9


def test_value_at_risk_has_no_such_law():
    """The reason why the page shows both: two unlikely losses that come apart count nothing alone."""
    x, y = np.zeros(100), np.zeros(100)
    x[:4], y[4:8] = 10.0, 10.0
    assert value_at_risk(x + y, 0.95) > value_at_risk(x, 0.95) + value_at_risk(y, 0.95)


@given(LOSSES, LEVELS, st.randoms())
def test_the_order_of_draws_changes_no_bit(losses, level, random):
    x = np.array(losses, dtype=float) / 7.0
    y = np.sin(x)
    order = list(range(len(x)))
    random.shuffle(order)
    assert expected_shortfall(x, level) == expected_shortfall(x[order], level)
    parts = np.column_stack([y, x - y])
    assert np.array_equal(
        tail_contributions(x, parts, level), tail_contributions(x[order], parts[order], level)
    )


def test_the_order_of_draws_changes_no_bit_of_an_interval():
    draw = stream(1, "order")
    x, y, order = draw.standard_normal(90), draw.standard_normal(90), draw.permutation(90)
    assert shortfall_difference(x, y) == shortfall_difference(x[order], y[order])


@given(LOSSES, LEVELS)
def test_t27_contributions_sum_to_the_shortfall_and_draws_at_the_edge_share_alike(losses, level):
    """T27: Euler contributions."""
    x = np.array(losses, dtype=float)
    parts = np.column_stack([0.25 * x, np.cos(x), 0.75 * x - np.cos(x)])
    found = tail_contributions(x, parts, level)
    assert found.sum() == pytest.approx(expected_shortfall(x, level), abs=1e-8)
    weights = tail_weights(x, level)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.ptp(weights[x == value_at_risk(x, level)]) == 0.0


def test_losses_that_are_all_alike_have_an_interval_of_no_width():
    assert shortfall_interval(np.full(80, 4.0)) == (4.0, 4.0, 4.0)


def test_a_design_against_itself_differs_by_nothing():
    x = stream(1, "self").standard_normal(100)
    assert shortfall_difference(x, x.copy()) == (0.0, 0.0, 0.0)


def test_what_two_designs_share_drops_out_of_their_difference():
    draw = stream(1, "shared")
    x = 100.0 * draw.standard_normal(200)
    assert shortfall_difference(x + 5.0, x) == pytest.approx((5.0, 5.0, 5.0), abs=1e-9)
    apart = shortfall_interval(x)
    paired = shortfall_difference(x + 5.0 + draw.standard_normal(200), x)
    assert paired.high - paired.low < 0.05 * (apart.high - apart.low)
    assert 2.0 < paired.low < paired.high < 8.0


@settings(deadline=None)
@given(st.sampled_from([0.5, 3.0]))
def test_an_interval_scales_and_moves_with_its_losses(factor):
    x = stream(1, "scaled").standard_exponential(100)
    one, two = shortfall_interval(x), shortfall_interval(factor * x + 11.0)
    assert np.allclose(factor * np.array(one) + 11.0, two, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["normal", "exponential", "lognormal"])
def test_intervals_of_the_shortfall_cover_it_with_few_draws_in_the_tail(kind):
    """Of 95 % intervals from 100 draws, five of them in the tail; percentiles of a bootstrap cover 72 to 80 %."""
    level, count, times = 0.95, 100, 250
    q = ndtri(level)
    draw = stream(1, "coverage", kind)
    make, truth = {
        "normal": (
            draw.standard_normal,
            math.exp(-q * q / 2.0) / math.sqrt(2.0 * math.pi) / (1.0 - level),
        ),
        "exponential": (draw.standard_exponential, 1.0 - math.log(1.0 - level)),
        "lognormal": (
            lambda n: draw.lognormal(0.0, 0.5, n),
            math.exp(0.125) * ndtr(0.5 - q) / (1.0 - level),
        ),
    }[kind]
    covered = 0
    for _ in range(times):
        found = shortfall_interval(make(count), level)
        covered += not (found.low > truth or found.high < truth)
    assert covered >= COVERED * times - 2.0 * math.sqrt(times * COVERED * (1.0 - COVERED))
