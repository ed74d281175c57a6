"""Homes behind one kinked meter: excess over the exact optimum, proved by the bundle with one column a device."""

import numpy as np
import pytest

from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, coordinate
from gridagora.kernels.curves.shared_meter import solve_meter
from gridagora.kernels.stores.table import FIELDS
from gridagora.kernels.stores.value import best_response, rows, stores

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


def owned(counts, seed=11):
    """Homes with so many stores of each kind, as tables and the home of every row."""
    rng = np.random.default_rng(seed)
    counts = np.array(counts)
    home = [np.repeat(np.arange(len(counts)), counts[:, kind]) for kind in range(3)]
    made = [make(rng, len(at)) for make, at in zip((battery, house, tank), home, strict=True)]
    load = rng.uniform(0.3, 2.0, (len(counts), H))
    load -= 5.0 * np.maximum(0.0, np.cos((T - 13) / 12 * np.pi))
    buy = 0.12 + 0.08 * np.sin((T - 12) / 12 * np.pi)
    return made, home, load, np.tile(buy, (len(counts), 1)), np.tile(0.3 * buy, (len(counts), 1))


COUNTS = [[1, 1, 1], [0, 1, 0], [2, 1, 1], [0, 0, 0], [1, 0, 0], [0, 2, 1]]


def test_homes_may_own_different_stores_and_do_not_depend_on_each_other():
    made, home, load, buy, sell = owned(COUNTS)
    whole = solve_meter(made, load, buy, sell, home=home, rounds=20)
    assert whole.p_kw.shape == (sum(map(sum, COUNTS)), H)
    every = np.concatenate(home)
    for i in range(len(COUNTS)):
        if not any(COUNTS[i]):
            continue
        own = [rows(part, at == i) for part, at in zip(made, home, strict=True)]
        at = slice(i, i + 1)
        none = [np.zeros(len(part.x0), np.int64) for part in own]
        alone = solve_meter(own, load[at], buy[at], sell[at], home=none, rounds=20)
        assert np.array_equal(alone.p_kw, whole.p_kw[every == i])
        assert alone.cost_usd[0] == whole.cost_usd[i]
        assert alone.bound_usd[0] == whole.bound_usd[i]
        assert np.array_equal(alone.price_per_kwh[0], whole.price_per_kwh[i])


def test_a_home_without_stores_pays_for_its_load():
    made, home, load, buy, sell = owned(COUNTS)
    whole = solve_meter(made, load, buy, sell, home=home, rounds=5)
    i = COUNTS.index([0, 0, 0])
    paid = (buy[i] * np.maximum(load[i], 0) - sell[i] * np.maximum(-load[i], 0)).sum()
    assert whole.cost_usd[i] == pytest.approx(paid, rel=1e-12)
    assert whole.gap_usd[i] == 0.0
    assert np.array_equal(whole.price_per_kwh[i], np.where(load[i] < 0, sell[i], buy[i]))


def test_threads_change_nothing():
    made, home, load, buy, sell = owned(COUNTS * 4)
    one = solve_meter(made, load, buy, sell, home=home, rounds=12)
    two = solve_meter(made, load, buy, sell, home=home, rounds=12, threads=2)
    for name in one._fields:
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_prices_inside_lie_between_credit_and_import():
    made, home, load, buy, sell = owned(COUNTS)
    found = solve_meter(made, load, buy, sell, home=home, rounds=30)
    assert np.all(found.price_per_kwh >= sell - 1e-15)
    assert np.all(found.price_per_kwh <= buy + 1e-15)
    assert np.all(found.gap_usd >= -1e-9)


def test_a_start_beyond_the_two_prices_is_moved_between_them():
    made, home, load, buy, sell = owned(COUNTS)
    high = solve_meter(made, load, buy, sell, home=home, rounds=8, start_per_kwh=9.0 * buy)
    at_buy = solve_meter(made, load, buy, sell, home=home, rounds=8, start_per_kwh=buy)
    assert np.array_equal(high.p_kw, at_buy.p_kw)
    assert np.array_equal(high.price_per_kwh, at_buy.price_per_kwh)


def test_a_battery_alone_plans_as_behind_its_own_meter():
    """With one store the sweep is the whole problem: its plan is the best response to both prices, load included."""
    made, home, load, buy, sell = owned([[1, 0, 0]] * 5)
    found = solve_meter(made, load, buy, sell, home=home, rounds=10)
    own = best_response(made[0]._replace(load_kw=load), buy, sell, row=np.arange(5))
    assert found.p_kw == pytest.approx(own.p_kw, abs=1e-9)
    assert found.cost_usd == pytest.approx(own.cost_usd, abs=1e-9)


def test_load_prox_and_aim_of_the_tables_are_not_read():
    made, home, load, buy, sell = owned(COUNTS)
    other = [part._replace(load_kw=part.load_kw + 3.0, prox=part.prox + 1.0) for part in made]
    one = solve_meter(made, load, buy, sell, home=home, rounds=6)
    two = solve_meter(other, load, buy, sell, home=home, rounds=6)
    assert np.array_equal(one.p_kw, two.p_kw)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda buy, sell: (buy, 2.0 * buy), "sell price exceeds buy price"),
        (lambda buy, sell: (np.where(buy > 0.15, np.nan, buy), sell), "not a finite number"),
        (lambda buy, sell: (buy[:, :5], sell[:, :5]), "prices have 5 steps, expected 24"),
    ],
)
def test_prices_that_do_not_fit_are_refused(change, said):
    made, home, load, buy, sell = owned(COUNTS)
    with pytest.raises(ValueError, match=said):
        solve_meter(made, load, *change(buy, sell), home=home)
