"""Where a result comes from: the files that were read, the program that read them, and when."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gridagora.scenario.build import Scene
from gridagora.scenario.inputs import hash_inputs
from gridagora.scenario.paths import data_folder

SOURCE = Path(__file__).parents[1]
GIT_S = 10.0  # after which git is not waited for


def describe_origin(scene: Scene, designs: Sequence[str]) -> dict[str, Any]:
    """Return what a manifest says of the origin of a result, before the run: designs, time, program, files read and how."""
    return {
        "designs": list(designs),
        "started_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "program": {"sha256": hash_program(), **find_commit(SOURCE)},
        "scenario_folder": scene.scenario.folder,
        "data_folder": str(data_folder()),
        "is_assembled": scene.is_assembled,
        "feeder_notes": list(scene.feeder.notes),
        "inputs": [each._asdict() for each in hash_inputs(scene.scenario)],
    }


def hash_program() -> str:
    """Return the SHA-256 over the Python files of the package, names and bytes, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        digest.update(path.relative_to(SOURCE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def find_commit(folder: Path) -> dict[str, Any]:
    """Return the commit of a package in a git checkout, and whether its files differ; both None where git knows none."""
    unknown = {"commit": None, "is_changed": None}
    if _ask_git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return unknown  # installed: a repository around it would be another one's
    commit, changes = (
        _ask_git(folder, "rev-parse", "HEAD"),
        _ask_git(folder, "status", "--porcelain", "--", "."),
    )
    if commit is None or changes is None:
        return unknown
    return {"commit": commit, "is_changed": bool(changes)}


def _ask_git(folder: Path, *words: str) -> str | None:
    """Return what git says of a folder, None where it fails or is not there."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "--no-optional-locks", "-C", str(folder), *words]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, check=False)
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() if said.returncode == 0 else None
