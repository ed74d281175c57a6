"""Heating and cooling of a run, by hand: houses at rest, minutes of a thermostat, orders, changes of mode, what is felt."""

import numpy as np
import pytest

from gridagora.core.device import Beside, Blocks, DeviceRecord, Moment, Window
from gridagora.devices import hvac
from gridagora.devices.hvac import HvacGroup
from gridagora.kernels.physics.fleet import houses
from gridagora.kernels.physics.tcl import ACCOUNT, CONTINUOUS, PRIORITY, THERMOSTAT

DT_H = 1 / 12
NOW = Moment(0, 0.0, DT_H, DT_H)
BESIDE = Beside(np.zeros(2), np.zeros(2), None, True)
COOL_KW, HEAT_KW = 6.0 / 3, 4.5 / 3  # electric power of a unit that cools, and of one that heats


def put(group, air, mass=None):
    """Put both temperatures of every house."""
    group.houses.t_air_degc[:] = air
    group.houses.t_mass_degc[:] = air if mass is None else mass


@pytest.fixture
def cooling(plain, setting_of):
    return HvacGroup.of(setting_of(plain(2)))


@pytest.fixture
def heating(plain, setting_of):
    return HvacGroup.of(setting_of(plain(2, heating=np.full((2, 50), True))))


def test_units_have_the_capacity_of_their_mode_and_houses_begin_at_the_set_point(cooling, heating):
    assert (cooling.table.rated_kw == COOL_KW).all() and (cooling.table.unit_kw == -6.0).all()
    assert (heating.table.rated_kw == HEAT_KW).all() and (heating.table.unit_kw == 4.5).all()
    assert (cooling.houses.t_air_degc == 24.0).all() and (heating.houses.t_air_degc == 24.0).all()
    assert (cooling.houses.t_mass_degc == 24.5).all() and (heating.houses.t_mass_degc == 23.5).all()
    assert not cooling.houses.on.any() and not cooling.starts.any()


def test_bliss_is_where_the_reference_price_is_just_worth_it(cooling, heating):
    """A kelvin less of cooling saves ua / cop = .0667 kWh an hour, .0048 $ at .072: k (T - bliss) of .05 $/(K2 h) is .096 K."""
    assert cooling.table.best_degc == pytest.approx(np.full((2, 50), 24 - 0.096))
    assert heating.table.best_degc == pytest.approx(np.full((2, 50), 24 + 0.096))


def test_a_house_at_rest_stays_as_it_is(cooling):
    put(cooling, 24.0)
    got = cooling.step(None, NOW, BESIDE)
    assert got.p_kw.tolist() == [0.0, 0.0]
    assert cooling.houses.t_air_degc == pytest.approx([24.0, 24.0], abs=1e-12)
    assert got.series["t_air_degc"] == pytest.approx([24.0, 24.0], abs=1e-12)
    assert got.stored_kwh == pytest.approx([0.0, 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("season", "air", "on"),
    [
        ("cooling", 24.51, True),
        ("cooling", 24.49, False),
        ("cooling", 23.0, False),
        ("heating", 23.49, True),
        ("heating", 23.51, False),
        ("heating", 25.0, False),
    ],
)
def test_a_thermostat_switches_at_half_a_kelvin_from_its_set_point(season, air, on, request):
    group = request.getfixturevalue(season)
    put(group, air)
    group.step(None, Moment(0, 0.0, 1 / 60, 1 / 60), BESIDE)
    assert group.houses.on.tolist() == [on, on]
    assert group.starts.tolist() == [float(on)] * 2


def test_a_unit_that_runs_goes_on_to_the_other_side_of_its_band(cooling):
    put(cooling, 23.6)
    cooling.houses.on[:] = [True, False]
    got = cooling.step(None, Moment(0, 0.0, 1 / 60, 1 / 60), BESIDE)
    assert got.p_kw.tolist() == [COOL_KW, 0.0]
    put(cooling, 23.4)
    assert cooling.step(None, Moment(0, 0.0, 1 / 60, 1 / 60), BESIDE).p_kw.tolist() == [0.0, 0.0]


def test_a_unit_rests_its_minutes_between_two_switches(plain, setting_of):
    """Too warm, but switched two minutes ago with three to rest: off for one minute more, then on for four of five."""
    group = HvacGroup.of(setting_of(plain(2), rest_min=3))
    put(group, 26.0)
    group.houses.since_min[:] = [2, 3]
    assert group.step(None, NOW, BESIDE).p_kw == pytest.approx([COOL_KW * 4 / 5, COOL_KW])
    patient = HvacGroup.of(setting_of(plain(2), rest_min=10))
    put(patient, 26.0)
    patient.houses.since_min[:] = 2
    assert patient.step(None, NOW, BESIDE).p_kw.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("order", "p_kw"), [(0.7, 0.7), (9.0, COOL_KW), (-1.0, 0.0), (0.0, 0.0)])
