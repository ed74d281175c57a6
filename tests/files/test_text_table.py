"""Laws of the one reader of csv files: how a file was saved changes nothing of what is read, and rows keep their numbers."""

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.files.parquet import read_parquet
from gridagora.files.text_table import doubled, read_csv, read_rows

WORDS = st.text(
    st.characters(
        codec="latin-1", exclude_characters='\r\n";\t,\x00', exclude_categories=("Cc", "Zs")
    ),
    max_size=6,
)
ROWS = st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=8)


def saved(rows: list[list[str]], mark: str, code: str, end: str, form: str) -> bytes:
    """Return a table as bytes: its marks, code and line ends, with quotes, blanks, empty cells or lines that change nothing."""
    cells = [["a", "b", "c"], *rows]
    if "quoted" in form:
        cells = [[f'"{cell}"' for cell in row] for row in cells]
    glue = f"{mark} " if "blanks" in form and mark != "\t" else mark
    lines = [glue.join(row) for row in cells]
    if "wider" in form:
        lines = [lines[0], *(line + 2 * mark for line in lines[1:])]
    return (end.join(lines) + end * (3 if "tail" in form else 1)).encode(code)


@given(
    rows=ROWS,
    mark=st.sampled_from([",", ";", "\t"]),
    code=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
    form=st.sets(st.sampled_from(["quoted", "blanks", "wider", "tail"])).map(" ".join),
)
@settings(max_examples=150, deadline=None)
def test_how_a_file_was_saved_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    mark: str,
    code: str,
    end: str,
    form: str,
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_bytes(saved(rows, mark, code, end, form))
    if code == "latin-1" and any(
        _is_utf8(word) for row in rows for word in row if not word.isascii()
    ):
        return  # bytes that are both: no reader can tell them
    table = read_csv(path)
    full = [row for row in rows if any(row)]
    assert list(table.columns) == ["a", "b", "c"]
    assert table.fillna("").to_numpy().tolist() == full
    assert table.index.tolist() == [at for at, row in enumerate(rows) if any(row)]


def _is_utf8(word: str) -> bool:
    try:
        word.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def zipped(text: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("inner.csv", text)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.bz2", "csv.xz", "csv.zip"])
def test_a_compressed_file_is_read_and_a_damaged_one_refused(tmp_path: Path, suffix: str) -> None:
    text, path = b"a,b\n1,2\n", tmp_path / f"t.{suffix}"
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}.get(
        suffix[4:], lambda raw: raw
    )
    path.write_bytes(zipped(text, tmp_path / "z") if suffix.endswith("zip") else pack(text))
    assert read_csv(path).to_numpy().tolist() == [["1", "2"]]
    if suffix != "csv":
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(InputError, match="cannot be read"):
            read_csv(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "a,b\n1,2\n3,4,5\n6,7,8,9\n",
            r"row 3: got 3 cells, expected 2 as in the heading\. .*So in 2 rows",
        ),
        ("", "no table"),
        ('a,b\n"1,2\n', "no table"),
    ],
)
def test_what_is_no_table_is_told_by_row(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence) as caught:
        read_csv(tmp_path / "t.csv")
    assert len(caught.value.problems) == 1


def test_two_columns_of_one_name_are_told_only_where_one_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("load,note,load ,note\n1,x,2,y\n", encoding="utf-8")
    table = read_csv(tmp_path / "t.csv")
    assert list(table.columns) == ["load", "note", "load", "note"]
    assert [problem.got for problem in doubled(tmp_path, table, ["load", "other"])] == [
        "two columns 'load'"
    ]


def test_rows_keep_their_line_past_quoted_line_ends(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n"1\n2",3\n\n4,5\n', encoding="utf-8")
    assert read_rows(tmp_path / "t.csv") == [(1, ["a", "b"]), (2, ["1\n2", "3"]), (5, ["4", "5"])]


def test_a_parquet_file_is_read_by_its_own_rows_and_a_cut_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index([7, 9], name="a_key")).to_parquet(path)
    assert read_parquet(path, "a table")["a"].tolist() == [1.0, 2.0]
    assert read_parquet(path, "a table").index.tolist() == [0, 1]
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match="cannot be read"):
        read_parquet(path, "a table")
