"""Losses are charged: who pays, that the wires come out even, that welfare counts them once, and what a statement says."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.nodal_prices import SourcePrices
from gridagora.grid.fixed_point import open_grid
from gridagora.results.outcome import costs_usd, welfare_usd
from gridagora.run import compare as runs
from gridagora.run.loss_charges import CHARGE, SURPLUS
from gridagora.run.nodal_table import nodal_tables
from gridagora.run.power_flow import meter_powers
from gridagora.scenario.network_keys import NetworkKeys
from gridagora.settlement.ledger import only, paid_uusd
from gridagora.settlement.parties import Role, row_of

RULES = ("averaged", "marginal")
OTHER_KW = 1.5  # of other customers, behind every second meter


@pytest.fixture(scope="module")
def grid(scene):
    return open_grid(scene.feeder)


@pytest.fixture(scope="module")
def ran(scene, study):
    return runs.simulate(scene.market("flat"), study)


@pytest.fixture(scope="module")
def charged(scene, study, grid, ran):
    """Return a function that solves the flat run under a rule."""
    bare = runs.evaluate("flat", ran, study)

    def solve(losses, other_kw=0.0, **keys):
        named = NetworkKeys(losses=losses, **keys)
        here = replace(
            scene,
            scenario=scene.scenario.model_copy(update={"network": named}),
            other_kw=scene.other_kw + other_kw * (np.arange(scene.other_kw.shape[1]) % 2),
        )
        return runs.add_power_flow(here, grid, scene.market("flat"), ran, bare)

    return solve


@pytest.fixture(scope="module")
def solved(charged):
    """Return the flat run with other customers, by rule."""
    return {rule: charged(rule, OTHER_KW) for rule in ("none", *RULES)}


def loss_uusd(outcome, item):
    """What parties paid the wires for an item, by party."""
    return paid_uusd(only(outcome.ledger, item), len(outcome.parties.id))


@pytest.mark.parametrize("rule", RULES)
def test_customers_pay_what_losses_cost_and_nobody_else_is_moved(solved, rule):
    plain, outcome = solved["none"], solved[rule]
    parties = outcome.parties
    wires, others, operator = (
        row_of(parties, role) for role in (Role.WIRES, Role.OTHER_CUSTOMERS, Role.OPERATOR)
    )
    moved = paid_uusd(outcome.ledger, len(parties.id)) - paid_uusd(plain.ledger, len(parties.id))
    cost = only(plain.ledger, "losses").amount_uusd.sum()
    assert moved[wires] == pytest.approx(-cost, abs=2 * len(parties.id))
    assert moved[operator] == 0
    assert moved[others] > 0
    assert moved.sum() == 0
    assert outcome.imbalance_uusd == 0
    added = moved[: len(plain.bill_usd)] / 1e6
    np.testing.assert_allclose(outcome.bill_usd, plain.bill_usd + added, rtol=1e-14)
    assert outcome.surplus_uusd == plain.surplus_uusd


@pytest.mark.parametrize("rule", RULES)
def test_welfare_counts_losses_once_whoever_pays(solved, rule):
    assert welfare_usd(solved[rule]) == welfare_usd(solved["none"])
    assert costs_usd(solved[rule])["losses"] > 0


def test_averaged_losses_are_laid_on_what_is_withdrawn_in_the_same_interval(solved, scene):
    outcome, net = solved["averaged"], solved["averaged"].network
    home = np.asarray(outcome.home_kw).clip(min=0)
    other = (np.arange(scene.other_kw.shape[1]) % 2).sum() * OTHER_KW
    usd = net.losses_kw * outcome.wholesale_per_kwh * outcome.dt_h / (home.sum(0) + other)
    want = [*(home * usd).sum(1), 0.0, 0.0]
    got = loss_uusd(outcome, CHARGE)[: len(home) + 2] / 1e6
    np.testing.assert_allclose(got, want, atol=1e-6)
    lost = only(outcome.ledger, CHARGE).quantity_uwh.sum() / 1e9
    assert lost == pytest.approx(net.losses_kw.sum() * outcome.dt_h)


def test_marginal_losses_are_the_loss_part_of_the_nodal_price(charged, scene, grid, ran):
    outcome = charged("marginal")
    home_kw = np.asarray(outcome.home_kw)
    n, t = home_kw.shape
    rest_kw = (home_kw - np.asarray(runs.inverters(ran, home_kw.shape))).clip(min=0)
    other_kw = np.repeat(scene.other_kw, round(1 / outcome.dt_h), axis=0)[:t]
    at = grid.flow(*meter_powers(scene.home_meter, home_kw, rest_kw, other_kw))
    prices = grid.prices(at, SourcePrices(outcome.wholesale_per_kwh, np.zeros(t)))
    want = (prices.p.loss[:, scene.home_meter].T * home_kw).sum(1) * outcome.dt_h
    np.testing.assert_allclose(loss_uusd(outcome, CHARGE)[:n] / 1e6, want, atol=1e-6)
    assert want.sum() > 0


def test_marginal_charges_are_about_twice_the_losses_that_load_causes(solved, grid):
    outcome = solved["marginal"]
    cost, charged, surplus = (
        only(outcome.ledger, item).amount_uusd.sum() for item in ("losses", CHARGE, SURPLUS)
    )
    assert charged + surplus == pytest.approx(cost, abs=100)
    nothing = np.zeros((1, len(grid.feeder.meters.name)))
    iron_kw = grid.flow(nothing, nothing).losses_kw[0]
    iron_usd = iron_kw * outcome.wholesale_per_kwh.sum() * outcome.dt_h
    by_load = cost / 1e6 - iron_usd
    # a part of it falls to reactive power, which pays nothing
    assert 1.5 * by_load < charged / 1e6 < 2.05 * by_load


def test_nobody_pays_where_there_is_no_flow(charged, monkeypatch):
    plain = runs.solve_run

    def none(*columns, **keys):
        found = plain(*columns, **keys)
        return found._replace(losses_kw=np.full_like(found.losses_kw, np.nan), failed=1)

    monkeypatch.setattr(runs, "solve_run", none)
    outcome = charged("averaged")
    assert not only(outcome.ledger, CHARGE).amount_uusd.any()


def test_injection_pays_where_nobody_withdraws(charged, monkeypatch, scene, study, grid, ran):
    bare = runs.evaluate("flat", ran, study)
    exporting = -np.abs(np.asarray(bare.home_kw)) - 0.1
    keys = scene.scenario.model_copy(update={"network": NetworkKeys(losses="averaged")})
    outcome = runs.add_power_flow(
        replace(scene, scenario=keys),
        grid,
        scene.market("flat"),
        ran,
        bare._replace(home_kw=exporting),
    )
    cost = only(outcome.ledger, "losses").amount_uusd.sum()
    paid = loss_uusd(outcome, CHARGE)[: len(exporting)]
    assert (paid > 0).all()
    assert paid.sum() == pytest.approx(cost, abs=10)


def test_prices_are_kept_by_home_and_hour_and_in_hours_of_one_price_add_up_to_charges(
    charged, scene
):
    outcome = charged("marginal", nodal_prices=True)
    frame = nodal_tables(scene.homes.home_id, [outcome])["nodal_prices"]
    n, hours = len(scene.homes.home_id), 24 * scene.days
    assert len(frame) == n * hours
    assert frame.notna().all(axis=None)
    nodal = outcome.network.nodal
    per = round(1 / outcome.dt_h)
    wholesale = outcome.wholesale_per_kwh.reshape(-1, per).mean(1)
    np.testing.assert_allclose(nodal.energy_per_kwh, wholesale)
    assert np.asarray(nodal.loss_per_kwh).shape == (n, hours)
    # who draws more causes losses, dearer at night than a thousandth and cheaper than a tenth of energy
    share = np.asarray(nodal.loss_per_kwh) / wholesale
    assert 1e-4 < share.mean() < 0.1
    assert charged("none").network.nodal is None
    assert not nodal_tables(scene.homes.home_id, [charged("none")])


def test_nodal_prices_change_no_other_figure(solved, charged):
    plain, kept = solved["none"].network, charged("none", OTHER_KW, nodal_prices=True).network
    assert np.array_equal(plain.losses_kw, kept.losses_kw)
    assert np.array_equal(plain.home_v_pu, kept.home_v_pu)
    assert kept.marginal_losses is None
