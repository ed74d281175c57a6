"""The page, the figures and the table of a study of claims: they show the numbers of its table, and hold what they need."""

import io
import re
from types import SimpleNamespace

import pandas as pd
import plotly.graph_objects as go
import pytest
from rich.console import Console

from gridagora.report import claims_table, study_page, study_table
from gridagora.report.claims_figures import ALL, DRAWINGS, edge, one_for_all
from gridagora.report.claims_words import (
    CASES,
    PHRASES,
    RETAILERS,
    answer,
    effects,
    in_words,
    terms,
)
from gridagora.report.study_figures import figures
from gridagora.studies.claims import NOT_SHOWN
from gridagora.studies.retail_claims import BETTER, CLAIMS

HOSTILE = "<script>alert(1)</script>"
COST, LIMIT = "outside tariff at cost", "substation limit, tariff at cost"
PLUS, NET = "cost plus 20 %", "flat"
PRICE, PROSUMER, END_USER, PEAK = BETTER
HELD = {
    (COST, PLUS): ((0.0823, -0.0155), (-3.88, 0.68), (-4.58, 0.72), (575.0, 176.0)),
    (COST, NET): ((0.0739, -0.0071), (-3.20, 0.001), (-4.19, 0.33), (575.0, 176.0)),
    (LIMIT, PLUS): ((0.0823, -0.0155), (-3.88, 0.56), (-4.58, 0.72), (575.0, -92.0)),
    (LIMIT, NET): ((0.0739, -0.0070), (-3.20, -0.12), (-4.19, 0.33), (575.0, -92.0)),
}


def row(case, baseline, quantity, before, change):
    half = {PRICE: 0.001, PROSUMER: 0.02, END_USER: 0.05, PEAK: 9.0}[quantity]
    low, high, better = change - half, change + half, BETTER[quantity]
    verdict = NOT_SHOWN if low < 0 < high else "holds" if better * change > 0 else "fails"
    told = {
        "case": case,
        "baseline": baseline,
        "quantity": quantity,
        "before": before,
        "after": before + change,
    }
    return told | {
        "change": change,
        "low": low,
        "high": high,
        "holds_share": 0.9,
        "verdict": verdict,
    }


def table():
    """Two cases and two retailers: the limit turns the peak, and what a prosumer earns against net metering."""
    return pd.DataFrame(
        [
            row(*names, quantity, *numbers)
            for names, claims in HELD.items()
            for quantity, numbers in zip(BETTER, claims, strict=True)
        ]
    )


def made_claims():
    """Return a study of claims, as pages read it."""
    manifest = {
        "title": HOSTILE,
        "homes": 40,
        "days": 2,
        "seeds": 30,
        "versions": {"gridagora": "0.1.0"},
    }
    summary = {"study": "claims", "manifest": manifest}
    return SimpleNamespace(
        summary=summary, tables={"claims": table()}, scenario_text=f"title = '{HOSTILE}'\n"
    )


@pytest.fixture(scope="module")
def study():
    return made_claims()


@pytest.fixture(scope="module")
def own(study):
    return study_page.html(study)


def words(fig: go.Figure) -> str:
    return " ".join(note.text for note in fig.layout.annotations)


def test_one_figure_a_quantity(study):
    drawn = figures(study)
    assert set(drawn) == set(DRAWINGS) == {f"claims_{name}" for name in BETTER}
    assert all(isinstance(fig, go.Figure) for fig in drawn.values())


def test_dots_and_intervals_are_those_of_the_table(study):
    dots = figures(study)["claims_price_per_kwh"].data[0]
    assert dots.name == COST
    assert list(dots.x) == pytest.approx([-1.55, -0.71])
    assert list(dots.error_x.array) == pytest.approx([0.1, 0.1])
    assert list(dots.marker.symbol) == ["circle", "circle"]


