"""The inner iteration of the retail game: the retail price of an equilibrium, the wholesale position, end-users who bend."""

from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.mechanisms.retail.clearing import (
    GameParameters,
    imported_kw,
    retail_per_kwh,
    solve_inner,
    solve_prices,
)
from gridagora.mechanisms.retail.demand import identify_end_users, make_probes
from gridagora.mechanisms.retail.game import (
    aggregate_followers,
    make_demand,
    solve_cournot,
    taken_kw,
)

T, USERS = 6, 8
BUY = np.array([0.1, 0.12, 0.2, 0.25, 0.15, 0.1])


def end_users(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    slope = np.eye(T) * rng.uniform(0.02, 0.06, (USERS, T))[:, None, :] + rng.uniform(
        0, 0.02, (USERS, 1, 1)
    )
    return rng.uniform(0.4, 0.5, (USERS, T)), slope


def terms(seed: int = 0, **fields) -> GameParameters:
    return GameParameters(aggregate_followers(*end_users(seed)), BUY, 0.5 * BUY, 3, 3)._replace(
        **fields
    )


def test_the_retail_price_is_that_of_the_closed_form_and_of_price_takers_the_internal_price() -> (
    None
):
    c, mu = terms(), 0.9 * BUY
    np.testing.assert_allclose(
        retail_per_kwh(c, mu, 3),
        solve_cournot(c.end_users, np.tile(mu, (3, 1))).price_per_kwh,
        rtol=1e-12,
    )
    np.testing.assert_allclose(retail_per_kwh(c._replace(own_share=0.0), mu, 3), mu, rtol=1e-12)


@given(seed=st.integers(0, 300), tariff=st.floats(0.1, 0.4), sellers=st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_at_the_retail_price_no_seller_would_move_an_hour_that_is_free(
    seed: int, tariff: float, sellers: int
) -> None:
    """Profit of a seller by the price of an hour: flat where it is free, rising where the outside tariff holds it down."""
    c = terms(seed, tariff_per_kwh=tariff)
    mu = np.random.default_rng(seed).uniform(0.05, 0.3, T)
    price = retail_per_kwh(c, mu, sellers)
    taken = taken_kw(c.end_users, price)
    slope = taken / sellers - c.end_users.response @ (price - mu)
    free = price < tariff
    assert (price <= tariff).all()
    np.testing.assert_allclose(slope[free], 0, atol=1e-7)
    assert (slope[price == tariff] >= -1e-7).all()


def test_the_net_import_is_the_best_of_a_scan() -> None:
    c = terms(limit_kw=4.0, over_per_kwh=0.3, base_kw=np.linspace(0.0, 3.0, T))
    rng, grid = np.random.default_rng(2), np.linspace(-40, 40, 160_001)
    gain = np.full(T, 0.05)
    for _ in range(20):
        short, mu = rng.uniform(-20, 20, T), rng.uniform(-0.4, 0.6, T)
        found, _ = imported_kw(c, short, mu, gain)
        for t in range(T):
            both = grid + c.base_kw[t]
            cost = (
                BUY[t] * np.maximum(both, 0)
                - 0.5 * BUY[t] * np.maximum(-both, 0)
                + 0.3 * np.maximum(np.abs(both) - 4, 0)
            )
            best = grid[
                np.argmin(cost - mu[t] * (grid - short[t]) + gain[t] / 2 * (grid - short[t]) ** 2)
            ]
            assert found[t] == pytest.approx(best, abs=1e-3)


@given(seed=st.integers(0, 300), gain=st.floats(1e-4, 10), limit=st.floats(0.5, 50))
@settings(max_examples=60, deadline=None)
def test_prices_are_found_where_all_agree_however_hard_the_pull(
    seed: int, gain: float, limit: float
) -> None:
    rng = np.random.default_rng(seed)
    c = terms(seed, tariff_per_kwh=rng.uniform(0.15, 0.4, T), limit_kw=limit, over_per_kwh=0.5)
    made, mu, gains = (
        rng.uniform(-5, 30, T),
        rng.uniform(0.05, 0.3, T),
        gain * rng.uniform(0.5, 2, T),
    )
    found = solve_prices(c, made, mu, gains, 3)
    left = found.taken_kw - made - found.wholesale_kw
    np.testing.assert_allclose(found.internal_per_kwh, mu + gains * left, atol=1e-8)
    np.testing.assert_allclose(
        found.taken_kw, taken_kw(c.end_users, found.retail_per_kwh), atol=1e-9
    )


def stiff(seed: int) -> tuple[GameParameters, np.ndarray, np.ndarray, np.ndarray, int]:
    """Return a day of end-users who mostly shift, scarce hours, a limit, and pulls from soft to a million times the first."""
    rng, hours = np.random.default_rng(seed), 24
    own = np.exp(rng.uniform(np.log(0.01), np.log(300), (rng.integers(1, 8), hours)))
    whole = own.sum(1)
    share = (1 - np.exp(rng.uniform(np.log(1e-3), 0, len(own)))) / whole
    known = make_demand(
        np.zeros(hours), np.diag(own.sum(0)) - np.einsum("j,jt,js->ts", share, own, own)
    )
    level = rng.uniform(0.03, 0.12)
    known = known._replace(choke_per_kwh=level + known.slope @ rng.uniform(0.5, 6, hours))
    buy, sellers = (
        rng.uniform(0.02, 0.12, hours) * rng.choice([1, 41], hours, p=[0.95, 0.05]),
        int(rng.integers(1, 8)),
    )
    tariff, limit = (
        np.full(hours, rng.choice([1.1 * level, np.inf])),
        rng.choice([3.0, 10.0, np.inf]),
    )
    c = GameParameters(known, buy, 0.5 * buy, sellers, 4 * sellers, 1.0, tariff, limit, 1.0)
    gain = (
        0.3
        / 4
        * np.diag(known.slope).mean()
        * np.exp(rng.uniform(np.log(1e-8), np.log(1e6), hours))
    )
    return (
        c,
        rng.uniform(-12, 8, hours),
        buy + rng.uniform(0, 1, hours) * (rng.random(hours) < 0.5),
        gain,
        sellers,
    )


def at_rest(args: tuple[GameParameters, np.ndarray, np.ndarray, np.ndarray, int]) -> None:
    """Hold the prices to the conditions of the problem: all agree, and no hour's retail price would move."""
    c, made, mu, gain, sellers = args
    found = solve_prices(*args)
    left = found.taken_kw - made - found.wholesale_kw
    near = 1e-6 * (1 + np.abs(found.taken_kw).max())
    np.testing.assert_allclose((found.internal_per_kwh - mu) / gain, left, atol=near)
    np.testing.assert_allclose(
        found.taken_kw, taken_kw(c.end_users, found.retail_per_kwh), atol=near
    )
    through, price = found.wholesale_kw + c.base_kw, found.internal_per_kwh
    asked = np.where(through > c.limit_kw + near, c.buy_per_kwh + c.over_per_kwh, c.buy_per_kwh)
    paid = np.where(through < -c.limit_kw - near, c.sell_per_kwh - c.over_per_kwh, c.sell_per_kwh)
    full = (
        np.abs(np.abs(through) - c.limit_kw) <= near
    )  # there the price stands anywhere between within and beyond
    np.testing.assert_allclose(
        price[(through > near) & ~full], asked[(through > near) & ~full], atol=1e-6
    )
    np.testing.assert_allclose(
        price[(through < -near) & ~full], paid[(through < -near) & ~full], atol=1e-6
    )
    slope = c.end_users.response @ found.margin_per_kwh - c.own_share / sellers * found.taken_kw
    sold = found.taken_kw > near
    np.testing.assert_allclose(
        found.margin_per_kwh[sold], (found.retail_per_kwh - price)[sold], atol=1e-9
    )
    np.testing.assert_allclose(
        slope[sold & (found.retail_per_kwh < c.tariff_per_kwh)], 0, atol=near
    )
    assert (slope[sold] <= near).all()


@pytest.mark.parametrize("seed", [*range(12), 30, 36, 52, 93, 191])
def test_prices_are_found_however_uneven_the_pulls(seed: int) -> None:
    """On day 93 Newton steps stand still between kinks of hard pulls, kilowatts away: softer ones do not."""
    at_rest(stiff(seed))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 400))
