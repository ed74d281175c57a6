"""A result is held against its manifest, and against the same scenario run once more, from the command line."""

import json
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

import gridagora
from gridagora.cli import app
from gridagora.files.hash_file import hash_file
from gridagora.run import folder as folders
from gridagora.run.differences import compare_results, compare_tables
from gridagora.run.result import Comparison
from gridagora.run.verify import FileState, verify_result

RUN = CliRunner()
CASE = """
[scenario]
title = "Three homes"
days = 1
architectures = ["flat", "rtp"]
[homes]
table = "homes.csv"
[prices]
source = "table"
file = "prices.csv"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with a case and, in another, its result."""
    here = tmp_path_factory.mktemp("verify")
    (here / "case").mkdir()
    (here / "case" / "three.toml").write_text(CASE)
    (here / "case" / "homes.csv").write_text("home,pv_kw\na,3\nb,0\nc,0\n")
    times = pd.date_range("2024-07-12", periods=24 * 6, freq="h").strftime("%Y-%m-%d %H:%M")
    rows = "".join(f"{time},{20 + at % 24}\n" for at, time in enumerate(times))
    (here / "case" / "prices.csv").write_text(f"time,price [USD/MWh]\n{rows}")
    scenario = here / "case" / "three.toml"
    found = RUN.invoke(
        app, ["compare", str(scenario), "--set", "scenario.seed=5", "--out", str(here / "out")]
    )
    assert found.exit_code == 0, found.stderr
    return here


@pytest.fixture
def own(made, tmp_path):
    """Return a copy of case and result that a test may spoil; the manifest still names the folder of the first."""
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own"


def told(*arguments, code=0):
    found = RUN.invoke(app, [*(str(each) for each in arguments), "--json"])
    assert found.exit_code == code, found.stderr
    return json.loads(found.stdout)


def test_the_manifest_names_what_was_read(made):
    manifest = json.loads((made / "out" / "manifest.json").read_text())
    assert [each["path"] for each in manifest["inputs"]] == [
        "three.toml", "homes.csv", "prices.csv",
    ]  # fmt: skip
    assert manifest["designs"] == ["flat", "rtp"]
    assert manifest["scenario_folder"] == str(made / "case")
    assert not manifest["is_assembled"]


def test_a_result_that_nobody_touched_is_whole(made):
    found = told("verify", made / "out")
    assert found["is_whole"]
    assert set(found["files"].values()) == set(found["inputs"].values()) == {"same"}


def test_every_file_that_changed_is_named(own):
    (own / "out" / "tables" / "homes.parquet").write_bytes(b"")
    (own / "out" / "tables" / "costs.parquet").unlink()
    (own / "out" / "tables" / "mine.parquet").write_bytes(b"")
    files = told("verify", own / "out", code=1)["files"]
    assert {name: state for name, state in files.items() if state != "same"} == {
        "tables/homes.parquet": "changed",
        "tables/costs.parquet": "missing",
        "tables/mine.parquet": "not of the run",
    }


@pytest.mark.parametrize(("content", "state"), [("a", "changed"), (None, "missing")])
def test_an_input_that_changed_is_named(own, content, state):
    path = own / "out" / "manifest.json"
    manifest = json.loads(path.read_text()) | {"scenario_folder": str(own / "case")}
    summary = json.loads((own / "out" / "summary.json").read_text())
    summary["manifest"]["scenario_folder"] = str(own / "case")
    (own / "out" / "summary.json").write_text(json.dumps(summary))
    manifest["files_sha256"]["summary.json"] = hash_file(own / "out" / "summary.json")
    path.write_text(json.dumps(manifest))
    assert verify_result(own / "out").is_whole
    if content is None:
        (own / "case" / "prices.csv").unlink()
    else:
        (own / "case" / "prices.csv").write_text(content)
    found = verify_result(own / "out")
    assert found.inputs["prices.csv"] == FileState(state)
    assert found.inputs["homes.csv"] is FileState.SAME
    said = RUN.invoke(app, ["verify", str(own / "out")])
    assert said.exit_code == 1
    assert f"prices.csv: {state}" in said.stderr


