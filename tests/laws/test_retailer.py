"""Laws of prosumers as the retailer: T1 to T7 of theory 11."""

from collections.abc import Iterator
from itertools import islice

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp

from gridagora.mechanisms.retail.certificate import (
    Users,
    certify_offers,
    device_cost_usd,
    potential_usd,
    wholesale_usd,
)
from gridagora.mechanisms.retail.game import (
    Demand,
    Offers,
    aggregate_followers,
    iterate_sequential,
    iterate_simultaneous,
    make_demand,
    offer_at_kw,
    price_per_kwh,
    price_signal,
    solve_cournot,
    stiffness,
    surplus_usd,
    taken_kw,
    tatonnement,
    welfare_share,
)
from gridagora.mechanisms.retail.protocol import (
    Broadcast,
    Community,
    StoppingRule,
    answer_prices,
    iterate_rounds,
    make_community,
    make_offers,
    publish_terms,
    run_protocol,
)
from gridagora.studies.claims import batteries

A, B, C = 0.30, 0.002, 0.06
HOURS, N, M = 24, 5, 40
TIGHT = StoppingRule(tolerance_share=1e-9, tolerance_per_kwh=1e-11, inner_per_kwh=1e-13)


def one_hour() -> Demand:
    return make_demand(np.array([A]), np.array([[1 / B]]))


def end_users(rng: np.random.Generator, count: int) -> Users:
    hour = np.arange(HOURS)
    worth = 0.35 + 0.10 * np.exp(-((hour - 19) ** 2) / 8.0) + rng.normal(0, 0.01, (count, HOURS))
    own, all_day = rng.uniform(0.02, 0.06, (count, HOURS)), rng.uniform(0, 0.004, count)
    return Users(worth, np.eye(HOURS) * own[:, None, :] + all_day[:, None, None])


def prosumers(
    n: int = N, m: int = M, wear: float = 0.0, own_share: float = 1.0, seed: int = 0
) -> Community:
    """Return n prosumers with PV and a battery of quadratic cost, and m end-users who shift."""
    rng, hour = np.random.default_rng([seed, n]), np.arange(HOURS)
    users = end_users(rng, m)
    buy = 0.08 + 0.10 * np.exp(-((hour - 19) ** 2) / 6.0)
    sun = np.maximum(0, np.sin((hour - 6) / 12 * np.pi)) * (hour >= 6) * (hour <= 18)
    made = rng.uniform(15, 60, (n, 1)) * sun - rng.uniform(0.5, 1.5, (n, HOURS))
    full = rng.uniform(5, 15, (n, 1))
    packs = batteries(full, wear)
    return make_community(
        aggregate_followers(*users), made, (packs,), (np.arange(n),), buy, 0.6 * buy, own_share
    )


def optimum(c: Community) -> tuple[float, np.ndarray, np.ndarray]:
    """Return potential, offers and internal price of the one convex problem, by an interior point."""
    n, t, pack, b = len(c.made_kw), HOURS, c.stores[0], c.end_users.slope
    # variables: offers (n t), charge, discharge (n t each), bought, sold (t each)
    own = c.own_share * np.kron(np.eye(n), b) + np.kron(np.ones((n, n)), b)
    packs, eye = sp.identity(n * t) * 0.01, sp.identity(t)
    p = sp.block_diag([sp.csc_matrix(own), packs, packs, sp.csc_matrix((2 * t, 2 * t))])
    wear = pack.wear_per_kwh.ravel()
    q = np.concatenate(
        [-np.tile(c.end_users.choke_per_kwh, n), wear, wear, c.buy_per_kwh, -c.sell_per_kwh]
    )
    every = sp.kron(np.ones((1, n)), eye)
    balance = sp.hstack([every, every, -every, -eye, eye])
    fill = sp.kron(sp.identity(n), np.tril(np.ones((t, t))))
    state = sp.hstack(
        [sp.csc_matrix((n * t, n * t)), 0.95 * fill, -fill / 0.95, sp.csc_matrix((n * t, 2 * t))]
    )
    count = 3 * n * t + 2 * t
    power = np.repeat(pack.p_max_kw[:, 0], t)
    picks = sp.hstack(
        [
            sp.csc_matrix((2 * n * t, n * t)),
            sp.identity(2 * n * t),
            sp.csc_matrix((2 * n * t, 2 * t)),
        ]
    )
    start = np.repeat(pack.x0, t)
    a = sp.vstack([balance, -sp.identity(count), picks, state, -state]).tocsc()
    high, low = pack.x_max.ravel() - start, start - pack.x_min.ravel()
    right = np.concatenate([c.made_kw.sum(0), np.zeros(count), power, power, high, low])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    cones = [clarabel.ZeroConeT(t), clarabel.NonnegativeConeT(len(right) - t)]
    found = clarabel.DefaultSolver(sp.triu(p).tocsc(), q, a, right, cones, settings).solve()
    assert str(found.status) in {"Solved", "AlmostSolved"}
    return -found.obj_val, np.array(found.x[: n * t]).reshape(n, t), np.array(found.z[:t])


