"""The page: self-contained, reproducible, escaped, and whole even where parts of the result are absent."""

import json
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest

from gridagora.core.registry import find, names
from gridagora.report import page
from gridagora.report.facts import designs, metrics
from gridagora.report.findings import answer, effects, question
from gridagora.report.fragments import flat
from gridagora.results.metric import FAMILIES

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects tags, attributes, ids and unbalanced elements of a page."""

    def __init__(self):
        super().__init__()
        self.open, self.bad, self.ids, self.attributes, self.scripts = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        self.ids += [value for key, value in attrs if key == "id"]
        if tag == "script":
            self.scripts.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.bad.append(tag)


@pytest.fixture(scope="module")
def text(result):
    return page.html(result)


@pytest.fixture(scope="module")
def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


def test_page_is_well_formed_and_ids_are_unique(read):
    assert read.bad == []
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))


def test_same_result_same_bytes(result, text):
    assert page.html(result) == text


def test_nothing_is_asked_of_the_network(text, read):
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text)
    assert not [value for key, value in read.attributes if key in {"src", "srcset"}]
    assert all(value.startswith("#") for key, value in read.attributes if key == "href")
    assert "default-src 'none'" in text


def test_plotting_library_is_embedded_once(text):
    assert text.count('id="data-library"') == 1
    assert len(text.encode()) < 2.4e6


def test_hostile_scenario_stays_text(result):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    designs = {hostile: result.summary["architectures"]["rtp"], **result.summary["architectures"]}
    tables = {
        name: table.replace({"architecture": {"rtp": hostile}})
        for name, table in result.tables.items()
    }
    tables["buses"] = tables["buses"].assign(
        bus=[f"{hostile}{row}" for row in range(len(tables["buses"]))]
    )
    summary = {"architectures": designs, "manifest": {hostile: hostile, "note": "</pre>" + hostile}}
    got = page.html(
        replace(
            result,
            summary=summary,
            tables=tables,
            scenario_text=f"title = '{hostile}'\n# </pre>{hostile}",
        )
    )
    assert "<script>alert" not in got
    assert "<img" not in got
    reader = Reader()
    reader.feed(got)
    assert reader.bad == []
    assert sum("type" not in script for script in reader.scripts) == 1


def test_title_of_the_fixture_is_escaped(text):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert(1)" not in text


def test_figures_of_the_page_parse(text, read, unpacked):
    drawn = unpacked(text)
    assert {*drawn, "feeder"} == {panel.name for panel in page.PANELS}  # it draws its map itself
    for name, spec in drawn.items():
        assert f"figure-{name}" in read.ids
        assert spec["data"]


def test_answer_is_computed_from_the_numbers(result):
    told = answer(result)
    assert told.startswith(
        "In one draw, over the flat rate and in a year of such days, a home gains: "
    )
    assert "the central market $1,481 (84 %) and the layered market $1,418 (80 %)" in told
    assert (
        "it loses: real-time pricing $514 (−29 %) and time-of-use pricing $1,034 (−58 %)." in told
    )
    assert "60 homes over 3 days" in question(result)
    assert (
        "time-of-use pricing and real-time pricing are worse at any price; the central market and the layered market are "
        "better at any price" in effects(result)
    )
    assert "the mean bill, budget balanced, falls from" in effects(result)
    assert "homes together miss their awards by 4.4 % of their energy" in effects(result)
    peak = result.summary["architectures"]["rtp"]["metrics"] | {
        "P1": {"name": "Peak", "value": 400.0, "unit": "kW", "direction": "down"}
    }
    rebound = result.summary["architectures"] | {"rtp": {"metrics": peak}}
    assert "Real-time pricing makes the highest peak, 400 kW" in effects(
        replace(result, summary={"architectures": rebound})
    )
    swapped = {
        name: entry
        for name, entry in result.summary["architectures"].items()
        if name not in {"central", "layered"}
    }
    assert (
        "flat rate is not beaten"
        in answer(replace(result, summary={"architectures": swapped})).lower()
    )


def test_without_a_limit_no_design_is_better_at_any_price_of_overload(result):
    intervals = result.tables["intervals"].assign(limit_kw=np.nan)
    free = replace(result, tables=result.tables | {"intervals": intervals})
    assert "at any price" in page.html(result)
    assert "at any price" not in page.html(free)


def test_awards_that_are_kept_are_not_said_to_be_missed(result):
    told = json.loads(json.dumps(result.summary))
    for entry in told["architectures"].values():
        if "D1t" in entry["metrics"]:
            entry["metrics"]["D1t"]["value"] = 6e-11
    assert "miss their awards" not in effects(replace(result, summary=told))


def test_answer_without_gain_and_bound_names_no_winner(result):
    designs = {
        name: {
            "metrics": {
                key: cell for key, cell in entry["metrics"].items() if key not in {"E2", "E1y"}
            }
        }
        for name, entry in result.summary["architectures"].items()
    }
    bare = replace(result, summary={"architectures": designs})
    assert "no gain over the flat rate" in answer(bare)
    got = page.html(bare)
    assert "No welfare bound was computed" in got
    assert "reports no certificate" in got
    assert "left no manifest" in got


def test_page_of_summary_alone_says_what_is_absent(result):
    got = page.html(replace(result, tables={}, scenario_text="not = [toml"))
    silent = {
        "captured_value",
        "information",
        "places",  # no table of places: no design of the run has layers
        "nodal_prices",  # and these where a run has no prices of nodes, or no controls that move
        "losses",
        "voltage_over_time",
        "voltage_over_distance",
        "loading_over_time",
        "control_counts",
        "controls",
    }
    assert got.count('class="absent"') == sum(panel.name not in silent for panel in page.PANELS)
    assert "No power flow was solved" in got


def test_page_of_nothing_is_still_a_page():
    class Empty:
        summary: dict = {}  # noqa: RUF012
        tables: dict = {}  # noqa: RUF012
        scenario_text = ""

    assert "compared no design" in page.html(Empty())


def test_one_design_alone(result):
    only = {"central": result.summary["architectures"]["central"]}
    tables = {
        name: table[table["architecture"] == "central"] if "architecture" in table else table
        for name, table in result.tables.items()
    }
    got = page.html(replace(result, summary={"architectures": only, "manifest": {}}, tables=tables))
    assert "at least one other design" in got


def test_provenance_names_years_and_manifest(text):
    assert "Homes are of 2018" in text
    assert "gridagora compare examples/austin" in text
    assert "9f2c9f2c" in text


def test_write_leaves_the_page_and_no_draft(result, text, tmp_path):
    path = page.write(result, tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8") == text
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_flat_names_nested_values():
    assert dict(flat({"a": {"b": 1, "c": {"value": 2, "unit": "$"}}, "d": [3]})) == {
        "a.b": 1,
        "a.c": 2,
        "d": [3],
    }


def test_designs_and_metrics_keep_their_order_when_a_summary_was_sorted(result, text):
    shuffled = json.loads(json.dumps(result.summary, sort_keys=True))
    assert designs(replace(result, summary=shuffled)) == designs(result)
    assert metrics(replace(result, summary=shuffled)) == metrics(result)
    assert [row.metric_id for row in metrics(result)][:12] == [
        "E1y",
        "E1s",
        "E1o",
        "E1",
        "E2",
        "E3",
        "E4",
        "E5",
        "E5b",
        "E6m",
        "E8",
        "E10",
    ]
    assert [row.metric_id for row in metrics(result)][-8:] == [
        "V4",
        "C1",
        "C2",
        "D1i",
        "D1t",
        "I1",
        "I1.bytes",
        "I3",
    ]
    assert [row.metric_id for row in metrics(result) if row.metric_id[:2] == "P4"] == ["P4w", "P4x"]


def test_a_design_that_did_not_finish_is_named_with_its_reason(result):
    got = page.html(
        replace(
            result, tables={}, summary=result.summary | {"failed": {"layered": "row 3 holds <nan>"}}
        )
    )
    assert "<b>Layered market</b> did not finish: row 3 holds &lt;nan&gt;" in got


@pytest.mark.parametrize(
    ("name", "words"),
    [("Etc/GMT+6", "UTC−6"), ("Etc/GMT-1", "UTC+1"), ("America/Chicago", "America/Chicago")],
)
def test_fixed_zones_are_written_with_the_sign_people_use(result, name, words):
    assert f"times in {words}" in page.html(
        replace(result, tables={}, scenario_text=f"timezone = '{name}'")
    )


def test_every_metric_is_explained_and_has_a_family_and_a_file_of_its_own():
    parts = [find("metric", name) for name in names("metric")]
    own = [part for part in parts if part.compute.__module__.startswith("gridagora.")]
    assert {part.family for part in own} == set(FAMILIES)
    assert all(part.explanation.endswith(".") and part.explanation[0].isupper() for part in own)
    assert len({part.explanation for part in own}) == len(own)
    files = [(part.start or part.compute).__module__ for part in own]
    assert len(set(files)) == len(own)


def test_a_row_without_a_word_of_its_meaning_stands_last(result):
    said = {name: text for name, text in result.summary["metrics"].items() if name != "E1"}
    bare = replace(result, summary=result.summary | {"metrics": said})
    assert [row.metric_id for row in metrics(bare)][-1] == "E1"
    got = page.html(replace(bare, tables={}))
    assert ">Other<" in got
    assert escape(find("metric", "E1").explanation) not in got


def test_prices_by_layer_are_one_sentence_where_no_place_can_differ(result):
    free = result.tables["places"].assign(bound_h=0.0, limit_kw=np.nan)
    got = page.html(replace(result, tables={"places": free}))
    assert "prices are one and the same in this run" in got
    bare = page.html(replace(result, tables={}))
    assert "Prices by layer" not in bare


@pytest.mark.parametrize(
    ("count", "across"), [(0, 1), (1, 1), (4, 4), (5, 5), (6, 3), (7, 4), (8, 4), (9, 5)]
)
def test_cards_stand_in_rows_that_are_full(count, across):
    assert page._across(count) == across


def test_keys_of_the_manifest_are_written_in_words(result):
    manifest = {
        "bound": {"welfare_usd": -3.5},
        "hashes": {"a.toml": "9f"},
        "versions": {"numpy": "2"},
    }
    got = page.html(replace(result, tables={}, summary=result.summary | {"manifest": manifest}))
    for words in ("Bound: Welfare [$]", "Hashes: a.toml", "Versions: numpy"):
        assert f"<dt>{words}</dt>" in got


def test_a_page_in_euros_names_no_dollar_but_in_what_the_user_wrote(result, unpacked):
    manifest = result.summary.get("manifest", {}) | {"currency": "EUR"}
    text = 'note = "A meter costs 5 $."\n'
    own = replace(result, summary=result.summary | {"manifest": manifest}, scenario_text=text)
    told = page.html(own)
    drawn = json.dumps(unpacked(told), ensure_ascii=False, default=str)
    assert "€/home" in told
    assert "€" in drawn
    assert "$" not in drawn
    pieces = re.split(r"[\n<>]", told[: told.index("<script>")])
    dollars = {each for each in pieces if "$" in each}
    assert dollars == {"A meter costs 5 $.", escape(text.strip())}
    assert "€" not in page.html(result)


def test_how_the_feeder_was_read_is_told_in_sentences_and_not_among_the_keys(result):
    said = "m.glm line 3, capacitor <k>: got no state, expected switchA. It is taken as open."
    manifest = result.summary.get("manifest", {}) | {"feeder_notes": [said]}
    got = page.html(replace(result, tables={}, summary=result.summary | {"manifest": manifest}))
    told = "<h3>How the feeder was read</h3><ul><li>m.glm line 3, capacitor &lt;k&gt;: got no state"
    assert told in got
    assert "Feeder notes" not in got
    none = page.html(replace(result, tables={}))
    assert "How the feeder was read" not in none
