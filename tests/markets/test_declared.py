"""What every design declares and where its keys end: rules no scenario changes, defaults results stand on, the ends of keys."""

from dataclasses import FrozenInstanceError, asdict

import pytest

from gridagora.core.errors import InputError
from gridagora.core.product import Commodity, Horizon
from gridagora.core.registry import find, names
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing, Residual, Rulebook
from gridagora.markets import auction, central, layered, peer, retailer
from gridagora.mechanisms import layer_bundle

POSTED = Rulebook(
    ("habit", "price_taker"), Bidder.NOBODY, Disclosure.NOTHING, LookAhead.POSTED, Pricing.POSTED
)
RULES = {
    "flat": POSTED._replace(is_tariff=True, posts_hours=True),
    "flat_optimised": POSTED._replace(is_tariff=True, posts_hours=True),
    "tou": POSTED._replace(is_tariff=True, posts_hours=True, posts_windows=True),
    "critical_peak": POSTED._replace(
        is_tariff=True, posts_hours=True, sees_limit=True, posts_windows=True
    ),
    "demand_subscription": POSTED._replace(is_tariff=True, posts_hours=True),
    "demand_charge": POSTED._replace(is_tariff=True, posts_hours=True),
    "retail_tariff": POSTED._replace(is_tariff=True, posts_hours=True, posts_windows=True),
    "rtp": POSTED._replace(posts_hours=True),
    "central": Rulebook(
        ("look_ahead",),
        Bidder.DEVICE,
        Disclosure.SPECS,
        LookAhead.OPTIMISED,
        Pricing.UNIFORM,
        commits=(Horizon.DAY_AHEAD,),
        sees_limit=True,
    ),
    "layered": Rulebook(
        ("home",),
        Bidder.HOME,
        Disclosure.CURVES,
        LookAhead.NEGOTIATED,
        Pricing.BY_PLACE,
        commits=(Horizon.DAY_AHEAD,),
        commodities=(Commodity.P, Commodity.Q),
        sees_limit=True,
    ),
    "peer": Rulebook(
        ("home",), Bidder.HOME, Disclosure.NOTHING, LookAhead.NEGOTIATED, Pricing.BILATERAL
    ),
    "auction": Rulebook(
        ("home",), Bidder.HOME, Disclosure.NOTHING, LookAhead.POSTED, Pricing.BILATERAL
    ),
    "retailer": Rulebook(
        ("retail_offer",),
        Bidder.HOME,
        Disclosure.CURVES,
        LookAhead.NEGOTIATED,
        Pricing.BY_PARTY,
        sees_limit=True,
        residual=Residual.PROSUMERS,
    ),
}
INF = float("inf")
DEFAULTS = {
    "flat": {"credit_per_kwh": INF, "strategy": "habit"},
    "flat_optimised": {
        "credit_per_kwh": INF,
        "network": "none",
        "envelope": "baseline",
        "strategy": "price_taker",
    },
    "tou": {
        "peak_ratio": 3.0,
        "peak_start_h": 14.0,
        "peak_end_h": 20.0,
        "groups": 1,
        "stagger_hours": 0,
        "credit_per_kwh": INF,
        "network": "none",
        "envelope": "baseline",
        "strategy": "price_taker",
    },
    "critical_peak": {
        "base": "flat",
        "critical_ratio": 6.0,
        "hours_max": 5,
        "credit_per_kwh": INF,
        "strategy": "price_taker",
    },
    "demand_subscription": {
        "subscription": "least_cost",
        "subscribed_kw": 5.0,
        "subscribed_share": 0.8,
        "charge_per_kw_month": 4.75,
        "over_per_kwh": 0.228,
        "peak_ratio": 1.0,
        "peak_start_h": 14.0,
        "peak_end_h": 20.0,
        "credit_per_kwh": INF,
        "strategy": "price_taker",
    },
    "demand_charge": {
        "charge_per_kw_month": 4.75,
        "counted": "all",
        "peak_ratio": 1.0,
        "peak_start_h": 14.0,
        "peak_end_h": 20.0,
        "credit_per_kwh": INF,
        "strategy": "price_taker",
    },
    "retail_tariff": {"file": "", "export": "file", "strategy": "price_taker"},
    "rtp": {
        "export": "wholesale",
        "network": "none",
        "envelope": "baseline",
        "strategy": "price_taker",
    },
    "central": {
        "reserve_share": 0.03,
        "rounds_max": 6,
        "rounds_day_ahead": 20,
        "gap": 1e-4,
        "network": "none",
        "network_plans": 8,
        "reactive": False,
        "strategy": "look_ahead",
    },
    "layered": {
        "blocks": 0,
        "rounds": 1,
        "rounds_day_ahead": 20,
        "gap": 1e-4,
        "learning_per_kwh": 0.005,
        "reserve_share": 0.03,
        "energy_products": False,
        "reactive": True,
        "network": "none",
        "strategy": "home",
    },
    "peer": {
        "graph": "nearest",
        "neighbours": 8,
        "far": 1,
        "community": False,
        "network_fee": "none",
        "fee_per_kwh": 0.0,
        "delivery_share": 1.0,
        "local_per_kwh": 0.0,
        "tolerance_kw": 1e-4,
        "tolerance_per_kwh": 1e-5,
        "rounds_max": 300,
        "penalty": 0.03,
        "network": "none",
        "network_rounds": 12,
        "envelope": "baseline",
        "reserve_share": 0.03,
        "day_ahead_binds": False,
        "strategy": "home",
    },
    "auction": {
        "turns": 50,
        "trader": "look_ahead",
        "block_kw": 1.0,
        "ticks": 1000,
        "shade": 0.0,
        "seed": 0,
        "delivery_share": 1.0,
        "look_ahead_prices": "import",
        "learning_share": 0.5,
        "network": "none",
        "network_rounds": 12,
        "envelope": "baseline",
        "reserve_share": 0.03,
        "strategy": "home",
    },
    "retailer": {
        "outer": "price_signal",
        "conduct": "cournot",
        "rounds": 1,
        "games": 4,
        "game_rounds": 100,
        "rounds_day_ahead": 8,
        "inner_rounds": 2,
        "probe_per_kwh": 0.02,
        "reserve_share": 0.03,
        "shifting": True,
        "outside_ratio": 1.0,
        "network": "none",
        "envelope": "baseline",
        "strategy": "retail_offer",
    },
}


