"""Printing a result again and taking its tables out, from the command line."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import gridagora
from gridagora.cli import app

RUN = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("show") / "out"
    scene = gridagora.build(gridagora.Scenario(scenario={"days": 1}, homes={"count": 3}))
    gridagora.compare(scene, ["flat", "rtp"], out=path)
    return path


def shown(*arguments):
    found = RUN.invoke(app, [str(each) for each in arguments])
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout) if "--json" in arguments else found.stdout


def test_a_result_is_printed_again_whole(folder):
    assert "social welfare" in shown("show", folder)
    assert set(shown("show", folder, "--json")["architectures"]) == {"flat", "rtp"}


def test_one_metric_by_id_or_name(folder):
    by_id = shown("show", folder, "--metric", "E5", "--json")
    assert by_id == shown("show", folder, "--metric", "Mean bill", "--json")
    assert [row["design"] for row in by_id] == ["flat", "rtp"]
    assert by_id[0]["unit"] == "$/home"


def test_one_design_and_one_home(folder):
    rows = {row["id"]: row["value"] for row in shown("show", folder, "--design", "rtp", "--json")}
    homes = pd.read_parquet(folder / "tables" / "homes.parquet")
    bills = homes[homes.architecture == "rtp"].set_index("home_id").bill_usd
    assert rows["E5"] == pytest.approx(bills.mean())
    home = shown("show", folder, "--home", "home-0002", "--json")
    assert home[1]["bill_usd"] == pytest.approx(bills["home-0002"])


def test_tables_are_exported(folder, tmp_path):
    shown("export", folder, tmp_path / "tables")
    assert (tmp_path / "tables" / "results.xlsx").is_file()
    assert len(pd.read_csv(tmp_path / "tables" / "bills.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--metric", "E55"), "Did you mean 'E5"),
        (("--design", "rpt"), "Did you mean 'rtp'"),
        (("--home", "home-2"), "Did you mean 'home-000"),
        (("--home", "home-0002", "--design", "rtp"), "--design and --home"),
    ],
)
def test_what_a_result_does_not_hold_is_refused_with_the_nearest(folder, arguments, said):
    found = RUN.invoke(app, ["show", str(folder), *arguments])
    assert found.exit_code == 2
    assert said in found.stderr


def test_a_folder_that_is_no_result_is_refused(tmp_path):
    assert RUN.invoke(app, ["show", str(tmp_path)]).exit_code == 2
    assert RUN.invoke(app, ["export", str(tmp_path), str(tmp_path / "out")]).exit_code == 2
