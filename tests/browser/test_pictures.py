"""Every figure of a page is written as a picture for a slide: white, titled, with where its numbers come from."""

import re
import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.report import browser_pipe
from gridagora.report.picture_files import write_pictures


@pytest.mark.parametrize("name", ["comparison"])
def test_every_figure_is_a_picture_with_title_and_source(chromium, made, tmp_path, name):
    page = Path(made(name).removeprefix("file://"))
    files = write_pictures(page, tmp_path / "figures")
    plots = re.findall(r'class="plot" id="figure-([a-z_]+)"', page.read_text(encoding="utf-8"))
    assert [each.name for each in files] == [
        f"{plot}.{kind}" for plot in plots for kind in ("svg", "png")
    ]
    for svg, png in zip(files[::2], files[1::2], strict=True):
        text = svg.read_text(encoding="utf-8")
        assert text.startswith("<svg")
        assert 'fill="#ffffff"' in text
        assert "gridagora" in text
        assert "NaN" not in text
        assert struct.unpack(">II", png.read_bytes()[16:24]) == (1600, 900)


def test_without_a_browser_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(browser_pipe, "BROWSERS", ())
    monkeypatch.setattr(browser_pipe, "ELSEWHERE", ())
    got = CliRunner().invoke(app, ["report", str(tmp_path), "--figures", str(tmp_path / "to")])
    assert got.exit_code == 2
    assert "save figures by their buttons" in " ".join(got.output.split())
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    place = tmp_path / "file"
    place.write_text("mine")
    got = CliRunner().invoke(app, ["report", str(tmp_path), "--figures", str(place)])
    assert got.exit_code == 2
    assert place.read_text() == "mine"
