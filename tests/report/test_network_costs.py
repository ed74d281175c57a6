"""What keeping the feeder whole costs: variants of a market side by side, held to a result made by hand."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridagora.report import page
from gridagora.report.network_costs import HEADING, network_costs, network_variants

SCENARIO = """
[market.layered]
network = "price"
[[design]]
name = "rtp with fees"
market = "rtp"
network = "fee"
[[design]]
name = "rtp with limits"
market = "rtp"
network = "envelope"
"""
VALUES = {
    "flat": {"E1y": 0.0, "E5": 9.0, "P3": 30.0},
    "rtp": {"E1y": 50.0, "E5": 8.0, "P3": 41.2, "P7": 1.0, "V4": 7.5, "I1": 100.0, "I1r": 1.0},
    "rtp with fees": {"E1y": 46.0, "E5": 8.2, "P3": 39.0, "P7": 2.0, "V4": 1.5, "I1": 300.0},
    "rtp with limits": {"E1y": 38.0, "E5": 8.9, "P3": 38.0, "P7": 9.0, "V4": 0.0, "I1": 150.0},
    "layered": {"E1y": 60.0, "E5": 7.0, "P3": 35.0},
}


@pytest.fixture
def variants(result):
    entries = {
        name: {
            "market": name.split()[0],
            "metrics": {key: {"value": value} for key, value in values.items()},
        }
        for name, values in VALUES.items()
    }
    loading = pd.DataFrame(
        {
            "architecture": ["rtp", "rtp", "rtp with fees", "rtp with limits"],
            "over_rating_h": [2.0, 1.5, 0.5, 0.0],
        }
    )
    summary = {**result.summary, "architectures": entries}
    return replace(result, summary=summary, scenario_text=SCENARIO, tables={"loading": loading})


def test_variants_of_one_market_are_held_against_it_without_an_operator(variants):
    held = {each.design: each for each in network_variants(variants)}
    assert set(held) == {"rtp", "rtp with fees", "rtp with limits"}
    assert {each.market for each in held.values()} == {"rtp"}
    assert [held[name].network for name in held] == ["none", "fee", "envelope"]
    assert [held[name].cost for name in held] == [0.0, 4.0, 12.0]
    assert [held[name].over for name in held] == [3.5, 0.5, 0.0]
    assert held["rtp with limits"].outside == 0.0
    assert np.isnan(held["rtp with fees"].rounds)


def test_the_table_says_who_keeps_what_and_what_it_costs(variants):
    told = network_costs(variants)
    assert f"<h3>{HEADING}</h3>" in told
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in told.split("<tr>")[2:]]
    assert [row[1] for row in rows] == ["nothing", "nodal fees", "limits of homes"]
    assert [row[2] for row in rows] == ["0", "4", "12"]
    assert f"<h3>{HEADING}</h3>" in page.html(variants)


def test_without_variants_there_is_no_table(result):
    assert not network_variants(result)
    assert HEADING not in network_costs(result)


def test_the_scenario_as_it_ran_goes_before_its_text(variants):
    """A key that was set on the command line, or in code, need not stand in the text."""
    entries = {
        name: entry | {"network": "envelope" if name == "rtp with limits" else "none"}
        for name, entry in variants.summary["architectures"].items()
    }
    ran = replace(
        variants, summary={**variants.summary, "architectures": entries}, scenario_text=""
    )
    held = {each.design: each.network for each in network_variants(ran)}
    assert held == {"rtp": "none", "rtp with fees": "none", "rtp with limits": "envelope"}
