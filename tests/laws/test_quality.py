"""Laws of quality of service: tiers get what they are worth, the bound holds for them, and deviations are charged exactly."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridagora.bound.relaxation import bound
from gridagora.core.registry import find
from gridagora.core.tables import Quality
from gridagora.population import fleet as homes_at
from gridagora.population.quality import TIERS, deviation_kwh
from gridagora.results.outcome import welfare_usd
from gridagora.run.compare import compare, compute_bound, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.settle import CHARGE
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read

FIRM, FLEXIBLE = TIERS.index("firm"), TIERS.index("flexible")
PRICE = 0.05
MIXED = f"""
[scenario]
seed = 3
days = 1
[homes]
count = 8
ev_share = 0.5
battery_share = 0.25
[substation]
limit_share_of_flat_peak = 0.6
over_per_kwh = 1.0
[comfort]
slider_low = 0.5
slider_high = 2.0
[quality]
firm_share = 0.5
flexible_share = 0.5
deviation_per_kwh = {PRICE}
"""


@pytest.fixture(scope="module")
def mixed():
    """Return a scene whose substation limit binds and whose homes are firm or flexible."""
    return build.build(read.parse(MIXED, "mixed.toml"))


@pytest.fixture(scope="module")
def ran(mixed):
    """Return what designs did on it."""
    study = prepare(mixed)
    return {
        name: evaluate(name, simulate(mixed.market(name), study), study)
        for name in ("flat", "rtp", "central", "layered")
    }


def swapped(scene):
    """Return the scene with firm and flexible exchanged."""
    own = scene.homes.quality
    other = own._replace(
        tier=np.where(own.tier == FIRM, FLEXIBLE, FIRM), tier_ratio=1 / own.tier_ratio
    )
    return replace(scene, homes=scene.homes._replace(quality=other))


def test_money_sums_to_zero_with_charges(ran):
    assert all(outcome.imbalance_uusd == 0 for outcome in ran.values())


@pytest.mark.parametrize("name", ["central", "layered"])
def test_every_home_pays_for_what_it_delivered_other_than_awarded(mixed, ran, name):
    outcome = ran[name]
    rows = outcome.ledger.item == CHARGE
    missed = deviation_kwh(outcome.home_kw, outcome.award_kw, outcome.dt_h, 1.0).sum(1)
    assert outcome.ledger.payer[rows].tolist() == list(range(len(mixed.homes.home_id)))
    assert (outcome.ledger.payee[rows] == len(mixed.homes.home_id)).all()
    assert (outcome.ledger.amount_uusd[rows] >= 0).all()
    assert np.array_equal(outcome.ledger.amount_uusd[rows], np.rint(PRICE * missed * 1e6))


def test_a_charge_moves_bills_and_margin_and_nothing_else(mixed, ran):
    own = mixed.homes.quality
    own = own._replace(deviation_per_kwh=np.zeros_like(own.deviation_per_kwh))
    free = replace(mixed, homes=mixed.homes._replace(quality=own))
    study = prepare(free)
    without = evaluate("layered", simulate(free.market("layered"), study), study)
    charged = ran["layered"]
    paid = charged.ledger.amount_uusd[charged.ledger.item == CHARGE]
    assert np.array_equal(without.home_kw, charged.home_kw)
    assert charged.bill_usd - without.bill_usd == pytest.approx(paid / 1e6, abs=1e-9)
    assert charged.surplus_uusd - without.surplus_uusd == paid.sum() > 0
    assert welfare_usd(without) == welfare_usd(charged)


@pytest.mark.parametrize("name", ["flat", "rtp"])
def test_who_is_awarded_nothing_pays_nothing(ran, name):
    assert np.isnan(ran[name].award_kw).all()
    assert CHARGE not in ran[name].ledger.item
    assert find("metric", "D1u").compute(ran[name], None) == 0
    assert np.isnan(find("metric", "D1").compute(ran[name], None))


def test_the_hour_is_kept_better_than_the_interval_and_homes_together_better_than_alone(ran):
    values = {
        name: find("metric", name).compute(ran["layered"], None)
        for name in ("D1", "D1i", "D1s", "D1si", "D1t", "D1ti")
    }
    assert 0 < values["D1"] < values["D1i"]
    assert 0 < values["D1t"] < values["D1s"] < values["D1si"]
    assert values["D1t"] < values["D1ti"] < values["D1si"]


def test_a_home_is_served_better_when_it_is_firm(mixed, ran):
    """The same homes under the same limit, once in each tier: the firm ones are nearer to what they want."""
    other = swapped(mixed)
    study = prepare(other)
    turned = evaluate("layered", simulate(other.market("layered"), study), study)
    firm = mixed.homes.quality.tier == FIRM
    for felt in ("discomfort_k_h", "hot_water_k_h"):
        first, second = ran["layered"].felt[felt], turned.felt[felt]
        assert np.where(firm, first, second).mean() < np.where(firm, second, first).mean(), felt
    assert ran["layered"].felt["discomfort_k_h"].max() > 0.5


def test_no_design_beats_the_bound_of_mixed_tiers(mixed, ran):
    top = compute_bound(mixed, prepare(mixed)).welfare_usd
    assert all(welfare_usd(outcome) <= top for outcome in ran.values())


def test_a_design_that_knows_the_future_comes_near_the_bound_of_mixed_tiers_and_stays_below():
    keys = ("market.forecast='perfect'", "market.dispatch='continuous'", "homes.ev_share=0.0")
    scene = build.build(read.parse(MIXED, "mixed.toml", overrides=keys))
    study = prepare(scene)
    study = study._replace(wholesale=study.wholesale._replace(limit_kw=np.inf))
    top = compute_bound(scene, study).welfare_usd
    flat, rtp = (
        evaluate(name, simulate(scene.market(name), study), study) for name in ("flat", "rtp")
    )
    assert welfare_usd(rtp) <= top
    assert welfare_usd(rtp) - welfare_usd(flat) > 0.8 * (top - welfare_usd(flat))


def test_the_bound_falls_with_what_denial_costs(mixed):
    tops = []
    for ratio in (0.25, 1.0, 4.0):
        own = Quality(np.ones(1), np.zeros(1, np.int64), np.array([ratio]), np.zeros(1), 1.0)
        homes = mixed.homes._replace(quality=own)
        hour = np.arange(homes.load_kw.shape[1]) % 24
        fleet = homes_at.make_fleet(
            homes, hour, 0.05, 0.0, 1 / 12, rule="continuous", draws_known=True
        )
        tops.append(
            bound(
                fleet, homes.load_kw, mixed.prices, hours=24, limit_kw=10.0, threads=1
            ).welfare_usd
        )
    assert tops[0] > tops[1] > tops[2]


def test_homes_that_all_draw_one_are_the_homes_of_before(scene, study, outcomes):
    n = len(scene.homes.home_id)
    ones = Quality(np.ones(n), np.zeros(n, np.int64), np.ones(n), np.zeros(n), 0.0)
    same = study._replace(homes=scene.homes._replace(quality=ones))
    again = evaluate("layered", simulate(scene.market("layered"), same), same)
    before = outcomes["layered"]
    for column in ("home_kw", "bill_usd"):
        assert np.array_equal(getattr(again, column), getattr(before, column)), column
    for item in ("comfort", "hot water", "ev unmet"):
        assert np.array_equal(again.device_usd[item], before.device_usd[item]), item


def test_the_table_of_homes_tells_tier_deviation_and_charge(mixed):
    table = compare(mixed, ["flat", "layered"]).tables["homes"]
    flat, layered = (
        table[table.architecture == name].reset_index(drop=True) for name in ("flat", "layered")
    )
    assert layered.tier.tolist() == [TIERS[row] for row in mixed.homes.quality.tier]
    assert (layered.deviation_hour_kw < layered.deviation_interval_kw).all()
    charged = PRICE * layered.deviation_hour_kw * 24
    pd.testing.assert_series_equal(
        layered.deviation_charge_usd, charged, check_names=False, atol=1e-6
    )
    assert flat.deviation_hour_share.isna().all()
    assert (flat.deviation_charge_usd == 0).all()
