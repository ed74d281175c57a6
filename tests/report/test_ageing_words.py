"""What the page says of ageing: the three transformers of each design that age fastest, with rating and temperature."""

from dataclasses import replace

import pandas as pd

from gridagora.report.ageing_words import transformer_ageing
from gridagora.report.answers import make_answers
from gridagora.report.page import html


def with_units(result, rows):
    columns = ["architecture", "name", "rating_kva", "ageing_ratio", "hot_spot_max_degc"]
    table = pd.DataFrame(rows, columns=columns)
    return replace(result, tables=result.tables | {"transformers": table})


ROWS = [
    ("flat", "t1", 25.0, 0.4, 98.0),
    ("flat", "t2", 50.0, 3.25, 131.0),
    ("flat", "t3", 25.0, 0.002, 60.0),
    ("flat", "t<4>", 75.0, 1.1, 112.0),
    ("rtp", "t1", 25.0, float("nan"), float("nan")),
    ("rtp", "t2", 50.0, 0.7, 104.0),
]


def test_the_three_that_age_fastest_are_named_fastest_first(result):
    told = transformer_ageing(with_units(result, ROWS))
    first = (
        "t2 3.25 (50 kVA, up to 131 °C), t&lt;4&gt; 1.10 (75 kVA, up to 112 °C), t1 0.40 (25 kVA"
    )
    assert f"Flat rate: {first}" in told
    assert "t3" not in told
    assert "t2 0.70 (50 kVA, up to 104 °C). The table" in told


def test_a_run_without_ratings_or_flow_says_nothing(result):
    plain = {name: table for name, table in result.tables.items() if name != "transformers"}
    assert transformer_ageing(replace(result, tables=plain)) == ""
    assert transformer_ageing(with_units(result, [])) == ""
    assert transformer_ageing(with_units(result, [ROWS[4]])) == ""


def test_it_stands_on_the_page_and_in_the_tables_for_a_spreadsheet(result):
    held = with_units(result, ROWS)
    assert "Ageing of each transformer" in html(held)
    alone = replace(held, tables={"transformers": held.tables["transformers"]})
    assert list(make_answers(alone)["transformers"]["name"])[:2] == ["t1", "t2"]
