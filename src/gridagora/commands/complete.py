"""What a shell completes of options: names of designs and metrics, those of the file or folder that stands before them.

A completion says nothing of what is wrong: the command does, once it is typed.
"""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from gridagora.terminal import SCENARIO_FILE


def complete_design(context: typer.Context, incomplete: str) -> list[str]:
    """Return the designs of a scenario that begin so: markets, and the designs that it names itself."""
    from gridagora.core.registry import names

    own = _scenario(_place(context, "scenario")).get("design", [])
    named = [each["name"] for each in own if isinstance(each, dict) and "name" in each]
    return _beginning([*names("market"), *named], incomplete)


def complete_designs(context: typer.Context, incomplete: str) -> list[str]:
    """Return a list of designs with its last one complete; those before it are not offered again."""
    before, comma, last = incomplete.rpartition(",")
    found = complete_design(context, last)
    return [f"{before}{comma}{name}" for name in found if name not in before.split(",")]


def complete_metric(incomplete: str) -> list[tuple[str, str]]:
    """Return the metrics whose id begins so, each with its name."""
    from gridagora.core.registry import entries

    found = {entry.name: entry.part.name for entry in entries("metric")}
    return [(name, found[name]) for name in _beginning(found, incomplete)]


def complete_design_of_result(context: typer.Context, incomplete: str) -> list[str]:
    """Return the designs of a result that begin so."""
    return _beginning(_summary(context).get("architectures", {}), incomplete)


def _place(context: typer.Context, name: str) -> Path:
    """Return the file or folder that a line names; as long as it is not complete the words wait unread."""
    given = context.params.get(name) or next(iter(context.args), "")
    return Path(str(given))


def _summary(context: typer.Context) -> dict[str, Any]:
    try:
        text = (_place(context, "folder") / "summary.json").read_text("utf-8")
        found = json.loads(text)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _scenario(path: Path) -> dict[str, Any]:
    try:
        inside = path / SCENARIO_FILE
        return tomllib.loads((inside if inside.is_file() else path).read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
