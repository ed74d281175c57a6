"""The envelope of voltages shows the extremes of the tables in volts of the limits, and keeps them in a long run or feeder."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.report.envelope_figures import (
    SLOTS,
    STRETCHES,
    distance_table,
    scale_of,
    time_table,
    voltage_over_distance,
    voltage_over_time,
)
from gridagora.report.facts import of
from gridagora.report.panel import alternative
from tests.report.conftest import DESIGNS, make_result


@pytest.fixture(scope="module")
def small():
    return make_result(homes=12, days=1)


def changed(result, table, **columns):
    return replace(result, tables=result.tables | {table: result.tables[table].assign(**columns)})


def shown(fig, name):
    return next(trace for trace in fig.data if trace.name == name and trace.visible is not False)


def test_the_shade_of_a_design_is_what_its_homes_saw_in_volts(small):
    fig, rows = voltage_over_time(small), of(small.tables["intervals"], "central")
    for name, column in (
        ("Lowest", "v_min_pu"),
        ("Median", "v_median_pu"),
        ("Highest", "v_max_pu"),
    ):
        np.testing.assert_allclose(shown(fig, f"{name} home").y, 120 * rows[column], rtol=1e-6)
    flat = of(small.tables["intervals"], "flat")
    np.testing.assert_allclose(shown(fig, "Lowest, flat rate").y, 120 * flat["v_min_pu"], rtol=1e-6)
    assert shown(fig, "Highest home").fill == "tonexty"
    assert len(fig.data) == 3 * len(DESIGNS) + 2
    buttons = fig.layout.updatemenus[0].buttons
    assert [sum(each.args[0]["visible"]) for each in buttons] == [3] * len(DESIGNS)
    assert all(max(each.args[1]) < 3 * len(DESIGNS) for each in buttons)  # the reference stays


def test_a_long_run_keeps_its_extremes_and_a_gap_stays_a_gap():
    long = make_result(homes=4, days=8)
    table = long.tables["intervals"].copy()
    own = table.index[table["architecture"] == "central"]
    table.loc[own[777], "v_min_pu"] = 0.7
    table.loc[own[:40], ["v_min_pu", "v_median_pu", "v_max_pu"]] = np.nan
    fig = voltage_over_time(replace(long, tables=long.tables | {"intervals": table}))
    low = shown(fig, "Lowest home").y
    assert len(low) <= SLOTS < len(own)
    assert np.nanmin(low) == pytest.approx(84.0)
    assert np.isnan(low[:10]).all() and np.isfinite(low[10:]).all()
    assert fig.layout.yaxis.range[0] == pytest.approx(83.0)


def test_a_supply_of_230_volts_is_shown_on_its_own_base(small):
    europe = changed(small, "homes", v_nominal_pu=230 / 240)
    assert scale_of(europe).factor == pytest.approx(240)
    fig = voltage_over_time(europe)
    rows = of(small.tables["intervals"], "central")
    np.testing.assert_allclose(shown(fig, "Lowest home").y, 240 * rows["v_min_pu"], rtol=1e-6)
    assert {each.text.split(" ")[0] for each in fig.layout.annotations} == {"−10", "+10"}


def test_homes_of_several_bases_are_shown_without_their_limits(small):
    several = np.where(np.arange(len(small.tables["homes"])) % 2, 230 / 240, 1.0)
    mixed = changed(small, "homes", v_nominal_pu=several)
    assert scale_of(mixed).unit == "pu"
    fig = voltage_over_time(mixed)
    assert not fig.layout.shapes
    assert np.nanmax(shown(fig, "Highest home").y) < 1.2


def test_every_bus_stands_at_its_distance(small):
    fig, rows = voltage_over_distance(small), of(small.tables["buses"], "central")
    low = shown(fig, "Lowest of the run")
    np.testing.assert_allclose(low.x, rows["distance_pu"], rtol=1e-6)
    np.testing.assert_allclose(low.y, 120 * rows["v_min_pu"], rtol=1e-6)
    assert list(low.text) == rows["bus"].tolist()
    assert low.marker.symbol != shown(fig, "Highest of the run").marker.symbol


def test_a_long_feeder_is_shown_by_the_extreme_buses_of_its_stretches():
    large = make_result(homes=400, days=1)
    rows = of(large.tables["buses"], "rtp")
    fig = voltage_over_distance(large)
    own = [trace for trace in fig.data if trace.name == "Lowest of the run"]
    low = own[DESIGNS.index("rtp")]
    assert len(low.y) <= STRETCHES < len(rows)
    assert low.y.min() == pytest.approx(120 * rows["v_min_pu"].min())
    far = rows["distance_pu"].max()
    for first in (0.0, 0.5):
        held = rows["distance_pu"].between(first * far, (first + 0.5) * far, inclusive="left")
        inside = (low.x >= first * far) & (low.x < (first + 0.5) * far)
        assert low.y[inside].min() == pytest.approx(
            120 * rows.loc[held, "v_min_pu"].min(), rel=1e-6
        )


def test_a_bus_without_a_way_or_a_phase_is_left_out(small):
    buses = small.tables["buses"].copy()
    buses.loc[buses["bus"] == "main_3", "distance_pu"] = np.nan
    buses.loc[buses["bus"] == "main_4", "v_min_pu"] = np.nan
    fig = voltage_over_distance(replace(small, tables=small.tables | {"buses": buses}))
    assert {"main_3", "main_4"}.isdisjoint(shown(fig, "Lowest of the run").text)


def test_tables_tell_the_extremes_and_where_they_were(small):
    rows = of(small.tables["buses"], "rtp")
    lowest = rows.loc[rows["v_min_pu"].idxmin()]
    told = distance_table(small)
    assert (
        f'<td class="n">{120 * lowest["v_min_pu"]:.1f}</td><td class="n">{lowest["bus"]}<' in told
    )
    at = of(small.tables["intervals"], "rtp")
    assert f"{120 * at['v_min_pu'].min():.1f}</td>" in time_table(small)
    assert time_table(small).count("Mon 15 Jul") == 2 * len(DESIGNS)
    assert "Lowest home 11" in alternative("Voltage over time", voltage_over_time(small))


def test_a_result_of_before_and_a_run_without_a_flow_have_no_envelope(small):
    before = changed(small, "intervals")
    del before.tables["intervals"]["v_median_pu"]
    assert voltage_over_time(before) is None and time_table(before) == ""
    none = changed(small, "buses", v_min_pu=np.nan)
    assert voltage_over_distance(none) is None and distance_table(none) == ""
