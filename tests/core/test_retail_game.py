"""The retail game: aggregation, bounded quadratic problems, probing, ill-posed followers, certificates with corners."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.kernels.stores.value import stores
from gridagora.mechanisms.retail.certificate import Users, best_bounded_usd, certify_offers
from gridagora.mechanisms.retail.game import (
    aggregate_followers,
    make_demand,
    offer_at_kw,
    price_per_kwh,
    price_signal,
    solve_boxed,
    solve_cournot,
    taken_kw,
)
from gridagora.mechanisms.retail.protocol import make_community, run_protocol

T = 4


def drawn(seed: int, users: int = 6, t: int = T) -> Users:
    rng = np.random.default_rng(seed)
    own = rng.uniform(0.02, 0.06, (users, t))
    return Users(
        rng.uniform(0.3, 0.5, (users, t)),
        np.eye(t) * own[:, None, :] + rng.uniform(0, 0.02, (users, 1, 1)),
    )


def test_the_aggregate_takes_what_each_takes() -> None:
    users = drawn(0)
    price = np.array([0.1, 0.2, 0.15, 0.25])
    each = sum(np.linalg.solve(b, a - price) for a, b in zip(*users, strict=True))
    together = aggregate_followers(*users)
    np.testing.assert_allclose(taken_kw(together, price), each, rtol=1e-12)
    np.testing.assert_allclose(price_per_kwh(together, each), price, rtol=1e-12)
    flat = Users(users.worth_per_kwh, np.full((6, T), 0.03))
    np.testing.assert_allclose(aggregate_followers(*flat).slope, np.eye(T) * 0.03 / 6, rtol=1e-12)


@given(seed=st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_a_bounded_quadratic_meets_its_conditions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 6))
    curvature, linear = root @ root.T + 0.1 * np.eye(6), 3 * rng.normal(size=6)
    low, high = -rng.uniform(0, 1, 6), rng.uniform(0, 1, 6)
    x = solve_boxed(curvature, linear, low, high)
    slope = curvature @ x + linear
    assert ((x >= low) & (x <= high)).all()
    np.testing.assert_allclose(np.clip(x - slope, low, high), x, atol=1e-9)


def test_a_fixed_total_energy_without_outside_option_is_refused_with_the_reason() -> None:
    slope = np.diag([0.1, 0.2, 0.15, 0.1])
    inverse = np.linalg.inv(slope)
    fixed = inverse - inverse @ np.ones((4, 4)) @ inverse / inverse.sum()
    with pytest.raises(PartError, match=r"fixed total energy.*outside tariff"):
        make_demand(np.ones(4), fixed)
    with pytest.raises(PartError, match="fall in every direction"):
        make_demand(np.ones(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(PartError, match="symmetric"):
        make_demand(np.ones(2), np.array([[1.0, 0.5], [0.2, 1.0]]))


def test_the_closed_form_and_the_secant_say_where_they_do_not_hold() -> None:
    users = make_demand(np.array([0.3]), np.array([[500.0]]))
    with pytest.raises(PartError, match="prosumer 1, hour 0"):
        solve_cournot(users, np.array([[0.06], [0.29]]))
    with pytest.raises(PartError, match="shift consumption"):
        next(price_signal(aggregate_followers(*drawn(2)), np.full((2, T), 0.1)))


def test_who_is_too_dear_offers_nothing() -> None:
    offer = offer_at_kw(
        aggregate_followers(*drawn(3)),
        np.full(T, 0.2),
        np.array([[0.3] * T, [0.1] * T, [0.1, 0.3, 0.1, 0.1]]),
    )
    assert (offer >= 0).all()
    assert (offer[0] == 0).all()
    assert (offer[1] > 0).all()
    assert offer[2, 1] == 0


def test_a_global_best_response_finds_the_far_peak() -> None:
    """Theory 10.6: two local optima, r = .2421 and .525; the first is worth 7.563, the second 1.128."""
    users = Users(np.array([[1.0], [0.42]]), np.array([[0.2], [0.005]]))
    assert best_bounded_usd(users, np.zeros(1), np.array([0.05])) == pytest.approx(7.563, abs=1e-3)
    alone = Users(np.array([[1.0]]), np.array([[0.2]]))
    assert best_bounded_usd(alone, np.zeros(1), np.array([0.05])) == pytest.approx(1.128, abs=1e-3)
    prices = np.linspace(0.05, 1, 200_001)
    taken = np.maximum(0, (1 - prices) / 0.2) + np.maximum(0, (0.42 - prices) / 0.005)
    for others in (0.0, 3.0, 40.0):
        scanned = ((prices - 0.05) * (taken - others)).max()
        assert best_bounded_usd(users, np.array([others]), np.array([0.05])) == pytest.approx(
            scanned, abs=1e-6
        )


@pytest.mark.parametrize("tariff", [0.2, 0.3, 0.6])
@pytest.mark.parametrize("others", [0.0, 10.0, 40.0])
@pytest.mark.parametrize("mu", [0.05, 0.35])
def test_below_an_outside_tariff_the_best_response_is_that_of_a_scan(
    tariff: float, others: float, mu: float
) -> None:
    users = Users(np.array([[1.0], [0.42]]), np.array([[0.2], [0.005]]))
    prices = np.linspace(0.01, tariff, 200_001)
    taken = np.maximum(0, (1 - prices) / 0.2) + np.maximum(0, (0.42 - prices) / 0.005)
    served = taken - others
    scanned = np.where(served >= 0, (prices - mu) * served, -np.inf).max()
    if served[-1] <= 0:  # the price stays below the tariff without it
        scanned = max(scanned, 0.0)
    assert best_bounded_usd(users, np.array([others]), np.array([mu]), tariff) == pytest.approx(
        scanned, abs=1e-4
    )


def small(users: Users, n: int = 2):
    made = np.ones((n, users.worth_per_kwh.shape[1]))
    flat = np.full(made.shape[1], 0.1)
    return make_community(aggregate_followers(*users), made, (), (), flat, 0.5 * flat)


def test_end_users_who_leave_give_a_warning_and_an_honest_gain() -> None:
    """Some value a kWh so little that they leave: the linear equilibrium would have them sell, so it is none."""
    near = Users(np.full((5, 1), 0.4), np.full((5, 1), 0.02))
    played, held = run_protocol(small(near))
    fine = certify_offers(small(near), held, played.internal_per_kwh, near)
    assert fine.proved
    assert fine.warning == ""
    assert fine.share < 1e-6
    for worth, slope, sentence in (
        (0.18, 0.05, "1 end-users take nothing"),
        (0.2, 0.05, "2 prosumers gain by a price"),
    ):
        mixed = Users(np.array([[1.0], [worth]]), np.array([[0.2], [slope]]))
        played, held = run_protocol(small(mixed))
        proof = certify_offers(small(mixed), held, played.internal_per_kwh, mixed)
        assert sentence in proof.warning
        assert proof.proved
        assert proof.share > 0.1
    shifting = drawn(4)
    played, held = run_protocol(small(shifting))
    assert not certify_offers(small(shifting), held, played.internal_per_kwh, shifting).proved


def test_a_prosumer_who_takes_the_price_has_no_best_offer_to_certify() -> None:
    c = small(drawn(5))._replace(own_share=0.0)
    played, held = run_protocol(c)
    with pytest.raises(PartError, match="own_share 1"):
        certify_offers(c, held, played.internal_per_kwh)


def test_a_community_that_cannot_be_is_refused_in_a_sentence() -> None:
    users, even = aggregate_followers(*drawn(6)), np.full(T, 0.1)
    with pytest.raises(PartError, match="nobody has PV"):
        make_community(users, np.zeros((0, T)), (), (), even, even)
    with pytest.raises(PartError, match="as many"):
        make_community(users, np.zeros((1, T + 1)), (), (), even, even)
    with pytest.raises(PartError, match="hour 0: wholesale pays"):
        make_community(users, np.zeros((1, T)), (), (), even, 2 * even)
    for bad in ({"tariff_per_kwh": np.nan}, {"limit_kw": 0.0}, {"over_per_kwh": -1.0}):
        with pytest.raises(PartError, match="outside tariff, limit and its price"):
            make_community(users, np.zeros((1, T)), (), (), even, even, **bad)
    half = stores([1.0], np.full(T, 0.5), x_max=2.0)
    with pytest.raises(PartError, match="one hour"):
        make_community(users, np.zeros((1, T)), (half,), (np.zeros(1, int),), even, even)
    whole = stores([1.0], np.ones(T), x_max=2.0)
    with pytest.raises(PartError, match="owners of 1 devices"):
        make_community(users, np.zeros((1, T)), (whole,), (np.array([2]),), even, even)
