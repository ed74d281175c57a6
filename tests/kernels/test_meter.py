"""Homes behind one kinked meter: excess over the exact optimum, proved by the bundle with one column a device."""

import numpy as np
import pytest

from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, coordinate
from gridagora.kernels.curves.shared_meter import solve_meter
from gridagora.kernels.stores.table import FIELDS
from gridagora.kernels.stores.value import best_response, stores

H = 24
T = np.arange(H)


def battery(rng, n):
    size, power, eta = (
        rng.uniform(8, 16, n),
        rng.uniform(3, 7, (n, 1)),
        rng.uniform(0.93, 0.98, (n, 1)),
    )
    return stores(
        rng.uniform(0.1, 0.9, n) * size,
        np.ones(H),
        p_min_kw=-power,
        p_max_kw=power,
        x_max=size[:, None],
        gain_in=eta,
        gain_out=eta,
        wear_per_kwh=rng.uniform(0.001, 0.02, (n, 1)),
        end_mu=np.full(2, 0.1),
    )


def house(rng, n):
    out = 31 + 6 * np.cos((T - 16) / 12 * np.pi) + rng.standard_normal((n, H))
    leak = rng.uniform(0.86, 0.93, (n, 1))
    return stores(
        -rng.uniform(22, 25, n),
        np.ones(H),
        leak=leak,
        inflow=-(1 - leak) * out,
        p_max_kw=rng.uniform(2.5, 4.5, (n, 1)),
        x_min=-40.0,
        x_max=-15.0,
        gain_in=rng.uniform(1.5, 3.0, (n, 1)),
        k_x=rng.uniform(0.02, 0.1, (n, 1)),
        x_set=-23.5,
        end_mu=np.full(2, 0.02),
    )


def tank(rng, n):
    size = rng.uniform(4, 9, (n, 1))
    draw = (np.exp(-((T - 7.0) ** 2)) + np.exp(-(((T - 20) / 1.5) ** 2))) * rng.uniform(
        0.3, 1.0, (n, 1)
    )
    return stores(
        0.7 * size[:, 0],
        np.ones(H),
        leak=0.995,
        inflow=-draw,
        p_max_kw=4.0,
        x_min=-5.0,
        x_max=size,
        k_x=0.08,
        x_set=0.8 * size,
        dead=0.1 * size,
        end_mu=np.full(2, 0.1),
    )


def case(n, seed=2):
    rng = np.random.default_rng(seed)
    parts = [battery(rng, n), house(rng, n), tank(rng, n)]
    sun = rng.uniform(0, 6, (n, 1)) * np.maximum(0, np.cos((T - 13) / 12 * np.pi))
    load = 0.4 + 0.8 * rng.random((n, H)) + np.exp(-(((T - 19) / 2) ** 2)) - sun
    buy = 0.16 + 0.10 * np.exp(-(((T - 18.5) / 2.5) ** 2)) + 0.02 * rng.standard_normal((n, H))
    return parts, load, np.maximum(buy, 0.02), 0.4 * np.maximum(buy, 0.02)


def exact(parts, load, buy, sell, i):
    """Bundle on home i alone: the meter is its supply, every store its own group."""
    mine = [
        type(part)(*(f if k == 1 else f[i : i + 1] for k, f in enumerate(part))) for part in parts
    ]
    far = np.full(H, 40.0)
    meter = SupplyCost(
        np.ones(H),
        load[i],
        buy[i],
        sell[i],
        -far * np.inf,
        far * np.inf,
        0.0 * far,
        0.0 * far,
        -far,
        far,
    )

    def ask(price):
        found = [best_response(part, price, price) for part in mine]
        p = np.vstack([r.p_kw for r in found])
        return Answer(
            p,
            np.concatenate([r.cost_usd for r in found]) - p @ price,
            np.concatenate([r.bound_usd for r in found]),
        )

    middle = 0.5 * (buy[i] + sell[i])
    return coordinate(
        ask, meter, np.arange(len(mine)), middle, homes=1, rounds_max=80, tolerance=1e-6
    )


def test_excess_over_the_optimum_and_its_own_gap():
    parts, load, buy, sell = case(24)
    plan = solve_meter(parts, load, buy, sell)
    proofs = [exact(parts, load, buy, sell, i) for i in range(24)]
    low, high = np.array([p.low_usd for p in proofs]), np.array([p.high_usd for p in proofs])
    scale = np.maximum(1.0, np.abs(high))
    assert np.median((high - low) / scale) <= 1e-6
    excess = (plan.cost_usd - low) / scale
    assert np.median(excess) <= 2e-4
    assert excess.max() <= 2e-3
    assert np.all(plan.bound_usd <= high + 1e-9)
    assert np.all(plan.cost_usd >= low - 1e-9)
    assert np.allclose(plan.gap_usd, plan.cost_usd - plan.bound_usd)
    assert np.all(excess <= plan.gap_usd / scale + 1e-9)
    assert np.median(plan.gap_usd / scale) <= 1e-3


