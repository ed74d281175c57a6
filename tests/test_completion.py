"""A shell completes verbs, options, and names of designs, metrics and keys; what it is told is printed, nothing is run."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridagora import cli
from gridagora.core.registry import names


def completed(line: str) -> list[str]:
    words = f"gridagora {line}".split(" ")
    asked = {
        "_GRIDAGORA_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    told = CliRunner().invoke(cli.app, [], env=asked, prog_name="gridagora")
    return [line for line in told.stdout.splitlines() if line]


def test_verbs_and_options() -> None:
    assert completed("comp") == ["compare"]
    assert completed("study lo") == ["losses"]
    assert "--only" in completed("compare case.toml --o")


def test_designs_are_markets_and_those_that_a_scenario_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("case.toml").write_text('[[design]]\nname = "peer_group"\nmarket = "peer"\n', "utf-8")
    assert completed("run case.toml --only pee") == ["peer", "peer_group"]
    assert completed("compare case.toml --only flat,to") == ["flat,tou"]
    assert completed("compare case.toml --only flat,fla") == ["flat,flat_optimised"]
    Path("case.toml").write_text("no scenario", "utf-8")
    assert completed("run case.toml --only ") == names("market")


def test_metrics_keys_and_designs_of_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/summary.json").write_text(json.dumps({"architectures": {"flat": {}, "tou": {}}}))
    assert completed("show out --design t") == ["tou"]
    assert completed("show missing --design t") == []
    assert {"E5", "E5b", "E5p"} <= set(completed("show out --metric E5"))
    assert "homes.pv_share=" in completed("compare case.toml --set homes.pv")
    assert completed("compare case.toml --set nothing.") == []
