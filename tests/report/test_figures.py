"""The figures: they show the numbers of the tables, keep one colour a design, and stay away where numbers are absent."""

import base64
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from gridagora.report.figures import DRAWINGS, figures
from gridagora.report.guides import guide
from gridagora.report.home_figures import bill_delta_usd
from gridagora.report.place_figures import LISTED
from gridagora.report.style import DESIGN_COLOURS, colours, label
from gridagora.report.time_figures import POINTS, in_slots, price_range, thinned, time_axis
from gridagora.report.value_figures import captured_share, costs


@pytest.fixture(scope="module")
def drawn(result):
    return figures(result)


def values(series):
    """Return the numbers of a trace, whether Plotly holds them as a list, an array or base64."""
    if isinstance(series, dict):
        return np.frombuffer(base64.b64decode(series["bdata"]), dtype=series["dtype"])
    return np.asarray(series, dtype=float)


def without(result, *names):
    return replace(
        result, tables={name: frame for name, frame in result.tables.items() if name not in names}
    )


def test_every_figure_is_drawn_and_is_valid_json(drawn):
    assert set(drawn) == set(DRAWINGS)
    for fig in drawn.values():
        assert isinstance(fig, go.Figure)
        json.loads(fig.to_json())


def test_load_shows_the_intervals_of_each_design(result, drawn):
    intervals = result.tables["intervals"]
    for name in result.summary["architectures"]:
        trace = next(
            trace
            for trace in drawn["load"].data
            if trace.name == label(name) and trace.yaxis != "y2"
        )
        expected = intervals.loc[intervals["architecture"] == name, "load_kw"].to_numpy()
        np.testing.assert_allclose(values(trace.y), expected, rtol=1e-6)
        assert trace.x0 == "2024-07-15 00:00:00"  # 05:00 UTC in Texas
        assert trace.dx == 300_000
        assert trace.line.color == DESIGN_COLOURS[name]


def test_one_colour_a_design_in_every_figure(result, drawn):
    tones = colours(tuple(result.summary["architectures"]))
    assert len(set(tones.values())) == len(tones)
    by_label = {label(name): tone for name, tone in tones.items()}
    for name in ("average_day", "bill_change", "temperature", "bills", "comfort"):
        for trace in drawn[name].data:
            assert trace.line.color == by_label[trace.name]


def test_unknown_designs_get_distinct_colours():
    tones = colours(("flat", "mine", "yours", "central"))
    assert len(set(tones.values())) == 4


def test_devices_stack_to_the_net_load(result, drawn):
    shown = [trace for trace in drawn["devices"].data if trace.visible]
    net = next(trace for trace in shown if trace.name == "Net load")
    total = np.sum([values(trace.y) for trace in shown if trace.name != "Net load"], axis=0)
    np.testing.assert_allclose(total, values(net.y), atol=1e-3)


def test_costs_stack_to_the_cost_of_the_design(result, drawn):
    table = result.tables["costs"]
    first = [trace for trace in drawn["costs"].data if trace.visible and trace.type == "bar"]
    total = np.sum([values(trace.y) for trace in first], axis=0)
    expected = [
        table.loc[table["architecture"] == name, "cost_usd"].sum()
        for name in result.summary["architectures"]
    ]
    np.testing.assert_allclose(total, expected, atol=0.02)  # items below half a cent are not drawn


def test_difference_view_of_costs_is_zero_for_the_reference(result):
    bars = [trace for trace in costs(result).data if not trace.visible and trace.type == "bar"]
    assert bars
    assert all(values(trace.y)[0] == 0 for trace in bars)


def test_captured_value_from_welfare_and_bound_equals_the_metric(result):
    designs = {
        name: entry
        | {"metrics": {key: cell for key, cell in entry["metrics"].items() if key != "E2"}}
        for name, entry in result.summary["architectures"].items()
    }
    bare = replace(result, summary=result.summary | {"architectures": designs})
    for name in designs:
        assert captured_share(bare, name) == pytest.approx(captured_share(result, name), abs=1e-12)


def test_bill_delta_pairs_homes_by_name_not_by_row(result):
    homes = result.tables["homes"]
    shuffled = homes.sample(frac=1.0, random_state=3)
    np.testing.assert_allclose(
        np.sort(bill_delta_usd(shuffled, "rtp", "flat")),
        np.sort(bill_delta_usd(homes, "rtp", "flat")),
    )


