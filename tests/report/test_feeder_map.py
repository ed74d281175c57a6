"""The map of the page: what it draws are the numbers of the tables, and it is left out where there are none."""

import base64
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest

from gridagora.report.feeder_map import LISTED, feeder_map
from gridagora.report.phase_map import STROKES, UNKNOWN
from gridagora.report.tree_layout import lay_out_tree


def spec_of(held):
    packed = re.search(r">(.*)<", held.data)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.fixture(scope="module")
def drawn(result):
    return spec_of(feeder_map(result))


def test_voltages_and_loadings_are_those_of_the_tables(result, drawn):
    assert [each["unit"] for each in drawn["measures"]] == ["pu", "pu", "pu", "%", "%"]
    for measure, table, column, factor in (
        (0, "buses", "v_min_pu", 1),
        (3, "loading", "loading_max_share", 100),
    ):
        rows = result.tables[table]
        own = factor * rows.loc[rows["architecture"] == "rtp", column].to_numpy()
        at = drawn["designs"].index("Real-time price")
        np.testing.assert_allclose(drawn["measures"][measure]["values"][at], own, atol=0.06)


def test_places_stand_once_and_branches_between_their_buses(result, drawn):
    names = drawn["buses"]["name"]
    assert len(names) == len(set(names)) == len(drawn["buses"]["x"])
    rows = result.tables["loading"].iloc[: len(drawn["branches"]["ends"])]
    told = [[names[at] for at in ends] for ends in drawn["branches"]["ends"]]
    assert told == rows[["from_bus", "to_bus"]].to_numpy().tolist()
    assert set(drawn["branches"]["rating"]) == {"200 A", "25 kVA"}


def test_full_load_is_the_middle_of_the_scale(drawn):
    assert drawn["measures"][3]["scale"] == [0, 200]


def test_words_and_tables_name_the_worst(result):
    held = feeder_map(result)
    rows = result.tables["loading"]
    top = rows.loc[rows["loading_max_share"].idxmax()]
    share = f"{100 * top['loading_max_share']:.0f}"
    assert f"to {share} %" in held.words
    assert f'<th scope="row">{top["name"]}</th>' in held.tables
    assert held.tables.count('<tr><th scope="row">') == 2 * LISTED


def test_without_loadings_voltages_are_left(result):
    bare = replace(result, tables={k: v for k, v in result.tables.items() if k != "loading"})
    held = feeder_map(bare)
    assert [each["of"] for each in spec_of(held)["measures"]] == ["buses"] * 3
    assert "Loading" not in held.words
    nothing = {k: v for k, v in result.tables.items() if k != "lines"}
    nothing["buses"] = result.tables["buses"].assign(x=np.nan)
    assert feeder_map(replace(result, tables=nothing)) is None


def with_phases(result):
    """The first main line has three phases, a pole two, and the last line says nothing."""
    lines = result.tables["lines"].copy()
    phases = [("A", "B", "C")[row % 3] for row in range(len(lines))]
    phases[0], phases[1], phases[-1] = "ABC", "BC", ""
    return replace(result, tables=result.tables | {"lines": lines.assign(phases=phases)})


def test_lines_have_the_stroke_of_their_phases(result):
    held = feeder_map(with_phases(result))
    spec = spec_of(held)
    shown = spec["measures"][-1]
    assert shown["of"] == "phases"
    named = with_phases(result).tables["lines"]["phases"].tolist()
    told = [shown["strokes"][at][0] for at in shown["at"]]
    assert told == [name or "not known" for name in named]
    assert len(shown["at"]) == len(spec["lines"])


def test_phases_are_told_apart_without_colour():
    looks = [(each.width, each.dash) for each in [*STROKES.values(), UNKNOWN]]
    assert len(set(looks)) == len(looks)
    widths = {name: each.width for name, each in STROKES.items()}
    assert widths["ABC"] > widths["AB"] == widths["AC"] > widths["A"] == widths["C"]


def test_strokes_are_seen_on_light_and_dark_pages():
    """WCAG 2.2, 1.4.11: three to one against what is beside them."""

    def light(colour):
        parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for name, each in STROKES.items():
        for card in ("#ffffff", "#1c2027"):
            pair = sorted((light(each.colour), light(card)))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3.0, (name, card)


def test_words_and_a_table_count_phases_by_kind(result):
    told = with_phases(result)
    lines = told.tables["lines"]
    of_a = lines[lines["phases"] == "A"]
    count = (of_a["kind"] == "line").sum(), (of_a["kind"] == "transformer").sum()
    held = feeder_map(told)
    assert f"A {count[0]} and {count[1]}" in held.words
    row = f'<th scope="row">A</th><td class="n">{count[0]}</td><td class="n">{count[1]}</td>'
    assert row in held.tables
    assert '<th scope="row">not known</th><td class="n">1</td><td class="n">0</td>' in held.tables


def test_a_feeder_without_phases_or_of_before_offers_none(result):
    assert "phases" not in {each["of"] for each in spec_of(feeder_map(result))["measures"]}
    empty = result.tables["lines"].assign(phases="")
    held = feeder_map(replace(result, tables=result.tables | {"lines": empty}))
    assert "Phases" not in held.tables


def test_a_feeder_without_coordinates_is_a_tree_from_its_source(result):
    buses = result.tables["buses"].assign(x=np.nan, y=np.nan)
    spec = spec_of(feeder_map(replace(result, tables=result.tables | {"buses": buses})))
    assert "no coordinates" in spec["about"]
    x = dict(zip(spec["buses"]["name"], spec["buses"]["x"], strict=True))
    assert x["substation"] == 0.0
    names = spec["buses"]["name"]
    steps = [x[names[b]] - x[names[a]] for a, b in spec["lines"]]
    assert np.allclose(steps, x["main_1"], rtol=1e-2) and x["main_1"] > 0
    assert spec["view"][0] < min(spec["buses"]["x"]) < max(spec["buses"]["x"]) < spec["view"][1]
    places = set(zip(spec["buses"]["x"], spec["buses"]["y"], strict=True))
    assert len(places) == len(names)
    assert spec_of(feeder_map(result))["about"] == ""


def test_a_bus_that_no_way_leads_to_stands_apart():
    x, y = lay_out_tree(4, np.array([0, 1]), np.array([1, 2]), 0)
    assert x.tolist() == [0, 1, 2, 0]
    assert y[3] not in y[:3]
