"""The command line: exit codes, what goes to which stream, and that nothing is written where the input is bad."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import gridagora
from gridagora import cli
from gridagora.core.errors import PartError
from gridagora.report import answers, page

BAD = "[homes]\npv_shar = 0.3\nev_share = 2.0\n[scenario]\narchitectures = ['flta']\n"
DSS = """Clear
New Circuit.tiny basekv=12.47 bus1=head
New Line.one bus1=head bus2=tail length=1 units=km
New Load.house bus1={bus} kV=12.47 kW=5 pf=0.95
Set voltagebases=[12.47]
Calcvoltagebases
Solve
"""
SUMMARY = {
    "architectures": {
        "flat": {
            "metrics": {"E1": {"value": float("nan"), "unit": "$"}},
            "certificates": {},
            "wall_s": 1.0,
        }
    },
    "manifest": {},
}


def call(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace the run by one that notes what it was asked."""
    asked: list[Any] = []

    def stand_in(scene: Any, folder: Path, architectures: Any = None, seen: Any = None) -> Any:
        assert seen is None
        asked.append((scene, folder, architectures))
        return SimpleNamespace(summary=SUMMARY)

    monkeypatch.setattr(cli, "_compare", stand_in)
    monkeypatch.setattr(page, "write", lambda _, path: path)
    monkeypatch.setattr(answers, "write_answers", lambda _, path: path)
    return asked


