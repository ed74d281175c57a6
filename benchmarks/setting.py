"""Where a benchmark finds other programs and public data, and how often it repeats."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.peer import PeerError
from benchmarks.row import Row


class Site(NamedTuple):
    """`peers` holds the environments of other programs, `data` the public data; None where there is none."""

    peers: Path | None
    data: Path | None
    repeats: int = 3


def absent(benchmark: str, case: str, peer: str, unit: str, why: object) -> Row:
    """Return the row of a peer that was not there or did not run."""
    return Row(benchmark, case, peer, unit, missing=str(why))


def data_file(folder: Path | None, name: str) -> Path:
    """Return the path of a file of the public data.

    Raises
    ------
    PeerError
        It is not there.
    """
    if folder is None or not (folder / name).exists():
        raise PeerError(
            f"there is no {name} in the data folder; name the folder with --data FOLDER"
        )
    return folder / name
