"""The rows of a table, one by one, by the names of their columns."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

Row = Any  # its attributes are the columns of its table, whose types no annotation of pandas knows


def rows_of(table: pd.DataFrame) -> Iterator[Row]:
    """Return the rows in order, each with its columns as attributes."""
    return iter(table.itertuples())