def test_a_claim_left_open_is_hollow_and_the_better_side_is_named(study):
    drawn = figures(study)
    assert list(drawn["claims_prosumer_usd_day"].data[0].marker.symbol) == ["circle", "circle-open"]
    assert words(drawn["claims_prosumer_usd_day"]) == "better →"
    assert words(drawn["claims_peak_kw"]) == "← better"
    low, high = drawn["claims_price_per_kwh"].layout.xaxis.range
    assert low < -1.6 < 0 < high


def test_what_no_retailer_changes_is_drawn_once(study):
    peak = study.tables["claims"].query("quantity == @PEAK")
    assert list(one_for_all(peak).baseline) == [ALL, ALL]
    price = study.tables["claims"].query("quantity == @PRICE")
    assert one_for_all(price) is price


def test_one_case_far_out_is_an_arrow_at_the_edge():
    far = table()
    here = (far.case == COST) & (far.quantity == PROSUMER)
    far.loc[here, ["change", "low", "high"]] = [[15.0, 14.0, 16.0], [14.0, 13.0, 15.0]]
    rows = far[far.quantity == PROSUMER]
    assert edge(rows) == pytest.approx(1.25 * 0.58)
    study = SimpleNamespace(summary={}, tables={"claims": far}, scenario_text="")
    one, other = figures(study)["claims_prosumer_usd_day"].data
    assert list(one.x) == pytest.approx([1.25 * 0.58] * 2)
    assert list(one.marker.symbol) == ["triangle-right"] * 2
    assert [text.strip() for text in one.text] == ["+15.00", "+14.00"]
    assert list(one.error_x.array) == [0, 0]
    assert list(other.text) == ["", ""]


def test_answer_names_where_all_promises_hold_together(study):
    found = study.tables["claims"]
    assert answer(found) == (
        "All promises are kept together with a substation limit and a tariff at cost against a retailer at cost plus 20 %. "
        "Elsewhere at least one is not."
    )
    assert "in every case, against every design" in answer(found.assign(verdict="holds"))
    assert answer(found.assign(verdict=NOT_SHOWN)).startswith("In no case")
    held = found.assign(verdict=found.verdict.where(found.case == COST, "holds"))
    assert "with a substation limit and a tariff at cost against every design of today." in answer(
        held
    )


def test_effects_count_each_promise(study):
    assert effects(study.tables["claims"]) == (
        "One by one, of 4 pairings of a case and a design of today, the retail price falls in 4, prosumers earn more in 2, "
        "end-users are better off in 4 and the peak falls in 2; 1 of 16 claims is not shown."
    )


def test_every_case_and_retailer_of_the_study_is_explained(study):
    assert set(PHRASES) == set(CASES)
    assert set(RETAILERS) >= {PLUS, NET}
    told = dict(terms(study))
    assert (
        told["Outside tariff at cost"]
        == "End-users may turn to an outside tariff that recovers its cost."
    )
    assert "85\u00a0% of the peak" in told["Substation limit, tariff at cost"]
    assert len(told) == 5
    few = SimpleNamespace(
        tables={"claims": table().replace(COST, "few prosumers, tariff twice as dear")}
    )
    assert "2 times as dear" in dict(terms(few))["Few prosumers, tariff twice as dear"]
    assert (
        "Solar panels on 8\u00a0% of the homes."
        in dict(terms(few))["Few prosumers, tariff twice as dear"]
    )


def test_sentences_name_the_cases_of_each_verdict():
    verdicts = {
        "outside tariff at cost": "holds",
        "two": "fails",
        "three": NOT_SHOWN,
        "four": "holds",
    }
    table = pd.DataFrame(
        [
            {
                "case": case,
                "baseline": "cost plus 20 %",
                "quantity": name,
                "verdict": verdict if name == "peak_kw" else "holds",
            }
            for case, verdict in verdicts.items()
            for name in BETTER
        ]
    )
    told = in_words(table)
    assert len(told) == len(CLAIMS)
    assert (
        told[0] == "The retail price falls against a retailer at cost plus 20 %: yes in every case."
    )
    assert told[3] == (
        "The peak falls against a retailer at cost plus 20 %: "
        "yes with an outside tariff at cost, four; no with two; not shown with three."
    )