def rounds_until(iterates: Iterator[Offers], target_kw: np.ndarray, most: int = 3000) -> int:
    """Return the rounds until every offer is within 1e-8 of its target, relative; `most` where that never happens."""
    for count, found in enumerate(islice(iterates, most), 1):
        if np.abs(found.offer_kw - target_kw).max() < 1e-8 * target_kw.max():
            return count
        if np.abs(found.offer_kw).max() > 1e12:
            break
    return most


def start(n: int) -> np.ndarray:
    return np.linspace(0, 1, n)[:, None]


@pytest.mark.parametrize(
    ("n", "total", "price"),
    [(1, 60, 0.18), (2, 80, 0.14), (3, 90, 0.12), (10, 1200 / 11, 0.9 / 11)],
)
def test_t1_offers_and_price_are_the_closed_form(n: int, total: float, price: float) -> None:
    cost = np.full((n, 1), C)
    for found in (
        solve_cournot(one_hour(), cost),
        next(islice(iterate_sequential(one_hour(), cost, start(n)), 400, None)),
        next(islice(price_signal(one_hour(), cost), 60, None)),
    ):
        assert found.offer_kw.sum() == pytest.approx(total, abs=1e-9)
        assert found.price_per_kwh[0] == pytest.approx(price, abs=1e-9)
        assert np.ptp(found.offer_kw) < 1e-9


