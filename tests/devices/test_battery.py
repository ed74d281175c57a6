"""Batteries: the relaxation threshold, belief, and an empty one that must charge."""

import numpy as np
import pytest
from scipy.optimize import linprog

from gridagora.devices import battery
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.stores.value import best_response, bid, marginal_value


def both_ways_kw(price, eta=0.95, wear=0.01, power=20.0, energy=6.0, slots=6):
    """Most power that the two-variable relaxation runs both ways at once, one slot being very cheap."""
    prices = np.full(slots, 0.1)
    prices[2] = price
    sums = np.tril(np.ones((slots, slots)))
    stored = np.hstack([sums * eta, -sums / eta])
    best = linprog(
        np.r_[prices + wear, wear - prices],
        A_ub=np.vstack([stored, -stored]),
        b_ub=np.r_[np.full(slots, energy - 5), np.full(slots, 5)],
        A_eq=stored[-1:],
        b_eq=[0.0],
        bounds=(0, power),
    )
    return np.minimum(best.x[:slots], best.x[slots:]).max()


def test_relaxation_is_exact_just_above_the_threshold_and_not_below():
    """T31."""
    edge = battery.threshold_per_kwh(0.95, 0.01)
    assert edge == pytest.approx(-0.19513, abs=5e-6)
    assert both_ways_kw(edge + 0.005) == pytest.approx(0.0, abs=1e-9)
    assert both_ways_kw(edge - 0.005) == pytest.approx(12.35, abs=0.01)
    assert both_ways_kw(edge - 0.005, power=2.0) == pytest.approx(0.0, abs=1e-9)
    assert battery.threshold_per_kwh(1.0, 0.01) == -np.inf


def test_the_answer_is_exclusive_and_certified_on_both_sides_of_the_threshold(homes):
    """Above it the bound is met; below it the true answer still charges or discharges, never both."""
    table = battery.of(homes.owned["battery"])
    edge = battery.threshold_per_kwh(0.95, 0.01)
    for low, exact in ((edge + 0.005, True), (edge - 0.2, False)):
        price = np.full(12, 0.1)
        price[5] = low
        answer = best_response(battery.spec(table, battery.start(table), 12, 0.1), price, price)
        gap = answer.cost_usd - answer.bound_usd
        assert (gap >= -1e-9).all()
        assert answer.hulled.any() != exact
        assert gap.max() < 1e-9 or not exact
        moved = np.where(answer.p_kw > 0, answer.p_kw * 0.95, answer.p_kw / 0.95)
        assert np.diff(answer.x, axis=1) == pytest.approx(moved, abs=1e-9)


def test_an_empty_battery_charges_before_a_peak(homes):
    """The inward derivative at empty: a wrong one leaves an empty battery empty for ever."""
    table = battery.of(homes.owned["battery"])
    price = np.full(24, 0.05)
    price[18] = 1.0
    empty = np.zeros(len(table.home))
    answer = best_response(battery.spec(table, empty, 24, 0.05), price, price)
    assert answer.p_kw[:, 18] == pytest.approx(-5.0)
    worth = marginal_value(battery.spec(table, empty, 24, 0.05), price)
    assert (power_at(bid(battery.spec_now(table, empty), worth), 0.04) > 4.9).all()


def test_bid_has_the_idle_band_of_efficiency_and_wear(homes):
    """mu (1/eta - eta) + 2 wear between the prices of charging and discharging."""
    table = battery.of(homes.owned["battery"])
    e = battery.start(table) / 2
    worth = marginal_value(battery.spec(table, e, 1, 0.2), np.array([0.2]))
    offer = bid(battery.spec_now(table, e), worth, share=1.0)
    low, high = 0.95 * 0.2 - 0.01, 0.2 / 0.95 + 0.01
    assert power_at(offer, low - 1e-6) == pytest.approx(np.full(len(e), 5.0))
    assert power_at(offer, (low + high) / 2) == pytest.approx(np.zeros(len(e)))
    assert power_at(offer, high + 1e-6) == pytest.approx(np.full(len(e), -5.0))


def test_take_gives_the_same_rows_bit_for_bit(homes, rows_of):
    table, rows = battery.of(homes.owned["battery"]), np.array([3, 1])
    few, e = battery.take(table, rows), battery.start(table)
    part = e[rows]
    assert rows_of(battery.spec(table, e), rows, battery.spec(few, part))
    assert rows_of(battery.spec_now(table, e), rows, battery.spec_now(few, part))
    p = battery.step(table, e, np.array([9.0, -9.0, 1.0, -1.0]))
    assert p == pytest.approx([5, -5, 1, -1])
    assert np.array_equal(battery.step(few, part, np.array([-1.0, -9.0])), p[rows])
    assert np.array_equal(part, e[rows])