def test_every_design_is_declared_here():
    assert set(RULES) == set(DEFAULTS) == set(names("market"))


@pytest.mark.parametrize("name", RULES)
def test_what_a_design_is_no_key_changes(name):
    assert find("market", name)().rules == RULES[name]


@pytest.mark.parametrize("name", DEFAULTS)
def test_published_results_stand_on_these_defaults(name):
    assert asdict(find("market", name)()) == DEFAULTS[name]


@pytest.mark.parametrize("kind", ["market", "strategy"])
def test_nothing_changes_a_design_or_a_strategy_once_it_is_made(kind):
    for name in names(kind):
        made = find(kind, name)()
        field = next(iter(asdict(made)), "anything")
        with pytest.raises(FrozenInstanceError):
            setattr(made, field, None)


# design, key, values at its ends that are accepted, values beyond them that are refused; other keys that go with them
ENDS = [
    ("central", "reserve_share", (0.0, 0.999), (-1e-9, 1.0), {}),
    ("central", "network", ("none", "limits"), ("envelope",), {}),
    ("central", "network_plans", (1,), (0,), {}),
    ("layered", "network", ("none", "limits"), ("price",), {}),
    ("layered", "blocks", (0, 1), (-1,), {}),
    ("layered", "rounds", (1,), (0,), {}),
    ("layered", "rounds_day_ahead", (1,), (0,), {}),
    ("layered", "gap", (0.0,), (-1e-9,), {}),
    ("layered", "learning_per_kwh", (0.0,), (-1e-9,), {}),
    ("layered", "reserve_share", (0.0, 0.999), (-1e-9, 1.0), {}),
    ("peer", "neighbours", (1,), (0,), {"far": 0}),
    ("peer", "far", (0, 1), (-1, 2), {"neighbours": 3}),
    ("peer", "far", (), (1,), {"neighbours": 2}),
    ("peer", "fee_per_kwh", (0.0,), (-1e-9,), {}),
    ("peer", "local_per_kwh", (0.0,), (-1e-9,), {}),
    ("peer", "tolerance_kw", (1e-9,), (0.0,), {}),
    ("peer", "tolerance_per_kwh", (1e-9,), (0.0,), {}),
    ("peer", "rounds_max", (1,), (0,), {}),
    ("peer", "penalty", (1e-9,), (0.0,), {}),
    ("peer", "graph", ("complete", "nearest", "zone", "file"), ("ring",), {}),
    ("peer", "graph", ("complete", "nearest", "zone"), ("file",), {"community": True}),
    ("peer", "network_fee", ("none", "uniform", "distance", "zonal"), ("flat",), {}),
    ("peer", "network_fee", ("none", "uniform"), ("distance", "zonal"), {"community": True}),
    ("auction", "turns", (1,), (0,), {}),
    ("auction", "block_kw", (0.001,), (0.0009,), {}),
    ("auction", "ticks", (2, 1_000_000), (1, 1_000_001), {}),
    ("auction", "shade", (0.0, 0.999), (-1e-9, 1.0), {}),
    ("auction", "trader", ("look_ahead", "zero_intelligence"), ("clairvoyant",), {}),
    ("auction", "network", ("none", "price", "envelope"), ("tax",), {}),
    ("auction", "envelope", ("equal", "baseline", "connection"), ("lot",), {}),
    ("rtp", "network", ("none", "envelope"), ("price",), {}),
    ("tou", "envelope", ("equal", "baseline", "connection"), ("lot",), {}),
    ("flat_optimised", "network", ("none", "envelope"), ("limits",), {}),
    ("retailer", "envelope", ("equal", "baseline", "connection"), ("lot",), {}),
    ("auction", "network_rounds", (1,), (0,), {}),
    ("auction", "reserve_share", (0.0, 0.999), (-1e-9, 1.0), {}),
    ("auction", "delivery_share", (0.0, 1.0), (-1e-9, 1.001), {}),
    ("auction", "look_ahead_prices", ("import", "trades"), ("export",), {}),
    ("auction", "learning_share", (1e-9, 1.0), (0.0, 1.001), {}),
    ("retailer", "outer", ("price_signal", "damped", "sequential"), ("jacobi",), {}),
    ("retailer", "conduct", ("cournot", "price_taking"), ("kind",), {}),
    ("retailer", "rounds", (1,), (0,), {}),
    ("retailer", "games", (1,), (0,), {}),
    ("retailer", "game_rounds", (1,), (0,), {}),
    ("retailer", "rounds_day_ahead", (1,), (0,), {}),
    ("retailer", "inner_rounds", (1,), (0,), {}),
    ("retailer", "reserve_share", (0.0, 0.999), (-1e-9, 1.0), {}),
    ("retailer", "probe_per_kwh", (1e-9,), (0.0,), {}),
    ("retailer", "outside_ratio", (1e-9,), (0.0,), {}),
    ("retail_tariff", "export", ("file", "net_metering", "none"), ("wholesale",), {}),
    ("rtp", "export", ("wholesale", "net_metering"), ("retail",), {}),
    ("critical_peak", "base", ("flat", "wholesale"), ("rtp",), {}),
    ("critical_peak", "critical_ratio", (1.0, 100.0), (0.999, INF), {}),
    ("critical_peak", "hours_max", (1, 24), (0, 25), {}),
    ("demand_subscription", "subscription", ("least_cost", "share", "same"), ("free",), {}),
    ("demand_subscription", "subscribed_kw", (0.0, 50.0), (-1e-9, INF), {}),
    ("demand_subscription", "subscribed_share", (0.0, 2.0), (-1e-9, INF), {}),
    ("demand_subscription", "charge_per_kw_month", (0.0, 50.0), (-1e-9, INF), {}),
    ("demand_subscription", "over_per_kwh", (1e-9, 5.0), (0.0, INF), {}),
    ("demand_subscription", "peak_ratio", (1e-9,), (0.0, INF), {}),
    ("demand_charge", "charge_per_kw_month", (0.0, 50.0), (-1e-9, INF), {}),
    ("demand_charge", "counted", ("all", "peak"), ("some",), {}),
    ("demand_charge", "peak_ratio", (1e-9,), (0.0, INF), {}),
    ("tou", "peak_ratio", (1e-9,), (0.0,), {}),
    ("tou", "groups", (2, 24), (0, -1), {"stagger_hours": 1}),
    ("tou", "stagger_hours", (1, 23, -23), (0, 24, -24), {"groups": 2}),
    ("tou", "stagger_hours", (-7, 7), (8, -8), {"groups": 4}),
    ("tou", "stagger_hours", (0,), (1,), {}),
]


