"""The folder of a result: written beside its place and renamed whole, read back only as its manifest lists it."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.files import parquet
from gridagora.files.hash_file import hash_file
from gridagora.files.json_text import json_text
from gridagora.files.path import require_path
from gridagora.files.stop import NOTHING
from gridagora.results.outcome import Outcome
from gridagora.run.result import Comparison
from gridagora.run.take_up import ENDING

OWN = frozenset(
    {
        "tables",
        "finished",
        "scenario.toml",
        "manifest.json",
        "summary.json",
        "report.html",
        "results",
    }
)
KEPT = frozenset(
    {"points", "draws", "study", "losses", "claims", "ensemble", "sweep", "seeds"}
)  # of studies, inside the folder of their scenario
FORMAT = 1  # of a result folder; another number where names or meaning of what it holds change
LISTED = re.compile(r"scenario\.toml|summary\.json|tables/\w+\.parquet")
CHANGED = "It was changed after the run; run the scenario again."
COLUMNS = ("start_s", "load_kw", "committed_kw", "price_per_kwh")


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
    require_path(folder, "out", "the path of a folder, new or of a result")
    folder = Path(folder).resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError([Problem(f"--out {folder}", "a file", "a folder, new or of a result")])
    strange = folder.is_dir() and {entry.name for entry in folder.iterdir()} - OWN - KEPT
    if strange and not (folder / "manifest.json").is_file():
        hint = "Name a new folder; nothing in this one was changed."
        got = "a folder that holds something else than a result"
        raise InputError(
            [Problem(f"--out {folder}", got, "a new folder, or one of a result to replace", hint)]
        )
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
    columns |= {f"{kind}_kw": power for kind, power in outcome.device_kw.items()}
    part = draft / "finished" / f"{outcome.name}.part"
    pd.DataFrame(columns).to_parquet(part, index=False)
    part.replace(part.with_suffix(".parquet"))


def spell_kept(draft: Path | None) -> str:
    """Return in one sentence what a comparison that ends early keeps; a draft without a finished design is gone after it."""
    finished = [] if draft is None else sorted((draft / "finished").glob("*.parquet"))
    if draft is None or not finished:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
        return NOTHING
    names = ", ".join(path.stem for path in finished)
    again = (
        "starts again"
        if len(list((draft / "finished").glob(f"*{ENDING}"))) < len(finished)
        else "goes on with the others"
    )
    return (
        f"What finished designs did ({names}) is kept in {draft / 'finished'}, and the same command {again}; "
        "a result that was there before is as it was."
    )


class Saved(Protocol):
    """What a folder holds of a comparison or a study."""

    @property
    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Data frames by name."""

    @property
    def scenario_text(self) -> str:
        """The scenario as TOML."""


def save(result: Saved, folder: str | Path) -> None:
    """Write a result beside its folder, then put it in place of what was there.

    The folder holds scenario.toml, summary.json, tables/*.parquet, and manifest.json with the SHA-256 of each. What a result
    does not own, such as the points of a study, is taken over from the folder that was there.

    Parameters
    ----------
    result
        A `Comparison`, or a study's with the same three fields.
    """
    folder = Path(folder).resolve()
    draft = draft_of(folder)
    (draft / "tables").mkdir(parents=True, exist_ok=True)
    for name, frame in result.tables.items():
        frame.to_parquet(draft / "tables" / f"{name}.parquet", index=False)
    tables = sorted((draft / "tables").glob("*.parquet"))
    result.summary["manifest"]["format"] = FORMAT
    result.summary["manifest"]["tables_sha256"] = {path.name: hash_file(path) for path in tables}
    (draft / "scenario.toml").write_text(result.scenario_text, encoding="utf-8")
    (draft / "summary.json").write_text(
        json_text(result.summary, sort_keys=False), encoding="utf-8"
    )
    listed = [draft / "scenario.toml", draft / "summary.json", *tables]
    hashes = {path.relative_to(draft).as_posix(): hash_file(path) for path in listed}
    (draft / "manifest.json").write_text(
        json_text(result.summary["manifest"] | {"files_sha256": hashes}, sort_keys=False),
        encoding="utf-8",
    )
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


