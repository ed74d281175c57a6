"""Bids in ticks: ties to the last digit become ties, points that say nothing go, and nobody's answer to a price moves by more."""

import numpy as np
import pytest

from gridagora.kernels.curves.curve import Curves, clear, is_in_order, power_at
from gridagora.kernels.curves.ticks import SAME_KW, SAME_PER_KWH, TICK_PER_KWH, state_in_ticks

SEEDS = pytest.mark.parametrize("seed", range(6))


def row(*points):
    p_kw, price = np.array(points).T
    return Curves(np.array([0, len(p_kw)]), p_kw.copy(), price.copy())


def drawn(seed, n=40):
    """Return curves with slopes, flats and jumps, at prices of either sign."""
    rng = np.random.default_rng(seed)
    points = rng.integers(1, 9, n)
    offset = np.concatenate([[0], np.cumsum(points)])
    p_kw = [np.sort(np.round(rng.uniform(-4, 4, m), 1 + int(m) % 3)) for m in points]
    price = [-np.sort(-np.round(rng.uniform(-0.3, 0.5, m), 2 + int(m) % 3)) for m in points]
    return Curves(offset, np.concatenate(p_kw), np.concatenate(price))


@SEEDS
def test_a_row_in_ticks_is_a_row_between_the_one_it_was_and_one_a_tick_dearer(seed):
    curves = drawn(seed)
    told = state_in_ticks(curves)
    lost = 1 + np.diff(curves.offset).max()
    near = lost * SAME_PER_KWH
    assert is_in_order(told.offset, told.p_kw, told.price_per_kwh)
    for level in np.random.default_rng(seed).uniform(-0.35, 0.55, 30):
        least = power_at(curves, level + near, 0.0)
        most = power_at(curves, level - TICK_PER_KWH - near, 1.0)
        for share in (0.0, 1.0):
            power = power_at(told, level, share)
            assert (power >= least - SAME_KW).all()
            assert (power <= most + SAME_KW).all()


@SEEDS
def test_prices_are_ticks_and_stay_where_they_are(seed):
    told = state_in_ticks(drawn(seed))
    ticks = told.price_per_kwh / TICK_PER_KWH
    assert (ticks == np.rint(ticks)).all()
    again = state_in_ticks(told)
    assert (np.diff(again.offset) <= np.diff(told.offset)).all()
    assert set(again.price_per_kwh) <= set(told.price_per_kwh)


def test_two_blocks_that_differ_in_the_last_digit_are_served_alike():
    price = 0.053524117681844431
    for other in (np.nextafter(price, 1.0), np.nextafter(price, 0.0), price):
        both = Curves(
            np.array([0, 2, 4]), np.array([0.0, 4.0, 0.0, 2.0]), np.array([price] * 2 + [other] * 2)
        )
        told = state_in_ticks(both)
        found = clear(told, 0.0, np.array([0.0, 3.0, 3.0]), np.array([0.01, 0.01, 1.0]))
        power = power_at(told, found.price_per_kwh, found.share)
        assert power == pytest.approx([2.0, 1.0], abs=1e-8)


@pytest.mark.parametrize("price", [0.0, 0.0625, 0.05, 0.0712345678901, -0.03, 1 / 3])
def test_who_is_indifferent_at_a_price_still_buys_at_it(price):
    for digit in (-1e-15, 0.0, 1e-15):
        told = state_in_ticks(row((0.0, price + digit), (3.0, price + digit)))
        assert power_at(told, price, 1.0) == [3.0]


def test_a_price_that_is_on_a_tick_to_the_last_digits_is_on_it():
    for tick in (0.0625, -0.25, 3 * TICK_PER_KWH):
        near = [np.nextafter(tick, -1.0), tick, np.nextafter(tick, 1.0), tick + 1e-15]
        for price in near:
            assert state_in_ticks(row((0.0, price), (1.0, price))).price_per_kwh[0] == tick


def test_points_that_rounding_makes_go():
    twice = row((0.0, 0.2), (1.5, 0.1), (1.5 + 1e-13, 0.1 - 1e-16))
    assert state_in_ticks(twice).p_kw.tolist() == [0.0, 1.5]
    assert state_in_ticks(row((1.0, 0.3), (1.0 + 1e-13, 0.3))).p_kw.tolist() == [1.0]
    jump = row((0.0, 0.2), (1.5, 0.1), (1.5 + 1e-13, 0.1 - 1e-16), (1.5 + 2e-13, 0.05), (3.0, 0.0))
    assert len(state_in_ticks(jump).p_kw) == 4
    line = row((0.0, 0.2), (1.0, 0.15 + 1e-14), (2.0, 0.1), (2.0, 0.02))
    assert state_in_ticks(line).p_kw.tolist() == [0.0, 2.0, 2.0]
    kink = row((0.0, 0.2), (1.0, 0.16), (2.0, 0.1))
    assert len(state_in_ticks(kink).p_kw) == 3
    assert len(state_in_ticks(row((1.0, 0.3))).p_kw) == 1
