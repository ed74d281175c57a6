"""Columns of a run say the same in memory, in files, and read in parts; sums in parts are numpy's to the last bit."""

import numpy as np
import pytest

from gridagora.core import records
from gridagora.core.records import (
    Derived,
    MemoryRecorder,
    PairwiseSum,
    by_rows,
    interval_blocks,
    row_blocks,
    sum_rows,
)
from gridagora.files import recorder
from gridagora.files.recorder import ParquetRecorder

RNG = np.random.default_rng(5)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(records, "BLOCK_VALUES", 200)
    monkeypatch.setattr(recorder, "WAITING_VALUES", 150)


def both(n, t, skip=3):
    """Write a column to both forms, with every third interval left out."""
    forms = MemoryRecorder(t, {"a": n, "b": n}), ParquetRecorder(t, {"a": n, "b": n})
    for i in range(t):
        if i % skip:
            values = RNG.normal(size=n)
            for form in forms:
                form.write(i, "a", values)
    return [form.column("a") for form in forms], [form.column("b") for form in forms]


@pytest.mark.parametrize(("n", "t"), [(1, 7), (2, 30), (31, 24), (101, 60), (400, 2)])
def test_both_forms_say_the_same(small, n, t):
    (held, filed), missing = both(n, t)
    assert filed.shape == held.shape == (n, t)
    assert len(filed) == n
    np.testing.assert_array_equal(np.asarray(filed), held)
    for rows in (slice(None), slice(1, 9), slice(-3, None)):
        for times in (slice(None), slice(2, 5), slice(-4, None)):
            np.testing.assert_array_equal(filed[rows, times], held[rows, times])
    assert np.isnan(held[:, 0]).all()
    assert all(np.isnan(np.asarray(column)).all() for column in missing)


def test_a_column_in_a_file_answers_as_an_array(small):
    (held, filed), _ = both(20, 12, skip=99)
    held = np.ascontiguousarray(np.nan_to_num(held))
    part = filed.__getitem__
    filed = Derived(filed.shape, lambda rows, times: np.nan_to_num(part((rows, times))))
    np.testing.assert_array_equal(filed.clip(min=0).sum(1), held.clip(min=0).sum(1))
    np.testing.assert_array_equal(filed - held, np.zeros(held.shape))
    np.testing.assert_array_equal(held - filed, np.zeros(held.shape))
    assert (filed[3, 4], filed[[1, 2]].shape) == (held[3, 4], (2, 12))
    with pytest.raises(AttributeError):
        filed.nothing  # noqa: B018


def test_the_files_end_with_their_last_reader(small):
    (_, filed), _ = both(20, 12)
    folder = filed._read.__self__._folder.path
    assert np.asarray(filed).shape == (20, 12)
    assert folder.is_dir()
    del filed
    assert not folder.exists()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 127, 128, 129, 130, 257, 1016, 1025, 86_400])
def test_a_sum_in_parts_is_that_of_the_whole_array(count):
    values = RNG.normal(size=count) * 10.0 ** RNG.integers(-6, 6, count)
    total, at = PairwiseSum(count), 0
    while at < count:
        step = int(RNG.integers(1, 700))
        total.add(values[at : at + step])
        at += step
    assert total.value == values.sum()


@pytest.mark.parametrize("given", [5, 12])
def test_a_sum_of_another_count_is_refused(given):
    total = PairwiseSum(10)
    total.add(np.ones(given))
    with pytest.raises(ValueError, match="numbers came than were announced"):
        _ = total.value


@pytest.mark.parametrize(("n", "t"), [(2, 24), (33, 24), (301, 288)])
def test_folds_over_rows_are_those_of_the_whole_array(small, n, t):
    column = RNG.normal(size=(n, t)) * 10.0 ** RNG.integers(-6, 6, (n, t))
    assert np.array_equal(sum_rows(column), column.sum(0))
    assert np.array_equal(by_rows(lambda rows: column[rows].sum(1), column.shape), column.sum(1))
    assert np.array_equal(sum_rows(np.zeros((0, t))), np.zeros(t))


@pytest.mark.parametrize(("n", "t"), [(0, 5), (1, 9), (21, 24), (101, 24), (7, 1000)])
def test_blocks_tile_and_no_row_stands_alone(small, n, t):
    rows = list(row_blocks((n, t)))
    assert np.array_equal(np.concatenate([np.arange(n)[at] for at in rows] or [[]]), np.arange(n))
    assert all(at.stop - at.start > 1 for at in rows) or n == 1
    times = list(interval_blocks((n, t), 4))
    assert np.array_equal(np.concatenate([np.arange(t)[at] for at in times]), np.arange(t))
    assert all((at.stop - at.start) % 4 == 0 for at in times[:-1])
