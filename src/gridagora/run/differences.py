"""Where two results of one scenario differ first, table by table, bit for bit."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridagora.run.result import Comparison

WALL_TIME = "I3"  # of two runs never the same
METRICS = "metrics"  # as a table: a row each design and metric
LABELS = ("architecture", "home_id", "bus", "place", "party", "item", "metric", "start_s")


class Difference(NamedTuple):
    """The first place at which a table differs, and how many of its values do.

    `column` is empty where columns or the count of rows differ; `row` counts from 0, -1 where it is none; `label` tells what
    the row is of.
    """

    table: str
    column: str
    row: int
    label: str
    was: str
    now: str
    values: int

    def __str__(self) -> str:
        """In one sentence."""
        if not self.column:
            return f"{self.table}: {self.was} before, {self.now} now"
        more = f"; {self.values} values of this table differ" if self.values > 1 else ""
        return f"{self.table}, column {self.column}, row {self.row} ({self.label}): {self.was} before, {self.now} now{more}"


def compare_results(before: Comparison, now: Comparison) -> list[Difference]:
    """Return the first difference of every table that differs; metrics of the summary count as a table, wall time apart.

    Numbers are the same if all bits are: 0.0 is not -0.0, and what is no number is the same as another of the same bits.
    """
    first, again = _tables(before), _tables(now)
    found = []
    for name in dict.fromkeys([*first, *again]):
        if name not in first or name not in again:
            was, new = ("a table" if name in each else "no such table" for each in (first, again))
            found.append(Difference(name, "", -1, "", was, new, 0))
        elif (told := compare_tables(name, first[name], again[name])) is not None:
            found.append(told)
    return found


def compare_tables(name: str, before: pd.DataFrame, now: pd.DataFrame) -> Difference | None:
    """Return the first value at which two tables differ, by row and then by column; None where they are the same."""
    shapes = (_shape(before), _shape(now))
    for was, new in zip(*shapes, strict=True):
        if was != new:
            return Difference(name, "", -1, "", was, new, 0)
    differs = {column: _differs(before[column], now[column]) for column in before.columns}
    first = {column: int(rows.argmax()) for column, rows in differs.items() if rows.any()}
    if not first:
        return None
    column = min(first, key=lambda each: first[each])
    row = first[column]
    label = ", ".join(f"{each} {before[each].iloc[row]}" for each in LABELS if each in before)
    values = sum(int(rows.sum()) for rows in differs.values())
    was, new = (repr(_plain(side[column].iloc[row])) for side in (before, now))
    return Difference(name, column, row, label, was, new, values)


def _shape(table: pd.DataFrame) -> tuple[str, str, str]:
    """Return columns, their kinds and the count of rows of a table, in words."""
    kinds = ", ".join(str(kind) for kind in table.dtypes)
    return f"columns {', '.join(map(str, table.columns))}", f"kinds {kinds}", f"{len(table)} rows"


def compare_origins(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Return versions, programs, machines and inputs that differ between two manifests, by name, as `before -> now`."""
    sides = [dict(_origin(manifest)) for manifest in (before, now)]
    return {
        name: f"{sides[0].get(name, 'none')} -> {sides[1].get(name, 'none')}"
        for name in dict.fromkeys([*sides[0], *sides[1]])
        if sides[0].get(name) != sides[1].get(name)
    }


def _origin(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from manifest.get("versions", {}).items()
    yield from ((f"program {key}", str(text)) for key, text in manifest.get("program", {}).items())
    yield "machine", str(manifest.get("machine"))
    yield "scenario", str(manifest.get("scenario_sha256"))[:12]
    for each in manifest.get("plugins", ()):
        yield f"plugin {each['module']}", f"{each.get('version') or ''} {str(each['sha256'])[:12]}"
    for name, digest in manifest.get("inputs_sha256", {}).items():
        yield f"table of {name}", digest[:12]
    for each in manifest.get("inputs", ()):
        if each["key"] != "scenario":  # of a result itself when it is run again
            yield each["path"], each["sha256"][:12]


def _tables(result: Comparison) -> dict[str, pd.DataFrame]:
    rows = [
        (design, metric, None if told.get("value") is None else float(told["value"]))
        for design, entry in result.summary.get("architectures", {}).items()
        for metric, told in entry["metrics"].items()
        if metric != WALL_TIME
    ]
    metrics = pd.DataFrame(rows, columns=["architecture", "metric", "value"])
    return result.tables | {METRICS: metrics.astype({"value": float})}


def _differs(before: "pd.Series[Any]", now: "pd.Series[Any]") -> NDArray[np.bool_]:
    """Return which values of two columns of one kind differ, numbers by their bits."""
    if before.dtype.kind == "f":
        was, new = (side.to_numpy() for side in (before, now))
        whole = f"i{was.dtype.itemsize}"
        return np.asarray(was.view(whole) != new.view(whole), dtype=np.bool_)
    both_none = before.isna().to_numpy() & now.isna().to_numpy()
    return np.asarray((before.to_numpy() != now.to_numpy()) & ~both_none, dtype=np.bool_)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