def load(folder: str | Path) -> Comparison:
    """Read a result back from its folder: the files that its manifest lists, and nothing else.

    Raises
    ------
    InputError
        No manifest, one of another format or of another run, a file that is missing or differs from what was written: all at
        once.
    """
    require_path(folder, "folder of a result", "the path of a folder")
    folder = Path(folder)
    manifest = read_manifest(folder)
    problems: list[Problem] = []
    raw = {
        name: _written(folder, name, wanted, problems)
        for name, wanted in manifest["files_sha256"].items()
    }
    if problems:
        raise InputError(problems)
    summary = _json(raw["summary.json"])
    if summary.get("manifest") != {
        key: value for key, value in manifest.items() if key != "files_sha256"
    }:
        got = "a manifest that is not that of summary.json"
        raise InputError(
            [Problem(f"{folder / 'manifest.json'}", got, "the two of one run", CHANGED)]
        )
    kept = summary["manifest"].get("tables_sha256", {})
    listed = {
        Path(name).name: digest
        for name, digest in manifest["files_sha256"].items()
        if name.endswith(".parquet")
    }
    if listed != kept:
        got = f"the tables {', '.join(sorted(listed)) or 'none'}"
        raise InputError(
            [
                Problem(
                    f"{folder / 'manifest.json'}",
                    got,
                    f"as run: {', '.join(sorted(kept))}, of one hash",
                    CHANGED,
                )
            ]
        )
    tables = {
        Path(name).stem: parquet.parsed(content, str(folder / name), "a table of a result")
        for name, content in raw.items()
        if name.endswith(".parquet")
    }
    return Comparison(summary, tables, raw["scenario.toml"].decode("utf-8"))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder, its list of files checked name by name.

    Raises
    ------
    InputError
        No manifest, one of another format, or a list of what is no file of a result.
    """
    path = folder / "manifest.json"
    try:
        manifest = _json(path.read_bytes())
    except OSError as fault:
        raise InputError([_no_list(path)]) from fault
    listed = manifest.get("files_sha256")
    if not isinstance(listed, dict) or not {"scenario.toml", "summary.json"} <= set(listed):
        raise InputError([_no_list(path)])
    if manifest.get("format") != FORMAT:
        versions = manifest.get("versions")
        version = versions.get("gridagora", "") if isinstance(versions, dict) else ""
        got = f"a result of format {manifest.get('format', 'none')}, by gridagora {version or 'of no version'}"
        hint = f"Run it again: gridagora compare {folder / 'scenario.toml'} --out {folder}"
        raise InputError(
            [
                Problem(
                    str(path),
                    got,
                    f"format {FORMAT}: names or meaning of its figures changed since",
                    hint,
                )
            ]
        )
    problems = [
        Problem(
            str(path),
            f"the file '{name}' of hash {str(digest)[:12]}",
            "scenario.toml, summary.json and tables/*.parquet",
            CHANGED,
        )
        for name, digest in listed.items()
        if not LISTED.fullmatch(name) or not isinstance(digest, str)
    ]
    if problems:
        raise InputError(problems)
    return manifest


def _no_list(path: Path) -> Problem:
    if not path.parent.is_dir():
        got = "a file" if path.parent.is_file() else "no such folder"
        hint = "`gridagora compare` writes one."
        return Problem(str(path.parent), got, "the folder of a result", hint)
    return Problem(
        str(path), "no list of files", "that of a result", "`gridagora compare` writes one."
    )


def _json(raw: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one where the bytes are none."""
    try:
        value = json.loads(raw.decode("utf-8"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _written(folder: Path, name: str, wanted: str, problems: list[Problem]) -> bytes:
    """Return a file of a result as it was written; one that is missing or differs is a problem. It is read once."""
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError:
        problems.append(
            Problem(
                str(path),
                "no such file",
                "a file that the manifest lists",
                "Run the scenario again.",
            )
        )
        return b""
    got = hashlib.sha256(content).hexdigest()
    if got != wanted:
        problems.append(
            Problem(
                str(path),
                f"a file with SHA-256 {got[:12]}...",
                f"the one written, {wanted[:12]}...",
                CHANGED,
            )
        )
    return content
