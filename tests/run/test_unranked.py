"""What is measured and not ranked: a feeder whose regulators stand still gives voltages that no regulated feeder has."""

from dataclasses import replace

from gridagora.run import compare as runs
from gridagora.run.unranked import OF_TAPS, SHOWN, unranked


def test_held_taps_are_said_in_the_summary_and_take_voltages_and_losses_out_of_the_ranking(scene):
    held = replace(scene, feeder=replace(scene.feeder, held_taps=("reg1 10", "reg2 -3")))
    summary = runs.compare(held, ["flat"]).summary
    assert set(summary["unranked"]) == set(OF_TAPS) == {"V1", "V1h", "V4", "P3", "P3s"}
    assert "2 line regulators" in summary["unranked"]["V1"]
    assert "reg1 10, reg2 -3" in summary["unranked"]["V1"]
    assert summary["manifest"]["held_taps"] == ["reg1 10", "reg2 -3"]


def test_a_feeder_without_regulators_is_ranked_and_many_taps_are_cut(scene):
    assert unranked(scene.feeder, {}) == {}
    many = replace(scene.feeder, held_taps=tuple(f"r{i} {i}" for i in range(SHOWN + 3)))
    assert "and others" in unranked(many, {})["P3"]
    assert f"r{SHOWN} {SHOWN}" not in unranked(many, {})["P3"]
