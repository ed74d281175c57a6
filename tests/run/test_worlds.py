"""Worlds: what a seed redraws and what it leaves, equal for every design; an ensemble that goes on where it was stopped."""

import errno
import json
import os
import shutil
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.core.errors import InputError, PartError
from gridagora.core.tables import blocks_of
from gridagora.files.folder_lock import lock_folder
from gridagora.studies import ensemble, variations, world_means, worlds
from gridagora.studies.worlds import WorldCase, WorldOutcome

SMALL = ("homes.count=4", "scenario.days=1", "layers.zones=1")
DESIGNS = ("flat", "rtp")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "demo.toml"
    path.write_text(files("gridagora.scenario").joinpath("demo.toml").read_text())
    return path


@pytest.fixture(scope="module")
def draws(demo):
    return worlds.open_draws(demo, SMALL, 21)


def plan_of(demo, seeds, *points, designs=DESIGNS):
    named = f"scenario.architectures={json.dumps(designs)}"
    return ensemble.make_plan(demo, [*SMALL, named], points or ((),), "--vary", seeds, 21)


@pytest.fixture(scope="module")
def finished(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "worlds"
    manifest = ensemble.run_ensemble(plan_of(demo, 3), folder)
    return folder, manifest


def content(table) -> bytes:
    return b"".join(block for column in table for block in blocks_of(column))


@pytest.mark.parametrize("table", ["homes", "weather", "prices"])
def test_another_seed_redraws_what_is_outside_the_designs_and_the_same_one_nothing(draws, table):
    first, again, other = (worlds.draw_scene(draws, WorldCase(seed)) for seed in (5, 5, 6))
    assert content(getattr(first, table)) == content(getattr(again, table))
    assert content(getattr(first, table)) != content(getattr(other, table))


def test_the_network_stays_that_of_the_scenario(draws):
    first, other = (worlds.draw_scene(draws, WorldCase(seed)) for seed in (1, 6))
    assert b"".join(blocks_of(first.feeder)) == b"".join(blocks_of(other.feeder))
    assert (first.home_meter != other.home_meter).any()


def test_a_variation_changes_its_own_draws_alone(draws):
    plain = worlds.draw_scene(draws, WorldCase(5))
    more = worlds.draw_scene(draws, WorldCase(5, 1, ("homes.pv_share=1",)))
    assert content(plain.weather) == content(more.weather)
    assert content(plain.prices) == content(more.prices)
    assert set(plain.homes.owned["pv"].home) < set(more.homes.owned["pv"].home)
    assert (plain.homes.owned["ev"].arrive_s == more.homes.owned["ev"].arrive_s).all()


def test_a_scenario_without_files_keeps_its_dates(draws):
    assert (draws.least_days, draws.most_days) == (0, 0)
    assert worlds.draw_scene(draws, WorldCase(9)).scenario.scenario.start.day == 15


def test_what_is_redrawn_is_said(demo):
    plain = worlds.open_draws(demo, SMALL, 21)
    assert "errors of forecasts" not in worlds.describe_draws(plain)["redrawn"]
    keys = [*SMALL, "links.outages_per_day=1", "forecast.sun_error_share=0.1"]
    said = worlds.describe_draws(worlds.open_draws(demo, keys, 21))["redrawn"]
    assert {"weather", "prices", "agents that are offline", "errors of forecasts"} <= set(said)


def test_days_move_within_their_bounds_and_differ():
    draws = worlds.WorldDraws("x.toml", (), None, -12, 21)
    moved = [worlds.moved_days(draws, seed) for seed in range(500)]
    assert (min(moved), max(moved)) == (-12, 21)
    assert abs(np.mean(moved) - 4.5) < 4 * 9.8 / 500**0.5


def test_a_table_has_one_row_for_each_world_design_and_metric(finished):
    folder, manifest = finished
    table = pd.read_parquet(folder / "worlds.parquet")
    assert [str(kind) for kind in table.dtypes[["seed", "variation", "value"]]] == [
        "int64",
        "int64",
        "float64",
    ]
    assert not table.duplicated(["seed", "variation", "design", "metric"]).any()
    assert set(table.seed) == {1, 2, 3}
    assert set(table.design) == {"", *DESIGNS}
    assert manifest["worlds"] == 3
    assert "I3" not in set(table.metric)  # the time that a machine took


def test_costs_are_those_of_the_ledger(finished):
    table = pd.read_parquet(finished[0] / "worlds.parquet")
    wide = table[table.design == "rtp"].pivot(index="seed", columns="metric", values="value")
    assert np.allclose(wide["cost.system"], -wide["E1"], atol=1e-9)
    assert np.allclose(wide["cost.mean_home"], -wide["E6"])
    assert np.allclose(wide["cost.operator"], -wide["E6m"], atol=1e-6)
    parties = ["operator", "supplier", "wires", "other_customers"]
    paid = sum(wide[f"cost.{name}"] for name in parties) + 4 * wide["E5"]
    assert np.allclose(paid, 0.0, atol=1e-5)


def test_a_stopped_ensemble_ends_with_the_same_bytes(demo, finished, tmp_path):
    """Two worlds, then a line that a stop cut off, then all three: no table can tell."""
    folder = tmp_path / "again"
    ensemble.run_ensemble(plan_of(demo, 2), folder)
    whole = (folder / "journal.jsonl").read_bytes()
    (folder / "journal.jsonl").write_bytes(whole + whole.splitlines()[-1][:100])
    (folder / "manifest.json").unlink()
    manifest = ensemble.run_ensemble(plan_of(demo, 3), folder)
    assert manifest["files_sha256"] == finished[1]["files_sha256"]
    for name in ("worlds.parquet", "variations.parquet"):
        assert (folder / name).read_bytes() == (finished[0] / name).read_bytes()


def test_what_is_finished_is_not_run_again(demo, finished, monkeypatch):
    monkeypatch.setattr(ensemble, "run_cases", None)
    again = ensemble.run_ensemble(plan_of(demo, 3), finished[0])
    assert again["files_sha256"] == finished[1]["files_sha256"]


def test_a_folder_of_another_scenario_or_of_other_designs_is_refused(demo, finished, tmp_path):
    before = (finished[0] / "journal.jsonl").read_bytes()
    other = ensemble.make_plan(demo, ["homes.count=5", "scenario.days=1"], ((),), "", 3, 21)
    with pytest.raises(InputError, match="another scenario, data, designs"):
        ensemble.run_ensemble(other, finished[0])
    assert (finished[0] / "journal.jsonl").read_bytes() == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes.txt and no ensemble"):
        ensemble.run_ensemble(plan_of(demo, 2), tmp_path)


def test_a_folder_of_another_version_is_refused(demo, finished, monkeypatch):
    monkeypatch.setattr(ensemble.metadata, "version", lambda _: "0.0.9")
    with pytest.raises(InputError, match="another version"):
        ensemble.run_ensemble(plan_of(demo, 3), finished[0])


def test_a_folder_that_cannot_be_made_is_refused(demo, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        ensemble.run_ensemble(plan_of(demo, 2), tmp_path / "file" / "out")


def test_a_world_in_which_nothing_runs_costs_that_world_alone(demo, tmp_path, monkeypatch):
    def failing(draws, designs, cases):
        done = WorldOutcome({"flat": {"E1": 1.0}}, {}, {})
        return [WorldOutcome({}, {}, {"": "no sun"}) if case.seed == 2 else done for case in cases]

    monkeypatch.setattr(ensemble, "run_cases", failing)
    manifest = ensemble.run_ensemble(plan_of(demo, 3), tmp_path / "out")
    assert manifest["failed"] == {"seed 2, variation 0": "no sun"}
    assert manifest["worlds"] == 2


def test_a_mean_has_the_interval_of_student(tmp_path):
    """Values 1, 2, 3 against 4, 4, 4; t table, two degrees of freedom."""
    values = {"a": [1.0, 2.0, 3.0], "b": [4.0, 4.0, 4.0]}
    rows = [
        (seed, 0, design, "E1", value)
        for design, column in values.items()
        for seed, value in enumerate(column)
    ]
    columns = ["seed", "variation", "design", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_parquet(tmp_path / "worlds.parquet")
    found = world_means.mean_values(tmp_path / "worlds.parquet")
    assert found["mean"].tolist() == [2.0, 4.0]
    assert found.high[0] - 2.0 == pytest.approx(4.302653 / 3**0.5)
    assert found.difference[1] == 2.0
    assert found.difference_high[1] - 2.0 == pytest.approx(4.302653 / 3**0.5)


@pytest.mark.parametrize(
    ("metric", "b", "c", "marks"),
    [
        ("E1", [4.0, 5.1, 6.0], [1.0, 2.5, 3.1], ["", "*", ""]),  # three more in every world
        (
            "P1",
            [4.0, 5.1, 6.0],
            [1.0, 2.5, 2.9],
            ["~", "", "~"],
        ),  # less is better: the first and the third
        ("E1", [1.0, 2.4, 2.7], [1.1, 1.9, 3.0], ["", "", ""]),  # nobody is told apart
        ("E5", [4.0, 5.1, 6.0], [1.0, 2.5, 3.1], ["", "", ""]),  # no direction
        ("cost.mean_home", [4.0, 5.1, 6.0], [9.0, 9.5, 9.1], ["", "", ""]),  # of bills as printed
    ],
)
def test_only_what_is_told_apart_in_the_same_worlds_is_marked_best(tmp_path, metric, b, c, marks):
    columns = {"a": [1.0, 2.0, 3.0], "b": b, "c": c}
    rows = [
        (seed, 0, design, metric, value)
        for design, column in columns.items()
        for seed, value in enumerate(column)
    ]
    names = ["seed", "variation", "design", "metric", "value"]
    pd.DataFrame(rows, columns=names).to_parquet(tmp_path / "worlds.parquet")
    found = world_means.mean_values(tmp_path / "worlds.parquet")
    assert found.mark.tolist() == marks


def test_differences_are_of_the_same_world(finished):
    means = world_means.mean_values(finished[0] / "worlds.parquet", ["E1"])
    assert list(means.design) == list(DESIGNS)
    assert means.difference[0] == means.difference_low[0] == 0.0
    assert means.difference[1] == pytest.approx(means["mean"][1] - means["mean"][0])


def test_dials_are_lists_and_ranges():
    dials = variations.parse_dials(
        ["homes.pv_share=0:1:3", "market.dispatch=priority,account"], "--over"
    )
    points = variations.grid(dials)
    assert points[0] == ("homes.pv_share=0", "market.dispatch=priority")
    assert len(points) == len(set(points)) == 6
    assert points[2][0] == "homes.pv_share=0.5"
    assert variations.grid([]) == ((),)


def test_a_latin_hypercube_draws_each_part_of_a_range_once():
    dials = variations.parse_dials(["homes.pv_share=0:1:2", "homes.ev_share=0:0.5:2"], "--over")
    points = variations.latin_hypercube(dials, 8, 0)
    for at, width in enumerate((1.0, 0.5)):
        values = [float(point[at].split("=")[1]) for point in points]
        assert sorted(int(value / width * 8) for value in values) == list(range(8))
    assert points == variations.latin_hypercube(dials, 8, 0)


@pytest.mark.parametrize(
    "text",
    ["", "homes.pv_share", "homes.pv_share=", "a.b=1,,2", "a.b=1,1", "a.b=1:0:3", "a.b=0:1:1.5"],
)
def test_what_varies_nothing_is_refused(text):
    with pytest.raises(InputError, match="KEY=a,b,c"):
        variations.parse_dials([text], "--over")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "0"], "2 or more"),
        (["--seeds", "-1"], "2 or more"),
        (["--seeds", "many"], "valid integer"),
        (["--seeds", "71", "--level", "0.95"], "72 or more"),
        (["--level", "1"], "between 0 and 1"),
        (["--vary", "homes.pv_shar=0.1,0.2"], "Did you mean"),
        (["--vary", "homes.pv_share=0.1,2"], "--vary homes.pv_share=2"),
        (["--vary", "homes.pv_share"], "KEY=a,b,c"),
        (["--designs", "flatt"], "flat"),
        (["--days", "0"], "1"),
        (["out1", "--out", "out2"], "one folder"),
    ],
)
def test_a_wrong_word_is_a_sentence_before_any_world(demo, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ensemble, "run_ensemble", None)
    found = CliRunner().invoke(app, ["ensemble", str(demo), *words])
    assert found.exit_code == 2
    assert said in " ".join(found.stderr.split())
    assert not list(tmp_path.iterdir())


