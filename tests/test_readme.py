"""Every block a reader may copy is run: README in Python and on the command line, and the part of the how-to page."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text(encoding="utf-8")
SMALL = ("homes.count=6", "scenario.days=1")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands() -> list[str]:
    return [
        line
        for body in blocks(README, "sh")
        for line in body.splitlines()
        if line.startswith("gridagora ")
    ]


def call(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    if words[1] == "compare":
        words += [word for pair in SMALL for word in ("--set", pair)]
    program = Path(sys.executable).with_name(words[0])
    return subprocess.run(
        [program, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


def test_the_two_commands_of_the_first_screen() -> None:
    screen = README.splitlines()[:30]
    assert (
        "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt . && .venv/bin/gridagora demo"
        in screen
    )
    assert (
        "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt '.[dev]' && .venv/bin/python -m pytest"
        in screen
    )


def test_command_line_blocks_run_in_order(folder: Path) -> None:
    lines = commands()
    assert len(lines) >= 4
    for line in lines:
        done = call(line, folder)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert (folder / "out" / "first" / "report.html").stat().st_size > 10_000


def test_python_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scenario.toml").write_text(
        "[scenario]\ndays = 1\n\n[homes]\ncount = 6\n", encoding="utf-8"
    )
    scope: dict[str, object] = {}
    for body in blocks(README, "python"):
        exec(compile(body, "README.md", "exec"), scope)
    assert Path("out.html").stat().st_size > 10_000
    assert scope["result"].figures


def test_the_part_of_the_how_to_page_is_found() -> None:
    page = (TOP / "docs" / "how-to" / "new-part.md").read_text(encoding="utf-8")
    body = "\n".join(blocks(page, "python"))
    proof = """
from gridagora.core.registry import find
assert find("market", "wholesale_plus")().margin_per_kwh == 0.01
assert find("metric", "P9").unit == "kWh"
"""
    done = subprocess.run(
        [sys.executable, "-c", body + proof], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nothing_simulated_is_called_measured() -> None:
    """The homes are ResStock simulations and the feeder is SMART-DS, synthetic: no text may say otherwise."""
    wrong = re.compile(
        r"measured (home|house|load|series|demand)|real (street|feeder|home|house)s?\b|fitted to measurements",
        re.IGNORECASE,
    )
    files = [
        path
        for ending in ("md", "toml", "py")
        for part in ("docs", "examples", "src")
        for path in (TOP / part).rglob(f"*.{ending}")
    ]
    said = [
        f"{path.relative_to(TOP)}: {line.strip()}"
        for path in [TOP / "README.md", *files]
        for line in path.read_text().splitlines()
        if wrong.search(line)
    ]
    assert not said, "\n".join(said)
