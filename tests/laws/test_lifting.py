"""Laws of lifting in space and time and of aggregation: T8 to T12, T20 to T22 of theory 11."""

from itertools import combinations

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

from gridagora.core.errors import PartError
from gridagora.core.place import Level, Places, places
from gridagora.kernels.curves.curve import Curves, clear, curves, power_at
from gridagora.kernels.curves.groups import compress_groups, gather, soft_limit
from gridagora.kernels.stores.value import Stores, best_response, stores
from gridagora.mechanisms.aggregation import (
    fill_greedily,
    fleet_rank,
    round_fleet,
    rounding_bound_usd,
    virtual_battery,
)
from gridagora.mechanisms.forecast_noise import (
    NoiseCase,
    draw_case,
    find_optimum,
    measure_noise_loss,
    measure_sampling_loss,
    simulate_bids,
)
from gridagora.mechanisms.layers import (
    Lifted,
    descend,
    fixed_energy,
    lift_space,
    lift_time,
    published,
)

HOMES, TRANSFORMERS, ZONES = 24, 8, 3
M = HOMES + TRANSFORMERS + ZONES + 1
SUPPLY = (np.array([-1e3, 1e3]), np.array([-4.9, 5.1]))  # price .1 + .005 q
RISE, BASE = 0.005, 0.1