def test_a_unit_of_any_power_follows_its_order_within_its_rating(cooling, order, p_kw):
    got = cooling.step(np.array([order, 0.0]), NOW, BESIDE)
    assert got.p_kw == pytest.approx([p_kw, 0.0])
    # out goes the power times the coefficient of performance, and cooler air loses less
    less_loss_kwh = 0.2 * (got.series["t_air_degc"][1] - got.series["t_air_degc"][0]) / 12
    assert got.stored_kwh[0] - got.stored_kwh[1] == pytest.approx(
        -3 * p_kw / 12 + less_loss_kwh, abs=1e-12
    )


@pytest.mark.parametrize("season", ["cooling", "heating"])
def test_what_is_stored_is_what_came_in_and_went_out(season, request):
    group = request.getfixturevalue(season)
    put(group, 25.3, 22.1)
    before = group.stored_kwh()
    got = group.step(np.array([1.0, 0.3]), NOW, BESIDE)
    assert group.stored_kwh() - before == pytest.approx(got.stored_kwh, abs=1e-12)
    assert before == pytest.approx([0.5 * 25.3 + 4 * 22.1] * 2)


def test_a_home_without_a_unit_for_the_mode_draws_nothing_starts_nothing_and_feels_nothing(
    plain, setting_of
):
    homes = plain(2, heating=np.full((2, 50), True), heat_kw=np.array([4.5, 0.0]))
    group = HvacGroup.of(setting_of(homes))
    put(group, 15.0)
    got = group.step(None, NOW, BESIDE)
    assert got.p_kw == pytest.approx([HEAT_KW, 0.0])
    assert group.starts.tolist() == [1.0, 0.0]
    felt = group.feel(DeviceRecord(np.zeros((2, 12)), {"t_air_degc": np.full((2, 12), 15.0)}, DT_H))
    assert felt.device_usd["comfort"][0] > 0 and felt.device_usd["comfort"][1] == 0
    assert felt.felt["discomfort_k_h"] == pytest.approx([8.0, 0.0])
    assert not felt.series["comfort_dev_k"][1].any()
    rows = group.believe(Window(0, 3, 0.1)).stores
    assert rows.k_c[:, 0].tolist() == [0.05, 0.0]
    assert rows.end_mu[0, 0] > 0 and rows.end_mu[1, 0] == 0


@pytest.mark.parametrize(
    ("dispatch", "orders", "rule"),
    [
        ("thermostat", [0.5, 0.5], THERMOSTAT),
        ("account", [0.5, 0.5], ACCOUNT),
        ("continuous", [0.5, 0.5], CONTINUOUS),
        ("priority", [0.5, 0.5], PRIORITY),
        ("priority", [0.5, np.nan], PRIORITY),  # who has no order leaves its neighbour on priority
    ],
)
def test_units_follow_orders_by_the_rule_of_the_run(plain, setting_of, dispatch, orders, rule):
    group, other = (HvacGroup.of(setting_of(plain(2), dispatch=dispatch)) for _ in range(2))
    assert group.rule == hvac.DISPATCH[dispatch]
    for each in (group, other):
        put(each, np.array([24.3, 24.7]))
    asked = np.array(orders)
    for i in range(6):
        got = group.step(asked, NOW, BESIDE)
        goal = hvac.hours_now(other.table, 0, ~np.isnan(asked))
        want = hvac.step(other.table, other.houses, goal, asked, rule, other.control, 5)
        assert np.array_equal(got.p_kw, want.e_kwh / DT_H), i


