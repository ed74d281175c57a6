"""Batteries of a run, by hand: what they follow, how orders and meters bind them, what is stored, worn and left."""

import numpy as np
import pytest

from gridagora.core.device import Beside, Blocks, DeviceRecord, Moment, People, Window
from gridagora.core.errors import InputError
from gridagora.core.tables import Weather
from gridagora.devices.battery import Batteries, BatteryGroup, BatteryKeys, draw
from gridagora.population.charging import owners

DT_H = 1 / 12
NOW = Moment(0, 0.0, DT_H, DT_H)
PACK = {"battery_kwh": np.array([10.0, 0.0, 6.0]), "battery_kw": np.array([4.0, 0.0, 3.0])}


@pytest.fixture
def group(plain, setting_of):
    """Two batteries of 10 and 6 kWh in homes 0 and 2 of three; home 2 has panels."""
    sun = np.zeros((3, 50))
    sun[2, 12] = 2.0
    return BatteryGroup.of(setting_of(plain(3, **PACK, pv_kw=sun)))


def beside(meter_kw, way=None, outside=None) -> Beside:
    n = len(meter_kw)
    given = None if way is None else np.array(way)
    return Beside(
        np.array(meter_kw, float),
        np.zeros(n),
        given,
        True,
        None if outside is None else np.array(outside),
    )


def test_batteries_begin_half_full_in_the_homes_that_have_them(group):
    assert group.home.tolist() == [0, 2]
    assert group.e_kwh.tolist() == [5.0, 3.0]
    assert group.has_own_energy.tolist() == [False, True]
    assert group.rated_kva().tolist() == [4.0, 3.0]
    assert group.observe(NOW)["stored_share"].tolist() == [0.5, 0.5]
    assert group.stored_kwh() is not group.e_kwh


def test_of_its_own_a_battery_follows_panels_and_stands_still_where_there_are_none(group):
    """Home 2 gives 1.5 kW to the grid: its battery takes them. Home 0 has no panels."""
    got = group.step(None, NOW, beside([2.0, 0.0, -1.5]))
    assert got.p_kw.tolist() == [0.0, 1.5]
    got = group.step(None, NOW, beside([2.0, 0.0, 0.8]))
    assert got.p_kw.tolist() == [0.0, -0.8]


def test_what_goes_in_is_less_by_the_loss_and_what_comes_out_too(group):
    """One way .9: 3 kW for five minutes store .225 kWh; 3 kW out take .2778 kWh."""
    got = group.step(np.array([3.0, -3.0]), NOW, beside([0.0] * 3))
    assert got.p_kw.tolist() == [3.0, -3.0]
    assert got.stored_kwh == pytest.approx([3 * 0.9 / 12, -3 / 0.9 / 12])
    assert group.e_kwh == pytest.approx([5 + 0.225, 3 - 3 / 0.9 / 12])
    assert np.array_equal(got.series["each_battery_kw"], got.p_kw)


@pytest.mark.parametrize(
    ("e_kwh", "order", "p_kw", "left"),
    [
        (10.0, 4.0, 0.0, 10.0),  # full
        (9.91, 4.0, 0.1 * 12, 10.0),  # room of .09 kWh takes .1 kWh
        (0.0, -4.0, 0.0, 0.0),  # empty
        (0.1, -4.0, -0.09 * 12, 0.0),  # .1 kWh gives .09 kWh
        (5.0, 99.0, 4.0, 5 + 0.3),  # its rating
        (5.0, -99.0, -4.0, 5 - 4 / 0.9 / 12),
        (5.0, 0.0, 0.0, 5.0),
    ],
)
def test_power_ends_at_rating_full_and_empty(group, e_kwh, order, p_kw, left):
    group.e_kwh[0] = e_kwh
    got = group.step(np.array([order, 0.0]), NOW, beside([0.0] * 3))
    assert got.p_kw[0] == pytest.approx(p_kw, abs=1e-12)
    assert group.e_kwh[0] == pytest.approx(left, abs=1e-12)