def solve(p: sp.spmatrix, q: np.ndarray, equal: list, most: list) -> np.ndarray:
    """Return the x of least 1/2 x'Px + q'x under rows (A, b) of Ax = b and Ax <= b."""
    a = sp.vstack([rows for rows, _ in equal + most]).tocsc()
    b = np.concatenate([right for _, right in equal + most])
    sizes = [sum(len(right) for _, right in group) for group in (equal, most)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    cones = [clarabel.ZeroConeT(sizes[0]), clarabel.NonnegativeConeT(sizes[1])]
    found = clarabel.DefaultSolver(sp.triu(p).tocsc(), q, a, b, cones, settings).solve()
    assert str(found.status) in {"Solved", "AlmostSolved"}
    return np.array(found.x)


def tree_of(rng: np.random.Generator) -> Places:
    """Homes below transformers below zones below one feeder; a home and a transformer hang directly at the feeder."""
    parent = np.concatenate(
        [
            HOMES + np.sort(rng.integers(0, TRANSFORMERS, HOMES)),
            HOMES + TRANSFORMERS + rng.integers(0, ZONES, TRANSFORMERS),
            np.full(ZONES, M - 1),
            [-1],
        ]
    )
    parent[0] = parent[HOMES] = M - 1
    level = np.repeat(
        [Level.HOME, Level.TRANSFORMER, Level.ZONE, Level.FEEDER], [HOMES, TRANSFORMERS, ZONES, 1]
    )
    return places(
        [f"{Level(kind).name.lower()} {i}" for i, kind in enumerate(level)], level, parent
    )


def offers(rng: np.random.Generator, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return curves with slopes, blocks shared by many (ties) and gaps."""
    rows = []
    for _ in range(n):
        m = int(rng.integers(1, 6))
        p, price = np.sort(rng.uniform(-3, 4, m)), -np.sort(-rng.uniform(0, 0.5, m))
        if m > 1 and rng.random() < 0.4:
            price[: m // 2 + 1] = price[0] = 0.25
            price = -np.sort(-price)
        rows.append((p, price))
    return rows


def worth_usd(row: tuple[np.ndarray, np.ndarray], p: float) -> float:
    """Worth of taking p, counted from the least power of the row."""
    inside = np.concatenate([row[0][row[0] < p], [p]])
    price = np.concatenate([row[1][row[0] < p], [np.interp(p, *row)]])
    return float(np.sum(0.5 * (price[1:] + price[:-1]) * np.diff(inside)))


def welfare(rows, lifted: Lifted, p: np.ndarray, q: np.ndarray) -> float:
    low, high, over, _ = lifted.limits
    beyond = np.maximum(q - high, 0) + np.maximum(low - q, 0)
    g = q[-1]
    return (
        sum(worth_usd(row, x) for row, x in zip(rows, p, strict=True))
        - over @ beyond
        - BASE * g
        - 0.5 * RISE * g**2
    )


def monolithic(rows, place: np.ndarray, lifted: Lifted) -> float:
    """Return the welfare of the one problem over all segments, places and limits, solved by an interior point."""
    tree, (low, high, over, base) = lifted.tree, lifted.limits
    width, slope, top, own, least = [], [], [], [], base.copy()
    for (p, price), k in zip(rows, place, strict=True):
        least[k] += p[0]
        for j in np.flatnonzero(np.diff(p) > 0):
            width.append(p[j + 1] - p[j])
            top.append(price[j])
            slope.append((price[j] - price[j + 1]) / width[-1])
            own.append(k)
    n = len(width)
    up = np.flatnonzero(tree.parent >= 0)
    # variables: n segments, m net powers, m above, m below
    flows = sp.identity(M) - sp.csr_matrix((np.ones(len(up)), (tree.parent[up], up)), (M, M))
    mine = sp.csr_matrix((np.ones(n), (own, np.arange(n))), (M, n))
    eye, none = sp.identity(M), sp.csr_matrix((M, M))
    equal = [(sp.hstack([-mine, flows, none, none]), least)]
    bound = np.isfinite(high), np.isfinite(low)
    most = [
        (sp.hstack([sp.identity(n), sp.csr_matrix((n, 3 * M))]), np.array(width)),
        (sp.hstack([-sp.identity(n), sp.csr_matrix((n, 3 * M))]), np.zeros(n)),
        (sp.hstack([sp.csr_matrix((2 * M, n + M)), -sp.identity(2 * M)]), np.zeros(2 * M)),
        (sp.hstack([sp.csr_matrix((M, n)), eye, -eye, none]).tocsr()[bound[0]], high[bound[0]]),
        (sp.hstack([sp.csr_matrix((M, n)), -eye, none, -eye]).tocsr()[bound[1]], -low[bound[1]]),
    ]
    root = np.zeros(M)
    root[-1] = 1.0
    p = sp.diags(np.concatenate([slope, RISE * root, np.zeros(2 * M)]))
    q = np.concatenate([-np.array(top), BASE * root, over, over])
    x = solve(p, q, equal, most)
    return -float(0.5 * x @ (p @ x) + q @ x)


def cleared(lifted: Lifted):
    found = clear(published(lifted), 0.0, *SUPPLY)
    return found, descend(lifted, found.price_per_kwh, found.share)


@pytest.mark.parametrize("seed", range(4))
def test_without_limits_the_tree_clears_as_the_flat_market(seed: int) -> None:
    """T10, T11: one price everywhere, equal to the flat one to 1e-9; parts add up exactly, ties are shared, not overshot."""
    rng = np.random.default_rng(seed)
    tree, rows = tree_of(rng), offers(rng, 90)
    place, base = rng.integers(0, M, 90), rng.normal(0, 1, M)
    lifted = lift_space(curves(rows), place, tree, base_kw=base)
    flat = clear(curves(rows), base.sum(), *SUPPLY)
    found, s = cleared(lifted)
    assert found.price_per_kwh == pytest.approx(flat.price_per_kwh, abs=1e-9)
    assert found.q_kw == pytest.approx(flat.q_kw, abs=1e-6)
    assert np.all(s.price_per_kwh == found.price_per_kwh)
    assert s.q_kw[-1] == pytest.approx(found.q_kw, abs=1e-8)
    below = np.bincount(place, s.p_kw, M) + base
    np.add.at(below, tree.parent[:-1], s.q_kw[:-1])
    assert below == pytest.approx(s.q_kw, abs=2e-9)
    assert s.p_kw == pytest.approx(power_at(curves(rows), flat.price_per_kwh, flat.share), abs=1e-6)


def test_the_order_of_rows_changes_no_bit() -> None:
    rng = np.random.default_rng(7)
    tree, rows, place, turn = (
        tree_of(rng),
        offers(rng, 90),
        rng.integers(0, M, 90),
        rng.permutation(90),
    )
    a = lift_space(curves(rows), place, tree, 9.0, -9.0, 0.2)
    b = lift_space(curves([rows[i] for i in turn]), place[turn], tree, 9.0, -9.0, 0.2)
    for x, y in zip(published(a, np.arange(M)), published(b, np.arange(M)), strict=True):
        assert np.array_equal(x, y)
    assert a.points.sum() == len(published(a, np.arange(M)).p_kw)


@pytest.mark.parametrize(("seed", "over"), [(0, 0.08), (1, 0.08), (2, 50.0), (3, 0.5), (4, 50.0)])
def test_limits_inside_give_the_optimum_of_the_one_problem(seed: int, over: float) -> None:
    """T11: transformers, zones and the feeder have limits, soft or hard; welfare as the interior point's within 1e-6."""
    rng = np.random.default_rng(seed)
    tree, rows = tree_of(rng), offers(rng, 90)
    place = rng.integers(0, M, 90)
    free = cleared(lift_space(curves(rows), place, tree))[1].q_kw
    high = np.where(tree.level == Level.HOME, np.inf, np.abs(free) * rng.uniform(0.3, 1.0, M) + 0.1)
    low = np.where(tree.level == Level.TRANSFORMER, -0.5 * high, -np.inf)
    lifted = lift_space(curves(rows), place, tree, high, low, over)
    found, s = cleared(lifted)
    best = monolithic(rows, place, lifted)
    assert welfare(rows, lifted, s.p_kw, s.q_kw) == pytest.approx(best, rel=1e-6)
    up = np.where(tree.parent < 0, M - 1, tree.parent)
    step = s.price_per_kwh - np.where(tree.parent < 0, found.price_per_kwh, s.price_per_kwh[up])
    slack = (s.q_kw < high - 1e-6) & (s.q_kw > low + 1e-6)
    assert np.any(~slack)
    assert np.all(step[slack] == 0.0)
    assert np.all(np.abs(step) <= over * (1 + 1e-12))
    assert np.all(step[s.q_kw > high + 1e-6] == pytest.approx(over))
    assert np.all(step * np.sign(s.q_kw) >= 0), (
        "an import limit raises the price inside, an export limit lowers it"
    )


@pytest.mark.parametrize(("seed", "blocks"), [(0, 0), (1, 3), (2, 200)])
def test_all_layers_in_one_call_are_the_single_steps(seed: int, blocks: int) -> None:
    """Sum, blocks and limit of every place, one by one, give the same bits."""
    rng = np.random.default_rng(seed)
    tree, rows, place = tree_of(rng), offers(rng, 90), rng.integers(0, M, 90)
    high, base = rng.uniform(0, 20, M), rng.normal(0, 1, M)
    every = published(
        lift_space(curves(rows), place, tree, high, -high, 0.2, blocks, base), np.arange(M)
    )
    ends = every.offset
    for k in range(M):
        stretch = [
            slice(ends[child], ends[child + 1]) for child in np.flatnonzero(tree.parent == k)
        ]
        own = [rows[i] for i in np.flatnonzero(place == k)] + [
            (every.p_kw[s], every.price_per_kwh[s]) for s in stretch
        ]
        one = gather(curves(own), np.zeros(len(own), int), 1, base[k])
        one = soft_limit(
            compress_groups(one, blocks).curves if blocks else one, -high[k], high[k], 0.2
        )
        assert np.array_equal(one.p_kw, every.p_kw[ends[k] : ends[k + 1]])
        assert np.array_equal(one.price_per_kwh, every.price_per_kwh[ends[k] : ends[k + 1]])


def test_a_fixed_load_beyond_its_limit_shows_the_price_of_the_limit() -> None:
    tree = places(["home", "feeder"], [Level.HOME, Level.FEEDER], [1, -1])
    lifted = lift_space(curves([([5.0], [0.3])]), np.array([0]), tree, [3.0, np.inf], -np.inf, 0.7)
    assert descend(lifted, 0.2).price_per_kwh == pytest.approx([0.9, 0.2])


def test_blocks_lose_no_more_than_they_say_and_less_when_there_are_more() -> None:
    """The information dial at the zones: what is lost stays below the sum of what the zones stated; 16 blocks lose < .5 %."""
    rng = np.random.default_rng(11)
    tree, rows = tree_of(rng), offers(rng, 200)
    place = rng.integers(0, HOMES, 200)
    exact = lift_space(curves(rows), place, tree)
    best = welfare(rows, exact, *cleared(exact)[1][:1:-1])
    lost = []
    for count in (1, 2, 4, 16, 64):
        lifted = lift_space(
            curves(rows), place, tree, blocks=np.where(tree.level == Level.ZONE, count, 0)
        )
        _, s = cleared(lifted)
        lost.append(best - welfare(rows, lifted, s.p_kw, s.q_kw))
        assert -1e-6 <= lost[-1] <= lifted.loss_usd_per_h.sum() + 1e-6
        assert np.all(lifted.points[tree.level == Level.ZONE] <= 2 * count)
    assert lost[3] <= 0.005 * abs(best)
    assert lost[4] < lost[1] < lost[0]


def test_a_tree_of_limits_that_cross_is_refused() -> None:
    tree = places(["home", "feeder"], [Level.HOME, Level.FEEDER], [1, -1])
    with pytest.raises(PartError, match="place 'home'"):
        lift_space(curves([([5.0], [0.3])]), np.array([0]), tree, -1.0, 1.0, 0.7)
    with pytest.raises(PartError, match="rows of 0 to 1"):
        lift_space(curves([([5.0], [0.3])]), np.array([2]), tree)


# time


def weeks(prices: np.ndarray, start: float = 4.0) -> list[Stores]:
    """Return the slow periods of the oracle: 10 kWh, 1.2 kW, .95 each way, as full at the end as at the start."""
    periods = []
    for h, steps in enumerate(prices):
        low = np.zeros((1, len(steps)))
        low[:, -1] = start if h == len(prices) - 1 else 0.0
        one = {
            "p_min_kw": -1.2,
            "p_max_kw": 1.2,
            "x_min": low,
            "x_max": 10.0,
            "gain_in": 0.95,
            "gain_out": 0.95,
        }
        periods.append(stores([start], np.ones(len(steps)), **one))
    return periods


def whole(periods: list[Stores], prices: np.ndarray) -> float:
    joined = {
        name: np.concatenate([np.array(getattr(p, name)) for p in periods], axis=1)
        for name in ("p_min_kw", "p_max_kw", "x_min", "x_max", "gain_in", "gain_out")
    }
    return float(
        best_response(
            stores(periods[0].x0, np.ones(prices.size), **joined), prices.ravel(), prices.ravel()
        ).cost_usd[0]
    )


def test_cuts_of_the_slow_market_meet_the_monolithic_cost() -> None:
    """T12: six slow periods of twelve steps, -3.42419501166, lower = upper = monolithic."""
    prices = np.random.default_rng(0).uniform(0.02, 0.2, (6, 12))
    periods = weeks(prices)
    found = lift_time(periods, list(prices))
    assert found.lower_usd[0] == pytest.approx(-3.42419501166, abs=1e-9)
    assert found.upper_usd[0] == pytest.approx(-3.42419501166, abs=1e-9)
    assert whole(periods, prices) == pytest.approx(-3.42419501166, abs=1e-9)
    assert found.rounds <= 9
    assert max(c.slope.shape[1] for c in found.cuts) <= 9


@pytest.mark.parametrize("seed", range(3))
def test_cuts_bound_from_below_and_schedules_from_above(seed: int) -> None:
    """Outer and inner bounds hold at every round; a schedule of energy held fixed never costs less; cuts lie below the cost."""
    rng = np.random.default_rng(seed)
    prices = rng.uniform(-0.02 if seed else 0.02, 0.3, (5, 8))
    periods = weeks(prices)
    optimum_usd = whole(periods, prices)
    gaps = []
    for rounds in (1, 2, 4, 8, 40):
        found = lift_time(periods, list(prices), rounds_max=rounds)
        assert found.lower_usd[0] <= optimum_usd + 1e-9 <= found.upper_usd[0] + 2e-9
        gaps.append(found.gap_usd[0])
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] <= 1e-9 or seed
    held, beyond = fixed_energy(periods, list(prices), found.state)
    assert held == pytest.approx(found.upper_usd, abs=1e-9)
    other, _ = fixed_energy(periods, list(prices), np.array([[4.0, 5.0, 3.0, 6.0, 2.0, 4.0]]))
    assert beyond[0] == 0.0
    assert other[0] >= optimum_usd
    for x in np.linspace(0, 10, 7):
        later = [periods[3]._replace(x0=np.array([x])), periods[4]]
        cut = found.cuts[2]
        assert (
            np.max(cut.intercept_usd + cut.slope * x)
            <= lift_time(later, list(prices[3:])).upper_usd[0] + 1e-9
        )


def test_many_stores_are_lifted_at_once() -> None:
    prices = np.random.default_rng(5).uniform(0.02, 0.2, (4, 6))
    single = [lift_time(weeks(prices, start), list(prices)) for start in (2.0, 6.0)]
    both = [
        Stores(
            a.x0, a.dt_h, *(np.concatenate(pair) for pair in zip(a[2:], b[2:], strict=True))
        )._replace(x0=np.array([2.0, 6.0]))
        for a, b in zip(weeks(prices, 2.0), weeks(prices, 6.0), strict=True)
    ]
    found = lift_time(both, list(prices))
    assert found.lower_usd == pytest.approx([s.lower_usd[0] for s in single], abs=1e-9)
    assert found.upper_usd == pytest.approx([s.upper_usd[0] for s in single], abs=1e-9)


# forecasts


def central(c: NoiseCase) -> tuple[float, np.ndarray]:
    """Return welfare and prices of the one problem over homes and hours."""
    n, hours = c.fixed_kw.shape
    k = n * hours
    eye, none = sp.identity(k), sp.csr_matrix((k, k))
    every = sp.kron(np.ones((1, n)), sp.identity(hours))
    # variables: charge, discharge, load (k each), supply (hours)
    equal = [(sp.hstack([every, -every, every, -sp.identity(hours)]), -c.fixed_kw.sum(0))]
    stored = sp.kron(sp.identity(n), np.tril(np.ones((hours, hours))))
    power, size = c.battery.p_max_kw.ravel(), c.battery.x_max.ravel()
    start = np.repeat(c.battery.x0, hours)
    wide = sp.csr_matrix((k, hours))
    most = [
        (sp.hstack([eye, none, none, wide]), power),
        (sp.hstack([none, eye, none, wide]), power),
        (sp.hstack([-sp.identity(3 * k), sp.csr_matrix((3 * k, hours))]), np.zeros(3 * k)),
        (sp.hstack([0.95 * stored, -stored / 0.95, none, wide]), size - start),
        (sp.hstack([-0.95 * stored, stored / 0.95, none, wide]), start - c.battery.x_min.ravel()),
    ]
    wear = c.battery.prox.ravel()
    p = sp.diags(
        np.concatenate([wear, wear, np.repeat(c.bend, hours), np.full(hours, c.supply_rise)])
    )
    q = np.concatenate([np.zeros(2 * k), -c.value_per_kwh.ravel(), c.supply_per_kwh])
    x = solve(p, q, equal, most)
    return -float(0.5 * x @ (p @ x) + q @ x), c.supply_per_kwh + c.supply_rise * x[3 * k :]


@pytest.mark.parametrize("seed", range(3, 7))
def test_bids_with_consistent_forecasts_reach_the_central_optimum(seed: int) -> None:
    """T8: the interior point gives prices; homes that believe them and bid hour by hour reproduce its welfare and its prices."""
    c = draw_case(np.random.default_rng(seed))
    best, price = central(c)
    played = simulate_bids(c, lambda t: price[t + 1 :])
    assert abs(best - played.welfare_usd) <= 1e-6 * abs(best)
    assert np.abs(played.price_per_kwh - price).max() <= 1e-5
    own = find_optimum(c)
    assert own.welfare_usd == pytest.approx(best, rel=1e-8)
    assert own.price_per_kwh == pytest.approx(price, abs=1e-6)


def test_noise_costs_bids_a_twentieth_of_what_it_costs_a_broadcast() -> None:
    """T9: the ratio at one noise, nothing lost without noise, and what bids at common prices lose (theory 3.5)."""
    c = draw_case(np.random.default_rng(3))
    best = find_optimum(c)
    exact = simulate_bids(c, lambda t: best.price_per_kwh[t + 1 :])
    assert abs(best.welfare_usd - exact.welfare_usd) <= 1e-8 * abs(best.welfare_usd)
    lost = measure_noise_loss(c, best, 0.01)
    assert lost.broadcast_usd >= 20 * lost.bids_usd > 0
    assert (lost.bids_usd, lost.broadcast_usd) == pytest.approx((0.0275, 2.242), rel=5e-3)
    assert [measure_sampling_loss(c, best, k) for k in (5, 33)] == pytest.approx(
        [0.109, 0.0067], rel=1e-2
    )


# aggregation


def one_slot_fleet(n: int, seed: int, slots: int = 12):
    """Return the relaxed value, a vertex of the relaxed answers, and the fleet: each device takes its power in one slot."""
    rng = np.random.default_rng(seed)
    power, own, rise = rng.uniform(1, 3, n), rng.uniform(0, 0.05, (n, slots)), 0.1 / n
    base = rng.uniform(0, 1, slots) * n
    once = sp.kron(sp.identity(n), np.ones((1, slots)))
    load = sp.kron(power[None], sp.identity(slots))
    k = n * slots
    p = sp.diags(np.concatenate([np.zeros(k), np.full(slots, rise)]))
    q = np.concatenate([own.ravel(), np.full(slots, 0.05)])
    equal = [
        (sp.hstack([once, sp.csr_matrix((n, slots))]), np.ones(n)),
        (sp.hstack([load, -sp.identity(slots)]), -base),
    ]
    x = solve(p, q, equal, [(sp.hstack([-sp.identity(k), sp.csr_matrix((k, slots))]), np.zeros(k))])
    relaxed = float(0.5 * x @ (p @ x) + q @ x)
    rows, right = sp.vstack([once, load]), np.concatenate([np.ones(n), x[k:] - base])
    vertex = linprog(own.ravel(), A_eq=rows, b_eq=right, method="highs-ds")
    assert vertex.status == 0
    return relaxed, vertex.x.reshape(n, slots), own, power, base, rise


@pytest.mark.parametrize("n", [10, 40, 120])
def test_an_on_off_fleet_is_rounded_within_its_bound(n: int) -> None:
    """T20: at most T undecided devices, and 0 <= gap <= L/2 times the sum of the T largest P^2."""
    for seed in range(3):
        relaxed, vertex, own, power, base, rise = one_slot_fleet(n, seed)
        found = round_fleet(vertex, own, power, base, 0.05, rise)
        gap = found.cost_usd - relaxed
        assert 0 < found.split <= len(base)
        assert -1e-7 <= gap <= found.bound_usd + 1e-7
        assert found.bound_usd <= rounding_bound_usd(power, rise, len(base))
    with pytest.raises(PartError, match="device 0"):
        round_fleet(0.5 * vertex, own, power, base, 0.05, rise)


def cars(rng: np.random.Generator, n: int = 30, slots: int = 6) -> tuple[np.ndarray, np.ndarray]:
    arrive, leave, power = (
        rng.integers(0, 3, n),
        rng.integers(3, slots + 1, n),
        rng.uniform(2, 7, n),
    )
    there = (np.arange(slots) >= arrive[:, None]) & (np.arange(slots) < leave[:, None])
    return there * power[:, None], rng.uniform(0.2, 0.9, n) * power * (leave - arrive)


def test_a_fleet_of_cars_is_the_sum_of_its_greedy_answers() -> None:
    """T21: the polymatroid of added ranks has the same best points as the cars one by one, and its points can be shared out."""
    rng = np.random.default_rng(5)
    upper, energy = cars(rng)
    sets = [list(s) for size in range(1, 7) for s in combinations(range(6), size)]
    facets = np.array([[float(t in s) for t in range(6)] for s in sets])
    rank = np.array([fleet_rank(upper, energy, s) for s in sets])
    hull = {"A_ub": facets, "b_ub": rank, "A_eq": np.ones((1, 6)), "b_eq": [energy.sum()]}
    n = len(energy)
    split = sp.vstack(
        [sp.kron(sp.identity(n), np.ones((1, 6))), sp.kron(np.ones((1, n)), sp.identity(6))]
    )
    for _ in range(12):
        worth = rng.normal(size=6)
        mine = fill_greedily(upper, energy, worth)
        assert np.all((mine >= 0) & (mine <= upper + 1e-12))
        assert mine.sum(1) == pytest.approx(energy, abs=1e-12)
        best = linprog(-worth, **hull)
        assert worth @ mine.sum(0) == pytest.approx(-best.fun, abs=1e-9)
        point = linprog(rng.normal(size=6), **hull).x * 0.4 + best.x * 0.6
        shared = linprog(
            np.zeros(6 * n),
            A_eq=split,
            b_eq=np.concatenate([energy, point]),
            bounds=[(0, u) for u in upper.ravel()],
        )
        assert shared.status == 0
    with pytest.raises(PartError, match="car 0"):
        fill_greedily(upper, 9 * energy, worth)


def reach(worth: np.ndarray, pole: float, capacity: float, down: float, up: float) -> float:
    slots = len(worth)
    steps = np.arange(slots)
    power = np.where(steps[:, None] >= steps, pole ** np.abs(steps[:, None] - steps), 0.0)
    limit = np.full(2 * slots, capacity)
    return -linprog(
        -worth, A_ub=np.vstack([power, -power]), b_ub=limit, bounds=[(-down, up)] * slots
    ).fun


def test_virtual_batteries_enclose_the_fleet() -> None:
    """T22: in random directions inner <= fleet <= outer; of one kind of device both are the fleet."""
    rng = np.random.default_rng(5)
    fleet = np.stack(
        [
            rng.uniform(0.8, 0.95, 10),
            rng.uniform(2, 5, 10),
            rng.uniform(0.5, 1.5, 10),
            rng.uniform(0.5, 1.5, 10),
        ]
    )
    inner, outer = virtual_battery(*fleet)
    alike = virtual_battery(*np.repeat([[0.9], [3.0], [1.0], [0.7]], 4, axis=1))
    for _ in range(12):
        worth = rng.normal(size=8)
        true = sum(reach(worth, *device) for device in fleet.T)
        assert reach(worth, *inner) <= true + 1e-9
        assert true <= reach(worth, *outer) + 1e-9
        assert reach(worth, *inner) > 0.3 * true
        for both in alike:
            assert reach(worth, *both) == pytest.approx(
                4 * reach(worth, 0.9, 3.0, 1.0, 0.7), abs=1e-9
            )
    with pytest.raises(PartError, match="device 1"):
        virtual_battery(np.array([0.5, 1.0]), *fleet[1:, :2])


def test_under_a_price_the_sum_of_answers_is_the_answer_of_the_sum() -> None:
    """Support functions add: no set of the aggregate is needed where a price is given."""
    rng = np.random.default_rng(8)
    n, prices = 12, rng.uniform(0.05, 0.3, 10)
    size = rng.uniform(3, 8, n)
    many = stores(
        size / 2,
        np.ones(10),
        p_min_kw=-size[:, None] / 3,
        p_max_kw=size[:, None] / 3,
        x_max=size[:, None],
    )
    answers = best_response(many, prices, prices)
    k = 10 * n
    power = np.repeat(size / 3, 10)
    stored = sp.kron(sp.identity(n), np.tril(np.ones((10, 10))))
    most = np.concatenate([np.repeat(size / 2, 10)] * 2)
    joint = linprog(
        np.tile(prices, n),
        A_ub=sp.vstack([stored, -stored]),
        b_ub=most,
        bounds=list(zip(-power, power, strict=True)),
    )
    assert len(joint.x) == k
    assert answers.cost_usd.sum() == pytest.approx(joint.fun, abs=1e-9)


def test_an_empty_place_passes_its_fixed_power() -> None:
    tree = places(["a", "b", "feeder"], [Level.HOME, Level.HOME, Level.FEEDER], [2, 2, -1])
    none = Curves(np.zeros(1, np.int64), np.zeros(0), np.zeros(0))
    s = descend(lift_space(none, np.zeros(0, int), tree, base_kw=[1.0, -3.0, 0.5]), 0.2, 1.0)
    assert s.q_kw.tolist() == [1.0, -3.0, -1.5]