@pytest.mark.parametrize(("name", "key", "good", "bad", "others"), ENDS)
def test_a_key_is_accepted_up_to_its_ends_and_refused_beyond_them_by_its_name(
    name, key, good, bad, others
):
    design = find("market", name)
    for value in good:
        assert asdict(design(**{key: value}, **others))[key] == value
    for value in bad:
        with pytest.raises(InputError) as caught:
            design(**{key: value}, **others)
        problem = caught.value.problems[0]
        assert str(problem).startswith(f"market.{name}.{key}: got {value!r}, expected ")


def test_constants_of_designs_that_no_key_reaches():
    """What stands in the code of a design beside its keys, and moves its results."""
    assert (retailer.DEVICES, retailer.LEAST_ELASTICITY, retailer.EARLY_ROUNDS) == (4, 0.02, 60)
    assert (retailer.SHARE, retailer.NEAR_PER_KWH) == (1e-5, 1e-6)
    assert (retailer.NEAR, retailer.ROUNDS_MAX, retailer.STEEPEST) == (1e-4, 2000, 1e3)
    assert (layered.RUN_H, layered.DAY_H) == (366 * 24, 24)
    assert (layer_bundle.REACH_KW, layer_bundle.REACH_HOME_KW) == (1e6, 100.0)
    assert (central.REACH_KW, central.DAY_H, central.OPERATOR) == (1e4, 24, -1)
    assert (peer.RESOLD, peer.DISCLOSED, peer.DAY_H, peer.SUPPLIER) == (2.0, 2, 24, -1)
    assert (auction.TICKS_MAX, auction.SUPPLIER) == (1_000_000, -1)
