"""Whether a result is as it was written, and whether the files that its run read are still the same."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from gridagora.core.errors import InputError
from gridagora.files.hash_file import hash_file
from gridagora.run import folder as folders
from gridagora.scenario.paths import locate


class FileState(StrEnum):
    """What became of a file since the run."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    STRANGE = "not of the run"


class Verification(NamedTuple):
    """States of files: of the result by their name in the folder, and of inputs by their path as written.

    `inputs` is None where the run did not note what it read. `fault` says why files that are as their hashes say are not of
    one run; empty where they are.
    """

    files: Mapping[str, FileState]
    inputs: Mapping[str, FileState] | None
    fault: str

    @property
    def is_whole(self) -> bool:
        """Whether the result is as written and every input noted is the same."""
        states = [*self.files.values(), *(self.inputs or {}).values()]
        return not self.fault and all(state is FileState.SAME for state in states)


def verify_result(folder: str | Path) -> Verification:
    """Hold every file of a result and every input of its run against the hashes in its manifest.

    The report and the tables for a spreadsheet are made of the tables and have no hash.

    Raises
    ------
    InputError
        No manifest, or one of another format.
    """
    folder = Path(folder)
    manifest = folders.read_manifest(folder)
    listed = manifest["files_sha256"]
    files = {name: _state(folder / name, digest) for name, digest in listed.items()}
    tables = sorted((folder / "tables").glob("*"))
    names = [path.relative_to(folder).as_posix() for path in tables]
    files |= {name: FileState.STRANGE for name in names if name not in listed}
    return Verification(files, verify_inputs(manifest), _incoherence(folder, files))


def verify_inputs(manifest: Mapping[str, Any]) -> dict[str, FileState] | None:
    """Return the state of every file that a run read; None where its manifest has no list of them."""
    noted, start = manifest.get("inputs"), Path(str(manifest.get("scenario_folder", "")))
    if noted is None:
        return None
    return {each["path"]: _state(locate(each["path"], start), each["sha256"]) for each in noted}


def _state(path: Path, digest: str) -> FileState:
    try:
        return FileState.SAME if hash_file(path) == digest else FileState.CHANGED
    except OSError:
        return FileState.MISSING


def _incoherence(folder: Path, files: Mapping[str, FileState]) -> str:
    """Return why files that are as their hashes say do not belong together; empty where they do, or where one is not."""
    if any(state in {FileState.CHANGED, FileState.MISSING} for state in files.values()):
        return ""
    try:
        folders.load(folder)
    except InputError as fault:
        return str(fault)
    return ""
