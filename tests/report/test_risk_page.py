"""The page of risk: it shows the numbers of its tables, says ties, escapes what it is given, and can be read without seeing."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gridagora
from gridagora.cli import app
from gridagora.core.errors import InputError
from gridagora.core.rng import stream
from gridagora.report import risk_matrix, risk_names, risk_page, risk_table, risk_words
from gridagora.report.risk_figures import risk_figures
from gridagora.report.risk_view import view_of
from gridagora.studies.risk.assess import assess
from gridagora.studies.risk.question import RiskQuestion

HOSTILE = "<script>alert(1)</script>"
DESIGNS = ("flat", "central", HOSTILE)
VOID = {"meta", "br", "link", "input", "img", "hr", "wbr"}


def made_worlds(count=90, variations=1, designs=DESIGNS):
    """Three designs in the same worlds: `flat` is dear, the other two are alike."""
    parts = []
    for variation in range(variations):
        draw = stream(1, "page", variation)
        heat = draw.standard_normal(count)
        parts.append(rows(variation, "", "driver.air_max_degc", 35.0 + heat))
        parts.append(rows(variation, "", f"driver.{HOSTILE}_h", draw.standard_normal(count)))
        for at, name in enumerate(designs):
            cost = 500.0 + 60.0 * heat - 40.0 * (at > 0) + draw.normal(0.0, 5.0, count)
            figures = {
                "E1": -cost,
                "cost.system": cost,
                "cost.operator": 0.1 * cost,
                "V4": np.maximum(draw.standard_normal(count), 0.0),
            }
            parts += [rows(variation, name, metric, value) for metric, value in figures.items()]
    return pd.concat(parts, ignore_index=True)


def rows(variation, design, metric, value):
    columns = {"variation": variation, "design": design, "metric": metric, "value": value}
    return pd.DataFrame({"seed": np.arange(len(value)), **columns})


@pytest.fixture(scope="module")
def view():
    manifest = {"title": HOSTILE, "homes": 12, "days": 1, "note": HOSTILE}
    return view_of(assess(made_worlds()), manifest)


@pytest.fixture(scope="module")
def page(view):
    return risk_page.html(view)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "worlds"
    place.mkdir()
    made_worlds(variations=2).to_parquet(place / "worlds.parquet", index=False)
    (place / "manifest.json").write_text(json.dumps({"title": "Worlds", "days": 1}))
    return place


def test_the_best_comes_first_and_what_ties_is_said(view, page):
    means = view.means()
    assert list(means)[-1] == "flat"
    assert len(view.ties()) == 2
    assert "It is a tie with" in risk_words.answer(view)
    best = next(iter(means.values()))
    assert f"{best.mean:,.1f}" in risk_words.answer(view)
    assert '<i class="verdict open">tie</i>' in page
    assert '<i class="verdict fails">worse</i>' in page


def test_every_pair_stands_on_the_page_from_both_sides(view):
    pairs = view.pairs()
    assert len(pairs) == 6
    for (one, two), pair in pairs.items():
        other = pairs[(two, one)]
        assert pair.difference == -other.difference
        assert pair.low == -other.high
        assert pair.share == pytest.approx(1.0 - other.share)
        assert pair.share_low == pytest.approx(1.0 - other.share_high)
        assert pair.share_low <= pair.share <= pair.share_high
        assert {pair.verdict, other.verdict} in ({"tie"}, {"better", "worse"})


def test_the_matrix_shows_differences_with_their_intervals(view):
    shown = risk_matrix.matrix_html(view, of_shares=False)
    pair = view.pairs()[("central", "flat")]
    assert f"<b>{risk_table.signed(pair.difference, 2)}</b>" in shown
    assert risk_names.span(pair.low, pair.high, 2) in shown
    shares = risk_matrix.matrix_html(view, of_shares=True)
    assert "<b>100 %</b>" in shares


def test_a_star_marks_what_chance_among_many_pairs_may_have_made(view):
    pair = view.pairs()[("central", "flat")]
    assert risk_table.said(pair) == "better"
    assert risk_table.said(pair._replace(p_holm=0.2)) == "better *"
    assert risk_table.said(pair._replace(p_holm=0.2, verdict="tie")) == "tie"


class Outline(HTMLParser):
    """What a page is made of: open elements that were never closed, images with their words, ids, and parts that scroll."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.ids, self.regions, self.tables = [], [], [], [], 0
        self.headings, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if held.get("role") == "img":
            self.images.append(held.get("aria-label"))
        if held.get("role") == "region":
            self.regions.append((held.get("tabindex"), held.get("aria-label")))
        if "id" in held:
            self.ids.append(held["id"])
        if tag == "a":
            self.links.append(held["href"])
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        self.tables += tag == "table"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_can_be_read_without_seeing(view, page):
    found = Outline(page)
    assert not found.open
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links} <= set(found.ids)
    assert len(found.images) == len(risk_figures(view)) >= 4
    assert all(words and len(words) > 40 for words in found.images)
    assert len(found.regions) == found.tables
    assert all(tab == "0" and words for tab, words in found.regions)
    assert found.headings[0] == 1
    steps = zip(found.headings, found.headings[1:], strict=False)
    assert all(below <= above + 1 for above, below in steps)


def test_every_figure_has_its_numbers_beside_it(view):
    for figure in risk_figures(view).values():
        assert figure.rows
        assert all(len(row) == len(figure.heads) for row in figure.rows)


def test_what_a_name_holds_is_shown_and_not_run(page):
    assert HOSTILE not in page
    assert page.count("<script>") == 1
    assert "alert(1)" in page


