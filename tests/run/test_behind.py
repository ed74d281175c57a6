"""Tariff homes that are credited less for export than they pay for import: money, self-consumption, plans, prices inside."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from home_columns import columns_of

from gridagora.core.errors import InputError
from gridagora.population import fleet as homes_at
from gridagora.run import internal_price as behind
from gridagora.run.compare import compare, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.state import baseline
from gridagora.scenario import build, read
from gridagora.scenario.schema import TariffKeys

DESIGNS = ("flat", "flat_optimised", "tou")
CREDIT = 0.02


def with_credit(scene, credit_per_kwh):
    keys = scene.scenario.model_copy(update={"tariff": TariffKeys(credit_per_kwh=credit_per_kwh)})
    return replace(scene, scenario=keys)


def run(scene, study, name):
    return evaluate(name, simulate(scene.market(name), study), study)


def exported_kwh(outcome):
    return (-outcome.home_kw).clip(min=0).sum(1) * outcome.dt_h


def cost_usd(outcome):
    """Mean cost of a home: bill, comfort, wear and what was missed, less what is left in its stores."""
    felt = sum(part.mean() for part in outcome.device_usd.values())
    return outcome.bill_usd.mean() + felt - outcome.left_usd / len(outcome.bill_usd)


@pytest.fixture(scope="module")
def low(scene):
    return with_credit(scene, CREDIT)


@pytest.fixture(scope="module")
def low_study(low):
    return prepare(low)


@pytest.fixture(scope="module")
def outcomes(low, low_study):
    return {name: run(low, low_study, name) for name in DESIGNS}


@pytest.mark.parametrize("name", DESIGNS)
def test_homes_pay_for_import_and_are_paid_for_export_to_the_micro_dollar(outcomes, name):
    o = outcomes[name]
    paid = (
        o.home_kw.clip(min=0) @ o.price_per_kwh - CREDIT * (-o.home_kw).clip(min=0).sum(1)
    ) * o.dt_h
    np.testing.assert_allclose(o.bill_usd, paid, atol=1.01e-6)
    assert o.imbalance_uusd == 0
    assert exported_kwh(o).max() > 0
    assert {"energy", "credit"} <= set(o.ledger.item)


def cost_usd_per_h(o):
    """Energy, delivery and what is beyond the limit."""
    beyond_kw = (np.abs(o.load_kw) - o.limit_kw).clip(min=0).sum()
    energy = o.load_kw @ (o.wholesale_per_kwh + o.delivery_per_kwh)
    return energy + o.over_per_kwh * beyond_kw


def test_the_flat_tariff_earns_its_cost_from_homes_that_do_not_answer(outcomes):
    o = outcomes["flat"]
    cost = cost_usd_per_h(o) * o.dt_h
    assert o.bill_usd.sum() == pytest.approx(cost, abs=1e-6 * len(o.bill_usd))


def test_time_of_use_earns_the_cost_of_the_baseline(low, low_study, outcomes):
    """T30 with a kink: import revenue less credits, on the homes of the baseline."""
    flat = outcomes["flat"]
    wholesale = np.resize(flat.wholesale_per_kwh, 2 * len(flat.start_s))
    price = (
        low.market("tou").start(baseline(low_study, wholesale)).import_per_kwh[: len(flat.start_s)]
    )
    revenue = (flat.home_kw.clip(min=0) @ price).sum() - CREDIT * (-flat.home_kw).clip(min=0).sum()
    cost = cost_usd_per_h(flat)
    assert revenue == pytest.approx(cost, abs=1e-9)
    np.testing.assert_array_equal(price, outcomes["tou"].price_per_kwh)


def test_a_credit_a_hair_below_the_price_costs_homes_what_net_metering_does(scene, study):
    """What a battery holds at the end may differ, for it is worth what it cost; the sum does not. Units run continuously."""
    free = study.wholesale._replace(limit_kw=np.inf)  # the rate is then what stores count at
    smooth = study._replace(rule="continuous", wholesale=free)
    plain = run(scene, smooth, "flat_optimised")
    near = run(with_credit(scene, plain.price_per_kwh[0] * (1 - 1e-9)), smooth, "flat_optimised")
    assert cost_usd(near) == pytest.approx(cost_usd(plain), rel=5e-3)


def test_a_credit_equal_to_the_price_is_net_metering(scene, study):
    """The two prices come out of different divisions: a last digit moves what a battery holds at the end, not the sum."""
    smooth = study._replace(rule="continuous")
    plain = run(scene, smooth, "flat_optimised")
    equal = run(with_credit(scene, plain.price_per_kwh[0]), smooth, "flat_optimised")
    np.testing.assert_allclose(equal.price_per_kwh, plain.price_per_kwh, rtol=1e-12)
    assert cost_usd(equal) == pytest.approx(cost_usd(plain), rel=1e-3)
    assert np.isnan(equal.plan_gap_share)


@pytest.mark.parametrize("name", ["flat_optimised", "tou"])
def test_a_home_with_panels_and_a_battery_uses_what_it_makes(scene, study, outcomes, name):
    """Net metering lets a battery trade with the grid; a low credit leaves only what neither house nor battery can take."""
    own = columns_of(scene.homes)
    both = (own.pv_kw.max(1) > 0) & (own.battery_kwh > 0)
    assert both.any()
    free = exported_kwh(run(scene, study, name))[both].sum()
    assert exported_kwh(outcomes[name])[both].sum() < 0.15 * free


def test_the_plan_states_its_gap_and_stays_between_credit_and_price(low, low_study, outcomes):
    assert 0 <= outcomes["tou"].plan_gap_share < 0.1
    fleet = homes_at.make_fleet(
        low.homes,
        low_study.local_hour,
        low_study.comfort_per_k2_h,
        low_study.reference_per_kwh,
        1 / 12,
        rule="priority",
        draws_known=True,
    )
    believed, rows = homes_at.beliefs(fleet, 18, 24, 0.1)
    specs, home = homes_at.keep_valued(
        fleet, homes_at.disclosed_specs(believed), homes_at.homes_of(fleet, rows)
    )
    own = columns_of(low.homes)
    net_kw = (own.load_kw - own.pv_kw)[:, 18:42]
    buy, sell = np.where(np.arange(24) < 2, 0.2, 0.1), np.full(24, CREDIT)
    found = behind.find_internal_prices(specs, home, net_kw, buy, sell, None)
    assert np.all((found.price_per_kwh >= sell - 1e-12) & (found.price_per_kwh <= buy + 1e-12))
    can = (net_kw < 0).any(1) | (own.battery_kwh > 0)
    assert np.array_equal(found.price_per_kwh[~can], np.tile(buy, ((~can).sum(), 1)))
    assert np.any(found.price_per_kwh[can] < buy - 1e-6)
    assert 0 <= found.gap_usd.sum() < 0.1 * found.cost_usd.sum()
    later = behind.find_internal_prices(specs, home, net_kw, buy, sell, found.price_per_kwh)
    assert later.gap_usd.sum() < 0.1 * later.cost_usd.sum()
    begun = [each.copy() for each in found.p_kw]
    near = behind.find_internal_prices(specs, home, net_kw, buy, sell, found.price_per_kwh, begun)
    assert near.gap_usd.sum() < 5e-3 * near.cost_usd.sum()
    for power, at, was in zip(near.p_kw, home, begun, strict=True):
        assert not power[~can[at]].any()
        assert np.array_equal(power[~can[at]], was[~can[at]])


def test_powers_of_an_hour_ago_go_to_the_rows_that_take_part_again():
    p_kw = np.arange(12.0).reshape(4, 3)
    moved = behind.shift_powers(p_kw, np.array([0, 2, 5, 9]), np.array([1, 2, 9]))
    assert moved.tolist() == [[0, 0, 0], [4, 5, 0], [10, 11, 0]]
    assert behind.shift_powers(p_kw[:0], np.zeros(0, int), np.array([3])).tolist() == [[0, 0, 0]]


def test_a_plan_that_knows_the_credit_costs_homes_less(low, low_study, monkeypatch):
    """Against a plan that takes export to earn the import price; both clear inside the home. Units run continuously."""
    study = low_study._replace(rule="continuous")

    aware = cost_usd(run(low, study, "tou"))
    monkeypatch.setattr(
        behind,
        "find_internal_prices",
        lambda specs, home, net, buy, *_: behind.InternalPrices(
            np.tile(buy, (len(net), 1)), np.zeros(len(net)), np.zeros(len(net))
        ),
    )
    blind = cost_usd(run(low, study, "tou"))
    assert aware < blind


def test_a_credit_above_the_price_is_refused_with_the_price(scene):
    with pytest.raises(
        InputError, match=r"\[tariff\] credit_per_kwh: got 0.3 .* at most the cheapest import price"
    ):
        prepare(with_credit(scene, 0.3))


def test_a_design_whose_cheap_hours_are_below_the_credit_fails_alone(scene):
    price = compare(scene, ["flat"]).summary["manifest"]["flat_rate_per_kwh"]
    result = compare(with_credit(scene, 0.9 * price), ["flat", "tou"])
    assert list(result.summary["architectures"]) == ["flat"]
    assert "cheapest import price of the design" in result.summary["failed"]["tou"]


def test_the_scenario_of_the_how_to_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "export-credit.md").read_text(
        encoding="utf-8"
    )
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    scene = build.build(read.parse(text, overrides=["homes.count=6", "scenario.days=1"]))
    found = compare(scene).tables["ledger"]
    assert set(found[found.item == "credit"].architecture) == {"flat", "tou"}
