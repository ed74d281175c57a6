"""Tables that people keep by hand: numbers as they write them, headings with units, workbooks, what has two readings."""

import pandas as pd
import pytest
from openpyxl import Workbook

from gridagora.core.errors import InputError
from gridagora.files.sheet import (
    Heading,
    parse_number,
    parse_yes,
    read_sheet,
    split_heading,
    unit_of,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5.0),
        ("5.5", 5.5),
        ("5,5", 5.5),
        ("13,50", 13.5),
        ("0,250", 0.25),
        ("-3,2", -3.2),
        ("+4", 4.0),
        ("1 234", 1234.0),
        ("1 234.5", 1234.5),
        ("1\u00a0234,5", 1234.5),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1,234,567", 1234567.0),
        ("1.234.567", 1234567.0),
        ("1'234", 1234.0),
        ("1.234", 1.234),
        ("5 kW", 5.0),
        ("5kWp", 5.0),
        ("€ 0,25", 0.25),
        ("$0.30", 0.30),
        ("25 %", 25.0),
        ("\u22125,5", -5.5),
        ("(5.5)", -5.5),
        ("45,5-", -45.5),
        ("-$5", -5.0),
        ("EUR 45", 45.0),
        (".5", 0.5),
    ],
)
def test_a_number_is_read_as_people_write_it(text, number):
    assert parse_number(text) == pytest.approx(number)


@pytest.mark.parametrize(
    "text",
    [
        *("1,234", "12,345", "", "abc", "5 to 6", "1.2.3", "1,2,3", "2024-07-15", "5/6", "1e400kW"),
        *(
            "ca. 5",
            "~45",
            "<45",
            "45*",
            "45 (est)",
            "4 5",
            "12 34",
            "--5",
            "(-5)",
            "-5-",
            "1'23",
            "5?",
        ),
    ],
)
def test_what_is_no_number_or_two_is_none(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("written", "name", "unit"),
    [
        ("PV (kWp)", "pv", "kwp"),
        ("Battery [kWh]", "battery", "kwh"),
        ("  Floor area (m²) ", "floor_area", "m²"),
        ("ev", "ev", ""),
        ("Has-PV", "has_pv", ""),
        ("pv_kw", "pv_kw", ""),
    ],
)
def test_a_heading_is_a_name_and_a_unit(written, name, unit):
    assert split_heading(written) == Heading(name, unit)


def test_yes_and_no_are_words_of_several_languages():
    assert [parse_yes(word) for word in ("Yes", "x", "1", "Ja", "oui")] == [True] * 5
    assert [parse_yes(word) for word in ("no", "", "0", "-", "Nein")] == [False] * 5
    assert parse_yes("2") is None
    assert unit_of("13.5 kWh") == "kwh"
    assert unit_of("13.5") == ""


ROWS = [["Name", "PV (kWp)"], ["Ada", 5.5], ["Bob", None], [None, None], ["Cid", 3]]


def write_book(path, rows=ROWS, title="Sheet"):
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return book


def test_one_table_in_three_files_is_one_table(tmp_path):
    write_book(tmp_path / "m.xlsx")
    (tmp_path / "m.csv").write_text("Name;PV (kWp)\nAda;5.5\nBob;\n;\nCid;3\n")
    pd.DataFrame({"Name": ["Ada", "Bob", "Cid"], "PV (kWp)": [5.5, None, 3.0]}).to_parquet(
        tmp_path / "m.parquet"
    )
    found = [read_sheet(tmp_path / f"m.{kind}") for kind in ("xlsx", "csv", "parquet")]
    assert all(dict(each.cells) == dict(found[0].cells) for each in found)
    assert found[0].cells["PV (kWp)"] == ("5.5", "", "3")
    assert [each.row for each in found] == [(2, 3, 5), (2, 3, 5), (1, 2, 3)]


def test_the_first_sheet_that_holds_anything_is_read_and_the_others_named(tmp_path):
    book = write_book(tmp_path / "m.xlsx", [], "Empty")
    for title in ("Members", "Notes"):
        sheet = book.create_sheet(title)
        sheet.append(["home"])
        sheet.append([title])
    book.save(tmp_path / "m.xlsx")
    found = read_sheet(tmp_path / "m.xlsx")
    assert found.cells["home"] == ("Members",)
    assert found.notes == ("m.xlsx: sheet 'Members' is read, not Notes",)


def test_merged_cells_are_refused_by_their_range(tmp_path):
    book = write_book(tmp_path / "m.xlsx")
    book.active.merge_cells("A2:A3")
    book.save(tmp_path / "m.xlsx")
    with pytest.raises(InputError, match="merged cells A2:A3"):
        read_sheet(tmp_path / "m.xlsx")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.csv", "home\n", "without rows"),
        ("m.csv", "home,home\na,b\n", "two columns 'home'"),
        ("m.csv", "PV (kW),pv [kW]\n1,2\n", "'PV \\(kW\\)' and 'pv \\[kW\\]'"),
        ("m.csv", "home,\na,5\n", "row 2: got '5' below an empty heading"),
        ("m.xlsx", "no book", "no workbook"),
        ("m.parquet", "no table", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_sheet(path)


@pytest.mark.parametrize("name", ["m.csv", "m.xlsx"])
def test_a_file_that_is_not_there_is_said(tmp_path, name):
    with pytest.raises(InputError, match="no such file"):
        read_sheet(tmp_path / name)


def test_a_workbook_without_a_cell_is_refused(tmp_path):
    write_book(tmp_path / "m.xlsx", [])
    with pytest.raises(InputError, match="without a cell"):
        read_sheet(tmp_path / "m.xlsx")


@pytest.mark.parametrize(
    ("above", "body"),
    [
        ("", "home,pv_kw\na,5\nb,6\n"),
        ("Our street\nas of 1 May\n\n", "home,pv_kw\na,5\nb,6\n"),
        ("Meldung;\n;;\n", "home;pv_kw;class\na;5,5;x\nb;6,5;x\n"),
        ('Owner,"J, D"\n', "home,pv_kw,class,\na,5,x,\nb,6,y,\n"),
    ],
)
def test_a_heading_is_found_below_the_lines_of_a_report(tmp_path, above, body):
    (tmp_path / "t.csv").write_text(above + body)
    sheet = read_sheet(tmp_path / "t.csv")
    assert sheet.cells["home"] == ("a", "b")
    lines = above.count("\n")
    assert sheet.row == (lines + 2, lines + 3)
    assert any(f"the {lines} lines above" in note for note in sheet.notes) == bool(lines)


@pytest.mark.parametrize("text", ["home,pv_kw\na,5,1\nb,6,1\n", "5,6\n1,2,3\n4,5,6\n"])
def test_rows_that_are_longer_than_the_heading_are_no_heading(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match="3 cells, expected 2 as in the heading"):
        read_sheet(tmp_path / "t.csv")


def test_a_formula_that_nobody_counted_is_no_empty_cell(tmp_path):
    book = Workbook()
    for cells in (["home", "pv (kWp)"], ["a", 5], ["b", "=2+3"]):
        book.active.append(cells)
    book.save(tmp_path / "homes.xlsx")
    with pytest.raises(InputError, match=r"B3: got a formula without a value.*save it"):
        read_sheet(tmp_path / "homes.xlsx")
