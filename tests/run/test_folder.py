"""The folder of a result: whole or not there, read back as written, and never mixed with another run."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.files.hash_file import hash_file
from gridagora.files.json_text import json_text
from gridagora.run import folder as folders
from gridagora.run.result import Comparison


def result(**tables: pd.DataFrame) -> Comparison:
    return Comparison({"manifest": {"seed": 1}, "architectures": {}}, tables, "[scenario]\n")


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


def test_a_failure_while_writing_leaves_the_result_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    for place, match in (
        ("file", "a file"),
        ("file/below", "cannot be written"),
        ("mine", "something else than a result"),
    ):
        with pytest.raises(InputError, match=match):
            folders.begin(tmp_path / place)
    assert (tmp_path / "mine" / "thesis.txt").is_file()
    draft = folders.begin(tmp_path / "new")
    assert draft.is_dir()
    assert str(os.getpid()) in draft.name


def test_json_holds_no_number_that_is_none() -> None:
    """RFC 8259 has no Infinity and no NaN."""
    values = {
        "a": float("inf"),
        "b": [np.nan, np.float64(-np.inf)],
        "c": np.arange(2),
        "d": np.bool_(1),
        "e": Path("x"),
    }
    assert json.loads(json_text(values)) == {
        "a": None,
        "b": [None, None],
        "c": [0, 1],
        "d": True,
        "e": "x",
    }


def rewritten(folder: Path, change: Callable[[dict], None]) -> None:
    """Change the manifest of a folder by hand."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def hashed_again(folder: Path) -> None:
    """Write the hashes of changed files into the manifest, as one would who edits a result."""
    rewritten(
        folder,
        lambda manifest: manifest.update(
            files_sha256={name: hash_file(folder / name) for name in manifest["files_sha256"]},
        ),
    )


MANIFESTS = {
    "a table less": (
        lambda m: m["files_sha256"].pop("tables/homes.parquet"),
        "got the tables costs.parquet, expected as run",
    ),
    "no table": (
        lambda m: [m["files_sha256"].pop(f"tables/{name}.parquet") for name in ("homes", "costs")],
        "tables none",
    ),
    "no summary": (lambda m: m["files_sha256"].pop("summary.json"), "no list of files"),
    "no scenario": (lambda m: m["files_sha256"].pop("scenario.toml"), "no list of files"),
    "no list": (lambda m: m.update(files_sha256=["summary.json"]), "no list of files"),
    "nothing": (lambda m: m.update(files_sha256=None), "no list of files"),
    "a number": (lambda m: m["files_sha256"].update({"summary.json": 3}), "hash 3"),
    "a file outside": (
        lambda m: m["files_sha256"].update({"../../secret": "0" * 64}),
        "the file '../../secret'",
    ),
    "a path from the root": (
        lambda m: m["files_sha256"].update({"/etc/hostname": "0" * 64}),
        "the file '/etc/hostname'",
    ),
    "another seed": (lambda m: m.update(seed=2), "not that of summary.json"),
    "an older format": (
        lambda m: m.pop("format"),
        "a result of format none, by gridagora of no version",
    ),
    "a newer format": (
        lambda m: m.update(format=9, versions={"gridagora": "7.0"}),
        "format 9, by gridagora 7.0",
    ),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_manifest_changed_by_hand_is_a_sentence(tmp_path: Path, case: str) -> None:
    change, sentence = MANIFESTS[case]
    folders.save(result(homes=frame(2.0), costs=frame(1.0)), tmp_path / "out")
    rewritten(tmp_path / "out", change)
    with pytest.raises(InputError) as caught:
        folders.load(tmp_path / "out")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", ["tables/homes.parquet", "summary.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"PAR1 cut", None])
def test_a_file_changed_together_with_its_hash_is_a_sentence(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    """Bills that were halved and hashed again would be read as those of the run."""
    folder = tmp_path / "out"
    folders.save(result(homes=frame(2.0), costs=frame(1.0)), folder)
    if content is None:
        frame(1.0).to_parquet(folder / "tables" / "homes.parquet")
    else:
        (folder / name).write_bytes(content)
    hashed_again(folder)
    with pytest.raises(InputError, match=r"summary\.json|as run"):
        folders.load(folder)


def test_a_table_renamed_in_folder_and_list_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folders.save(result(homes=frame(2.0), costs=frame(1.0)), folder)
    (folder / "tables" / "homes.parquet").rename(folder / "tables" / "places.parquet")
    rewritten(
        folder,
        lambda m: m["files_sha256"].update(
            {"tables/places.parquet": m["files_sha256"].pop("tables/homes.parquet")}
        ),
    )
    with pytest.raises(
        InputError,
        match=r"costs\.parquet, places\.parquet, expected as run: costs\.parquet, homes\.parquet",
    ):
        folders.load(folder)


def test_a_folder_is_read_whole_while_others_write_it(tmp_path: Path) -> None:
    """One process replaces a result again and again, another reads it: every reading is of one run, or a sentence."""
    folder = tmp_path / "out"
    folders.save(result(homes=frame(0.0), costs=frame(0.0)), folder)
    stop = threading.Event()

    def write() -> None:
        at = 0.0
        while not stop.is_set():
            at += 1.0
            folders.save(result(homes=frame(at), costs=frame(at)), folder)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        whole = 0
        for _ in range(60):
            try:
                found = folders.load(folder)
            except InputError:
                continue
            whole += 1
            assert (
                found.tables["homes"]["value"].tolist() == found.tables["costs"]["value"].tolist()
            )
    finally:
        stop.set()
        writer.join()
    assert whole > 0


@pytest.mark.parametrize("name", ["study", "ensemble", "sweep", "seeds"])
def test_a_study_inside_the_folder_of_its_scenario_is_no_stranger(name, tmp_path):
    (tmp_path / "out" / name).mkdir(parents=True)
    assert folders.begin(tmp_path / "out").is_dir()
