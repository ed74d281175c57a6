"""A plan that follows the exact flow of a network: a bent voltage stands in for it, whose rows are linear at each plan."""

import numpy as np
import pytest

from gridagora.core.limits import NOWHERE, Coefficients, LimitKind, Limits
from gridagora.core.network_operator import NetworkCheck, NetworkState
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.mechanisms.network_limits import (
    LimitTerms,
    NetworkPlan,
    RowPath,
    begin_rows,
    dense_rows,
    find_misfit,
    follow_network,
    keep_rows_reserve,
    make_rows,
    no_rows,
    price_at_homes,
    priced_rows,
)

PRODUCT = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD)
OVER = 500.0
BY_KW = np.array([[-0.002, -0.004], [-0.001, -0.008]])
BEND = 1e-4  # how a voltage falls with the square of what all take


def tell_state(p_kw, low=0.95):
    """Return the flow of a feeder whose voltages are 1 + BY_KW p - BEND (sum p)^2, and rows around it."""
    k, total = len(BY_KW), p_kw.sum(0)
    load = 1.0 + BY_KW @ p_kw - BEND * total**2
    slope = BY_KW - 2.0 * BEND * total[0]
    fixed = load - slope @ p_kw
    n, shape = p_kw.shape[0], load.shape
    limits = Limits(
        Coefficients(n * np.arange(k + 1), np.tile(np.arange(n), k), slope.ravel()),
        Coefficients(np.zeros(k + 1, np.int64), np.zeros(0, np.int64), np.zeros(0)),
        fixed,
        np.full(shape, low),
        np.full(shape, 1.05),
        np.full(k, OVER),
        ("voltage a", "voltage b"),
        np.full(k, LimitKind.VOLTAGE),
        np.full(k, NOWHERE),
    )
    beyond = np.maximum(low - load, load - 1.05).clip(min=0)
    return NetworkState(limits, load, beyond, np.zeros(shape[1]), None, np.arange(n), slope)


def drive(session, low=0.95):
    """Return what a session finds, and the plans that it asked the network for."""
    asked, answer = [], None
    while True:
        try:
            said = session.send(answer)
        except StopIteration as end:
            return end.value, asked
        assert isinstance(said, NetworkCheck)
        asked.append(said)
        answer = tell_state(said.p_kw, low)


def meet_row_b(state, before):
    """Plan the most of the second party that its own row allows, and price it."""
    slope, limits = dense_rows(state.limits), state.limits
    p_kw = before.p_kw.copy()
    p_kw[1] = (limits.low[1] - limits.c[1] - slope[1, 0] * p_kw[0]) / slope[1, 1]
    price = np.array([[0.0], [-3.0]])
    return NetworkPlan(p_kw, RowPath(0, 3600, limits.name, price), None)
    yield


def first_plan(p_kw):
    return NetworkPlan(np.array(p_kw)[:, None], no_rows(PRODUCT, 1), None)


def test_a_plan_that_the_network_carries_is_the_last():
    fit, asked = drive(follow_network(PRODUCT, first_plan([1.0, 1.0]), meet_row_b, LimitTerms()))
    assert (fit.plans, fit.gap_share, fit.state) == (0, 0.0, None)
    assert len(asked) == 1


def test_plans_follow_the_exact_flow_until_it_agrees():
    terms = LimitTerms(plans=9, agreed_share=1e-6)
    fit, asked = drive(follow_network(PRODUCT, first_plan([4.0, 20.0]), meet_row_b, terms))
    assert fit.state.load[1, 0] == pytest.approx(0.95, abs=1e-7)
    assert fit.gap_share <= 1e-6
    assert 2 <= fit.plans == len(asked) - 1 < 9
    assert asked[-1].kept == ("voltage b",)


def test_spent_plans_leave_a_gap_that_is_told():
    terms = LimitTerms(plans=1, agreed_share=1e-6)
    fit, _ = drive(follow_network(PRODUCT, first_plan([4.0, 40.0]), meet_row_b, terms))
    assert fit.gap_share == pytest.approx(abs(fit.state.load[1, 0] - 0.95) / 0.05)
    assert fit.gap_share > 1e-6


def test_what_two_plans_miss_beyond_a_limit_is_no_misfit():
    """Both are beyond the limit of the second row: it has one price there."""
    before, p_kw = tell_state(np.array([[4.0], [30.0]])), np.array([[4.0], [20.0]])
    after = tell_state(p_kw)
    plan = NetworkPlan(p_kw, RowPath(0, 3600, after.limits.name, np.array([[0.0], [-OVER]])), None)
    assert after.beyond[1, 0] > 0
    said = before.limits.c[1] + dense_rows(before.limits)[1] @ p_kw
    assert said < 0.95
    assert find_misfit(before, after, plan) == 0.0


def test_a_reserve_moves_both_bounds_inwards_by_a_share_of_half_the_band():
    state = keep_rows_reserve(tell_state(np.array([[1.0], [1.0]])), 0.1)
    assert state.limits.low == pytest.approx(0.955)
    assert state.limits.high == pytest.approx(1.045)


def test_rows_in_kw_are_the_rows_of_the_network():
    state = tell_state(np.array([[4.0], [9.0]]))
    rows, p_kw = make_rows(state.limits), np.array([[1.0], [2.0]])
    y = rows.base_kw + rows.by_kw @ p_kw
    exact = state.limits.c + dense_rows(state.limits) @ p_kw
    unit = rows.unit_per_kw[:, None]
    assert np.abs(rows.by_kw).max(1) == pytest.approx([1.0, 1.0])
    assert (y - rows.low_kw) * unit == pytest.approx(exact - state.limits.low)
    assert (rows.high_kw - y) * unit == pytest.approx(state.limits.high - exact)
    assert (rows.low_kw <= 0).all()
    assert (rows.high_kw >= 0).all()


def test_prices_of_rows_go_on_at_the_same_time_by_name():
    rows = make_rows(tell_state(np.ones((2, 3))).limits)
    path = RowPath(0, 3600, ("voltage b", "other"), np.array([[-1.0, -2.0, -3.0], [9.0, 9.0, 9.0]]))
    start = begin_rows(path, rows, PRODUCT._replace(start_s=3600))
    assert start[0] == pytest.approx(0.0)
    assert start[1] / rows.unit_per_kw[1] == pytest.approx([-2.0, -3.0, 0.0])


def test_a_home_pays_what_its_power_does_to_rows():
    state = tell_state(np.array([[4.0], [9.0]]))
    path = RowPath(0, 3600, ("voltage b",), np.array([[-3.0]]))
    assert price_at_homes(state, path)[:, 0] == pytest.approx(-3.0 * state.a_home[1])


def test_prices_of_rounding_count_for_nothing():
    path = RowPath(0, 3600, ("a", "b"), np.array([[1e-9, -1e-9], [2.0, 0.0]]))
    assert priced_rows(path) == ("b",)
