"""A report is printed to a PDF file on the paper that was asked for, whole, with tags; what cannot be printed is refused."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.core.errors import InputError, PartError
from gridagora.report import browser_pipe
from gridagora.report.browser_pipe import find_browser, open_tab
from gridagora.report.paper import Paper
from gridagora.report.pdf import print_pdf


def test_a_page_is_printed_on_the_paper_that_was_asked_for(chromium, made, tmp_path):
    page = Path(made("sweep map").removeprefix("file://"))
    sizes = {Paper.A4: (595, 842), Paper.LETTER: (612, 792)}  # points
    for paper, size in sizes.items():
        printed = print_pdf(page, tmp_path / "page.pdf", paper).read_bytes()
        box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
        assert [float(each) for each in box.groups()] == pytest.approx(size, abs=1.1)
        assert b"/StructTreeRoot" in printed
    assert [each.name for each in tmp_path.iterdir()] == ["page.pdf"]


def test_a_tab_is_as_wide_as_was_asked_for_and_says_what_it_refuses(chromium):
    with open_tab(600, 400) as tab:
        assert tab.ask("Runtime.evaluate", expression="innerWidth")["result"]["value"] == 600
        with pytest.raises(PartError, match=r"refused Page\.none"):
            tab.ask("Page.none")


def test_a_browser_that_ends_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(browser_pipe, "find_browser", lambda: "/bin/true")
    with pytest.raises(PartError, match="ended before it answered"), open_tab(600, 400):
        pass


def test_without_a_browser_the_page_is_printed_by_hand(monkeypatch):
    monkeypatch.setattr(browser_pipe.shutil, "which", lambda name: None)
    monkeypatch.setattr(browser_pipe, "ELSEWHERE", ())
    with pytest.raises(InputError, match="print it to a file"):
        find_browser()


@pytest.mark.parametrize(
    ("name", "said"), [("report.txt", "ends in .pdf"), ("none/report.pdf", "no folder")]
)
def test_a_file_that_cannot_be_is_refused_first(tmp_path, name, said):
    done = CliRunner().invoke(app, ["report", str(tmp_path), "--pdf", str(tmp_path / name)])
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")
