"""`compare --watch`: first figures are those of the result, and the page becomes the report until a stop from the keyboard."""

import json
from urllib.request import urlopen

import pytest
import typer
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.commands import watch
from gridagora.core.errors import PartError
from gridagora.report.progress import RunProgress
from gridagora.run import compare as runs


def test_first_figures_are_those_of_the_result(scene):
    seen = watch.progress_of_scene(scene, ["tou"])
    found = runs.compare(scene, ["tou"], progress=seen.tell, ended=watch.end_design(seen))
    shown = {row["name"]: row["cells"] for row in seen.document()["designs"]}
    assert list(shown) == ["Flat rate", "Time of use"]
    metrics = found.summary["architectures"]["tou"]["metrics"]
    for text, name in zip(shown["Time of use"], watch.COLUMNS, strict=True):
        half = 0.5 * 10.0 ** -len(text.partition(".")[2])
        value = float(text.replace("−", "-").replace(",", ""))
        assert value == pytest.approx(metrics[name]["value"], abs=half * 1.001)
    assert seen.document()["share"] == 1.0


@pytest.fixture
def seen():
    return RunProgress("A run", ["flat"], ["flat"], [])


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("<p>the report</p>", encoding="utf-8")
    return path


@pytest.mark.parametrize("ends", [None, typer.Exit(1)])
def test_the_page_becomes_the_report_until_a_stop(seen, page, monkeypatch, capsys, ends):
    read = []

    def stop(_):
        address = capsys.readouterr().err.split("The report is at ")[1].split()[0]
        with urlopen(address) as answer:
            read.append(answer.read().decode())
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "sleep", stop)
    try:
        with watch.watched(seen, None, page):
            if ends is not None:
                raise ends
    except typer.Exit as left:
        assert left is ends
    assert read == ["<p>the report</p>"]
    assert seen.document()["state"] == "done"


def test_a_run_that_stops_is_said_on_the_page_and_no_older_report_is_shown(seen, page, capsys):
    with pytest.raises(PartError), watch.watched(seen, None, page):
        raise PartError("the bound is beaten")
    assert seen.document()["said"] == "The run stopped: the bound is beaten"
    assert "report" not in capsys.readouterr().err


def test_without_a_page_nothing_is_served(page, capsys):
    with watch.watched(None, None, page):
        pass
    assert capsys.readouterr().err == ""


def test_a_port_without_a_page_is_refused():
    done = CliRunner().invoke(app, ["compare", "none.toml", "--port", "1", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["problems"][0]["where"] == "--port"
