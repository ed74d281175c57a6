"""Charging sessions of a run, by hand: who is plugged in when, what is charged and believed, what is missing."""

import numpy as np
import pytest

from gridagora.core.device import Beside, Blocks, DeviceRecord, Moment, Window
from gridagora.devices import ev
from gridagora.devices.ev import EvGroup, charge

DT_H = 1 / 12


def sessions(plain, setting_of, arrive, depart, need, kw=7.2):
    m = len(arrive)
    homes = plain(
        3,
        ev_home=np.arange(m),
        ev_arrive_s=np.array(arrive),
        ev_depart_s=np.array(depart),
        ev_need_kwh=np.array(need, float),
        ev_kw=np.full(m, kw),
    )
    return EvGroup.of(setting_of(homes))


def at(now_s: float, dt_h: float = DT_H) -> Moment:
    return Moment(int(now_s // 3600), now_s, dt_h, 1.0)


BESIDE = Beside(np.zeros(3), np.zeros(3), None, True)


@pytest.fixture
def group(plain, setting_of):
    """Three cars: from 0:30 to 8:00, from 2:00 to 2:30, from 0:00 to 1:00; 9, 3 and 20 kWh."""
    return sessions(plain, setting_of, [1800, 7200, 0], [28800, 9000, 3600], [9.0, 3.0, 20.0])


def test_without_orders_a_car_charges_at_full_power_while_it_is_plugged_in(group):
    assert group.step(None, at(0), BESIDE).p_kw.tolist() == [0.0, 0.0, 7.2]
    assert group.step(None, at(1800), BESIDE).p_kw.tolist() == [7.2, 0.0, 7.2]
    assert group.step(None, at(3600), BESIDE).p_kw.tolist() == [7.2, 0.0, 0.0]
    assert group.step(None, at(7200), BESIDE).p_kw.tolist() == [7.2, 7.2, 0.0]


def test_what_is_stored_is_less_by_the_loss_and_ends_at_the_need(group):
    got = group.step(None, at(0), BESIDE)
    assert got.stored_kwh == pytest.approx([0.0, 0.0, 7.2 * 0.9 / 12])
    group.e_kwh[0] = 9.0 - 0.045
    got = group.step(None, at(3600), BESIDE)
    assert got.p_kw[0] == pytest.approx(0.05 * 12)
    assert group.e_kwh[0] == pytest.approx(9.0)
    assert group.step(None, at(3900), BESIDE).p_kw[0] == 0.0


def test_a_car_that_comes_or_goes_within_the_interval_charges_for_its_part(plain, setting_of):
    group = sessions(plain, setting_of, [60, 0], [3600, 240], [9.0, 9.0])
    assert group.step(np.full(2, 99.0), at(0), BESIDE).p_kw == pytest.approx([7.2 * 0.8, 7.2 * 0.8])
    assert group.step(np.full(2, 1.0), at(0), BESIDE).p_kw == pytest.approx(
        [1.0, 1.0]
    )  # a mean of the interval


@pytest.mark.parametrize(
    ("order", "p_kw"), [(3.0, 3.0), (0.0, 0.0), (-5.0, 0.0), (50.0, 7.2), (np.nan, 7.2)]
)
def test_an_order_is_cut_to_the_charger_and_no_car_sells(group, order, p_kw):
    assert group.step(np.array([order, 0.0, 0.0]), at(1800), BESIDE).p_kw[0] == p_kw


def test_those_take_part_who_come_within_the_first_hour_and_are_not_full(group):
    assert group.believe(Window(0, 24)).rows.tolist() == [0, 2]
    assert group.believe(Window(1, 24)).rows.tolist() == [0]  # the third has left at one
    assert group.believe(Window(2, 24)).rows.tolist() == [0, 1]
    group.e_kwh[0] = 9.0
    assert group.believe(Window(2, 24)).rows.tolist() == [1]
    assert group.planned_kw(Window(2, 24), np.ones(24)).shape == (1, 24)


def test_a_car_believes_its_stay_its_need_and_what_missing_energy_costs(group):
    rows = group.believe(Window(0, 3)).stores
    # the first comes at half past, but a bid within the hour has to know that it is there
    assert rows.p_max_kw == pytest.approx(7.2 * np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]))
    assert rows.x_max[:, 0].tolist() == [9.0, 20.0] and rows.gain_in[0, 0] == 0.9
    assert rows.end_x.tolist() == [[0, 9], [0, 20]] and (rows.end_mu == 1.0).all()
    plan = ev.spec(group.table, group.e_kwh, 0.0, 3, plugged_now=False)
    assert plan.p_max_kw == pytest.approx(7.2 * np.array([[0.5, 1, 1], [0, 0, 0.5], [1, 0, 0]]))


