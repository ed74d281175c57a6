"""Tables that people bring, as csv or workbook: read as text, so that a fault is told with the row in which it stands."""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zipfile import BadZipFile, ZipFile

import pandas as pd

from gridagora.core.errors import InputError, Problem

MARKS = (",", ";", "\t")  # between columns; of those that part a heading alike, the first
ONLY_BLANKS: Mapping[str, Any] = {
    "keep_default_na": False,
    "na_values": [""],
}  # words such as "n/a" are told, not guessed at
AS_IN_THE_FILE: Mapping[str, Any] = {"skip_blank_lines": False, "skipinitialspace": True}
CELL_MAX = 1000  # letters of a heading that are looked at for the mark
FULLER = "Cells beyond the heading belong to no column; text that holds a comma stands in quotes."


def read_text(path: Path) -> str:
    """Return the text of a file, also a compressed one, in UTF-8 or UTF-16 by its byte order mark, or else in Latin-1.

    Raises
    ------
    InputError
        A compressed file that is damaged, or holds several files; UTF-16 that is cut.
    """
    path = Path(path)
    opened = OPENERS.get(path.suffix.lower())
    try:
        raw = path.read_bytes() if opened is None else opened(path)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, BadZipFile, ValueError) as fault:
        got = f"a file that cannot be read ({fault})"
        raise InputError(
            [Problem(str(path), got, "a text file, or one compressed as its name says")]
        ) from fault
    if raw.startswith(
        (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    ):  # as spreadsheets save "Unicode text"
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError as fault:
            raise InputError(
                [Problem(str(path), f"bytes that are no text ({fault.reason})", "a text file")]
            ) from fault
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def mark_of(text: str) -> str:
    """Return what parts the columns of a csv text: comma, semicolon or tab, whichever parts its first line into most."""
    heading = text.split("\n", 1)[0][:CELL_MAX]
    return max(MARKS, key=lambda mark: _cells(heading, mark))


def read_rows(path: Path, mark: str = ",") -> list[tuple[int, list[str]]]:
    """Return the rows of a csv file that hold anything, each with its line in the file.

    Raises
    ------
    InputError
        Text that is no csv.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=mark)
    found: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for row in reader:
            if any(map(str.strip, row)):
                found.append((before + 1, row))
            before = reader.line_num
    except csv.Error as fault:
        raise InputError(
            [
                Problem(
                    f"{path}, line {before + 1}", f"text that is no csv ({fault})", "rows of cells"
                )
            ]
        ) from None
    return found


def read_csv(
    path: Path, wanted: Iterable[str] | None = None, *, rows: int | None = None
) -> pd.DataFrame:
    """Read a csv file as text; row r of the index is row r + 2 of the file, blank rows are left out, empty cells are nan.

    Columns are parted by commas, semicolons or tabs. Names are those of the file, without blanks around them, so that two
    columns may have one name.

    Parameters
    ----------
    path
        The file, also compressed (.gz, .bz2, .xz, .zip).
    wanted
        Names of the columns to read; left out: all.
    rows
        Read only so many rows below the heading.

    Raises
    ------
    InputError
        A file without a table, rows of more cells than the heading.
    """
    text = read_text(path)
    heading = _heading(text)
    keep = (
        set(range(len(heading)))
        if wanted is None
        else {at for at, name in enumerate(heading) if name in set(wanted)}
    )
    options: dict[str, Any] = {
        "sep": mark_of(text),
        "dtype": str,
        "index_col": False,
        "nrows": rows,
    }
    try:
        table = _parsed(text, options)
    except (pd.errors.ParserError, pd.errors.ParserWarning) as fault:
        _refuse_fuller(path, text, len(heading), fault)
        # cells beyond the heading are all empty, as spreadsheets leave them
        table = _parsed(text, options | {"usecols": range(len(heading))})
    except pd.errors.EmptyDataError as fault:
        raise InputError([_no_table(path, fault)]) from fault
    if len(heading) == len(table.columns):
        table.columns = pd.Index(heading)
    return table.iloc[:, sorted(keep)].dropna(how="all") if rows != 0 else table


def doubled(path: Path, table: pd.DataFrame, wanted: Iterable[str]) -> list[Problem]:
    """Return the problem of each wanted column that stands more than once: which of them is meant cannot be known."""
    have = [str(name) for name in table.columns]
    return [
        Problem(str(path), f"two columns '{name}'", "one")
        for name in dict.fromkeys(wanted)
        if have.count(name) > 1
    ]


def read_workbook(path: Path) -> pd.DataFrame:
    """Read all sheets of a workbook, one below the other; the column `place` names the sheet, row r is its row r + 2.

    Raises
    ------
    InputError
        A file that is no workbook.
    """
    try:
        sheets = pd.read_excel(path, sheet_name=None, **ONLY_BLANKS)
    except (ValueError, OSError, KeyError, BadZipFile) as fault:
        raise InputError(
            [Problem(str(path), f"no workbook ({fault})", "an xlsx workbook or a csv file")]
        ) from fault
    return pd.concat(
        [
            sheet.dropna(how="all").assign(place=f"sheet '{name}', ")
            for name, sheet in sheets.items()
        ]
    )


def _parsed(text: str, options: Mapping[str, Any]) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", pd.errors.ParserWarning
        )  # rows with more cells than the heading, else cut
        table: pd.DataFrame = pd.read_csv(
            io.StringIO(text), **options, **ONLY_BLANKS, **AS_IN_THE_FILE
        )
    return table


def _heading(text: str) -> list[str]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=mark_of(text), skipinitialspace=True
    )
    try:
        return [name.strip() for name in next(reader, [])]
    except csv.Error:
        return []


def _cells(heading: str, mark: str) -> int:
    try:
        return len(next(csv.reader([heading], delimiter=mark), []))
    except csv.Error:
        return 0


def _refuse_fuller(path: Path, text: str, columns: int, fault: Exception) -> None:
    """Refuse text that is no table, unless all that is wrong are empty cells beyond the last column of the heading."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark_of(text), strict=True)
    fuller: list[tuple[int, int]] = []
    longest = 0
    try:
        for row, cells in enumerate(reader, 1):
            longest = max(longest, len(cells))
            if any(map(str.strip, cells[columns:])):
                fuller.append((row, len(cells)))
    except csv.Error:
        longest = 0
    if fuller:
        more = f" So in {len(fuller)} rows." if len(fuller) > 1 else ""
        row, many = fuller[0]
        expected = f"{columns} as in the heading"
        raise InputError(
            [Problem(f"{path}, row {row}", f"{many} cells", expected, FULLER + more)]
        ) from fault
    if longest <= columns:
        raise InputError([_no_table(path, fault)]) from fault


def _no_table(path: Path, fault: Exception) -> Problem:
    return Problem(
        str(path), f"no table: it cannot be read ({fault})", "a heading and rows of as many columns"
    )


def _unzipped(path: Path) -> bytes:
    with ZipFile(path) as packed:
        names = packed.namelist()
        if len(names) != 1:
            raise ValueError(f"{len(names)} files in one, where one is expected")
        return packed.read(names[0])


OPENERS: Mapping[str, Callable[[Path], bytes]] = MappingProxyType(
    {
        ".gz": lambda path: gzip.decompress(path.read_bytes()),
        ".bz2": lambda path: bz2.decompress(path.read_bytes()),
        ".xz": lambda path: lzma.decompress(path.read_bytes()),
        ".zip": _unzipped,
    }
)
