"""The tables of risk: what a made-up ensemble was built to show, whatever the order of its rows, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.studies.risk.assess import assess
from gridagora.studies.risk.intervals import Estimate
from gridagora.studies.risk.mean_rows import judge
from gridagora.studies.risk.names import describe_metric
from gridagora.studies.risk.question import RiskQuestion
from gridagora.studies.risk.worlds import arrange, read_worlds


def pair(found, metric, first, second, name="pairs"):
    table = found.tables[name]
    picked = table[(table.metric == metric) & (table["first"] == first) & (table.second == second)]
    return picked.iloc[0]


def test_designs_are_compared_in_the_same_worlds(worlds):
    found = assess(worlds)
    assert found.metric == "cost.system"
    better = pair(found, "cost.system", "central", "flat")
    assert better.verdict == "better"
    assert better.low < -40.0 < better.high
    assert better.high - better.low < 4.0  # worlds differ by 60 $ and more
    assert better.first_better_share == 1.0
    alike = pair(found, "cost.system", "central", "layered")
    assert alike.verdict == "tie"
    assert alike.bootstrap_low < 0.0 < alike.bootstrap_high
    welfare = pair(found, "E1", "central", "flat")
    assert welfare.verdict == "better"
    assert welfare.difference == pytest.approx(-better.difference)
    assert welfare.first_better_share == better.first_better_share


def test_worlds_in_which_both_are_the_same_count_half(worlds, make_rows):
    one = np.zeros(120)
    one[:30] = 1.0
    own = pd.concat(
        [make_rows(0, name, "P1", value) for name, value in (("flat", one), ("rtp", 0.0 * one))]
    )
    row = pair(assess(own), "P1", "flat", "rtp")
    assert row.first_better_share == 0.5 * 90 / 120
    assert row.verdict == "worse"


def test_designs_alike_in_the_mean_are_told_apart_by_their_tails(worlds):
    found = assess(worlds)
    tails = found.tables["tails"].set_index(["metric", "design"])
    assert (tails.shortfall >= tails.at_risk).all()
    assert (tails.at_risk >= tails["mean"]).all()
    worse = pair(found, "cost.system", "central", "layered", "tail_pairs")
    assert worse.verdict == "better"
    gap = tails.shortfall["cost.system"]["central"] - tails.shortfall["cost.system"]["layered"]
    assert worse.difference == pytest.approx(gap)
    # a welfare is a loss with its sign turned round
    assert tails.shortfall["E1"].equals(tails.shortfall["cost.system"])


def test_the_driver_that_makes_bad_worlds_is_named(worlds):
    found = assess(worlds).tables["drivers"].set_index(["design", "driver"])
    hot = found.loc[("layered", "peak_temperature_degc")]
    assert hot.distance > hot.chance
    assert hot.tail_mean > hot.rest_mean + 2.0
    still = found.loc[("layered", "sun_kwh")]
    assert still.rank_correlation_low < 0.0 < still.rank_correlation_high


def test_parts_of_the_cost_sum_in_bad_worlds(worlds):
    found = assess(worlds).tables["burdens"].pivot(index="design", columns="metric")
    whole = found["in_tail"]["cost.homes"] + found["in_tail"]["cost.operator"]
    assert np.allclose(whole, found["in_tail"]["cost.system"])


def test_the_order_of_rows_changes_no_bit(worlds):
    mixed = worlds.sample(frac=1.0, random_state=1)
    one, two = assess(worlds), assess(mixed)
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, two.tables[name], check_exact=True)


def test_variations_are_assessed_each_by_itself(make_worlds):
    both = make_worlds(variations=(0, 3))
    found = assess(both)
    alone = assess(both[both.variation == 3])
    for name, table in found.tables.items():
        own = table[table.variation == 3].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone.tables[name], check_exact=True)


def test_a_design_that_did_not_finish_is_compared_where_it_did(worlds):
    gone = (worlds.design == "flat") & (worlds.seed < 10)
    found = assess(worlds[~gone])
    assert pair(found, "cost.system", "central", "flat").worlds == 110
    assert pair(found, "cost.system", "central", "layered").worlds == 120
    means = found.tables["means"].set_index(["design", "metric"])
    assert means.missing["flat", "cost.system"] == 10


def test_losses_that_an_ensemble_lacks_come_from_metrics(worlds):
    plain = worlds[~worlds.metric.str.startswith("cost.")]
    sample = arrange(plain, 0)
    assert np.array_equal(sample.column("flat", "cost.system"), -sample.column("flat", "E1"))
    assert assess(plain).metric == "cost.system"


def test_a_width_says_where_draws_could_have_stopped(worlds):
    found = assess(worlds, RiskQuestion(width=3.0)).tables["draws"]
    row = found[(found["first"] == "central") & (found.second == "flat")].iloc[0]
    assert 10 <= row.stops_at < 120
    assert assess(worlds, RiskQuestion(width=0.5)).tables["draws"].stops_at.eq(0).all()


def test_too_few_worlds_for_the_tail_are_refused_or_said(make_worlds):
    few = make_worlds(count=40)
    with pytest.raises(InputError, match=r"got 40 worlds, expected 72 or more"):
        assess(few)
    found = assess(few, needs_tail=False)
    assert "72 are the least" in found.too_few
    assert found.tables["tails"].empty
    assert len(found.tables["pairs"])
    assert not assess(few, RiskQuestion(level=0.9)).too_few


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (RiskQuestion(level=1.0), "level: got 1, expected a share above 0 and below 1"),
        (RiskQuestion(level=0.0), "level: got 0"),
        (RiskQuestion(level=95.0), "level: got 95"),
        (RiskQuestion(level=float("nan")), "level: got nan"),
        (RiskQuestion(confidence=-0.1), "confidence: got -0.1"),
        (RiskQuestion(width=0.0), "width: got 0"),
        (RiskQuestion(metric="cost.sytem"), "Did you mean 'cost.system'?"),
    ],
)
def test_a_question_that_cannot_be_answered(worlds, question, said):
    with pytest.raises(InputError) as caught:
        assess(worlds, question)
    assert said in str(caught.value)


def spoilt(worlds):
    twice = pd.concat([worlds, worlds.iloc[[0]]])
    infinite = worlds.assign(value=worlds.value.where(worlds.index > 0, np.inf))
    return {
        "no column value": worlds.drop(columns="value"),
        "values of kind": worlds.assign(value="much"),
        "two values of E1": twice,
        "1 infinite values": infinite,
        "no rows of designs": worlds[worlds.design == ""],
    }


@pytest.mark.parametrize(
    "said",
    [
        "no column value",
        "values of kind",
        "two values of E1",
        "1 infinite values",
        "no rows of designs",
    ],
)
def test_a_table_of_another_kind_is_refused(worlds, said):
    with pytest.raises(InputError, match=said):
        assess(spoilt(worlds)[said])


def test_a_folder_is_read_or_refused(worlds, tmp_path):
    with pytest.raises(InputError, match="a folder that does not exist"):
        read_worlds(tmp_path / "none")
    with pytest.raises(InputError, match=r"a folder without worlds\.parquet"):
        read_worlds(tmp_path)
    (tmp_path / "worlds.parquet").write_text("no table")
    with pytest.raises(InputError, match="cannot be read"):
        read_worlds(tmp_path)
    with pytest.raises(InputError, match="a file"):
        read_worlds(tmp_path / "worlds.parquet")
    worlds.to_parquet(tmp_path / "worlds.parquet", index=False)
    (tmp_path / "manifest.json").write_text(json.dumps({"days": 3}))
    table, manifest = read_worlds(tmp_path)
    assert len(table) == len(worlds)
    assert manifest == {"days": 3}
    told = {"files_sha256": {"worlds.parquet": "0"}}
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="the one the ensemble wrote"):
        read_worlds(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        read_worlds(tmp_path)


@pytest.mark.parametrize(
    ("file", "said"), [("journal.jsonl", "not finished"), ("summary.json", "gridagora report")]
)
def test_a_folder_of_something_like_it_is_named(tmp_path, file, said):
    (tmp_path / file).write_text("{}")
    with pytest.raises(InputError, match=said):
        read_worlds(tmp_path)


def test_what_is_said_of_a_metric():
    assert describe_metric("E1").direction == "up"
    assert describe_metric("cost.worst_home") == ("cost of the worst home", "$", "down")
    told = {"E1": {"name": "mine", "unit": "kWh", "direction": "down"}}
    assert describe_metric("E1", told) == ("mine", "kWh", "down")
    assert describe_metric("unheard_of") == ("unheard_of", "", "-")


@pytest.mark.parametrize(
    ("low", "high", "direction", "said"),
    [
        (-1.0, 1.0, "up", "tie"),
        (0.0, 1.0, "up", "tie"),
        (0.5, 1.0, "up", "better"),
        (0.5, 1.0, "down", "worse"),
        (-2.0, -1.0, "down", "better"),
        (0.5, 1.0, "-", "higher"),
        (float("nan"), float("nan"), "up", "tie"),
    ],
)
def test_a_verdict_follows_from_the_interval(low, high, direction, said):
    assert judge(Estimate((low + high) / 2, low, high), direction) == said


def test_events_are_counted_by_world(worlds, make_rows):
    found = assess(worlds).tables["events"].set_index(["design", "event"])
    heat = arrange(worlds, 0).driver[:, 0]
    sample = arrange(worlds, 0)
    assert found.hits["flat", "limit broken"] == (sample.column("flat", "P5") > 1e-6).sum()
    assert found.hits["flat", "limit broken"] > found.hits["central", "limit broken"]
    assert len(heat) == 120
    long = pd.concat([worlds, make_rows(0, "flat", "C1", np.full(120, 2.0))])
    for days, hits in ((1, 120), (3, 0)):
        table = assess(long, manifest={"days": days}).tables["events"]
        assert table[table.event == "comfort lost"].hits.tolist() == [hits]


@pytest.mark.parametrize(("short_k_h", "hits"), [(0.79, 0), (0.81, 120)])
def test_cold_water_is_a_shower_at_the_tap_and_no_single_minute(worlds, make_rows, short_k_h, hits):
    long = pd.concat([worlds, make_rows(0, "flat", "C2", np.full(120, short_k_h))])
    table = assess(long, manifest={"days": 2}).tables["events"]
    assert table[table.event == "cold water"].hits.tolist() == [hits]
