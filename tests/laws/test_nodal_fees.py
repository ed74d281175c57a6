"""Designs that do not see the network under nodal fees: the ledger closes, fees come back, and nil fees change nothing."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.exchange import MeterFees, quote
from gridagora.core.network_operator import FeeRequest, FeeState
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import BehindTheMeter, HourPlan, Opening, SupplyOffer
from gridagora.grid.fixed_point import open_grid
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.internal_price import power_at_own
from gridagora.mechanisms.home_bid import bid_home
from gridagora.mechanisms.nodal_fee import hear_fees
from gridagora.results.outcome import welfare_usd
from gridagora.run import compare as runs
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.fee_returns import RETURN
from gridagora.run.internal_price import quote_devices
from gridagora.run.network_operator import Askers, answer_network
from gridagora.run.opening import hour_product, open_plan
from gridagora.run.settle import FEE, LOSSES
from gridagora.run.simulate import simulate
from gridagora.run.state import start_run
from gridagora.run.step import Run
from gridagora.run.unsound import refuse_unsound_plan
from gridagora.scenario import build, read
from gridagora.scenario.network_keys import NetworkKeys
from gridagora.settlement.ledger import only, paid_uusd
from gridagora.settlement.parties import Role, row_of

STREET = """
[scenario]
seed = 4
days = 1
start = 2024-07-15
[homes]
count = 12
battery_share = 0.2
ev_share = 0.4
[homes.pv]
share = 1.0
kw = 17.0
[[design]]
name = "rtp with fees"
market = "rtp"
network = "fee"
"""
DESIGNS = ("flat_optimised", "tou", "rtp", "peer", "auction", "retailer")


@pytest.fixture(scope="module")
def street():
    scene = build.build(read.parse(STREET, "street.toml"))
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def under_fees(street):
    """Return a function that runs a design under fees, once."""
    scene, study = street
    known = {}

    def run(name):
        if name not in known:
            market = replace(scene.market(name), network="fee")
            known[name] = market, simulate(market, study)
        return known[name]

    return run


def booked(street, under_fees, name, losses):
    """Return the outcome of a design under fees with its losses charged by a rule."""
    (scene, study), (market, ran) = street, under_fees(name)
    keys = scene.scenario.model_copy(update={"network": NetworkKeys(losses=losses)})
    here = replace(scene, scenario=keys)
    grid = open_grid(scene.feeder)
    return runs.add_power_flow(here, grid, market, ran, evaluate(name, ran, study))


@pytest.mark.parametrize("name", DESIGNS)
def test_fees_are_paid_and_the_wires_keep_what_losses_cost_at_most(street, under_fees, name):
    outcome = booked(street, under_fees, name, "none")
    parties = outcome.parties
    wires = row_of(parties, Role.WIRES)
    paid, back, lost = (
        -paid_uusd(only(outcome.ledger, item), len(parties.id))[wires]
        for item in (FEE, RETURN, LOSSES)
    )
    assert outcome.imbalance_uusd == 0
    assert paid != 0
    assert paid + back == pytest.approx(min(-lost, max(paid, 0)), abs=2 * len(parties.id))
    ends = paid_uusd(outcome.ledger, len(parties.id))[: len(outcome.bill_usd)]
    np.testing.assert_allclose(outcome.bill_usd, ends / 1e6, atol=1e-9)


@pytest.mark.parametrize("losses", ["averaged", "marginal"])
def test_all_fees_come_back_where_losses_are_charged_otherwise(street, under_fees, losses):
    outcome = booked(street, under_fees, "rtp", losses)
    paid, back = (only(outcome.ledger, item).amount_uusd.sum() for item in (FEE, RETURN))
    assert paid == pytest.approx(back, abs=2 * len(outcome.bill_usd))
    assert outcome.imbalance_uusd == 0


def test_what_comes_back_goes_by_energy_withdrawn(street, under_fees):
    outcome = booked(street, under_fees, "rtp", "averaged")
    n = len(outcome.bill_usd)
    back = -paid_uusd(only(outcome.ledger, RETURN), len(outcome.parties.id))[:n]
    taken = np.asarray(outcome.home_kw).clip(min=0).sum(1)
    np.testing.assert_allclose(back, back.sum() * taken / taken.sum(), atol=2)


@pytest.mark.parametrize("name", ["rtp", "peer"])
def test_nil_fees_leave_the_run_as_it_is(street, name):
    scene, study = street
    wide = study.network._replace(band_pu=(0.5, 2.0), fees_hold_losses=False)
    wide = wide._replace(prices=wide.prices._replace(rating_over_per_kvah=0.0))
    free = study._replace(network=wide)
    alone = scene.market(name)
    plain, same = (
        evaluate(name, simulate(each, free), free)
        for each in (alone, replace(alone, network="fee"))
    )
    np.testing.assert_array_equal(same.home_kw, plain.home_kw)
    np.testing.assert_array_equal(same.bill_usd, plain.bill_usd)
    assert welfare_usd(same) == welfare_usd(plain)
    assert not only(same.ledger, FEE).item.size


def test_a_run_by_steps_pays_the_same(street, under_fees):
    scene, study = street
    run = Run(scene, "rtp with fees", study)
    usd = 0.0
    while not run.is_over:
        usd = usd + run.step().cost_usd
    whole = booked(street, under_fees, "rtp", scene.scenario.network.losses)
    np.testing.assert_allclose(usd, whole.bill_usd, atol=1e-6)


def test_fees_are_posted_where_the_day_ahead_closes_and_cost_messages(street):
    scene, study = street
    desk = start_run(scene.market("rtp"), study)
    opening = open_plan(desk, hour_product(desk, 0))
    session = hear_fees(opening, opening.supply.import_per_kwh)
    asked = next(session)
    assert isinstance(asked, FeeRequest)
    n, h = len(opening.party), len(opening.supply.import_per_kwh)
    counted = session.send(FeeState(np.full((n, h), 0.01), rounds=3))
    assert (counted.messages, counted.disclosed, counted.rounds) == (6 * n, 3 * n * h, 6)
    posted = session.send(None)
    assert opening.binds and isinstance(posted.quotes, MeterFees)
    nobody = hear_fees(opening, opening.supply.import_per_kwh)
    next(nobody)
    with pytest.raises(StopIteration) as end:
        nobody.send(FeeState(np.zeros((n, h)), rounds=0))
    assert end.value.value is None


def test_a_home_bids_and_devices_hear_prices_with_the_fee_on_top():
    curves = Curves(np.array([0, 2, 4]), np.array([0.0, 2.0, 0.0, 3.0]), np.array([0.3, 0.1] * 2))
    fee = np.array([0.05, -0.02])
    plain = BehindTheMeter(curves, np.array([0, 1]), np.array([1.0, -2.0]))
    charged = plain._replace(fee_per_kwh=fee)
    product = Product(Commodity.P, 0, 300, Horizon.REAL_TIME)
    opening = Opening(product, np.arange(2), SupplyOffer(*np.full((3, 1), 0.1)))
    bids = [bid_home(opening, each) for each in (plain, charged)]
    at = [Curves(each.offset, each.p_kw, each.price_per_kwh) for each in bids]
    for price in (0.12, 0.2, 0.26):
        asked = power_at_own(at[1], np.full(2, price), np.ones(2))
        np.testing.assert_allclose(asked, power_at_own(at[0], price + fee, np.ones(2)), atol=1e-8)
    for credit in (0.2, 0.1):
        quoted = quote(product, np.arange(2), np.array([0.2]), np.array([credit]))
        told = quoted._replace(
            buy_per_kwh=quoted.buy_per_kwh + fee[:, None],
            sell_per_kwh=quoted.sell_per_kwh + fee[:, None],
        )
        heard, want = quote_devices(quoted, charged)[0], quote_devices(told, plain)[0]
        np.testing.assert_array_equal(heard.buy_per_kwh, want.buy_per_kwh)


def test_fees_that_are_none_are_refused(street):
    scene, study = street
    desk = start_run(scene.market("rtp"), study)
    opening = open_plan(desk, hour_product(desk, 0))
    n, h = len(opening.party), len(opening.supply.import_per_kwh)
    fees = MeterFees(opening.product, opening.party, np.zeros((n, h)))
    plan = HourPlan(np.zeros(h), None)
    refuse_unsound_plan(desk, plan._replace(fees=fees), opening)
    wrong = (
        (fees._replace(fee_per_kwh=np.full((n, h), np.nan)), "fee_per_kwh"),
        (fees._replace(party=np.zeros(n, np.int64)), "each at most once"),
        (fees._replace(fee_per_kwh=np.zeros((n, h - 1))), "fee_per_kwh"),
        (np.zeros((n, h)), "expected MeterFees"),
    )
    for each, said in wrong:
        with pytest.raises(PartError, match=said):
            refuse_unsound_plan(desk, plan._replace(fees=each), opening)
    asked = FeeRequest(opening.product, *opening.supply[:2])
    askers = Askers(np.arange(n), np.zeros((n, h)), None, np.zeros(n, np.bool_))
    with pytest.raises(PartError, match="homes plan there"):
        answer_network({0: asked}, [desk], lambda _: askers)
