"""Nodal fees: finite differences of the exact flow, nil where nothing binds, and homes that answer them keep the network."""

import numpy as np
import pytest

from gridagora.core.flow import Flow
from gridagora.core.limits import LimitKind
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.tables import Col
from gridagora.grid import flow
from gridagora.grid.fixed_point import FixedPoint, open_grid
from gridagora.grid.limited import limited_quantities, phasors_of
from gridagora.grid.nodal_fees import (
    MARGIN,
    FeeProblem,
    LimitPrices,
    find_fees,
    price_limits,
    stand,
    total_fee,
)
from gridagora.sources import synthetic_feeder

N, H, TAN = 24, 2, 0.33
SHARP = 1e-13  # pu, so that differences of two flows mean something
PER_KWH = np.array([0.08, 0.05])
OVER = 0.5  # $/kWh beyond a limit


@pytest.fixture(scope="module")
def grid() -> FixedPoint:
    return open_grid(synthetic_feeder.make(5, N))


def problem(grid: FixedPoint, **changed: object) -> FeeProblem:
    """Every third home has an inverter; a kW moves voltages by some thousandth."""
    kvar_per_kw = np.where(np.arange(N) % 3 == 0, 0.0, TAN)
    rules = NetworkRules((0.95, 1.05), RowPrices(1000 * OVER, OVER))
    whole = FeeProblem(grid, np.arange(N), kvar_per_kw, rules, PER_KWH, np.zeros(H))
    return whole._replace(**changed)


def solved(of: FeeProblem, p_kw: Col) -> Flow:
    return flow.solve(of.grid.feeder, p_kw.T, (of.kvar_per_kw[:, None] * p_kw).T, SHARP)


def powers(most_kw: float) -> Col:
    return np.random.default_rng(4).uniform(0.4, 1.0, (N, H)) * most_kw


def test_fees_are_finite_differences_of_losses_and_of_limits_at_their_prices(grid):
    of, limited = problem(grid), limited_quantities(grid.feeder)
    rng = np.random.default_rng(2)
    scale = np.where(limited.kind == LimitKind.VOLTAGE, 3.0, 1e-2)
    prices = LimitPrices(rng.normal(0, scale, (H, len(scale))), np.array([0.0, 0.07]))

    def cost(p_kw: Col) -> Col:
        at = solved(of, p_kw)
        size = np.abs(phasors_of(limited, at.v).value)
        energy = PER_KWH * (at.substation_p_kw - p_kw.sum(0))
        return energy + (prices.of_rows * size).sum(1) + prices.of_substation * p_kw.sum(0)

    p_kw = powers(4.0)
    got = total_fee(price_limits(of, limited, solved(of, p_kw), prices))
    for home in (0, 1, 11):
        move = 0.05 * (np.arange(N) == home)[:, None]
        slope = (cost(p_kw + move) - cost(p_kw - move)) / 0.1
        np.testing.assert_allclose(got[home], slope, rtol=1e-4, atol=1e-7)


def test_without_losses_and_limits_that_bind_there_are_no_fees(grid):
    rules = problem(grid).rules._replace(fees_hold_losses=False)
    of = problem(grid, rules=rules)
    found = find_fees(of, lambda p_kw: solved(of, p_kw), lambda fee: powers(0.5) - 0.0 * fee)
    assert found.rounds == 1
    assert not total_fee(found).any()
    with_losses = find_fees(
        problem(grid), lambda p_kw: solved(of, p_kw), lambda fee: powers(0.5) - 0.0 * fee
    )
    assert (with_losses.loss > 0).all()
    assert not with_losses.congestion.any() and not with_losses.voltage.any()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_homes_that_answer_fees_keep_the_network_in_both_directions(grid, sign):
    of = problem(grid)
    wanted = sign * powers(14.0)
    limited = limited_quantities(grid.feeder)

    def answer(fee: Col) -> Col:
        return wanted - 30.0 * fee  # 3 kW less for ten cents

    alone = stand(of, limited, solved(of, wanted), wanted).worst()
    found = find_fees(of, lambda p_kw: solved(of, p_kw), answer)
    at_fees = answer(total_fee(found))
    kept = stand(of, limited, solved(of, at_fees), at_fees).worst()
    assert alone.max() > 0.3
    assert kept.max() < 0.2 * alone.max()
    assert np.sum(sign * (found.congestion + found.voltage)) > 0
    np.testing.assert_array_equal(found.beyond_share, (kept.clip(min=0) - MARGIN).clip(min=0))


def test_the_limit_of_the_substation_costs_every_home_alike(grid):
    of = problem(grid, limit_kw=30.0, over_per_kwh=OVER)
    wanted = powers(2.0)
    found = find_fees(of, lambda p_kw: solved(of, p_kw), lambda fee: wanted - 5.0 * fee)
    assert (wanted.sum(0) > 30.0).any()
    tight = wanted.sum(0) > 30.0
    assert (np.ptp(found.congestion, axis=0)[tight] < 1e-12).all()
    assert (found.congestion[:, tight] > 0.01).all()
    assert found.congestion.max() <= OVER


def test_no_price_of_a_limit_is_above_what_the_operator_charges(grid):
    of = problem(grid)
    wanted = powers(30.0)
    limited = limited_quantities(grid.feeder)
    found = find_fees(of, lambda p_kw: solved(of, p_kw), lambda fee: wanted + 0.0 * fee, rounds=40)
    most = LimitPrices(np.tile(limited.over_price(of.rules.prices), (H, 1)), np.zeros(H))
    dearest = price_limits(of, limited, solved(of, wanted), most)
    assert (found.congestion <= dearest.congestion + 1e-9).all()
    assert (found.beyond_share > 0).all()