def test_units_with_orders_aim_at_bliss_and_those_without_at_the_set_point(cooling):
    goal = hvac.hours_now(cooling.table, 0, np.array([True, False])).set_degc
    assert goal == pytest.approx([24 - 0.096, 24.0])
    assert hvac.hours_now(cooling.table, 0).set_degc.tolist() == [24.0, 24.0]


def test_what_a_home_reads_off_its_unit(cooling):
    put(cooling, np.array([22.0, 23.0]), 20.0)
    read = cooling.observe(NOW)
    assert read["t_air_degc"].tolist() == [22.0, 23.0] and read["t_set_degc"].tolist() == [
        24.0,
        24.0,
    ]
    assert not cooling.rated_kva().any()


# ------------------------------------------------------------------------------- what is felt


def felt_of(group, air):
    air = np.asarray(air, float)
    return group.feel(DeviceRecord(np.zeros((2, air.shape[1])), {"t_air_degc": air}, DT_H))


def test_comfort_is_the_square_of_the_mean_of_each_quarter_of_an_hour(cooling):
    """Home 0 is a kelvin above its bliss all hour; home 1 swings by two kelvin within each quarter, about one above."""
    best = 24 - 0.096
    swings = best + 1.0 + np.tile([-2.0, 0.0, 2.0], 4)
    felt = felt_of(cooling, [np.full(12, best + 1.0), swings])
    assert felt.device_usd["comfort"] == pytest.approx([0.05 / 2, 0.05 / 2])
    assert felt.series["comfort_dev_k"][1] == pytest.approx(swings - best)


def test_discomfort_counts_beyond_a_kelvin_from_the_set_point_either_way(cooling):
    air = np.stack([np.repeat([24.9, 25.5], 6), np.repeat([23.1, 22.0], 6)])
    assert felt_of(cooling, air).felt["discomfort_k_h"] == pytest.approx([0.5 * 0.5, 1.0 * 0.5])


def test_heat_that_is_left_is_worth_electricity_while_heating_and_costs_it_while_cooling(
    cooling, heating
):
    for group, sign in ((cooling, -1), (heating, 1)):
        put(group, 23.0, 25.0)
        assert felt_of(group, np.full((2, 12), 24.0)).left_kwh == pytest.approx(
            [sign * (0.5 * 23 + 4 * 25) / 3] * 2
        )


def test_starts_of_a_run_are_told(cooling):
    cooling.starts[:] = [4.0, 7.0]
    assert felt_of(cooling, np.full((2, 12), 24.0)).felt["hvac_starts"].tolist() == [4.0, 7.0]


def test_comfort_and_set_point_are_those_of_the_hour(plain, setting_of):
    """Set points of 24 and then 20: the second hour at 24 is 4 K away, 3 of which count as discomfort."""
    set_degc = np.full((2, 50), 24.0)
    set_degc[:, 1] = 20.0
    group = HvacGroup.of(setting_of(plain(2, t_set_degc=set_degc)))
    felt = felt_of(group, np.full((2, 24), 24.0))
    assert felt.felt["discomfort_k_h"] == pytest.approx([3.0, 3.0])
    assert felt.device_usd["comfort"] == pytest.approx([0.025 * (0.096**2 + 4.096**2)] * 2)


# ------------------------------------------------------------------------------- belief


@pytest.mark.parametrize("season", ["cooling", "heating"])
@pytest.mark.parametrize("step", ["hourly", "short"])
@pytest.mark.parametrize("p_kw", [0.0, 0.3])
def test_a_house_at_constant_power_comes_to_believe_its_true_temperature(
    plain, setting_of, season, step, p_kw
):
    """Air at rest is (q_air + q_mass -+ cop p) / ua: so is the belief at its fixed point, over steps of any length."""
    warm = season == "heating"
    homes = plain(
        2,
        heating=np.full((2, 50), warm),
        q_air_kw=np.full((2, 50), 5.1),
        q_mass_kw=np.full((2, 50), 0.4),
    )
    table = HvacGroup.of(setting_of(homes)).table
    belief, sense = getattr(table, step), 1.0 if warm else -1.0
    x = (belief.gain_k_kw[:, 0] * p_kw + belief.drift_k[:, 0]) / (1 - belief.leak)
    departure = belief.c_x * x + belief.c_p[:, 0] * p_kw + belief.c_0[:, 0]
    rest_degc = (5.1 + 0.4 + sense * 3 * p_kw) / 0.2
    assert departure == pytest.approx(sense * (rest_degc - table.best_degc[:, 0]), abs=1e-9)


