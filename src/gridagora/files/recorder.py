"""The record of a run that is too long to hold: every column a Parquet file of tiles, some homes by some intervals each."""

from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gridagora.core.records import Derived, RunColumn, missing, row_blocks
from gridagora.core.tables import Col

WAITING_VALUES = 1 << 17  # numbers of a column that wait in memory for their tiles to be written
SCHEMA = pa.schema([("value", pa.float64())])


class OwnFolder:
    """A folder for temporary files that is deleted with the last object that holds this one."""

    def __init__(self, beside: Path | None = None) -> None:
        self.path = Path(mkdtemp(prefix="gridagora-", dir=beside))
        finalize(self, rmtree, self.path, ignore_errors=True)


class ParquetRecorder:
    """Columns in Parquet files of a folder of their own, which ends with the last column that is read from it.

    Parameters
    ----------
    intervals
        Of the run.
    rows
        Number of rows of each column by its name.
    folder
        Where to make the folder; that of the system for temporary files where left out.
    """

    def __init__(self, intervals: int, rows: Mapping[str, int], folder: Path | None = None) -> None:
        self.intervals, self.rows = intervals, dict(rows)
        self._folder = OwnFolder(folder)
        self._open: dict[str, TileWriter] = {}
        self._done: dict[str, TileReader] = {}

    def write(self, interval: int, name: str, values: Col) -> None:
        """Write the values (n,) [any unit] of one interval to a column."""
        if name not in self._open:
            path = self._folder.path / f"{name}.parquet"
            self._open[name] = TileWriter(path, (self.rows[name], self.intervals))
        self._open[name].write(interval, values)

    def column(self, name: str) -> RunColumn:
        """Return a column, shape (n, t); it can be written no longer."""
        shape = self.rows[name], self.intervals
        if name in self._open:
            self._done[name] = TileReader(self._open.pop(name).close(), shape, self._folder)
        return Derived(shape, self._done[name].read) if name in self._done else missing(shape)


def wait_intervals(shape: tuple[int, int]) -> int:
    """Return how many intervals of a column (n, t) a tile holds."""
    return max(1, min(shape[1], WAITING_VALUES // max(1, shape[0])))


class TileWriter:
    """A column as it is written: the intervals of the next row of tiles wait in memory."""

    def __init__(self, path: Path, shape: tuple[int, int]) -> None:
        self.path, self.shape = path, shape
        self._wait: Col = np.full((wait_intervals(shape), shape[0]), np.nan)
        self._from = 0
        self._file = pq.ParquetWriter(
            path, SCHEMA, compression="none", use_dictionary=False, write_statistics=False
        )

    def write(self, interval: int, values: Col) -> None:
        """Write the values (n,) [any unit] of one interval; intervals only rise."""
        while interval >= self._from + len(self._wait):
            self._flush()
        self._wait[interval - self._from] = values

    def close(self) -> Path:
        """Write what waits and return the file."""
        while self._from < self.shape[1]:
            self._flush()
        self._file.close()
        return self.path

    def _flush(self) -> None:
        held = self._wait[: self.shape[1] - self._from]
        for rows in row_blocks(self.shape):
            tile = np.ascontiguousarray(held[:, rows].T).ravel()
            self._file.write_table(pa.Table.from_arrays([pa.array(tile)], schema=SCHEMA))
        self._from += len(self._wait)
        self._wait[:] = np.nan


class TileReader:
    """A column as it is read: only the tiles that hold what is asked for are."""

    def __init__(self, path: Path, shape: tuple[int, int], folder: OwnFolder) -> None:
        self.path, self.shape = path, shape
        self._folder = folder  # it is deleted with its last user
        self._blocks, self._step = list(row_blocks(shape)), wait_intervals(shape)

    def read(self, rows: slice, times: slice) -> Col:
        """Return some intervals of some rows, shape (k, c) [any unit]."""
        found = np.empty((max(0, rows.stop - rows.start), max(0, times.stop - times.start)))
        if not found.size:
            return found
        with pq.ParquetFile(self.path) as file:
            for turn in range(times.start // self._step, (times.stop - 1) // self._step + 1):
                first = turn * self._step
                wide = min(self._step, self.shape[1] - first)
                for at, block in enumerate(self._blocks):
                    if block.start < rows.stop and block.stop > rows.start:
                        values = file.read_row_group(turn * len(self._blocks) + at).column(0)
                        tile = values.to_numpy().reshape(block.stop - block.start, wide)
                        _lay(tile, block.start, first, found, rows.start, times.start)
        return found


def _lay(tile: Col, row: int, time: int, into: Col, row_from: int, time_from: int) -> None:
    """Copy the part of a tile at (row, time) that falls into an array at (row_from, time_from)."""
    top, left = max(row, row_from), max(time, time_from)
    bottom = min(row + tile.shape[0], row_from + into.shape[0])
    right = min(time + tile.shape[1], time_from + into.shape[1])
    part = tile[top - row : bottom - row, left - time : right - time]
    into[top - row_from : bottom - row_from, left - time_from : right - time_from] = part
