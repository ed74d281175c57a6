"""Tables of a pandapower network file, as columns by name; no class that the file names is made.

References
----------
pandapower 3.5, "Save and load networks", pandapower.readthedocs.io; a table is the text that `DataFrame.to_json` writes in the
orientation "split".
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Flag, Index

EXPECTED = "a network that pandapower.to_json wrote"
LEFT = "It is left out."
LARGEST = 1e12  # of any figure of a network
SHOWN = 4  # elements that a note names


@dataclass(frozen=True)
class NetTable:
    """One table of n elements; what is wrong in its columns goes to `problems`."""

    where: str  # file and table
    name: str
    index: Index  # (n,) by which other tables name its rows
    columns: Mapping[str, Sequence[Any]]  # (n,) each
    problems: list[Problem]

    def __len__(self) -> int:
        """Return the number of elements."""
        return len(self.index)

    def has(self, key: str) -> bool:
        """Whether the table has a column with at least one value."""
        return any(value is not None for value in self.columns.get(key, ()))

    def real(self, key: str, default: float | None = None, least: float = -math.inf) -> Col:
        """Return a column of numbers, shape (n,) [any unit]; without default every element in service must have one.

        A value below `least`, or one that is no number, is a problem.
        """
        found = self.columns.get(key, [None] * len(self))
        values = np.array([_number(value) for value in found], np.float64)
        absent = np.array([value is None for value in found], np.bool_)
        used = self.flag("in_service", default=True) if key != "in_service" else ~absent
        wrong = np.isnan(values) & ~absent & used
        lacking = absent & used if default is None else np.zeros(len(self), np.bool_)
        below = values < least
        expected = f"{key} as a number" + ("" if math.isinf(least) else f" of {least:g} or more")
        for row in np.flatnonzero(wrong | lacking | (below & used)).tolist():
            got = f"no {key}" if found[row] is None else f"{key} {found[row]!r}"
            self.problems.append(Problem(self.label(row), got, expected))
        return np.where(absent, np.nan if default is None else default, values)

    def whole(self, key: str, default: int = -1) -> Index:
        """Return a column of whole numbers, shape (n,); the default where there is none."""
        values = self.real(key, float(default))
        return np.where(np.isfinite(values), values, default).astype(np.int64)

    def flag(self, key: str, *, default: bool) -> Flag:
        """Return a column of truths, shape (n,)."""
        found = self.columns.get(key, [None] * len(self))
        return np.array([default if value is None else bool(value) for value in found], np.bool_)

    def text(self, key: str) -> list[str]:
        """Return a column of words, (n,) of them; "" where there is none."""
        found = self.columns.get(key, [None] * len(self))
        return ["" if value is None else str(value) for value in found]

    def label(self, row: int) -> str:
        """Return the file, table, name and index of an element, as errors name it."""
        name = self.text("name")[row]
        told = f" '{name}'" if name else ""
        return f"{self.where}{told} (index {self.index[row]})"

    def names(self) -> tuple[str, ...]:
        """Return one name an element, (n,) of them: its own where no other has it, else with table and index."""
        own = self.text("name")
        count = Counter(own)
        return tuple(
            name if name and count[name] == 1 else f"{name or self.name} {at}"
            for name, at in zip(own, self.index.tolist(), strict=True)
        )


@dataclass(frozen=True)
class Net:
    """A network file while it is converted: its tables, and what is told of it."""

    path: Path
    name: str
    f_hz: float
    tables: Mapping[str, NetTable]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def table(self, name: str) -> NetTable:
        """Return a table, an empty one where the file has none."""
        empty = NetTable(
            f"{self.path.name}, {name}", name, np.zeros(0, np.int64), {}, self.problems
        )
        return self.tables.get(name, empty)

    def tell(self, names: Sequence[str], got: str, consequence: str) -> None:
        """Add one note on elements alike, with the first of them by name."""
        if names:
            rest = len(names) - SHOWN
            tail = f" and {rest} more" if rest > 0 else ""
            self.notes.append(f"{', '.join(names[:SHOWN])}{tail}: {got}. {consequence}")


def read_net(path: Path) -> Net:
    """Return the tables of a network file.

    Raises
    ------
    InputError
        A file that is not the JSON of a pandapower network, or a table of it that cannot be read: all at once.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise InputError([Problem(str(path), f"no JSON text ({fault})", EXPECTED)]) from fault
    if not isinstance(held, dict) or held.get("_class") != "pandapowerNet":
        raise InputError([Problem(str(path), "another kind of JSON", EXPECTED)])
    net = held.get("_object")
    if not isinstance(net, dict):
        hint = "An encrypted network is read after pandapower has written it anew without a key."
        raise InputError([Problem(str(path), "a network that is not readable", EXPECTED, hint)])
    problems: list[Problem] = []
    tables = {
        name: _table(path, name, value, problems)
        for name, value in net.items()
        if isinstance(value, dict) and value.get("_class") == "DataFrame"
    }
    f_hz = _number(net.get("f_hz", 50.0))
    if not f_hz > 0:
        problems.append(Problem(f"{path.name}, f_hz", repr(net.get("f_hz")), "a frequency [Hz]"))
    if problems:
        raise InputError(problems)
    return Net(path, str(net.get("name") or path.stem), f_hz, tables, problems)


def _table(path: Path, name: str, value: Mapping[str, Any], problems: list[Problem]) -> NetTable:
    where = f"{path.name}, {name}"
    try:
        held = value["_object"]
        split = json.loads(held) if isinstance(held, str) else held
        keys = [str(key) for key in split["columns"]]
        rows, index = [list(row) for row in split["data"]], list(split["index"])
    except (KeyError, TypeError, ValueError):
        expected = "the orientation 'split': columns, index and data"
        problems.append(Problem(where, "a table that cannot be read", expected))
        return NetTable(where, name, np.zeros(0, np.int64), {}, problems)
    if any(len(row) != len(keys) for row in rows) or len(index) != len(rows):
        problems.append(Problem(where, "rows of other lengths", f"{len(keys)} values in each"))
        return NetTable(where, name, np.zeros(0, np.int64), {}, problems)
    columns = {key: [row[at] for row in rows] for at, key in enumerate(keys)}
    numbered = all(isinstance(at, int) for at in index)
    at = np.array(index if numbered else range(len(rows)), np.int64)
    if len(np.unique(at)) < len(at):
        problems.append(Problem(where, "an index that stands twice", "one index an element"))
    return NetTable(where, name, at, columns, problems)


def _number(value: Any) -> float:
    """Return a value as a number, nan where it is none or larger than any of a network."""
    if isinstance(value, bool | int | float) and abs(value) < LARGEST:
        return float(value)
    return math.nan
