"""A metric is one file: what a function decorated in this one says is computed, listed, shown and explained everywhere."""

import io
from html import escape

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.core import registry
from gridagora.report import page
from gridagora.report.table import render, table
from gridagora.results.metric import POWER, metric
from gridagora.run import folder as folders
from gridagora.run.compare import compare

WHY = "Energy of all meters between midnight & noon."


@pytest.fixture
def added():
    """Register two metrics for one test."""

    @metric(
        "X9",
        "energy of the morning",
        "kWh",
        "down",
        explanation=WHY,
        family="Habits",
        order=1,
        short_name="morning",
    )
    def morning(outcome, _):
        return float(outcome.load_kw[: len(outcome.load_kw) // 2].sum() * outcome.dt_h)

    @metric(
        "P0",
        "first power",
        "kW",
        "-",
        explanation="Power at the start.",
        family=POWER,
        order=0,
        in_brief=False,
    )
    def first(outcome, _):
        return float(outcome.load_kw[0])

    yield morning
    registry.forget(__name__)


@pytest.fixture
def result(scene, added):
    return compare(scene, ["flat"])


def test_a_metric_of_one_file_is_computed_and_stands_in_its_family(result, added):
    rows = table(result)
    assert rows.loc["X9", "flat"] > 0
    assert tuple(rows.loc["X9", ["metric", "unit", "better"]]) == (
        "energy of the morning",
        "kWh",
        "lower",
    )
    assert rows.index[-1] == "X9", "a family of its own comes after those of the program"
    assert list(rows.index).index("P0") == list(rows.index).index("P1") - 1


def test_the_page_explains_it_and_the_terminal_shows_what_it_asks_for(result):
    got = page.html(result)
    assert escape(WHY) in got
    assert ">Habits<" in got
    out = Console(file=io.StringIO(), width=160)
    render(result, out)
    text = out.file.getvalue()
    assert "Habits" in text
    assert "morning" in text
    assert "energy of the morning" not in text
    assert "first power" not in text


def test_the_command_line_lists_it(added):
    assert f"energy of the morning [kWh]: {WHY}" in " ".join(
        CliRunner().invoke(app, ["list"]).stdout.split()
    )


def test_a_folder_explains_its_metrics_without_the_file_that_made_them(result, tmp_path):
    folders.save(result, tmp_path / "out")
    registry.forget(__name__)
    again = folders.load(tmp_path / "out")
    assert escape(WHY) in page.html(again)
    assert list(table(again).index) == list(table(result).index)