def test_state_is_the_slow_part_of_the_air_in_the_sense_of_the_mode(plain, setting_of):
    both = np.full((2, 50), False)
    both[:, 1] = True
    table = HvacGroup.of(setting_of(plain(2, heating=both))).table
    state = houses(np.array([25.0, 24.0]), np.array([24.0, 26.0]))
    slow = np.array([table.slow_air[0] * 1.0, table.slow_mass[1] * 2.0])
    assert hvac.stored_k(table, state, 0) == pytest.approx(-slow)  # warmth is missing coolth
    assert hvac.stored_k(table, state, 1) == pytest.approx(slow)
    rows = hvac.spec(table, state, 0, 3)
    assert (
        np.sign(rows.leak).tolist() == [[1, -1, -1]] * 2
    )  # the sense turns into the second hour and back out of it
    assert np.array_equal(np.sign(rows.c_x), np.sign(rows.leak))
    assert rows.p_max_kw.tolist() == [[COOL_KW, HEAT_KW, COOL_KW]] * 2
    assert (rows.x_min == -40).all() and (rows.x_max == 40).all()


def test_what_is_left_of_a_window_is_worth_half_its_price_by_what_a_kilowatt_hour_adds(cooling):
    rows = cooling.believe(Window(0, 4, 0.2)).stores
    assert rows.end_mu[:, 0] == pytest.approx(0.5 * 0.2 / cooling.table.hourly.gain_k_kw[:, 3])
    assert not cooling.believe(Window(0, 4, -0.2)).stores.end_mu.any()
    assert not cooling.tender(NOW, np.arange(2)).end_mu.any()
    assert (
        cooling.planned_kw(Window(0, 4), np.ones(4)).shape == (2, 4)
        and not cooling.planned_kw(Window(0, 4), np.ones(4)).any()
    )


def test_without_a_unit_in_its_last_hour_a_window_leaves_nothing_of_worth(plain, setting_of):
    """Heating in the last hour alone: the first home has a heater, the second has none."""
    warm = np.full((2, 50), False)
    warm[:, 3] = True
    homes = plain(2, heating=warm, heat_kw=np.array([4.5, 0.0]))
    group = HvacGroup.of(setting_of(homes))
    assert (group.believe(Window(0, 4, 0.2)).stores.end_mu[:, 0] > 0).tolist() == [True, False]
    assert (group.believe(Window(0, 3, 0.2)).stores.end_mu[:, 0] > 0).tolist() == [True, True]
    assert group.believe(Window(0, 4, 0.2)).stores.k_c[1].tolist() == [0.05, 0.05, 0.05, 0.0]


def test_the_slow_part_of_the_air_decays_by_one_rate_whatever_the_fast_one_does(cooling):
    """Air and mass apart, at rest with 24 degC outside: after an hour the slow part is what one factor leaves of it."""
    put(cooling, np.array([30.0, 24.0]), np.array([24.0, 30.0]))
    before = hvac.stored_k(cooling.table, cooling.houses, 0)
    for _ in range(12):
        cooling.step(np.zeros(2), NOW, BESIDE)
    after = hvac.stored_k(cooling.table, cooling.houses, 0)
    assert after == pytest.approx(cooling.table.hourly.leak * before, abs=1e-9)
    assert cooling.table.short.leak**12 == pytest.approx(cooling.table.hourly.leak, abs=1e-12)
    now = cooling.tender(NOW, np.arange(2))
    assert now.leak[:, 0] == pytest.approx(cooling.table.short.leak)
    assert now.c_x[:, 0] == pytest.approx(cooling.table.short.c_x)
    assert now.inflow[:, 0] == pytest.approx(cooling.table.short.drift_k[:, 0])
    assert (now.x_min == -40).all() and (now.x_max == 40).all() and now.dt_h.tolist() == [DT_H]


