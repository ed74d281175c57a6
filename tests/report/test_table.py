"""The metric table: every number of the summary, none invented, and in one draw none marked as the best."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from gridagora.report.facts import direction
from gridagora.report.fragments import metric_table
from gridagora.report.gains import Gain, in_words
from gridagora.report.style import change, decimals, in_row, number
from gridagora.report.table import render, shown, table


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


def test_render_of_one_draw_says_so_stars_nothing_and_prints_markup_as_text(result):
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
    assert "−3,741" in line
    assert "*" not in out.getvalue()
    assert out.getvalue().startswith("One draw (seed 7), so no design is marked as the best;")
    said = (
        "against flat: tou worse at any price, rtp worse at any price, central better at any price"
    )
    assert f"and all did the same, {said}" in " ".join(out.getvalue().split())


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
    assert number(3.2e-12, 3) == "≈ 0"
    assert number(-3.2e-12, 3) == "≈ 0"
    assert number(0.0, 0) == "0"
    assert decimals([1.0, 250.0]) == 0
    assert decimals([0.83, 0.1]) == 3
    assert decimals([0.0012, 0.0]) == 4
    assert change(90.0, 100.0) == "−10 %"
    assert change(-90.0, -100.0) == "+10 %"
    assert change(1.0, 0.0) == ""
    assert change(18.4, 1.0) == "×18"


def test_noise_of_sums_is_shown_as_nothing():
    clean, places = shown(np.array([1e-16, 3e-13, 0.0]))
    assert clean.tolist() == [0.0, 0.0, 0.0]
    assert places == 0


def test_gains_come_first_and_the_printed_bill_has_no_better_side(result):
    out = io.StringIO()
    render(result, Console(file=out, width=200, no_color=True))
    lines = [text.split() for text in out.getvalue().splitlines() if text.strip()]
    ids = [words[0] for words in lines]
    at = ids.index("E1y")
    assert ids[at : at + 5] == ["E1y", "E1s", "E1o", "E1", "E2"]
    arrows = {words[0]: {"▲", "▼"} & set(words) for words in lines}
    assert arrows["E5"] == arrows["E6m"] == arrows["E1o"] == set()
    assert arrows["E5b"] == {"▼"}


@pytest.mark.parametrize(
    ("gain", "price", "more_kwh", "words"),
    [
        (5.0, 0.137, 40.0, "better below $0.137/kWh"),
        (5.0, -0.137, -40.0, "better at any price"),
        (-5.0, 0.137, -40.0, "better above $0.137/kWh"),
        (-5.0, -0.137, 40.0, "worse at any price"),
        (5.0, 0.0, -40.0, "better at any price"),
        (5.0, np.nan, 0.0, "better at any price"),
        (-5.0, np.nan, 0.0, "worse at any price"),
        (0.0, np.nan, 0.0, "equal at any price"),
        (np.nan, np.nan, 0.0, ""),
    ],
)
def test_the_signs_of_break_even_have_words(gain, price, more_kwh, words):
    assert in_words(Gain("any", gain, 0.0, price, more_kwh)) == words


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


def test_a_metric_that_is_not_ranked_has_its_number_its_reason_and_no_better_side(result):
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
        assert {"▲", "▼"} & set(row(plain, name))
        assert not {"▲", "▼"} & set(row(told, name))
        assert row(told, name).split()[-3:] == row(plain, name).split()[-3:]
    assert row(told, "E1") == row(plain, "E1")
    assert "Not ranked: V1, P3; taps are held." in told.getvalue()
    assert "Not ranked: P1; an interval is missing." in told.getvalue()
    assert "Not ranked" not in plain.getvalue()


def test_the_page_marks_no_best_in_one_draw(result):
    page = metric_table(
        replace(result, summary=result.summary | {"unranked": {"V1": "taps are <held>"}})
    )
    assert "best" not in page.replace("no best of a row", "")
    assert "Not ranked: V1; taps are &lt;held&gt;." in page


def test_a_number_too_small_for_its_row_is_about_nothing():
    assert in_row(-5e-6, 0) == in_row(3.6e-4, 3) == "≈ 0"
    assert in_row(0.0, 3) == "0"
    assert in_row(-0.0005, 3) == number(-0.0005, 3)
    assert in_row(float("nan"), 2) == "–"


@pytest.mark.parametrize(
    ("notes", "told"),
    [(["one"], "Feeder m: 1 note says"), (["one", "two"], "2 notes say"), ([], "")],
)
def test_the_terminal_says_that_something_was_assumed_of_the_feeder(result, notes, told):
    manifest = result.summary.get("manifest", {}) | {"feeder": "m", "feeder_notes": notes}
    out = io.StringIO()
    render(
        replace(result, summary=result.summary | {"manifest": manifest}),
        Console(file=out, width=200),
    )
    assert ("Feeder m" in out.getvalue()) == bool(notes)
    assert told in out.getvalue()