def test_worlds_of_a_comparison_assume_nothing_and_those_of_an_ensemble_say_what(demo):
    keys = [*SMALL, "forecast.sun_error_share=0.1"]
    asked = (demo, keys, ((),), "--vary", 2, 21)
    plain, assumed = (ensemble.make_plan(*asked, assumes=assumes) for assumes in (False, True))
    assert not plain.assumed
    assert list(assumed.assumed) == ["forecast.load_error_share", "forecast.temperature_error_k"]
    errors = worlds.draw_scene(assumed.draws, WorldCase(1)).scenario.forecast
    assert (errors.load_error_share, errors.sun_error_share) == (0.45, 0.1)
    assert worlds.draw_scene(plain.draws, WorldCase(1)).scenario.forecast.load_error_share == 0
    assert all("doi" in line for line in ensemble.lines_of(assumed)[3:-1])
    perfect = ensemble.make_plan(demo, [*SMALL, "market.forecast=perfect"], ((),), "", 2, 21)
    assert not perfect.assumed


def test_compare_over_seeds_shows_every_metric_with_its_interval(demo, tmp_path):
    words = ["compare", str(demo), "--seeds", "2", "--only", "flat", "--out", str(tmp_path / "out")]
    keys = [word for key in SMALL for word in ("--set", key)]
    found = CliRunner().invoke(app, [*words, *keys])
    assert found.exit_code == 0, found.output
    words = (
        "social welfare [$]",
        "lowest home voltage [pu]",
        "messages [count]",
        "cost of wires [$]",
    )
    assert all(each in found.stdout for each in words)
    assert "2 worlds: means with 95 % intervals" in found.stdout


