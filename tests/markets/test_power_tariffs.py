"""Tariffs that charge for power: what homes subscribe, what power and energy earn together, and what a run books of them."""

import numpy as np
import pytest

from gridagora.core.capacity import CapacityMarket, share_of_month
from gridagora.core.errors import InputError, PartError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import Baseline, MessageCount, Opening, SupplyOffer, drive
from gridagora.markets.demand_charge import DemandCharge
from gridagora.markets.demand_subscription import DemandSubscription, choose_least_cost
from gridagora.markets.flat_optimised import FlatOptimised
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.settlement.capacity import ITEMS, capacity_usd
from gridagora.settlement.ledger import only

STEP_S, HOURS = 1800, 48
POWER = (DemandSubscription(), DemandCharge(), DemandCharge(counted="peak", peak_ratio=2.0))
BOTH = pytest.mark.parametrize("design", POWER, ids=("subscription", "charge", "peak"))
STREET = """
[scenario]
seed = 6
days = 2
[homes]
count = 8
pv_share = 0.5
battery_share = 0.5
ev_share = 0.6
participation_share = {0}
[tariff]
credit_per_kwh = 0.02
"""


def baseline(**changes) -> Baseline:
    """Two days of half-hours, and one to look ahead: three homes of 1, 2 and 3 kW, the second of 6 kW from 16:00 to 20:00."""
    hour = np.arange(0, 72, 0.5) % 24
    home_kw = np.repeat(np.array([[1.0], [2.0], [3.0]]), 96, axis=1)
    home_kw[1, (hour[:96] >= 16) & (hour[:96] < 20)] = 6.0
    load = home_kw.sum(0)
    made = Baseline(0, STEP_S, hour.astype(int), 0.15 * load, load, np.zeros(96), home_kw=home_kw)
    return made._replace(**changes)


def earned_usd(design, made: Baseline) -> float:
    """What homes of the baseline pay for energy and power."""
    begun = design.start(made)
    assert isinstance(design, CapacityMarket)
    power = capacity_usd(design.capacity(begun), made.home_kw, 2, made.local_hour[::2])
    kw = made.home_kw
    price, credit = (column[: kw.shape[1]] for column in begun.tariff[2:])
    energy = (kw.clip(min=0) * price - (-kw).clip(min=0) * credit).sum() * STEP_S / 3600
    return float(energy + sum(usd.sum() for usd in power.values()))


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_energy_and_power_together_earn_the_cost_of_the_baseline(design, seed):
    """Homes drawn at random, some of which export: to 1e-9 of the cost."""
    rng = np.random.default_rng(seed)
    made = baseline()
    home_kw = made.home_kw + rng.normal(0.0, 1.0, (3, 96))
    load = home_kw.sum(0)
    drawn = made._replace(
        home_kw=home_kw,
        load_kw=load,
        cost_usd_per_h=load * rng.uniform(0.1, 0.2, 96),
        exported_kw=(-home_kw).clip(min=0).sum(0),
    )
    for credit in (float("inf"), 0.01):
        own = type(design)(**{**vars(design), "credit_per_kwh": credit})
        cost = drawn.cost_usd_per_h.sum() / 2
        assert earned_usd(own, drawn) == pytest.approx(cost, rel=1e-9)


def test_a_subscription_is_the_closed_form():
    """4.75 $ x 2 days / 30.4375 is .3121 $/kW, below .228 x 2 h: one hour may be beyond, and the second home keeps its 6 kW."""
    terms = DemandSubscription().start(baseline()).terms
    charge = 4.75 * 2 * 12 / 365.25
    assert share_of_month(2) == pytest.approx(2 / 30.4375)
    assert terms.subscription_per_kw == pytest.approx(charge)
    assert np.array_equal(terms.subscribed_kw, [1.0, 6.0, 3.0])
    dear = DemandSubscription(charge_per_kw_month=30.0).start(baseline()).terms
    assert np.array_equal(dear.subscribed_kw, [1.0, 2.0, 3.0])  # 8.6 hours may be beyond, 8 are
    share = DemandSubscription(subscription="share", subscribed_share=0.5).start(baseline()).terms
    assert np.array_equal(share.subscribed_kw, [0.5, 3.0, 1.5])
    same = DemandSubscription(subscription="same", subscribed_kw=4.0).start(baseline()).terms
    assert np.array_equal(same.subscribed_kw, [4.0, 4.0, 4.0])


@pytest.mark.parametrize("seed", range(3))
def test_no_other_subscription_costs_less(seed):
    rng = np.random.default_rng(seed)
    hourly, charge, over = rng.gamma(2.0, 1.0, (5, 96)), rng.uniform(0.1, 4.0), 0.3

    def paid(kw):
        return charge * kw + over * (hourly - kw[:, None]).clip(min=0).sum(1)

    own = choose_least_cost(hourly, charge, over)
    for kw in np.linspace(0.0, 12.0, 241):
        assert np.all(paid(own) <= paid(np.full(5, kw)) + 1e-9)
    assert np.array_equal(choose_least_cost(hourly, 100.0, over), np.zeros(5))


