"""Every figure has its numbers in a table: those of bars as they are, of lines their lowest, mean and highest."""

import re

import pytest

from gridagora.report import page
from gridagora.report.figures import figures
from gridagora.report.number_table import number_table
from gridagora.report.panel import alternative


def cells(table, row):
    found = re.search(rf"<th scope=\"row\">{re.escape(row)}</th>(.*?)</tr>", table)[1]
    return [
        float(x.replace("−", "-").replace(",", "")) for x in re.findall(r">([^<]+)</td>", found)
    ]


def test_lines_are_told_by_lowest_mean_and_highest(result):
    told = cells(number_table("Load", figures(result)["load"]), "Real-time price")
    rows = result.tables["intervals"]
    load = rows.loc[rows["architecture"] == "rtp", "load_kw"]
    assert told == pytest.approx([load.min(), load.mean(), load.max()], abs=0.06)


def test_loads_and_prices_of_a_figure_are_told_apart(result):
    fig = figures(result)["load"]
    table = number_table("Load", fig)
    low, _, high = cells(table, "Flat rate, Price [$/kWh]")
    assert low == high == pytest.approx(0.118, abs=5e-4)
    assert "Flat rate, Price [$/kWh] 0.12" in alternative("Load", fig)


def test_bars_are_told_one_by_one_with_their_sum(result):
    table = number_table("Costs", figures(result)["costs"])
    rows = result.tables["costs"]
    sums = rows.groupby("architecture", sort=False)["cost_usd"].sum()
    assert cells(table, "Sum") == pytest.approx(sums.to_numpy(), abs=0.6)


def test_every_figure_of_the_page_has_a_table(result):
    html = page.html(result)
    assert html.count("The numbers as a table") == len(page.PANELS)
