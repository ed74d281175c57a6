"""What the page says of unbalance: the worst bus of every design, the limit, and that a feeder has no three phases."""

from copy import deepcopy
from dataclasses import replace

import numpy as np

from gridagora.report.balance_words import NONE, ONE_PHASE, current_balance, phase_balance
from gridagora.report.page import html


def with_shares(result, by_design):
    table = result.tables["buses"].copy()
    table["unbalance_share"] = np.nan
    for name, (row, share) in by_design.items():
        own = table.index[table["architecture"] == name]
        table.loc[own, "unbalance_share"] = 0.001
        table.loc[own[row], "unbalance_share"] = share
    return replace(result, tables=result.tables | {"buses": table})


def test_the_worst_bus_of_a_design_is_named_and_held_against_the_limit(result):
    buses = result.tables["buses"].query("architecture == 'rtp'")["bus"].tolist()
    told = phase_balance(with_shares(result, {"flat": (2, 0.0134), "rtp": (5, 0.0217)}))
    told = told.replace("\u00a0", " ")
    assert f"1.34 % at bus {buses[2]} (Flat rate), 2.17 % at bus {buses[5]} (Real-time" in told
    assert "EN 50160 allows 2 %: more under Real-time price." in told
    kept = phase_balance(with_shares(result, {"flat": (0, 0.02)}))
    assert "no design exceeds it" in kept


def test_a_feeder_of_single_phases_and_a_run_without_a_flow_tell_no_number(result):
    assert NONE in phase_balance(with_shares(result, {}))
    assert phase_balance(result) == ""  # a result of before
    none = with_shares(result, {})
    none.tables["buses"]["v_min_pu"] = np.nan
    assert phase_balance(none) == ""


def test_it_stands_on_the_page_and_on_the_map(result):
    told = html(with_shares(result, {"flat": (2, 0.0134)}))
    assert "1.34 % at bus" in told.replace("\u00a0", " ")
    assert "Voltage unbalance [%], the 12 highest" in told


def with_currents(result, share, by_design):
    """The result whose intervals have a share, and whose designs have a mean and a high one."""
    table = result.tables["intervals"].assign(current_unbalance_share=share)
    summary = deepcopy(result.summary)
    for name, figures in by_design.items():
        told = summary["architectures"][name]["metrics"]
        told |= {key: {"value": value} for key, value in zip(("P8", "P8h"), figures, strict=True)}
    return replace(result, summary=summary, tables=result.tables | {"intervals": table})


def test_currents_at_the_substation_are_told_by_design(result):
    told = current_balance(with_currents(result, 0.2, {"flat": (0.123, 0.3), "rtp": (0.2, 0.456)}))
    told = told.replace("\u00a0", " ")
    assert "12.3 %, in 5 % of the time more than 30.0 % (Flat rate); 20.0 %" in told
    assert told.count("(") == 2


def test_a_source_of_one_phase_is_said_and_a_result_of_before_says_nothing(result):
    assert ONE_PHASE in current_balance(with_currents(result, np.nan, {}))
    before = result.tables["intervals"].drop(columns="current_unbalance_share", errors="ignore")
    assert current_balance(replace(result, tables=result.tables | {"intervals": before})) == ""