def test_a_demand_charge_lowers_the_rate_by_what_it_earns():
    """The largest hours are 1, 6 and 3 kW; with `counted = "peak"` and a window from 8 to 10 they are 1, 2 and 3."""
    made, per_kw = baseline(), 4.75 * 2 * 12 / 365.25
    energy_kwh, cost = made.load_kw.sum() / 2, made.cost_usd_per_h.sum() / 2
    for design, largest in (
        (DemandCharge(), 10.0),
        (DemandCharge(counted="peak", peak_start_h=8.0, peak_end_h=10.0), 6.0),
    ):
        rate = design.start(made).tariff.import_per_kwh
        assert rate == pytest.approx((cost - largest * per_kw) / energy_kwh, rel=1e-12)


@BOTH
def test_a_charge_that_earns_more_than_the_cost_is_refused(design):
    dear = type(design)(**{**vars(design), "charge_per_kw_month": 500.0})
    with pytest.raises(
        InputError, match=r"charge_per_kw_month: got .* expected charges that earn less"
    ):
        dear.start(baseline())


@BOTH
def test_before_there_is_a_baseline_nothing_is_charged_for_power(design):
    begun = design.start(baseline(fixed_per_kwh=0.12, home_kw=None))
    assert set(begun.tariff.import_per_kwh) == {0.12}
    assert len(design.capacity(begun).subscribed_kw) == 0


def opened(parties: int) -> Opening:
    product = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD, 0)
    return Opening(product, np.arange(parties), SupplyOffer(*(np.full(24, 0.1),) * 2, np.zeros(24)))


def test_a_subscription_is_a_limit_of_the_meter_and_no_message():
    design, plain = DemandSubscription(subscription="same", subscribed_kw=4.0), FlatOptimised()
    found, free = (
        drive(each.plan(opened(3), each.start(baseline())), lambda _: None, MessageCount())
        for each in (design, plain)
    )
    assert found.traffic == free.traffic
    assert free.result.limits is None
    assert found.result.limits.limit_kw.shape == (3, 24)
    assert (found.result.limits.limit_kw == 4.0).all()
    assert (found.result.limits.over_per_kwh == 0.228).all()
    with pytest.raises(PartError, match="3 homes: the opening has 4"):
        drive(design.plan(opened(4), design.start(baseline())), lambda _: None, MessageCount())


@pytest.fixture(scope="module", params=[1.0, 0.5], ids=["all", "half"])
def played(request):
    """Outcomes of the three on a street, all homes or half of them taking part."""
    scene = build.build(read.parse(STREET.format(request.param), "street.toml"))
    study = prepare(scene)
    designs = [type(each)(**{**vars(each), "credit_per_kwh": 0.02}) for each in POWER]
    every = [scene.market("flat"), scene.market("flat_optimised"), *designs]
    return study, [evaluate("own", simulate(each, study), study) for each in every]


def largest_kw(outcome):
    home_kw = np.asarray(outcome.home_kw)
    return home_kw.reshape(len(home_kw), HOURS, -1).mean(2).clip(min=0)


def test_homes_lower_what_they_are_charged_for(played):
    study, (flat, free, subscribed, charged, at_peak) = played
    own = slice(None) if study.automated is None else study.automated
    most = [largest_kw(each)[own].max(1).mean() for each in (flat, free, charged)]
    assert most[2] < 0.8 * most[1] and most[2] < 0.8 * most[0]
    window = (np.arange(HOURS) % 24 >= 14) & (np.arange(HOURS) % 24 < 20)
    local = np.roll(window, -int(study.local_hour[0]))
    kw = [largest_kw(each)[own][:, local].max(1).mean() for each in (free, at_peak)]
    assert kw[1] < 0.8 * kw[0]
    limit = subscribed.paid.capacity.subscribed_kw[own]
    beyond = [
        (largest_kw(each)[own] - limit[:, None]).clip(min=0).sum() for each in (free, subscribed)
    ]
    assert beyond[1] < beyond[0]


def test_what_is_booked_is_what_the_meters_say(played):
    """Item by item for every home, those that take no part included."""
    study, outcomes = played
    for outcome in outcomes[2:]:
        hourly, terms = largest_kw(outcome), outcome.paid.capacity
        counted = terms.counted[study.local_hour[:HOURS]]
        finite = np.where(np.isfinite(terms.subscribed_kw), terms.subscribed_kw, 0.0)
        beyond = (hourly - terms.subscribed_kw[:, None]).clip(min=0).sum(1)
        expected = (
            terms.subscription_per_kw * finite,
            terms.over_per_kwh * beyond,
            terms.demand_per_kw * hourly[:, counted].max(1),
        )
        for item, usd in zip(ITEMS, expected, strict=True):
            booked = only(outcome.ledger, item)
            paid = np.zeros(len(hourly))
            np.add.at(paid, booked.payer, booked.amount_uusd / 1e6)
            assert paid == pytest.approx(usd, abs=1e-6)
        assert outcome.imbalance_uusd == 0


def test_who_takes_no_part_pays_for_the_power_of_its_baseline(played):
    study, (flat, _, *charged) = played
    if study.automated is None:
        return
    out = ~study.automated
    for outcome in charged:
        np.testing.assert_array_equal(
            np.asarray(outcome.home_kw)[out], np.asarray(flat.home_kw)[out]
        )
        paid = sum(only(outcome.ledger, item).amount_uusd.sum() for item in ITEMS)
        assert paid > 0
        booked = np.concatenate([only(outcome.ledger, item).payer for item in ITEMS])
        assert set(np.flatnonzero(out)) <= set(booked.tolist())
