"""A home under a demand charge: how far it lets its import go, against a linear program with the largest hour as a variable."""

import numpy as np
import pytest
from scipy.optimize import linprog

from gridagora.core.capacity import CapacityTerms
from gridagora.kernels.stores.value import stores
from gridagora.run.demand_caps import (
    WELL,
    DemandTerms,
    MeterProblem,
    choose_caps,
    limit_by_caps,
    take_problem,
)
from gridagora.run.home_limits import HomeLimits, open_meters
from gridagora.run.internal_price import find_internal_prices
from gridagora.settlement.capacity import DEMAND, EXCESS, SUBSCRIBED, capacity_usd

H, N = 24, 12
T = np.arange(H)
KW, KWH, ETA, WEAR = 5.0, 10.0, 0.95, 0.005
CAR_KW, CAR_KWH = 7.2, 20.0


def street(seed=1):
    """Homes with a battery and a car that must have charged 20 kWh by the end of the day, and a price that is low at night."""
    rng = np.random.default_rng(seed)
    load = 0.4 + rng.random((N, H)) + 2.0 * np.exp(-(((T - 19) / 2) ** 2))
    buy = np.tile(np.where((T >= 14) & (T < 20), 0.25, 0.10), (N, 1))
    battery = stores(
        np.full(N, 0.5 * KWH),
        np.ones(H),
        p_min_kw=-KW,
        p_max_kw=KW,
        x_max=KWH,
        gain_in=ETA,
        gain_out=ETA,
        wear_per_kwh=WEAR,
        end_mu=np.full(2, 0.1),
    )
    car = stores(
        np.zeros(N),
        np.ones(H),
        p_max_kw=np.where(T >= 17, CAR_KW, 0.0),
        x_min=np.where(T == H - 1, CAR_KWH, 0.0),
        x_max=CAR_KWH,
    )
    home = (np.arange(N), np.arange(N))
    return MeterProblem((battery, car), home, load, buy, buy, None, ())


def least_cost(problem, i, charge, peak, cap=None):
    """Return cost and largest hour of home i: net metering, battery, car, and the cap as a variable, or as given."""
    load, buy = problem.net_kw[i], problem.buy_per_kwh[i]
    # columns: charge, discharge, car, cap
    cost = np.concatenate([buy + WEAR, -buy + WEAR, buy, [charge]])
    sums = np.tril(np.ones((H, H)))
    none, one, nought = np.zeros((H, H)), np.eye(H), np.zeros((H, 1))
    state = np.hstack([ETA * sums, -sums / ETA, none, nought])
    car = np.hstack([none, none, sums, nought])
    meter = np.hstack([one, -one, one, -np.ones((H, 1))])
    held = np.vstack([state, -state, car, -car[-1:], meter])
    most = np.concatenate(
        [np.full(H, 0.5 * KWH), np.full(H, 0.5 * KWH), np.full(H, CAR_KWH), [-CAR_KWH], -load]
    )
    value = -0.1 * state[-1]
    bounds = [(0, KW)] * (2 * H) + [(0, CAR_KW if t >= 17 else 0.0) for t in T]
    bounds += [(peak, None) if cap is None else (cap, cap)]
    found = linprog(cost + value, held, most, bounds=bounds, method="highs")
    if found.status == 2:
        return np.inf, cap
    assert found.status == 0
    return found.fun - charge * peak + buy @ load - 0.1 * 0.5 * KWH, found.x[-1]


@pytest.mark.parametrize(
    ("charge", "peak"), [(0.05, 0.0), (0.4, 0.0), (2.0, 0.0), (0.4, 3.0), (0.4, 9.0)]
)
def test_a_cap_costs_what_the_linear_program_with_the_largest_hour_says(charge, peak):
    problem = street()
    terms = DemandTerms(np.full(N, charge), np.ones((N, H), np.bool_), np.full(N, peak))
    cap_kw = choose_caps(problem, terms, np.zeros(N))[0]
    assert np.all(cap_kw >= peak)
    for i in range(N):
        best, at = least_cost(problem, i, charge, peak)
        own, _ = least_cost(problem, i, charge, peak, cap_kw[i] + 1e-9)
        assert np.isinf(own) or best - 1e-9 <= own <= best + 3e-3 * abs(best)
        assert cap_kw[i] == pytest.approx(at, abs=0.2)


