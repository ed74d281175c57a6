"""Tables in Parquet files: read with the row numbers of the file, and refused in a sentence where they are none."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gridagora.core.errors import InputError, Problem


def read_parquet(path: Path, what: str, wanted: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file; row r of the index is row r + 1 of the file.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, in words.
    wanted
        Names of the columns to read; left out: all.

    Raises
    ------
    InputError
        A file that is no Parquet table.
    """
    try:
        # what other programs say of an index would move columns out of sight
        table: pd.DataFrame = (
            pq.read_table(path, columns=wanted).replace_schema_metadata().to_pandas()
        )
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise InputError([_unread(path, what, fault)]) from fault
    return table


def parsed(content: bytes, where: str, what: str) -> pd.DataFrame:
    """Return the table of a Parquet file that was read before, as pandas wrote it.

    Raises
    ------
    InputError
        Bytes that are no Parquet table.
    """
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise InputError([_unread(where, what, fault)]) from fault


def names(path: Path, what: str) -> list[str]:
    """Return the names of the columns of a Parquet file.

    Raises
    ------
    InputError
        As `read_parquet`.
    """
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise InputError([_unread(path, what, fault)]) from fault


def _unread(path: Path | str, what: str, fault: Exception) -> Problem:
    said = str(fault).splitlines() or [type(fault).__name__]
    return Problem(str(path), f"a file that cannot be read ({said[0]})", what)
