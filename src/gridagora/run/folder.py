"""The folder of a result: written beside its place and renamed whole, read back only as its manifest lists it."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.outcome import Outcome
from gridagora.files.json_text import json_text
from gridagora.run.result import Result

OWN = frozenset({"tables", "finished", "scenario.toml", "manifest.json", "summary.json", "report.html"})
KEPT = frozenset({"points", "draws", "study", "losses", "claims"})  # of studies, inside the folder of their scenario
COLUMNS = ("start_s", "load_kw", "committed_kw", "price_per_kwh", "hvac_kw", "battery_kw", "ev_kw")


def draft_of(folder: Path) -> Path:
    """Return the folder in which this process prepares a result; two runs at once have two."""
    return folder.with_name(f"{folder.name}.part-{os.getpid()}")


def begin(folder: str | Path) -> Path:
    """Make the draft of a result folder, empty, and return it; a place that cannot be written to is refused before a run.

    Raises
    ------
    InputError
        A file in the way, a folder that holds something else than a result, or no right to write there.
    """
    folder = Path(folder).resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError([Problem(f"--out {folder}", "a file", "a folder, new or of a result")])
    strange = folder.is_dir() and {entry.name for entry in folder.iterdir()} - OWN - KEPT
    if strange and not (folder / "manifest.json").is_file():
        hint = "Name a new folder; nothing in this one was changed."
        got = "a folder that holds something else than a result"
        raise InputError([Problem(f"--out {folder}", got, "a new folder, or one of a result to replace", hint)])
    draft = draft_of(folder)
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
    except OSError as fault:
        got = f"a place that cannot be written to ({fault.strerror})"
        raise InputError([Problem(f"--out {folder}", got, "a folder that can be made")]) from fault
    return draft


def keep(outcome: Outcome, draft: Path) -> None:
    """Write what a finished design did at once, so that a later failure loses nothing."""
    (draft / "finished").mkdir(parents=True, exist_ok=True)
    columns = {name: getattr(outcome, name) for name in COLUMNS}
    pd.DataFrame(columns).to_parquet(draft / "finished" / f"{outcome.name}.parquet", index=False)


def save(result: Any, folder: str | Path) -> None:
    """Write a result beside its folder, then put it in place of what was there.

    The folder holds scenario.toml, summary.json, tables/*.parquet, and manifest.json with the SHA-256 of each. What a result
    does not own, such as the points of a study, is taken over from the folder that was there.

    Parameters
    ----------
    result
        A `Result`, or a study's with the same three fields.
    """
    folder = Path(folder).resolve()
    draft = draft_of(folder)
    (draft / "tables").mkdir(parents=True, exist_ok=True)
    for name, frame in result.tables.items():
        frame.to_parquet(draft / "tables" / f"{name}.parquet", index=False)
    tables = sorted((draft / "tables").glob("*.parquet"))
    result.summary["manifest"]["tables_sha256"] = {path.name: sha256(path) for path in tables}
    (draft / "scenario.toml").write_text(result.scenario_text, encoding="utf-8")
    (draft / "summary.json").write_text(json_text(result.summary), encoding="utf-8")
    listed = [draft / "scenario.toml", draft / "summary.json", *tables]
    hashes = {path.relative_to(draft).as_posix(): sha256(path) for path in listed}
    (draft / "manifest.json").write_text(json_text(result.summary["manifest"] | {"files_sha256": hashes}), encoding="utf-8")
    replace(folder, draft)


def replace(folder: Path, draft: Path) -> None:
    """Put a complete draft in the place of a folder by renaming; a stop in between leaves one of the two whole."""
    if not folder.exists():
        draft.rename(folder)
        return
    old = folder.with_name(f"{folder.name}.old-{os.getpid()}")
    folder.rename(old)
    draft.rename(folder)
    for entry in old.iterdir():
        if entry.name not in OWN:
            entry.rename(folder / entry.name)
    shutil.rmtree(old)


def load(folder: str | Path) -> Result:
    """Read a result back from its folder: the files that its manifest lists, and nothing else.

    Raises
    ------
    InputError
        No manifest, a file that is missing or differs from what was written: all at once.
    """
    folder = Path(folder)
    try:
        listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        hint = "`gridagora compare` writes one."
        raise InputError([Problem(f"{folder / 'manifest.json'}", "no list of files", "that of a result", hint)]) from fault
    problems = [problem for name, written in listed.items() for problem in _changed(folder / name, written)]
    if problems:
        raise InputError(problems)
    tables = {Path(name).stem: pd.read_parquet(folder / name) for name in listed if name.endswith(".parquet")}
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return Result(summary, tables, (folder / "scenario.toml").read_text(encoding="utf-8"))


def _changed(path: Path, written: str) -> list[Problem]:
    if not path.is_file():
        return [Problem(str(path), "no such file", "a file that the manifest lists", "Run the scenario again.")]
    got = sha256(path)
    if got == written:
        return []
    hint = "It was changed after the run; run the scenario again."
    return [Problem(str(path), f"a file with SHA-256 {got[:12]}...", f"the one written, {written[:12]}...", hint)]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
