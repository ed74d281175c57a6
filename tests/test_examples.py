"""The examples of own files run by the commands of their pages, word for word."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import gridagora
from gridagora.cli import app

TOP = Path(__file__).parents[1]


def commands(page):
    text = (TOP / "examples" / page / "README.md").read_text(encoding="utf-8")
    return [shlex.split(line) for line in re.findall(r"^    gridagora (.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("page", ["community", "street", "european"])
def test_a_page_leads_from_files_to_bills(page, tmp_path, monkeypatch, request):
    if page == "european":
        monkeypatch.setenv("GRIDAGORA_DATA", str(request.getfixturevalue("data_dir")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(TOP / "examples")
    for arguments in commands(page):
        few = ["--only", "flat,layered", "--set", "scenario.days=1"]
        found = CliRunner().invoke(app, arguments + (few if arguments[0] == "compare" else []))
        assert found.exit_code == 0, found.stderr
    bills = pd.read_csv(tmp_path / "out" / page / "results" / "bills.csv")
    assert len(bills) == {"community": 12, "street": 50, "european": 55}[page]
    money = "eur" if page in {"street", "european"} else "usd"
    assert f"bill_{money} flat" in bills
    assert (tmp_path / "out" / page / "report.html").is_file()


def test_customers_of_the_street_stand_on_their_meters_and_nobody_else_draws(tmp_path):
    arguments = next(each for each in commands("street") if each[0] == "new")
    files = [
        str(TOP / each) if "/" in each and each.startswith("examples") else each
        for each in arguments
    ]
    files[1] = str(tmp_path / "street.toml")
    assert CliRunner().invoke(app, files).exit_code == 0
    scene = gridagora.load(files[1], ["scenario.days=1"])
    names = [scene.feeder.meters.name[meter] for meter in scene.home_meter]
    assert names == list(scene.homes.home_id)
    assert not scene.other_kw.any()
    monday = pd.read_csv(TOP / "examples/street/loads.csv", sep=";", decimal=",")
    assert scene.homes.load_kw[:, :24].sum() == pytest.approx(monday.iloc[:24, 1:].sum().sum())