@pytest.mark.parametrize(
    ("way", "order", "meter", "p_kw"),
    [
        (
            1,
            1.0,
            0.5,
            1.0,
        ),  # a home that means to import: the order, as it keeps the meter above zero
        (1, -2.0, 0.5, -0.5),  # discharges no further than its load
        (1, 1.0, -2.0, 2.0),  # charges what would be exported
        (-1, -2.0, 0.5, -2.0),  # means to export: the order, as it keeps the meter below zero
        (-1, 1.0, 0.5, -0.5),  # no charge from the grid
        (-1, 3.0, -2.0, 2.0),  # charges no more than the sun
        (0, 3.0, 0.5, -0.5),  # neither: it makes up for the meter
        (0, -3.0, -2.0, 2.0),
    ],
)
def test_where_export_earns_less_a_battery_keeps_the_meter_on_the_side_that_its_home_means(
    group, way, order, meter, p_kw
):
    got = group.step(np.array([order, 0.0]), NOW, beside([meter, 0.0, 0.0], [way, 0, 0]))
    assert got.p_kw[0] == pytest.approx(p_kw)


def test_an_order_from_outside_is_followed_whatever_the_meter_says(group):
    got = group.step(np.array([-2.0, -2.0]), NOW, beside([0.5, 0.0, 0.5], [1, 1, 1], [True, False]))
    assert got.p_kw == pytest.approx([-2.0, -0.5])


def test_a_battery_without_an_order_follows_its_panels_among_others(group):
    got = group.step(np.array([1.0, np.nan]), NOW, beside([0.0, 0.0, -0.7], [1, 1, 1]))
    assert got.p_kw == pytest.approx([1.0, 0.7])


def test_batteries_of_one_home_share_what_is_to_be_made_up_for(plain, setting_of):
    table = Batteries(np.array([1, 1, 0]), np.full(3, 10.0), np.full(3, 5.0), np.full(3, 0.9), 0.02)
    group = BatteryGroup.of(setting_of(plain(2, pv_kw=np.ones((2, 50)), owned={"battery": table})))
    assert group.step(None, NOW, beside([-1.0, -3.0])).p_kw == pytest.approx([1.5, 1.5, 1.0])
    got = group.step(np.array([5.0, 5.0, 5.0]), NOW, beside([-1.0, -3.0], [0, 0]))
    assert got.p_kw == pytest.approx([1.5, 1.5, 1.0])
    assert group.table.wear_per_kwh == 0.02  # that of the table


def test_a_run_is_felt_as_wear_by_home_and_what_is_left_as_what_it_would_give(plain, setting_of):
    table = Batteries(
        np.array([1, 1]), np.full(2, 10.0), np.full(2, 5.0), np.array([0.9, 0.8]), 0.02
    )
    group = BatteryGroup.of(setting_of(plain(2, owned={"battery": table})))
    power = np.array([[3.0, -3.0], [1.0, 0.0]])
    felt = group.feel(DeviceRecord(np.zeros((2, 2)), {"each_battery_kw": power}, 0.5))
    assert felt.device_usd["wear"] == pytest.approx([0.0, 0.02 * (3.0 + 0.5)])
    assert felt.left_kwh == pytest.approx([0.0, 0.9 * 5 + 0.8 * 5])


def test_what_a_battery_believes_of_a_window_and_of_an_interval(group):
    believed = group.believe(Window(3, 5, 0.2))
    rows = believed.stores
    assert believed.rows.tolist() == [0, 1] and believed.draws is None
    assert rows.x0.tolist() == [5.0, 3.0] and len(rows.dt_h) == 5
    assert rows.p_max_kw[:, 0].tolist() == [4.0, 3.0] and rows.p_min_kw[:, 0].tolist() == [
        -4.0,
        -3.0,
    ]
    assert rows.x_max[:, 0].tolist() == [10.0, 6.0] and not rows.x_min.any()
    assert rows.gain_in[0, 0] == rows.gain_out[0, 0] == 0.9 and rows.wear_per_kwh[0, 0] == 0.01
    assert rows.end_x.tolist() == [[0, 5, 5, 10], [0, 3, 3, 6]]
    assert rows.end_mu == pytest.approx(
        np.tile([0.2, 0.2, 0.16, 0.16], (2, 1))
    )  # the upper half is worth four fifths
    assert not group.believe(
        Window(0, 5, -0.3)
    ).stores.end_mu.any()  # nothing where energy is worth less than nothing
    now = group.tender(NOW, np.array([0, 1]))
    assert now.dt_h.tolist() == [DT_H] and now.x0.tolist() == [5.0, 3.0] and not now.end_mu.any()
    assert not group.planned_kw(Window(0, 5), np.ones(5)).any() and group.planned_kw(
        Window(0, 5), np.ones(5)
    ).shape == (2, 5)


