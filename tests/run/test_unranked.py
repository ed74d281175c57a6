"""What is measured and not ranked: a feeder whose regulators stand still gives voltages that no regulated feeder has."""

from dataclasses import replace

import numpy as np

from gridagora.core.components import GROUND, plain_regulators
from gridagora.core.feeder import Feeder
from gridagora.core.registry import names
from gridagora.grid.fixed_point import open_grid
from gridagora.run import compare as runs
from gridagora.run.unranked import OF_TAPS, SHOWN, unranked


def holding(feeder: Feeder, taps: dict[str, int]) -> Feeder:
    """The feeder with regulators of these names, that hold a tap of a transformer which is not fed."""
    none, numbers = np.full(len(taps), -1), np.array(list(taps.values()))
    settings = [np.ones(len(taps)) for _ in range(7)]
    ends = np.full((len(taps), 3), GROUND)
    winding = np.zeros(len(taps), np.int64)
    regulators = plain_regulators(
        tuple(taps), none, winding, numbers, *settings, from_node=ends, to_node=ends
    )
    return replace(feeder, regulators=regulators)


def test_held_taps_are_said_in_the_summary_and_take_voltages_and_losses_out_of_the_ranking(scene):
    held = replace(scene, feeder=holding(scene.feeder, {"reg1": 10, "reg2": -3}))
    summary = runs.compare(held, ["flat"]).summary
    assert {"V1", "V1h", "V4", "V7", "P3", "P3s"} == set(OF_TAPS)
    assert set(summary["unranked"]) == set(OF_TAPS) & set(summary["metrics"])
    assert "2 line regulators" in summary["unranked"]["V1"]
    assert "reg1 10, reg2 -3" in summary["unranked"]["V1"]
    assert summary["manifest"]["held_taps"] == ["reg1 10", "reg2 -3"]


def test_a_feeder_without_regulators_is_ranked_and_many_taps_are_cut(scene):
    assert unranked(scene.feeder, {}) == {}
    many = holding(scene.feeder, {f"r{i}": i for i in range(SHOWN + 3)})
    assert "and others" in unranked(many, {})["P3"]
    assert f"r{SHOWN} {SHOWN}" not in unranked(many, {})["P3"]


def test_a_run_without_any_power_flow_ranks_nothing(scene, study):
    """Loads a thousand times too large solve nowhere: bills of what no feeder delivers are no figures to choose by."""
    market = scene.market("flat")
    ran = runs.simulate(market, study)
    outcome = runs.add_power_flow(
        scene, open_grid(scene.feeder), market, ran, runs.evaluate("flat", ran, study)
    )
    lost = outcome._replace(network=outcome.network._replace(failed=len(outcome.start_s)))
    found = unranked(scene.feeder, {"flat": lost})
    assert set(found) == set(names("metric"))
    assert "no solution in any interval (flat)" in found["E2"]
    assert unranked(scene.feeder, {"flat": outcome}) == {}