def test_feeder_map_colours_every_bus_with_its_voltage(result, drawn):
    shown = [trace for trace in drawn["feeder"].data if trace.mode == "markers" and trace.visible]
    buses = result.tables["buses"]
    expected = buses.loc[buses["architecture"] == "central", "v_min_pu"].to_numpy()
    np.testing.assert_allclose(shown[0].marker.color, expected, atol=1e-5)
    assert [trace.mode for trace in drawn["feeder"].data][:2] == [
        "lines",
        "lines",
    ]  # drawn first, so beneath


MOVED = {"controls", "control_counts"}


@pytest.mark.parametrize(
    ("absent", "lost"),
    [
        (
            ("intervals",),
            {
                "load",
                "average_day",
                "devices",
                "temperature",
                "voltage_over_time",
                *MOVED,
                "losses",
            },
        ),
        (
            ("homes",),
            {"bills", "bill_change", "group_change", "voltage", "comfort", "nodal_prices"},
        ),
        (("buses",), {"feeder", "nodal_prices", "voltage_over_distance"}),
        (("controls",), MOVED),
        (("loading",), {"loading_over_time"}),
        (("costs",), {"costs"}),
        (("lines", "ledger"), set()),
        (("places",), {"places"}),
    ],
)
def test_an_absent_table_takes_only_its_own_figures(result, absent, lost):
    assert set(DRAWINGS) - set(figures(without(result, *absent))) == lost


def test_all_nan_columns_count_as_absent(result):
    homes = result.tables["homes"].assign(v_min_pu=np.nan)
    buses = result.tables["buses"].assign(x=np.nan)
    got = figures(replace(result, tables=result.tables | {"homes": homes, "buses": buses}))
    assert "voltage" not in got
    assert "feeder" not in got
    assert "bills" in got


def test_long_runs_are_thinned_and_short_ones_are_not(result):
    week = pd.DataFrame({"start_s": 300 * np.arange(2016), "load_kw": np.arange(2016.0)})
    assert len(thinned(week, ("load_kw", "absent"))) == 2016
    year = pd.DataFrame({"start_s": 300 * np.arange(105_120), "load_kw": np.arange(105_120.0)})
    short = thinned(year, ("load_kw",))
    assert len(short) <= POINTS
    assert short["load_kw"].mean() == pytest.approx(year["load_kw"].mean(), rel=1e-3)
    assert len(in_slots(year)) <= 1000


def test_a_day_of_25_hours_gives_one_time_a_row(result):
    autumn = pd.DataFrame(
        {"start_s": 1_730_606_400 + 3600 * np.arange(24)}
    )  # 3 November 2024, clocks go back in Texas
    axis = time_axis(autumn, result)
    assert len(axis["x"]) == 24
    assert len(set(axis["x"])) == 23


def test_a_price_spike_does_not_flatten_the_rest():
    usual = pd.DataFrame(
        {"price_per_kwh": np.full(1000, 0.1), "wholesale_per_kwh": np.full(1000, 0.05)}
    )
    assert price_range(usual) is None
    spiked = usual.assign(wholesale_per_kwh=[5.0] + [0.05] * 999)
    low, high = price_range(spiked)
    assert low < 0 < high < 1


def test_map_opens_on_the_homes_and_falls_back_to_all_buses(result, drawn):
    buses = result.tables["buses"].assign(
        x=lambda rows: rows["x"].where(rows["bus"] != "substation", -90_000.0)
    )
    near = figures(replace(result, tables=result.tables | {"buses": buses}))["feeder"]
    assert near.layout.xaxis.range[0] > -1_000
    whole = figures(without(replace(result, tables=result.tables | {"buses": buses}), "homes"))[
        "feeder"
    ]
    assert whole.layout.xaxis.range[0] < -90_000


