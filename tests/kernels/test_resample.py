"""Statistics of resampled rows against the plain formula on the rows that a resample holds."""

import numpy as np
import pytest

from gridagora.core.rng import stream
from gridagora.kernels.statistics.resample import resampled_means, resampled_tails, weighted_tail

COUNT, DRAWS = 30, 7


@pytest.fixture
def index():
    return stream(1, "rows").integers(0, COUNT, (DRAWS, COUNT), dtype=np.int32)


def rising(values):
    return np.argsort(values, kind="stable")


def tail(values, level):
    """The mean of the worst rows, the one at the edge in part, by a loop over all."""
    left = size = len(values) * (1.0 - level)
    total = 0.0
    for value in sorted(values, reverse=True):
        part = min(1.0, left)
        total, left = total + part * value, left - part
    return total / size


def test_means_are_those_of_the_rows(index):
    values = stream(2, "values").standard_normal((COUNT, 3))
    found = resampled_means(values, index)
    assert np.allclose(found, [values[rows].mean(axis=0) for rows in index], rtol=0, atol=1e-14)


@pytest.mark.parametrize("level", [0.5, 0.85, 0.9, 0.97])
def test_a_count_stands_for_so_many_rows(level, index):
    values = stream(3, "values").standard_normal(COUNT)
    for rows in index:
        count = np.bincount(rows, minlength=COUNT)
        at, mean = weighted_tail(values, rising(values), count, level)
        assert mean == pytest.approx(tail(values[rows], level), abs=1e-12)
        assert np.mean(values[rows] <= at) >= level - 1e-12
        assert np.mean(values[rows] < at) < level


@pytest.mark.parametrize("level", [0.5, 0.85, 0.9])
def test_differences_and_their_errors_are_those_of_the_rows(level, index):
    one, two = stream(4, "values").standard_normal((2, COUNT))
    gap, error = resampled_tails(one, rising(one), two, rising(two), index, level)
    for b, rows in enumerate(index):
        first, second = one[rows], two[rows]
        assert gap[b] == pytest.approx(tail(first, level) - tail(second, level), abs=1e-12)
        edges = [np.sort(x)[int(np.ceil(level * COUNT - 1e-9)) - 1] for x in (first, second)]
        pull = np.maximum(first - edges[0], 0.0) - np.maximum(second - edges[1], 0.0)
        plain = pull.std(ddof=1) / np.sqrt(COUNT) / (1.0 - level)
        assert error[b] == pytest.approx(plain, abs=1e-12)


def test_what_both_share_has_no_error(index):
    one = stream(5, "values").standard_normal(COUNT)
    gap, error = resampled_tails(one + 5.0, rising(one), one, rising(one), index, 0.9)
    assert np.allclose(gap, 5.0, rtol=0, atol=1e-12)
    assert np.allclose(error, 0.0, rtol=0, atol=1e-7)
