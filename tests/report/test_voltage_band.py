"""Voltages are drawn and counted against the limits that a scenario holds them to, on their own base."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.report.findings import digests
from gridagora.report.fragments import cards
from gridagora.report.guides import guide
from gridagora.report.home_figures import voltage
from gridagora.report.voltage_band import band_of, volts

BASE_V = 416 / np.sqrt(3)  # of the European low-voltage test feeder


@pytest.fixture
def european(result):
    homes = result.tables["homes"]
    homes = homes.assign(v_nominal_pu=230 / BASE_V, v_min_pu=208 / BASE_V, v_max_pu=252 / BASE_V)
    homes.loc[homes.index[0], "v_min_pu"] = 206 / BASE_V
    return replace(result, tables={**result.tables, "homes": homes})


def test_voltages_of_230_v_are_on_their_base(european):
    homes = european.tables["homes"]
    assert volts(homes, "v_max_pu") == pytest.approx(252.0)
    assert volts(homes, "v_min_pu")[0] == pytest.approx(206.0)


def test_a_home_at_ninety_per_cent_is_inside_and_one_below_is_counted(european):
    first = european.tables["homes"]["architecture"].iloc[0]
    counted = {name: row.homes_outside_band for name, row in digests(european).items()}
    assert counted.pop(first) == 1
    assert set(counted.values()) == {0}


def test_the_page_names_the_limits_of_the_scenario(european, result):
    told = guide(european, "voltage")
    assert "EN 50160" in told
    assert "ever leave 230 V ±10 %" in told
    assert "ANSI" not in told
    assert "Off 230 V ±10 %" in cards(european)
    assert "Off range A" in cards(result)
    assert "ANSI C84.1 range A" in guide(result, "voltage")


def test_the_figure_draws_the_limits_of_the_scenario(european, result):
    edges = {"european": (207.0, 253.0), "american": (114.0, 126.0)}
    for name, held in {"european": european, "american": result}.items():
        drawn = voltage(held)
        assert (drawn.layout.shapes[0].y0, drawn.layout.shapes[0].y1) == edges[name]
        low, high = drawn.layout.yaxis.range
        assert low < edges[name][0] < edges[name][1] < high
        assert str(band_of(held.tables["homes"]).axis) == drawn.layout.yaxis.title.text
