"""Sphinx configuration: the tables of keys and parts are written from the code, the gallery is executed, at every build."""

import os
import re
import shutil
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, get_origin

from plotly.offline import get_plotlyjs

from gridagora import extend
from gridagora.core.registry import ROOMS, find, names
from gridagora.scenario.key_reference import KeyLine, part_keys, table_keys
from gridagora.scenario.schema import TABLES

# pages run commands as a reader does whose environment is active
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

project = "gridagora"
author = "the gridagora authors"
copyright = "2026, the gridagora authors"
version = release = installed("gridagora")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
napoleon_google_docstring = False
autodoc_typehints = "none"  # signatures carry them
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 90
suppress_warnings = ["ref.python"]  # a class is found under its public name and under its file
myst_enable_extensions = ["deflist"]  # no dollarmath: here a dollar sign is money
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"gridagora {version}"
HERE = Path(__file__).parent
WRITTEN = HERE / "_build" / "written"
KERNEL = HERE / "_build" / "kernel"
html_static_path = ["_static", "_build/written/static"]
nb_execution_mode = "force"  # a cache would know the text of a page, not the state of the package
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # a first run compiles [s]
nb_output_stderr = "warn"


def _keys() -> str:
    parts = []
    for table, model in TABLES.items():
        about = (model.__doc__ or "").partition(": ")[2]
        parts += [f"## `[{table}]`", "", about, "", *_key_rows(table_keys(table)), ""]
    return "\n".join(parts)


def _key_rows(lines: list[KeyLine]) -> list[str]:
    rows = [
        f"| `{line.key}` | {line.kind} | {line.unit} | {line.default} | {line.span} | {line.meaning} |"
        for line in lines
    ]
    return ["| key | kind | unit | default | range | meaning |", "|---|---|---|---|---|---|", *rows]


def _parts() -> str:
    lines = []
    for kind in ROOMS:
        if known := names(kind):
            lines += [f"## {kind}", "", "| name | what it is |", "|---|---|"]
            lines += [f"| `{name}` | {_first_line(kind, name)} |" for name in known]
            lines.append("")
        lines += [line for name in known for line in _part_keys(kind, name)]
    return "\n".join(lines)


def _part_keys(kind: str, name: str) -> list[str]:
    lines = part_keys(kind, name)
    if not lines:
        return []
    heading = f"homes.{name}" if kind == "device" else f"market.{name}"
    return [f"### `[{heading}]`", "", *_key_rows(lines), ""]


def _public() -> str:
    lines = []
    for purpose, words in extend.public_names().items():
        lines += [f"## Names {purpose}", "", "| name | what it is |", "|---|---|"]
        lines += [f"| `{word}` | {_meaning(getattr(extend, word))} |" for word in sorted(words)]
        lines.append("")
    return "\n".join(lines)


API = {
    "scenes": ("load", "build", "assemble", "check", "Scenario", "Scene", "read_feeder"),
    "runs": ("compare", "Run"),
    "results": ("Result", "open_result", "table", "figures", "open_ensemble"),
    "tables": ("Homes", "Weather", "Prices", "Feeder"),
    "devices": ("Batteries", "PvArrays", "ChargingSessions", "HeatPumps", "WaterHeaters"),
    "parts": ("register", "find", "names", "lift_space", "lift_time"),
    "errors": ("InputError", "PartError", "Problem"),
}  # every public name of `gridagora`, by the page's headings
FAMILIAR = {word for words in API.values() for word in words}
WITHOUT_MEMBERS = {"Scenario"}  # its keys are on a page of their own


def _signatures(module: str, words: Iterable[str]) -> str:
    """Return the directives that write signature and docstring of some names."""
    lines = ["```{eval-rst}"]
    for word in words:
        value = getattr(import_module(module), word)
        if isinstance(value, type):
            members = [] if word in WITHOUT_MEMBERS else ["   :members:"]
            lines += [f".. autoclass:: {module}.{word}", *members, ""]
        elif callable(value) and get_origin(value) is None:
            lines += [f".. autofunction:: {module}.{word}", ""]
    return "\n".join([*lines, "```", ""])


def _meaning(value: Any) -> str:
    if get_origin(value) is not None:
        return f"`{value}`".replace("|", "\\|")
    if isinstance(value, str | int | float):
        return f"`{value!r}`"
    said = (
        (getattr(value, "__doc__", None) or "").strip().splitlines()
        if callable(value) or isinstance(value, type)
        else []
    )
    return said[0].replace("|", "\\|") if said else type(value).__name__


def _first_line(kind: str, name: str) -> str:
    part = find(kind, name)
    if kind == "metric":
        return f"{part.name} [{part.unit}]: {part.explanation}"
    return (part.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")


def setup(app):
    """Let pages of the gallery load what draws their figures."""
    app.connect("html-page-context", _load_drawing)
    app.connect("autodoc-process-docstring", _in_rst)


def _in_rst(app, what, name, obj, options, lines):
    """Write what a docstring has between single backquotes as code; a bar in it is no substitution."""
    lines[:] = [re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line) for line in lines]
    lines[:] = [re.sub(r"\|(?=[^|`]+\|)", r"\\|", line) for line in lines]


def _load_drawing(app, pagename, *_):
    if pagename.startswith("gallery/"):
        app.add_js_file("plotly.min.js")
        app.add_js_file("figures.js")


def _prepare_kernel() -> None:
    """Give kernels a profile of their own, so that pages show the same whoever builds them."""
    startup = KERNEL / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "_kernel" / "figures.py", startup)
    shutil.copy(HERE / "_kernel" / "ipython_kernel_config.py", startup.parent)
    os.environ["IPYTHONDIR"] = str(KERNEL)


_prepare_kernel()
(WRITTEN / "static").mkdir(parents=True, exist_ok=True)
(WRITTEN / "static" / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
(WRITTEN / "keys.md").write_text(_keys(), encoding="utf-8")
(WRITTEN / "parts.md").write_text(_parts(), encoding="utf-8")
(WRITTEN / "public.md").write_text(_public(), encoding="utf-8")
for group, members in API.items():
    (WRITTEN / f"api-{group}.md").write_text(_signatures("gridagora", members), encoding="utf-8")
(WRITTEN / "api-env.md").write_text(_signatures("gridagora.env", ["HomeEnv"]), encoding="utf-8")
(WRITTEN / "api-extend.md").write_text(
    "\n".join(
        f"## Names {purpose}\n\n{_signatures('gridagora.extend', sorted(set(words) - FAMILIAR))}"
        for purpose, words in extend.public_names().items()
    ),
    encoding="utf-8",
)
