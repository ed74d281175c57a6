"""The network without and with a market of reactive power, held to a result made by hand."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from gridagora.report import page
from gridagora.report.facts import designs
from gridagora.report.reactive_costs import COLUMNS, HEADING, reactive_costs


def with_market(result):
    first = designs(result)[0]
    table = pd.DataFrame({name: [0.0, 0.0] for name, _ in COLUMNS})
    table = table.assign(
        architecture=first,
        case=["no market", "nodal market"],
        losses_kwh=[20.83, 20.77],
        v_min_pu=[1.0095, 1.0110],
        taps_moved=[np.nan, np.nan],
        reactive_kvarh=[0.0, 27.8],
    )
    return replace(result, tables={**result.tables, "reactive_market": table})


def test_every_case_is_a_row_with_its_figures(result):
    told = reactive_costs(with_market(result))
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in told.split("<tr>")[2:]]
    assert [row[1] for row in rows] == ["no market", "nodal market"]
    assert [row[2] for row in rows] == ["20.83", "20.77"]
    assert [row[4] for row in rows] == ["1.0095", "1.0110"]
    assert [row[8] for row in rows] == ["–", "–"]
    assert [row[10] for row in rows] == ["0.00", "27.80"]
    assert f"<h3>{HEADING}</h3>" in page.html(with_market(result))


def test_what_was_agreed_a_day_ahead_is_told_where_something_was(result):
    asked = with_market(result)
    table = asked.tables["reactive_market"].assign(
        day_ahead_kvarh=[0.0, 7.25],
        day_ahead_usd=0.0,
        deviation_kvarh=[0.0, 3.5],
        deviation_usd=0.0,
    )
    told = reactive_costs(replace(asked, tables={**asked.tables, "reactive_market": table}))
    assert "Agreed a day ahead" in told
    assert ">7.250</td>" in told
    assert "day ahead" not in reactive_costs(asked)


def test_without_a_market_nothing_is_said(result):
    assert reactive_costs(result) == ""
    assert HEADING not in page.html(result)