def test_the_plan_can_be_played_and_costs_what_it_says():
    parts, load, buy, sell = case(6, 3)
    plan = solve_meter(parts, load, buy, sell, rounds=10)
    total = 0.0
    each = plan.p_kw.reshape(len(parts), *load.shape)
    for part, p in zip(parts, each, strict=True):
        played = best_response(part._replace(p_min_kw=p, p_max_kw=p), np.zeros(H), np.zeros(H))
        assert played.missing.max() < 1e-9
        total = total + played.cost_usd
    net = load + each.sum(0)
    meter = (buy * np.maximum(net, 0) - sell * np.maximum(-net, 0)).sum(1)
    assert np.allclose(plan.cost_usd, total + meter, atol=1e-9)


def test_one_price_needs_no_rounds():
    parts, load, buy, _ = case(5, 4)
    plan = solve_meter(parts, load, buy, buy, rounds=1)
    alone = sum(best_response(part, buy, buy, row=np.arange(5)).bound_usd for part in parts) + (
        buy * load
    ).sum(1)
    assert plan.bound_usd == pytest.approx(alone, abs=1e-9)
    assert plan.cost_usd == pytest.approx(alone, abs=1e-9)


@pytest.mark.parametrize("rounds", [8, 60])
def test_a_home_does_not_depend_on_its_neighbours(rounds):
    parts, load, buy, sell = case(4, 5)
    whole = solve_meter(parts, load, buy, sell, rounds=rounds)
    one = [type(part)(*(f if k == 1 else f[2:3] for k, f in enumerate(part))) for part in parts]
    alone = solve_meter(one, load[2:3], buy[2:3], sell[2:3], rounds=rounds)
    assert np.array_equal(alone.p_kw, whole.p_kw[2::4])
    assert np.array_equal(alone.price_per_kwh[0], whole.price_per_kwh[2])


def test_a_home_leaves_once_its_gap_is_small():
    """A looser tolerance ends sooner with a larger gap, and every home that left early kept its promise."""
    parts, load, buy, sell = case(12, 6)
    loose = solve_meter(parts, load, buy, sell, rounds=60, tolerance=1e-2)
    tight = solve_meter(parts, load, buy, sell, rounds=60, tolerance=1e-3)
    scale = np.maximum(1.0, np.abs(tight.cost_usd))
    assert np.all(loose.gap_usd <= 1e-2 * scale * 1.01)
    assert np.all(tight.gap_usd <= loose.gap_usd + 1e-12)
    assert np.median(tight.gap_usd / scale) <= 1e-3 < np.median(loose.gap_usd / scale)


def test_an_earlier_plan_saves_rounds():
    """An hour later, with a load somewhat off its forecast: 6 rounds from the earlier price, and its powers, against 6 anew."""
    parts, load, buy, sell = case(12, 7)
    before = solve_meter(parts, load, buy, sell)
    first = before.p_kw.reshape(len(parts), *load.shape)[:, :, 0]
    moved = [
        np.where(p >= 0, p * s.gain_in[:, 0], p / s.gain_out[:, 0])
        for s, p in zip(parts, first, strict=True)
    ]
    later = [
        s._replace(
            x0=s.leak[:, 0] * s.x0 + s.inflow[:, 0] + by,
            **{name: np.roll(getattr(s, name), -1, axis=1) for name in FIELDS},
        )
        for s, by in zip(parts, moved, strict=True)
    ]
    load, buy, sell = (np.roll(column, -1, axis=1) for column in (load, buy, sell))
    load = load + 0.1 * np.random.default_rng(1).standard_normal(load.shape)
    price, p_kw = np.roll(before.price_per_kwh, -1, axis=1), np.roll(before.p_kw, -1, axis=1)
    anew = solve_meter(later, load, buy, sell, rounds=6)
    priced = solve_meter(later, load, buy, sell, rounds=6, start_per_kwh=price)
    both = solve_meter(later, load, buy, sell, rounds=6, start_per_kwh=price, start_kw=p_kw)
    assert np.median(priced.gap_usd) < 0.7 * np.median(anew.gap_usd)
    assert np.median(both.gap_usd) < 0.3 * np.median(anew.gap_usd)
    assert both.cost_usd.sum() < priced.cost_usd.sum() < anew.cost_usd.sum()
