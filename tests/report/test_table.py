"""The metric table: every number of the summary, none invented, the best marked."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gridagora.report.facts import direction
from gridagora.report.fragments import metric_table
from gridagora.report.style import change, decimals, number
from gridagora.report.table import best, render, shown, table


def test_table_holds_every_metric_of_the_summary(result):
    got = table(result)
    names = list(result.summary["architectures"])
    assert list(got.columns) == ["metric", "unit", "better", *names]
    for name, entry in result.summary["architectures"].items():
        for metric_id, cell in entry["metrics"].items():
            np.testing.assert_equal(got.loc[metric_id, name], cell["value"])
            assert got.loc[metric_id, "unit"] == cell["unit"]


def test_a_metric_that_one_design_lacks_is_nan_there_and_not_elsewhere(result):
    designs = {name: dict(entry) for name, entry in result.summary["architectures"].items()}
    designs["tou"] = designs["tou"] | {
        "metrics": {key: cell for key, cell in designs["tou"]["metrics"].items() if key != "P1"}
    }
    got = table(replace(result, summary=result.summary | {"architectures": designs}))
    assert np.isnan(got.loc["P1", "tou"])
    assert np.isfinite(got.loc["P1", "rtp"])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.sampled_from(["higher", "lower"]))
def test_nothing_beats_what_is_marked_best(values, better):
    column = np.array(values)
    marked = best(column, better)
    if marked.any():
        top = column[marked]
        others = column[~marked]
        assert np.ptp(top) <= 2e-9 * max(1.0, np.abs(column).max())
        assert np.all(others < top.min()) if better == "higher" else np.all(others > top.max())
    else:
        assert np.ptp(column) <= 1e-9 * max(1.0, np.abs(column).max())


def test_no_best_without_direction_choice_or_difference():
    assert not best(np.array([1.0, 2.0]), "").any()
    assert not best(np.array([1.0, np.nan]), "higher").any()
    assert not best(np.array([3.0, 3.0, 3.0]), "lower").any()
    assert best(np.array([3.0, np.nan, 3.0, 4.0]), "lower").tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("up", "higher"),
        ("down", "lower"),
        ("-", ""),
        (None, ""),
        ("Higher", "higher"),
        ("less", "lower"),
    ],
)
def test_direction_words(word, expected):
    assert direction(word) == expected


def test_render_stars_the_best_and_prints_markup_as_text(result):
    designs = dict(result.summary["architectures"])
    designs["flat"] = {
        "metrics": designs["flat"]["metrics"]
        | {"E1": designs["flat"]["metrics"]["E1"] | {"name": "[red]welfare[/red]"}}
    }
    out = io.StringIO()
    render(
        replace(result, summary=result.summary | {"architectures": designs}),
        Console(file=out, width=140, no_color=True),
    )
    line = next(text for text in out.getvalue().splitlines() if text.lstrip().startswith("E1 "))
    assert "[red]welfare[/red]" in line
    assert "−3,741*" in line
    assert line.count("*") == 1


def test_render_of_nothing_is_a_sentence():
    class Empty:
        summary: dict = {}  # noqa: RUF012
        tables: dict = {}  # noqa: RUF012
        scenario_text = ""

    out = io.StringIO()
    render(Empty(), Console(file=out))
    assert "No metric" in out.getvalue()


def test_numbers_are_written_alike():
    assert number(-1234.5, 1) == "−1,234.5"
    assert number(float("nan"), 2) == "–"
    assert number(3.2e-12, 3) == "3.2e-12"
    assert number(-3.2e-12, 3) == "−3.2e-12"
    assert number(0.0, 0) == "0"
    assert decimals([1.0, 250.0]) == 0
    assert decimals([0.83, 0.1]) == 3
    assert decimals([0.0012, 0.0]) == 4
    assert change(90.0, 100.0) == "−10 %"
    assert change(-90.0, -100.0) == "+10 %"
    assert change(1.0, 0.0) == ""
    assert change(18.4, 1.0) == "×18"


def test_a_difference_that_cannot_be_seen_crowns_nobody():
    assert not shown(np.array([0.03701, 0.03702]), "lower")[2].any()
    assert shown(np.array([1.0331, 1.0321, 1.0319]), "lower")[2].tolist() == [False, True, True]
    clean, places, marks = shown(np.array([1e-16, 3e-13, 0.0]), "lower")
    assert clean.tolist() == [0.0, 0.0, 0.0]
    assert places == 0
    assert not marks.any()


def test_the_terminal_leaves_out_near_relatives_and_rows_without_a_number(result):
    designs = {
        name: {
            "metrics": entry["metrics"]
            | {"E2u": {"name": "never measured", "value": None, "unit": "", "direction": "up"}}
        }
        for name, entry in result.summary["architectures"].items()
    }
    out = io.StringIO()
    render(
        replace(result, summary=result.summary | {"architectures": designs}),
        Console(file=out, width=160, no_color=True),
    )
    text = out.getvalue()
    assert "E2u" not in text
    assert "D1i" not in text
    assert "missed awards, all homes together" in text
    assert text.index("Comfort") < text.index("Delivery") < text.index("Information")
    assert "Other" not in text


@pytest.mark.parametrize(
    ("many", "words"),
    [(0, None), (1, "in 1 real-time session;"), (1200, "in 1,200 real-time sessions;")],
)
def test_sessions_without_agreement_are_said_in_a_sentence(result, many, words):
    designs = {name: dict(entry) for name, entry in result.summary["architectures"].items()}
    designs["tou"] = designs["tou"] | {"certificates": {"unconverged_sessions": many}}
    told = io.StringIO()
    render(
        replace(result, summary=result.summary | {"architectures": designs}),
        Console(file=told, width=300),
    )
    assert ("did not agree" in told.getvalue()) == (words is not None)
    assert (
        words is None
        or f"tou: homes did not agree within the round limit {words} what both ends"
        in told.getvalue()
    )


def test_a_metric_that_is_not_ranked_has_its_number_and_its_reason_and_no_star(result):
    plain, told = io.StringIO(), io.StringIO()
    unranked = {"V1": "taps are held", "P3": "taps are held", "P1": "an interval is missing"}
    render(result, Console(file=plain, width=200))
    render(
        replace(result, summary=result.summary | {"unranked": unranked}),
        Console(file=told, width=200),
    )

    def row(text, name):
        return next(
            line for line in text.getvalue().splitlines() if line.lstrip().startswith(f"{name} ")
        )

    for name in unranked:
        assert "*" in row(plain, name)
        assert "*" not in row(told, name)
        assert row(told, name).split()[-3:] == row(plain, name).replace("*", " ").split()[-3:]
    assert row(told, "E1") == row(plain, "E1")
    assert "Not ranked: V1, P3; taps are held." in told.getvalue()
    assert "Not ranked: P1; an interval is missing." in told.getvalue()
    assert "Not ranked" not in plain.getvalue()


def test_the_page_marks_no_best_of_what_is_not_ranked(result):
    page = metric_table(
        replace(result, summary=result.summary | {"unranked": {"V1": "taps are <held>"}})
    )

    def marked(text, name):
        return 'class="n best"' in text.split(f'data-key="{name}"')[1].split("</tr>")[0]

    assert marked(metric_table(result), "V1")
    assert not marked(page, "V1")
    assert marked(page, "P1")
    assert "Not ranked: V1; taps are &lt;held&gt;." in page
