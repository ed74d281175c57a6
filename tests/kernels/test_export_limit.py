"""A meter with a limit of export, beyond which export earns less: against a linear program, and what is best inside a home."""

import numpy as np
import pytest
from scipy.optimize import linprog

from gridagora.kernels.curves.curve import curves
from gridagora.kernels.curves.internal_price import clear, power_at_own
from gridagora.kernels.curves.shared_meter import solve_meter
from gridagora.kernels.stores.value import rows, stores

H = 12
KW, KWH, ETA, WEAR, END = 5.0, 10.0, 0.95, 0.01, 0.1


def batteries(n):
    return stores(
        np.full(n, 0.3 * KWH),
        np.ones(H),
        p_min_kw=-KW,
        p_max_kw=KW,
        x_max=KWH,
        gain_in=ETA,
        gain_out=ETA,
        wear_per_kwh=WEAR,
        end_mu=np.full(2, END),
    )


def street(n, seed):
    """Sun in the first half of the hours; limits of both directions."""
    rng = np.random.default_rng(seed)
    t = np.arange(H)
    sun = rng.uniform(3, 8, (n, 1)) * np.maximum(0, np.cos((t - 3) / 6 * np.pi))
    load = 0.4 + 1.2 * rng.random((n, H)) + 2.0 * np.exp(-(((t - 9) / 2) ** 2)) - sun
    buy = 0.16 + 0.10 * np.exp(-(((t - 8.5) / 2.5) ** 2)) + 0.01 * rng.standard_normal((n, H))
    terms = {
        "limit_kw": rng.uniform(0.5, 2.0, (n, 1)) + np.zeros(H),
        "over_per_kwh": rng.uniform(0.02, 0.4, (n, H)),
        "export_kw": rng.uniform(0.5, 3.0, (n, 1)) + np.zeros(H),
        "under_per_kwh": rng.uniform(0.01, 0.2, (n, H)),
    }
    return load, buy, 0.5 * buy, terms


def least_cost(load, buy, sell, terms):
    """Linear program of one home: import and export within limits and beyond, and a battery."""
    wear, eye, none = np.full(H, WEAR), np.eye(H), np.zeros((H, H))
    cost = [buy, buy + terms["over_per_kwh"], -sell, terms["under_per_kwh"] - sell, wear, wear]
    meter = np.hstack([eye, eye, -eye, -eye, -eye, eye])
    held = np.tril(np.ones((H, H)))
    battery = np.hstack([none, none, none, none, ETA * held, -held / ETA])
    cost = np.concatenate(cost) - END * battery[-1]
    free, kw = np.full(H, np.inf), np.full(H, KW)
    ceiling = np.concatenate([terms["limit_kw"], free, terms["export_kw"], free, kw, kw])
    found = linprog(
        cost,
        np.vstack([battery, -battery]),
        np.concatenate([np.full(H, 0.7 * KWH), np.full(H, 0.3 * KWH)]),
        meter,
        load,
        list(zip(np.zeros(6 * H), ceiling, strict=True)),
        method="highs",
    )
    assert found.status == 0
    return found.fun - END * 0.3 * KWH


@pytest.mark.parametrize("seed", [1, 2])
def test_a_battery_behind_both_limits_costs_what_the_linear_program_says(seed):
    load, buy, sell, terms = street(8, seed)
    plan = solve_meter([batteries(8)], load, buy, sell, **terms, rounds=2)
    exact = [
        least_cost(load[i], buy[i], sell[i], {key: each[i] for key, each in terms.items()})
        for i in range(8)
    ]
    assert plan.cost_usd == pytest.approx(exact, rel=1e-6, abs=1e-9)
    beyond = (-load - plan.p_kw - terms["export_kw"]).clip(min=0).sum(1)
    assert (beyond > 0).any()


