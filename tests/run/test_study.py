"""The sweep: which points it has, what a point changes, that a finished one is kept, and what front and loss mean."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError, PartError
from gridagora.core.place import Level, lift_kw
from gridagora.run.compare import prepare
from gridagora.run.forecast import energy_per_kwh
from gridagora.run.state import start_run
from gridagora.studies import aggregation as studies
from gridagora.studies import sweep as runs
from gridagora.studies.aggregation import DialGrid, Point, pareto_front, spread
from gridagora.studies.aggregation import scenario_keys as keys_of
from gridagora.studies.sweep import BOUND, SweepCase, override, run_cases

SMALL = DialGrid(
    layers=("zones", "none"),
    blocks=(0,),
    forecast=(("persistence", 0.0),),
    loss_share=(0.0,),
    delay=(0,),
)


@pytest.fixture(scope="module")
def swept(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return studies.study_aggregation(scene, SMALL, folder), folder


def test_one_dial_at_a_time_and_all_corners():
    points = spread(DialGrid())
    assert points[0] == Point()
    assert len(points) == len(set(points)) == 1 + 2 + 4 + 4 + 3 + 2 + (2**4 - 5)
    assert Point("zones", 4, "persistence", 0.04, 0.2, 3) in points


def test_full_is_every_combination():
    assert len(set(spread(DialGrid(full=True)))) == 3 * 5 * 5 * 4 * 3


def test_a_grid_without_a_dial_or_with_unknown_layers_is_refused():
    with pytest.raises(InputError) as fault:
        DialGrid(layers=("streets",), blocks=())
    assert len(fault.value.problems) == 2


def test_a_point_changes_only_the_keys_it_names(scene):
    point = Point("transformers", 8, "perfect_prices", 0.02, 0.05, 3)
    keys = override(scene, keys_of(point, scene)).scenario
    assert (keys.layers.transformers, keys.layers.zones, keys.parts["layered"]["blocks"]) == (
        True,
        0,
        8,
    )
    assert (keys.market.forecast, keys.market.forecast_noise_per_kwh) == ("perfect_prices", 0.02)
    assert (keys.links.loss_share, keys.links.delay_intervals) == (0.05, 3)
    assert keys.homes == scene.scenario.homes
    assert not scene.scenario.parts


@pytest.mark.parametrize(
    ("layers", "levels"), [("none", {3}), ("transformers", {1, 3}), ("zones", {1, 2, 3})]
)
def test_layers_are_the_levels_of_the_site(scene, study, layers, levels):
    site = prepare(override(scene, keys_of(Point(layers), scene))).site
    assert set(site.tree.level.tolist()) == levels
    p_kw = np.arange(1.0, 1 + len(site.place))
    assert lift_kw(site.tree, site.place, p_kw)[site.tree.parent < 0].sum() == pytest.approx(
        p_kw.sum(), abs=1e-9
    )
    del study


def test_zones_without_transformers_hold_the_same_homes(scene, study):
    kept = prepare(override(scene, (("layers.transformers", False),))).site
    zone = study.site.tree.parent[study.site.place]
    names = [study.site.tree.name[row] for row in zone]
    assert [kept.tree.name[row] for row in kept.place] == names
    assert (kept.tree.level[kept.place] == Level.ZONE).all()


def test_noise_leaves_the_present_hour_and_follows_the_seed(study):
    w = study.wholesale
    loud = w._replace(noise_per_kwh=0.02, seed=5)
    off = np.array(
        [energy_per_kwh(loud, hour, 24) - energy_per_kwh(w, hour, 24) for hour in range(24)]
    )
    np.testing.assert_array_equal(off[:, 0], 0)
    assert 0.017 < off[:, 1:].std() < 0.023
    assert not np.allclose(off[0, 2:], off[1, 1:-1])
    np.testing.assert_array_equal(energy_per_kwh(loud, 3, 24), energy_per_kwh(loud, 3, 24))
    assert not np.allclose(
        energy_per_kwh(loud._replace(seed=6), 3, 24), energy_per_kwh(loud, 3, 24)
    )


@pytest.mark.parametrize(("forecast", "known"), [("persistence", (False, False)), ("perfect_prices", (True, False)),
                                                  ("perfect", (True, True))])  # fmt: skip
def test_what_a_forecast_knows(scene, forecast, known):
    here = override(scene, (("market.forecast", forecast),))
    study = prepare(here)
    assert (
        study.wholesale.perfect,
        start_run(here.market("layered"), study).fleet.of_kind("water_heater").are_draws_known,
    ) == known


def test_without_limits_of_their_own_layers_change_messages_and_no_welfare(swept):
    table = swept[0].tables["points"].set_index(["design", "layers"]).sort_index()
    zones, none = table.loc[("layered", "zones")], table.loc[("layered", "none")]
    assert none.welfare_usd == pytest.approx(zones.welfare_usd, rel=1e-5)
    assert none.bytes < zones.bytes
    assert none.disclosed == pytest.approx(zones.disclosed, rel=0.02)


def test_loss_is_against_central_and_the_flat_rate_captures_nothing(swept):
    table = swept[0].tables["points"].drop_duplicates("design").set_index("design")
    assert table.lost_usd["central"] == 0
    assert table.captured_share["flat"] == 0
    assert table.lost_share["layered"] == pytest.approx(
        table.captured_share["central"] - table.captured_share["layered"]
    )
    assert (table.captured_share <= 1).all()
    assert table.lost_usd["layered"] < table.lost_usd["rtp"]


def test_the_folder_holds_table_summary_and_scenario(swept, scene):
    result, folder = swept
    summary = json.loads((folder / "summary.json").read_text())
    assert len(summary["points"]) == len(result.tables["points"]) == 5
    assert summary["near_optimal"]["bytes_home_day"] <= summary["best"]["bytes_home_day"]
    assert (folder / "scenario.toml").read_text() == scene.text
    assert "--set layers.zones=" in summary["points"][0]["settings"]


def test_a_rerun_takes_finished_points_from_the_folder(swept, scene, monkeypatch):
    result, folder = swept
    monkeypatch.setattr(runs, "run_case", lambda *_: pytest.fail("a finished point was run again"))
    again = studies.study_aggregation(scene, SMALL, folder)
    assert again.summary["points"] == result.summary["points"]


def test_what_is_finished_is_kept_and_a_fault_is_tried_again(scene, tmp_path, monkeypatch):
    asked, fails = [], {"rtp"}

    def stand_in(_, job):
        asked.append(job.design)
        if job.design == "central":
            raise KeyboardInterrupt
        return (
            {"fault": "no price"} if job.design in fails else {"welfare_usd": 0.0, "limit_kw": None}
        )

    monkeypatch.setattr(runs, "run_case", stand_in)
    jobs = [SweepCase(BOUND), SweepCase("flat"), SweepCase("rtp"), SweepCase("central")]
    with pytest.raises(KeyboardInterrupt):
        run_cases(scene, jobs, tmp_path, None, 1)
    fails.clear()
    found = run_cases(scene, jobs[:3], tmp_path, None, 1)
    assert asked == [BOUND, "flat", "rtp", "central", "rtp"]
    assert "fault" not in found[SweepCase("rtp")]


def test_a_changed_scene_runs_again(scene, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        runs, "run_case", lambda _, job: asked.append(job) or {"welfare_usd": 0.0, "limit_kw": None}
    )
    run_cases(scene, [SweepCase(BOUND)], tmp_path, None, 1)
    monkeypatch.setattr(runs, "fingerprint", lambda _: "another")
    run_cases(scene, [SweepCase(BOUND)], tmp_path, None, 1)
    assert len(asked) == 2


def test_a_point_above_the_bound_stops_the_study(scene, monkeypatch):
    monkeypatch.setattr(
        runs, "run_case", lambda _, job: {"welfare_usd": 2.0 if job.design == "flat" else 1.0}
    )
    with pytest.raises(PartError, match="exceeds the bound"):
        run_cases(scene, [SweepCase(BOUND), SweepCase("flat")], None, None, 1)


def test_a_part_that_refuses_is_a_fault_of_its_point(scene):
    row = runs.run_case(scene, SweepCase("layered", (("market.layered.blocks", -1),)))
    assert "blocks" in row["fault"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 6)), min_size=1, max_size=12))
def test_front_holds_exactly_what_nothing_beats(pairs):
    cost, lost = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    expected = [not any(c <= a and w <= b and (c, w) != (a, b) for c, w in pairs) for a, b in pairs]
    assert pareto_front(cost, lost).tolist() == expected
    assert pareto_front(cost, lost).any()
