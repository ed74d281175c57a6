"""Tables that people bring, as csv or workbook: read as text, so that a fault is told with the row in which it stands."""

import warnings
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd

from gridagora.core.errors import InputError, Problem

ONLY_BLANKS: Mapping[str, Any] = {"keep_default_na": False, "na_values": [""]}  # words such as "n/a" are told, not guessed at
AS_IN_THE_FILE: Mapping[str, Any] = {"skip_blank_lines": False, "skipinitialspace": True}


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark, or else in Latin-1."""
    raw = Path(path).read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_csv(path: Path) -> pd.DataFrame:
    """Read a csv file as text; row r of the index is line r + 2 of the file, blank lines are left out.

    Raises
    ------
    InputError
        A file without a table, rows of more columns than the heading, columns that are parted by semicolons.
    """
    text = read_text(path)
    heading = text.split("\n", 1)[0]
    if ";" in heading and "," not in heading:
        hint = "Save it with commas between columns and a point in numbers."
        raise InputError([Problem(f"{path}, line 1", "columns parted by ';'", "a csv file parted by commas", hint)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more cells than the heading, else cut
            table = pd.read_csv(StringIO(text), dtype=str, index_col=False, **ONLY_BLANKS, **AS_IN_THE_FILE)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, pd.errors.ParserWarning) as fault:
        raise InputError([Problem(str(path), f"no table ({fault})", "a heading and rows of as many columns")]) from fault
    return table.dropna(how="all")


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
        raise InputError([Problem(str(path), f"no workbook ({fault})", "an xlsx workbook or a csv file")]) from fault
    return pd.concat([sheet.dropna(how="all").assign(place=f"sheet '{name}', ") for name, sheet in sheets.items()])