@pytest.mark.parametrize("seeds", ["0", "1"])
def test_compare_over_too_few_seeds_is_refused(demo, seeds):
    found = CliRunner().invoke(app, ["compare", str(demo), "--seeds", seeds])
    assert found.exit_code == 2
    assert "2 or more" in found.stderr


def test_worlds_that_step_together_are_of_one_variation_and_leave_no_process_idle():
    cases = [WorldCase(seed, variation) for variation in (0, 1) for seed in range(5)]
    parts = ensemble.batch_cases(cases, 32, 4)
    assert [len(part) for part in parts] == [1] * 10
    assert [len(part) for part in ensemble.batch_cases(cases, 32, 1)] == [3, 2, 3, 2]
    assert [case for part in parts for case in part] == cases
    assert ensemble.batch_cases([], 32, 4) == []
    assert {len(part) for part in ensemble.batch_cases(cases, 2, 1)} == {2, 1}


def test_a_sweep_shows_and_keeps_the_best_design_of_each_point(demo, tmp_path):
    folder = tmp_path / "out"
    words = ["sweep", str(demo), str(folder), "--over", "homes.pv_share=0,1", "--seeds", "2"]
    keys = [word for key in SMALL for word in ("--set", key)]
    found = CliRunner().invoke(app, [*words, *keys, "--designs", "flat,rtp"])
    assert found.exit_code == 0, found.output
    ranking = pd.read_parquet(folder / "ranking.parquet")
    assert set(ranking.best) <= {"flat", "rtp"}
    assert "homes.pv_share" in (folder / "sweep.html").read_text()
    again = CliRunner().invoke(app, [*words, *keys, "--designs", "flat,rtp"])
    assert again.exit_code == 0, again.output  # nothing in the folder is a stranger to it


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metric", "cost.sytem"], "Did you mean"),
        (["--metric", "E4"], "the higher, or the lower"),
        (["--metric", "E2"], "or --bound"),
        (["--metric", "E2u"], "got 'E2u', expected a metric"),
        (["--metric", "I3"], "got 'I3', expected a metric"),
        (["--latin", "1"], "2 to 10000"),
        (["--over", "homes.pv_share=0,1"], "each key once"),
    ],
)
def test_a_wrong_word_of_a_sweep_is_a_sentence_before_any_world(demo, words, said, monkeypatch):
    monkeypatch.setattr(ensemble, "run_ensemble", None)
    asked = ["sweep", str(demo), "--over", "homes.pv_share=0:1:3", "--seeds", "2", *words]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 2, found.output
    assert said in " ".join(found.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "1000000000"], "at most 1,000,000 worlds"),
        (["--seeds", "600000", "--vary", "homes.pv_share=0,1"], "600000 of each of 2 variations"),
        (["--seeds", "3", "--set", f"scenario.seed={2**63 - 1}"], f"at most {2**63 - 3}"),
    ],
)
def test_more_worlds_than_anybody_runs_and_seeds_that_no_table_holds(demo, words, said):
    found = CliRunner().invoke(app, ["ensemble", str(demo), *words])
    assert found.exit_code == 2, found.output
    assert said in " ".join(found.stderr.split())


