"""Laws of curves on a tree: exact sums in any order, the parametric optimum of a limit, blocks, and the way back (T10)."""

import numpy as np
import pytest

from gridagora.kernels.curves.curve import Curves, add, clear, compress, curves, power_at
from gridagora.kernels.curves.groups import (
    allocate_rows,
    compress_groups,
    gather,
    price_at_quantity,
    soft_limit,
)

GRID = np.linspace(0, 0.5, 21)


def some(rng: np.random.Generator, n: int, steps: bool = True) -> Curves:
    """Return curves with shared prices, blocks, gaps and single points."""
    rows = []
    for _ in range(n):
        m = int(rng.integers(1, 9))
        p = np.sort(rng.uniform(-5, 5, m))
        price = -np.sort(-(rng.choice(GRID, m) if steps else rng.uniform(0, 0.5, m)))
        if m > 2 and rng.random() < 0.3:
            p[1] = p[0]
        rows.append((p, price))
    return curves(rows)


def rows_of(c: Curves) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (c.p_kw[a:b], c.price_per_kwh[a:b])
        for a, b in zip(c.offset[:-1], c.offset[1:], strict=True)
    ]


def same(a: Curves, b: Curves) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def levels(rng: np.random.Generator, c: Curves) -> np.ndarray:
    return np.concatenate([rng.choice(c.price_per_kwh, 20), rng.uniform(-0.1, 0.6, 20)])


@pytest.mark.parametrize("seed", range(4))
def test_groups_sum_exactly_at_every_breakpoint(seed: int) -> None:
    rng = np.random.default_rng(seed)
    many, group, base = some(rng, 200), rng.integers(0, 30, 200), rng.normal(0, 3, 32)
    sums = gather(many, group, 32, base)
    assert all(np.all(np.diff(p) >= 0) and np.all(np.diff(c) <= 0) for p, c in rows_of(sums))
    assert set(sums.price_per_kwh) <= {*many.price_per_kwh, 0.0}
    for price in levels(rng, many):
        for share in (0.0, 0.37, 1.0):
            parts = np.bincount(group, power_at(many, price, share), 32) + base
            assert power_at(sums, price, share) == pytest.approx(parts, abs=1e-12)
    assert rows_of(sums)[31] == ([base[31]], [0.0])


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_rows_changes_no_bit_and_the_tree_is_the_flat_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    many, home, zone = (
        some(rng, 300, steps=seed > 1),
        rng.integers(0, 40, 300),
        rng.integers(0, 4, 40),
    )
    order = rng.permutation(300)
    rows = rows_of(many)
    turned = curves([rows[i] for i in order])
    assert same(gather(many, home, 40), gather(turned, home[order], 40))
    flat = gather(many, np.zeros(300, int), 1)
    assert same(flat, gather(turned, np.zeros(300, int), 1))
    up = gather(gather(gather(many, home, 40), zone, 4), np.zeros(4, int), 1)
    if seed > 1:
        assert set(up.price_per_kwh) == set(many.price_per_kwh), "a breakpoint was lost"
    for price in levels(rng, many):
        for share in (0.0, 1.0):
            assert power_at(up, price, share) == pytest.approx(
                power_at(flat, price, share), abs=1e-11
            )
            assert power_at(up, price, share) == pytest.approx(
                power_at(add(many), price, share), abs=1e-11
            )


@pytest.mark.parametrize("seed", range(6))
def test_answers_at_the_price_that_comes_down_sum_to_what_was_cleared(seed: int) -> None:
    """T10 with the tie share: feeder, zones, homes and rows agree to the microwatt, and each row takes what it said."""
    rng = np.random.default_rng(seed)
    many, home, zone = (
        some(rng, 300, steps=seed % 2 == 0),
        rng.integers(0, 60, 300),
        rng.integers(0, 4, 60),
    )
    homes = gather(many, home, 60)
    zones = gather(homes, zone, 4)
    found = clear(
        zones, 0.0, np.array([-500.0, 0.0, 0.0, 500.0]), np.array([0.05, 0.05, 0.25, 0.25])
    )
    root = gather(zones, np.zeros(4, int), 1)
    price, share = price_at_quantity(
        root, np.zeros(1, int), np.array([found.q_kw]), found.price_per_kwh, found.share
    )
    assert price[0] == found.price_per_kwh
    q_zone = allocate_rows(zones, np.zeros(4, int), price, share, np.array([found.q_kw]))
    assert q_zone.sum() == pytest.approx(found.q_kw, abs=1e-9)
    of_zone = price_at_quantity(homes, zone, q_zone, price[0], share[0])
    q_home = allocate_rows(homes, zone, *of_zone, q_zone)
    of_home = price_at_quantity(many, home, q_home, of_zone[0][zone], of_zone[1][zone])
    p = allocate_rows(many, home, *of_home, q_home)
    assert np.all(of_home[0] == found.price_per_kwh)
    assert np.bincount(home, p, 60) == pytest.approx(q_home, abs=1e-12)
    assert p == pytest.approx(power_at(many, found.price_per_kwh, share[0]), abs=3e-7)


