"""The yardstick: no simulated week beats it, and it moves the right way."""

import numpy as np
import pytest

from gridagora.core.tables import Homes, Prices
from gridagora.run.bound import KINDS, Worth, answering, bound, gather

N, H, HOURS = 4, 73, 48
WORTH = Worth(duty_s=300)


def homes(heat=False):
    rng = np.random.default_rng(0)
    t = np.arange(H)
    full = np.ones((N, H))
    out = (4 if heat else 33) + 5 * np.cos((t - 16) / 12 * np.pi)
    ua = rng.uniform(0.15, 0.35, N)
    return Homes(
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
        ev_arrive_s=np.array([18, 42]) * 3600,
        ev_depart_s=np.array([31, 47]) * 3600,
        ev_need_kwh=np.array([20.0, 60.0]),
        ev_kw=np.full(2, 7.2),
        calibration_error=np.full(N, np.nan),
    )


def prices(seed=1):
    rng = np.random.default_rng(seed)
    t = np.arange(4 * (48 + H)) / 4
    real_time = 0.03 + 0.1 * np.exp(-((((t % 24) - 18) / 2) ** 2)) + 0.01 * rng.random(len(t))
    return Prices(0, real_time.reshape(-1, 4).mean(1), real_time)


def simulate(h, rng, limit):
    """Welfare of a random feasible 5-minute schedule, scored as a run is."""
    wholesale = prices().real_time_per_kwh[192 : 192 + 4 * HOURS]
    area = gather(h, prices(), h.t_set_degc, HOURS, limit, WORTH)
    a, left = area.houses, wholesale.mean() + WORTH.delivery_per_kwh
    x, tank, store = a.start.copy(), np.full(N, 52.0), 0.5 * h.battery_kwh
    leak = np.exp(-h.tank_ua_kw_k / h.tank_kwh_k / 12)
    charged, cost, mean = np.zeros(2), 0.0, np.zeros(N)
    eager = rng.uniform(0, 1)
    for t in range(12 * HOURS):
        hour, block = t // 12, t // 3
        duty = np.clip(
            0.3 + eager * (x[:, 0] - h.t_set_degc[:, hour]) * (-1 if h.heating[0, 0] else 1) + 0.1 * rng.standard_normal(N), 0, 1
        )
        heat = a.source[:, block] + np.stack([a.gain[:, block] * duty, np.zeros(N)], 1)
        mean = mean * (t % 3 > 0) + ((a.mean * x).sum(1) + (a.lift * heat).sum(1) - a.best[:, block]) / 3
        x = np.einsum("njm,nm->nj", a.step, x) + np.einsum("njm,nm->nj", a.push, heat)
        cost += (t % 3 == 2) * 0.5 * WORTH.comfort_per_k2_h / 4 * (mean**2).sum()
        water = np.where(tank < 50 + 4 * rng.random(N), h.tank_kw, 0.0)
        tank = leak * tank + (1 - leak) * 24 + (water - h.draw_kwh[:, hour]) / 12 / h.tank_kwh_k
        cost += WORTH.tank_per_k2_h / 2 / 12 * (np.maximum(43 - tank, 0) ** 2).sum()
        power = np.clip(
            rng.normal(0, 2, N),
            -np.minimum(h.battery_kw, store * 0.95 * 12),
            np.minimum(h.battery_kw, (h.battery_kwh - store) / 0.95 * 12),
        )
        store = store + np.where(power > 0, power * 0.95, power / 0.95) / 12
        cost += WORTH.wear_per_kwh * np.abs(power).sum() / 12
        plugged = (h.ev_arrive_s <= 300 * t) & (300 * t < h.ev_depart_s)
        car = np.minimum(plugged * h.ev_kw * rng.random(2), (h.ev_need_kwh - charged) * 12 / 0.9)
        charged += car * 0.9 / 12
        net = (h.load_kw - h.pv_kw)[:, hour].sum() + a.power[:, block] @ duty + water.sum() + power.sum() + car.sum()
        rate = wholesale[block] + (WORTH.delivery_per_kwh if net > 0 else 0.0)
        cost += (net * rate + WORTH.over_per_kwh * max(net - limit, 0.0)) / 12
    cost += (h.ev_need_kwh - charged).sum() * WORTH.ev_per_kwh + (a.end * x).sum()
    return left * (0.95 * store.sum() + (h.tank_kwh_k * tank).sum()) - cost


@pytest.mark.parametrize("heat", [False, True])
@pytest.mark.parametrize("limit", [np.inf, 12.0])
def test_no_schedule_beats_the_bound(heat, limit):
    h = homes(heat)
    top = bound(h, prices(), h.t_set_degc, hours=HOURS, limit_kw=limit, worth=WORTH, rounds_max=4, threads=1)
    rng = np.random.default_rng(7)
    reached = max(simulate(h, rng, limit) for _ in range(6))
    assert reached <= top.welfare_usd
    assert reached > top.welfare_usd - 60.0


def test_more_prices_never_loosen_and_any_first_price_bounds():
    h = homes()
    few = bound(h, prices(), h.t_set_degc, hours=HOURS, limit_kw=10.0, rounds_max=2, threads=1)
    many = bound(h, prices(), h.t_set_degc, hours=HOURS, limit_kw=10.0, rounds_max=12, threads=1)
    odd = np.full(4 * HOURS, 0.3)
    other = bound(h, prices(), h.t_set_degc, hours=HOURS, limit_kw=10.0, price0_per_kwh=odd, rounds_max=12, threads=1)
    assert many.welfare_usd <= few.welfare_usd + 1e-9
    best = many.welfare_usd - many.gap_usd
    assert other.welfare_usd >= best
    assert many.evaluations == 12
    assert sum(many.device_usd.values()) == pytest.approx(many.welfare_usd, abs=1e-6)


def test_a_limit_costs_and_a_looser_limit_costs_less():
    h = homes()
    free, loose, tight = (
        bound(h, prices(), h.t_set_degc, hours=HOURS, limit_kw=limit, rounds_max=10, threads=1).welfare_usd
        for limit in (np.inf, 16.0, 9.0)
    )
    assert tight < loose + 0.05
    assert tight < free


def test_device_answers_are_proved_each():
    h = homes()
    area = gather(h, prices(), h.t_set_degc, HOURS, np.inf, Worth())
    price = area.supply.buy_per_kwh
    answer = answering(area, 1)(price)
    regret = answer.own_usd + answer.p_kw @ price / 4 - answer.bound_usd
    assert [answer.p_kw[rows].shape[0] for rows in area.kind] == [4, 4, 2, 2]
    assert len(KINDS) == len(area.kind)
    assert regret.min() > -1e-9
    assert regret.max() < 1e-4
