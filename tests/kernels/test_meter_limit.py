"""A meter with a limit, beyond which import costs more: against a linear program, and what is best inside a home."""

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import lil_array

from gridagora.kernels.curves.curve import curves
from gridagora.kernels.curves.internal_price import clear, power_at_own
from gridagora.kernels.curves.shared_meter import solve_meter
from gridagora.kernels.stores.value import rows, stores

H = 24
T = np.arange(H)
BATTERY = {"kw": 5.0, "kwh": 13.5, "eta": 0.95, "wear": 0.01}
CAR = {"kw": 7.2, "kwh": 40.0, "eta": 0.9, "wear": 0.0}


def batteries(n):
    return stores(
        np.full(n, 0.3 * BATTERY["kwh"]),
        np.ones(H),
        p_min_kw=-BATTERY["kw"],
        p_max_kw=BATTERY["kw"],
        x_max=BATTERY["kwh"],
        gain_in=BATTERY["eta"],
        gain_out=BATTERY["eta"],
        wear_per_kwh=BATTERY["wear"],
        end_mu=np.full(2, 0.1),
    )


def cars(n):
    """They charge from 17:00 on and must hold three quarters of their capacity at 6:00."""
    least = np.where(T == 23, 0.6 * CAR["kwh"], 0.0)
    return stores(
        np.full(n, 0.2 * CAR["kwh"]),
        np.ones(H),
        p_max_kw=np.where(T >= 12, CAR["kw"], 0.0),
        x_min=least,
        x_max=CAR["kwh"],
        gain_in=CAR["eta"],
        end_mu=np.full(2, 0.05),
    )


def street(n, seed=1):
    rng = np.random.default_rng(seed)
    sun = rng.uniform(0, 6, (n, 1)) * np.maximum(0, np.cos((T - 13) / 12 * np.pi))
    load = 0.4 + 1.2 * rng.random((n, H)) + 2.0 * np.exp(-(((T - 19) / 2) ** 2)) - sun
    buy = 0.16 + 0.10 * np.exp(-(((T - 18.5) / 2.5) ** 2)) + 0.01 * rng.standard_normal((n, H))
    limit, over = rng.uniform(1.0, 4.0, (n, 1)) + np.zeros(H), rng.uniform(0.02, 0.4, (n, H))
    return load, buy, 0.3 * buy, limit, over


def tight(n, seed):
    load, buy, sell, limit, over = street(n, seed)
    return load, buy, sell, 0.3 * limit, over


def least_cost(load, buy, sell, limit, over, *, car):
    """Linear program of one home: import up to the limit and beyond, export, battery, and the car where it has one."""
    cost = np.concatenate(
        [buy, buy + over, -sell, np.full(H, BATTERY["wear"]), np.full(H, BATTERY["wear"])]
        + ([np.zeros(H)] if car else [])
    )
    k = len(cost)
    ceiling = [limit, np.full(H, np.inf), np.full(H, np.inf), *([np.full(H, BATTERY["kw"])] * 2)]
    if car:
        ceiling.append(np.where(T >= 12, CAR["kw"], 0.0))
    meter, held = lil_array((H, k)), []
    for t in range(H):
        meter[t, t] = meter[t, H + t] = meter[t, 4 * H + t] = 1.0
        meter[t, 2 * H + t] = meter[t, 3 * H + t] = -1.0
        if car:
            meter[t, 5 * H + t] = -1.0
    battery = lil_array((H, k))
    drive = lil_array((H, k))
    for t in range(H):
        for s in range(t + 1):
            battery[t, 3 * H + s], battery[t, 4 * H + s] = BATTERY["eta"], -1 / BATTERY["eta"]
            if car:
                drive[t, 5 * H + s] = CAR["eta"]
    x0, size = 0.3 * BATTERY["kwh"], BATTERY["kwh"]
    held += [(battery, np.full(H, size - x0)), (-battery, np.full(H, x0))]
    value = -0.1 * battery[[H - 1]].toarray()[0]
    fixed = -0.1 * x0
    if car:
        x0 = 0.2 * CAR["kwh"]
        least = np.where(T == 23, 0.6 * CAR["kwh"], 0.0)
        held += [(drive, np.full(H, CAR["kwh"] - x0)), (-drive, x0 - least)]
        value = value - 0.05 * drive[[H - 1]].toarray()[0]
        fixed -= 0.05 * x0
    found = linprog(
        cost + value,
        np.vstack([a.toarray() for a, _ in held]),
        np.concatenate([b for _, b in held]),
        meter.toarray(),
        load,
        list(zip(np.zeros(k), np.concatenate(ceiling), strict=True)),
        method="highs",
    )
    assert found.status == 0
    return found.fun + fixed


@pytest.mark.parametrize("seed", [1, 2])
def test_a_battery_behind_a_limit_costs_what_the_linear_program_says(seed):
    load, buy, sell, limit, over = tight(8, seed)
    plan = solve_meter([batteries(8)], load, buy, sell, limit_kw=limit, over_per_kwh=over, rounds=2)
    exact = [least_cost(*(each[i] for each in tight(8, seed)), car=False) for i in range(8)]
    assert plan.cost_usd == pytest.approx(exact, rel=1e-6, abs=1e-9)
    beyond = (load + plan.p_kw - limit).clip(min=0).sum(1)
    assert (beyond > 0).any() and (beyond == 0).any()


