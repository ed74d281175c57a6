"""The claims on simulated homes: bills that earn their cost, what an arrangement leads to, and draws that are kept and paired."""

import json
import pickle
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError, Problem
from gridagora.population.fleet import prosumer_homes
from gridagora.results.gain import balanced_bill_usd
from gridagora.results.outcome import energy_cost_usd, over_limit_kwh
from gridagora.run import folder as folders
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.studies import retail_claims
from gridagora.studies.retail_claims import (
    BASELINES,
    BETTER,
    CAP_RATIO,
    MARGIN,
    OUTSIDE,
    SHARE,
    Sides,
    bills,
    draw_scene,
    effects_of,
    judge_claims,
    study_claims,
)

SMALL = """
[scenario]
title = "Eight homes, a day"
seed = 3
days = 1
[homes]
count = 8
pv_share = 0.4
ev_share = 0.2
battery_share = 0.2
"""
TWO = MappingProxyType(
    {
        "at cost": ((OUTSIDE, 1.0),),
        "half of them": ((OUTSIDE, 1.0), (SHARE, 0.5)),
        "few, dear": ((OUTSIDE, 2.0), ("homes.pv_share", 0.15), ("homes.ev_share", 0.0)),
    }
)
SEEDS = range(2)
AGAINST = len(BASELINES) + 3  # designs, and retailers of today


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("case") / "small.toml"
    file.write_text(SMALL)
    return file


@pytest.fixture
def two_cases(monkeypatch):
    monkeypatch.setattr(retail_claims, "CASES", TWO)


@pytest.fixture(scope="module")
def kept(path, tmp_path_factory):
    """A finished study and its folder."""
    folder = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retail_claims, "CASES", TWO)
        told = []
        found = study_claims(path, SEEDS, out=folder, progress=lambda *step: told.append(step))
    return found, folder, told


@pytest.fixture(scope="module")
def flat(scene, study):
    return evaluate("flat", simulate(scene.market("flat"), study), study)


def test_a_regulated_retailer_earns_its_cost_and_the_others_what_they_ask(flat):
    cost = energy_cost_usd(flat) + flat.over_per_kwh * over_limit_kwh(flat)
    assert over_limit_kwh(flat) > 1.0, "overload is part of what is recovered"
    total = {each.retailer: float(each.bill_usd.sum()) for each in bills(flat)}
    assert total["regulated, feed-in"] == pytest.approx(cost, abs=1e-5)
    assert float(balanced_bill_usd(flat).sum()) == pytest.approx(cost, abs=1e-5)
    assert total["cost plus 20 %"] == pytest.approx((1 + MARGIN) * cost, abs=1e-5)
    exported = (-flat.home_kw).clip(min=0).sum(0)
    owed = float(exported @ (flat.wholesale_per_kwh + flat.export_credit_per_kwh) * flat.dt_h)
    assert total["incumbent with market power"] == pytest.approx(
        CAP_RATIO * (cost + owed) - owed, abs=1e-5
    )


def test_a_home_pays_for_what_it_takes_and_is_credited_what_it_gives(flat):
    dear, _, cheap = (each.bill_usd for each in bills(flat))
    bought = flat.home_kw.clip(min=0).sum(1)
    rate = (dear - cheap) / bought
    assert np.ptp(rate) < 1e-12 * rate.mean()


def test_felt_is_the_mean_of_each_kind_of_home(scene, flat):
    who = prosumer_homes(scene.homes)
    bill, left = np.arange(1.0, len(who) + 1), np.full(len(who), 0.5)
    sides = Sides(who, who)
    got, twice = effects_of(flat, bill, left, sides, 1), effects_of(flat, bill, left, sides, 2)
    worth = (
        left
        - bill
        - sum(flat.device_usd[item] for item in ("comfort", "wear", "hot water", "ev unmet"))
    )
    assert got.prosumer_usd_day == pytest.approx(worth[who].mean())
    assert got.end_user_usd_day == pytest.approx(worth[~who].mean())
    assert twice.end_user_usd_day == pytest.approx(got.end_user_usd_day / 2)
    assert got.price_per_kwh == pytest.approx(
        bill[~who].sum() / (flat.home_kw[~who].sum() * flat.dt_h)
    )
    assert got.peak_kw == pytest.approx(
        max(flat.load_kw[at : at + 3].mean() for at in range(0, len(flat.load_kw), 3))
    )


def test_prosumers_who_take_no_part_stand_with_those_who_buy_and_set_no_price(scene, flat):
    owns = prosumer_homes(scene.homes)
    sells = owns & (np.cumsum(owns) <= 2)
    bill, left = np.arange(1.0, len(owns) + 1), np.zeros(len(owns))
    all_sell = effects_of(flat, bill, left, Sides(owns, owns), 1)
    some_sell = effects_of(flat, bill, left, Sides(owns, sells), 1)
    worth = -bill - sum(flat.device_usd.values())
    assert some_sell.prosumer_usd_day == pytest.approx(worth[sells].mean())
    assert some_sell.end_user_usd_day == pytest.approx(worth[~sells].mean())
    assert some_sell.price_per_kwh == all_sell.price_per_kwh


def test_a_draw_moves_the_days_and_draws_the_homes_anew(path):
    one, other = draw_scene(path, (), 0), draw_scene(path, (), 15)
    assert (other.scenario.scenario.start - one.scenario.scenario.start).days == 1
    sun, moved, again = (each.homes.owned["pv"] for each in (one, other, draw_scene(path, (), 0)))
    assert not np.array_equal(sun.available_kw, moved.available_kw)
    np.testing.assert_array_equal(sun.available_kw, again.available_kw)


