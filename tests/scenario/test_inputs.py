"""The files of a scenario: those listed are enough to make its scene, and each is told by path, size and hash."""

import hashlib
import shutil
from pathlib import Path

import pytest

from gridagora.core import registry
from gridagora.core.tables import blocks_of
from gridagora.run.origin import describe_origin, find_commit
from gridagora.scenario import build, read
from gridagora.scenario.inputs import hash_inputs
from gridagora.scenario.paths import locate
from gridagora.sources.opendss.named_files import list_files

TOP = Path(__file__).parents[2]
STREET = TOP / "examples" / "street"
CASE = """
[scenario]
days = 1
start = 2024-07-15
[feeder]
source = "opendss"
file = "street.dss"
[homes]
loads = "loads.csv"
table = "customers.csv"
[prices]
source = "table"
file = "prices.csv"
"""
AUSTIN = """
[scenario]
days = 1
[feeder]
source = "opendss"
file = "{data}/feeders/ieee/123Bus/IEEE123Master.dss"
[homes]
source = "travis"
on = "all"
count = 4
ev_share = 0.5
[weather]
source = "travis"
[prices]
source = "ercot_hub_average"
"""


def digest(scene):
    found = hashlib.sha256()
    for column in (scene.feeder, *scene.homes, *scene.weather, *scene.prices):
        for block in blocks_of(column):
            found.update(block)
    return found.hexdigest()


def copied(scenario, here, data):
    """Copy the listed files to the same paths below another folder, and nothing else."""
    folder = Path(scenario.folder)
    for each in hash_inputs(scenario):
        target = Path(each.path.replace("{data}", str(data)))
        target = target if target.is_absolute() else here / target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(locate(each.path, folder), target)


@pytest.mark.parametrize("text", [AUSTIN])
def test_the_listed_files_are_enough_to_make_the_scene(text, data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDAGORA_DATA", str(data_dir))
    (tmp_path / "scenario.toml").write_text(text)
    first = build.load(tmp_path / "scenario.toml")
    other, data = tmp_path / "other", tmp_path / "data"
    copied(first.scenario, other, data)
    monkeypatch.setenv("GRIDAGORA_DATA", str(data))
    assert digest(build.load(other / "scenario.toml")) == digest(first)


def test_files_of_a_street_are_listed_by_key_path_size_and_hash(tmp_path):
    for path in STREET.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "mine.toml").write_text(CASE)
    found = {each.path: each for each in hash_inputs(read.load(tmp_path / "mine.toml"))}
    assert list(found) == ["mine.toml", "street.dss", "customers.csv", "loads.csv", "prices.csv"]
    for name, each in found.items():
        content = (tmp_path / name).read_bytes()
        assert each.bytes == len(content)
        assert each.sha256 == hashlib.sha256(content).hexdigest()
    assert found["prices.csv"].key == "prices.file"


def test_a_case_that_is_drawn_read_no_file():
    assert hash_inputs(read.parse("[scenario]\ndays = 1\n")) == ()


PLUGIN = """
from gridagora.extend import metric

@metric("X9", "nothing", "1", "up", explanation="Nothing.", family="I", order=9)
def nothing(outcome, _):
    return 0.0
"""


def test_a_plugin_file_is_listed(tmp_path, monkeypatch):
    for kind in registry.ROOMS:
        registry.entries(kind)
    monkeypatch.setattr(registry, "_parts", dict(registry._parts))
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "scenario.toml").write_text('[plugins]\nfiles = ["mine.py"]\ninstalled = false\n')
    found = hash_inputs(read.load(tmp_path / "scenario.toml"))
    assert [each.key for each in found] == ["scenario", "plugins.files"]


def test_a_script_leads_to_scripts_coordinates_and_figures(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "master.dss").write_text(
        "Clear\nRedirect parts/shapes.dss\nBuscoords xy.csv\n! Redirect other.dss\n"
    )
    (tmp_path / "parts" / "shapes.dss").write_text(
        'New Loadshape.a npts=2 mult=(file="kw (1).csv") qmult=(file=../q.csv) ! file=gone.csv\n'
        "New Loadshape.b csvfile=absent.csv\n"
    )
    for name in ("xy.csv", "other.dss", "q.csv", "gone.csv", "parts/kw (1).csv"):
        (tmp_path / name).write_text("1\n")
    found = [path.relative_to(tmp_path).as_posix() for path in list_files(tmp_path / "master.dss")]
    assert sorted(found) == [
        "master.dss", "parts/kw (1).csv", "parts/shapes.dss", "q.csv", "xy.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("kept", [True, False])
def test_paths_in_the_scenario_of_a_result_start_where_those_of_the_run_did(tmp_path, kept):
    (tmp_path / "case").mkdir()
    for path in STREET.iterdir():
        shutil.copy(path, tmp_path / "case")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scenario.toml").write_text(CASE)
    told = f'{{"scenario_folder": "{tmp_path / "case"}", "files_sha256": {{"scenario.toml": ""}}}}'
    if kept:
        (tmp_path / "out" / "manifest.json").write_text(told)
        found = read.load(tmp_path / "out" / "scenario.toml")
        assert found.feeder.file == str(tmp_path / "case" / "street.dss")
        assert found.written["scenario"] == str(tmp_path / "out" / "scenario.toml")
        assert len(hash_inputs(found)) == 5
    else:
        (tmp_path / "out" / "manifest.json").write_text(told.replace("scenario.toml", "x.toml"))
        with pytest.raises(ValueError, match="a path that exists"):
            read.load(tmp_path / "out" / "scenario.toml")


def test_origin_tells_designs_time_program_and_folders(scene):
    found = describe_origin(scene, ["flat", "rtp"])
    assert found["designs"] == ["flat", "rtp"]
    assert found["started_utc"].endswith("+00:00")
    assert len(found["program"]["sha256"]) == 64


def test_a_package_that_git_does_not_know_has_no_commit(tmp_path):
    (tmp_path / "__init__.py").write_text("")
    assert find_commit(tmp_path) == {"commit": None, "is_changed": None}
    assert find_commit(tmp_path / "absent") == {"commit": None, "is_changed": None}
