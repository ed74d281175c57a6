"""Limits that fill the rows of a network: closed forms, rows that are kept by all who keep theirs, and who stops where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.mechanisms.network_envelope import SharedRows, share_rows

MOST = np.full(3, 20.0)


def shared(by_kw, room, weight=None, most=MOST):
    rows = SharedRows(np.array(by_kw, float), np.array(room, float)[:, None])
    weight = np.ones(rows.by_kw.shape[1]) if weight is None else np.array(weight, float)
    return share_rows(rows, weight[:, None], most)[:, 0]


def test_one_row_is_shared_by_weight():
    assert shared([[1, 1, 1]], [9.0]) == pytest.approx([3, 3, 3])
    assert shared([[1, 1, 1]], [9.0], [1, 2, 0]) == pytest.approx([3, 6, 0])


def test_who_moves_a_row_more_stops_at_the_same_limit():
    """Equal limits, not equal use: 2 + 1 + 1 units a kW of 12."""
    assert shared([[2, 1, 1]], [12.0]) == pytest.approx([3, 3, 3])


def test_homes_outside_a_full_row_grow_on():
    """The first two share 4 kW of their transformer; the third has what is left of 15 kW at the substation."""
    assert shared([[1, 1, 0], [1, 1, 1]], [4.0, 15.0]) == pytest.approx([2, 2, 11])
    assert shared([[1, 1, 0], [1, 1, 1]], [4.0, 100.0]) == pytest.approx([2, 2, 20])


def test_who_moves_a_row_by_next_to_nothing_does_not_stop_with_it():
    """At its most the third takes .02 of 4 kW: it is set aside, and the other two share the rest."""
    assert shared([[1, 1, 0.001]], [4.0]) == pytest.approx([1.99, 1.99, 20])


def test_no_room_leaves_nothing_and_no_row_leaves_the_most():
    assert shared([[1, 0, 0]], [-1.0]) == pytest.approx([0, 20, 20])
    assert shared(np.zeros((0, 3)), np.zeros(0)) == pytest.approx([20, 20, 20])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rows_are_kept_by_all_at_once_and_nobody_can_be_given_more_alone(seed):
    rng = np.random.default_rng(seed)
    k, n = rng.integers(1, 6), rng.integers(1, 9)
    by_kw = rng.uniform(0, 1, (k, n)) * (rng.random((k, n)) < 0.6)
    room, weight = rng.uniform(0, 20, (k, 2)), rng.uniform(0, 2, (n, 2))
    most = rng.uniform(1, 15, n)
    limit = share_rows(SharedRows(by_kw, room), weight, most)
    assert (limit >= 0).all() and (limit <= most[:, None] + 1e-12).all()
    assert (by_kw @ limit <= room + 1e-9).all()
    left = room - by_kw @ limit  # but for what is set aside
    for step in range(2):
        tight = left[:, step] <= 0.1 * room[:, step] + 1e-9
        stuck = (by_kw[tight] > 0).any(0)
        free = (weight[:, step] > 0) & (limit[:, step] < most - 1e-9)
        assert not (free & ~stuck).any()


def test_what_is_no_coefficient_is_refused():
    with pytest.raises(PartError, match="below zero"):
        shared([[-1, 1, 1]], [1.0])
