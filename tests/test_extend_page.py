"""The page on parts of one's own: its plugin, its scenario and its commands are run as they stand there."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.scenario.plugins import GROUP

TOP = Path(__file__).parents[1]
PAGE = (TOP / "docs" / "how-to" / "extend.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text, language):
    return [body for kind, body in BLOCK.findall(text) if kind == language]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("extend")
    (body,) = blocks(PAGE, "python")
    (folder / "my_parts.py").write_text(body, encoding="utf-8")
    (folder / "case.toml").write_text(blocks(PAGE, "toml")[0], encoding="utf-8")
    return folder


def call(line, folder):
    words = shlex.split(line, comments=True)
    assert words[0] == "gridagora"
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_commands_run_in_order_and_the_parts_are_used(folder):
    first, last = blocks(PAGE, "sh")
    done = [call(line, folder) for line in first.splitlines()]
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]
    listed = " ".join(done[0].stdout.split())
    for word in (
        "The import price with a fixed margin.",
        "What homes take from 17 to 21 o'clock.",
        "midnight of the local clock.",
    ):
        assert f"{word} [from my_parts.py]" in listed
    assert "energy in the evening" in done[2].stdout
    result = folder / "gridagora-out" / "case"
    metrics = json.loads((result / "summary.json").read_text())["architectures"]
    rows = pd.read_parquet(result / "tables" / "intervals.parquet")
    hour = (rows.start_s // 3600 - 6) % 24
    for name, own in rows[(hour >= 17) & (hour < 21)].groupby("architecture"):
        # what homes withdraw is at least their net load, and at most that and what panels gave
        net_kwh, sun_kwh = (own.load_kw - own.other_kw).sum() / 12, own.pv_kw.sum() / 12
        assert net_kwh - 1e-6 <= metrics[name]["metrics"]["X1"]["value"] <= net_kwh + sun_kwh + 1e-6
    assert set(np.round(rows.wholesale_per_kwh.unique(), 9)) == {0.02, 0.08}
    assert "What homes take from 17 to 21 o&#x27;clock." in (result / "report.html").read_text()
    shown = call(last.strip(), folder)
    assert (
        shown.returncode == 2
        and "Importing" not in shown.stderr
        and "unknown design 'cost_plus'" in shown.stderr
    )


def test_the_entry_point_group_is_the_one_that_is_read():
    declared = tomllib.loads(blocks(PAGE, "toml")[1])
    assert list(declared["project"]["entry-points"]) == [GROUP]
