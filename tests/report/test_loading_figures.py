"""Loading over time is that of the table, with ratings named, and what has none is counted."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.report.facts import of
from gridagora.report.loading_figures import (
    ABOVE,
    loading_over_time,
    loading_strips,
    loading_table,
    unrated_words,
)
from gridagora.report.page import html
from gridagora.report.panel import alternative
from tests.report.conftest import DESIGNS, make_result


@pytest.fixture(scope="module")
def small():
    return make_result(homes=24, days=1)


def shades(fig):
    return [trace for trace in fig.data if trace.type == "heatmap"]


def test_rows_are_the_branches_of_the_table_with_their_ratings(small):
    fig, loading = loading_over_time(small), of(small.tables["loading"], "tou")
    assert len(shades(fig)) == len(DESIGNS)
    drawn = shades(fig)[DESIGNS.index("tou")]
    series = of(small.tables["loading_series"], "tou")
    np.testing.assert_allclose(np.ravel(drawn.z), 100 * series["loading_share"], atol=0.06)
    top = loading.loc[loading["loading_max_share"].idxmax()]
    rating = "200 A" if top["kind"] == "line" else "25 kVA"
    assert drawn.text[0][0] == f"{top['kind']} {top['name']}, {rating}"
    assert max(drawn.z[0]) == pytest.approx(100 * top["loading_max_share"], abs=0.06)
    assert len(drawn.x) == len(drawn.z[0]) + 1


def test_a_menu_changes_rows_with_their_names(small):
    fig = loading_over_time(small)
    for place, button in enumerate(fig.layout.updatemenus[0].buttons):
        shown, axis, traces = button.args
        assert [at // 2 for at in traces if shown["visible"][at]] == [place, place]
        assert axis["yaxis.ticktext"][0].split("<br>")[1] in ("200 A", "25 kVA")
        assert len(axis["yaxis.ticktext"]) == len(shades(fig)[place].z)


def test_times_above_the_rating_are_marked_without_colour(small):
    fig = loading_over_time(small)
    crosses = [trace for trace in fig.data if trace.name == ABOVE]
    for name, trace in zip(DESIGNS, crosses, strict=True):
        share = of(small.tables["loading_series"], name)["loading_share"]
        assert len(trace.x or ()) == (share > 1).sum()
    assert any(len(trace.x) for trace in crosses)


def test_the_table_has_whole_names_and_hours_above(small):
    loading = small.tables["loading"].copy()
    series = small.tables["loading_series"].copy()
    fullest = of(loading, "rtp").sort_values("loading_max_share")["name"].iloc[-1]
    long = "a_very_long_name_of_a_transformer"
    for table in (loading, series):
        table.loc[table["name"] == fullest, "name"] = long
    loading.loc[(loading["name"] == long) & (loading["architecture"] == "rtp"), "over_rating_h"] = (
        2.5
    )
    changed = replace(small, tables=small.tables | {"loading": loading, "loading_series": series})
    told = loading_table(changed)
    assert long in told and ">2.5</td>" in told
    ticks = loading_over_time(changed).layout.updatemenus[0].buttons[DESIGNS.index("rtp")].args[1]
    assert ticks["yaxis.ticktext"][0].startswith("a_very_…")
    assert "Loading [% of the rating]" in alternative("Loading", loading_over_time(small))


def test_what_has_no_rating_is_counted(small):
    lines = len(small.tables["lines"])
    assert unrated_words(small).startswith(f"Of {lines} pairs of buses, 2 are joined")
    assert unrated_words(small) in html(small)
    few = small.tables["lines"].iloc[2:5]
    assert unrated_words(replace(small, tables=small.tables | {"lines": few})) == ""


def test_a_result_of_before_has_no_loading_over_time(small):
    tables = {name: table for name, table in small.tables.items() if name != "loading_series"}
    before = replace(small, tables=tables)
    assert loading_strips(before) == {}
    assert loading_over_time(before) is None and loading_table(before) == ""
