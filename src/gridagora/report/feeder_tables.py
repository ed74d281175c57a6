"""A feeder as plain tables: a file for each kind of component, rows named, its impedances beside it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridagora.core.components import PrimitiveBlocks, Windings, series_ohm
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder

# columns that point at rows of another table, which are written as its names
POINTERS = {
    "bus": "buses",
    "from_bus": "buses",
    "to_bus": "buses",
    "transformer": "transformers",
    "from_node": "nodes",
    "to_node": "nodes",
    "node": "nodes",
    "current_node": "nodes",
    "override_node": "nodes",
    "bank": "capacitors",
    "remote_node": "nodes",
    "remote_to_node": "nodes",
    "meter": "meters",
}
KINDS = (
    "buses", "nodes", "sources", "lines", "transformers", "regulators", "capacitors",
    "capacitor_controls", "others", "loads", "meters",
)  # fmt: skip
WITH_BLOCKS = ("sources", "lines", "transformers", "capacitors", "others")
NOTHING = -1  # a row that points nowhere: an end that is not fed, or earth


def feeder_tables(feeder: Feeder) -> dict[str, pd.DataFrame]:
    """Return the tables of a feeder by name, without those that have no rows.

    Units are those of the columns in `gridagora.core.components`: `_v` in V, `_ohm` in ohm, `_siemens` in S. Table
    `primitive_admittance` has the admittance of every component between its conductors, which is all that the flow knows of it;
    `line_impedance` the series impedance of whole lines.
    """
    names = {kind: getattr(feeder, kind).name for kind in KINDS}
    found = {kind: _frame(getattr(feeder, kind), names) for kind in KINDS}
    found["windings"] = _frame(feeder.transformers.windings, names)
    found["line_impedance"] = pd.DataFrame(_impedances(feeder))
    found["primitive_admittance"] = pd.concat(
        [_admittances(kind, getattr(feeder, kind), names["nodes"]) for kind in WITH_BLOCKS],
        ignore_index=True,
    )
    if feeder.shape_share:
        columns = {f"shape_{at}": pd.Series(one) for at, one in enumerate(feeder.shape_share)}
        found["load_shapes"] = pd.DataFrame(columns)
    return {kind: table for kind, table in found.items() if len(table)}


def write_feeder_tables(feeder: Feeder, folder: Path) -> tuple[Path, ...]:
    """Write the tables of a feeder as CSV into a folder, which is made where it is not there; return the files.

    Raises
    ------
    OSError
        A folder that cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, table in feeder_tables(feeder).items():
        path = folder / f"{kind}.csv"
        table.to_csv(path, index=False)
        written.append(path)
    return tuple(written)


def _frame(table: Any, names: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Return the columns of a table that have a value for each of its rows."""
    rows = len(table.transformer) if isinstance(table, Windings) else len(table.name)
    return pd.DataFrame(dict(_columns(table, rows, names)))


def _columns(
    table: Any, rows: int, names: Mapping[str, tuple[str, ...]], before: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield columns of plain values; those of a table within one have its name before their own."""
    for key, column in table._asdict().items():
        name = f"{before}{key}"
        if isinstance(column, PrimitiveBlocks):
            continue
        if hasattr(column, "_asdict"):
            yield from _columns(column, rows, names, f"{name}_")
            continue
        values = np.asarray(column)
        if len(values) != rows:
            continue
        if key in POINTERS:
            of = np.array([*names[POINTERS[key]], ""], object)
            values = of[np.where(values == NOTHING, len(of) - 1, values)]
        if np.iscomplexobj(values):
            yield f"{name}_v", np.abs(values)
            yield f"{name}_degree", np.degrees(np.angle(values))
        elif values.ndim > 1:
            flat = values.reshape(rows, int(np.prod(values.shape[1:])))
            yield from ((f"{name}_{at + 1}", flat[:, at]) for at in range(flat.shape[1]))
        else:
            yield name, values


def _impedances(feeder: Feeder) -> dict[str, list[Any]]:
    """Return the impedance between the conductors of every whole line, a row for each pair."""
    found: dict[str, list[Any]] = {key: [] for key in ("line", "row", "column", "r_ohm", "x_ohm")}
    for at, name in enumerate(feeder.lines.name):
        try:
            ohm = series_ohm(feeder.lines, at)
        except PartError:
            continue
        count = len(ohm)
        found["line"] += [name] * count**2
        found["row"] += np.repeat(np.arange(1, count + 1), count).tolist()
        found["column"] += np.tile(np.arange(1, count + 1), count).tolist()
        found["r_ohm"] += ohm.real.ravel().tolist()
        found["x_ohm"] += ohm.imag.ravel().tolist()
    return found


def _admittances(kind: str, table: Any, nodes: tuple[str, ...]) -> pd.DataFrame:
    """Return the admittance of the components of one kind, a row for each pair of conductors that has one."""
    blocks: PrimitiveBlocks = table.blocks
    size = np.diff(blocks.start)
    first = np.repeat(blocks.start[:-1], size**2)
    wide = np.repeat(size, size**2)
    inside = np.arange(len(blocks.y_siemens)) - np.repeat(np.cumsum(size**2) - size**2, size**2)
    row, column = first + inside // np.maximum(wide, 1), first + inside % np.maximum(wide, 1)
    of, name = np.array([*nodes], object), np.array([*table.name], object)
    made = pd.DataFrame(
        {
            "kind": kind,
            "name": np.repeat(name, size**2),
            "row_node": of[blocks.node[row]],
            "row_end": blocks.terminal[row] + 1,
            "column_node": of[blocks.node[column]],
            "column_end": blocks.terminal[column] + 1,
            "g_siemens": blocks.y_siemens.real,
            "b_siemens": blocks.y_siemens.imag,
        }
    )
    return pd.DataFrame(made[blocks.y_siemens != 0])
