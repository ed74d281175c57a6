"""Where files of a scenario lie: relative to it, or in the data folder that `{data}` stands for."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gridagora.core.errors import Problem
from gridagora.scenario.key_checks import Got
from gridagora.scenario.schema import TRAVIS, from_outside
from gridagora.scenario.table_model import Table

HOLDER = "{data}"
USED = (
    ("feeder", "file", ("opendss", "gridlabd", "pandapower")),
    ("homes", "folder", ("travis", "profiles")),
    ("homes", "file", ("profiles",)),
    ("homes", "weather_file", ("profiles",)),
    ("homes", "weather_folder", ("profiles",)),
    ("homes", "table", ()),
    ("homes", "loads", ()),
    ("homes", "ev_file", ()),
    ("weather", "file", ("epw", "tmy3", "nsrdb", "table")),
    ("weather", "folder", ("travis",)),
    ("prices", "folder", ("ercot_hub_average", "ercot_zone", "ercot_hb_south_2016")),
    ("prices", "file", ("ercot_zone", "table")),
    ("prices", "day_ahead_file", ("ercot_files",)),
    ("prices", "real_time_file", ("ercot_files",)),
    ("layers", "partners_file", ()),  # whatever the source
)
IN_FILES = ("travis", "profiles")  # homes that a file holds
EV_FILES = {
    "evipro": "{data}/ev/nrel_evipro_home_l2/BEV_level_2.parquet",
    "evwatts": "{data}/ev/texas_evwatts/sessions.csv.gz",
}
PRICE_FOLDERS = {
    "ercot_hub_average": "{data}/prices/ercot_hb_hubavg_2024",
    "ercot_zone": "{data}/prices/ercot_lz_aen_2024",
    "ercot_hb_south_2016": "{data}/prices/ercot_hb_south_2016",
}


class Place(NamedTuple):
    """One path of a scenario that its source will open."""

    table: str
    key: str
    text: str


def data_folder() -> Path:
    """Return the folder of public data: `GRIDAGORA_DATA`, else ../shared/data from here or beside the checkout."""
    named = os.environ.get("GRIDAGORA_DATA")
    if named:
        return Path(named).expanduser().resolve()
    here = Path("..", "shared", "data").resolve()
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    return beside if beside.is_dir() and not here.is_dir() else here


def locate(text: str, folder: Path) -> Path:
    """Return the absolute path of one that is written in a scenario whose relative paths start at `folder`."""
    return (folder / text.replace(HOLDER, str(data_folder()))).resolve()


def start_of_paths(file: Path) -> Path:
    """Return the folder at which relative paths of a scenario file start: its own, or that of the run whose result it lies in.

    The manifest beside the scenario of a result names the folder of the scenario that was run. Where that is gone, paths start
    at the folder of the file.
    """
    try:
        told = json.loads((file.parent / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return file.parent
    if not isinstance(told, dict) or file.name not in (told.get("files_sha256") or ()):
        return file.parent
    named = told.get("scenario_folder")
    return Path(named) if isinstance(named, str) and Path(named).is_dir() else file.parent


def resolve(
    tables: Mapping[str, Table], folder: Path, got: Got, problems: list[Problem]
) -> dict[str, Table]:
    """Return the tables with the paths in use made absolute; a path that leads nowhere is added to the problems."""
    data = data_folder()
    full = dict(tables)
    absent: list[str] = []
    for place in used_paths(tables):
        path = locate(place.text, folder)
        full[place.table] = full[place.table].model_copy(update={place.key: str(path)})
        if path.exists():
            continue
        if HOLDER in place.text and not data.is_dir():
            absent.append(f"[{place.table}] {place.key}")
        else:
            problems.append(
                Problem(
                    got.where(place.table, place.key),
                    f"'{place.text}'",
                    "a path that exists",
                    _nearby(path),
                )
            )
    if absent:
        problems.append(_no_data(data, absent, got))
    return full


def used_paths(tables: Mapping[str, Table]) -> list[Place]:
    """Return the paths that the sources of a scenario will open, as they are written."""
    found = []
    for table, key, sources in USED:
        values = vars(tables[table])
        own = key == "folder" and not values.get("file")  # a file by its own name needs no folder
        text = values[key] or (PRICE_FOLDERS.get(values["source"], "") if own else "")
        if table == "homes":
            text = _of_homes(values, key)
        if text and (
            not sources or values["source"] in sources or _read_outside(table, key, values)
        ):
            found.append(Place(table, key, text))
    return found


def _read_outside(table: str, key: str, values: Mapping[str, Any]) -> bool:
    """Return whether a source of a plugin reads a path: the file or folder that its table names."""
    return (
        key in {"file", "folder"}
        and values[key] != TRAVIS
        and from_outside(f"{table}.source", values.get("source"))
    )


def _of_homes(values: Mapping[str, Any], key: str) -> str:
    """Return a path of `[homes]`, empty where nothing opens it."""
    named = str(values[key])
    if key == "ev_file":
        usual = EV_FILES.get(values["ev_source"], "") if values["source"] in IN_FILES else ""
        return (named or usual) if values["ev_share"] > 0 else ""
    if key == "folder":
        return "" if values["file"] and values["source"] == "profiles" else named
    opened = {"weather_file": ("epw", "tmy3", "nsrdb"), "weather_folder": ("travis",)}
    return named if key not in opened or values["weather_source"] in opened[key] else ""


def _nearby(path: Path) -> str:
    above = path.parent
    while not above.exists():
        above = above.parent
    return f"Looked for {path}; it is there as far as {above}."


def _no_data(data: Path, keys: list[str], got: Got) -> Problem:
    hint = "Set GRIDAGORA_DATA to that folder; docs/how-to/data.md says where the public originals are had."
    return Problem(
        f"{got.name}: {', '.join(keys)}",
        f"no data folder at {data}",
        "the folder of public data",
        hint,
    )