def test_a_bid_holds_half_of_the_fast_mode_for_settled(cooling):
    put(cooling, np.array([24.0, 25.0]), 24.0)
    now = cooling.tender(NOW, np.arange(2))
    table, x = cooling.table, hvac.stored_k(cooling.table, cooling.houses, 0)
    fast = np.array([0.0, -1.0]) - x  # coolth of the air beyond the slow part
    assert now.c_0[:, 0] - table.short.c_0[:, 0] == pytest.approx(0.5 * fast)
    assert now.x0 == pytest.approx(x)
    assert now.gain_in[:, 0] == pytest.approx(table.short.gain_k_kw[:, 0] / DT_H)
    settled = table.short.c_p[:, 0] - table.short.gain_k_kw[:, 0] / 2
    assert now.c_p[:, 0] == pytest.approx(0.5 * settled)
    assert now.k_c[:, 0] == pytest.approx([0.1, 0.1])


# ------------------------------------------------------------------------------- bound


def test_the_bound_sees_both_temperatures_and_what_acts_on_them(plain, setting_of):
    homes = plain(
        2,
        q_mass_kw=np.full((2, 50), 0.8),
        heat_kw=np.array([4.5, 0.0]),
        heating=np.arange(100).reshape(2, 50) % 2 == 1,
    )
    group = HvacGroup.of(setting_of(homes))
    put(group, np.array([23.0, 22.0]), np.array([25.0, 26.0]))
    area = hvac.controlled(group.table, group.houses, Blocks(4, np.repeat([0, 1], 4), 15, 0.1))
    assert area.start.tolist() == [[23.0, 25.0], [22.0, 26.0]]
    assert area.source[0, 0] == pytest.approx([4.8 / 0.5, 0.8 / 4])
    assert area.gain[0, [0, 4]] == pytest.approx([-12.0, 9.0]) and area.gain[
        1, [0, 4]
    ] == pytest.approx([-12.0, 0.0])
    assert area.power[0, [0, 4]] == pytest.approx([COOL_KW, HEAT_KW]) and area.power[1, 4] == 0
    assert area.weight[:, [0, 4]] == pytest.approx(np.array([[0.0125, 0.0125], [0.0125, 0.0]]))
    assert area.end[0] == pytest.approx(
        [-0.1 / 3 * 0.5, -0.1 / 3 * 4]
    )  # it ends heating: warmth that is left is worth
    assert area.best[0, 0] == pytest.approx(24 - 0.096)


def test_coolth_that_is_left_is_worth_electricity_where_the_bound_ends_cooling(cooling):
    area = hvac.controlled(cooling.table, cooling.houses, Blocks(1, np.arange(2), 60, 0.1))
    assert area.end[0] == pytest.approx([0.1 / 3 * 0.5, 0.1 / 3 * 4])


def test_the_bound_takes_from_nothing_to_the_rating_and_orders_hold_each_block(cooling):
    part = cooling.bound(Blocks(1, np.arange(2), 60, 0.1))
    assert part.least_kw.tolist() == [
        0.0,
        0.0,
    ] and part.most_kw.tolist() == part.reach_kw.tolist() == [4.0, 4.0]
    assert part.alike.tolist() == [5.0, 5.0]  # hours of the mass
    answer = part.answer(np.array([0.0, 5.0]), 1)
    assert answer.p_kw[0, 0] > 0.05 > answer.p_kw[0, 1]  # free, then far too dear
    assert answer.own_usd + answer.p_kw @ np.array([0.0, 5.0]) == pytest.approx(
        answer.bound_usd, abs=1e-5
    )
    assert cooling.orders_kw(np.array([[1.0, 2.0], [3.0, 4.0]]), 4, DT_H).tolist() == [
        [1, 1, 2, 2],
        [3, 3, 4, 4],
    ]