def test_every_claim_stands_against_every_retailer_in_every_case(kept):
    found, folder, told = kept
    table = found.tables["claims"]
    assert len(table) == len(TWO) * AGAINST * len(BETTER) == len(found.summary["claims"])
    assert set(table.verdict) == {"not shown"}, "two draws show nothing"
    assert set(BASELINES) < set(table.baseline)
    np.testing.assert_allclose(table.after - table.before, table.change, atol=1e-12)
    assert (table.low <= table.change + 1e-12).all()
    assert (table.change <= table.high + 1e-12).all()
    assert told == [("draws", 1, 2), ("draws", 2, 2)]
    draws = found.tables["draws"]
    assert len(draws) == len(TWO) * AGAINST * len(SEEDS)
    assert (draws.prosumers + draws.end_users == 8).all()
    assert (
        draws.groupby("case").prosumers.mean()["few, dear"]
        < draws.groupby("case").prosumers.mean()["at cost"]
    )
    one = draws.groupby(["case", "seed"])
    assert (one.after_price_per_kwh.nunique() == 1).all()
    assert (one.before_price_per_kwh.nunique() == AGAINST).all()
    plain = draws[~draws.baseline.isin(BASELINES[1:])]
    assert (plain.groupby(["case", "seed"]).before_peak_kw.nunique() == 1).all()
    mean = draws.groupby(["case", "baseline"]).mean(numeric_only=True)
    assert mean.prosumers["half of them"].max() < mean.prosumers["at cost"].min()
    for name in ("before_peak_kw", "before_price_per_kwh"):
        assert mean[name]["half of them", "flat"] == mean[name]["at cost", "flat"]
        assert mean[name]["half of them", "tou"] != mean[name]["at cost", "tou"]
    assert folders.load(folder).summary["study"] == "claims"


@pytest.mark.usefixtures("two_cases")
def test_a_finished_draw_is_not_run_again_and_the_order_of_seeds_is_nothing(
    kept, path, monkeypatch
):
    found, folder, _ = kept

    def refuse(*_):
        raise AssertionError("a draw was run again")

    monkeypatch.setattr(retail_claims, "measure_claim", refuse)
    again = study_claims(path, [1, 0, 1], out=folder)
    pd.testing.assert_frame_equal(again.tables["claims"], found.tables["claims"])
    pd.testing.assert_frame_equal(again.tables["draws"], found.tables["draws"])
    with pytest.raises(AssertionError, match="again"):
        study_claims(path, SEEDS, ["homes.pv_share=0.5"], folder)


@pytest.mark.usefixtures("two_cases")
def test_a_draw_of_another_scene_is_not_taken_from_the_folder(kept, path, tmp_path, monkeypatch):
    _, folder, _ = kept
    asked = []
    rows = json.loads((folder / "draws" / "seed-0.json").read_text())["rows"]
    monkeypatch.setattr(
        retail_claims, "measure_claim", lambda _, __, seed: asked.append(seed) or rows
    )
    (tmp_path / "draws").mkdir()
    (tmp_path / "draws" / "seed-0.json").write_text(json.dumps({"of": "another", "rows": rows}))
    (tmp_path / "draws" / "seed-1.json").write_bytes(
        (folder / "draws" / "seed-1.json").read_bytes()
    )
    study_claims(path, SEEDS, out=tmp_path)
    assert asked == [0]


def made(*changes: float) -> pd.DataFrame:
    """Draws of one case and retailer in which every quantity changes by these amounts."""
    rows = [
        {"case": "one", "baseline": "a retailer", "seed": seed}
        | {f"before_{name}": 1.0 + seed for name in BETTER}
        | {f"after_{name}": 1.0 + seed + change for name in BETTER}
        for seed, change in enumerate(changes)
    ]
    return pd.DataFrame(rows)


def test_a_verdict_needs_the_whole_interval_on_one_side():
    rise = judge_claims(made(*[1.0, 1.2, 0.9] * 7)).set_index("quantity").verdict
    assert dict(rise) == {
        "price_per_kwh": "fails",
        "prosumer_usd_day": "holds",
        "end_user_usd_day": "holds",
        "peak_kw": "fails",
    }
    fall = judge_claims(made(*[-1.0, -1.2, -0.9] * 7)).set_index("quantity").verdict
    assert dict(fall) == {
        "price_per_kwh": "holds",
        "prosumer_usd_day": "fails",
        "end_user_usd_day": "fails",
        "peak_kw": "holds",
    }
    both = judge_claims(made(1.0, -1.0, 0.1))
    assert set(both.verdict) == {"not shown"}
    assert dict(both.set_index("quantity").holds_share) == pytest.approx(
        {
            "price_per_kwh": 1 / 3,
            "prosumer_usd_day": 2 / 3,
            "end_user_usd_day": 2 / 3,
            "peak_kw": 1 / 3,
        }
    )


@pytest.mark.parametrize("seeds", [[], [4], [4, 4]])
def test_a_single_draw_is_refused(path, tmp_path, seeds):
    with pytest.raises(InputError, match="2 or more"):
        study_claims(path, seeds, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "share",
    [
        ("homes.pv_share=0.0", "homes.ev_share=0.0", "homes.battery_share=0.0"),
        ("homes.pv_share=1.0",),
    ],
)
@pytest.mark.usefixtures("two_cases")
def test_homes_of_one_kind_are_refused(path, tmp_path, share):
    with pytest.raises(InputError, match="some homes of both kinds"):
        study_claims(path, SEEDS, ["homes.count=3", *share], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_refusal_keeps_its_problems_on_the_way_from_another_process():
    fault = InputError([Problem("homes", "none", "some")])
    assert pickle.loads(pickle.dumps(fault)).problems == fault.problems
