"""One interval with rows of a network against a linear programme of the same curves, and its laws."""

import numpy as np
import pytest
from scipy.optimize import linprog

from gridagora.core.limits import NOWHERE, Coefficients, LimitKind, Limits
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.curves.curve import Curves, clear, power_at
from gridagora.kernels.curves.internal_price import power_at_own
from gridagora.mechanisms.network_interval import IntervalTerms, clear_with_rows, find_worth
from gridagora.mechanisms.network_limits import make_rows

BUY, SELL = 0.15, 0.12
TERMS = IntervalTerms()


def draw_curves(n, steps=3, seed=0):
    """Return curves of blocks at falling prices; a third of the parties can give power."""
    rng = np.random.default_rng(seed)
    least = np.where(rng.random(n) < 0.3, rng.uniform(-3, 0, n), 0.0)
    price = -np.sort(-rng.uniform(-0.1, 0.6, (n, steps)), axis=1)
    power = least[:, None] + np.cumsum(
        np.c_[np.zeros(n), rng.uniform(0.2, 2.0, (n, steps))], axis=1
    )
    points = np.stack([power[:, :-1], power[:, 1:]], axis=2).reshape(n, -1)
    return Curves(2 * steps * np.arange(n + 1), points.ravel(), np.repeat(price, 2, axis=1).ravel())


def feeder(curves, k, tight, seed=1):
    """Return voltages (k,) along a feeder: how a kW of each party moves them, what they are without, and their low bounds."""
    rng, n = np.random.default_rng(seed), len(curves.offset) - 1
    along = rng.uniform(0, 1, n)
    by_kw = -1e-4 * np.minimum(along, rng.uniform(0.3, 1.0, k)[:, None])
    return (
        by_kw,
        np.ones(k),
        1.0 + tight * (by_kw @ power_at_own(curves, np.full(n, BUY), np.zeros(n))),
    )


def rows_of(by_kw, fixed, low, over):
    k, n = by_kw.shape
    a = Coefficients(n * np.arange(k + 1), np.tile(np.arange(n), k), by_kw.ravel())
    b = Coefficients(np.zeros(k + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))
    high = np.full((k, 1), 1.05)
    name = tuple(f"voltage {row}" for row in range(k))
    kind, place = np.full(k, LimitKind.VOLTAGE), np.full(k, NOWHERE)
    return make_rows(
        Limits(a, b, fixed[:, None], low[:, None], high, np.full(k, over), name, kind, place)
    )


def supply(n):
    one, reach = np.ones(1), 1e4 * (1 + n)
    return SupplyCost(
        one, 0 * one, BUY * one, SELL * one, -reach * one, reach * one, 0 * one, 0 * one,
        -reach * one, reach * one,
    )  # fmt: skip


def find_best(curves, by_kw, fixed, low, over):
    """Return the most value of any awards [$/h], by a linear programme over the blocks."""
    k, at = len(by_kw), np.flatnonzero(np.diff(curves.p_kw) > 0)
    row = np.searchsorted(curves.offset, at, side="right") - 1
    inner = at + 1 < curves.offset[row + 1]
    at, row = at[inner], row[inner]
    least, span = curves.p_kw[curves.offset[:-1]], np.diff(curves.p_kw)[at]
    moved, base = by_kw[:, row], fixed + by_kw @ least
    cost = np.r_[-curves.price_per_kwh[at], BUY, -SELL, np.full(k, over)]
    balance = np.r_[np.ones(len(at)), -1.0, 1.0, np.zeros(k)][None]
    under = np.c_[-moved, np.zeros((k, 2)), -np.eye(k)]
    bounds = [(0, width) for width in span] + [(0, None)] * (2 + k)
    found = linprog(cost, under, base - low, balance, [-least.sum()], bounds=bounds, method="highs")
    return -found.fun


@pytest.mark.parametrize(("n", "k", "over"), [(100, 4, 1e3), (300, 60, 1e3), (1000, 20, 2e4)])
def test_value_is_that_of_the_linear_programme(n, k, over):
    curves = draw_curves(n)
    by_kw, fixed, low = feeder(curves, k, 0.6)
    found = clear_with_rows(
        curves, supply(n), rows_of(by_kw, fixed, low, over), np.r_[BUY, np.zeros(k)], TERMS
    )
    best = find_best(curves, by_kw, fixed, low, over)
    assert found.value_usd_per_h == pytest.approx(best, rel=1e-6)
    assert 0 <= found.gap_usd_per_h <= 1e-6 * best + 1e-9
    assert np.abs(found.price_per_kwh[1:]).max() > 0


def test_rows_that_keep_their_limits_leave_the_clearing_as_it_is():
    n = 100
    curves = draw_curves(n)
    by_kw, fixed, low = feeder(curves, 4, 1.5)
    found = clear_with_rows(
        curves, supply(n), rows_of(by_kw, fixed, low, 1e3), np.r_[BUY, np.zeros(4)], TERMS
    )
    offered = np.array([-1e6, 0.0, 0.0, 1e6]), np.array([SELL, SELL, BUY, BUY])
    alone = clear(curves, 0.0, *offered)
    assert found.price_per_kwh == pytest.approx(np.r_[alone.price_per_kwh, np.zeros(4)], abs=1e-9)
    assert found.p_kw == pytest.approx(power_at(curves, alone.price_per_kwh, alone.share), abs=1e-6)


def test_a_row_that_no_award_keeps_costs_its_price_beyond():
    n, over = 100, 50.0
    curves = draw_curves(n)
    by_kw, fixed, low = feeder(curves, 1, 0.5)
    rows = rows_of(by_kw, fixed - 0.5, low, over)
    found = clear_with_rows(curves, supply(n), rows, np.r_[BUY, 0.0], TERMS)
    assert found.price_per_kwh[1] / rows.unit_per_kw[0] == pytest.approx(-over, rel=1e-9)


def test_tighter_limits_never_raise_the_value():
    n = 200
    curves, values = draw_curves(n), []
    for tight in (1.2, 0.9, 0.6, 0.3, 0.0):
        by_kw, fixed, low = feeder(curves, 6, tight)
        rows = rows_of(by_kw, fixed, low, 1e3)
        found = clear_with_rows(curves, supply(n), rows, np.r_[BUY, np.zeros(6)], TERMS)
        values.append(found.value_usd_per_h)
    assert (np.diff(values) <= 1e-6 * values[0]).all()
    assert values[-1] < values[0]


def test_worth_is_the_area_below_a_curve():
    """Two straight pieces and a block: by hand, 2 kW at .4 falling to .2, then 1 kW at .1; of 2.5 kW."""
    curves = Curves(
        np.array([0, 4]), np.array([-1.0, 1.0, 1.0, 2.0]), np.array([0.4, 0.2, 0.1, 0.1])
    )
    assert find_worth(curves, np.array([1.5])) == pytest.approx([2 * 0.3 + 0.5 * 0.1])
    assert find_worth(curves, np.array([-1.0])) == pytest.approx([0.0])