def test_t1_different_costs_and_hours_that_depend_on_each_other() -> None:
    rng = np.random.default_rng(3)
    users = aggregate_followers(*end_users(rng, 7))
    cost = rng.uniform(0.05, 0.10, (4, HOURS))
    found = solve_cournot(users, cost)
    again = next(islice(iterate_sequential(users, cost, np.zeros_like(cost)), 200, None))
    np.testing.assert_allclose(again.offer_kw, found.offer_kw, atol=1e-9)
    np.testing.assert_allclose(again.price_per_kwh, found.price_per_kwh, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_t2_welfare_share(n: int) -> None:
    users = one_hour()
    found = solve_cournot(users, np.full((n, 1), C))
    total = found.offer_kw.sum(0)
    welfare = surplus_usd(users, total) + (found.price_per_kwh[0] - C) * total[0]
    best = surplus_usd(users, taken_kw(users, np.array([C])))
    assert welfare / best == pytest.approx(welfare_share(n), abs=1e-9)


@pytest.mark.parametrize(("n", "wear"), [(2, 0.0), (5, 0.0), (5, 0.01), (20, 0.003)])
def test_t3_t4_t7_nested_rounds_find_the_optimum_of_the_potential(n: int, wear: float) -> None:
    """Batteries, PV and a wholesale wedge: offers, prices and potential as the one-shot problem; nobody gains alone."""
    c = prosumers(n, 8 * n, wear)
    played, held = run_protocol(c, TIGHT)
    value, offer, internal = optimum(c)
    assert played.converged
    assert potential_usd(c, held) == pytest.approx(value, rel=1e-7)
    np.testing.assert_allclose(held.offer_kw, offer, atol=1e-5 * offer.max())
    np.testing.assert_allclose(
        played.retail_per_kwh, price_per_kwh(c.end_users, offer.sum(0)), atol=1e-6
    )
    np.testing.assert_allclose(played.internal_per_kwh, internal, atol=1e-6)
    proof = certify_offers(c, held, played.internal_per_kwh)
    assert proof.proved
    assert proof.share <= 1e-6
    assert min(proof.offer_usd.min(), proof.device_usd.min()) >= -1e-9
    mu, net = played.internal_per_kwh, played.wholesale_kw
    assert ((mu >= c.sell_per_kwh - 1e-5) & (mu <= c.buy_per_kwh + 1e-5)).all()
    assert np.abs(mu - c.buy_per_kwh)[net > 1e-3].max() <= 1e-5
    assert np.abs(mu - c.sell_per_kwh)[net < -1e-3].max() <= 1e-5
    expected = offer_at_kw(c.end_users, played.retail_per_kwh, mu[None])
    np.testing.assert_allclose(
        held.offer_kw, np.repeat(expected, n, axis=0), atol=1e-5 * offer.max()
    )


@pytest.mark.parametrize("n", [2, 5, 20])
@pytest.mark.parametrize(("capped", "limited"), [(True, False), (False, True), (True, True)])
def test_t3_t7_an_outside_tariff_and_a_limit_leave_nobody_a_gain(
    n: int, capped: bool, limited: bool
) -> None:
    """Hours depend on each other; in some the tariff binds, also below the internal price, where all must serve."""
    plain = prosumers(n, 8 * n)
    free, _ = run_protocol(plain, TIGHT)
    tariff = float(np.median(free.retail_per_kwh)) if capped else np.inf
    limit = float(np.quantile(free.wholesale_kw, 0.8)) if limited else np.inf
    c = plain._replace(tariff_per_kwh=tariff, limit_kw=limit, over_per_kwh=1.0)
    played, held = run_protocol(c)
    assert played.converged
    proof = certify_offers(c, held, played.internal_per_kwh)
    assert proof.share <= 1e-6
    assert (
        min(proof.offer_usd.min(), proof.device_usd.min())
        >= -1e-10 * np.abs(proof.profit_usd).mean()
    )
    assert -1e-9 <= proof.wholesale_usd <= 1e-4
    mu, net = played.internal_per_kwh, played.wholesale_kw
    if capped:
        assert played.retail_per_kwh.max() == tariff
        assert (played.retail_per_kwh < tariff).any()
        np.testing.assert_allclose(
            held.offer_kw.sum(0), taken_kw(c.end_users, played.retail_per_kwh), atol=1e-4
        )
    if limited:
        beyond = net > limit + 1e-3
        np.testing.assert_allclose(mu[beyond], c.buy_per_kwh[beyond] + 1.0, atol=1e-5)
        assert (mu[net < limit - 1e-3] <= c.buy_per_kwh[net < limit - 1e-3] + 1e-5).all()
        assert (np.abs(net - limit) < 1e-3).any()


@pytest.mark.parametrize("capped", [False, True])
def test_t3_hours_in_which_end_users_take_nothing_leave_nobody_a_gain(capped: bool) -> None:
    """They value two hours so little, and shift so well, that linear demand would be below nil there."""
    plain = prosumers()
    choke = plain.end_users.choke_per_kwh - np.where(np.isin(np.arange(HOURS), [3, 19]), 0.4, 0.0)
    plain = plain._replace(end_users=plain.end_users._replace(choke_per_kwh=choke))
    free, _ = run_protocol(plain)
    c = (
        plain._replace(tariff_per_kwh=float(np.quantile(free.retail_per_kwh, 0.8)))
        if capped
        else plain
    )
    played, held = run_protocol(c)
    assert played.converged
    np.testing.assert_allclose(held.offer_kw.sum(0)[[3, 19]], 0, atol=1e-6)
    assert (held.offer_kw >= 0).all()
    assert (played.retail_per_kwh == c.tariff_per_kwh).any() == capped
    assert certify_offers(c, held, played.internal_per_kwh).share <= 1e-6


def test_t3_who_offers_too_little_at_the_outside_tariff_is_caught() -> None:
    c = prosumers()
    tariff = float(np.median(run_protocol(c)[0].retail_per_kwh))
    c = c._replace(tariff_per_kwh=tariff)
    played, held = run_protocol(c)
    assert certify_offers(c, held, played.internal_per_kwh).share <= 1e-6
    shy = held._replace(offer_kw=held.offer_kw * np.linspace(0.8, 1.2, N)[:, None])
    assert certify_offers(c, shy, played.internal_per_kwh).offer_usd.max() > 1e-3


def test_t3_a_schedule_that_is_no_equilibrium_is_caught() -> None:
    c = prosumers()
    played, held = run_protocol(c)
    more = held._replace(offer_kw=held.offer_kw * np.linspace(1.0, 1.2, N)[:, None])
    assert certify_offers(c, more, played.internal_per_kwh).offer_usd.max() > 1e-3
    still = held._replace(device_kw=(0.5 * held.device_kw[0],))
    assert certify_offers(c, still, played.internal_per_kwh).device_usd.max() > 1e-3


def test_prosumers_who_take_the_price_find_the_greatest_welfare() -> None:
    c = prosumers(own_share=0.0)
    played, held = run_protocol(c, TIGHT)
    value, *_ = optimum(c)
    assert potential_usd(c, held) == pytest.approx(value, rel=1e-7)
    np.testing.assert_allclose(played.retail_per_kwh, played.internal_per_kwh, atol=1e-7)
    cournot, offers = run_protocol(prosumers(), TIGHT)
    assert (cournot.retail_per_kwh > played.retail_per_kwh).all()
    assert potential_usd(c, held) > potential_usd(c, offers)


@pytest.mark.parametrize("n", [2, 3, 4, 10, 100])
def test_t5_damped_rounds_obey_the_law(n: int) -> None:
    cost = np.full((n, 1), C)
    target = solve_cournot(one_hour(), cost).offer_kw
    law = int(np.ceil(np.log(1e8) / np.log((n + 2) / n)))
    linear = rounds_until(
        iterate_simultaneous(one_hour(), cost, start(n), 4 / (n + 2), held=False), target
    )
    assert abs(linear - law) <= 1
    assert (
        rounds_until(iterate_simultaneous(one_hour(), cost, start(n), 4 / (n + 2)), target)
        <= linear
    )


def test_t5_undamped_converges_for_two_cycles_for_three_and_leaves_for_four() -> None:
    for n, expected in ((2, 27), (3, 3000), (4, 3000), (6, 3000)):
        cost = np.full((n, 1), C)
        target = solve_cournot(one_hour(), cost).offer_kw
        assert (
            abs(
                rounds_until(iterate_simultaneous(one_hour(), cost, start(n), held=False), target)
                - expected
            )
            <= 1
        )
    last = next(
        islice(
            iterate_simultaneous(one_hour(), np.full((6, 1), C), start(6), held=False), 200, None
        )
    )
    assert np.abs(last.offer_kw).max() > 1e12
    held = next(islice(iterate_simultaneous(one_hour(), np.full((6, 1), C), start(6)), 200, None))
    assert np.ptp(held.offer_kw) < 1e-9, "held at nil, all swing together"


@pytest.mark.parametrize(("n", "sweeps"), [(2, 14), (10, 79), (50, 1287)])
def test_t5_sequential_always_converges(n: int, sweeps: int) -> None:
    cost = np.full((n, 1), C)
    target = solve_cournot(one_hour(), cost).offer_kw
    assert abs(rounds_until(iterate_sequential(one_hour(), cost, start(n)), target) - sweeps) <= 1


@pytest.mark.parametrize(("times", "most"), [(1.0, 45), (1.9, 230), (2.1, None)])
def test_t6_the_inner_iteration_has_its_limit(times: float, most: int | None) -> None:
    users = aggregate_followers(*end_users(np.random.default_rng(0), M))
    offered = taken_kw(users, np.linspace(0.1, 0.2, HOURS))
    step = times / stiffness(users)
    prices = islice(tatonnement(users, offered, np.full(HOURS, 0.2), step), 5000)
    done = next(
        (k for k, p in enumerate(prices) if np.abs(taken_kw(users, p) - offered).max() < 1e-8), None
    )
    if most is None:
        assert done is None
    else:
        assert done is not None
        assert done <= most


@pytest.mark.parametrize("n", [2, 10, 100, 1000, 10_000])
def test_the_price_signal_does_not_feel_the_number_of_prosumers(n: int) -> None:
    """Different costs, so that some offer nothing: price evaluations to 1e-9 of demand, and nobody gains alone."""
    cost = np.random.default_rng(0).uniform(0.05, 0.10, (n, 1))
    users = one_hour()
    rounds = enumerate(islice(price_signal(users, cost), 200), 1)
    count, found = next(
        (k, f)
        for k, f in rounds
        if abs(taken_kw(users, f.price_per_kwh)[0] - f.offer_kw.sum()) < 1e-9 * A / B
    )
    assert count <= 40
    s = found.offer_kw[:, 0]
    best = np.maximum(0, (A - B * (s.sum() - s) - cost[:, 0]) / (2 * B))
    now = (A - B * s.sum() - cost[:, 0]) * s
    assert ((A - B * (s.sum() - s + best) - cost[:, 0]) * best - now).max() < 1e-10


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_rounds_with_devices_do_not_feel_it_either(n: int) -> None:
    c = prosumers(n, n)
    played, held = run_protocol(
        c, StoppingRule(tolerance_share=1e-6, tolerance_per_kwh=1e-7), threads=2
    )
    assert played.converged
    assert played.rounds <= 40
    assert certify_offers(c, held, played.internal_per_kwh).share <= 1e-6


def test_a_session_that_goes_on_where_the_last_one_ended_has_nothing_left_to_agree_on() -> None:
    c = prosumers()
    last, held = run_protocol(c, TIGHT)
    rounds = iterate_rounds(publish_terms(c), StoppingRule(), last)
    asked, count = next(rounds), 0
    while True:
        if isinstance(asked, Broadcast):
            count, held = count + 1, answer_prices(c, asked, held)
            answer = make_offers(c, held)
        else:
            answer = taken_kw(c.end_users, asked)
        try:
            asked = rounds.send(answer)
        except StopIteration as end:
            again = end.value
            break
    assert again.converged
    assert count <= 2 < last.rounds
    np.testing.assert_allclose(again.retail_per_kwh, last.retail_per_kwh, atol=1e-9)


def test_who_falls_silent_is_dropped_and_the_rest_find_their_own_equilibrium() -> None:
    c = prosumers()
    played, held = run_protocol(c, TIGHT, quiet={3: 4})
    assert played.converged
    assert played.silent_party.tolist() == [3]
    assert (played.offer_kw[3] == 0).all()
    rest = [0, 1, 2, 4]
    pack = c.stores[0]
    fewer = pack._replace(
        **{name: getattr(pack, name)[rest] for name in pack._fields if name != "dt_h"}
    )
    alone = make_community(
        c.end_users, c.made_kw[rest], (fewer,), (np.arange(4),), c.buy_per_kwh, c.sell_per_kwh
    )
    other, without = run_protocol(alone, TIGHT)
    np.testing.assert_allclose(held.offer_kw[rest], without.offer_kw, atol=1e-5)
    np.testing.assert_allclose(played.retail_per_kwh, other.retail_per_kwh, atol=1e-7)


def test_money_of_the_community_closes() -> None:
    """What end-users pay and wholesale is paid is what prosumers earn besides the cost of their devices."""
    c = prosumers()
    played, held = run_protocol(c, TIGHT)
    told = make_offers(c, held)
    retail = price_per_kwh(c.end_users, told.offer_kw.sum(0))
    earned = retail @ told.offer_kw.sum(0) - wholesale_usd(c, held)
    proof = certify_offers(c, held, played.internal_per_kwh)
    assert proof.profit_usd.sum() + device_cost_usd(c, held).sum() == pytest.approx(
        earned, abs=1e-5
    )
