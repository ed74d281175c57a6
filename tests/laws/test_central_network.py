"""Laws of `central` with limits of the network, over a run: the same where none binds, kept where one can be, closed books."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.rules import Pricing
from gridagora.markets.central import Central
from gridagora.run.compare import add_power_flow
from gridagora.run.evaluate import evaluate
from gridagora.run.loss_charges import CHARGE
from gridagora.run.simulate import simulate
from gridagora.run.state import wiring_of
from gridagora.settlement.ledger import only, paid_uusd

WIDE, BAND = (0.5, 1.5), (1.0204, 1.05)
PRICES = RowPrices(500.0, 0.5)


def live(scene, study, market, band):
    """Return the record and the outcome of a day within a band [pu], with its flow."""
    held = study._replace(network=NetworkRules(band, PRICES._replace(rating_over_per_kvah=0.0)))
    ran = simulate(market, held)
    outcome = evaluate("central", ran, held)
    return ran, add_power_flow(scene, wiring_of(study).grid, market, ran, outcome)


@pytest.fixture(scope="module")
def free(scene, study):
    return live(scene, study, Central(), WIDE)


@pytest.fixture(scope="module")
def held(scene, study):
    return live(scene, study, Central(network="limits", reserve_share=0.03), BAND)


def test_a_network_that_is_kept_changes_nothing(scene, study, free):
    ran, outcome = live(scene, study, Central(network="limits"), WIDE)
    assert np.array_equal(outcome.home_kw[:], free[1].home_kw[:])
    assert np.array_equal(outcome.bill_usd, free[1].bill_usd)
    assert np.ptp(ran.track.import_per_kwh, axis=1).max() == 0.0
    assert outcome.plan_gap_share == free[1].plan_gap_share
    assert outcome.exchange == free[1].exchange


def test_voltages_are_kept_that_were_outside_the_band(free, held):
    low = BAND[0]
    without, within = free[1].network.v_min_pu, held[1].network.v_min_pu
    assert (without < low).any()
    missed = [(low - each).clip(min=0).sum() for each in (without, within)]
    assert missed[1] == 0.0 < missed[0]


def test_homes_pay_the_price_at_their_meter_and_the_books_close(held):
    ran, outcome = held
    price = ran.track.import_per_kwh
    assert np.ptp(price, axis=1).max() > 1e-5
    assert outcome.imbalance_uusd == 0
    position = ran.positions[0]
    hours = np.repeat(np.arange(24), price.shape[0] // 24)
    agreed = (position.p_kw * position.price_per_kwh).sum(1)
    beside = ((outcome.home_kw[:] - position.p_kw[:, hours]) * price.T).sum(1) * outcome.dt_h
    losses = paid_uusd(only(outcome.ledger, CHARGE), len(outcome.parties.id)) / 1e6
    lost = losses[: len(agreed)]
    assert (lost > 0).all()
    assert outcome.bill_usd == pytest.approx(agreed + beside + lost, abs=0.01)


def test_the_rule_says_how_prices_form():
    assert Central().rules.pricing is Pricing.UNIFORM
    assert Central(network="limits").rules.pricing is Pricing.NODAL


def test_keys_out_of_range_are_named_together():
    with pytest.raises(InputError) as fault:
        Central(network="limit", network_plans=0)
    assert "market.central.network" in str(fault.value)
    assert "market.central.network_plans" in str(fault.value)
