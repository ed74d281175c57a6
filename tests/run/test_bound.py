"""The yardstick: no simulated week beats it, and it moves the right way."""

from types import SimpleNamespace

import numpy as np
import pytest
from home_columns import HomeColumns, homes_of

from gridagora.bound.relaxation import Worth, answering, bound, gather
from gridagora.core.tables import Prices
from gridagora.population import fleet as homes_at
from gridagora.run.compare import compute_bound
from gridagora.run.forecast import WholesaleTerms
from gridagora.run.state import Setup

N, H, HOURS = 4, 49, 24


def homes(heat=False):
    rng = np.random.default_rng(0)
    t = np.arange(H)
    full = np.ones((N, H))
    out = (4 if heat else 33) + 5 * np.cos((t - 16) / 12 * np.pi)
    ua = rng.uniform(0.15, 0.35, N)
    columns = HomeColumns(
        home_id=("a", "b", "c", "d"),
        load_kw=0.5 + rng.random((N, H)),
        draw_kwh=0.4 * rng.random((N, H)),
        draw_set_kwh=np.zeros((N, 7, 24)),
        t_set_degc=(20.0 if heat else 23.0) * full,
        heating=np.full((N, H), heat),
        ua_kw_k=ua,
        hm_kw_k=rng.uniform(0.5, 1.2, N),
        ca_kwh_k=np.full(N, 0.56),
        cm_kwh_k=rng.uniform(3, 6, N),
        q_air_kw=ua[:, None] * out + 0.2,
        q_mass_kw=0.2 * full,
        cool_kw=np.full(N, 8.0),
        heat_kw=np.full(N, 9.0),
        cop=3.2 * full,
        pv_kw=2 * np.maximum(0, np.cos((t - 13) / 12 * np.pi)) * full,
        battery_kwh=np.array([13.5, 0, 0, 13.5]),
        battery_kw=np.array([5.0, 0, 0, 5.0]),
        battery_efficiency=np.full(N, 0.95),
        tank_kwh_k=np.full(N, 0.22),
        tank_ua_kw_k=np.full(N, 1.055e-3),
        tank_kw=np.full(N, 4.5),
        ev_home=np.array([1, 1]),
        ev_arrive_s=np.array([8, 18]) * 3600,
        ev_depart_s=np.array([15, 23]) * 3600,
        ev_need_kwh=np.array([20.0, 60.0]),
        ev_kw=np.full(2, 7.2),
    )
    return homes_of(columns)


def prices(seed=1):
    rng = np.random.default_rng(seed)
    t = np.arange(4 * (48 + H)) / 4
    real_time = 0.03 + 0.1 * np.exp(-((((t % 24) - 18) / 2) ** 2)) + 0.01 * rng.random(len(t))
    return Prices(0, real_time.reshape(-1, 4).mean(1), real_time)


def fleet(h):
    """Return the devices of homes that like their set point best: the reference price is nil."""
    return homes_at.make_fleet(
        h, np.arange(H) % 24, 0.05, 0.0, 1 / 12, rule="continuous", draws_known=True
    )


@pytest.mark.parametrize(("heat", "limit"), [(False, np.inf), (True, 12.0)])
def test_the_mix_that_is_played_comes_near_the_bound(heat, limit):
    h = homes(heat)
    hours = np.arange(H) % 24
    wholesale = WholesaleTerms(prices(), 0.045, 0.0, limit, 1.0, perfect=True, draws_known=True)
    study = Setup(
        h,
        1,
        0,
        hours,
        wholesale,
        0.05,
        0.072,
        1 / 12,
        24,
        "continuous",
        np.ones((N, 12 * 24)),
        np.zeros(H),
    )
    top = compute_bound(SimpleNamespace(homes=h, prices=prices()), study)
    assert top.feasible_usd <= top.welfare_usd
    assert top.gap_usd == top.welfare_usd - top.feasible_usd < 0.1 * abs(top.welfare_usd)
    assert [len(rows) for rows in top.mix] == [N, N, 2, 2, 1]


def test_more_prices_tighten_and_any_first_price_bounds():
    h = homes()
    few, many = (
        bound(fleet(h), h.load_kw, prices(), hours=HOURS, limit_kw=10.0, rounds_max=n, threads=1)
        for n in (2, 12)
    )
    odd = np.full(4 * HOURS, 0.3)
    other = bound(
        fleet(h),
        h.load_kw,
        prices(),
        hours=HOURS,
        limit_kw=10.0,
        price0_per_kwh=odd,
        rounds_max=12,
        threads=1,
    )
    assert many.welfare_usd < few.welfare_usd
    assert other.welfare_usd == pytest.approx(many.welfare_usd, abs=2.0)
    assert many.evaluations == 12
    assert np.isnan(many.gap_usd)
    assert sum(many.device_usd.values()) == pytest.approx(many.welfare_usd, abs=1e-6)


def test_a_limit_costs_and_a_looser_limit_costs_less():
    h = homes()
    free, loose, tight = (
        bound(
            fleet(h), h.load_kw, prices(), hours=HOURS, limit_kw=limit, rounds_max=10, threads=1
        ).welfare_usd
        for limit in (np.inf, 16.0, 9.0)
    )
    assert tight < loose + 0.05
    assert tight < free


def test_device_answers_are_proved_each():
    h = homes()
    area = gather(fleet(h), h.load_kw, prices(), HOURS, np.inf, Worth())
    price = area.supply.buy_per_kwh
    answer = answering(area, 1)(price)
    regret = answer.own_usd + answer.p_kw @ price / 4 - answer.bound_usd
    assert [answer.p_kw[rows].shape[0] for rows in area.slices] == [4, 4, 2, 2, 1]
    assert area.kinds == ("hvac", "water_heater", "battery", "ev", "pv")
    assert regret.min() > -1e-9
    assert regret.max() < 1e-4
