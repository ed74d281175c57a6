"""Losses in the ledger and in welfare, and intervals that have no power flow: told, left out, not ranked."""

import io

import numpy as np
import pytest
from rich.console import Console

from gridagora.core.registry import find
from gridagora.grid.fixed_point import open_grid
from gridagora.report import page, table
from gridagora.results.metric import Reference
from gridagora.results.outcome import (
    costs_usd,
    losses_usd,
    welfare_before_losses_usd,
    welfare_usd,
)
from gridagora.run import compare as runs
from gridagora.settlement.ledger import only
from gridagora.settlement.parties import Role, row_of


@pytest.fixture(scope="module")
def solved(scene, study):
    """Return a flat run with its power flow."""
    market = scene.market("flat")
    ran = runs.simulate(market, study)
    return runs.add_power_flow(
        scene, open_grid(scene.feeder), market, ran, runs.evaluate("flat", ran, study)
    )


def failing(network, rows):
    def part(column):
        out = column.copy()
        out[..., rows] = np.nan
        return out

    columns = ("losses_kw", "source_kw", "source_kvar", "v_min_pu", "v_max_pu", "home_v_pu")
    count = len(np.arange(len(network.losses_kw))[rows])
    return network._replace(
        **{name: part(getattr(network, name)) for name in columns}, failed=count
    )


def value(metric_id, outcome):
    return find("metric", metric_id).compute(outcome, Reference(None, None))


def test_the_wires_buy_losses_at_the_wholesale_price(solved):
    own = only(solved.ledger, "losses")
    usd = (solved.network.losses_kw * solved.wholesale_per_kwh).sum() * solved.dt_h
    assert usd > 0
    assert own.amount_uusd.tolist() == [round(usd * 1e6)]
    assert (own.payer[0], own.payee[0]) == tuple(
        row_of(solved.parties, role) for role in (Role.WIRES, Role.WHOLESALE)
    )
    assert costs_usd(solved)["losses"] == pytest.approx(usd)
    assert welfare_before_losses_usd(solved) - welfare_usd(solved) == pytest.approx(usd)
    assert value("E1", solved) == welfare_usd(solved)
    dear = solved._replace(wholesale_per_kwh=-solved.wholesale_per_kwh)
    assert costs_usd(dear)["losses"] == pytest.approx(-usd), (
        "at a price below zero the wires are paid"
    )


def test_losses_move_no_margin_and_bills_by_what_they_cost(scene, study, solved):
    alone = runs.evaluate("flat", runs.simulate(scene.market("flat"), study), study)
    charged = solved.bill_usd - alone.bill_usd
    assert (charged > 0).all()
    assert charged.sum() <= losses_usd(solved) + 1e-6 * len(charged)
    assert alone.surplus_uusd == solved.surplus_uusd


def test_figures_of_the_flow_leave_out_what_has_none(solved):
    some = solved._replace(network=failing(solved.network, slice(0, 40)))
    assert value("P3", some) == pytest.approx(solved.network.losses_kw[40:].sum() / 12)
    assert 0 < value("P3s", some) < 1
    assert value("V1", some) == solved.network.v_min_pu[40:].min()
    none = solved._replace(network=failing(solved.network, slice(None)))
    for metric_id in ("V1", "V1h", "V4", "P3", "P3s", "P4", "P4f", "P4w"):
        assert np.isnan(value(metric_id, none)), metric_id


def test_intervals_without_a_flow_are_told_and_their_figures_not_ranked(
    scene, tmp_path, monkeypatch
):
    plain = runs.solve_run
    monkeypatch.setattr(
        runs, "solve_run", lambda *args, **fields: failing(plain(*args, **fields), slice(3, 48))
    )
    result = runs.compare(scene, ["flat", "rtp"], out=tmp_path / "out")
    for name in ("flat", "rtp"):
        entry = result.summary["architectures"][name]
        assert entry["certificates"]["flow_failed_intervals"] == 45
        assert any("no solution in 45 of 288 intervals" in text for text in entry["warnings"])
    assert {"V1", "V1h", "V4", "P3", "P3s", "P4", "P4f", "P4w", "E1"} <= set(
        result.summary["unranked"]
    )
    screen = io.StringIO()
    table.render(result, Console(width=240, file=screen))
    assert "45 of 288 intervals" in screen.getvalue()
    assert "45 of 288 intervals" in page.write(result, tmp_path / "r.html").read_text()


def test_the_average_price_is_over_what_is_withdrawn(solved):
    bought = solved.home_kw.clip(min=0).sum() / 12
    assert value("E5p", solved) == pytest.approx(solved.bill_usd.sum() / bought)
    sunny = solved._replace(home_kw=solved.home_kw - 100.0)
    assert np.isnan(value("E5p", sunny))


def test_a_bound_that_leaves_nothing_to_gain_gives_no_share(solved):
    even = welfare_before_losses_usd(solved)
    assert np.isnan(find("metric", "E2").compute(solved, Reference(solved, even)))
    better = replace_cost(solved, 1.0)
    assert find("metric", "E2").compute(better, Reference(solved, even + 2.0)) == pytest.approx(0.5)


def replace_cost(outcome, usd):
    return outcome._replace(left_usd=outcome.left_usd + usd)
