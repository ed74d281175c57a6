"""The two small maps of where the ranking flips: keys of their points, the sample, what is kept, and how they are shown."""

import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.report.flip_figures import flips_html
from gridagora.scenario import read
from gridagora.scenario.overload import price_overload
from gridagora.studies import flip_map
from gridagora.studies.flip_map import (
    LIMIT_SHARES,
    PRICES_PER_KWH,
    FlipMap,
    ask_flips,
    cells_of,
    keep_flips,
    load_flips,
    refused,
    shrink,
)

BASE = '[scenario]\nseed = 3\ndays = 1\narchitectures = ["flat", "rtp"]\n[homes]\ncount = 4\n'
PRICED = {
    "nothing": "",
    "limit_kw": "limit_kw = 40.0",
    "share": "limit_share_of_flat_peak = 0.9\nover_per_kwh = 0.3",
    "rating": "limit_by_rating = true",
    "load cycle": "limit_by_load_cycle = true\ntransformer_per_kva = 60.0",
    "upgrade": "limit_kw = 40.0\nupgrade_per_kw_year = 80.0\nupgrade_hours = 400.0",
    "hours": "limit_share_of_flat_peak = 0.9\nupgrade_hours = 100.0",
}


def keys_of(own, overrides=()):
    return read.parse(f"{BASE}[substation]\n{own}\n", "case.toml", overrides=list(overrides))


