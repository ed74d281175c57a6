"""The figures of the grid show the numbers of the tables, and are absent where a run has none."""

import html
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridagora.report import page
from gridagora.report.control_figures import control_counts, control_table, controls
from gridagora.report.loss_figures import losses, uncharged_losses
from gridagora.report.nodal_figures import CENTS, ROWS, nodal_prices, nodal_table, price_strip
from gridagora.report.panel import alternative
from gridagora.report.style import label
from tests.report.conftest import DESIGNS, make_result
from tests.report.made_grid import CONTROLS


@pytest.fixture(scope="module")
def small():
    return make_result(homes=12, days=1)


def without(result, *names):
    kept = {name: table for name, table in result.tables.items() if name not in names}
    return replace(result, tables=kept)


def test_rows_of_prices_are_homes_by_their_distance(small):
    held = price_strip(small)
    assert (np.diff(held.distance_pu) >= 0).all()
    table, buses = small.tables["nodal_prices"], small.tables["buses"]
    own = table[(table["architecture"] == "rtp") & (table["home_id"] == held.rows[-1])]
    parts = own["loss_per_kwh"] + own["congestion_per_kwh"] + own["voltage_per_kwh"]
    found = held.ct["rtp", "All beyond the energy price"][-1]
    np.testing.assert_allclose(found, CENTS * parts.to_numpy(), rtol=1e-12)
    far = buses.loc[buses["bus"] == f"house_{int(held.rows[-1][5:])}", "distance_pu"]
    assert held.distance_pu[-1] == pytest.approx(far.iloc[0])


def test_energy_and_parts_are_the_whole_price(small):
    held = price_strip(small)
    parts = ["Losses", "Limits of currents", "Limits of voltages"]
    total = sum(held.ct["central", part] for part in parts)
    np.testing.assert_allclose(total, held.ct["central", "All beyond the energy price"])
    assert [part.text for part in held.parts] == [
        "All beyond the energy price",
        "Losses",
        "Limits of voltages",  # no current is limited: that part is not offered
        "Reactive power, all parts",
    ]


def test_many_homes_are_shown_as_means_of_some():
    many = make_result(homes=100, days=1)
    held = price_strip(many)
    assert len(held.rows) <= ROWS
    table = many.tables["nodal_prices"]
    mean = CENTS * table.loc[table["architecture"] == "flat", "loss_per_kwh"].mean()
    weight = np.bincount(np.arange(100) // 3)
    found = (held.ct["flat", "Losses"].mean(1) * weight).sum() / weight.sum()
    assert found == pytest.approx(mean)


def test_an_hour_without_a_flow_is_a_gap(small):
    table = small.tables["nodal_prices"].copy()
    gone = (table["start_s"] == table["start_s"].min()) & (table["architecture"] == "flat")
    table.loc[gone, ["loss_per_kwh", "congestion_per_kwh", "voltage_per_kwh"]] = np.nan
    held = price_strip(replace(small, tables={**small.tables, "nodal_prices": table}))
    ct = held.ct["flat", "All beyond the energy price"]
    assert np.isnan(ct[:, 0]).all()
    assert np.isfinite(ct[:, 1:]).all()


def test_colours_part_dearer_from_cheaper_at_no_difference(small):
    shades = [trace for trace in nodal_prices(small).data if trace.type == "heatmap"]
    assert len(shades) == len(DESIGNS)
    assert all(trace.zmin == -trace.zmax < 0 for trace in shades)
    assert [trace.visible for trace in shades].count(True) == 1


def test_words_and_table_of_prices_tell_the_figure(small):
    told = alternative("Prices along the feeder", nodal_prices(small))
    assert "All beyond the energy price [ct/kWh]: Central market" in told
    text = nodal_table(small)
    assert "Energy, at the substation [ct/kWh]" in text
    assert "home_0011" in text  # where losses are highest


def test_positions_begin_where_the_run_does_and_end_with_it(small):
    fig = controls(small)
    first = [trace for trace in fig.data if trace.visible is True]
    assert [trace.name for trace in first] == [label(name) for name in DESIGNS]
    assert first[0].x[0] == "2024-07-15 00:00"
    assert first[0].x[-1] == "2024-07-16 00:00"
    start = CONTROLS[0][2]
    assert {trace.y[0] for trace in first} == {start}
    assert set(first[-1].y) == {start}  # the last design moves none


def test_counts_are_taps_up_and_down(small):
    fig, table = control_counts(small), small.tables["controls"]
    for trace, name in zip(fig.data, DESIGNS, strict=True):
        rows = table[table["architecture"] == name]
        for control, count in zip(trace.x, trace.y, strict=True):
            own = rows[rows["name"] == control]
            assert count == (own["position_after"] - own["position_before"]).abs().sum()
    assert control_table(small).count("<tr>") == 1 + len(CONTROLS) * len(DESIGNS)


def test_losses_are_paid_by_those_who_are_charged_and_the_wires_pay_the_rest(small):
    paid = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in losses(small).data}
    rows = small.tables["intervals"]
    for name in DESIGNS:
        own = rows[rows["architecture"] == name]
        cost = (own["losses_kw"] * own["wholesale_per_kwh"]).sum() / 12
        assert sum(each[label(name)] for each in paid.values()) == pytest.approx(cost)
        assert paid["Homes"][label(name)] == pytest.approx(0.0 if name == "flat" else 12 * 0.03)
        assert paid["Other customers"][label(name)] == pytest.approx(0.1 * (name != "flat"))