def test_a_battery_and_a_car_share_the_limit_as_the_linear_program_does():
    load, buy, sell, limit, over = street(6, 3)
    plan = solve_meter(
        [batteries(6), cars(6)],
        load,
        buy,
        sell,
        limit_kw=limit,
        over_per_kwh=over,
        rounds=4000,
        tolerance=1e-7,
    )
    exact = np.array([least_cost(*(each[i] for each in street(6, 3)), car=True) for i in range(6)])
    assert plan.cost_usd == pytest.approx(exact, rel=1e-6)
    assert np.all(plan.bound_usd <= exact + 1e-9)
    assert np.all(plan.price_per_kwh <= buy + over + 1e-12)
    assert (plan.price_per_kwh > buy + 1e-6).any()


def test_without_a_limit_nothing_moves_by_a_bit():
    load, buy, sell, _, over = street(6, 4)
    parts = [batteries(6), cars(6)]
    plain = solve_meter(parts, load, buy, sell, rounds=20)
    for limit, more in ((np.inf, over), (1.0, 0.0)):
        free = solve_meter(parts, load, buy, sell, limit_kw=limit, over_per_kwh=more, rounds=20)
        for one, other in zip(plain, free, strict=True):
            assert np.array_equal(one, other)


def test_a_home_with_a_limit_does_not_change_its_neighbours():
    load, buy, sell, limit, over = street(6, 5)
    parts, some = [batteries(6), cars(6)], np.where(np.arange(6)[:, None] == 2, limit, np.inf)
    plain = solve_meter(parts, load, buy, sell, rounds=20)
    one = solve_meter(parts, load, buy, sell, rounds=20, limit_kw=some, over_per_kwh=over)
    others = np.arange(6) != 2
    assert np.array_equal(plain.cost_usd[others], one.cost_usd[others])
    assert plain.cost_usd[2] < one.cost_usd[2]
    own = [rows(part, slice(2, 3)) for part in parts]
    alone = solve_meter(
        own,
        load[2:3],
        buy[2:3],
        sell[2:3],
        rounds=20,
        limit_kw=limit[2:3],
        over_per_kwh=over[2:3],
    )
    assert alone.cost_usd[0] == one.cost_usd[2]


def test_a_home_without_stores_pays_for_what_is_beyond():
    load, buy, sell, limit, over = street(3, 6)
    none = np.zeros(0, np.int64)
    found = solve_meter(
        [rows(batteries(1), none)],
        load,
        buy,
        sell,
        home=[none],
        limit_kw=limit,
        over_per_kwh=over,
    )
    paid = buy * load.clip(min=0) + sell * load.clip(max=0) + over * (load - limit).clip(min=0)
    assert found.cost_usd == pytest.approx(paid.sum(1), rel=1e-12)
    assert np.array_equal(found.price_per_kwh[load > limit], (buy + over)[load > limit])


@pytest.mark.parametrize(
    ("limit", "over", "said"),
    [(-1.0, 0.1, "limit"), (1.0, -0.1, "premium"), (1.0, np.inf, "finite")],
)
def test_what_is_no_limit_is_refused(limit, over, said):
    load, buy, sell, *_ = street(2, 7)
    with pytest.raises(ValueError, match=said):
        solve_meter([batteries(2)], load, buy, sell, limit_kw=limit, over_per_kwh=over)


def test_no_home_can_do_better_in_an_interval():
    """Beyond the limit only at the full price, within it at most at the import price, and just the limit between the two."""
    rng = np.random.default_rng(8)
    count, buy, sell, over = 400, 0.2, 0.05, 0.15
    made = []
    for _ in range(3 * count):
        points = rng.integers(1, 7)
        level = rng.choice([0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.5], points)
        made.append((np.sort(rng.uniform(-4, 5, points)), np.sort(level)[::-1]))
    offered, home = curves(made), rng.permutation(np.repeat(np.arange(count), 3))
    rest, limit = rng.uniform(-8, 8, count), rng.uniform(0, 6, count)
    found = clear(offered, home, rest, buy, sell, limit, over)
    power = power_at_own(offered, found.price_per_kwh[home], found.share[home])
    net, price = rest + np.bincount(home, power, count), found.price_per_kwh
    assert np.all((price >= sell) & (price <= buy + over))
    full, held, plain = price == buy + over, (price > buy) & (price < buy + over), price == buy
    assert np.all(net[full] >= limit[full] - 1e-12)
    np.testing.assert_allclose(net[held], limit[held], atol=1e-10)
    assert np.all((net[plain] >= -1e-12) & (net[plain] <= limit[plain] + 1e-10))
    free = clear(offered, home, rest, buy, sell)
    under = price <= buy
    assert np.array_equal(free.price_per_kwh[price < buy], price[price < buy])
    assert np.all(free.price_per_kwh[~under] == buy)
    assert min(full.sum(), held.sum(), plain.sum()) > 20
    again = clear(offered, home, rest, buy, sell, np.inf, over)
    assert all(np.array_equal(one, other) for one, other in zip(free, again, strict=True))