def test_prices_are_found_on_many_days_of_uneven_pulls(seed: int) -> None:
    at_rest(stiff(seed))


def test_linear_end_users_need_one_price_and_those_who_bend_a_few() -> None:
    c, made, mu = terms(), np.full(T, 10.0), 0.8 * BUY

    def rounds(take) -> tuple[int, float]:
        talk = solve_inner(c, made, mu, np.full(T, 0.01), 3, 1e-10, 50)
        price = next(talk)
        while True:
            try:
                price = talk.send(take(price))
            except StopIteration as end:
                found, _, count = end.value
                return count, float(np.abs(found.taken_kw - take(found.retail_per_kwh)).max())

    assert rounds(lambda price: taken_kw(c.end_users, price)) == (1, 0.0)
    bent, off = rounds(lambda price: taken_kw(c.end_users, price) * (1 + 0.2 * np.sin(8 * price)))
    assert 2 <= bent <= 20
    assert off < 1e-7
    mind = cycle([40.0, 60.0])
    count, _ = rounds(lambda price: np.full(T, next(mind)))
    assert count == 50, "who never says the same is asked so often and no more"


def test_end_users_are_identified_by_three_prices() -> None:
    worth, slope = end_users(4)
    true, base = aggregate_followers(worth, slope), np.linspace(0.1, 0.2, T)
    prices = make_probes(base, 0.02)
    taken = np.array(
        [[np.linalg.solve(b, a - p) for a, b in zip(worth, slope, strict=True)] for p in prices]
    )
    found = identify_end_users(taken, prices, 0.0)
    np.testing.assert_allclose(found.response, true.response, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.choke_per_kwh, true.choke_per_kwh, rtol=1e-6)


def test_end_users_who_hardly_answer_get_the_least_elasticity_and_a_price_exists() -> None:
    """Fixed energy that is shifted, nothing at all, and an answer of the wrong sign: the aggregate falls in every direction."""
    base = np.full(T, 0.1)
    prices, level = make_probes(base, 0.02), np.linspace(1, 2, T)
    turns = np.where(np.arange(T) % 2 == 0, 1.0, -1.0)
    shifts = [level, level, level - 0.1 * turns]
    taken = np.array([shifts, [level] * 3, [level, level + 0.1, level + 0.1 * turns]]).transpose(
        1, 0, 2
    )
    found = identify_end_users(taken, prices, 0.02)
    assert np.linalg.eigvalsh(found.response)[0] > 0
    elasticity = found.response.sum() * 0.1 / taken[0].sum()
    assert elasticity == pytest.approx(0.02, rel=0.1)
    np.testing.assert_allclose(taken_kw(found, base), taken[0].sum(0), rtol=1e-9)
    with pytest.raises(PartError, match="fixed total energy"):
        identify_end_users(np.array(taken), prices, 0.0)


def test_hours_alone_are_identified_by_two_prices() -> None:
    prices = make_probes(np.full(T, 0.1), 0.02, shifting=False)
    taken = np.array([[10 - 20 * p] for p in prices])
    found = identify_end_users(taken, prices, 0.0)
    np.testing.assert_allclose(found.response, 20 * np.eye(T), rtol=1e-9)
