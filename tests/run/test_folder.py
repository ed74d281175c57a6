"""The folder of a result: whole or not there, read back as written, and never mixed with another run."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.files.json_text import json_text
from gridagora.run import folder as folders
from gridagora.run.result import Result


def result(**tables: pd.DataFrame) -> Result:
    return Result({"manifest": {"seed": 1}, "architectures": {}}, tables, "[scenario]\n")


def frame(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"value": values})


def test_a_second_run_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folders.save(result(places=frame(1.0), homes=frame(2.0)), folder)
    folders.save(result(homes=frame(3.0)), folder)
    assert sorted(path.name for path in (folder / "tables").iterdir()) == ["homes.parquet"]
    assert list(folders.load(folder).tables) == ["homes"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_table_that_the_manifest_does_not_list_is_not_read(tmp_path: Path) -> None:
    folders.save(result(homes=frame(2.0)), tmp_path / "out")
    frame(9.0).to_parquet(tmp_path / "out" / "tables" / "places.parquet")
    assert list(folders.load(tmp_path / "out").tables) == ["homes"]


def test_every_changed_or_missing_file_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folders.save(result(homes=frame(2.0), costs=frame(1.0)), folder)
    frame(1.0).to_parquet(folder / "tables" / "homes.parquet")
    (folder / "tables" / "costs.parquet").unlink()
    (folder / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        folders.load(folder)
    assert len(caught.value.problems) == 3
    assert "was changed after the run" in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"seed": 1}'])
def test_a_folder_without_a_manifest_is_a_sentence(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no list of files"):
        folders.load(tmp_path)


def test_a_failure_while_writing_leaves_the_result_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    folders.save(result(homes=frame(2.0)), folder)

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        folders.save(result(homes=frame(3.0)), folder)
    monkeypatch.undo()
    assert folders.load(folder).tables["homes"]["value"].tolist() == [2.0]


def test_what_studies_keep_in_the_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "points").mkdir(parents=True)
    (folder / "points" / "one.json").write_text("{}", encoding="utf-8")
    folders.save(result(points=frame(2.0)), folder)
    folders.save(result(points=frame(3.0)), folder)
    assert (folder / "points" / "one.json").is_file()


def test_a_place_that_cannot_hold_a_result_is_refused_before_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("", encoding="utf-8")
    for place, match in (("file", "a file"), ("file/below", "cannot be written"), ("mine", "something else than a result")):
        with pytest.raises(InputError, match=match):
            folders.begin(tmp_path / place)
    assert (tmp_path / "mine" / "thesis.txt").is_file()
    draft = folders.begin(tmp_path / "new")
    assert draft.is_dir()
    assert str(os.getpid()) in draft.name


def test_json_holds_no_number_that_is_none() -> None:
    """RFC 8259 has no Infinity and no NaN."""
    values = {"a": float("inf"), "b": [np.nan, np.float64(-np.inf)], "c": np.arange(2), "d": np.bool_(1), "e": Path("x")}
    assert json.loads(json_text(values)) == {"a": None, "b": [None, None], "c": [0, 1], "d": True, "e": "x"}
