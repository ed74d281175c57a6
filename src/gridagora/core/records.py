"""What a run records of homes and devices by interval: columns (n, t) that are read some homes or some intervals at a time.

A column is an array where there is room, else what reads it from where it was written. Sums are folded in the order in which
numpy sums the whole array, so that the form of a record changes no last bit (decision 0013).
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gridagora.core.tables import Col

BLOCK_VALUES = 1 << 18  # numbers of a column that are held at a time while it is read
LEAF = 128  # numpy sums so many numbers in eight lanes, and halves what is longer


class RunColumn(Protocol):
    """A column of n homes or devices over t intervals: an array, or what reads one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and intervals."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, at: Any, /) -> Any:
        """Return some rows `[rows]`, or some intervals of them `[rows, intervals]`, both slices."""

    def __array__(self) -> Col:
        """Return the whole as an array."""


class Derived(NDArrayOperatorsMixin):
    """A column that is read or worked out when it is asked for; it answers as the array would, by reading it whole.

    Parameters
    ----------
    shape
        Rows and intervals.
    read
        Returns the values of a slice of rows and a slice of intervals, shape (k, c), by rows.
    """

    def __init__(self, shape: tuple[int, int], read: Callable[[slice, slice], Col]) -> None:
        self.shape, self._read = shape, read

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, at: Any) -> Any:
        """Return a part: by slices it alone is read, by anything else the whole is."""
        rows, times = at if isinstance(at, tuple) and len(at) == 2 else (at, slice(None))
        if isinstance(rows, slice) and isinstance(times, slice):
            return self._read(
                slice(*rows.indices(self.shape[0])), slice(*times.indices(self.shape[1]))
            )
        return np.asarray(self)[at]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Col:
        """Return the whole as an array."""
        del copy
        whole = self._read(slice(0, self.shape[0]), slice(0, self.shape[1]))
        return whole if dtype is None else whole.astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keys: Any) -> Any:
        """Apply a function of numpy to the whole."""
        return getattr(ufunc, method)(
            *(np.asarray(each) if isinstance(each, Derived) else each for each in inputs), **keys
        )

    def __getattr__(self, name: str) -> Any:
        """Return what the array has of that name, such as `sum` or `clip`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


class Recorder(Protocol):
    """Where the loop of a run writes, interval by interval."""

    def write(self, interval: int, name: str, values: Col) -> None:
        """Write the values (n,) [any unit] of one interval to a column; intervals only rise, and those left out stay nan."""

    def column(self, name: str) -> RunColumn:
        """Return a column as far as it was written, shape (n, t)."""


class MemoryRecorder:
    """Columns held as arrays, made when they are first written.

    Parameters
    ----------
    intervals
        Of the run.
    rows
        Number of rows of each column by its name.
    """

    def __init__(self, intervals: int, rows: Mapping[str, int]) -> None:
        self.intervals, self.rows = intervals, dict(rows)
        self.arrays: dict[str, Col] = {}

    def write(self, interval: int, name: str, values: Col) -> None:
        """Write the values (n,) [any unit] of one interval to a column."""
        if name not in self.arrays:
            self.arrays[name] = np.full((self.intervals, self.rows[name]), np.nan)
        self.arrays[name][interval] = values

    def column(self, name: str) -> RunColumn:
        """Return a column, shape (n, t)."""
        if name in self.arrays:
            return self.arrays[name].T
        return missing((self.rows[name], self.intervals))


def missing(shape: tuple[int, int]) -> RunColumn:
    """Return a column that nobody wrote to: nan, without memory."""
    return np.broadcast_to(np.float64(np.nan), shape)


def row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield the rows of a column (n, t) some at a time, in their order; none alone but where there is one.

    numpy sums a single row as one run of numbers whatever its layout, so a row by itself could differ in its last bits.
    """
    n, t = shape
    step = max(2, BLOCK_VALUES // max(1, t))
    cuts = list(range(0, n, step))
    if len(cuts) > 1 and n - cuts[-1] == 1:
        cuts.pop()
    yield from (slice(a, b) for a, b in pairwise([*cuts, n]))


def interval_blocks(shape: tuple[int, ...], multiple: int = 1) -> Iterator[slice]:
    """Yield the intervals of a column (n, t) some at a time, a multiple of a number but for the last."""
    n, t = shape
    step = max(1, BLOCK_VALUES // max(1, n) // multiple) * multiple
    yield from (slice(a, min(a + step, t)) for a in range(0, t, step))


def by_rows(work: Callable[[slice], Col], shape: tuple[int, ...]) -> Col:
    """Return what some work says of every row of a column (n, t), done for some rows at a time, shape (n, ...) [any unit]."""
    found = [work(rows) for rows in row_blocks(shape)]
    return np.concatenate(found) if found else np.zeros(0)


def by_row(values: Col) -> Col:
    """Return an array of any shape [any unit] that lies in memory row by row, as numpy sums it best; a copy where it did not."""
    return np.ascontiguousarray(values)


def sum_rows(column: RunColumn) -> Col:
    """Return the sum over the rows of a column (n, t), shape (t,) [any unit], row after row; zeros where there are none."""
    if not len(column):
        return np.zeros(column.shape[1])
    total = RowSum()
    for rows in row_blocks(column.shape):
        total.add(column[rows])
    return total.value


class RowSum:
    """The sum over rows, added in their order, as numpy sums the whole array over its first axis."""

    def __init__(self) -> None:
        self.value: Col = np.zeros(0)

    def add(self, block: Col) -> None:
        """Add rows (k, t) [any unit]."""
        rows = (
            np.concatenate([self.value[None], block])
            if len(self.value)
            else np.ascontiguousarray(block)
        )
        self.value = rows.sum(0)


class PairwiseSum:
    """The sum of numbers that come in parts, to the last bit what numpy makes of them in one array.

    numpy halves an array until at most `LEAF` numbers are left, at multiples of eight. The halves that are complete are summed
    as they are; at most a leaf waits for the next part.

    Parameters
    ----------
    count
        How many numbers will come.
    """

    def __init__(self, count: int) -> None:
        self._todo: list[int] = (
            [count] if count else []
        )  # sizes still to sum, the next one last; 0 adds the last two sums
        self._done: list[float] = []
        self._rest: Col = np.zeros(0)

    def add(self, values: Col) -> None:
        """Add numbers of any shape [any unit] in the order of the array they are part of."""
        part = np.concatenate([self._rest, np.asarray(values, np.float64).ravel()])
        at = 0
        while self._todo:
            size = self._todo[-1]
            if size == 0:
                self._todo.pop()
                last = self._done.pop()
                self._done.append(self._done.pop() + last)
            elif size <= len(part) - at:
                self._todo.pop()
                self._done.append(float(np.add.reduce(part[at : at + size])))
                at += size
            elif size <= LEAF:
                break
            else:
                half = size // 2 - size // 2 % 8
                self._todo[-1:] = [0, size - half, half]
        self._rest = part[at:].copy()

    @property
    def value(self) -> float:
        """The sum.

        Raises
        ------
        ValueError
            Numbers that are still to come.
        """
        if any(self._todo) or len(self._rest):
            raise ValueError("PairwiseSum: fewer or more numbers came than were announced")
        return self._done[0] if self._done else 0.0