def test_a_car_that_leaves_within_the_first_hour_is_believed_for_its_part(group):
    """At half past seven the first car has half an hour left."""
    rows = ev.spec(group.table, group.e_kwh, 27000.0, 2)
    assert rows.p_max_kw == pytest.approx(7.2 * np.array([[0.5, 0.0], [0.0, 0.0], [0.0, 0.0]]))


def test_what_is_stored_beyond_the_need_is_not_believed(group):
    assert ev.spec(group.table, np.array([50.0, 0.0, 0.0]), 0.0, 3).x0.tolist() == [9.0, 0.0, 0.0]
    assert ev.spec_now(
        group.table, np.array([50.0, 0.0, 1.0]), 1800.0, np.array([0, 2])
    ).x0.tolist() == [9.0, 1.0]


def test_a_bid_knows_the_part_of_the_interval_that_a_car_is_plugged_in(plain, setting_of):
    group = sessions(plain, setting_of, [60, 0, 900], [3600, 240, 7200], [9.0, 9.0, 9.0])
    now = group.tender(at(0), np.array([0, 1, 2]))
    assert now.p_max_kw[:, 0] == pytest.approx([7.2 * 0.8, 7.2 * 0.8, 0.0])
    assert now.dt_h.tolist() == [DT_H] and not now.end_mu.any()


@pytest.mark.parametrize(
    ("e_kwh", "from_s", "step_s", "rows"),
    [
        (0.0, 0, 1800, [2]),  # who comes at the end of the step is not there
        (0.0, 0, 1801, [0, 2]),
        (0.0, 3600, 300, [0]),  # who leaves at its start neither
        (0.0, 3599, 300, [0, 2]),
        (20.0, 0, 3600, []),  # full
        (9.0 - 1e-10, 1800, 300, [2]),  # full but for rounding
    ],
)
def test_who_is_active_in_a_step(group, e_kwh, from_s, step_s, rows):
    assert (
        ev.active(group.table, np.minimum(e_kwh, group.table.need_kwh), from_s, step_s).tolist()
        == rows
    )


def test_a_home_reads_need_and_stay_of_a_car_that_is_there_and_nothing_of_one_to_come(group):
    group.e_kwh[0] = 4.0
    read = group.observe(at(1800))
    assert read["need_kwh"] == pytest.approx([5.0, 0.0, 20.0])
    assert read["stay_h"] == pytest.approx([7.5, 0.0, 0.5])


def test_missing_charge_is_felt_by_home_at_its_worth(group):
    group.e_kwh[:] = [9.0, 1.0, 25.0]  # what is too much makes up for nothing
    felt = group.feel(DeviceRecord(np.zeros((3, 4)), {}, DT_H))
    assert felt.felt["ev_unmet_kwh"].tolist() == [0.0, 2.0, 0.0]
    assert felt.device_usd["ev unmet"].tolist() == [0.0, 2.0, 0.0]
    assert not felt.left_kwh.any()
    assert not group.rated_kva().any()