def test_a_folder_is_written_by_one_run_at_a_time(demo, finished, tmp_path):
    folder = tmp_path / "worlds"
    shutil.copytree(finished[0], folder)
    with lock_folder(folder), pytest.raises(InputError, match="another run is writing"):
        ensemble.run_ensemble(plan_of(demo, 4), folder)
    assert ensemble.run_ensemble(plan_of(demo, 3), folder) == finished[1]


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "5",
        '{"variation": 0, "seed": 2, "values": {}}',
        '{"variation": [], "seed": {}, "values": {}, "drivers": {}, "faults": {}}',
        '{"variation": 0, "seed": 2, "values": 1, "drivers": {}, "faults": {}}',
        "\x00\x00\x00",
    ],
)
def test_a_spoilt_line_of_the_journal_is_run_again(demo, finished, tmp_path, line):
    folder = tmp_path / "worlds"
    shutil.copytree(finished[0], folder)
    journal = folder / ensemble.JOURNAL
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:3], line + "\n", *lines[3:]]))
    ensemble.run_ensemble(plan_of(demo, 3), folder)
    assert (folder / "worlds.parquet").read_bytes() == (finished[0] / "worlds.parquet").read_bytes()


def test_a_disk_that_is_full_is_a_sentence_and_the_run_goes_on_from_there(
    demo, finished, tmp_path, monkeypatch
):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = tmp_path / "worlds"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(PartError, match=r"No space left.*goes on where it was"):
            ensemble.run_ensemble(plan_of(demo, 3), folder)
    ensemble.run_ensemble(plan_of(demo, 3), folder)
    assert (folder / "worlds.parquet").read_bytes() == (finished[0] / "worlds.parquet").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--vary", "scenario.seed=1,2"], "--seeds says how many"),
        (["--vary", 'scenario.architectures=["flat"],["rtp"]'], "--designs names them"),
        (["--vary", "homes.pv_share=0.5,.50"], "values that differ"),
        (["--designs", "flat,rtpp"], "--designs flat,rtpp: got an unknown"),
        (["--days", "100000"], "--days 100000: got"),
    ],
)
def test_a_problem_names_what_was_typed(demo, words, said):
    found = CliRunner().invoke(app, ["ensemble", str(demo), "--seeds", "3", *words])
    assert found.exit_code == 2, found.output
    assert said in " ".join(found.stderr.split())


