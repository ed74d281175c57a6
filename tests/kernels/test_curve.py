"""Laws of the curve algebra: exact sums, certified clearing with ties, and compression that loses less with more blocks."""

import numpy as np
import pytest

from gridagora.kernels.curves.awards import are_within, clear_some
from gridagora.kernels.curves.curve import (
    Curves,
    add,
    clear,
    compress,
    curves,
    power_at,
    take_rows,
    total,
)

FLAT = (np.array([-1000.0, 1000.0]), np.array([0.1, 0.1]))
STEEP = (np.array([0.0, 0.0, 100.0]), np.array([0.0, 0.05, 0.45]))


def random_curves(rng: np.random.Generator, n: int) -> Curves:
    rows = []
    for _ in range(n):
        m = int(rng.integers(1, 8))
        p, price = np.sort(rng.uniform(-5, 5, m)), -np.sort(-rng.choice(np.linspace(0, 0.5, 21), m))
        kind = rng.integers(0, 3)
        if m > 1 and kind == 0:
            p[1] = p[0]
        if m > 1 and kind == 1:
            price[1] = price[0]
        rows.append((p, price))
    return curves(rows)


def test_sum_is_exact_at_every_breakpoint_and_beyond() -> None:
    rng = np.random.default_rng(1)
    many = random_curves(rng, 60)
    one = add(many)
    assert np.all(np.diff(one.p_kw) >= 0)
    assert np.all(np.diff(one.price_per_kwh) <= 0)
    levels = np.concatenate([many.price_per_kwh, rng.uniform(-0.1, 0.6, 100)])
    for price in levels:
        for share in (0.0, 0.4, 1.0):
            assert power_at(one, price, share)[0] == pytest.approx(
                power_at(many, price, share).sum(), abs=1e-10
            )
            assert total(many, price, share) == pytest.approx(
                power_at(many, price, share).sum(), abs=1e-7
            )


def test_sum_is_associative_and_commutative() -> None:
    rng = np.random.default_rng(2)
    rows = [(rng.uniform(-5, 5, 4), rng.uniform(0, 1, 4)) for _ in range(9)]
    rows = [(np.sort(p), -np.sort(-c)) for p, c in rows]
    whole, turned = add(curves(rows)), add(curves(rows[::-1]))
    parts = [add(curves(rows[:3])), add(curves(rows[3:]))]
    tree = add(curves([(c.p_kw, c.price_per_kwh) for c in parts]))
    for other in (turned, tree):
        assert np.allclose(power_at(other, 0.37), power_at(whole, 0.37), atol=1e-12)
        assert np.array_equal(np.unique(other.price_per_kwh), np.unique(whole.price_per_kwh))


@pytest.mark.parametrize("seed", range(30))
def test_cleared_point_lies_on_both_curves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    many = random_curves(rng, 40)
    base = rng.uniform(-50, 50)
    supply = (FLAT, STEEP, (np.array([-300.0, 0.0, 40.0, 300.0]), np.array([0.0, 0.1, 0.1, 0.4])))[
        seed % 3
    ]
    price, share, q_kw = clear(many, base, *supply)
    answers = power_at(many, price, share)
    if STEEP is supply and not supply[0][0] < q_kw < supply[0][-1]:
        assert (
            q_kw <= 1e-9
            or q_kw >= 100
            or price == pytest.approx(max(many.price_per_kwh.max(), 0.45))
        )
        return
    assert answers.sum() + base == pytest.approx(q_kw, abs=1e-6)
    low, high = (
        np.searchsorted(supply[1], price, "left"),
        np.searchsorted(supply[1], price, "right"),
    )
    offered = np.interp(price, supply[1], supply[0]) if low == high else None
    if offered is None:
        assert supply[0][low] - 1e-6 <= q_kw <= supply[0][high - 1] + 1e-6
    else:
        assert q_kw == pytest.approx(offered, abs=1e-6)


def test_a_tie_is_shared_and_not_overshot() -> None:
    """A thousand indifferent stores at one price and 300 kW to give: each gets .3 kW, not all or nothing."""
    many = curves([(np.array([0.0, 1.0]), np.array([0.2, 0.2]))] * 1000)
    price, share, q_kw = clear(many, 0.0, np.array([300.0]), np.array([0.0]))
    assert (price, share, q_kw) == pytest.approx((0.2, 0.3, 300.0))
    assert power_at(many, price, share) == pytest.approx(np.full(1000, 0.3))


def test_a_linear_market_clears_where_algebra_says() -> None:
    many = curves([(np.array([0.0, 10.0]), np.array([1.0, 0.0]))] * 3)
    found = clear(many, 5.0, np.array([0.0, 100.0]), np.array([0.0, 1.0]))
    assert found.price_per_kwh == pytest.approx(35 / 130)  # 5 + 30 (1 - price) = 100 price
    assert found.q_kw == pytest.approx(3500 / 130)


