"""Reactive power under `central`: the same active power, offers of inverters instead of another source, closed books."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.product import Commodity
from gridagora.markets.central import Central
from gridagora.results.outcome import costs_usd
from gridagora.run import compare as runs
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.state import wiring_of
from gridagora.scenario import read
from gridagora.scenario.schema import ReactiveKeys

ASKS, SILENT = Central(reactive=True), Central()


@pytest.fixture(scope="module")
def ran(study):
    return simulate(ASKS, study._replace(keeps_forecasts=True))


@pytest.fixture(scope="module")
def bare(ran, study):
    return evaluate("central", ran, study)


def seen(scene, study, ran, bare, design, **keys):
    more = {"reactive": ReactiveKeys(**keys)}
    held = replace(scene, scenario=scene.scenario.model_copy(update=more))
    return runs.add_power_flow(held, wiring_of(study).grid, design, ran, bare)


def test_it_is_a_product_where_the_key_says_so_and_moves_no_active_power(ran, study):
    assert Commodity.Q in ASKS.rules.commodities
    assert SILENT.rules.commodities == (Commodity.P,)
    plain = simulate(SILENT, study)
    power = [np.asarray(each.track.recorder.column("home_kw")) for each in (plain, ran)]
    np.testing.assert_array_equal(*power)
    assert plain.traffic == ran.traffic


def test_a_power_factor_is_met_by_homes_at_less_than_it_costs_elsewhere(scene, study, ran, bare):
    keys = {"power_factor": 0.99, "cap_per_kvarh": 0.02}
    elsewhere, bought = (seen(scene, study, ran, bare, m, **keys) for m in (SILENT, ASKS))
    side = bought.reactive
    np.testing.assert_allclose(side.given_kvar.sum(0) + side.need_kvar, side.unmet_kvar, atol=1e-9)
    assert not elsewhere.reactive.given_kvar.any()
    assert np.abs(side.given_kvar).sum() > 1.0
    assert costs_usd(bought)["reactive"] < 0.5 * costs_usd(elsewhere)["reactive"]
    assert bought.imbalance_uusd == elsewhere.imbalance_uusd == 0


def test_at_meters_it_saves_losses_and_is_agreed_a_day_ahead(scene, study, ran, bare):
    keys = {"market": "nodal", "day_ahead": True}
    plain, bought = (seen(scene, study, ran, bare, m, **keys) for m in (SILENT, ASKS))
    assert bought.network.losses_kw.sum() < plain.network.losses_kw.sum()
    assert bought.imbalance_uusd == 0
    agreed = bought.reactive_market.ahead
    assert (np.abs(agreed.q_kvar).sum(0) > 0).mean() > 0.5


def test_what_follows_voltage_is_not_steered_as_well():
    text = (
        '[scenario]\narchitectures = ["flat", "central"]\n[reactive]\npower_factor = 0.95\n'
        '[inverters]\nfollow = "volt_var"\n[market.central]\nreactive = {}\n'
    )
    assert read.parse(text.format("false"), "x.toml").inverters.follow == "volt_var"
    with pytest.raises(InputError, match="'volt_var' beside 'central', which buys reactive power"):
        read.parse(text.format("true"), "x.toml")