def test_the_answer_of_the_bound_buys_cheap_sells_dear_and_counts_what_is_left(group):
    """One block at .05 and one at .50, .10 for what is left: 4 kW in, 4 kW out, wear of 8 kWh."""
    part = group.bound(Blocks(1, np.arange(2), 1, 0.10))
    answer = part.answer(np.array([0.05, 0.50]), 1)
    assert answer.p_kw[0] == pytest.approx([4.0, -4.0])
    left = 5 + 4 * 0.9 - 4 / 0.9
    own = 0.08 - 0.10 * 0.9 * left
    assert answer.own_usd[0] == pytest.approx(own)
    assert answer.bound_usd[0] == pytest.approx(own + 4 * 0.05 - 4 * 0.50)
    assert part.least_kw.tolist() == [
        -7.0,
        -7.0,
    ] and part.most_kw.tolist() == part.reach_kw.tolist() == [7.0, 7.0]
    assert part.gain_in.tolist() == part.gain_out.tolist() == [0.9, 0.9]
    assert part.alike.tolist() == [5.0, 3.0]


def test_orders_of_a_bound_hold_each_block(group):
    orders = group.orders_kw(np.array([[1.0, 2.0], [3.0, 4.0]]), 6, DT_H)
    assert orders.tolist() == [[1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4]]


def people(homes) -> People:
    return People(homes, Weather(0, *(np.zeros(1) for _ in range(7))), 5)


def test_keys_give_batteries_to_a_share_of_homes_in_place_of_those_they_had(
    plain,
):
    homes = plain(4, battery_kwh=np.full(4, 5.0), battery_kw=np.full(4, 2.0))
    assert len(homes.owned["battery"].home) == 4
    keys = BatteryKeys(share=0.5, each=2, kwh=8.0, kw=3.0, efficiency=0.8, wear_per_kwh=0.03)
    table = draw(keys, people(homes)).owned["battery"]
    assert (
        len(table.home) == 4 and len(set(table.home.tolist())) == 2
    )  # two homes of four, two each
    assert np.array_equal(table.home, np.repeat(np.unique(table.home), 2))
    assert table.cap_kwh.tolist() == [8.0] * 4 and table.rated_kw.tolist() == [3.0] * 4
    assert table.efficiency.tolist() == [0.8] * 4 and table.wear_per_kwh == 0.03
    drawn_by_seed = owners(5, "battery", homes.home_id, 0.5)
    assert np.array_equal(np.unique(table.home), drawn_by_seed)


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({"share": 1.5}, 1),
        ({"each": 0}, 1),
        ({"kwh": 0.0}, 1),
        ({"kw": -1.0}, 1),
        ({"efficiency": 0.0}, 1),
        ({"efficiency": 1.1}, 1),
        ({"wear_per_kwh": -0.1}, 1),
        ({"share": -0.1, "kwh": 0.0, "wear_per_kwh": -1.0}, 3),
        ({"each": 0, "kw": 0.0, "efficiency": 1.5}, 3),
    ],
)
def test_keys_of_batteries_that_cannot_be_are_refused_all_at_once(keys, count):
    with pytest.raises(InputError) as caught:
        BatteryKeys(**keys)
    assert len(caught.value.problems) == count
    assert [str(problem).split(":")[0] for problem in caught.value.problems] == [
        f"homes.battery.{key}" for key in keys
    ]


@pytest.mark.parametrize(
    "keys", [{"share": 0.0}, {"share": 1.0}, {"efficiency": 1.0}, {"wear_per_kwh": 0.0}]
)
def test_keys_at_their_ends_are_accepted(keys):
    BatteryKeys(**keys)
