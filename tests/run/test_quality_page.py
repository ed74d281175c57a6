"""The blocks of the page on quality of service, as a reader may copy them."""

import re
from pathlib import Path

import pytest

from gridagora.scenario import read

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "quality-of-service.md").read_text(
    encoding="utf-8"
)
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SMALL = "[scenario]\ndays = 1\n[homes]\ncount = 8\n[substation]\nlimit_share_of_flat_peak = 0.7\n"


def test_the_scenario_is_read():
    assert read.parse(BLOCKS["toml"], "page").quality.deviation_per_kwh == 0.05


def test_the_snippet_runs(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("scenario.toml").write_text(SMALL, encoding="utf-8")
    scope: dict[str, object] = {}
    exec(compile(BLOCKS["python"], "quality-of-service.md", "exec"), scope)
    table = scope["by_tier"]
    assert list(table.index) == ["firm", "flexible", "standard"]
    assert (table.deviation_charge_usd > 0).all()