def test_the_same_numbers_give_the_same_bytes(view):
    assert risk_page.html(view) == risk_page.html(view)


def test_too_few_worlds_leave_a_page_without_tails():
    few = assess(made_worlds(count=20), needs_tail=False)
    page = risk_page.html(view_of(few, {}))
    assert "20 worlds are too few for the worst 5 %: 72 are the least" in page.replace(
        "\u00a0", " "
    )
    assert 'id="drivers"' not in page
    assert 'id="pairs"' in page


def test_one_design_and_a_metric_without_direction_make_a_page():
    one = made_worlds(designs=("flat",))
    page = risk_page.html(view_of(assess(one), {}))
    assert "nothing to tell apart" in page
    odd = assess(made_worlds(), RiskQuestion(metric="cost.operator"))
    assert "cost of the operator" in risk_words.answer(view_of(odd, {}))
    plain = made_worlds().replace({"metric": {"V4": "own_metric"}})
    found = view_of(assess(plain, RiskQuestion(metric="own_metric")), {})
    assert "neither direction is better" in risk_words.answer(found)
    assert 'id="beats"' not in risk_page.html(found)


def test_a_design_that_failed_in_some_worlds_is_said_to():
    worlds = made_worlds()
    gone = (worlds.design == "flat") & (worlds.seed < 5)
    view = view_of(assess(worlds[~gone]), {})
    assert any("no figure in 5 worlds" in text for text in risk_words.in_words(view))


def test_a_run_that_failed_is_said_to():
    told = {"failed": {"flat, seed 3, variation 0": "it stopped.", "rtp, seed 4, variation 0": ""}}
    (said,) = [
        text
        for text in risk_words.in_words(view_of(assess(made_worlds()), told))
        if "failed" in text
    ]
    assert said == ("2 runs failed and have no figures, flat, seed 3, variation 0: it stopped.")


def test_the_report_of_one_world_is_not_that_of_an_ensemble(folder):
    done = CliRunner().invoke(app, ["report", str(folder)])
    assert done.exit_code == 2
    assert "`gridagora risk` writes its page" in " ".join(done.output.split())


def test_a_width_is_said_to_be_reached_or_how_far_it_is():
    reached = view_of(assess(made_worlds(), RiskQuestion(width=5.0)), {})
    assert "drawing may stop" in risk_words.stopping_words(reached)
    far = view_of(assess(made_worlds(), RiskQuestion(width=0.1)), {})
    assert "is not reached: it takes about" in risk_words.stopping_words(far)


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ("air_max_degc", "highest temperature [°C]"),
        ("price_mean_per_kwh", "mean price [$/kWh]"),
        ("heat_pump_homes", "homes with heat pump"),
        ("ev_homes", "homes with electric vehicles"),
        ("wind_speed", "wind speed"),
        ("night_kwh", "night [kWh]"),
    ],
)
def test_drivers_are_named_with_their_units(driver, said):
    assert risk_names.driver_name(driver) == said


def test_the_command_writes_page_and_tables_and_prints_them(folder):
    done = CliRunner().invoke(app, ["risk", str(folder), "--variation", "1"])
    assert done.exit_code == 0, done.output
    assert (folder / "report.html").stat().st_size > 1_000_000
    pairs = pd.read_parquet(folder / "risk" / "pairs.parquet")
    assert set(pairs.variation) == {0, 1}
    first = (folder / "report.html").read_bytes()
    done = CliRunner().invoke(app, ["risk", str(folder), "--variation", "1", "--json"])
    assert json.loads(done.stdout)["variation"] == 1
    assert (folder / "report.html").read_bytes() == first
    assert "variation 1 of 2" in first.decode()
    assert not [path for path in folder.iterdir() if ".part" in path.name]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--level", "1.5"], "level: got 1.5"),
        (["--level", "0"], "level: got 0"),
        (["--level", "much"], "valid number"),
        (["--level", "0.99"], "got 90 worlds, expected 368 or more"),
        (["--metric", "E1x"], "Did you mean 'E1'?"),
        (["--width", "-2"], "width: got -2"),
        (["--variation", "5"], "variation: got 5, expected one of 0, 1"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_anything_is_written(folder, options, said):
    done = CliRunner().invoke(app, ["risk", str(folder), *options])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "worlds.parquet"]


def test_a_folder_of_something_else_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "none"):
        done = CliRunner().invoke(app, ["risk", str(place)])
        assert done.exit_code == 2
        assert "expected the folder of an ensemble" in " ".join(done.output.split())


def test_a_program_reads_an_ensemble_and_asks_for_its_risk(folder):
    found = gridagora.open_ensemble(folder)
    assert found.manifest["title"] == "Worlds"
    assert set(found.assess(level=0.9).tables) >= {"means", "pairs", "tails"}
    with pytest.raises(InputError, match="368 or more"):
        found.assess(level=0.99)
    with pytest.raises(InputError, match="open_ensemble"):
        gridagora.open_ensemble(3)


@pytest.mark.parametrize(
    ("ends", "places", "text"),
    [
        ((844.2, 871.0), 0, "[844, 871]"),
        ((-0.38, 0.401), 0, "[−0.38, 0.40]"),
        ((-0.2, 5.0), 0, "[0, 5]"),
        ((float("nan"), 3.0), 0, "[–, 3]"),
        ((0.0, 0.0), 0, "[0, 0]"),
        ((-0.00012, 0.0004), 2, "[−0.00012, 0.00040]"),
    ],
)
def test_an_interval_near_nil_keeps_two_digits_and_no_powers_of_ten(ends, places, text):
    assert risk_names.span(*ends, places) == text
