"""The journal of an ensemble: one file with a line for each finished world, so that a stop loses no more than those in hand.

The first line says of what the journal is. A line that a stop cut off is dropped when the journal is opened again.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridagora.core.errors import InputError, Problem
from gridagora.files.json_text import json_text
from gridagora.studies.worlds import WorldCase, WorldOutcome

FORMAT = 1
Key = tuple[int, int]  # variation and seed


@dataclass(frozen=True)
class Journal:
    """A journal on disk; `at` holds where the line of each world begins [byte], by variation and seed."""

    path: Path
    at: dict[Key, int]

    def holds(self, case: WorldCase) -> bool:
        """Return whether a world was finished before."""
        return (case.variation, case.seed) in self.at

    def add(self, case: WorldCase, world: WorldOutcome) -> None:
        """Append a finished world and wait until the disk has it."""
        line = json_text(
            {"variation": case.variation, "seed": case.seed} | world._asdict(),
            None,
            sort_keys=False,
        )
        with self.path.open("ab") as file:
            begins = file.tell()
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.at[case.variation, case.seed] = begins

    def read(self, variation: int, seed: int) -> WorldOutcome:
        """Return what came of a finished world."""
        with self.path.open("rb") as file:
            file.seek(self.at[variation, seed])
            held = json.loads(file.readline())
        return WorldOutcome(held["values"], held["drivers"], held["faults"])


def open_journal(path: Path, of: Mapping[str, str]) -> Journal:
    """Return the journal of a file, made new where there is none; `of` says of what, a digest by name.

    Raises
    ------
    InputError
        A journal of something else, each name that differs, or a file that is none.
    """
    if not path.exists():
        draft = path.with_suffix(".part")
        draft.write_text(json_text({"format": FORMAT, "of": of}, None) + "\n", encoding="utf-8")
        draft.replace(path)
        return Journal(path, {})
    at: dict[Key, int] = {}
    with path.open("rb") as file:
        _refuse_other(path, _parsed(file.readline()), of)
        whole = begins = file.tell()
        for line in file:
            held = _parsed(line) if line.endswith(b"\n") else {}
            if not _is_world(held):
                break
            at[held["variation"], held["seed"]] = begins
            whole = begins = begins + len(line)
    os.truncate(path, whole)
    return Journal(path, at)


def _is_world(held: Mapping[str, Any]) -> bool:
    """Return whether a line holds what `Journal.add` writes."""
    return all(isinstance(held.get(name), int) for name in ("variation", "seed")) and all(
        isinstance(held.get(name), dict) for name in WorldOutcome._fields
    )


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        held = json.loads(line)
    except ValueError:
        return {}
    return held if isinstance(held, dict) else {}


def _refuse_other(path: Path, head: Mapping[str, Any], of: Mapping[str, str]) -> None:
    if head.get("format") != FORMAT or not isinstance(head.get("of"), dict):
        hint = "Name a new folder; nothing in this one was changed."
        raise InputError(
            [Problem(str(path), "a file that is no journal", "the journal of an ensemble", hint)]
        )
    other = [name for name, digest in of.items() if head["of"].get(name) != digest]
    if other:
        hint = "Name a new folder for these, or run what began this one."
        got = f"worlds of another {', '.join(other)}"
        expected = "worlds of what is asked for now"
        raise InputError([Problem(f"{path.parent}", got, expected, hint)])
