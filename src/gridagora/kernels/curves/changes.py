"""What rows and curves say that was not said before, in whole steps of a stated precision: the input of a count of bits."""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import INDEX, READ1, READ2, Floats, compile_entry

HEARD = types.Array(types.int32, 2, "A", readonly=True)
Whole = NDArray[np.int32]
Ints = NDArray[np.int64]


class Precision(NamedTuple):
    """How numbers are said: their step [their unit], the largest number [steps], and the bits of one."""

    step: float
    top: int
    bits: int


class CurveChanges(NamedTuple):
    """The points of curves in whole steps (p, 2), power and price, and the bits by which all are said."""

    points: Whole
    bits: int


@register_jitable(**LEAF)
def _whole(value, step, top):  # type: ignore[no-untyped-def]
    return np.int32(min(max(np.rint(value / step), -top), top))


@njit(**JIT)
def _column_changes(values, hours, heard, row, passed, step, top, numbers, moved):  # type: ignore[no-untyped-def]
    """Return a column in whole steps, and whether every row of it is one number; add to `numbers` and `moved`."""
    n, width = values.shape
    said, narrow = np.empty((n, width), np.int32), True
    last = heard.shape[1] - 1
    for i in range(n):
        alike = True
        for t in range(width):
            said[i, t] = _whole(values[i, t], step, top)
            alike &= said[i, t] == said[i, 0]
        narrow &= alike
        numbers[i] += 1 if alike else hours
        k = row[i]
        if k < 0:
            continue
        differ = 0
        for t in range(hours):
            own = said[i, min(t, width - 1)]
            if t + passed < hours:
                expected = heard[k, min(t + passed, last)]
            elif t > 0:
                expected = said[i, min(t, width) - 1]
            else:
                expected = heard[k, last]
            differ += own != expected
        moved[i] += min(differ, 1) if alike else differ
    return said, narrow


@njit(**JIT)
def _curve_changes(offset, p_kw, per_kwh, row, before, heard, count_bits, number_bits, step, top):  # type: ignore[no-untyped-def]
    """Return the fields of `CurveChanges`."""
    points, bits = np.empty((len(p_kw), 2), np.int32), 0
    for i in range(len(row)):
        first, end, k = offset[i], offset[i + 1], row[i]
        same, whole = k >= 0, count_bits
        if same:
            same = before[k + 1] - before[k] == end - first
        for j in range(first, end):
            points[j, 0] = _whole(p_kw[j], step, top)
            points[j, 1] = _whole(per_kwh[j], step, top)
            whole += 2
            for c in range(2):
                if j == first or points[j, c] != points[j - 1, c]:
                    whole += number_bits
                if same and points[j, c] != heard[before[k] + j - first, c]:
                    same = False
        bits += (k >= 0) + (0 if same else whole)
    return points, bits


def column_changes(
    values: Floats,
    hours: int,
    heard: Whole,
    row: Ints,
    passed: int,
    form: Precision,
    counts: tuple[Ints, Ints],
) -> Whole:
    """Return a column in whole steps, (n, 1) where every row of it is one number; count what it says that was not expected.

    What is expected of a product is what was said of it `passed` products ago, and of a new one what is said of the product
    before it. A row that is one number changes as one.

    Parameters
    ----------
    values
        Shape (n, hours), or (n, 1) of a column that is the same in every product [any unit].
    heard
        What was said last, shape (m, hours) or (m, 1) [steps].
    row
        Which of those rows each is, shape (n,); -1 where none is.
    counts
        To which are added: the numbers of each row, and those that are not as expected, shape (n,) each.
    """
    ends = types.float64, types.int64, *(types.Array(types.int64, 1, "C"),) * 2
    signature = READ2, types.int64, HEARD, INDEX, types.int64, *ends
    entry = compile_entry(_column_changes, *signature)
    said, narrow = entry(values, hours, heard, row, passed, form.step, form.top, *counts)
    whole: Whole = said[:, :1].copy() if narrow and said.shape[1] > 1 else said
    return whole


def curve_changes(
    offset: Ints,
    p_kw: Floats,
    price_per_kwh: Floats,
    row: Ints,
    before: tuple[Ints, Whole],
    count_bits: int,
    form: Precision,
) -> CurveChanges:
    """Return the points of curves and the bits by which they are said.

    A curve costs the bits of the count of its points, two for each point, and the numbers of a point that differ from those of
    the point before. Where a curve of the same party was said last, one bit more says whether it is another.

    Parameters
    ----------
    offset, p_kw, price_per_kwh
        Curves of n parties, as `core.exchange.Tenders`: (n + 1,), (p,) [kW], (p,) [$/kWh].
    row
        Which of the curves before each follows, shape (n,); -1 where none is.
    before
        Those curves: their offset (m + 1,), and their points (q, 2) [steps].
    """
    whole = (types.int64,) * 2
    signature = INDEX, READ1, READ1, INDEX, INDEX, HEARD, *whole, types.float64, types.int64
    entry = compile_entry(_curve_changes, *signature)
    points, bits = entry(
        offset, p_kw, price_per_kwh, row, *before, count_bits, form.bits, form.step, form.top
    )
    return CurveChanges(points, int(bits))
