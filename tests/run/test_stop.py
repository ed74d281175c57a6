"""A run that ends early says in a sentence what is kept of it and where, and what the same command does."""

import os
import signal
from time import sleep

import pytest
import typer

import gridagora
from gridagora import terminal
from gridagora.files.stop import NOTHING, kept_of, note_on_stop, spell_progress
from gridagora.run import compare as runs
from gridagora.run import folder as folders
from gridagora.studies import sweep
from gridagora.studies.sweep import BOUND, SweepCase, run_cases
from gridagora.terminal import finish, report_errors


def stop(*_, **__):
    raise KeyboardInterrupt


def full(*_, **__):
    raise OSError(28, "No space left on device", "x")


@pytest.mark.parametrize(("end", "kind"), [(stop, KeyboardInterrupt), (full, OSError)])
def test_what_finished_designs_did_is_kept_and_named(scene, tmp_path, monkeypatch, end, kind):
    monkeypatch.setattr(runs, "compute_bound", end)
    with pytest.raises(kind) as caught:
        runs.compare(scene, ["flat"], out=tmp_path / "out")
    (kept,) = tmp_path.glob("out.part-*/finished")
    assert [path.suffix for path in sorted(kept.iterdir())] == [".outcome", ".parquet"]
    assert str(kept) in kept_of(caught.value)
    assert "(flat)" in kept_of(caught.value)
    assert "goes on with the others" in kept_of(caught.value)


def test_a_stop_before_a_design_is_finished_leaves_nothing(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "prepare", stop)
    with pytest.raises(KeyboardInterrupt) as caught:
        runs.compare(scene, ["flat"], out=tmp_path / "out")
    assert kept_of(caught.value) == NOTHING
    assert list(tmp_path.iterdir()) == []


def test_half_a_file_is_no_finished_design(tmp_path):
    (tmp_path / "finished").mkdir()
    (tmp_path / "finished" / "flat.part").write_bytes(b"PAR1")
    assert folders.spell_kept(tmp_path) == NOTHING


def test_a_study_says_how_many_points_it_goes_on_from(scene, tmp_path, monkeypatch):
    rows = {BOUND: {"welfare_usd": 0.0, "limit_kw": None}, "flat": {"fault": "no price"}}
    monkeypatch.setattr(sweep, "run_case", lambda _, job: rows.get(job.design) or stop())
    jobs = [SweepCase(BOUND), SweepCase("flat"), SweepCase("rtp")]
    with pytest.raises(KeyboardInterrupt) as caught:
        run_cases(scene, jobs, tmp_path, None, 1)
    folder = tmp_path / "points"
    assert kept_of(caught.value) == spell_progress(1, 3, "points", folder)
    assert len(list(folder.iterdir())) == 1
    assert spell_progress(1, 3, "points", None) == NOTHING


def test_the_command_line_says_it(tmp_path, capsys):
    for end, code, said in (
        (stop, 130, "Stopped from the keyboard. 3 of 9 worlds are kept in"),
        (full, 1, "No space left on device. 3 of 9 worlds are kept in"),
    ):
        noted = note_on_stop(lambda: spell_progress(3, 9, "worlds", tmp_path))
        with pytest.raises(typer.Exit) as caught, report_errors(as_json=False), noted:
            end()
        assert caught.value.exit_code == code
        told = capsys.readouterr().err
        assert said in told
        assert "goes on with the others" in told
    with pytest.raises(typer.Exit), report_errors(as_json=False):
        stop()
    assert NOTHING in capsys.readouterr().err


def test_a_stop_after_the_run_names_the_result(tmp_path, monkeypatch):
    from gridagora.report import page

    monkeypatch.setattr(page, "write", stop)
    result = runs.results.Comparison({"architectures": {}}, {}, "")
    with pytest.raises(KeyboardInterrupt) as caught:
        finish(result, tmp_path / "out", as_json=False)
    assert f"The result is in {tmp_path / 'out'}" in kept_of(caught.value)


def test_an_end_by_the_system_is_a_stop_like_one_from_the_keyboard(tmp_path, capsys):
    before = signal.getsignal(signal.SIGTERM)
    noted = note_on_stop(lambda: spell_progress(3, 9, "worlds", tmp_path))
    with pytest.raises(typer.Exit) as caught, report_errors(as_json=False), noted:
        os.kill(os.getpid(), signal.SIGTERM)
        sleep(5)  # of which the first instruction ends
    assert caught.value.exit_code == 143
    told = capsys.readouterr().err
    assert told.startswith("Stopped by the system (SIGTERM). 3 of 9 worlds are kept in")
    assert signal.getsignal(signal.SIGTERM) is before


def test_where_nobody_watches_a_line_a_minute_says_how_far_a_run_is(monkeypatch, capsys):
    now = iter(float(second) for second in range(0, 3000, 15))
    monkeypatch.setattr(terminal, "monotonic", lambda: next(now))
    with terminal.bar() as advance:
        for done in range(1, 11):
            advance("flat", done, 10)
    told = capsys.readouterr().err.splitlines()
    assert told == ["flat: 4 of 10", "flat: 8 of 10"]


def test_kernels_that_end_with_their_command_are_told_of_once(tmp_path, monkeypatch, capsys):
    folder = tmp_path / f"{gridagora.TEMPORARY}x"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "kernels-0"))
    with terminal.bar():
        pass
    assert str(folder) in capsys.readouterr().err.replace("\n", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "own"))
    with terminal.bar():
        pass
    assert capsys.readouterr().err == ""