def test_a_varied_start_moves_as_every_other_does(demo):
    draws = worlds.open_draws(demo, SMALL, 0)._replace(least_days=3, most_days=3)
    scene = worlds.draw_scene(draws, WorldCase(1, 1, ("scenario.start=2024-08-01",)))
    assert str(scene.scenario.scenario.start) == "2024-08-04"


def test_a_sweep_without_a_key_is_refused(demo):
    found = CliRunner().invoke(app, ["sweep", str(demo)])
    assert found.exit_code == 2
    assert "a key and its values" in found.stderr


def test_means_are_spelt_to_two_digits_of_their_half_width_and_ties_are_marked():
    columns = ["variation", "metric", "design", "mean", "low", "high"]
    columns += ["against", "difference", "difference_low", "difference_high", "worlds", "mark"]
    rows = [
        (0, "E1", "flat", -473.08, -502.4, -443.76, "flat", 0.0, 0.0, 0.0, 24, "*"),
        (0, "E1", "rtp", -735.6, -780.9, -690.3, "flat", -262.5, -294.2, -230.9, 24, ""),
        (0, "cost.mean_home", "flat", 8.4184, 7.884, 8.9528, "flat", 0.0, 0.0, 0.0, 24, ""),
        (0, "cost.mean_home", "rtp", 8.2125, 7.8134, 8.6116, "flat", -0.2, -0.42, 0.01, 24, ""),
    ]
    said = {"E1": {"name": "social welfare", "unit": "$", "direction": "up"}}
    text = world_means.spell_means(pd.DataFrame(rows, columns=columns), said)
    assert text.to_dict("list") == {
        "design": ["flat", "rtp"],
        "social welfare [$]": ["-473 ±29 *", "-736 ±45"],
        "cost of the mean home [$]": ["8.42 ±0.53", "8.21 ±0.40 ="],
    }
    long = {"E1": {"name": "what all of them gain over the other one", "unit": "$"}}
    head = world_means.spell_means(pd.DataFrame(rows[:2], columns=columns), long).columns[1]
    assert head == "what all of them gain over\nthe other one [$]"
    twice = pd.DataFrame([*rows, (1, *rows[0][1:])], columns=columns)
    assert world_means.spell_means(twice, said).variation.tolist() == [0, 0, 1]
