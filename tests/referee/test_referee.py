"""Every registered design is scored again by a scorer that shares no code with the package; both agree to the micro-dollar."""

from collections import defaultdict

import numpy as np
import pytest
import scorer

from gridagora.core.registry import find, names
from gridagora.results.metric import Reference
from gridagora.results.outcome import costs_usd, welfare_usd

SUMMER = """
[scenario]
start = 2024-07-15
days = 1
seed = {seed}
[homes]
count = 5
pv_share = 0.6
battery_share = 0.4
ev_share = 0.4
[substation]
limit_kw = 10
over_per_kwh = 1.0
[comfort]
slider_low = 0.6
slider_high = 1.7
[quality]
firm_share = 0.3
flexible_share = 0.3
deviation_per_kwh = 0.02
"""
WINTER = """
[scenario]
start = 2024-01-15
days = 1
seed = {seed}
[homes]
count = 4
pv_share = 1.0
pv_kw = 14
battery_share = 0.5
ev_share = 0.5
tank_l = 100
[prices]
export_credit_per_kwh = 0.01
[tariff]
credit_per_kwh = 0.02
[market.layered]
energy_products = true
[market.auction]
delivery_share = 0.6
[market.peer]
delivery_share = 0.3
network_fee = "zonal"
fee_per_kwh = 0.013
[quality]
firm_share = 0.5
flexible_share = 0.5
[market]
interval_minutes = 15
dispatch = "continuous"
"""
SCENES = {
    "summer, limit, quality of service": (SUMMER, 0.0),
    "winter, export, other customers": (WINTER, 3.0),
}
EACH = pytest.mark.parametrize("name", names("market"))
USD = 1e-6
K = 1e-9
ITEMS = {
    "energy",
    "credit",
    "wholesale energy",
    "delivery",
    "export credit",
    "other customers",
    "overload",
    "losses",
    "local energy",
} | {
    *(
        "long-term",
        "day-ahead",
        "deviation",
        "deviation charge",
        "retail margin",
        "subscribed power",
        "demand charge",
    )  # short-term changes nothing in a day
}
ITEM = {"credit": "energy"}  # paid back for what leaves a home


def agrees(outcome, ran, given, recorded):
    """Hold every figure of the product against the referee's."""
    own = scorer.score(given, recorded)
    fleet = ran.fleet
    np.testing.assert_allclose(
        ran.track.recorder.column("t_air_degc").T, own.air_degc, atol=K, rtol=0
    )
    houses, tanks = fleet.of_kind("hvac").houses, fleet.of_kind("water_heater").tanks
    stored = (fleet.of_kind("battery").e_kwh, fleet.of_kind("ev").e_kwh)
    ends = (houses.t_air_degc, houses.t_mass_degc, tanks.t_tank_degc, *stored)
    for (what, value), got in zip(own.end.items(), ends, strict=True):
        np.testing.assert_allclose(got, value, atol=K, rtol=0, err_msg=what)
    np.testing.assert_allclose(outcome.home_kw, own.home_kw.T, atol=K, rtol=0)
    np.testing.assert_allclose(outcome.load_kw, own.load_kw, atol=K, rtol=0)
    costs = costs_usd(outcome)
    assert {name for name, usd in costs.items() if usd} <= set(own.costs)
    for what, value in own.costs.items():
        assert costs[what] == pytest.approx(value, abs=USD), what
    assert welfare_usd(outcome) == pytest.approx(own.metrics["E1"], abs=USD)
    pairs = {
        "comfort": outcome.device_usd["comfort"],
        "outside_k_h": outcome.felt["discomfort_k_h"],
        "wear": outcome.device_usd["wear"],
        "hot water": outcome.device_usd["hot water"],
        "cold_k_h": outcome.felt["hot_water_k_h"],
        "missing_kwh": outcome.felt["ev_unmet_kwh"],
        "ev unmet": outcome.device_usd["ev unmet"],
    }
    for what, got in pairs.items():
        np.testing.assert_allclose(got, own.by_home[what], atol=USD, rtol=0, err_msg=what)
    settles_alike(outcome, own)
    for metric, value in own.metrics.items():
        got = find("metric", metric).compute(outcome, Reference(None, None))
        near = USD if metric != "E6m" else USD * len(outcome.ledger.payer)
        assert got == pytest.approx(value, abs=near), metric


