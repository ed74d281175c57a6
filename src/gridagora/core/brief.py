"""Tables in brief, for a notebook or a prompt: a line a column with its shape and its range, never its numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

LINES = 15  # of the shortest screen that shows one whole
SHOWN = 3  # names of a column before the rest are counted
WIDTH = 100


def brief(table: object, heading: str = "") -> str:
    """Return a table of columns in at most 15 lines: its name, then each column with shape and range, in the unit of its name."""
    columns = getattr(table, "_fields", None) or tuple(vars(table))
    lines = [
        (name, spell_column(getattr(table, name)))
        for name in columns
        if getattr(table, name) is not None
    ]
    return in_lines(heading or type(table).__name__, lines)


def in_lines(heading: str, lines: Iterable[tuple[str, str]]) -> str:
    """Return a heading and lines of a name and what is said of it; what is beyond 15 lines is counted."""
    said = list(lines)
    wide = max((len(name) for name, _ in said), default=0)
    rows = [_cut(f"  {name:<{wide}}  {text}") for name, text in said]
    if len(rows) >= LINES:
        rows[LINES - 2 :] = [f"  ... and {len(rows) - LINES + 2} more"]
    return "\n".join([heading, *rows])


def _cut(line: str) -> str:
    return line.rstrip() if len(line) <= WIDTH else f"{line[: WIDTH - 4].rstrip()} ..."


def count_of(number: int, word: str) -> str:
    """Return so many of something in words, as "1 row" and "2 rows"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def spell_column(column: Any) -> str:
    """Return one column in brief: an array by shape and range, names by the first of them, a table by how many rows it has."""
    if isinstance(column, np.ndarray):
        return _spell_array(column)
    if isinstance(column, Mapping):
        counts = [f"{name} {_rows(table)}" for name, table in column.items()]
        return ", ".join(counts) or "none"
    if hasattr(column, "_fields"):
        return f"{type(column).__name__}, {count_of(_rows(column), 'row')}"
    if isinstance(column, tuple):
        first = ", ".join(_spell_item(item) for item in column[:SHOWN])
        rest = f" ... ({len(column)})" if len(column) > SHOWN else ""
        return f"{first or 'none'}{rest}"
    return str(column) if isinstance(column, int | float | str) else type(column).__name__


def _spell_item(item: object) -> str:
    return str(item) if isinstance(item, int | float | str) else type(item).__name__


def _spell_array(values: np.ndarray) -> str:
    shape = f"{values.shape}".replace(" ", "")
    if not values.size or values.dtype.kind not in "biuf":
        return f"{shape} {values.dtype}"
    if values.dtype.kind == "b":
        return f"{shape} {int(values.sum())} true"
    known = values[np.isfinite(values)]
    if not known.size:
        return f"{shape} nan"
    least, most = known.min(), known.max()
    span = f"{least:.4g}" if least == most else f"{least:.4g} to {most:.4g}"
    return f"{shape} {span}"


def _rows(table: Any) -> int:
    """Return how many rows a table of columns has: those of its first column."""
    names = getattr(table, "_fields", None) or tuple(getattr(table, "__dict__", ()))
    first = getattr(table, names[0]) if names else ()
    return len(first) if hasattr(first, "__len__") else 1