@pytest.mark.parametrize("own", PRICED.values(), ids=PRICED)
def test_every_point_is_a_scenario_that_has_the_limit_and_the_price_it_says(own):
    """By whatever key a scenario states its price, each point has that of its column."""
    question, _ = ask_flips(keys_of(own))
    assert len(question.variations) == len(question.points) == 9
    limits = set()
    for row, variation in enumerate(question.variations):
        substation = keys_of(own, variation).substation
        price = price_overload(substation).value
        assert f"{price:.3g}" == question.across.texts[row % 3]
        if substation.transformer_per_kva is None:
            assert price == pytest.approx(PRICES_PER_KWH[row % 3], rel=1e-12)
        stated = substation.limit_kw or substation.limit_share_of_flat_peak
        assert not substation.limit_by_rating
        assert not substation.limit_by_load_cycle
        whole = 40.0 if substation.limit_kw else 1.0
        assert stated == pytest.approx(whole * LIMIT_SHARES[row // 3])
        limits.add(stated)
    assert len(limits) == 3


def test_homes_of_a_point_own_and_take_part_as_it_says():
    _, question = ask_flips(keys_of(""))
    for variation, (up, across) in zip(
        question.variations, question.points.itertuples(index=False), strict=True
    ):
        homes = keys_of("", variation).homes
        assert f"{100 * homes.pv_share:g} %" == up
        assert f"{100 * homes.participation_share:g} %" == across


def test_a_map_whose_keys_the_scenario_does_not_take_is_left_out_with_a_reason(tmp_path):
    file = tmp_path / "hand.toml"
    file.write_text(BASE + "by_hand_share = 0.5\nparticipation_share = 0.5\n")
    limit, homes = ask_flips(read.load(file))
    assert refused(limit, file, ()) == ""
    assert "participation_share" in refused(homes, file, ())


@pytest.mark.parametrize(("count", "fewer"), [(4, []), (24, []), (30, ["homes.count=24"])])
def test_a_sample_has_fewer_homes_where_the_feeder_is_made_for_them(count, fewer):
    assert shrink(keys_of("", [f"homes.count={count}"])) == fewer


@pytest.fixture
def drawn():
    """Return a map of two by two points: rtp leads at one, and a tie at another."""
    points = pd.DataFrame(
        [("70 %", ".1"), ("70 %", "1"), ("100 %", ".1"), ("100 %", "1")],
        columns=["limit", "price of overload [$/kWh]"],
    )
    ranking = pd.DataFrame(
        {
            "variation": [0, 1, 2, 3],
            "best": ["rtp", "flat", "flat", "flat"],
            "mean": [1.0, 2.0, 3.0, 4.0],
            "ties": ["", "", "rtp", "rtp, tou"],
            "runner_up": ["flat", "rtp", "rtp", "rtp"],
            "lead": [1.0, 1.0, 0.1, 0.1],
            "lead_low": [0.5, 0.5, -0.1, None],
            "lead_high": [1.5, 1.5, 0.3, 0.3],
            "worlds": [4, 4, 4, 4],
        }
    )
    return FlipMap("limit", points, ranking, ("flat", "tou", "rtp"), "a <sample>")


def test_a_map_is_kept_and_read_as_it_was(drawn, tmp_path):
    assert load_flips(tmp_path) == []
    keep_flips([drawn], tmp_path / flip_map.FOLDER)
    (found,) = load_flips(tmp_path)
    pd.testing.assert_frame_equal(found.points, drawn.points)
    pd.testing.assert_frame_equal(found.ranking, drawn.ranking)
    assert found[3:] == drawn[3:]


def test_cells_name_the_best_and_what_ties_with_the_highest_row_first(drawn):
    shown = cells_of(drawn)
    assert list(shown.limit) == ["100 %", "70 %"]
    assert list(shown.iloc[0, 1:]) == ["flat = rtp", "flat = rtp and 1 more"]
    assert list(shown.iloc[1, 1:]) == ["rtp", "flat"]


def test_a_point_that_did_not_run_is_said(drawn):
    shown = cells_of(drawn._replace(ranking=drawn.ranking.drop(index=3)))
    assert shown.iloc[0, 2] == "not run"


def test_maps_are_drawn_with_words_and_every_id_once(drawn):
    page = flips_html([drawn, drawn._replace(name="homes")])
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for used in re.findall(r"url\(#([^)]+)\)", page):
        assert used in ids
    assert page.count("<svg") == page.count('role="img"') == 2
    assert "The best design changes along" in page
    assert "a &lt;sample&gt;" in page
    assert "Of 4 fields, 3" in page
    assert flips_html([]) == ""


def test_compare_over_worlds_draws_both_maps_and_runs_none_twice(tmp_path, monkeypatch):
    for name, few in (("LIMIT_SHARES", (0.7, 1.0)), ("PRICES_PER_KWH", (0.05, 1.0))):
        monkeypatch.setattr(flip_map, name, few)
    monkeypatch.setattr(flip_map, "PANEL_SHARES", (0.2, 0.8))
    monkeypatch.setattr(flip_map, "PART_SHARES", (0.5, 1.0))
    monkeypatch.setattr(flip_map, "WORLDS", 2)
    file, out = tmp_path / "case.toml", tmp_path / "out"
    file.write_text(BASE + "[substation]\nlimit_share_of_flat_peak = 0.9\n")
    given = ["compare", str(file), "--seeds", "2", "--map", "--out", str(out)]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.stderr
    assert "4 points of 2 worlds each, 1 day, all homes; 400 % of the worlds" in " ".join(
        done.stderr.split()
    )
    assert "homes that take part 50 %" in done.stdout
    page = (out / "report.html").read_text(encoding="utf-8")
    hero = page[: page.index('<main id="main">')]
    assert hero.count("<svg") == 2
    journals = [out / "map" / name / "journal.jsonl" for name in ("limit", "homes")]
    lines = [journal.read_text().count("\n") for journal in journals]
    assert CliRunner().invoke(app, given).exit_code == 0
    assert [journal.read_text().count("\n") for journal in journals] == lines
    assert (out / "report.html").read_text(encoding="utf-8") == page


def test_a_map_of_one_world_is_refused(tmp_path):
    file = tmp_path / "case.toml"
    file.write_text(BASE)
    done = CliRunner().invoke(app, ["compare", str(file), "--map", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "--map beside --seeds" in done.stderr
    assert not (tmp_path / "out").exists()