def test_two_batteries_share_both_limits_as_one_of_twice_the_size_does():
    load, buy, sell, terms = street(6, 3)
    plan = solve_meter(
        [batteries(6), batteries(6)],
        2 * load,
        buy,
        sell,
        **{key: each * (2 if key.endswith("kw") else 1) for key, each in terms.items()},
        rounds=4000,
        tolerance=1e-7,
    )
    exact = solve_meter([batteries(6)], load, buy, sell, **terms, rounds=2).cost_usd
    assert plan.cost_usd == pytest.approx(2 * exact, rel=1e-5, abs=1e-6)
    assert np.all(plan.bound_usd <= 2 * exact + 1e-9)
    assert np.all(plan.bound_usd >= 2 * exact - 1e-3)
    assert (plan.price_per_kwh < sell - 1e-6).any()
    assert np.all(plan.price_per_kwh >= sell - terms["under_per_kwh"] - 1e-12)


def test_without_a_limit_of_export_nothing_moves_by_a_bit():
    load, buy, sell, terms = street(6, 4)
    imports = {key: terms[key] for key in ("limit_kw", "over_per_kwh")}
    plain = solve_meter([batteries(6), batteries(6)], load, buy, sell, **imports, rounds=20)
    for kw, less in ((np.inf, terms["under_per_kwh"]), (1.0, 0.0)):
        free = solve_meter(
            [batteries(6), batteries(6)],
            load,
            buy,
            sell,
            **imports,
            export_kw=kw,
            under_per_kwh=less,
            rounds=20,
        )
        for one, other in zip(plain, free, strict=True):
            assert np.array_equal(one, other)


def test_a_home_without_stores_earns_less_for_what_is_beyond():
    load, buy, sell, terms = street(3, 6)
    none = np.zeros(0, np.int64)
    found = solve_meter([rows(batteries(1), none)], load, buy, sell, home=[none], **terms)
    export, under = terms["export_kw"], terms["under_per_kwh"]
    paid = buy * load.clip(min=0) + sell * load.clip(max=0)
    paid += terms["over_per_kwh"] * (load - terms["limit_kw"]).clip(min=0)
    paid += under * (-load - export).clip(min=0)
    assert found.cost_usd == pytest.approx(paid.sum(1), rel=1e-12)
    assert np.array_equal(found.price_per_kwh[load < -export], (sell - under)[load < -export])


@pytest.mark.parametrize(("export", "under"), [(-1.0, 0.1), (1.0, -0.1), (1.0, np.inf)])
def test_what_is_no_limit_of_export_is_refused(export, under):
    load, buy, sell, _ = street(2, 7)
    with pytest.raises(ValueError, match="limit"):
        solve_meter([batteries(2)], load, buy, sell, export_kw=export, under_per_kwh=under)


def test_no_home_can_do_better_in_an_interval():
    """Beyond the limit only at the lowest price, just the limit between it and the credit, within it at the credit or above."""
    rng = np.random.default_rng(8)
    count, buy, sell, under = 400, 0.4, 0.2, 0.15
    made = []
    for _ in range(3 * count):
        points = rng.integers(1, 7)
        level = rng.choice([-1e-9, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.45], points)
        made.append((np.sort(rng.uniform(-4, 5, points)), np.sort(level)[::-1]))
    offered, home = curves(made), rng.permutation(np.repeat(np.arange(count), 3))
    rest, export = rng.uniform(-8, 8, count), rng.uniform(0, 6, count)
    found = clear(offered, home, rest, buy, sell, export_kw=export, under_per_kwh=under)
    power = power_at_own(offered, found.price_per_kwh[home], found.share[home])
    net, price = rest + np.bincount(home, power, count), found.price_per_kwh
    assert np.all((price >= sell - under) & (price <= buy))
    full, held, plain = (
        price == sell - under,
        (price > sell - under) & (price < sell),
        price == sell,
    )
    tied = full & (found.share < 1.0)
    assert np.all(net[full & ~tied] <= -export[full & ~tied] + 1e-12)
    np.testing.assert_allclose(net[held | tied], -export[held | tied], atol=1e-10)
    assert np.all((net[plain] <= 1e-12) & (net[plain] >= -export[plain] - 1e-10))
    free = clear(offered, home, rest, buy, sell)
    over = price >= sell
    assert np.array_equal(free.price_per_kwh[price > sell], price[price > sell])
    assert np.all(free.price_per_kwh[~over] == sell)
    assert min(full.sum(), held.sum(), plain.sum()) > 20
