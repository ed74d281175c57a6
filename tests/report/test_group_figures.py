"""Who wins and who loses by what homes own: held to a table made by hand."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridagora.report import page
from gridagora.report.findings import effects
from gridagora.report.group_figures import ALL, group_change, group_changes, group_table, losers

BEFORE = [10.0, 20.0, 30.0, 40.0]
AFTER = {"central": [8.0, 17.0, 30.0, 41.0], "tou": [11.0, 21.0, 31.0, 41.0]}


@pytest.fixture
def small(result):
    rows = [
        {"architecture": name, "home_id": f"h{at}", "balanced_bill_usd": bill}
        for name, bills in {"flat": BEFORE, **AFTER}.items()
        for at, bill in enumerate(bills)
    ]
    homes = pd.DataFrame(rows).assign(
        pv=[True, True, False, False] * 3,
        battery=[False, True, False, False] * 3,
        ev=True,  # of all: no group of its own
    )
    return replace(result, tables={"homes": homes})


def test_means_quartiles_and_counts_by_hand(small):
    held = {(each.group, each.design): each for each in group_changes(small)}
    assert {group for group, _ in held} == {
        ALL,
        "With solar",
        "With batteries",
        "None of these",
    }
    solar = held["With solar", "central"]
    assert (solar.homes, solar.mean_usd, solar.before_usd) == (2, -2.5, 15.0)
    assert (solar.low_usd, solar.high_usd) == (-2.75, -2.25)
    assert held["With batteries", "central"].mean_usd == -3.0
    assert held["None of these", "central"].mean_usd == 0.5
    assert held[ALL, "central"].mean_usd == -1.0
    assert {each.mean_usd for (_, name), each in held.items() if name == "tou"} == {1.0}


def test_a_group_loses_where_the_others_win(small):
    assert [each.group for each in losers(small, "central")] == ["None of these"]
    assert losers(small, "tou") == []  # all pay more: no group apart


def test_classes_are_groups_too(small):
    homes = small.tables["homes"].assign(**{"class": ["house", "flat", "flat", "house"] * 3})
    held = group_changes(replace(small, tables={"homes": homes}))
    by_class = {each.group: each.mean_usd for each in held if each.design == "central"}
    assert by_class["Class house"] == pytest.approx(-0.5)
    assert by_class["Class flat"] == pytest.approx(-1.5)


def test_figure_and_table_show_the_same_means(small):
    fig, table = group_change(small), group_table(small)
    central = next(trace for trace in fig.data if trace.name == "Central market")
    np.testing.assert_allclose(central.x, [-1.0, -3.0, -2.5, 0.5])
    row = re.search(r"None of these</th>(.*?)</tr>", table)[1]
    assert re.findall(r">([^<]+)</td>", row) == ["2", "35.00", "+1", "+0.50"]


def test_without_the_reference_there_is_nothing_to_say(small):
    homes = small.tables["homes"]
    alone = replace(small, tables={"homes": homes[homes["architecture"] != "flat"]})
    assert group_changes(alone) == []
    assert group_change(alone) is None
    assert group_table(alone) == ""


def test_the_first_screen_names_who_loses(result):
    homes = result.tables["homes"].copy()
    poor = (homes["architecture"] == "central") & ~homes[["pv", "ev", "battery"]].any(axis=1)
    homes.loc[poor, "balanced_bill_usd"] += 100.0
    rich = (homes["architecture"] == "central") & ~poor
    homes.loc[rich, "balanced_bill_usd"] -= 200.0
    told = effects(replace(result, tables=result.tables | {"homes": homes}))
    assert re.search(
        r"Not all win: on average the \d+ homes with none of these devices pay \$", told
    )
    assert "Not all win" not in effects(result)
    assert "The numbers as a table" in page.html(result)
