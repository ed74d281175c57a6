"""The table of an ensemble: a row for each world, variation, design and metric, read and arranged as columns of numbers.

A world is what a seed draws; every design lives in it. A loss of a stakeholder is a metric `cost.NAME` [$], a driver of a world a
metric `driver.NAME_UNIT` whose design is empty, for it is the same for all.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.tables import Col, Index
from gridagora.files import parquet
from gridagora.files.hash_file import hash_file

TABLE, MANIFEST = "worlds.parquet", "manifest.json"

COLUMNS = ("seed", "variation", "design", "metric", "value")
DRIVER = "driver."
# what a folder without the table may be, by a file that it holds
OTHERS: Mapping[str, str] = {
    "summary.json": "This is the result of one world; `gridagora report` reads it.",
    "journal.jsonl": "The ensemble is not finished; run it again and it goes on where it was.",
}
WORLD = ""  # the design of a row that belongs to the world

# what stands in for the money of a stakeholder where an ensemble holds none: a metric, and its sign as a loss
DERIVED: Mapping[str, tuple[str, float]] = {
    "cost.system": ("E1", -1.0),
    "cost.mean_home": ("E6", -1.0),
    "cost.operator": ("E6m", -1.0),
}


class WorldSample(NamedTuple):
    """One variation of an ensemble: n worlds, d designs, m metrics, k drivers; nan where a design has no figure."""

    variation: int
    seeds: Index  # (n,) rising
    designs: tuple[str, ...]
    metrics: tuple[str, ...]
    value: Col  # (n, d, m) [unit of the metric]
    drivers: tuple[str, ...]
    driver: Col  # (n, k) [unit at the end of its name]

    def column(self, design: str, metric: str) -> Col:
        """Return a metric of a design in every world, (n,) [its unit]."""
        found: Col = self.value[:, self.designs.index(design), self.metrics.index(metric)]
        return found


def read_worlds(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of an ensemble and its manifest, empty where there is none.

    Raises
    ------
    InputError
        No folder, none of an ensemble, or a table with other columns or kinds of value.
    """
    expected = f"the folder of an ensemble, with {TABLE}, as `gridagora ensemble` writes it"
    if not folder.is_dir():
        got = "a file" if folder.exists() else "a folder that does not exist"
        raise InputError([Problem(str(folder), got, expected)])
    path = folder / TABLE
    if not path.is_file():
        hint = next((text for name, text in OTHERS.items() if (folder / name).is_file()), "")
        raise InputError([Problem(str(folder), f"a folder without {TABLE}", expected, hint)])
    manifest = _manifest(folder / MANIFEST)
    digest = manifest.get("files_sha256", {}).get(TABLE)
    if digest is not None and hash_file(path) != digest:
        hint = "It was changed after the run; run the ensemble again."
        raise InputError([Problem(str(path), "another file", "the one the ensemble wrote", hint)])
    table = parquet.read_parquet(path, "the table of an ensemble")
    require_worlds(table, str(path))
    return table, manifest


def refuse_ensemble(folder: Path) -> None:
    """Refuse the folder of an ensemble where that of a result of one world is meant.

    Raises
    ------
    InputError
        A folder that holds the table of an ensemble.
    """
    if (folder / TABLE).is_file():
        got, hint = "the folder of an ensemble", "`gridagora risk` writes its page."
        raise InputError([Problem(str(folder), got, "the folder of a result", hint)])


def require_worlds(table: pd.DataFrame, where: str) -> None:
    """Refuse a table that is none of worlds.

    Raises
    ------
    InputError
        Columns that are missing or of another kind, no rows, infinite values, or two values of one figure: all at once.
    """
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        got = f"no column {', '.join(missing)}"
        raise InputError([Problem(where, got, f"the columns {', '.join(COLUMNS)}")])
    problems = [
        Problem(f"{where}: {name}", f"values of kind {table[name].dtype}", expected)
        for name, expected, kinds in (
            ("seed", "whole numbers", "iu"),
            ("variation", "whole numbers", "iu"),
            ("value", "numbers", "f"),
        )
        if table[name].dtype.kind not in kinds
    ]
    if not problems:
        problems = _find_faults(table, where)
    if problems:
        raise InputError(problems)


def _find_faults(table: pd.DataFrame, where: str) -> list[Problem]:
    problems = []
    if not (table["design"] != WORLD).any():
        problems.append(Problem(where, "no rows of designs", "at least one world"))
    infinite = int(np.isinf(table["value"].to_numpy()).sum())
    if infinite:
        hint = "nan stands for a figure that does not apply."
        problems.append(Problem(where, f"{infinite} infinite values", "finite values", hint))
    twice = table.duplicated(list(COLUMNS[:4]))
    if twice.any():
        row = table[twice].iloc[0]
        got = f"two values of {row['metric']} of '{row['design']}' in seed {row['seed']}"
        problems.append(Problem(where, got, "one value for each seed, variation, design, metric"))
    return problems


def _manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise InputError([Problem(str(path), f"no JSON ({fault})", "a manifest")]) from fault
    return found if isinstance(found, dict) else {}


def variations(table: pd.DataFrame) -> list[int]:
    """Return the numbers of the variations of an ensemble, rising."""
    return sorted(int(number) for number in table["variation"].unique())


def arrange(table: pd.DataFrame, variation: int) -> WorldSample:
    """Return one variation as columns; the order of the rows of the table changes nothing.

    Losses of stakeholders that the table lacks are worked out from metrics where it has those (`DERIVED`).
    """
    rows = table[table["variation"] == variation]
    of_world = (rows["design"] == WORLD).to_numpy()
    seeds = np.unique(rows["seed"].to_numpy()).astype(np.int64)
    own, shared = rows[~of_world], rows[of_world]
    designs, design = np.unique(own["design"].to_numpy(dtype=str), return_inverse=True)
    metrics, metric = np.unique(own["metric"].to_numpy(dtype=str), return_inverse=True)
    value = np.full((len(seeds), len(designs), len(metrics)), np.nan)
    value[np.searchsorted(seeds, own["seed"]), design, metric] = own["value"].to_numpy(float)
    drivers, kind = np.unique(shared["metric"].to_numpy(dtype=str), return_inverse=True)
    driver = np.full((len(seeds), len(drivers)), np.nan)
    driver[np.searchsorted(seeds, shared["seed"]), kind] = shared["value"].to_numpy(float)
    known = [str(name) for name in metrics]
    for name, (source, sign) in DERIVED.items():
        if name not in known and source in known:
            value = np.concatenate([value, sign * value[:, :, [known.index(source)]]], axis=2)
            known.append(name)
    kept = [at for at, name in enumerate(drivers) if str(name).startswith(DRIVER)]
    return WorldSample(
        variation,
        seeds,
        tuple(str(name) for name in designs),
        tuple(known),
        value,
        tuple(str(drivers[at]).removeprefix(DRIVER) for at in kept),
        driver[:, kept],
    )


def require_name(name: str, known: Sequence[str], where: str, expected: str) -> None:
    """Refuse a name that is not among those known.

    Raises
    ------
    InputError
        The name, with the nearest one that is known.
    """
    if name not in known:
        raise InputError([Problem(where, f"'{name}'", expected, nearest(name, list(known)))])
