"""An area is run as its scenario says, and one that does not fit the memory of a machine is refused before it is made."""

import json

import pytest
from typer.testing import CliRunner

from gridagora import cli
from gridagora.cli import app
from gridagora.core.errors import InputError
from gridagora.files.memory import available_bytes
from gridagora.scenario import read
from gridagora.studies import area_study

GIB = 1 << 30


@pytest.fixture
def sixteen(monkeypatch):
    monkeypatch.setattr(area_study, "available_bytes", lambda: 16 * GIB)


def test_a_million_homes_in_two_processes_fit_sixteen_gibibytes(sixteen):
    area_study.require_memory(1_000_000, 1000, 1, 2, at_once=True)


@pytest.mark.parametrize(
    ("homes", "days", "shards", "at_once"),
    [(8_000_000, 1, 2, True), (7_000_000, 1, 1, False), (6_000_000, 60, 2, False)],
)
def test_more_than_fits_is_refused_with_how_many_would(sixteen, homes, days, shards, at_once):
    with pytest.raises(InputError, match=r"at most [\d,]+ in the 16.0 GiB") as found:
        area_study.require_memory(homes, 1000, days, shards, at_once=at_once)
    fits = int(str(found.value).split("at most ")[1].split(" in the")[0].replace(",", ""))
    area_study.require_memory(fits, 1000, days, shards, at_once=at_once)
    with pytest.raises(InputError):
        area_study.require_memory(fits + 2, 1000, days, shards, at_once=at_once)


def test_where_nobody_says_how_much_there_is_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(area_study, "available_bytes", lambda: None)
    area_study.require_memory(10**9, 1000, 1, 1, at_once=True)


def test_memory_is_that_of_the_machine_or_of_its_container(tmp_path):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 32 kB\nMemAvailable:    2048 kB\n")
    assert available_bytes(info, tmp_path) == 2 << 20
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    assert available_bytes(info, tmp_path) == 2 << 20
    (tmp_path / "memory.max").write_text("1048576\n")
    assert available_bytes(info, tmp_path) == (1 << 20) - 5
    info.write_text("nothing of the kind\n")
    assert available_bytes(info, tmp_path) is None
    assert available_bytes(tmp_path / "none", tmp_path) is None


AREA = '[scenario]\ndays = 1\narchitectures = ["layered"]\n[homes]\ncount = 20\n[area]\nhomes = 600\nsample = 3\n'


@pytest.fixture
def area(tmp_path):
    (tmp_path / "scenario.toml").write_text(AREA)
    return tmp_path


def test_run_runs_the_area_of_a_scenario_and_study_area_an_hour_of_it(area):
    words = ["study", "area", str(area), "--hours", "1", "--json", "--out", str(area / "out")]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["homes"], told["sampled_homes"], told["hours"]) == (600, 3, 1.0)
    fewer = CliRunner().invoke(app, [*words, "--homes", "200"])
    assert json.loads(fewer.stdout)["homes"] == 200


def test_run_hands_an_area_on(area, monkeypatch):
    asked = []
    monkeypatch.setattr(cli, "run_area", lambda scene, size, folder, **_: asked.append(size))
    assert CliRunner().invoke(app, ["run", str(area)]).exit_code == 0
    assert (asked[0].homes, asked[0].sample, asked[0].shards) == (600, 3, 1)


@pytest.mark.parametrize("verb", ["compare", "ensemble"])
def test_an_area_is_refused_where_it_cannot_run(area, verb):
    found = CliRunner().invoke(app, [verb, str(area), "--out", str(area / "out")])
    assert found.exit_code == 2
    assert "600 homes of an area" in found.stderr


def test_an_area_of_another_design_is_refused(area):
    found = CliRunner().invoke(app, ["run", str(area), "--only", "rtp", "--out", str(area / "o")])
    assert found.exit_code == 2
    assert "the design 'rtp', expected 'layered'" in found.stderr


def test_keys_of_an_area_without_homes_are_refused():
    with pytest.raises(InputError, match="only beside \\[area\\] homes"):
        read.parse("[area]\nshards = 3\n")
