"""Sums of devices by home: to the last bit those of numpy, in the order of the rows."""

import numpy as np

from gridagora.kernels.physics.homes import add_group, no_sums


def test_sums_by_home_are_those_of_numpy_to_the_last_bit() -> None:
    rng = np.random.default_rng(3)
    n, r = 7, 40
    sums, kinds = no_sums(n), np.empty((3, n))
    drawn, ordered, widest = np.zeros(n), np.zeros(n), np.zeros(n)
    for kind in range(3):
        home, p_kw, asked = rng.integers(0, n - 1, r), rng.normal(size=r), rng.normal(size=r)
        before, after, account = rng.normal(size=(3, r))
        told = None if kind == 1 else asked
        add_group(sums, home, p_kw, told, (before, after, account), kinds[kind])
        total = np.bincount(home, p_kw, n)
        assert np.array_equal(kinds[kind], total)
        drawn = drawn + total
        ordered = ordered + (0.0 if told is None else np.bincount(home, told, n))
        np.maximum.at(widest, home, np.abs(after - before - account))
    assert np.array_equal(sums.drawn_kw, drawn)
    assert np.array_equal(sums.ordered_kw, ordered)
    assert np.array_equal(sums.widest_kwh, widest)
    assert widest[-1] == 0.0 and widest[0] > 0.0


def test_a_gap_that_is_no_number_stays() -> None:
    sums, home, one = no_sums(2), np.array([0, 0, 1]), np.ones(3)
    stores = np.zeros(3), np.array([np.nan, 5.0, 2.0]), np.zeros(3)
    add_group(sums, home, one, None, stores, np.empty(2))
    assert np.isnan(sums.widest_kwh[0]) and sums.widest_kwh[1] == 2.0


def test_columns_of_any_layout_and_kind_of_number_are_added() -> None:
    sums, wide, kind = no_sums(2), np.arange(12.0).reshape(3, 4), np.empty(2)
    whole = np.array([1, 2, 3])
    add_group(sums, np.array([0, 1, 1]), wide[:, 1], None, (whole, whole, np.zeros(3)), kind)
    assert kind.tolist() == [1.0, 14.0] and not sums.widest_kwh.any()