def test_page_shows_tables_sentences_terms_and_origin(own, study):
    for part in (
        "What changes",
        "Case by case",
        "In words",
        "Who is compared",
        "Where the numbers come from",
    ):
        assert f"<h2>{part}</h2>" in own
    assert "Every point" not in own
    assert own.count('class="verdict holds"') == 12
    assert own.count('class="verdict fails"') == 3
    assert own.count('class="verdict open">not shown</i>') == 1
    assert own.count("<td>lower price, more for all, lower peak</td>") == 1
    assert "8.23 → 6.68" in own
    assert "<b>−1.55</b> [−1.65, −1.45]" in own
    assert "40 homes over 2 days · 30 draws of homes and days · 2 cases · 2 designs of today" in own
    assert all(
        sentence.replace(" %", "\u00a0%") in own for sentence in in_words(study.tables["claims"])
    )


def test_page_asks_nothing_of_the_network_and_stays_escaped(own):
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", own)
    assert "<script>alert" not in own
    assert "default-src 'none'" in own


def test_hostile_names_in_the_table_stay_escaped(study):
    bad = study.tables["claims"].replace({COST: HOSTILE, PLUS: HOSTILE})
    page = study_page.html(
        SimpleNamespace(summary=study.summary, tables={"claims": bad}, scenario_text="")
    )
    assert "<script>alert" not in page


def test_figures_of_the_page_parse(own, unpacked):
    drawn = unpacked(own)
    assert set(drawn) == set(DRAWINGS)
    assert all(spec["data"] for spec in drawn.values())
    assert all(f'id="figure-{name}"' in own for name in drawn)


def test_same_result_same_bytes(study, own):
    assert study_page.html(study) == own


@pytest.mark.parametrize("width", [80, 130])
def test_table_on_the_terminal(study, width):
    console = Console(width=width, record=True, file=io.StringIO())
    study_table.render(study, console)
    text = console.export_text()
    assert "…" not in text
    assert text.count("✓") == 12 + 1
    assert text.count("✗") == 3 + 1
    assert "✓ holds, ✗ fails, · not shown." in text
    assert "[ct/kWh]" in text
    folded = " ".join(text.split())
    assert (
        "End-users are better off against a retailer at cost plus 20 %: yes in every case."
        in folded
    )
    if width > 100:
        assert "✓ −1.55 ±0.10" in text
        assert text.count("[ct/kWh]") == 1, "one table"


def test_verdicts_are_coloured(study):
    console = Console(
        width=110,
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        no_color=False,
    )
    study_table.render(study, console)
    text = console.export_text(styles=True)
    assert re.search(r"\x1b\[32m *✓", text)
    assert re.search(r"\x1b\[31m *✗", text)
    assert re.search(r"\x1b\[2m *·", text)


def test_a_claim_of_all_holds_where_both_sides_gain(study):
    """Of the four pairs, prosumers lose in one and their gain is not shown in another."""
    text = claims_table.markdown(study.tables["claims"])
    held = [line.split("|")[-2].strip() for line in text.splitlines() if line.startswith("| ")]
    both = "lower price, more for all"
    assert held == [
        "claims that hold",
        "---",
        both,
        "lower price",
        f"{both}, lower peak",
        "lower price, lower peak",
    ]
    assert "| holds −1.55 ±0.10 | holds +0.68 ±0.02 |" in text
    assert "| not shown 0.00 ±0.02 |" in text


def test_no_claim_that_is_lost_from_the_table_is_said_to_hold(study):
    held = study.tables["claims"].query("quantity == @PROSUMER")
    assert claims_table.markdown(held).count("| – | – | – |") == len(held)


def test_a_name_breaks_no_table():
    held = table().replace({PLUS: "a|b\nc"})
    lines = [line for line in claims_table.markdown(held).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {8}
