"""Belief against truth of the house, its bids, and the bliss temperature that keeps the thermostat's energy."""

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp
from home_columns import changed

from gridagora.devices import hvac
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.physics import fleet
from gridagora.kernels.physics.etp import modes
from gridagora.kernels.physics.fleet import ACCOUNT, CONTINUOUS, THERMOSTAT, Control
from gridagora.kernels.stores.value import best_response, bid, marginal_value

FLAT = 0.072


def run_thermostat(table, hours, shift=None):
    state = fleet.houses(table.set_degc[:, 0])
    goal = table.set_degc[:, :hours] + (0 if shift is None else shift)
    columns = (table.q_air_kw, table.q_mass_kw, table.unit_kw, table.rated_kw)
    acting = fleet.Hours(
        *(np.ascontiguousarray(c[:, :hours]) for c in columns), np.ascontiguousarray(goal)
    )
    start = np.empty((len(goal), hours))
    e, air = np.empty_like(goal), np.empty_like(goal)
    for h in range(hours):
        start[:, h] = hvac.stored_k(table, state, h)
        now = fleet.Hours(*(np.ascontiguousarray(c[:, h]) for c in acting))
        out = fleet.house_step(state, table.coef, now, now.rated_kw, THERMOSTAT, minutes=60)
        e[:, h], air[:, h] = out.e_kwh, out.t_air_degc
    return start, e, air, state


