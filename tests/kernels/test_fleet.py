"""Truth of houses, tanks, batteries and cars: matrix exponential, energy balance, rows independent, dispatch rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from gridagora.kernels.physics import fleet
from gridagora.kernels.physics.etp import KWH_PER_BTU, LEVELS, house, modes, step_coefficients
from gridagora.kernels.physics.fleet import (
    ACCOUNT,
    CONTINUOUS,
    PRIORITY,
    THERMOSTAT,
    Control,
    Hours,
    Tanks,
    TankTable,
)

RULES = (THERMOSTAT, ACCOUNT, CONTINUOUS, PRIORITY)
PUBLISHED = {  # UA [kW/K] and time constants [h] of GridLAB-D's integrity levels at 2 500 sf
    "very_little": (1.080, 0.081, 3.00),
    "little": (0.860, 0.083, 3.67),
    "below_normal": (0.557, 0.086, 5.46),
    "normal": (0.504, 0.087, 5.98),
    "above_normal": (0.427, 0.088, 6.99),
    "good": (0.302, 0.089, 9.72),
    "very_good": (0.240, 0.090, 12.16),
}


def shells(n, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(0.15, 0.6, n),
        rng.uniform(0.5, 5.0, n),
        rng.uniform(0.3, 0.8, n),
        rng.uniform(1.5, 6.0, n),
    )


def matrix(ua, hm, ca, cm):
    return np.array([[-(ua + hm) / ca, hm / ca], [hm / cm, -hm / cm]])


def weather(n, seed=0, cooling=True):
    """Heat and units for `shells(n, seed)`: 36 degC outside and a cooling unit, or 2 degC and a heating unit."""
    ua = shells(n, seed)[0]
    rng = np.random.default_rng(seed + 100)
    gain, unit = 0.4 + 0.4 * rng.random(n), (1 if not cooling else -1) * 2.2 * (ua * 20 + 1)
    return Hours(
        ua * (36 if cooling else 2) + gain, gain, unit, np.abs(unit) / 3.2, rng.uniform(21, 24, n)
    )


def begin(n, seed=0):
    rng = np.random.default_rng(seed)
    return fleet.houses(rng.uniform(20, 26, n), rng.uniform(21, 25, n))


def copy(state):
    return type(state)(*(column.copy() for column in state))


def pick(table, rows):
    return type(table)(*(column[rows] for column in table))


# ---------------------------------------------------------------------------------------------------------------- house


@pytest.mark.parametrize("level", LEVELS)
def test_levels_have_the_published_conductance_and_time_constants(level):
    built = house(LEVELS[level])
    mode = modes(*built)
    ua, fast, slow = PUBLISHED[level]
    assert built.ua_kw_k == pytest.approx(ua, abs=6e-4)
    assert -1 / mode.fast_per_h[0] == pytest.approx(fast, abs=6e-4)
    assert -1 / mode.slow_per_h[0] == pytest.approx(slow, abs=6e-3)


def test_five_minutes_of_the_good_house_give_the_published_temperature():
    """T23: outdoor 95 F, -30 000 and 2 000 Btu/h, from 74 and 75 F."""
    built = house(LEVELS["good"])
    c = step_coefficients(*built, 1 / 12)[0]
    heat = np.array([-30_000 * KWH_PER_BTU + built.ua_kw_k * 95 / 1.8, 2_000 * KWH_PER_BTU])
    after = c[:2] @ np.array([74, 75]) / 1.8 + c[4:6] @ heat
    assert after * 1.8 == pytest.approx(73.46758337862822, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.0, 2.0),
    st.floats(0.05, 10.0),
    st.floats(0.1, 5.0),
    st.floats(0.2, 20.0),
    st.floats(1e-3, 24.0),
)
def test_step_is_the_matrix_exponential(ua, hm, ca, cm, step_h):
    a = matrix(ua, hm, ca, cm)
    block = np.zeros((6, 6))
    block[:2, :2], block[:2, 2:4], block[2:4, 4:] = a, np.eye(2), np.eye(2)
    whole = expm(block * step_h)
    c = step_coefficients(ua, hm, ca, cm, step_h)[0]
    per_kw = np.array([1 / ca, 1 / cm])
    assert c[:4].reshape(2, 2) == pytest.approx(whole[:2, :2], abs=1e-11)
    assert c[4:8].reshape(2, 2) == pytest.approx(whole[:2, 2:4] * per_kw, rel=1e-9, abs=1e-11)
    assert c[8:10] == pytest.approx(whole[0, 2:4] / step_h, abs=1e-10)
    assert c[10:12] == pytest.approx(whole[0, 4:] / step_h * per_kw, rel=1e-8, abs=1e-10)


def test_a_step_of_no_length_is_the_identity_and_two_halves_are_one():
    shell = shells(50)
    nil, half, full = (step_coefficients(*shell, h) for h in (0.0, 0.25, 0.5))
    assert np.array_equal(nil[:, :8], np.tile([1, 0, 0, 1, 0, 0, 0, 0], (50, 1)))
    (e, f), (whole_e, whole_f) = (
        (c[:, :4].reshape(-1, 2, 2), c[:, 4:8].reshape(-1, 2, 2)) for c in (half, full)
    )
    assert e @ e == pytest.approx(whole_e, abs=1e-13)
    assert f + e @ f == pytest.approx(whole_f, abs=1e-13)


def test_a_day_of_minutes_equals_the_matrix_exponential_to_1e_9():
    n, rng = 8, np.random.default_rng(4)
    shell, state, now = shells(n), begin(n), weather(n)
    p = now.rated_kw * rng.random(n)
    heat = np.stack([now.q_air_kw + p / now.rated_kw * now.unit_kw, now.q_mass_kw])
    start = np.stack([state.t_air_degc, state.t_mass_degc])
    fleet.house_step(state, step_coefficients(*shell, 1 / 60), now, p, CONTINUOUS, minutes=1440)
    for i in range(n):
        a = matrix(*(column[i] for column in shell))
        rest = -np.linalg.solve(a, heat[:, i] / np.array([shell[2][i], shell[3][i]]))
        end = rest + expm(a * 24) @ (start[:, i] - rest)
        assert [state.t_air_degc[i], state.t_mass_degc[i]] == pytest.approx(end, abs=1e-9)


@pytest.mark.parametrize("cooling", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_heat_in_equals_heat_stored_and_lost(rule, cooling):
    n, rng = 30, np.random.default_rng(1)
    shell, state, now = shells(n), begin(n), weather(n, cooling=cooling)
    ua, _, ca, cm = shell
    coef = step_coefficients(*shell, 1 / 60)
    for _ in range(50):
        before = copy(state)
        out = fleet.house_step(state, coef, now, now.rated_kw * rng.random(n), rule)
        stored = ca * (state.t_air_degc - before.t_air_degc) + cm * (
            state.t_mass_degc - before.t_mass_degc
        )
        given_heat = (
            now.q_air_kw + now.q_mass_kw - ua * out.t_air_degc
        ) / 12 + out.e_kwh / now.rated_kw * now.unit_kw
        assert stored == pytest.approx(given_heat, abs=1e-9)


@pytest.mark.parametrize("rule", RULES[:3])
def test_stepping_some_rows_is_some_rows_of_stepping(rule):
    n = 40
    rows = np.array([3, 39, 17, 4])
    shell, state, now = shells(n), begin(n), weather(n)
    coef, p = step_coefficients(*shell, 1 / 60), now.rated_kw * 0.4
    few = pick(state, rows)
    few = type(few)(*(column.copy() for column in few))
    for _ in range(20):
        whole = fleet.house_step(state, coef, now, p, rule)
        part = fleet.house_step(few, coef[rows], pick(now, rows), p[rows], rule)
    for a, b in zip((*state, *whole), (*few, *part), strict=True):
        assert np.array_equal(a[rows], b)


def test_no_minutes_change_nothing():
    state, now = begin(5), weather(5)
    before = copy(state)
    for rule in RULES:
        out = fleet.house_step(
            state, step_coefficients(*shells(5), 1 / 60), now, now.rated_kw, rule, minutes=0
        )
        assert not out.e_kwh.any() and not out.starts.any()
    for a, b in zip(state, before, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("cooling", [True, False])
def test_thermostat_stays_in_its_dead_band_and_keeps_the_minimum_cycle(cooling):
    n = 20
    shell, state, now = shells(n), begin(n), weather(n, cooling=cooling)
    coef, control = step_coefficients(*shell, 1 / 60), Control(0.5, 4, 2.0, 2.5)
    reach_k = (
        4 / 60 * np.abs(now.unit_kw) / (shell[2] + shell[1] / 60)
    )  # what four minutes can do beyond the band
    switched, last = np.full(n, -10), state.on.copy()
    for minute in range(900):
        fleet.house_step(state, coef, now, now.rated_kw, THERMOSTAT, control, minutes=1)
        change = state.on != last
        assert (minute - switched[change] >= 4).all()
        switched[change], last = minute, state.on.copy()
        if minute > 300:
            assert (np.abs(state.t_air_degc - now.set_degc) < 0.5 + reach_k).all()
    assert (switched > 300).mean() > 0.9


def test_account_delivers_the_energy_asked_within_its_slack():
    n = 20
    shell, state, now = shells(n), begin(n), weather(n)
    coef = step_coefficients(*shell, 1 / 60)
    state.t_air_degc[:] = now.set_degc
    state.t_mass_degc[:] = now.set_degc
    p = now.rated_kw * 0.5
    wide = Control(guard_k=1e3)
    total = sum(fleet.house_step(state, coef, now, p, ACCOUNT, wide).e_kwh for _ in range(48))
    assert np.abs(total - p * 4).max() <= ((2.0 + 2.0) / 60 * now.rated_kw).max()


def test_comfort_guards_overrule_a_target_of_nothing():
    n = 20
    for rule in (ACCOUNT, PRIORITY):
        shell, state, now = shells(n), begin(n), weather(n)
        coef = step_coefficients(*shell, 1 / 60)
        for _ in range(288):
            fleet.house_step(state, coef, now, np.zeros(n), rule)
        assert (state.t_air_degc - now.set_degc < 2.5 + 0.7).all()
        assert (state.t_air_degc - now.set_degc > 1.0).all()


@pytest.mark.parametrize(("hold", "most"), [(2, 0.02), (5, 0.03)])
def test_priority_fills_the_target_of_the_fleet(hold, most):
    n = 150
    rng = np.random.default_rng(2)
    shell, state, now = shells(n), begin(n), weather(n)
    coef, control = step_coefficients(*shell, 1 / 60), Control(hold_min=hold)
    need = (
        np.clip((now.q_air_kw + now.q_mass_kw - shell[0] * now.set_degc) / -now.unit_kw, 0, 1)
        * now.rated_kw
    )
    miss, asked, alone = 0.0, 0.0, 0.0
    for step in range(120):
        p = need * (1 + 0.2 * np.sin(step / 20)) * rng.uniform(0.9, 1.1, n)
        out = fleet.house_step(state, coef, now, p, PRIORITY, control)
        if step >= 24:
            miss += abs(out.e_kwh.sum() - p.sum() / 12)
            alone += np.abs(out.e_kwh - p / 12).sum()
            asked += p.sum() / 12
    assert miss / asked < most
    assert alone / asked > 5 * most  # a single home is far from its own promise


def test_priority_pays_back_what_the_fleet_owes_within_ten_minutes():
    """A tenth of the debt a minute: D' = .9 D - .1 P / 60. Asked for P = 100 kW and owing D = 10 kWh it gives P t + D - D(t).

    Of these 10 kWh are left .9^10 (10 + 100 / 60) - 100 / 60 = 2.40 after ten minutes;
    who never pays gives 16.7 and not 24.3 kWh.
    """
    n, target_kw, owed_kwh = 100, 100.0, 10.0
    shell, now = shells(n), weather(n)._replace(rated_kw=np.full(n, 3.0))
    state = fleet.houses(now.set_degc)._replace(owed_kwh=np.full(n, owed_kwh / n))
    coef, free = step_coefficients(*shell, 1 / 60), Control(hold_min=0, guard_k=50.0)
    out = fleet.house_step(state, coef, now, np.full(n, target_kw / n), PRIORITY, free, minutes=10)
    left_kwh = 0.9**10 * (owed_kwh + target_kw / 60) - target_kw / 60
    assert left_kwh == pytest.approx(2.40, abs=0.005)
    assert out.e_kwh.sum() == pytest.approx(target_kw / 6 + owed_kwh - left_kwh, abs=0.25)
    assert state.owed_kwh.sum() == pytest.approx(left_kwh, abs=0.25)


def heavy(n, share, rated_kw=3.0):
    """Houses that never leave their best temperature, at a constant order: what is left of priority is the account."""
    shell = tuple(np.full(n, value) for value in (0.0, 1.0, 1e9, 1e9))
    nil = np.zeros(n)
    now = Hours(nil, nil, np.full(n, -9.0), np.full(n, rated_kw), np.full(n, 24.0))
    coef = step_coefficients(*shell, 1 / 60)
    return fleet.houses(np.full(n, 24.0)), coef, now, np.full(n, share * rated_kw)


@pytest.mark.parametrize(
    ("share", "on_min", "off_min"), [(0.5, 10, 10), (0.25, 6, 18), (0.0, 0, 0)]
)
def test_a_unit_alone_keeps_to_its_account_within_a_band(share, on_min, off_min):
    """With a = p / rated and w minutes owed a standing unit starts once w - 3 + 4 (a + w / 10 - 1/2) > 0, a running one stops at
    w + 3 + 4 (a + w / 10 - 1/2) <= 0: at a = .5 above 15/7 and at most -15/7, at a = .25 above 20/7 and at most -10/7.

    At .5 the account moves by half a minute a minute and so turns at 2.5 and -2.5, ten minutes each way.
    At .25 it rises by .25 to 3 and falls by .75 to -1.5, where it stops: six minutes on, 18 off.
    """
    state, coef, now, p = heavy(1, share)
    control = Control(hold_min=3)
    fleet.house_step(state, coef, now, p, PRIORITY, control, minutes=600)
    ran = []
    for _ in range(420):
        out = fleet.house_step(state, coef, now, p, PRIORITY, control, minutes=1)
        ran.append(bool(out.e_kwh[0] > 0))
    turn = np.flatnonzero(np.diff(ran)) + 1
    spans = np.diff(turn)
    if on_min == 0:
        assert not any(ran)
        return
    on = [int(span) for span, at in zip(spans, turn[:-1], strict=True) if ran[at]]
    off = [int(span) for span, at in zip(spans, turn[:-1], strict=True) if not ran[at]]
    assert set(on) == {on_min} and set(off) == {off_min}


def test_neighbours_take_turns_and_fill_what_they_were_asked_for_together():
    """Four units asked for a quarter each: alone they would all run at once, behind one transformer one runs at a time."""
    spread = {}
    for name, group in (("alone", np.arange(4)), ("together", np.zeros(4, np.int64))):
        state, coef, now, p = heavy(4, 0.25)
        fleet.house_step(state, coef, now, p, PRIORITY, minutes=600, group=group)
        total = [
            fleet.house_step(state, coef, now, p, PRIORITY, minutes=1, group=group).e_kwh.sum()
            for _ in range(240)
        ]
        running = np.array(total) * 60 / 3.0
        assert running.mean() == pytest.approx(1.0, abs=0.05)
        spread[name] = running.std()
    assert spread["alone"] == pytest.approx(np.sqrt(3), abs=0.05)  # all four or none
    assert spread["together"] < 0.5


def test_a_group_steps_alike_whatever_stands_beside_it_and_in_whatever_rows():
    n, rng = 60, np.random.default_rng(5)
    group = rng.integers(0, 15, n)
    shell, state, now = shells(n), begin(n), weather(n)
    coef, control = step_coefficients(*shell, 1 / 60), Control(hold_min=3)
    own = np.flatnonzero(np.isin(group, [3, 8, 11]))
    apart = own[
        np.argsort(group[own] * 7 % 5, kind="stable")
    ]  # groups in another order, each in its own
    few = copy(pick(state, apart))
    for _ in range(40):
        p = now.rated_kw * rng.random(n)
        p[rng.random(n) < 0.1] = np.nan
        whole = fleet.house_step(state, coef, now, p, PRIORITY, control, group=group)
        part = fleet.house_step(
            few, coef[apart], pick(now, apart), p[apart], PRIORITY, control, group=group[apart]
        )
        for a, b in zip((*state, *whole), (*few, *part), strict=True):
            assert np.array_equal(a[apart], b)


def test_an_order_beyond_a_unit_is_no_debt_of_its_neighbours():
    n = 6
    usual, beyond = [], []
    for found, share in ((usual, 1.0), (beyond, 20.0)):
        shell, state, now = shells(n), begin(n), weather(n)
        coef, p = step_coefficients(*shell, 1 / 60), 0.3 * now.rated_kw
        p[0] = share * now.rated_kw[0]
        p[1] = (1.0 - share) * now.rated_kw[1]  # nil, or an order to feed in
        found += [fleet.house_step(state, coef, now, p, PRIORITY).e_kwh for _ in range(24)]
    assert np.array_equal(usual, beyond)


def test_a_unit_without_capacity_never_runs():
    now = weather(3)
    now.unit_kw[1] = now.rated_kw[1] = 0.0
    for rule in RULES:
        state = fleet.houses(np.full(3, 30.0))
        out = fleet.house_step(
            state, step_coefficients(*shells(3), 1 / 60), now, np.full(3, 2.0), rule, minutes=60
        )
        assert out.e_kwh[1] == 0
        assert np.isfinite(state.t_air_degc).all()


def test_time_inside_equals_step_by_step():
    n, hours = 7, 6
    shell, one = shells(n), weather(n)
    coef = step_coefficients(*shell, 1 / 60)
    ramp = 1 + 0.1 * np.arange(hours)
    table = Hours(one.q_air_kw[:, None] * ramp, *(np.repeat(c[:, None], hours, 1) for c in one[1:]))
    a, b = begin(n), begin(n)
    whole = fleet.house_run(a, coef, table, np.zeros((n, hours)), THERMOSTAT)
    for h in range(hours):
        now = Hours(*(np.ascontiguousarray(c[:, h]) for c in table))
        part = fleet.house_step(b, coef, now, np.zeros(n), THERMOSTAT, minutes=60)
        assert np.array_equal(part.e_kwh, whole.e_kwh[:, h])
        assert np.array_equal(part.starts, whole.starts[:, h])
    assert np.array_equal(a.t_air_degc, b.t_air_degc)
    with pytest.raises(ValueError, match="PRIORITY"):
        fleet.house_run(a, coef, table, np.zeros((n, hours)), PRIORITY)


# ----------------------------------------------------------------------------------------------------------------- tank


def tanks(n, seed=0):
    rng = np.random.default_rng(seed)
    return TankTable(
        rng.uniform(0.1, 0.4, n), rng.uniform(5e-4, 2e-3, n), np.full(n, 4.5), np.full(n, 52.0)
    )


@pytest.mark.parametrize("rule", [THERMOSTAT, CONTINUOUS])
def test_tank_balance_closes_every_step(rule):
    """T24: power = draw + losses + stored heat."""
    n, rng = 30, np.random.default_rng(3)
    table, state = tanks(n), Tanks(rng.uniform(45, 55, n), np.zeros(n, np.bool_))
    for _ in range(288):
        before, draw = state.t_tank_degc.copy(), rng.random(n) * 6 * (rng.random(n) < 0.2)
        out = fleet.tank_step(state, table, draw, rng.random(n) * 4.5, rule)
        stored = table.cap_kwh_k * (state.t_tank_degc - before)
        assert stored == pytest.approx(
            out.e_kwh - (draw + table.ua_kw_k * (out.t_mean_degc - 24.0)) / 12, abs=1e-9
        )


def test_tank_cools_as_its_closed_form():
    table, state = tanks(10), Tanks(np.full(10, 50.0), np.zeros(10, np.bool_))
    fleet.tank_step(state, table, np.zeros(10), np.zeros(10), CONTINUOUS, minutes=600)
    assert state.t_tank_degc == pytest.approx(
        24 + 26 * np.exp(-table.ua_kw_k * 10 / table.cap_kwh_k), abs=1e-10
    )


def test_tank_thermostat_holds_its_band_and_the_limit_switch_its_maximum():
    n = 10
    table, state = tanks(n), Tanks(np.full(n, 52.0), np.zeros(n, np.bool_))
    for _ in range(400):
        fleet.tank_step(state, table, np.full(n, 0.5), np.zeros(n), THERMOSTAT, minutes=5)
        assert (state.t_tank_degc > 49.4).all() and (state.t_tank_degc < 55.5).all()
    for _ in range(100):
        fleet.tank_step(state, table, np.full(n, 0.5), np.full(n, 4.5), CONTINUOUS)
    assert state.t_tank_degc == pytest.approx(np.full(n, 60.0), abs=1e-9)


def test_shortfall_counts_kelvin_hours_below_the_least_temperature():
    table = TankTable(np.array([0.2]), np.array([0.0]), np.array([4.5]), np.array([52.0]))
    state = Tanks(np.array([41.0]), np.zeros(1, np.bool_))
    out = fleet.tank_step(state, table, np.zeros(1), np.zeros(1), CONTINUOUS, minutes=30)
    assert out.short_k_h[0] == pytest.approx(2 * 0.5)
    assert out.short_k2_h[0] == pytest.approx(4 * 0.5)


# ------------------------------------------------------------------------------------------------------ batteries, cars


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 2.0))
def test_battery_balance_bounds_and_rows(seed, step_h):
    n, rng = 12, np.random.default_rng(seed)
    cap, kw, eff = rng.uniform(5, 15, n), rng.uniform(3, 7, n), rng.uniform(0.8, 1.0, n)
    e, target = cap * rng.random(n), rng.uniform(-10, 10, n)
    before, rows = e.copy(), np.array([5, 0, 11])
    some = e[rows]
    p = fleet.battery_step(e, cap, kw, eff, target, step_h)
    assert e - before == pytest.approx(np.where(p > 0, p * eff, p / eff) * step_h, abs=1e-9)
    assert (
        (e >= 0).all()
        and (e <= cap).all()
        and (np.abs(p) <= kw + 1e-12).all()
        and (p * target >= 0).all()
    )
    assert np.array_equal(
        fleet.battery_step(some, cap[rows], kw[rows], eff[rows], target[rows], step_h), p[rows]
    )
    assert np.array_equal(some, e[rows])
    if step_h == 0:
        assert np.array_equal(e, before)


def test_a_car_charges_what_it_needs_in_the_time_it_is_there():
    e, need = np.array([0.0, 5.9, 0.0, 1.0]), np.array([20.0, 6.0, 20.0, 20.0])
    p = fleet.car_step(
        e, need, np.full(4, 7.2), np.array([1.0, 1.0, 0.5, 0.0]), 0.9, np.full(4, 99.0), 1 / 12
    )
    assert p == pytest.approx([7.2, 0.1 / 0.9 * 12, 3.6, 0.0])
    assert e == pytest.approx([0.54, 6.0, 0.27, 1.0])
    before = e.copy()
    assert not fleet.car_step(e, need, np.full(4, 7.2), np.ones(4), 0.9, np.full(4, 7.2), 0.0).any()
    assert np.array_equal(e, before)
