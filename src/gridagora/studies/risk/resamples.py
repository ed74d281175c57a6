"""Which rows a resample holds: the same for every table of as many rows, in blocks so that memory stays bounded."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gridagora.core.rng import stream
from gridagora.core.tables import Col, Index

RESAMPLES = 2000
BLOCK = 100  # resamples at a time


def index_blocks(count: int) -> Iterator[NDArray[np.int32]]:
    """Return blocks (b, n) of row numbers, `RESAMPLES` rows in all, drawn with a fixed generator for `count` rows n."""
    for at in range(RESAMPLES // BLOCK):
        drawn = stream(0, "resample", count, at).integers(0, count, (BLOCK, count), dtype=np.int32)
        yield drawn


def canonical_order(values: Col) -> Index:
    """Return the rows of a table (n, k) [any unit] in an order that follows from its values alone, not from how they came."""
    return np.lexsort(values.T[::-1]).astype(np.int64)