@pytest.mark.parametrize("season", ["homes", "winter"])
def test_hourly_energy_of_the_belief_is_near_the_truth(season, request):
    """Energy that the belief needs for the true mean air of each hour, thermostat with random 1 K shifts (theory 1.4)."""
    table = hvac.of(request.getfixturevalue(season))
    rng, hours = np.random.default_rng(1), 168
    shift = np.repeat(rng.choice([-1.0, 0.0, 0.0, 1.0], (len(table.home), hours // 2)), 2, axis=1)
    start, e, air, _ = run_thermostat(table, hours, shift)
    side = np.where(table.heating, 1.0, -1.0)[:, :hours]
    b, x, need = table.hourly, start[:, 0], np.empty_like(e)
    for h in range(hours):
        departure = side[:, h] * (air[:, h] - table.best_degc[:, h])
        need[:, h] = np.clip(
            (departure - b.c_x * x - b.c_0[:, h]) / b.c_p[:, h], 0.0, table.rated_kw[:, h]
        )
        x = b.leak * x + b.gain_k_kw[:, h] * need[:, h] + b.drift_k[:, h]
    late = slice(96, hours)
    error = np.sqrt(np.mean((need - e)[:, late] ** 2, axis=1)) / e[:, late].mean(1)
    assert np.median(error) < 0.17
    assert np.median(np.abs(need[:, late].sum(1) / e[:, late].sum(1) - 1)) < 0.005


def test_belief_state_follows_the_true_slow_mode_exactly(homes):
    """The slow mode is exact for power constant within the hour: no reduction error in x."""
    table = hvac.of(homes)
    state = fleet.houses(table.set_degc[:, 0] + 0.7, table.set_degc[:, 0] - 0.4)
    b, x = table.hourly, hvac.stored_k(table, state, 0)
    for h in range(30):
        p = table.rated_kw[:, h] * 0.37
        fleet.house_step(state, table.coef, hvac.hours_now(table, h), p, CONTINUOUS, minutes=60)
        x = b.leak * x + b.gain_k_kw[:, h] * p + b.drift_k[:, h]
        assert hvac.stored_k(table, state, h + 1) == pytest.approx(x, abs=1e-9)


def test_bliss_is_below_the_set_point_while_cooling_and_above_while_heating(homes, winter):
    cool, heat = hvac.of(homes, 0.05, FLAT), hvac.of(winter, 0.05, FLAT)
    house = homes.owned["hvac"]
    shift = FLAT * house.ua_kw_k[:, None] / (0.05 * house.cop)
    assert cool.best_degc == pytest.approx(house.t_set_degc - shift)
    assert (heat.best_degc > winter.owned["hvac"].t_set_degc).all()


@pytest.mark.parametrize("season", ["homes", "winter"])
def test_optimised_home_at_the_flat_rate_uses_the_energy_of_its_thermostat(season, request):
    table = hvac.of(request.getfixturevalue(season), 0.05, FLAT)
    days, warm = 4, 48
    _, e, _, plain = run_thermostat(table, 24 * days)
    state = fleet.houses(table.set_degc[:, 0])
    used, at_warm = np.zeros(len(table.home)), None
    for h in range(24 * days):
        worth = marginal_value(hvac.spec(table, state, h, 24, FLAT), np.full(24, FLAT))
        if h == warm:
            at_warm = copy_heat(table, state)
        for m in range(12):
            p = power_at(bid(hvac.spec_now(table, state, h), worth, share=(m + 1) / 12), FLAT)
            out = hvac.step(table, state, hvac.hours_now(table, h, at_bliss=True), p, CONTINUOUS)
            used += out.e_kwh if h >= warm else 0.0
    _, _, _, plain_warm = run_thermostat(table, warm)
    # heat that one run holds more than the other is energy not yet used or already spent
    sign = np.where(table.heating[:, 0], 1.0, -1.0)
    gained = (
        copy_heat(table, state) - at_warm - (copy_heat(table, plain) - copy_heat(table, plain_warm))
    )
    cop = np.abs(table.unit_kw / table.rated_kw)[:, -1]
    ratio = (used - sign * gained / cop) / e[:, warm:].sum(1) - 1
    assert abs(np.mean(ratio)) < 0.005
    assert np.abs(ratio).max() < 0.01


def copy_heat(table, state):
    return table.ca_kwh_k * state.t_air_degc + table.cm_kwh_k * state.t_mass_degc


def test_bid_of_five_minutes_solves_the_condition_of_the_half_present_fast_mode(homes):
    """Gradient at an inner answer: price + k s (departure with half the fast mode + (1 - f) s p) = worth of the coolth made."""
    table = hvac.of(homes)
    rng = np.random.default_rng(5)
    state = fleet.houses(
        table.set_degc[:, 0] + rng.normal(0, 0.4, 12), table.set_degc[:, 0] + rng.normal(0, 0.3, 12)
    )
    hour, price = 14, 0.11
    worth = marginal_value(hvac.spec(table, state, hour, 24, 0.09), 0.05 + 0.08 * rng.random(24))
    p = power_at(bid(hvac.spec_now(table, state, hour), worth, share=0.25), price)
    inner = (p > 1e-6) & (p < table.rated_kw[:, hour] - 1e-6)
    assert inner.sum() > 6
    b, x = table.short, hvac.stored_k(table, state, hour)
    gain = b.gain_k_kw[:, hour]
    settled = b.c_p[:, hour] - gain / 2
    fast = -(state.t_air_degc - 24.0) - x
    apart = b.c_x * x + b.c_0[:, hour] + 0.5 * (fast - table.settled_k[:, hour]) + 0.5 * settled * p
    after = b.leak * x + b.drift_k[:, hour] + gain * p
    for i in np.flatnonzero(inner):
        mu = sum(
            w * np.interp(after[i], *line(worth, 2 * i + t)) for t, w in ((0, 0.75), (1, 0.25))
        )
        assert price + 0.05 * settled[i] * apart[i] == pytest.approx(gain[i] * 12 * mu, abs=1e-9)


def line(worth, i):
    span = slice(worth.offset[i], worth.offset[i + 1])
    return worth.x[span], worth.mu[span]


def test_fast_mode_makes_a_hot_room_ask_for_more(homes):
    """The same slow state, once with hot air and cool walls: the bid must know the air."""
    table = hvac.of(homes)
    calm = fleet.houses(table.set_degc[:, 0])
    hot = fleet.houses(calm.t_air_degc + 1.0, calm.t_mass_degc - table.slow_air / table.slow_mass)
    assert hvac.stored_k(table, hot, 5) == pytest.approx(hvac.stored_k(table, calm, 5), abs=1e-12)
    worth = marginal_value(hvac.spec(table, calm, 5, 24, FLAT), np.full(24, FLAT))
    asks = [power_at(bid(hvac.spec_now(table, state, 5), worth), 0.1) for state in (calm, hot)]
    assert (asks[1] >= asks[0]).all() and (asks[1] > asks[0] + 0.05).any()


def test_a_dearer_evening_is_met_by_cooling_before_it(homes):
    table = hvac.of(homes)
    state = fleet.houses(table.set_degc[:, 0])
    price = np.full(24, 0.05)
    flat = best_response(hvac.spec(table, state, 0, 24, 0.05), price, price).p_kw
    price[17:20] = 0.6
    peak = best_response(hvac.spec(table, state, 0, 24, 0.05), price, price).p_kw
    assert peak[:, 17:20].sum() < 0.8 * flat[:, 17:20].sum()
    assert peak[:, 13:17].sum() > 1.02 * flat[:, 13:17].sum()


def quadratic_programme(house, table, state, row, hour, price, value_per_kwh):
    """Least cost of a day and its power by interior point: heating and cooling apart, the slow part of the air in degrees C.

    S' = e S + heat kW - cool kW + drift, and comfort is about the mean temperature of the hour; nothing has a sense here.
    """
    h, mode = len(price), modes(house.ua_kw_k, house.hm_kw_k, house.ca_kwh_k, house.cm_kwh_k)
    t, ca, cm = slice(hour, hour + h), house.ca_kwh_k[row], house.cm_kwh_k[row]
    rate, fast, air, mass = (
        column[row]
        for column in (mode.slow_per_h, mode.fast_per_h, mode.air_share, mode.mass_share)
    )
    decay, per_h, cop = np.exp(rate), np.expm1(rate) / rate, house.cop[row, t]
    about = house.q_air_kw[row, t] - house.ua_kw_k[row] * hvac.T_REF_DEGC
    drift = per_h * (air * about / ca + mass * house.q_mass_kw[row, t] / cm)
    settled = -((1 - air) * about / ca - mass * house.q_mass_kw[row, t] / cm) / fast
    per_kw, fast_per_kw = per_h * air * cop / ca, -(1 - air) * cop / ca / fast
    warm = house.heating[row, t]
    sense = np.concatenate([np.eye(h), -np.eye(h)], axis=1)  # heating, then cooling
    keep = np.tril(decay ** np.subtract.outer(np.arange(h), np.arange(h)).clip(0))
    start = air * (state.t_air_degc[row] - hvac.T_REF_DEGC) + mass * (
        state.t_mass_degc[row] - hvac.T_REF_DEGC
    )
    power_of, level = (
        keep @ (per_kw[:, None] * sense),
        keep @ (drift + np.eye(h)[0] * decay * start),
    )
    before, level_before = (
        np.vstack([np.zeros(2 * h), power_of[:-1]]),
        np.concatenate([[start], level[:-1]]),
    )
    felt = 0.5 * (power_of + before) + fast_per_kw[:, None] * sense
    # the belief takes the mean of both ends for the slow part, and leaves half of the step's drift to c_0
    at_rest = 0.5 * (level + level_before) + settled + hvac.T_REF_DEGC - table.best_degc[row, t]
    most = np.concatenate(
        [np.where(warm, table.rated_kw[row, t], 0.0), np.where(warm, 0.0, table.rated_kw[row, t])]
    )
    weight = table.comfort_per_k2_h[row] * (table.rated_kw[row, t] > 0)
    left = (
        hvac.END_SHARE
        * value_per_kwh
        / per_kw[-1]
        * (1.0 if warm[-1] else -1.0)
        * (table.rated_kw[row, t] > 0)[-1]
    )
    linear = np.concatenate([price, price]) + felt.T @ (weight * at_rest) - left * power_of[-1]
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_iter = False, 200
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    box = sp.csc_matrix(np.vstack([np.eye(2 * h), -np.eye(2 * h)]))
    square = sp.csc_matrix(np.triu(felt.T @ (weight[:, None] * felt)))
    cone = [clarabel.NonnegativeConeT(4 * h)]
    found = clarabel.DefaultSolver(
        square, linear, box, np.concatenate([most, np.zeros(2 * h)]), cone, settings
    ).solve()
    assert str(found.status) in ("Solved", "AlmostSolved")
    ends = (
        abs(left) * hvac.REACH_K + left * level[-1]
    )  # worth is counted from the lower end of what the belief knows
    return found.obj_val + 0.5 * float(weight @ at_rest**2) - ends, np.array(found.x).reshape(2, h)


@pytest.mark.parametrize("hour", [0, 5, 14])
@pytest.mark.parametrize(
    "has", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)], ids=["both", "no heating", "no cooling"]
)
def test_plan_across_modes_is_the_quadratic_programme_of_heating_and_cooling(mixed, hour, has):
    own = mixed.owned["hvac"]
    homes = changed(mixed, "hvac", cool_kw=has[0] * own.cool_kw, heat_kw=has[1] * own.heat_kw)
    table, rng = hvac.of(homes), np.random.default_rng(hour)
    state = fleet.houses(
        table.set_degc[:, 0] + rng.normal(0, 1, 12), table.set_degc[:, 0] + rng.normal(0, 1, 12)
    )
    price = rng.uniform(0.01, 0.3, (12, 24))
    found = best_response(hvac.spec(table, state, hour, 24, 0.1), price, price)
    for row in range(12):
        cost, power = quadratic_programme(
            homes.owned["hvac"], table, state, row, hour, price[row], 0.1
        )
        assert found.cost_usd[row] == pytest.approx(cost, abs=1e-8)
        assert found.p_kw[row] == pytest.approx(power.sum(0), abs=1e-4)


def test_plan_follows_the_true_slow_mode_through_every_change_of_mode(mixed):
    table = hvac.of(mixed)
    state = fleet.houses(table.set_degc[:, 0] + 0.7, table.set_degc[:, 0] - 0.4)
    s, x = hvac.spec(table, state, 3, 60), hvac.stored_k(table, state, 3)
    for h in range(60):
        p = table.rated_kw[:, 3 + h] * 0.23
        fleet.house_step(state, table.coef, hvac.hours_now(table, 3 + h), p, CONTINUOUS, minutes=60)
        x = s.leak[:, h] * x + s.inflow[:, h] + s.gain_in[:, h] * p
        assert hvac.stored_k(table, state, 3 + h) == pytest.approx(x, abs=1e-9)


def test_what_is_warmed_in_the_morning_is_felt_in_the_afternoon(mixed):
    """A kelvin that the night has left more of: less heating and comfort bought before noon, more cooling behind it."""
    table = hvac.of(mixed)
    state, price = fleet.houses(table.set_degc[:, 0]), np.full(24, 0.1)
    warm = fleet.houses(table.set_degc[:, 0] + 1.0)
    plain, more = (
        best_response(hvac.spec(table, one, 8, 24, 0.1), price, price).p_kw for one in (state, warm)
    )
    assert np.all(more[:, :4].sum(1) <= plain[:, :4].sum(1) + 1e-9)
    assert np.all(more[:, 4:16].sum(1) > plain[:, 4:16].sum(1))


def test_coolth_is_kept_through_hours_of_heating_where_that_pays(mixed):
    """Units cool until six, heat until noon and cool again: the hour at five serves a dear afternoon, and no like one."""
    hour = np.arange(24 * 8) % 24
    own = mixed.owned["hvac"]
    heating = np.broadcast_to((hour >= 6) & (hour < 12), own.heating.shape)
    table = hvac.of(
        changed(mixed, "hvac", heating=heating, q_air_kw=own.q_air_kw + 8.0 * own.ua_kw_k[:, None])
    )
    state, price = fleet.houses(table.set_degc[:, 0]), np.full(24, 0.1)

    def planned():
        return best_response(hvac.spec(table, state, 0, 24, 0.1), price, price).p_kw

    even = planned()
    price[12:20] = 0.8
    dear = planned()
    price[5] = 0.02
    cheap_and_dear = planned()
    assert even[:, 5].sum() < 0.1 * cheap_and_dear[:, 5].sum()
    assert dear[:, :6].sum() > 2.0 * even[:, :6].sum()
    assert cheap_and_dear[:, 5].sum() > 1.5 * dear[:, 5].sum()
    assert np.all(cheap_and_dear[:, 12:20].sum(1) <= dear[:, 12:20].sum(1) + 1e-9)
    assert cheap_and_dear[:, 12:20].sum() < 0.98 * dear[:, 12:20].sum()
    assert np.all(dear[:, 6:12] <= even[:, 6:12] + 1e-9)


def test_take_gives_the_same_belief_bid_and_step_bit_for_bit(homes, rows_of):
    table = hvac.of(homes)
    rows = np.array([7, 2, 11])
    few = hvac.take(table, rows)
    state = fleet.houses(table.set_degc[:, 0] + 0.3)
    part = fleet.HouseStates(*(c[rows].copy() for c in state))
    assert rows_of(hvac.spec(table, state, 3), rows, hvac.spec(few, part, 3))
    assert rows_of(hvac.spec_now(table, state, 3), rows, hvac.spec_now(few, part, 3))
    p = table.rated_kw[:, 3] * 0.5
    for _ in range(12):
        whole = hvac.step(
            table, state, hvac.hours_now(table, 3, at_bliss=True), p, ACCOUNT, Control()
        )
        some = hvac.step(
            few, part, hvac.hours_now(few, 3, at_bliss=True), p[rows], ACCOUNT, Control()
        )
    assert all(
        np.array_equal(x[rows], y) for x, y in zip((*state, *whole), (*part, *some), strict=True)
    )


def test_comfort_value_may_differ_by_home(homes):
    k = np.linspace(0.02, 0.2, 12)
    table = hvac.of(homes, k)
    assert np.array_equal(hvac.spec(table, fleet.houses(table.set_degc[:, 0]), 0).k_c[:, 0], k)