def settles_alike(outcome, own):
    """Each pair of parties and each item to half a micro-dollar an entry, bills, and the sum of all to nothing.

    A retail margin is a share of what all rounded entries leave.
    """
    margins = max(1, np.count_nonzero(outcome.ledger.item == "retail margin"))
    booked, entries = defaultdict(int), defaultdict(int)
    book = outcome.ledger
    for payer, payee, item, uusd in zip(
        book.payer, book.payee, book.item, book.amount_uusd, strict=True
    ):
        key, sign = (int(payer), int(payee), ITEM.get(str(item), str(item))), 1
        if str(item) in ITEM:
            key, sign = (key[1], key[0], key[2]), -1
        booked[key] += sign * int(uusd)
        entries[key] += 1
    for key in set(booked) | set(own.ledger):
        rounded = (
            len(outcome.ledger.item) / margins
            if key[2] == "retail margin"
            else max(entries[key], 1)
        )
        assert booked[key] / 1e6 == pytest.approx(
            own.ledger.get(key, 0.0), abs=0.51e-6 * rounded
        ), key
    np.testing.assert_allclose(outcome.bill_usd, own.by_home["bill"], atol=USD * 4, rtol=0)
    assert outcome.imbalance_uusd == 0


@EACH
@pytest.mark.parametrize("case", SCENES)
def test_the_referee_comes_to_the_same_figures(refereed, case, name):
    text, others_kw = SCENES[case]
    agrees(*refereed(text.format(seed=4), name, others_kw))


OF_ITS_OWN = {
    "a window for each group": ("tou", "[market.tou]\ngroups = 3\nstagger_hours = 4\n"),
    "a premium on wholesale": ("critical_peak", '[market.critical_peak]\nbase = "wholesale"\n'),
}


@pytest.mark.parametrize("case", SCENES)
@pytest.mark.parametrize("what", OF_ITS_OWN)
def test_the_referee_bills_every_home_at_what_its_devices_were_told(refereed, case, what):
    text, others_kw = SCENES[case]
    name, keys = OF_ITS_OWN[what]
    agrees(*refereed(text.format(seed=4) + keys, name, others_kw))


@pytest.mark.long
@EACH
@pytest.mark.parametrize("case", SCENES)
@pytest.mark.parametrize("seed", range(11, 16))
def test_the_referee_comes_to_the_same_figures_on_more_days(refereed, case, name, seed):
    text, others_kw = SCENES[case]
    longer = text.replace("days = 1", "days = 2").replace("count = 5", "count = 8")
    agrees(*refereed(longer.format(seed=seed), name, others_kw))


@pytest.mark.long
@pytest.mark.parametrize("case", SCENES)
@pytest.mark.parametrize("seed", range(21, 36))
def test_the_retail_game_of_any_small_scene_is_played_and_refereed(refereed, case, seed):
    """Few homes below a tight limit: in some hours no device can move, and pulls on the internal price meet their bound."""
    text, others_kw = SCENES[case]
    longer = text.replace("days = 1", "days = 2").replace("count = 5", "count = 8")
    agrees(*refereed(longer.format(seed=seed), "retailer", others_kw))


def test_the_scenes_hold_every_payment_and_every_cost(refereed):
    """What never happens is not refereed: each item of the ledger and each term of welfare stands in some design of a scene."""
    items, costs = set(), defaultdict(float)
    for text, others_kw in SCENES.values():
        for name in names("market"):
            outcome, _, _, recorded = refereed(text.format(seed=4), name, others_kw)
            items |= set(outcome.ledger.item[outcome.ledger.amount_uusd != 0].tolist())
            for what, usd in costs_usd(outcome).items():
                costs[what] = max(costs[what], abs(usd))
            costs["trades"] += len(recorded.trades)
            costs["export"] += outcome.load_kw.min() < -10
    assert items >= ITEMS
    assert min(usd for what, usd in costs.items() if what != "reactive") > 1e-2, costs
