"""Small tables that people keep by hand, CSV, workbook or Parquet: cells as text by heading, with the row in which each stands.

Numbers may be written as people write them: with a decimal comma where no other reading is possible, a unit or a currency behind
or before them. What can be read in two ways is refused.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from zipfile import BadZipFile

import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.files import parquet
from gridagora.files.text_table import MARKS, mark_of, read_csv, read_rows, read_text

WORKBOOKS = (".xlsx", ".xlsm")
TABLE = "a table: CSV (.csv), a workbook (.xlsx) or Parquet (.parquet)"
HEADING = re.compile(r"^(?P<name>.*?)\s*(?:[\[(]\s*(?P<unit>[^\])]*?)\s*[\])])?$", re.DOTALL)
NUMBER = re.compile(
    r"^(?P<sign>[+\-]?)\s*(?P<before>[$€£¥¢]|[A-Z]{3}(?=[ \d]))?\s*(?P<inner>[+\-]?)"
    r"(?P<number>\d[\d.,' ]*|[.,]\d+)(?P<behind>-?)\s*(?P<after>[^\W\d_][^\d()<>*~!?#]*|[%°$€£¥¢][^\d()<>*~!?#]*)?$"
)
BRACKETS = re.compile(r"^\((?P<inside>.*)\)$")  # below zero, as accounts write it
MINUS = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " "})
GROUPED = re.compile(r"^\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*$")
SPACED = re.compile(r"^\d{1,3}(?:([' ])\d{3})+(?:[.,]\d+)?$")
TOTALS = frozenset(
    {"total", "totals", "sum", "all", "subtotal", "summe", "gesamt", "totale", "somme", "suma"}
)
YES = frozenset({"yes", "y", "true", "x", "1", "1.0", "ja", "oui", "si", "sí", "sim"})
NO = frozenset({"no", "n", "false", "0", "0.0", "nein", "non", "não", "none", "-", ""})
NAMES_SHOWN = 4
LOOKED_AT = 40  # lines, for the heading


class Heading(NamedTuple):
    """A heading without its unit, in small letters with underscores, and that unit, '' where none stands there."""

    name: str
    unit: str


class Sheet(NamedTuple):
    """A table of text: cells of each column by its heading as it is written, '' where empty, and the row of each in the file."""

    path: Path
    cells: Mapping[str, tuple[str, ...]]
    row: tuple[int, ...]
    notes: tuple[str, ...]

    def at(self, row: int) -> str:
        """Return where a row of the table stands, for a message."""
        return f"{self.path}, row {self.row[row]}"


def split_heading(written: str) -> Heading:
    """Return the heading and the unit in it: "PV size (kWp)" is pv_size in kwp."""
    found = HEADING.match(written.strip())
    name, unit = (found["name"], found["unit"] or "") if found else (written, "")
    return Heading(re.sub(r"[\s\-./]+", "_", name.strip().lower()).strip("_"), unit.lower())


def read_sheet(path: Path) -> Sheet:
    """Read a table as text; rows without any cell are left out.

    Raises
    ------
    InputError
        A file that is none of the three, is no table or has no rows, cells that are merged, a heading that stands twice.
    """
    path = Path(path)
    read = READERS.get(path.suffix.lower(), _read_text)
    sheet = read(path)
    problems = []
    if not sheet.row:
        problems.append(Problem(str(path), "a table without rows", "a heading and a row each"))
    slugs: dict[Heading, str] = {}
    for name in sheet.cells:
        heading = split_heading(name)
        if heading in slugs:
            got = f"the headings '{slugs[heading]}' and '{name}'"
            problems.append(Problem(str(path), got, "each heading once"))
        slugs[heading] = name
    if problems:
        raise InputError(problems)
    return sheet


def read_headings(path: Path) -> tuple[str, ...]:
    """Return the headings of a table, without its rows where the file allows.

    Raises
    ------
    InputError
        A file that is none of the three or no table.
    """
    path = Path(path)
    if path.suffix.lower() in WORKBOOKS:
        return tuple(read_sheet(path).cells)
    if not path.exists():
        raise InputError([Problem(str(path), "no such file", TABLE)])
    if path.suffix.lower() == ".parquet":
        return tuple(parquet.names(path, TABLE))
    if find_preamble(read_text(path)).lines:
        return tuple(read_sheet(path).cells)
    return tuple(str(name) for name in read_csv(path, rows=0).columns)


def parse_number(text: str) -> float | None:
    """Return the number that a cell holds, None where it holds none or one that can be read in two ways.

    "13,5", "1 234.5", "1.234,5", "5 kW" and "€ 0,25" are read, and as below zero "-5", "(5)" and "5-"; "1,234" is not: it may
    be 1.234 or 1234.
    """
    found, is_below = _match_number(text)
    if found is None:
        return None
    signs = found["sign"] + found["inner"] + found["behind"] + "-" * is_below
    if len(signs) > 1:
        return None
    size = _parse_size(found["number"].strip())
    return None if size is None else -size if signs == "-" else size


def unit_of(text: str) -> str:
    """Return the unit behind the number of a cell, or the money before it, in small letters; '' where nothing stands there."""
    found, _ = _match_number(text)
    return "" if found is None else (found["after"] or found["before"] or "").strip().lower()


def _match_number(text: str) -> tuple[re.Match[str] | None, bool]:
    """Return the parts of a cell with a number, and whether it stands in brackets."""
    plain = text.translate(MINUS).strip()
    inside = BRACKETS.match(plain)
    return NUMBER.match(inside["inside"].strip() if inside else plain), inside is not None


def parse_yes(text: str) -> bool | None:
    """Return whether a cell says yes, None where it says neither yes nor no; an empty one says no."""
    word = text.strip().lower()
    if word in YES:
        return True
    return False if word in NO else None


def _parse_size(written: str) -> float | None:
    points, commas = written.count("."), written.count(",")
    if GROUPED.match(written):
        if written[-4] in "' ":
            return float(re.sub(r"[' ]", "", written))
        if points + commas > 1:
            return float(re.sub(r"[.,]", "", written))
        if commas or written[0] == "0":
            return None if written[0] != "0" else float(written.replace(",", "."))
        return float(written)
    if re.search(r"[' ]", written) and not SPACED.match(written):
        return None
    written = re.sub(r"[' ]", "", written)
    if points and commas:
        decimal = max(".,", key=written.rfind)
        other = "," if decimal == "." else "."
        if written.count(decimal) > 1:
            return None
        written = written.replace(other, "").replace(decimal, ".")
    elif commas == 1:
        written = written.replace(",", ".")
    try:
        return float(written)
    except ValueError:
        return None


def _read_text(path: Path) -> Sheet:
    if not path.exists():
        raise InputError([Problem(str(path), "no such file", TABLE)])
    above = find_preamble(read_text(path))
    if above.lines:
        return _below_preamble(path, above)
    table = read_csv(path)
    return _sheet(path, table.astype(object), [int(row) + 2 for row in table.index], ())


class Preamble(NamedTuple):
    """How many lines stand above the heading of a text, and what parts its columns."""

    lines: int
    mark: str


def find_preamble(text: str) -> Preamble:
    """Return how many lines stand above a heading: lines of fewer filled cells than most have, as reports and exports write."""
    head = text.splitlines()[:LOOKED_AT]
    first = mark_of(text)
    rows = {mark: _filled(head, mark) for mark in MARKS}
    many = {mark: Counter(len(row) for row in each if row) for mark, each in rows.items()}
    usual = {mark: each.most_common(1)[0] for mark, each in many.items() if each}
    if first not in usual or len(rows[first][0]) >= usual[first][0]:
        return Preamble(0, first)
    mark = max(usual, key=lambda each: usual[each])
    width = usual[mark][0]
    for at, cells in enumerate(rows[mark]):
        if len(cells) >= width and all(cells) and not any(cell[0].isdigit() for cell in cells):
            return Preamble(at, mark)
    return Preamble(0, first)


def _filled(lines: Sequence[str], mark: str) -> list[list[str]]:
    """Return the cells of lines, without empty ones at their ends; none where they are no csv."""
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    except csv.Error:
        return []
    return [row[: max((at for at, cell in enumerate(row, 1) if cell), default=0)] for row in rows]


def _below_preamble(path: Path, above: Preamble) -> Sheet:
    """Read a text table below lines that are none of it."""
    rows = [row for row in read_rows(path, above.mark) if row[0] > above.lines]
    (_, heading), body = rows[0], rows[1:]
    width = max(at for at, cell in enumerate(heading, 1) if cell.strip())
    heading = heading[:width]
    fuller = [line for line, cells in body if any(map(str.strip, cells[width:]))]
    if fuller:
        got = f"more cells than the {width} of the heading in row {rows[0][0]}"
        raise InputError([Problem(f"{path}, row {fuller[0]}", got, f"{width} cells")])
    cells = [(each + [""] * width)[:width] for _, each in body]
    table = pd.DataFrame(cells, columns=pd.Index(heading), dtype=object)
    note = f"{path.name}: the {above.lines} lines above the heading are left out"
    return _sheet(path, table, [line for line, _ in body], (note,))


def _read_parquet(path: Path) -> Sheet:
    table = parquet.read_parquet(path, TABLE)
    return _sheet(path, table, [row + 1 for row in range(len(table))], ())


def _read_workbook(path: Path) -> Sheet:
    """Read the first sheet of a workbook that holds anything; the others are named."""
    from openpyxl import load_workbook  # noqa: PLC0415 (200 ms, for workbooks alone)

    if not path.exists():
        raise InputError([Problem(str(path), "no such file", TABLE)])
    try:
        book = load_workbook(path, data_only=True)
    except (BadZipFile, KeyError, ValueError, OSError) as fault:
        raise InputError([Problem(str(path), f"no workbook ({fault})", TABLE)]) from fault
    filled = [
        sheet
        for sheet in book.worksheets
        if any(cell is not None for row in sheet.iter_rows(values_only=True) for cell in row)
    ]
    if not filled:
        raise InputError([Problem(str(path), "a workbook without a cell", TABLE)])
    sheet, others = filled[0], [each.title for each in filled[1:]]
    if merged := [str(cells) for cells in sheet.merged_cells.ranges]:
        where = f"{path}, sheet '{sheet.title}'"
        got = f"merged cells {', '.join(sorted(merged)[:NAMES_SHOWN])}"
        hint = "A merged cell says its value in one row only: unmerge it and fill each row."
        raise InputError([Problem(where, got, "a value in each cell", hint)])
    rows = [
        (number, cells)
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1)
        if any(cell is not None for cell in cells)
    ]
    _refuse_uncounted(path, sheet.title, rows)
    (_, heading), body = rows[0], rows[1:]
    names = ["" if name is None else str(name) for name in heading]
    table = pd.DataFrame([cells for _, cells in body], columns=pd.Index(names), dtype=object)
    said = (f"{path.name}: sheet '{sheet.title}' is read, not {', '.join(others)}",)
    return _sheet(path, table, [number for number, _ in body], said if others else ())


def _refuse_uncounted(
    path: Path, title: str, rows: Sequence[tuple[int, tuple[object, ...]]]
) -> None:
    """Refuse formulas of which the workbook holds no value, as programs write them that do not count."""
    from openpyxl import load_workbook  # noqa: PLC0415 (200 ms, for workbooks alone)

    if not any(cell is None for _, cells in rows for cell in cells):
        return
    written = load_workbook(path)[title]
    for number, cells in rows:
        for at, cell in enumerate(cells, 1):
            formula = written.cell(number, at)
            if cell is None and formula.data_type == "f":
                where = f"{path}, sheet '{title}', {formula.coordinate}"
                hint = "Open the workbook in a spreadsheet and save it: formulas are then counted."
                raise InputError([Problem(where, "a formula without a value", "a value", hint)])


def _sheet(path: Path, table: pd.DataFrame, rows: list[int], notes: tuple[str, ...]) -> Sheet:
    names = [str(name).strip() for name in table.columns]
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    problems = [Problem(str(path), f"two columns '{name}'", "one") for name in doubled]
    cells: dict[str, tuple[str, ...]] = {}
    for at, name in enumerate(names):
        column = tuple("" if _is_empty(cell) else _text(cell) for cell in table.iloc[:, at])
        if name:
            cells[name] = column
        elif any(column):
            row = next(row for row, cell in zip(rows, column, strict=True) if cell)
            got = f"'{next(filter(None, column))}' below an empty heading"
            problems.append(Problem(f"{path}, row {row}", got, "a heading above each column"))
    if problems:
        raise InputError(problems)
    return Sheet(path, MappingProxyType(cells), tuple(rows), notes)


def _is_empty(cell: object) -> bool:
    return cell is None or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))


def _text(cell: object) -> str:
    """Return a cell as text; a number without digits behind its point as a whole one."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


READERS: Mapping[str, Callable[[Path], Sheet]] = MappingProxyType(
    {".parquet": _read_parquet, **dict.fromkeys(WORKBOOKS, _read_workbook)}
)