def test_hashes_written_again_by_hand_are_told(own):
    summary = json.loads((own / "out" / "summary.json").read_text())
    summary["manifest"]["seed"] = 9
    (own / "out" / "summary.json").write_text(json.dumps(summary))
    path = own / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files_sha256"]["summary.json"] = hash_file(own / "out" / "summary.json")
    path.write_text(json.dumps(manifest))
    found = told("verify", own / "out", code=1)
    assert set(found["files"].values()) == {"same"}
    assert "not that of summary.json" in found["fault"]


def test_a_result_reproduces_bit_for_bit(made, tmp_path):
    found = told("reproduce", made / "out", "--out", tmp_path / "again")
    assert found == {"is_same": True, "differences": [], "origin": {}}
    again = folders.load(tmp_path / "again").summary["manifest"]
    assert again["seed"] == 5
    assert again["scenario_folder"] == str(made / "case")


def test_reproduce_says_where_a_result_differs_first(own):
    before = folders.load(own / "out")
    bills = before.tables["homes"].bill_usd.to_numpy(copy=True)
    bills[4] = bills[4] + 1e-9
    tables = before.tables | {"homes": before.tables["homes"].assign(bill_usd=bills)}
    folders.save(Comparison(before.summary, tables, before.scenario_text), own / "out")
    (found,) = told("reproduce", own / "out", code=1)["differences"]
    assert (found["table"], found["column"], found["row"]) == ("homes", "bill_usd", 4)
    assert "rtp" in found["label"]
    assert found["was"] != found["now"]


def test_what_cannot_be_run_again_is_refused(made, tmp_path):
    for summary, match in (
        ({"study": "claims"}, "a result of a study, claims"),
        ({}, "tables that were made in code"),
    ):
        result = Comparison(summary | {"manifest": {"is_assembled": True}}, {}, "[scenario]\n")
        folders.save(result, tmp_path / "out")
        found = RUN.invoke(app, ["reproduce", str(tmp_path / "out")])
        assert found.exit_code == 2
        assert match in found.stderr
    found = RUN.invoke(app, ["reproduce", str(made / "out"), "--out", str(made / "out")])
    assert found.exit_code == 2
    assert RUN.invoke(app, ["verify", str(tmp_path)]).exit_code == 2


def test_a_scene_of_tables_says_so(scene, tmp_path):
    own = gridagora.assemble(scene.feeder, scene.homes, scene.weather, scene.prices, scene.scenario)
    assert own.is_assembled
    assert not scene.is_assembled


TABLE = pd.DataFrame({"architecture": ["flat", "rtp"], "x": [0.0, float("nan")], "n": [1, 2]})


@pytest.mark.parametrize(
    ("change", "column", "row"),
    [
        ({"x": [-0.0, float("nan")]}, "x", 0),
        ({"x": [0.0, 1.0]}, "x", 1),
        ({"n": [1, 3]}, "n", 1),
        ({"architecture": ["flat", None]}, "architecture", 1),
        ({"n": [1.0, 2.0]}, "", -1),
        ({"new": 1}, "", -1),
    ],
)
def test_the_first_difference_of_tables(change, column, row):
    found = compare_tables("homes", TABLE, TABLE.assign(**change))
    assert (found.column, found.row) == (column, row)
    assert str(found).startswith("homes")
    assert compare_tables("homes", TABLE, TABLE.copy()) is None


def test_rows_and_tables_that_are_missing_are_told():
    assert "1 rows" in str(compare_tables("homes", TABLE, TABLE[:1]))
    empty, one = Comparison({}, {}, ""), Comparison({}, {"homes": TABLE}, "")
    (found,) = compare_results(empty, one)
    assert str(found) == "homes: no such table before, a table now"