def with_ledger(result, rows):
    ledger = pd.DataFrame(rows, columns=["architecture", "payer", "payee", "item", "amount_uusd"])
    return replace(result, tables=result.tables | {"ledger": ledger})


def test_what_fees_leave_with_the_wires_pays_losses(small):
    """A home pays 3 ct and gets 1 ct back; another is paid 1 ct: 1 ct is left."""
    fees = with_ledger(
        small,
        [
            ("rtp", "home_0000", "wires", "network fee", 30_000),
            ("rtp", "wires", "home_0001", "network fee", 10_000),
            ("rtp", "wires", "home_0000", "network fee return", 10_000),
            ("rtp", "home_0000", "retailer", "energy", 99_000_000),
        ],
    )
    paid = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in losses(fees).data}
    assert paid["Homes"][label("rtp")] == pytest.approx(0.01)
    assert paid["Homes"][label("tou")] == 0.0


def test_a_report_says_under_which_designs_nobody_is_charged(small):
    assert uncharged_losses(small).startswith(
        "Nobody is charged for what the network loses under Flat rate, up to 850 kWh"
    )
    assert uncharged_losses(small) in html.unescape(page.html(small)).replace("\u00a0", " ")
    nobody = uncharged_losses(with_ledger(small, [("rtp", "a", "b", "energy", 1)]))
    assert "Nobody is charged for what the network loses, up to 1,014 kWh in a design" in nobody
    charged = [(name, "home_0000", "wires", "loss charge", 40_000) for name in DESIGNS]
    assert uncharged_losses(with_ledger(small, charged)) == ""


def test_who_pays_is_named_where_it_is_one_party_alone(small):
    nobody = losses(with_ledger(small, [("rtp", "a", "b", "energy", 1)]))
    assert [trace.name for trace in nobody.data] == ["The wires themselves"]
    assert nobody.layout.showlegend


def test_losses_of_a_result_without_a_ledger_say_nothing_of_charges(small):
    assert uncharged_losses(without(small, "ledger")) == ""


def test_a_run_without_such_numbers_has_no_place_for_them(small):
    gone = without(small, "nodal_prices", "controls")
    gone.tables["intervals"] = gone.tables["intervals"].assign(losses_kw=np.nan)
    assert nodal_prices(gone) is controls(gone) is control_counts(gone) is losses(gone) is None
    text, whole = page.html(gone), page.html(small)
    for name in ("nodal_prices", "losses", "controls", "control_counts"):
        assert f'id="figure-{name}"' not in text
        assert f'id="figure-{name}"' in whole


def test_a_result_of_before_has_no_distances(small):
    buses = small.tables["buses"].drop(columns="distance_pu")
    assert nodal_prices(replace(small, tables={**small.tables, "buses": buses})) is None
