"""What an outcome costs, term by term: signs at the substation, limits, losses, and the terms that devices name (theory 8.1)."""

import math
from types import MappingProxyType

import numpy as np
import pytest

from gridagora.core.product import Commodity, Horizon, Product
from gridagora.results import outcome as results
from gridagora.results.outcome import Compensation, Outcome

NETWORK_COLUMNS = len(results.NetworkResult._fields)


def make(load_kw, dt_h=0.5, **changed):
    """Return an outcome of one home and no other customers, all of whose other columns are empty."""
    load_kw = np.asarray(load_kw, dtype=float)
    t = len(load_kw)
    columns = dict.fromkeys(Outcome._fields[: Outcome._fields.index("kept")])
    columns |= {
        "start_s": 600 + np.arange(t) * round(3600 * dt_h),
        "dt_h": dt_h,
        "limit_kw": math.inf,
        "over_per_kwh": 0.0,
        "delivery_per_kwh": 0.0,
        "export_credit_per_kwh": 0.0,
        "wholesale_per_kwh": np.zeros(t),
        "load_kw": load_kw,
        "home_kw": load_kw[None],
        "other_kw": np.zeros(t),
        "device_usd": {"wear": np.zeros(1)},
        "left_usd": 0.0,
    }
    return Outcome(**columns | changed)


def lossy(losses_kw):
    columns = [None] * NETWORK_COLUMNS
    return results.NetworkResult(*columns)._replace(losses_kw=np.asarray(losses_kw, float))


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"wholesale_per_kwh": np.array([0.1, 0.2, 0.4])}, (4 * 0.1 - 2 * 0.2 + 0) * 0.5),
        ({"wholesale_per_kwh": np.array([-0.1, -0.2, 0.4])}, (-4 * 0.1 + 2 * 0.2) * 0.5),
        ({"delivery_per_kwh": 0.3}, 4 * 0.3 * 0.5),
        ({"export_credit_per_kwh": 0.3}, -2 * 0.3 * 0.5),
        ({"delivery_per_kwh": 0.3, "export_credit_per_kwh": 0.3}, 2 * 0.3 * 0.5),
        ({}, 0.0),
    ],
)
def test_energy_costs_wholesale_and_delivery_and_export_earns_wholesale_and_credit(terms, expected):
    assert results.energy_cost_usd(make([4.0, -2.0, 0.0], **terms)) == pytest.approx(
        expected, abs=1e-15
    )


@pytest.mark.parametrize(
    ("load_kw", "limit_kw", "expected"),
    [
        ([4.0, -2.0, 0.0], math.inf, 0.0),
        ([4.0, -2.0, 0.0], 4.0, 0.0),
        ([4.0, -2.0, 0.0], 3.0, 0.5),
        ([4.0, -4.0, 0.0], 3.0, 1.0),
        ([4.0, -2.0, 0.0], 0.0, 3.0),
    ],
)
def test_what_is_beyond_the_limit_either_way(load_kw, limit_kw, expected):
    o = make(load_kw, limit_kw=limit_kw, over_per_kwh=3.0)
    assert results.over_limit_kwh(o) == pytest.approx(expected)
    assert results.costs_usd(o)["over limit"] == pytest.approx(3.0 * expected)


def test_the_substation_is_a_row_over_all_homes_with_other_customers_beside():
    o = make(
        [4.0, -2.0],
        limit_kw=3.0,
        over_per_kwh=0.7,
        home_kw=np.zeros((5, 2)),
        other_kw=np.array([1.0, 2.0]),
    )
    row = results.substation_row(o)
    assert row.a.party.tolist() == [0, 1, 2, 3, 4]
    assert row.c.tolist() == [[1.0, 2.0]]
    assert (row.low.tolist(), row.high.tolist()) == ([[-3.0, -3.0]], [[3.0, 3.0]])
    assert row.over_per_kwh.tolist() == [0.7]


def test_losses_are_bought_at_the_real_time_price_where_there_is_a_flow():
    price = np.array([0.1, 0.2, 0.4])
    o = make([4.0, -2.0, 0.0], wholesale_per_kwh=price, network=lossy([1.0, math.nan, 0.5]))
    assert results.losses_usd(o) == pytest.approx((0.1 + 0.2) * 0.5)
    assert results.losses_usd(o._replace(network=None)) == 0.0
    assert results.losses_usd(o._replace(network=lossy([math.nan] * 3))) == 0.0
    assert results.welfare_before_losses_usd(o) - results.welfare_usd(o) == pytest.approx(0.15)


def test_every_item_of_the_devices_is_a_cost_and_wear_comes_first():
    usd = {
        "comfort": np.array([1.0, 2.0]),
        "wear": np.array([0.5, 0.25]),
        "pool": np.array([-1.0, 0.5]),
    }
    costs = results.costs_usd(make([0.0], device_usd=usd, left_usd=4.0))
    assert list(costs) == [
        "energy",
        "losses",
        "wear",
        "comfort",
        "pool",
        "over limit",
        "left in stores",
        "reactive",
    ]
    assert costs["wear"] == 0.75
    assert costs["comfort"] == 3.0
    assert costs["pool"] == -0.5
    assert costs["left in stores"] == -4.0
    assert results.welfare_usd(make([0.0], device_usd=usd, left_usd=4.0)) == pytest.approx(0.75)


def reactive(**changed):
    columns = {
        "need_kvar": np.array([4.0, -2.0]),
        "given_kvar": np.array([[-1.0, 0.5], [-2.0, 0.0]]),
        "unmet_kvar": np.array([1.0, -1.5]),
        "price_per_kvarh": np.array([0.1, -0.2]),
        "loss_usd": 0.25,
        "elsewhere_usd": 0.5,
    }
    return Compensation(**columns | changed)


def test_reactive_power_costs_what_inverters_lose_and_what_is_bought_elsewhere():
    with_it, without = make([0.0], reactive=reactive()), make([0.0])
    assert results.reactive_cost_usd(with_it) == 0.75
    assert results.reactive_cost_usd(without) == 0.0
    assert results.agrees_power_factor(with_it) is True
    assert results.agrees_power_factor(without) is False
    assert results.given_kvarh(reactive(), 0.5) == 1.75


@pytest.mark.parametrize(
    ("t", "dt_h", "duration_s"),
    [(3, 0.5, 5400), (288, 1 / 12, 86400), (1, 1.0, 3600), (7, 1 / 60, 420)],
)
def test_the_settlement_period_is_the_whole_run(t, dt_h, duration_s):
    got = results.settlement_period(make(np.zeros(t), dt_h))
    assert got == Product(Commodity.P, 600, duration_s, Horizon.REAL_TIME)
    assert isinstance(got.start_s, int)


def test_what_a_design_need_not_say_says_that_it_is_not_there():
    o = make([0.0])
    assert (o.reactive, o.paid, o.warnings, o.unconverged_sessions) == (None, None, (), 0)
    assert o.kept == MappingProxyType({})
    for name in ("leader_gain_usd", "leader_gain_share", "leader_tried_share", "follower_gain_usd"):
        assert math.isnan(getattr(o, name)), name
