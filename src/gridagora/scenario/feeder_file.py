"""Files that hold a feeder, by their ending: which part reads each, and what it is called."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.sources import gridlabd, opendss, pandapower
from gridagora.sources.gridlabd.home_rows import GlmHome


class FeederFormat(NamedTuple):
    """One kind of file: the source of `[feeder]` that reads it, its name among people, its reader, its classes and its houses."""

    source: str
    told: str
    read: Callable[[Path], Feeder]
    classes: Callable[[Path], Mapping[str, str]] | None = None
    homes: Callable[[Path], tuple[GlmHome, ...]] | None = None


FORMATS: Mapping[str, FeederFormat] = MappingProxyType(
    {
        ".dss": FeederFormat("opendss", "an OpenDSS model", opendss.read),
        ".glm": FeederFormat(
            "gridlabd",
            "a GridLAB-D model",
            gridlabd.read,
            gridlabd.describe_classes,
            gridlabd.read_homes,
        ),
        ".json": FeederFormat("pandapower", "a pandapower network", pandapower.read),
    }
)


FILE_SOURCES = frozenset(each.source for each in FORMATS.values())


def is_feeder_file(path: Path) -> bool:
    """Whether the ending of a file is that of a feeder."""
    return path.suffix.lower() in FORMATS


def read_feeder_file(path: Path, *, strict: bool = False) -> Feeder:
    """Read a feeder from a file of any kind that is known; a strict reading refuses what leaves out or assumes anything.

    Raises
    ------
    InputError
        Another ending, or every problem of the file; where it is strict, all that is left out or assumed.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        known = ", ".join(f"{each.told} ({ending})" for ending, each in FORMATS.items())
        raise InputError([Problem(str(path), f"the ending '{path.suffix}'", known)])
    return read_model(found.source, path, strict=strict)


def read_model(source: str, path: Path, *, strict: bool = False) -> Feeder:
    """Read a feeder from a file by the source of `[feeder]` that reads it; a strict reading refuses what is assumed.

    Raises
    ------
    InputError
        Every problem of the file; where it is strict, all that is left out or assumed.
    """
    if source == "gridlabd":
        return gridlabd.read(path, strict=strict)  # each object by its line, where notes tell a few
    feeder = next(each.read for each in FORMATS.values() if each.source == source)(path)
    if strict and feeder.notes:
        expected = "read strictly, a feeder without assumption"
        raise InputError([Problem(str(path), note, expected) for note in feeder.notes])
    return feeder


def list_classes(path: Path) -> Mapping[str, str]:
    """Return what a file holds by class of object, in words; nothing where its kind has no classes."""
    found = FORMATS.get(path.suffix.lower())
    return {} if found is None or found.classes is None else found.classes(path)


def list_homes(path: Path, feeder: Feeder) -> tuple[GlmHome, ...]:
    """Return the houses of a file that stand on meters of the feeder read from it; none where its kind has no houses."""
    found = FORMATS.get(path.suffix.lower())
    homes = () if found is None or found.homes is None else found.homes(path)
    return tuple(each for each in homes if each.meter in set(feeder.meters.name))
