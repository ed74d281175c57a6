"""Stores that differ in their state alone answer as they do one by one; sums of groups are whole and hold in any split."""

import numpy as np
import pytest

from gridagora.kernels.stores.pattern_response import (
    PatternUnits,
    SharedSums,
    add_responses,
    add_shares,
    order_units,
)
from gridagora.kernels.stores.value import best_response, bid, marginal_value, rows, stores

HOURS, PATTERNS, UNITS, GROUPS = 24, 6, 80, 3
UW, UUSD = 1e9, 1e6


def batteries(rng):
    """Return batteries of which some lose so much that a negative price bends their cost."""
    cap, power = rng.uniform(5, 15, PATTERNS), rng.uniform(2, 6, PATTERNS)
    return stores(
        np.zeros(PATTERNS),
        np.ones(HOURS),
        p_min_kw=-power[:, None],
        p_max_kw=power[:, None],
        x_max=cap[:, None],
        gain_in=0.8,
        gain_out=0.85,
        wear_per_kwh=0.01,
        end_x=(0.0, 5.0),
        end_mu=(0.05, 0.03),
    )


def houses(rng):
    """Return houses whose comfort feels power at once."""
    return stores(
        np.zeros(PATTERNS),
        np.ones(HOURS),
        leak=rng.uniform(0.8, 0.95, PATTERNS)[:, None],
        inflow=rng.uniform(-1.5, 0.0, (PATTERNS, HOURS)),
        p_max_kw=rng.uniform(2, 5, PATTERNS)[:, None],
        x_min=-40.0,
        x_max=40.0,
        gain_in=0.6,
        k_c=0.05,
        c_x=0.95,
        c_p=0.3,
        c_0=-0.5,
        end_x=(-40.0, 40.0),
        end_mu=(0.02, 0.02),
    )


@pytest.fixture(params=[batteries, houses])
def case(request):
    """Return a table, two price paths and units with pair, state, group and home."""
    rng = np.random.default_rng(7)
    price = rng.uniform(-0.05, 0.2, (2, HOURS))
    x0 = rng.choice(rng.uniform(0, 5, 12), UNITS)  # some are in one state
    pair, group = rng.integers(0, 2 * PATTERNS, UNITS), rng.integers(0, GROUPS, UNITS)
    return request.param(rng), price, pair, x0, group


def alone(table, price, pair, x0):
    """Return the response of every unit, each with a row of its own."""
    return best_response(
        rows(table, pair % PATTERNS)._replace(x0=x0), price, price, row=pair // PATTERNS
    )


def units_of(pair, x0, group):
    first, unit = order_units(pair, 2 * PATTERNS)
    return PatternUnits(first, x0[unit], group[unit], unit)


def sums_of(case, some=slice(None)):
    table, price, pair, x0, group = case
    sums = SharedSums(
        np.zeros((GROUPS, HOURS), np.int64), np.zeros(GROUPS, np.int64), np.zeros(GROUPS, np.int64)
    )
    add_responses(table, price, units_of(pair[some], x0[some], group[some]), sums)
    return sums


def test_groups_take_the_sum_of_what_each_takes_alone(case):
    table, price, pair, x0, group = case
    found, sums = alone(table, price, pair, x0), sums_of(case)
    paid = np.array([p @ c for p, c in zip(found.p_kw, price[pair // PATTERNS], strict=True)])
    for name, column in (("own_uusd", found.cost_usd - paid), ("bound_uusd", found.bound_usd)):
        each = np.zeros(GROUPS, np.int64)
        np.add.at(each, group, np.rint(column * UUSD).astype(np.int64))
        assert (
            np.abs(getattr(sums, name) - each).max() <= UNITS
        )  # the price is paid in another order
    whole = np.zeros((GROUPS, HOURS), np.int64)
    np.add.at(whole, group, np.rint(found.p_kw * UW).astype(np.int64))
    assert np.array_equal(sums.p_uw, whole)


def test_any_split_adds_up_to_the_same(case):
    whole, parts = sums_of(case), [sums_of(case, slice(i, None, 3)) for i in range(3)]
    for column, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert np.array_equal(column, sum(pieces))


def test_homes_hold_their_share_of_a_plan(case):
    table, price, pair, x0, group = case
    p_kw, share = np.zeros((UNITS, 5)), np.array([0.25, 0.0, 1.0])
    add_shares(table, price, units_of(pair, x0, group), share, p_kw)
    expected = share[group][:, None] * alone(table, price, pair, x0).p_kw[:, :5]
    assert np.array_equal(p_kw, expected)


def test_a_table_without_units_adds_nothing(case):
    table, price, *_ = case
    none = np.zeros(0, np.int64)
    sums = sums_of((table, price, none, np.zeros(0), none))
    assert not any(column.any() for column in sums)


def test_stores_bid_by_the_values_of_their_pattern(case):
    """As with values of their own, to the last bit."""
    table, price, pair, x0, _ = case
    row = pair % PATTERNS
    own = rows(table, row)
    ends = {"x0", "dt_h", "end_x", "end_mu"}
    first = {name: column[:, :1] for name, column in own._asdict().items() if name not in ends}
    now = own._replace(x0=x0, dt_h=np.array([1 / 12]), **first)
    shared = bid(now, marginal_value(table, price[0]), 0.3, row=row)
    for got, expected in zip(shared, bid(now, marginal_value(own, price[0]), 0.3), strict=True):
        assert np.array_equal(got, expected)
