"""The files that the scene of a scenario is made of, each by its path as written, its size and its SHA-256."""

import os
import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gridagora.files.glm import list_glm_files
from gridagora.files.hash_file import hash_file
from gridagora.scenario.paths import locate
from gridagora.scenario.schema import Scenario, from_outside
from gridagora.sources.opendss.named_files import list_files

GREEN_BUTTON = ("*.xml",)
HOMES, WEATHER = ("homes_hourly.parquet",), ("weather.csv.gz", "weather.epw")
LISTED = {"opendss": list_files, "gridlabd": list_glm_files}  # files that a model leads to
PRICES = {
    "ercot_hub_average": ("dam_hourly.parquet", "rtm_15min.parquet"),
    "ercot_zone": ("*_hourly.parquet",),
    "ercot_hb_south_2016": ("hb_south_2016_5min.parquet",),
}  # what sources open in a folder that a key names


class InputFile(NamedTuple):
    """One file that was read: the key that names it or leads to it, its path, its size and the SHA-256 of its bytes.

    `path` is as written; of a file that a script or a folder leads to, it starts as the path of that is written.
    """

    key: str
    path: str
    bytes: int
    sha256: str


def hash_inputs(scenario: Scenario) -> tuple[InputFile, ...]:
    """Return every file that the scene of a scenario is made of; none where all of it is drawn by the seed.

    Of a folder that a source of a plugin is given, these are the files that lie directly in it.
    """
    folder = Path(scenario.folder)
    found: dict[Path, InputFile] = {}
    for key, text in _named(scenario):
        for written, path in _files_of(scenario, key, text, folder):
            if path not in found and path.is_file():
                found[path] = InputFile(key, written, path.stat().st_size, hash_file(path))
    return tuple(found.values())


def _named(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of every path."""
    yield from scenario.written.items()
    if any(plugin.file for plugin in scenario.outside):
        for text in scenario.plugins.files:
            yield "plugins.files", text


def _files_of(scenario: Scenario, key: str, text: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that a path stands for, each with its path as written."""
    root = locate(text, folder)
    if key == "feeder.file" and scenario.feeder.source in LISTED:
        for path in LISTED[scenario.feeder.source](root):
            yield _spell(text, root, path, folder), path
    elif root.is_dir():
        for path in _inside(scenario, key, root):
            yield f"{text.rstrip('/')}/{path.name}", path
    else:
        yield text, root


def _inside(scenario: Scenario, key: str, root: Path) -> list[Path]:
    """Return the files of a folder that a source opens; of a plugin's folder those that lie directly in it."""
    table, _, name = key.partition(".")
    source = str(vars(getattr(scenario, table))["source"])
    patterns: Sequence[str] = ("*",)
    if name == "weather_folder":
        patterns = WEATHER
    elif name == "loads":
        patterns = GREEN_BUTTON
    elif not from_outside(f"{table}.source", source):
        patterns = {"homes": HOMES, "weather": WEATHER}.get(table) or PRICES.get(source, ("*",))
    found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [path for path in found if path.is_file()]


def _spell(text: str, root: Path, path: Path, folder: Path) -> str:
    """Return the path of a file that a script leads to, starting as that of the script; absolute where that leads elsewhere."""
    if path == root:
        return text
    beside = os.path.relpath(path, root.parent).replace(os.sep, "/")
    written = posixpath.normpath(posixpath.join(posixpath.dirname(text), beside))
    return written if locate(written, folder) == path else str(path)