def test_help_is_light() -> None:
    code = (
        "import sys, gridagora.cli\nheavy = {'numpy', 'numba', 'pandas', 'pydantic', 'plotly', 'dss'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_names_every_verb() -> None:
    text = call("--help").stdout
    for verb in ("demo", "new", "check", "run", "compare", "study", "report", "statement", "list"):
        assert f"\n  {verb} " in text


def test_new_writes_a_scenario_that_passes_check(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    made = call("new", str(file))
    assert made.exit_code == 0
    assert made.stdout == ""
    assert str(file) in made.stderr.replace("\n", "")
    checked = call("check", str(file), "--set", "homes.count=5", "--json")
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["understood"]["homes"].startswith("5 on 5 meters")


def test_new_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_text("mine")
    assert call("new", str(file)).exit_code == 2
    assert file.read_text() == "mine"
    assert call("new", str(tmp_path / "no" / "case.toml")).exit_code == 2


@pytest.mark.parametrize("verb", ["check", "compare", "run"])
def test_bad_input_prints_every_problem_and_writes_nothing(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(BAD)
    done = call(verb, "bad.toml")
    assert done.exit_code == 2
    assert done.stdout == ""
    for word in ("3 problems", "'pv_share'", "at most 1", "'flat'", "nothing was run or written"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["bad.toml"]


def test_problems_as_json(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD)
    done = call("check", str(file), "--json")
    assert done.exit_code == 2
    problems = json.loads(done.stdout)["problems"]
    assert len(problems) == 3
    assert set(problems[0]) == {"where", "got", "expected", "hint"}


def test_a_feeder_is_checked(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.dss", tmp_path / "bad.dss"
    good.write_text(DSS.format(bus="tail"))
    bad.write_text(DSS.format(bus="nowhere"))
    done = call("check", str(good))
    assert done.exit_code == 0, done.stderr
    assert "1 meters" in done.stdout
    refused = call("check", str(bad))
    assert refused.exit_code == 2
    assert "nowhere" in refused.stderr
    assert "house" in refused.stderr


def test_a_feeder_that_does_not_converge_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "heavy.dss"
    file.write_text(DSS.format(bus="tail").replace("kW=5 ", "kW=900000 "))
    done = call("check", str(file))
    assert done.exit_code == 2
    assert "does not converge" in done.stderr


def test_a_feeder_is_converted_once(tmp_path: Path) -> None:
    file, out = tmp_path / "feeder.dss", tmp_path / "out"
    file.write_text(DSS.format(bus="tail"))
    made = call("convert", str(file), str(out))
    assert made.exit_code == 0, made.stderr
    assert "read back" in made.stdout and "assumed" not in made.stdout
    assert "New Load.house" in (out / "opendss" / "Loads.dss").read_text()
    assert "5.0" in (out / "tables" / "meters.csv").read_text()
    again = call("convert", str(file), str(out))
    assert again.exit_code == 2 and "a folder with files in it" in again.stderr
    assert call("convert", str(file), str(out), "--overwrite", "--json").exit_code == 0


def test_a_model_that_is_not_the_feeder_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "feeder.dss", tmp_path / "out"
    file.write_text(DSS.format(bus="tail"))
    for found, said in ((2e-4, "voltages that are 2.0e-04 pu off"), (float("nan"), "no solution")):
        proof = "gridagora.report.opendss_model.proof.compare_read_back"
        monkeypatch.setattr(proof, lambda *_, off=found: off)
        told = call("convert", str(file), str(out))
        assert told.exit_code == 2 and said in told.stderr
        assert not out.exists()


def test_a_strict_conversion_refuses_what_the_model_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "feeder.dss", tmp_path / "out"
    file.write_text(DSS.format(bus="tail"))
    assert call("convert", str(file), str(tmp_path / "sound"), "--strict").exit_code == 0
    held = "gridagora.report.opendss_model.count_held"
    monkeypatch.setattr(held, lambda _: 3)
    told = call("convert", str(file), str(out), "--strict")
    assert told.exit_code == 2 and "3 rows of loads move with voltage" in " ".join(
        told.stderr.split()
    )
    assert not out.exists()
    assert call("convert", str(file), str(out)).exit_code == 0


def test_a_file_that_is_no_feeder_is_not_converted(tmp_path: Path) -> None:
    file, out = tmp_path / "feeder.txt", tmp_path / "out"
    file.write_text("no feeder")
    told = call("convert", str(file), str(out))
    assert told.exit_code == 2 and "the ending '.txt'" in told.stderr
    assert not out.exists()


def test_compare_passes_on_what_was_asked(tmp_path: Path, compared: list[Any]) -> None:
    file = tmp_path / "case.toml"
    file.write_text("[homes]\ncount = 3\n[scenario]\ndays = 1\n")
    done = call(
        "compare",
        str(file),
        "--only",
        "flat,rtp",
        "--set",
        "homes.pv_share=1.0",
        "--out",
        str(tmp_path / "out"),
        "--json",
    )
    assert done.exit_code == 0, done.stderr
    scene, folder, _ = compared[0]
    assert scene.scenario.scenario.architectures == ("flat", "rtp")
    assert scene.scenario.homes.pv_share == 1.0
    assert folder == tmp_path / "out"
    assert json.loads(done.stdout)["architectures"]["flat"]["metrics"]["E1"]["value"] is None


def test_run_is_one_design(tmp_path: Path, compared: list[Any]) -> None:
    file = tmp_path / "case.toml"
    file.write_text("[homes]\ncount = 3\n[scenario]\ndays = 1\n")
    assert call("run", str(file), "--only", "rtp", "--json").exit_code == 0
    assert compared[0][2] == ["rtp"]
    assert call("run", str(file), "--json").exit_code == 0
    assert compared[1][2] == ["flat"]
    assert call("run", str(file), "--only", "flat,rtp").exit_code == 2


def test_an_unknown_design_is_named_as_typed(tmp_path: Path, compared: list[Any]) -> None:
    file = tmp_path / "case.toml"
    file.write_text("")
    done = call("compare", str(file), "--only", "flat,rpt")
    assert done.exit_code == 2
    assert "--only flat,rpt" in done.stderr
    assert "'rtp'" in done.stderr
    assert not compared


def test_demo_needs_no_file(compared: list[Any], tmp_path: Path) -> None:
    assert call("demo", "--out", str(tmp_path / "out"), "--json").exit_code == 0
    scene, folder, _ = compared[0]
    assert len(scene.homes.home_id) == 40
    assert folder == tmp_path / "out"


def test_a_failed_design_is_told_and_the_rest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = SUMMARY | {"failed": {"central": "the substation tender was empty"}}
    monkeypatch.setattr(cli, "_compare", lambda *_: SimpleNamespace(summary=broken))
    monkeypatch.setattr(page, "write", lambda _, path: path)
    monkeypatch.setattr(answers, "write_answers", lambda _, path: path)
    done = call("demo", "--out", str(tmp_path), "--json")
    assert done.exit_code == 1
    assert "central failed: the substation tender was empty" in done.stderr
    assert "flat" in json.loads(done.stdout)["architectures"]


def test_a_part_that_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any) -> None:
        raise PartError("row 3: x_min above x_max")

    monkeypatch.setattr(cli, "_compare", refuse)
    done = call("demo", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "row 3" in done.stderr


def test_out_must_not_be_a_file(tmp_path: Path, compared: list[Any]) -> None:
    (tmp_path / "out").write_text("")
    assert call("demo", "--out", str(tmp_path / "out")).exit_code == 2
    assert not compared


def test_report_needs_a_result(tmp_path: Path) -> None:
    done = call("report", str(tmp_path))
    assert done.exit_code == 2
    assert "manifest.json" in done.stderr


def test_list_names_the_parts() -> None:
    parts = json.loads(call("list", "--json").stdout)
    assert {"flat", "tou", "rtp"} <= set(parts["market"])
    assert all(text for known in parts.values() for text in known.values())
    assert "hvac" in call("list").stdout


def test_the_default_folder_is_named_after_the_case() -> None:
    assert cli.default_out(Path("examples/austin/scenario.toml")).name == "austin"
    assert cli.default_out(Path("examples/austin/january.toml")).name == "january"


def test_the_facade_is_small_and_lazy() -> None:
    assert len(gridagora.__all__) <= 31  # five of them the tables of devices
    assert set(gridagora.__all__) == set(gridagora._PLACES)
    assert dir(gridagora) == sorted(gridagora.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = gridagora.lod
    done = subprocess.run(
        [sys.executable, "-c", "import sys, gridagora; sys.exit('numpy' in sys.modules)"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("name", sorted(gridagora.__all__))
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(gridagora, name) is not None


SHORT = ("--set", "homes.count=3", "--set", "homes.ev_share=0.0", "--days", "1", "--jobs", "1")


def test_study_losses_writes_table_and_report(tmp_path: Path) -> None:
    file, out = tmp_path / "case.toml", tmp_path / "out"
    file.write_text("[scenario]\ndays = 3\n")
    done = call(
        "study", "losses", str(file), *SHORT, "--design", "rtp", "--out", str(out), "--json"
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["manifest"]["days"] == 1
    assert sum(bar["share"] for bar in told["losses"]) == pytest.approx(1)
    assert (out / "tables" / "losses.parquet").is_file()
    assert "Where the rest goes" in (out / "report.html").read_text(encoding="utf-8")
    (out / "report.html").unlink()
    assert call("report", str(out)).exit_code == 0
    assert "Where the rest goes" in (out / "report.html").read_text(encoding="utf-8")


def test_study_aggregation_hands_on_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gridagora.studies import aggregation as study
    from gridagora.studies import waterfall as losses

    asked: list[Any] = []
    found = study.StudyResult({"study": "aggregation", "points": [], "manifest": {}}, {}, "")
    monkeypatch.setattr(study, "study_aggregation", lambda *given: asked.append(given) or found)
    monkeypatch.setattr(losses, "study_losses", lambda *given: asked.append(given) or found)
    file = tmp_path / "case.toml"
    file.write_text("[scenario]\ndays = 3\n[homes]\ncount = 3\n")
    assert (
        call("study", "aggregation", str(file), "--out", str(tmp_path / "one"), "--json").exit_code
        == 0
    )
    assert (
        call(
            "study", "aggregation", str(file), "--full", "--out", str(tmp_path / "two"), "--json"
        ).exit_code
        == 0
    )
    assert [(given[0].days, given[1].full) for given in asked[::2]] == [(2, False), (3, True)]
    assert (tmp_path / "two" / "report.html").is_file()


def test_study_refuses_a_design_it_cannot_take_apart(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_text("[homes]\ncount = 3\n")
    assert (
        call(
            "study", "losses", str(file), "--design", "flat", "--out", str(tmp_path / "out")
        ).exit_code
        == 2
    )
    assert (
        call(
            "study", "losses", str(file), "--design", "layerd", "--out", str(tmp_path / "out")
        ).exit_code
        == 2
    )


def test_help_of_the_studies_is_there() -> None:
    text = call("study", "--help").stdout
    for verb in ("aggregation", "losses", "claims"):
        assert f"\n  {verb} " in text
    told = call("study", "claims", "--help").stdout
    for option in ("SCENARIO", "--seeds", "--set", "--out", "--jobs", "--json"):
        assert option in told
    assert "[default: 16]" in told


def test_study_claims_hands_on_what_was_asked_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gridagora.run import folder as folders
    from gridagora.studies import retail_claims

    asked: list[Any] = []
    sides = {
        name: [1.0, 2.0]
        for quantity in retail_claims.BETTER
        for name in (f"before_{quantity}", f"after_{quantity}")
    }
    draws = pd.DataFrame(
        {"case": "outside tariff at cost", "baseline": "regulated, feed-in", **sides}
    )

    def stand_in(*given: Any) -> retail_claims.StudyResult:
        asked.append(given)
        found = retail_claims.judge_claims(draws)
        told = {
            "study": "claims",
            "claims": found.to_dict("records"),
            "manifest": {"title": "Two", "seeds": 2},
        }
        study = retail_claims.StudyResult(told, {"claims": found, "draws": draws}, "")
        folders.save(study, given[3])
        return study

    monkeypatch.setattr(retail_claims, "study_claims", stand_in)
    file, out = tmp_path / "case.toml", tmp_path / "out"
    file.touch()
    given = (
        "study",
        "claims",
        str(file),
        "--seeds",
        "2",
        "--set",
        "homes.count=3",
        "--jobs",
        "1",
        "--out",
        str(out),
    )
    done = call(*given)
    assert done.exit_code == 0, done.stderr
    assert "outside tariff at cost" in done.stdout
    assert (
        "The peak falls against a regulated tariff with feed-in: not shown in every case."
        in " ".join(done.stdout.split())
    )
    path, seeds, overrides, folder, _, jobs = asked[0]
    assert (path, list(seeds), overrides, folder, jobs) == (file, [0, 1], ["homes.count=3"], out, 1)
    first = (out / "report.html").read_text(encoding="utf-8")
    assert "When do prosumers as the retailer keep what is promised?" in first
    assert json.loads(call(*given, "--json").stdout)["study"] == "claims"
    (out / "report.html").unlink()
    assert call("report", str(out)).exit_code == 0
    assert "When do prosumers as the retailer keep what is promised?" in (
        out / "report.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (("nowhere.toml",), "no such file"),
        (("case.toml", "--seeds", "1"), "2 or more"),
        (("case.toml", "--seeds", "0"), "2 or more"),
        (("case.toml", "--set", "homes.pv_shar=1"), "pv_share"),
        (("case.toml", "--seeds", "2", "--jobs", "1"), "0 prosumers of 3 homes"),
        (("case.toml", "--out", "case.toml"), "a folder"),
    ],
)
def test_study_claims_refuses_in_sentences(
    given: tuple[str, ...], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("case.toml").write_text(
        "[scenario]\ndays = 1\n[homes]\ncount = 3\npv_share = 0.0\nev_share = 0.0\nbattery_share = 0.0\n"
    )
    done = call("study", "claims", *given)
    assert done.exit_code == 2, done.stderr
    assert done.stdout == ""
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["case.toml"]


def test_version_and_module() -> None:
    assert call("--version").stdout == f"gridagora {gridagora.__version__}\n"
    done = subprocess.run(
        [sys.executable, "-m", "gridagora", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"gridagora {gridagora.__version__}\n"


def test_study_refuses_an_address_without_ray_and_one_where_nobody_answers(tmp_path: Path) -> None:
    file, out = tmp_path / "case.toml", tmp_path / "out"
    file.write_text("[homes]\ncount = 3\n")
    where = ("--address", "127.0.0.1:9", "--out", str(out))
    told = call("study", "losses", str(file), *where)
    assert told.exit_code == 2
    assert "Add --on ray" in told.stderr
    told = call("study", "losses", str(file), "--on", "ray", *where)
    assert told.exit_code == 2
    assert "ray" in told.stderr.lower()
    assert not out.exists()


AREA = """
[scenario]
days = 1
[homes]
count = 6
[substation]
limit_kw = 90.0
over_per_kwh = 1.0
"""


def test_study_area_writes_sums_and_a_sample_and_any_split_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_text(AREA)
    told = []
    for shards in ("1", "2"):
        out = tmp_path / shards
        keys = ("--homes", "600", "--shards", shards, "--hours", "1", "--sample", "3")
        done = call("study", "area", str(file), *keys, "--out", str(out), "--json")
        assert done.exit_code == 0, done.stderr
        told.append(done.stdout)
        assert {path.name for path in out.iterdir()} == {
            "summary.json",
            "intervals.parquet",
            "sample.parquet",
        }
    assert told[0] == told[1]
    assert json.loads(told[0])["homes"] == 600


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("--hours", "25"), "at most 24"),
        (("--shards", "0"), "--shards"),
        (("--homes", "many"), "--homes"),
        (("--checkpoint", "here"), "Add --on ray"),
        (("--set", "substation.limit_share_of_flat_peak=0.8"), "Set limit_kw"),
    ],
)
def test_study_area_refuses_what_it_cannot_run(
    tmp_path: Path, keys: tuple[str, ...], said: str
) -> None:
    file, out = tmp_path / "case.toml", tmp_path / "out"
    file.write_text(AREA.replace("limit_kw = 90.0", ""))
    told = call("study", "area", str(file), "--homes", "100", *keys, "--out", str(out))
    assert told.exit_code == 2
    assert said in told.stderr
    assert not out.exists()
