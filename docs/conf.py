"""Sphinx configuration; the table of scenario keys and the list of parts are written from the code at every build."""

from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from gridagora.core.registry import ROOMS, find, names
from gridagora.scenario.schema import TABLES

project = "gridagora"
author = "the gridagora authors"
copyright = "2026, the gridagora authors"
version = release = installed("gridagora")
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]  # no dollarmath: here a dollar sign is money
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"gridagora {version}"
HERE = Path(__file__).parent
WRITTEN = HERE / "_build" / "written"


def _value(default: Any) -> str:
    if default is PydanticUndefined:
        return "required"
    return "left out" if default is None else f"`{default}`"


def _kind(annotation: Any) -> str:
    text = str(annotation).removeprefix("typing.").replace("datetime.date", "date")
    return text.removeprefix("<class '").removesuffix("'>").replace("|", "or")


def _keys() -> str:
    parts = []
    for table, model in TABLES.items():
        parts += [
            f"## `[{table}]`",
            "",
            (model.__doc__ or "").partition(": ")[2],
            "",
            "| key | kind | default | meaning |",
            "|---|---|---|---|",
        ]
        for key, field in model.model_fields.items():
            parts.append(f"| `{key}` | {_kind(field.annotation)} | {_value(field.default)} | {field.description or ''} |")
        parts.append("")
    return "\n".join(parts)


def _parts() -> str:
    lines = []
    for kind in ROOMS:
        if known := names(kind):
            lines += [f"## {kind}", "", "| name | what it is |", "|---|---|"]
            lines += [f"| `{name}` | {_first_line(kind, name)} |" for name in known]
            lines.append("")
    return "\n".join(lines)


def _first_line(kind: str, name: str) -> str:
    part = find(kind, name)
    if kind == "metric":
        return f"{part.name} [{part.unit}]: {part.explanation}"
    return (part.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")


WRITTEN.mkdir(parents=True, exist_ok=True)
(WRITTEN / "keys.md").write_text(_keys(), encoding="utf-8")
(WRITTEN / "parts.md").write_text(_parts(), encoding="utf-8")