def test_plans_keep_to_their_caps_and_cost_little_more_than_the_best():
    """The plan of the last round is within the gap at which a home leaves, of the linear program."""
    problem, charge = street(2), 0.5
    terms = DemandTerms(np.full(N, charge), np.ones((N, H), np.bool_), np.zeros(N))
    cap_kw, found = choose_caps(problem, terms, np.zeros(N))
    again = find_internal_prices(*problem, limit_by_caps(terms, cap_kw), WELL)
    for one, other in zip((*found[:3], *found.p_kw), (*again[:3], *again.p_kw), strict=True):
        assert np.array_equal(one, other)  # as all homes plan together under their caps
    net_kw = problem.net_kw + sum(found.p_kw)
    assert (net_kw - cap_kw[:, None]).max() < 0.1
    best = np.array([least_cost(problem, i, charge, 0.0)[0] for i in range(N)])
    paid = found.cost_usd + charge * net_kw.max(1)
    assert paid == pytest.approx(best, rel=3e-3)


def test_what_is_spent_is_spent():
    """Below a largest hour so far that no plan reaches nothing is to be gained, and without a charge nothing is searched."""
    problem = street(3)
    terms = DemandTerms(np.full(N, 1.0), np.ones((N, H), np.bool_), np.full(N, 30.0))
    assert np.array_equal(choose_caps(problem, terms, np.zeros(N))[0], np.full(N, 30.0))
    free = terms._replace(charge_per_kw=np.zeros(N), peak_kw=np.zeros(N))
    assert np.array_equal(choose_caps(problem, free, np.zeros(N))[0], np.zeros(N))


def test_hours_that_do_not_count_have_no_limit():
    problem, counted = street(4), np.tile((T >= 14) & (T < 20), (N, 1))
    terms = DemandTerms(np.full(N, 1.0), counted, np.zeros(N))
    limits = limit_by_caps(terms, choose_caps(problem, terms, np.zeros(N))[0])
    assert np.isinf(limits.limit_kw[~counted]).all() and np.isfinite(limits.limit_kw[counted]).all()
    every = limit_by_caps(
        terms._replace(counted=~(counted & False)),
        choose_caps(problem, terms._replace(counted=np.ones((N, H), np.bool_)), np.zeros(N))[0],
    )
    assert limits.limit_kw[:, 15].mean() < every.limit_kw[:, 15].mean()


def test_a_home_alone_finds_the_cap_that_it_finds_among_others():
    problem = street(5)
    terms = DemandTerms(np.full(N, 0.4), np.ones((N, H), np.bool_), np.zeros(N))
    whole = choose_caps(problem, terms, np.zeros(N))[0]
    for rows in (np.array([3]), np.array([7, 2])):
        some = DemandTerms(*(column[rows] for column in terms))
        assert np.array_equal(
            choose_caps(take_problem(problem, rows), some, np.zeros(len(rows)))[0], whole[rows]
        )


def test_a_cap_of_the_hour_before_stands_where_it_fits():
    problem = street(6)
    terms = DemandTerms(np.full(N, 0.4), np.ones((N, H), np.bool_), np.zeros(N))
    first = choose_caps(problem, terms, np.zeros(N))[0]
    again = choose_caps(problem, terms, first)[0]
    assert np.all(np.abs(again - first) < 0.15)


def test_meters_count_hours_and_keep_the_largest():
    meters = open_meters(2)
    posted = HomeLimits(np.array([[2.0, 9.0], [np.inf, 9.0]]), np.array([[0.5, 0.0], [0.0, 0.0]]))
    for first, second in (([4.0, 1.0], [2.0, 1.0]), ([1.0, 5.0], [1.0, -5.0])):
        meters.begin_hour(posted)
        meters.count(np.array(first), 0.5, 0.5)
        meters.count(np.array(second), 0.5, 1.0)
        meters.count_demand(np.array([True, True]))
    assert np.array_equal(meters.peak_kw, [3.0, 1.0])
    assert np.array_equal(meters.beyond_usd, [0.5 * 1.0, 0.0])  # 3 kWh in the first hour, 2 allowed
    meters.count_demand(np.array([False, True]))
    assert np.array_equal(meters.peak_kw, [3.0, 1.0])


def test_charges_for_power_are_their_closed_form():
    """Half-hours of 1 and 3 kW make an hour of 2 kW; export makes an hour of none."""
    home_kw = np.array([[1.0, 3.0, 4.0, 4.0, -5.0, 1.0], [0.5] * 6])
    counted = np.arange(24) != 11
    terms = CapacityTerms(np.array([1.5, np.inf]), 10.0, 0.2, 3.0, counted)
    charged = capacity_usd(terms, home_kw, 2, np.array([10, 11, 12]))
    assert charged[SUBSCRIBED] == pytest.approx([15.0, 0.0])
    assert charged[EXCESS] == pytest.approx([0.2 * (0.5 + 2.5), 0.0])
    assert charged[DEMAND] == pytest.approx([3.0 * 2.0, 3.0 * 0.5])
    free = terms._replace(subscription_per_kw=0.0, over_per_kwh=0.0, demand_per_kw=0.0)
    assert capacity_usd(free, home_kw, 2, np.array([10, 11, 12])) == {}
