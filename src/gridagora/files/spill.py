"""Rows that are too many to hold: written to a file that nobody else sees, and read back some at a time."""

import os
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from gridagora.core.tables import Col

ROW_BYTES = 8


class Spill:
    """A file without a name, for what one computation writes and reads again; it ends with its last user."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.file = TemporaryFile(dir=folder)  # noqa: SIM115  # it lives as long as what was written

    def write(self, rows: Col) -> "Spilled":
        """Write an array (n, h) [any unit] behind what was written before, and return what reads it."""
        held = np.ascontiguousarray(rows, np.float64)
        at = self.file.seek(0, os.SEEK_END)
        self.file.write(held.data.cast("B"))
        self.file.flush()
        return Spilled(self, at, held.shape)


class Spilled:
    """An array (n, h) in a file; a slice of its rows reads them."""

    def __init__(self, spill: Spill, at: int, shape: tuple[int, ...]) -> None:
        self.spill, self.at, self.shape = spill, at, shape

    def __getitem__(self, rows: slice) -> Col:
        start, stop, _ = rows.indices(self.shape[0])
        width = int(np.prod(self.shape[1:]))
        count = max(0, stop - start)
        found = np.empty((count, *self.shape[1:]))
        read_into(self.spill.file, self.at + ROW_BYTES * width * start, found)
        return found


def read_into(file: Any, at: int, found: Col) -> None:
    """Fill an array (n, h) [any unit] with the bytes of a file from a place on.

    Raises
    ------
    OSError
        A file that ends before.
    """
    file.seek(at)
    got = file.readinto(found.data.cast("B")) if found.size else 0
    if got != found.nbytes:
        raise OSError(
            f"a temporary file ended {found.nbytes - got} bytes early; is there room in its folder?"
        )
