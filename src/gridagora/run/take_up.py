"""Designs that a comparison finished before it was stopped: kept beside its draft, and taken up by the same comparison."""

import hashlib
import io
import os
import pickle
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.records import Derived
from gridagora.core.tables import Col
from gridagora.files.json_text import json_text
from gridagora.results.outcome import Outcome
from gridagora.run.record import HELD_VALUES
from gridagora.scenario import plugins
from gridagora.scenario.build import Scene

FOLDER, ENDING = "finished", ".outcome"
DECIDING = (
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "clarabel",
)  # packages whose version may move a last bit
KEY_LETTERS = 16
COLUMNS = 8  # of homes by interval that an outcome has, at least: what is kept is no larger than what is held


class KeptDesigns(NamedTuple):
    """What a comparison keeps of the designs that it finished, and what an earlier one of the same key left.

    A file is read back only where it belongs to the user who runs the comparison: it is Python's own format, which can run code.
    """

    folder: Path  # where the designs of this run are written
    key: str  # of scene, program and versions; '' where nothing is kept
    earlier: Mapping[str, Path]  # files of runs that ended early, by design

    def find(self, design: str) -> Outcome | None:
        """Return the outcome of a design that an earlier run finished; None where there is none that can be read."""
        path = self.earlier.get(design)
        if path is None:
            return None
        try:
            found = pickle.loads(path.read_bytes())
        except (OSError, ValueError, EOFError, ImportError, AttributeError, pickle.PickleError):
            return None
        return found if isinstance(found, Outcome) and found.name == design else None

    def keep(self, outcome: Outcome) -> None:
        """Write the outcome of a design whole, where it is small enough to be held."""
        if not self.key or COLUMNS * np.prod(outcome.home_kw.shape) > HELD_VALUES:
            return
        held = io.BytesIO()
        try:
            _OutcomePickler(held, protocol=pickle.HIGHEST_PROTOCOL).dump(outcome)
        except (pickle.PickleError, AttributeError, TypeError):
            return  # a part of a plugin holds what cannot be written: its design runs again
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{outcome.name}-{self.key}.part"
        part.write_bytes(held.getbuffer())
        part.replace(part.with_suffix(ENDING))

    def clear(self, result: Path) -> None:
        """Delete what was kept for a run that ends early: this one is complete, and its result is in a folder."""
        for path in (result / FOLDER).glob(f"*{ENDING}"):
            path.unlink()
        for draft in {path.parent.parent for path in self.earlier.values()}:
            shutil.rmtree(draft, ignore_errors=True)


def open_kept(scene: Scene, origin: Mapping[str, Any], draft: Path | None) -> KeptDesigns:
    """Return what a comparison keeps in its draft, and what those of the same scene and program left that no longer run.

    Parameters
    ----------
    scene
        What is compared; one that code has put together has no file to know it by, and nothing of it is kept.
    origin
        Program and files read, as `describe_origin` says.
    draft
        Folder in which the result is prepared; nothing is kept without one.
    """
    if draft is None or scene.is_assembled:
        return KeptDesigns(Path(), "", MappingProxyType({}))
    key, place = _key(scene, origin), draft.name.rpartition("-")[0]
    found = {
        path.name.removesuffix(f"-{key}{ENDING}"): path
        for path in draft.parent.glob(f"{glob_safe(place)}-*/{FOLDER}/*-{key}{ENDING}")
        if path.parent.parent != draft and _is_left(path)
    }
    return KeptDesigns(draft / FOLDER, key, found)


def glob_safe(name: str) -> str:
    """Return a name as a pattern that is met by it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _key(scene: Scene, origin: Mapping[str, Any]) -> str:
    """Return what tells one comparison from another, whatever designs it runs beside."""
    tables = {name: value for name, value in vars(scene).items() if name != "scenario"}
    told = {
        "scenario": scene.text,
        "tables": hashlib.sha256(pickle.dumps(tables)).hexdigest(),  # they may be changed in code
        "inputs": origin["inputs"],
        "program": origin["program"]["sha256"],
        "plugins": plugins.described(scene.scenario.outside),
        "versions": {name: metadata.version(name) for name in DECIDING},
    }
    return hashlib.sha256(json_text(told).encode()).hexdigest()[:KEY_LETTERS]


def _is_left(path: Path) -> bool:
    """Whether a file is of this user, and its run has ended."""
    number = path.parent.parent.name.rpartition("-")[2]
    if not number.isdecimal() or (hasattr(os, "getuid") and path.stat().st_uid != os.getuid()):
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class _Held(NamedTuple):
    """An array in the place of what read it from where it was written."""

    values: Col

    def read(self, rows: slice, times: slice) -> Col:
        return self.values[rows, times]


def _derived(values: Col) -> Derived:
    return Derived((values.shape[0], values.shape[1]), _Held(values).read)


class _OutcomePickler(pickle.Pickler):
    """Writes columns that are read when asked for as arrays, and frozen mappings as mappings."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Derived):
            return _derived, (np.asarray(value),)
        if isinstance(value, MappingProxyType):
            return MappingProxyType, (dict(value),)
        return NotImplemented
