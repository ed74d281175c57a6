"""What a comparison finished before it was stopped is taken up by the same comparison, and by no other."""

import os

import numpy as np
import pytest

from gridagora.run import compare as runs
from gridagora.run import take_up
from gridagora.scenario import build, read

CASE = """
[scenario]
seed = 5
days = 1
[homes]
count = 3
pv_share = 1.0
[market]
horizon_hours = 4
"""
ENDED = 999_999_999  # no process has this number


def stop(*_, **__):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def case():
    return build.build(read.parse(CASE, "case.toml"))


@pytest.fixture
def stopped(case, tmp_path, monkeypatch):
    """A comparison that was stopped at the bound, by a process that is gone."""
    with monkeypatch.context() as patched:
        patched.setattr(runs, "compute_bound", stop)
        with pytest.raises(KeyboardInterrupt) as caught:
            runs.compare(case, ["flat", "rtp"], out=tmp_path / "out")
    assert "(flat, rtp)" in str(caught.value.__notes__)
    assert "goes on with the others" in str(caught.value.__notes__)
    (draft,) = tmp_path.glob("out.part-*")
    return draft.rename(draft.with_name(f"out.part-{ENDED}"))


def test_the_same_command_goes_on_with_the_same_result(case, stopped, tmp_path, monkeypatch):
    whole = runs.compare(case, ["flat", "rtp"])
    ran = []
    run_design = runs._run_design
    monkeypatch.setattr(
        runs, "_run_design", lambda *given: ran.append(given[3]) or run_design(*given)
    )
    again = runs.compare(case, ["flat", "rtp"], out=tmp_path / "out")
    assert ran == []
    assert again.summary["manifest"]["taken_up"] == ["flat", "rtp"]
    assert "taken_up" not in whole.summary["manifest"]
    for name, table in whole.tables.items():
        assert table.equals(again.tables[name]), name
    assert not stopped.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not list((tmp_path / "out").rglob(f"*{take_up.ENDING}"))


@pytest.mark.parametrize("change", ["homes", "running", "another user", "spoilt"])
def test_what_is_not_of_this_run_is_left(case, stopped, tmp_path, monkeypatch, change):
    other = case
    if change == "homes":
        other = build.build(read.parse(CASE.replace("seed = 5", "seed = 6"), "case.toml"))
    if change == "running":
        stopped = stopped.rename(stopped.with_name(f"out.part-{os.getppid()}"))
    if change == "another user":
        monkeypatch.setattr(take_up.os, "getuid", lambda: os.geteuid() + 1)
    if change == "spoilt":
        for path in stopped.rglob(f"*{take_up.ENDING}"):
            path.write_bytes(b"\x80")
    origin = runs.describe_origin(other, ["flat"])
    kept = take_up.open_kept(other, origin, tmp_path / "out.part-1")
    assert kept.find("flat") is None
    assert (change == "spoilt") == bool(kept.earlier)


def test_a_change_in_code_of_the_tables_is_seen(case, tmp_path):
    from dataclasses import replace

    prices = case.prices._replace(day_ahead_per_kwh=case.prices.day_ahead_per_kwh + 0.01)
    origin = runs.describe_origin(case, ["flat"])
    draft = tmp_path / "out.part-1"
    keys = {
        take_up.open_kept(each, origin, draft).key for each in (case, replace(case, prices=prices))
    }
    assert len(keys) == 2
    assert np.all(prices.day_ahead_per_kwh > case.prices.day_ahead_per_kwh)
