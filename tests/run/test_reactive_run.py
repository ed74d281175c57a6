"""Reactive power in a whole run: money, energy, power factor and voltage, and nothing at all where no power factor is agreed."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from home_columns import columns_of

from gridagora.core.errors import InputError, PartError
from gridagora.grid.fixed_point import open_grid
from gridagora.markets.layered import Layered
from gridagora.mechanisms.reactive import need
from gridagora.metrics.reactive_bought import reactive_bought
from gridagora.metrics.reactive_elsewhere import reactive_elsewhere
from gridagora.metrics.reactive_price import reactive_price
from gridagora.metrics.weighted_power_factor import weighted_power_factor
from gridagora.results.outcome import costs_usd, welfare_before_losses_usd, welfare_usd
from gridagora.run import compare as runs
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, describe, read
from gridagora.scenario.network_keys import NetworkKeys
from gridagora.scenario.schema import ReactiveKeys
from gridagora.settlement import ledger as books

AGREED, CAP = 0.97, 0.003
ASKS, SILENT = Layered(), Layered(reactive=False)
ROWS = {"P4h", "P4p", "P4x"}


def with_factor(scene, power_factor=AGREED, cap_per_kvarh=CAP):
    keys = ReactiveKeys(power_factor=power_factor, cap_per_kvarh=cap_per_kvarh)
    return with_wires(scene, reactive=keys)


def with_wires(scene, **keys):
    """Return a scene whose wires bear what the network loses, with other tables of its scenario."""
    more = {"network": NetworkKeys(losses="none"), **keys}
    return replace(scene, scenario=scene.scenario.model_copy(update=more))


@pytest.fixture(scope="module")
def factors(scene):
    return open_grid(scene.feeder)


@pytest.fixture(scope="module")
def ran(scene, study):
    return simulate(scene.market("layered"), study)


@pytest.fixture(scope="module")
def bare(ran, study):
    return evaluate("layered", ran, study)


@pytest.fixture(scope="module")
def asked(scene, factors, ran, bare):
    return runs.add_power_flow(with_factor(scene), factors, ASKS, ran, bare)


@pytest.fixture(scope="module")
def silent(scene, factors, ran, bare):
    return runs.add_power_flow(with_factor(scene), factors, SILENT, ran, bare)


def test_nothing_changes_where_no_power_factor_is_agreed(scene, factors, ran, bare):
    plain, able = (
        runs.add_power_flow(with_wires(scene), factors, market, ran, bare)
        for market in (SILENT, ASKS)
    )
    assert plain.reactive is able.reactive is None
    for outcome in (plain, able):
        assert [*np.unique(outcome.ledger.item)] == sorted({*bare.ledger.item, "losses"})
    assert all(
        (one == other).all() for one, other in zip(plain.network[:3], able.network[:3], strict=True)
    )
    assert welfare_before_losses_usd(plain) == pytest.approx(welfare_usd(bare), rel=1e-14)
    assert costs_usd(plain)["reactive"] == 0


def test_an_agreed_power_factor_leaves_energy_as_it_is(asked, silent, bare):
    for outcome in (asked, silent):
        assert (outcome.home_kw == bare.home_kw).all()
        before, after = costs_usd(bare), costs_usd(outcome)
        assert all(
            after[item] == before[item] for item in before if item not in ("reactive", "losses")
        )
        kept = [books.only(outcome.ledger, item) for item in np.unique(bare.ledger.item)]
        assert sum(len(each.payer) for each in kept) == len(bare.ledger.payer)


def test_money_sums_to_zero_and_every_payment_has_its_place(asked, silent, bare):
    n = len(bare.bill_usd)
    for outcome in (asked, silent):
        paid, lost = books.paid_uusd(outcome.ledger, n + 4), costs_usd(outcome)["losses"]
        assert outcome.imbalance_uusd == paid.sum() == 0
        assert outcome.surplus_uusd == -paid[n]
        np.testing.assert_allclose(outcome.bill_usd, paid[:n] / 1e6, atol=0)
        more = paid - books.paid_uusd(bare.ledger, n + 4)
        assert -more[n + 1] / 1e6 == pytest.approx(outcome.reactive.loss_usd + lost, abs=1e-5)
        assert -more[n + 2] / 1e6 == pytest.approx(outcome.reactive.elsewhere_usd - lost, abs=2e-6)
    assert (silent.bill_usd == bare.bill_usd).all()
    assert (asked.bill_usd <= bare.bill_usd).all()
    assert (asked.bill_usd < bare.bill_usd).sum() >= 3
    assert asked.surplus_uusd > silent.surplus_uusd


def test_reactive_energy_balances(asked, silent):
    for side in (asked.reactive, silent.reactive):
        np.testing.assert_allclose(
            side.given_kvar.sum(0) + side.need_kvar, side.unmet_kvar, atol=1e-9
        )
    assert not silent.reactive.given_kvar.any()
    assert asked.reactive.given_kvar.any()
    np.testing.assert_array_equal(asked.reactive.need_kvar, silent.reactive.need_kvar)


def test_only_homes_with_an_inverter_give_and_within_44_percent(scene, asked):
    own = columns_of(scene.homes)
    rating = own.pv_kw.max(1) + own.battery_kw
    most = np.abs(asked.reactive.given_kvar).max(1)
    assert (most <= 0.44 * rating + 1e-9).all()
    assert (rating == 0).any()


def factors_of(network):
    return np.abs(network.source_kw) / np.hypot(network.source_kw, network.source_kvar)


def test_the_substation_keeps_the_power_factor_where_nothing_is_unmet(asked, silent):
    met, seen = asked.reactive.unmet_kvar == 0, asked.network
    assert (factors_of(seen)[met & (seen.source_kw > 0)] >= AGREED).all()
    left = np.abs(
        need(seen.source_kw, seen.source_kvar, AGREED)
    )  # what inverters lose makes an export smaller
    assert (left <= 0.005 * np.abs(asked.reactive.need_kvar))[met].all()
    assert (factors_of(silent.network)[met] < AGREED).sum() > 50
    assert weighted_power_factor(asked, None) > weighted_power_factor(silent, None)


def test_voltage_rises_and_losses_fall_while_homes_give(asked, silent):
    giving = asked.reactive.given_kvar.sum(0) < -0.5
    assert giving.sum() > 50
    assert (asked.network.home_v_pu.mean(0) > silent.network.home_v_pu.mean(0))[giving].all()
    saved = (silent.network.losses_kw - asked.network.losses_kw)[giving]
    assert saved.sum() > 0
    assert (saved > 0).mean() > 0.9  # not always: what a home gives crosses its own service line
    idle = ~asked.reactive.given_kvar.any(0)
    assert (asked.network.source_kvar == silent.network.source_kvar)[idle].all()


def test_the_cost_is_the_cap_without_a_market_and_less_with_one(asked, silent):
    alone = np.abs(silent.reactive.need_kvar).sum() * silent.dt_h * CAP
    assert costs_usd(silent)["reactive"] == pytest.approx(alone, rel=1e-12)
    assert 0 < costs_usd(asked)["reactive"] < alone
    assert welfare_usd(asked) > welfare_usd(silent)


def test_messages_are_added(asked, silent, bare):
    assert silent.exchange == bare.exchange
    rows = (asked.exchange.messages - bare.exchange.messages) / len(bare.start_s)
    assert rows == int(rows) > 0
    assert asked.exchange.bytes > bare.exchange.bytes
    assert asked.exchange.disclosed > bare.exchange.disclosed


def test_metrics_are_those_columns(asked, silent, bare):
    given = np.abs(asked.reactive.given_kvar).sum() * asked.dt_h
    assert reactive_bought(asked, None) == pytest.approx(given)
    assert 0 < reactive_price(asked, None) <= CAP
    revenue = books.only(asked.ledger, "reactive energy").amount_uusd.sum() / 1e6
    assert reactive_price(asked, None) * given == pytest.approx(revenue, abs=1e-5)
    assert reactive_elsewhere(silent, None) * CAP == pytest.approx(silent.reactive.elsewhere_usd)
    assert np.isnan(reactive_price(silent, None))
    empty = (reactive_bought, reactive_elsewhere, weighted_power_factor)
    assert all(np.isnan(row(bare, None)) for row in empty)


def test_neither_batteries_nor_panels_draw_reactive_power(scene, factors, ran, bare, monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "solve_run", lambda *columns, **_: seen.append(columns))
    runs.solve_network(scene, factors, bare, ran.track.kind_kw[[2, 4]].sum(0).T)
    fixed = np.repeat(scene.homes.load_kw[:, :24], 12, axis=1)
    np.testing.assert_allclose(seen[0][3], fixed + ran.track.kind_kw[[0, 1, 3]].sum(0).T, atol=1e-9)
    assert [group.about.kind for group in ran.fleet.groups] == [
        "hvac",
        "water_heater",
        "battery",
        "ev",
        "pv",
    ]
    assert np.abs(ran.track.kind_kw[2]).max() > 1


def test_a_flow_without_solution_is_refused(scene, factors, ran, bare, monkeypatch):
    broken = runs.solve_network(scene, factors, bare, ran.track.kind_kw[[2, 4]].sum(0).T)._replace(
        failed=3
    )
    monkeypatch.setattr(runs, "solve_network", lambda *_, **__: broken)
    with pytest.raises(PartError, match="no solution in 3 intervals"):
        runs.add_power_flow(with_factor(scene), factors, ASKS, ran, bare)


def test_the_case_without_limit_counts_it_as_well(scene, study, factors, asked):
    keys = scene.scenario.substation.model_copy(update={"also_without_limit": True})
    free = with_factor(scene)
    free = replace(free, scenario=free.scenario.model_copy(update={"substation": keys}))
    markets = {name: scene.market(name) for name in ("central", "rtp")}
    found, _ = runs.without_limit(
        free, study, factors, markets, dict.fromkeys(markets, asked), {}, lambda *_: None
    )
    assert all(
        outcome.reactive is not None and costs_usd(outcome)["reactive"] > 0
        for outcome in found.values()
    )
    assert found["central"].reactive.elsewhere_usd != asked.reactive.elsewhere_usd


def test_rows_and_columns_stand_only_where_a_power_factor_is_agreed(scene):
    for agreed in (False, True):
        result = runs.compare(with_factor(scene) if agreed else scene, ["flat"])
        rows = result.summary["architectures"]["flat"]["metrics"]
        assert (ROWS & set(rows) == ROWS) if agreed else not ROWS & set(rows)
        assert ("reactive_need_kvar" in result.tables["intervals"]) == agreed
        assert rows["P4w"]["value"] > 0.8
    assert rows["P4h"]["value"] == 0
    assert rows["P4x"]["value"] > 0
    assert rows["P4p"]["value"] is None
    assert set(result.tables["ledger"].item) >= {"energy", "reactive energy from elsewhere"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "power_factor = 1.2",
            r"\[reactive\] power_factor: got 1.2, expected a number above 0 and at most 1",
        ),
        ("power_factor = 0.0", "got 0, expected a number above 0 and at most 1"),
        (
            "cap_per_kvarh = 0.0",
            r"\[reactive\] cap_per_kvarh: got 0 \$/kvarh, expected a number above 0",
        ),
        ("power_factor = '0.97'", "power_factor: got '0.97', expected a number"),
        ("power_facto = 0.97", "Did you mean 'power_factor'"),
    ],
)
def test_faults_of_the_scenario_are_sentences(line, words):
    with pytest.raises(InputError, match=words):
        read.parse(f"[reactive]\n{line}\n")


def test_both_faults_are_told_at_once_and_one_is_a_number_that_may_be_whole():
    with pytest.raises(InputError) as caught:
        read.parse("[reactive]\npower_factor = -1\ncap_per_kvarh = -0.1\n")
    assert len(caught.value.problems) == 2
    assert read.parse("[reactive]\npower_factor = 1\n").reactive.power_factor == 1


def test_check_says_what_was_agreed(scene):
    assert "nobody asks" in describe.scene_lines(scene)["reactive power"]
    line = describe.scene_lines(with_factor(scene))["reactive power"]
    assert "power factor 0.97" in line
    assert "0.003 $/kvarh" in line
    owners = {home for kind in ("pv", "battery") for home in scene.homes.owned[kind].home.tolist()}
    assert f"inverters of {len(owners)} homes" in line


def test_the_scenario_of_the_how_to_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "reactive-power.md").read_text(
        encoding="utf-8"
    )
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    found = runs.compare(
        build.build(read.parse(text, overrides=["homes.count=6", "scenario.days=1"]))
    )
    costs = found.tables["costs"]
    assert (costs[costs.item == "reactive"].cost_usd > 0).all()
    assert not found.summary.get("failed")