def test_clearing_does_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(9)
    rows = [(np.sort(rng.uniform(-5, 5, 4)), -np.sort(-rng.uniform(0, 1, 4))) for _ in range(50)]
    a, b = (
        clear(curves(r), 3.0, np.array([-90.0, 90.0]), np.array([0.0, 1.0]))
        for r in (rows, rows[::-1])
    )
    assert a == b


def test_too_much_demand_or_supply_is_said_by_the_power() -> None:
    fixed = curves([(np.array([8.0]), np.array([0.3]))])
    short = clear(fixed, 0.0, np.array([0.0, 5.0]), np.array([0.1, 0.2]))
    assert (short.price_per_kwh, short.q_kw) == (0.3, 8.0)
    glut = clear(fixed, 0.0, np.array([10.0, 20.0]), np.array([0.1, 0.2]))
    assert (glut.price_per_kwh, glut.q_kw) == (0.1, 8.0)


def surplus(p: np.ndarray, worth: np.ndarray, taken: float, price: float) -> float:
    """Worth of taking `taken` at a price, worth being the integral of the curve over p."""
    return float(np.interp(taken, p, worth)) - price * taken


def test_more_blocks_lose_less_and_never_more_than_said() -> None:
    rng = np.random.default_rng(3)
    whole = add(
        curves(
            [(np.sort(rng.uniform(-5, 5, 6)), -np.sort(-rng.uniform(0, 1, 6))) for _ in range(20)]
        )
    )
    p = np.linspace(whole.p_kw[0], whole.p_kw[-1], 200001)
    price = np.interp(p, whole.p_kw, whole.price_per_kwh)
    worth = np.concatenate([[0], np.cumsum(0.5 * (price[1:] + price[:-1]) * np.diff(p))])
    for level in (0.2, 0.35, 0.5, 0.64):
        best, before = surplus(p, worth, power_at(whole, level)[0], level), np.inf
        for count in (1, 2, 4, 8, 16, 32):
            small = compress(whole, count)
            assert len(small.curve.p_kw) <= 2 * count
            loss = best - surplus(p, worth, power_at(small.curve, level)[0], level)
            assert -1e-6 <= loss <= min(before, small.loss_usd_per_h) + 1e-6
            before = loss
    assert compress(whole, 32).loss_usd_per_h < 0.05 * compress(whole, 1).loss_usd_per_h


def test_faulty_curves_are_named() -> None:
    with pytest.raises(ValueError, match="curve 1"):
        curves([(np.zeros(2), np.zeros(2)), (np.array([1.0, 0.0]), np.zeros(2))])
    with pytest.raises(ValueError, match="no curve"):
        add(curves([]))
    with pytest.raises(ValueError, match="0 blocks"):
        compress(curves([FLAT]), 0)


@pytest.mark.parametrize("seed", range(6))
def test_some_rows_clear_for_what_the_others_leave_as_if_alone(seed: int) -> None:
    """The others take what they want at a fixed price; the rest is the market of the chosen rows, to the last bit."""
    rng = np.random.default_rng(seed)
    many, chosen = random_curves(rng, 30), rng.random(30) < 0.4
    supply = np.array([-300.0, 0.0, 40.0, 300.0]), np.array([0.0, 0.1, 0.1, 0.4])
    price, power = clear_some(many, chosen, 0.2, 1.5, *supply)
    others = take_rows(many, np.flatnonzero(~chosen))
    own = take_rows(many, np.flatnonzero(chosen))
    served = power_at(others, 0.2, 1.0)
    left = 1.5 + float(np.rint(served * 1e9).astype(np.int64).sum() / 1e9)
    found = clear(own, left, *supply)
    np.testing.assert_array_equal(price, np.where(chosen, found.price_per_kwh, 0.2))
    np.testing.assert_array_equal(power[~chosen], served)
    np.testing.assert_array_equal(power[chosen], power_at(own, found.price_per_kwh, found.share))


@pytest.mark.parametrize(
    ("party", "power", "price", "good"),
    [
        ([0, 1], [1.0, -2.0], [0.1, 0.2], True),
        ([0, 1], [2.0 + 5e-7, 0.0], [0.1, 0.2], True),
        ([0, 1], [2.0 + 5e-6, 0.0], [0.1, 0.2], False),
        ([0, 1], [-1e-5, 0.0], [0.1, 0.2], False),
        ([1, 0], [1.0, -2.0], [0.1, 0.2], False),
        ([0, 1], [np.nan, -2.0], [0.1, 0.2], False),
        ([0, 1], [1.0, -2.0], [np.inf, 0.2], False),
    ],
)
def test_awards_are_within_the_ends_of_their_curves(party, power, price, good) -> None:
    rows = curves([(np.array([0.0, 2.0]), np.array([0.3, 0.1])), ([-2.0, 0.0], [0.2, 0.2])])
    columns = np.array(power)[:, None], np.array(price)[:, None]
    assert are_within(rows, np.array(party), *columns, 1e-6) is good