def test_prices_by_layer_add_up_along_the_way_from_the_substation(result):
    fig = figures(result)["places"]
    names = list(fig.layout.xaxis.ticktext)
    assert names == [
        "Substation",
        "zone 2",
        "zone 1",
        "t2",
        "t3",
        "t1",
    ]  # level by level, the dearest first
    added = {trace.name: values(trace.y) for trace in fig.data if trace.name != "Highest load"}
    np.testing.assert_allclose(
        added["Substation limit"], 1.0, rtol=1e-6
    )  # 0.01 $/kWh at every place below
    np.testing.assert_allclose(added["Zone limit"], [0, 0.4, 0, 0.4, 0.4, 0], atol=1e-6)
    np.testing.assert_allclose(added["Service transformer limit"], [0, 0, 0, 0.2, 0, 0], atol=1e-6)
    load = values(next(trace.y for trace in fig.data if trace.name == "Highest load"))
    np.testing.assert_allclose(load, [100, 100.2857, 66.6667, 102, np.nan, 80], rtol=1e-4)
    assert "Limits bound at 3 of 6 places, longest at the substation (9.0 h)" in guide(
        result, "places"
    )


def test_prices_by_layer_with_limits_that_never_bind_show_the_loads_alone(result):
    idle = result.tables["places"].assign(bound_h=0.0, added_mean_per_kwh=0.0)
    fig = figures(replace(result, tables=result.tables | {"places": idle}))["places"]
    assert [trace.name for trace in fig.data] == ["Highest load"]
    assert "No limit ever bound" in guide(
        replace(result, tables=result.tables | {"places": idle}), "places"
    )


def test_many_places_are_named_by_level(result):
    many = pd.concat(
        [result.tables["places"].iloc[[0]].assign(place=f"m{row}") for row in range(300)]
    )
    table = pd.concat([many, result.tables["places"]], ignore_index=True)
    fig = figures(replace(result, tables=result.tables | {"places": table}))["places"]
    assert list(fig.layout.xaxis.ticktext) == ["Substation", "Zones", "Service transformers"]
    assert len(fig.data[0].x) == LISTED


def with_designs(result, count):
    """Return the comparison with more designs, copies of its last one; the later of them gain the more."""
    held = dict(result.summary["architectures"])
    tables = {name: [frame] for name, frame in result.tables.items()}
    for at in range(count - len(held)):
        cells = held["layered"]["metrics"]
        gain = cells["E1y"] | {"value": 2000.0 + at}
        held[f"own_{at}"] = held["layered"] | {"metrics": cells | {"E1y": gain}}
        for name in ("intervals", "homes"):
            frame = result.tables[name]
            own = frame[frame["architecture"] == "layered"].assign(architecture=f"own_{at}")
            tables[name].append(own)
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    return replace(result, summary=result.summary | {"architectures": held}, tables=joined)


@pytest.mark.parametrize("name", ["load", "average_day", "temperature", "bill_change"])
def test_of_many_designs_the_reference_and_those_that_gain_most_are_seen_at_first(result, name):
    lines = [trace for trace in DRAWINGS[name](with_designs(result, 9)).data if trace.legendgroup]
    seen = {trace.legendgroup for trace in lines if trace.visible != "legendonly"}
    reference = set() if name == "bill_change" else {"flat"}
    assert seen == {"own_0", "own_1", "own_2", "own_3", "central", *reference} | (
        {"layered"} - reference if name == "bill_change" else set()
    )
    hidden = {trace.legendgroup for trace in lines} - seen
    assert hidden >= {"tou", "rtp"}


def test_of_six_designs_all_are_seen(result):
    fig = DRAWINGS["load"](with_designs(result, 6))
    assert all(trace.visible is not False and trace.visible != "legendonly" for trace in fig.data)


def test_the_menu_of_the_average_day_holds_the_highest_of_every_design(result, drawn):
    menu = drawn["average_day"].layout.updatemenus[0]
    mean, highest = (np.array(button.args[0]["y"]) for button in menu.buttons)
    np.testing.assert_allclose(mean, [values(t.y) for t in drawn["average_day"].data], atol=0.01)
    assert (highest >= mean - 0.01).all()
    assert (highest > mean).any()


@pytest.mark.parametrize("name", ["load", "average_day", "temperature", "bill_change"])
def test_more_than_four_designs_are_shown_each_apart_at_first(result, name):
    many = figures(result)[name].layout.meta
    assert many["views"] == ["Each apart", "All together"]
    assert many["reference"] == "flat"
    few = {
        kind: table[table["architecture"] != "rtp"] if "architecture" in table else table
        for kind, table in result.tables.items()
    }
    told = {k: v for k, v in result.summary["architectures"].items() if k != "rtp"}
    fewer = replace(result, tables=few, summary=result.summary | {"architectures": told})
    assert figures(fewer)[name].layout.meta is None
