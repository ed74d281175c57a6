"""Rows of the network among layers: whose each is, what is left out of it, and what crosses."""

import numpy as np
import pytest

from gridagora.core.encoding import message_bytes
from gridagora.core.limits import NOWHERE, Coefficients, LimitKind, Limits
from gridagora.core.network_operator import NetworkState
from gridagora.core.place import Level, lift_kw, places
from gridagora.mechanisms.layer_plan import table_rows
from gridagora.mechanisms.layer_rows import (
    LOADS,
    PRICES,
    SPARED_SHARE,
    count_crossing,
    find_owners,
    read_coefficients,
)

A, B, C, ZONE, ROOT = range(5)
TREE = places(
    ["a", "b", "c", "zone", "feeder"],
    [Level.TRANSFORMER] * 3 + [Level.ZONE, Level.FEEDER],
    [ZONE, ZONE, ROOT, ROOT, -1],
)
PLACE = np.array([A, A, B, C])


def told(dense, low=0.95, high=1.05, over=200.0, fixed=1.0):
    """Return what an operator tells of rows over four homes."""
    k, n = np.shape(dense)
    limits = Limits(
        Coefficients(n * np.arange(k + 1), np.tile(np.arange(n), k), np.ravel(dense)),
        Coefficients(np.zeros(k + 1, np.int64), np.zeros(0, np.int64), np.zeros(0)),
        np.full((k, 1), fixed),
        np.full((k, 1), low),
        np.full((k, 1), high),
        np.full(k, over),
        tuple(f"row {at}" for at in range(k)),
        np.full(k, int(LimitKind.VOLTAGE)),
        np.full(k, NOWHERE),
    )
    nothing = np.zeros((k, 1))
    return NetworkState(limits, nothing, nothing, np.zeros(1), None, np.arange(n), np.array(dense))


def read(dense, p_kw=(0.0, 0.0, 0.0, 0.0), **more):
    return table_rows(told(np.array(dense, float), **more), np.array(p_kw)[:, None])


def owners(found):
    moved = lift_kw(TREE, PLACE, (found.by_kw != 0).T.astype(np.float64)).T
    return find_owners(TREE, moved), moved


def test_a_row_belongs_to_the_lowest_place_that_holds_what_it_can_steer():
    owner, moved = owners(read([[-2.0, -1, 0, 0], [0, 0, -1, 0], [-1, 0, -1, 0], [0, -1, 0, -1]]))
    assert owner.tolist() == [A, B, ZONE, ROOT]
    assert moved[2].tolist() == [1, 1, 0, 2, 2]


def test_a_row_counts_in_kw_of_the_home_that_moves_it_most_and_costs_so_much():
    found = read([[-0.002, -0.001, 0, 0]], fixed=1.04)
    np.testing.assert_allclose(found.by_kw, [[-1, -0.5, 0, 0]])
    np.testing.assert_allclose(found.high_kw - found.base_kw, 5.0)
    np.testing.assert_allclose(found.low_kw - found.base_kw, -45.0)
    np.testing.assert_allclose(found.over_per_kwh, 0.4)


def test_who_moves_a_row_least_is_left_out_and_stands_in_it_as_it_is():
    small = 0.9 * SPARED_SHARE
    found = read([[1.0, small, 0, 0]], p_kw=(3.0, 2.0, 0, 0), low=-np.inf, high=10.0, fixed=0.0)
    assert found.by_kw.tolist() == [[1.0, 0, 0, 0]]
    assert found.base_kw == pytest.approx(2.0 * small)
    crowd = read([[1.0, 0.4, 0.4, 0.4]], low=-np.inf)
    assert (crowd.by_kw != 0).all()


def test_coefficients_are_read_wherever_they_stand():
    limits = told(np.ones((2, 4))).limits
    sparse = Coefficients(np.array([0, 1, 3]), np.array([2, 0, 3]), np.array([5.0, 6.0, 7.0]))
    expected = [[0, 0, 5, 0], [6, 0, 0, 7]]
    assert read_coefficients(limits._replace(a=sparse), 4).tolist() == expected


def crossing(dense, steps=1):
    owner, moved = owners(read(dense, low=-np.inf))
    return count_crossing(TREE, owner, moved, steps)


def test_only_places_below_the_one_that_owns_a_row_say_and_hear_of_it():
    """A row of the feeder passes at both transformers and the zone between; rows of a transformer pass nowhere."""
    own = crossing([[-2.0, -1, 0, 0], [0, 0, -1, 0]])
    assert (own.messages, own.bytes, own.disclosed) == (0, 0, 0)
    shared = crossing([[-1.0, 0, 0, -1]])
    assert shared.messages == 2 * 3  # a, c and the zone
    assert shared.bytes == 3 * (message_bytes(LOADS, 1) + message_bytes(PRICES, 1))
    zone = crossing([[-1.0, 0, -1, 0]] * 2, steps=24)
    assert zone.messages == 2 * 2
    assert zone.bytes == 2 * (message_bytes(LOADS, 48) + message_bytes(PRICES, 48))