def test_rows_take_a_given_power_at_the_nearest_price() -> None:
    many = curves(
        [
            ([0.0, 4.0], [0.4, 0.0]),
            ([1.0, 1.0], [0.6, 0.1]),
            ([0.0, 2.0], [0.3, 0.3]),
            ([5.0], [0.2]),
        ]
    )
    zero = np.zeros(4, int)
    assert price_at_quantity(many, zero, np.array([10.0]), 0.2, 0.7) == (0.2, 0.7)
    assert np.ravel(price_at_quantity(many, zero, np.array([8.0]), 0.2, 0.0)) == pytest.approx(
        [0.3, 0.5]
    )
    assert np.ravel(price_at_quantity(many, zero, np.array([8.0]), 0.35, 0.0)) == pytest.approx(
        [0.3, 0.5]
    )
    assert np.ravel(price_at_quantity(many, zero, np.array([6.5]), 0.1, 0.0)) == pytest.approx(
        [0.35, 0.0]
    )
    assert np.ravel(price_at_quantity(many, zero, np.array([11.0]), 0.4, 0.0)) == pytest.approx(
        [0.1, 0.0]
    )
    assert price_at_quantity(many, zero, np.array([3.0]), 0.2, 0.0)[0] == 0.6, (
        "the last breakpoint where no price does"
    )
    gap = curves([([0.0, 1.0, 1.0, 2.0], [0.4, 0.3, 0.2, 0.1])])
    assert price_at_quantity(gap, np.zeros(1, int), np.ones(1), 0.05, 0.0)[0] == 0.2
    assert price_at_quantity(gap, np.zeros(1, int), np.ones(1), 0.35, 0.0)[0] == 0.3


@pytest.mark.parametrize("seed", range(5))
def test_a_published_curve_is_the_optimum_under_the_penalty(seed: int) -> None:
    """At every price the answer maximises worth - price q - over (q - high)+ - over (low - q)+, found by brute force."""
    rng = np.random.default_rng(seed)
    own = gather(some(rng, 12, steps=False), np.zeros(12, int), 1)
    low, high = np.sort(rng.uniform(own.p_kw[0], own.p_kw[-1], 2))
    for over in (0.0, 0.07, 3.0):
        published = soft_limit(own, low, high, over)
        assert np.all(np.diff(published.p_kw) >= 0)
        assert np.all(np.diff(published.price_per_kwh) <= 0)
        for price in rng.uniform(-0.2, 0.7, 30):
            taken = power_at(published, price)[0]
            p = np.sort(
                np.concatenate(
                    [np.linspace(own.p_kw[0], own.p_kw[-1], 2001), own.p_kw, [low, high, taken]]
                )
            )
            inner = np.interp(p, own.p_kw, own.price_per_kwh)
            worth = np.concatenate([[0.0], np.cumsum(0.5 * (inner[1:] + inner[:-1]) * np.diff(p))])
            surplus = worth - price * p - over * (np.maximum(p - high, 0) + np.maximum(low - p, 0))
            assert surplus[np.searchsorted(p, taken)] >= surplus.max() - 1e-10


def test_limits_that_do_not_bind_change_nothing_and_hard_ones_hold() -> None:
    many = some(np.random.default_rng(1), 50, steps=False)
    assert same(soft_limit(many, -np.inf, np.inf, 9.0), gather(many, np.arange(50), 50))
    hard = soft_limit(many, -1.0, 1.0, 1e3)
    for price in (0.0, 0.2, 0.5):
        lowest, highest = (np.array([p[end] for p, _ in rows_of(many)]) for end in (0, -1))
        taken = power_at(hard, price)
        assert np.all((taken <= 1.0) | (lowest > 1.0))
        assert np.all((taken >= -1.0) | (highest < -1.0))
    with pytest.raises(ValueError, match="row 1"):
        soft_limit(many, np.arange(50) * 3.0, 2.0, 1.0)


def test_every_row_is_compressed_as_one_alone() -> None:
    many = gather(some(np.random.default_rng(2), 90, steps=False), np.arange(90) % 20, 20)
    for blocks in (1, 3, 16, 500):
        small, loss = compress_groups(many, blocks)
        for row, (p, price), worst in zip(rows_of(many), rows_of(small), loss, strict=True):
            alone = compress(curves([row]), blocks)
            assert np.array_equal(alone.curve.p_kw, p)
            assert np.array_equal(alone.curve.price_per_kwh, price)
            assert alone.loss_usd_per_h == worst
            assert len(p) <= 2 * blocks


def test_faulty_groups_are_refused() -> None:
    many = some(np.random.default_rng(3), 4)
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        gather(many, np.zeros(3, int), 1)
    with pytest.raises(ValueError, match=r"0\.\.0"):
        gather(many, np.array([0, 0, 1, 0]), 1)
    with pytest.raises(ValueError, match="0 blocks"):
        compress_groups(many, 0)
