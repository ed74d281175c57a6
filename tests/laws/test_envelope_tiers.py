"""Envelopes by tier: homes anywhere within what they have and bought keep the feeder, and pay for what they bought."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.network_operator import EnvelopeRequest
from gridagora.grid.limited import limited_quantities, phasors_of
from gridagora.mechanisms.envelope_tier import buy_tiers
from gridagora.run.compare import prepare
from gridagora.run.envelopes import tell_envelopes
from gridagora.run.evaluate import evaluate
from gridagora.run.opening import hour_product
from gridagora.run.power_flow import meter_powers
from gridagora.run.settle import TIER
from gridagora.run.simulate import simulate
from gridagora.run.state import start_run, wiring_of
from gridagora.scenario import build, read
from gridagora.settlement.ledger import only, paid_uusd
from gridagora.settlement.parties import Role, row_of
from tests.laws.test_feeder_envelopes import STREET, intervals_beyond

TIERS = "firm_share = 0.4\ntier_per_kwh = 0.01\n"
N, H = 3, 4
WHOLE = np.full((N, H), 10.0), np.full((N, H), 5.0)
PRICES = np.full((N, H), 0.1), np.full((N, H), 0.1)
WANTED = np.array([[12.0, 6.0, 1.0, -3.0], [4.0, 4.1, 0.0, -9.0], [0.0, 0.0, 0.0, 0.0]])


@pytest.fixture(scope="module")
def street():
    scene = build.build(read.parse(STREET + TIERS, "street.toml"))
    return scene, prepare(scene)


def answers(price):
    """Return what homes take: as wanted, a kW less for each cent dearer."""
    return WANTED - 100.0 * (price - 0.1)


def test_homes_buy_what_they_still_want_at_the_price_of_the_tier():
    found = buy_tiers(WHOLE, 0.4, PRICES, 0.01, answers)
    want_in = np.array([[10.0, 5.0, 4.0, 4.0], [4.0, 4.0, 4.0, 4.0], [4.0] * 4])
    want_out = np.array([[2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 2.0, 5.0], [2.0] * 4])
    np.testing.assert_allclose(found.import_kw, want_in)
    np.testing.assert_allclose(found.export_kw, want_out)
    np.testing.assert_allclose(found.bought_kw, want_in - 4.0 + want_out - 2.0, atol=1e-12)


@pytest.mark.parametrize("firm_share", [0.0, 0.3, 1.0])
def test_tiers_are_never_beyond_the_whole_nor_below_what_is_firm(firm_share):
    rng = np.random.default_rng(1)
    whole = rng.uniform(0, 8, (N, H)), rng.uniform(0, 8, (N, H))
    found = buy_tiers(whole, firm_share, PRICES, 0.02, lambda p: rng.normal(0, 9, p.shape))
    for limit, most in zip(found[:2], whole, strict=True):
        assert (limit <= most).all() and (limit >= firm_share * most).all()
    assert firm_share < 1 or not found.bought_kw.any()


def test_nobody_buys_what_is_too_dear():
    found = buy_tiers(WHOLE, 0.4, PRICES, 1.0, answers)
    assert not found.bought_kw.any()


@pytest.mark.parametrize("name", ["rtp", "peer"])
def test_homes_within_their_tiers_keep_the_feeder_and_pay_the_wires_for_them(street, name):
    scene, study = street
    market = replace(scene.market(name), network="envelope", envelope="equal")
    outcome = evaluate(name, simulate(market, study), study)
    assert intervals_beyond(study, outcome) == 0
    paid = only(outcome.ledger, TIER)
    wires = row_of(outcome.parties, Role.WIRES)
    assert paid.amount_uusd.sum() > 0
    assert paid_uusd(paid, len(outcome.parties.id))[wires] == -paid.amount_uusd.sum()
    assert outcome.imbalance_uusd == 0


def test_any_point_within_tiers_keeps_every_bound(street):
    scene, study = street
    desk, wiring, rng = (
        start_run(scene.market("rtp"), study),
        wiring_of(study),
        np.random.default_rng(3),
    )
    asked = EnvelopeRequest(hour_product(desk, 0), "equal", np.full(24, 0.1), np.full(24, 0.1))
    n = len(scene.homes.home_id)
    told = tell_envelopes(desk, asked, 24, lambda price: rng.normal(0, 20, price.shape))
    assert told.orders == n and desk.tier_kwh.sum() > 0
    of = limited_quantities(wiring.grid.feeder)
    low, high = of.bounds(study.network.band_pu)
    for _ in range(20):
        p_kw = rng.uniform(-told.export_kw, told.import_kw)
        drawn = meter_powers(wiring.home_meter, p_kw, p_kw.clip(min=0), wiring.other_kw[:24])
        value = np.abs(phasors_of(of, wiring.grid.flow(*drawn).v).value)
        assert (value <= high * (1 + 1e-6)).all() and (value >= low * (1 - 1e-6)).all()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("[network]\nfirm_share = 0.5\n", "envelopes of the feeder, which have tiers"),
        ('[network]\nenvelopes = "feeder"\ntier_per_kwh = 0.1\n', "a firm_share below 1"),
    ],
)
def test_a_tier_of_nothing_is_refused(keys, said):
    with pytest.raises(InputError, match=said):
        read.parse("[scenario]\nstart = 2024-07-15\n" + keys, "street.toml")