def test_the_cheapest_blocks_come_first_and_none_dearer_than_what_charge_is_worth():
    """10 kWh for blocks of 4, 6 and 3 kWh at .3, .1 and .9 with a worth of .8; what is missing costs that."""
    most, price = np.array([[4.0, 6.0, 3.0]]), np.array([0.3, 0.1, 0.9])
    full = charge(most, np.array([10.0]), np.array([0.8]), price, 1.0)
    assert full.p_kw.tolist() == [[4.0, 6.0, 0.0]]
    assert full.own_usd == pytest.approx([0.0]) and full.bound_usd == pytest.approx([1.2 + 0.6])
    short = charge(most, np.array([12.0]), np.array([0.8]), price, 1.0)
    assert short.p_kw.tolist() == [[4.0, 6.0, 0.0]]
    assert short.own_usd == pytest.approx([2 * 0.8]) and short.bound_usd == pytest.approx(
        [1.8 + 1.6]
    )
    dear = charge(
        most, np.array([12.0]), np.array([0.9]), price, 1.0
    )  # at just its worth it is taken
    assert dear.p_kw.tolist() == [[4.0, 6.0, 2.0]]
    half = charge(
        most, np.array([2.5]), np.array([0.8]), price, 0.5
    )  # blocks of half an hour hold half
    assert half.p_kw.tolist() == [[0.0, 5.0, 0.0]]


def test_the_bound_knows_sessions_that_begin_before_the_end(group):
    """Two hours in half-hours: the car at 2:00 comes after it. .9 of a kWh at the meter is stored, and worth 1."""
    part = group.bound(Blocks(2, np.repeat(np.arange(2), 2), 30, 0.1))
    assert part.most_kw.tolist() == [7.2, 14.4, 7.2, 7.2]
    assert not part.least_kw.any()
    answer = part.answer(np.array([0.5, 0.2, 0.3, 0.95]), 1)
    assert answer.p_kw[0] == pytest.approx(
        [0.0, 7.2, 7.2, 0.0]
    )  # .95 is more than the .9 that it is worth
    assert answer.p_kw[1] == pytest.approx([7.2, 7.2, 0.0, 0.0])
    assert answer.own_usd == pytest.approx([(10.0 - 7.2) * 0.9, (20 / 0.9 - 7.2) * 0.9])
    assert part.alike.tolist() == [1.0, 0.0]  # the block of arrival


def test_the_bound_reaches_the_whole_charger_in_a_block_of_which_a_car_is_there_for_a_part(
    plain, setting_of
):
    group = sessions(plain, setting_of, [900], [7200], [9.0])
    part = group.bound(Blocks(1, np.arange(2), 60, 0.1))
    assert part.most_kw.tolist() == pytest.approx([7.2 * 0.75, 7.2])
    assert part.reach_kw.tolist() == [7.2, 7.2]


def test_orders_of_a_bound_give_a_block_its_mean_while_a_car_is_there(plain, setting_of):
    """Plugged in for the last quarter of the first block: 1.8 kW in the mean are 7.2 kW then. A car that never comes: none."""
    group = sessions(plain, setting_of, [2700, 90000], [9000, 99000], [9.0, 9.0])
    orders = group.orders_kw(np.array([[1.8, 3.6]]), 24, DT_H)
    assert orders[0, :9].tolist() == [0.0] * 9
    assert orders[0, 9:12] == pytest.approx([7.2] * 3)
    assert orders[0, 12:] == pytest.approx([3.6] * 12)
    assert not orders[1].any()


def test_homes_without_cars_have_an_empty_group(plain, setting_of):
    group = EvGroup.of(setting_of(plain(3)))
    assert group.home.shape == (0,)
    assert group.step(None, at(0), BESIDE).p_kw.shape == (0,)
    assert group.believe(Window(0, 3)).rows.shape == (0,)
    assert group.orders_kw(np.zeros((0, 2)), 24, DT_H).shape == (0, 24)
