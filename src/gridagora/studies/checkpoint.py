"""What a long study has finished, kept in a folder and taken from there as long as nothing it depends on has changed."""

import json
from pathlib import Path
from typing import Any

from gridagora.files.json_text import json_text


def read(path: Path, mark: str) -> dict[str, Any] | None:
    """Return what was kept in a file under this mark; None where there is none, or it is of something else."""
    if not path.is_file():
        return None
    held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return held if held["of"] == mark else None


def write(path: Path, mark: str, content: dict[str, Any]) -> None:
    """Keep content in a file under a mark; a stop in between leaves the file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json_text({"of": mark} | content, None, sort_keys=False), encoding="utf-8")
    draft.replace(path)
