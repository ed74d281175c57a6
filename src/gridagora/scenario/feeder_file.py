"""Files that hold a feeder, by their ending: which part reads each, and what it is called."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.sources import opendss


class FeederFormat(NamedTuple):
    """One kind of file: the source of `[feeder]` that reads it, what people call it, and its reader."""

    source: str
    told: str
    read: Callable[[Path], Feeder]


FORMATS: Mapping[str, FeederFormat] = MappingProxyType(
    {".dss": FeederFormat("opendss", "an OpenDSS model", opendss.read)}
)


def is_feeder_file(path: Path) -> bool:
    """Whether the ending of a file is that of a feeder."""
    return path.suffix.lower() in FORMATS


def read_feeder_file(path: Path) -> Feeder:
    """Read a feeder from a file of any kind that is known.

    Raises
    ------
    InputError
        Another ending, or every problem of the file.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        known = ", ".join(f"{each.told} ({ending})" for ending, each in FORMATS.items())
        raise InputError([Problem(str(path), f"the ending '{path.suffix}'", known)])
    return found.read(path)
