"""Water heaters of a run, by hand: minutes of a thermostat, orders, draws felt and to come, cold water and its worth."""

import numpy as np
import pytest

from gridagora.core.device import Beside, Blocks, DeviceRecord, Moment, Window
from gridagora.devices import water_heater as tank
from gridagora.devices.water_heater import WaterHeaterGroup

DT_H, CAP, KW = 1 / 12, 0.2, 4.5
NOW = Moment(0, 0.0, DT_H, DT_H)
BESIDE = Beside(np.zeros(3), np.zeros(3), None, True)


def tanks(plain, setting_of, *, known=True, draw=0.0, likely=0.0, ua=0.0, homes=3):
    """Return tanks of .2 kWh/K in homes 0 and 2 of three, without losses unless said."""
    has = np.full(homes, CAP)
    has[1] = 0.0
    hours = np.full((homes, 50), draw)
    chances = (
        np.stack([np.full((homes, 24), likely + 0.5), np.full((homes, 24), likely - 0.5)], 1)
        if likely
        else np.zeros((homes, 2, 24))
    )
    made = plain(
        homes, tank_kwh_k=has, tank_ua_kw_k=np.full(homes, ua), draw_kwh=hours, draw_set_kwh=chances
    )
    return WaterHeaterGroup.of(setting_of(made, known=known))


def put(group, degc, on=False):
    group.tanks.t_tank_degc[:] = degc
    group.tanks.on[:] = on


def test_tanks_begin_at_their_set_point_in_the_homes_that_have_one(plain, setting_of):
    group = tanks(plain, setting_of)
    assert group.home.tolist() == [0, 2]
    assert group.tanks.t_tank_degc.tolist() == [52.0, 52.0] and not group.tanks.on.any()
    assert group.observe(NOW)["t_tank_degc"].tolist() == [52.0, 52.0]
    assert group.stored_kwh() == pytest.approx([CAP * 52] * 2)
    assert not group.rated_kva().any()


@pytest.mark.parametrize(
    ("degc", "on", "p_kw"),
    [
        (52.0, False, 0.0),
        (49.6, False, 0.0),
        (49.4, False, KW),
        (54.4, True, KW / 5),  # a minute of 4.5 kW is .375 K: past 54.5 it stops
        (54.6, True, 0.0),
        (50.0, True, KW),
    ],
)
def test_a_thermostat_heats_from_two_and_a_half_kelvin_below_to_as_much_above(
    plain, setting_of, degc, on, p_kw
):
    group = tanks(plain, setting_of)
    put(group, degc, on)
    assert group.step(None, NOW, BESIDE).p_kw == pytest.approx([p_kw, p_kw])


def test_water_warms_by_what_the_element_gives_and_cools_by_what_is_drawn(plain, setting_of):
    group = tanks(plain, setting_of, draw=1.2)
    got = group.step(np.array([3.0, 0.0]), NOW, BESIDE)
    assert got.p_kw == pytest.approx([3.0, 0.0])
    assert group.tanks.t_tank_degc == pytest.approx(
        [52 + (3.0 - 1.2) / 12 / CAP, 52 - 1.2 / 12 / CAP]
    )
    assert got.stored_kwh == pytest.approx([(3.0 - 1.2) / 12, -1.2 / 12])


def test_a_warm_tank_loses_heat_to_the_room(plain, setting_of):
    """50 K above the room, a time constant of cap / ua = 2 h: exp(-1/24) of it is left after five minutes."""
    group = tanks(plain, setting_of, ua=0.1)
    put(group, 54.0)
    before = group.stored_kwh()
    got = group.step(np.zeros(2), NOW, BESIDE)
    assert group.tanks.t_tank_degc == pytest.approx([24 + 30 * np.exp(-1 / 24)] * 2)
    assert got.stored_kwh == pytest.approx(group.stored_kwh() - before, abs=1e-12)


@pytest.mark.parametrize(("order", "p_kw"), [(2.0, 2.0), (99.0, KW), (-1.0, 0.0), (np.nan, 0.0)])
def test_an_element_follows_its_order_within_its_rating(plain, setting_of, order, p_kw):
    group = tanks(plain, setting_of)
    assert group.step(np.array([order, 0.0]), NOW, BESIDE).p_kw[0] == pytest.approx(p_kw)


def test_no_order_heats_water_beyond_sixty_degrees(plain, setting_of):
    group = tanks(plain, setting_of)
    put(group, 59.5)
    got = group.step(np.array([KW, KW]), NOW, BESIDE)
    assert group.tanks.t_tank_degc == pytest.approx([60.0, 60.0])
    assert got.p_kw == pytest.approx([0.5 * CAP * 12] * 2)


def test_cold_water_is_felt_by_the_square_of_what_is_missing_and_adds_up(plain, setting_of):
    """One kelvin and three below 43 degC for five minutes each; the water of the second tank is as warm as it should be."""
    group = tanks(plain, setting_of)
    for degc in (42.0, 40.0):
        put(group, np.array([degc, 43.0]))
        group.step(np.zeros(2), NOW, BESIDE)
    put(group, 50.0)
    felt = group.feel(DeviceRecord(np.zeros((3, 4)), {}, DT_H))
    assert felt.felt["hot_water_k_h"] == pytest.approx([4 / 12, 0, 0])
    assert felt.device_usd["hot water"] == pytest.approx([0.01 / 2 * (1 + 9) / 12, 0, 0])
    assert felt.left_kwh == pytest.approx([CAP * 50, 0, CAP * 50])


# ------------------------------------------------------------------------------- belief


def test_a_plan_with_known_draws_has_them_flow_out(plain, setting_of):
    group = tanks(plain, setting_of, draw=1.2)
    believed = group.believe(Window(0, 3, 0.1))
    assert believed.draws is None
    assert believed.stores.inflow == pytest.approx(np.full((2, 3), -1.2 / CAP))
    assert believed.stores.leak == pytest.approx(np.ones((2, 3)))
    assert believed.stores.gain_in == pytest.approx(np.full((2, 3), 1 / CAP))
    assert (believed.stores.p_max_kw == KW).all() and not believed.stores.p_min_kw.any()


def test_a_plan_that_does_not_know_them_is_given_what_is_likely(plain, setting_of):
    group = tanks(plain, setting_of, known=False, draw=9.0, likely=1.0)
    believed = group.believe(Window(0, 3, 0.1))
    assert not believed.stores.inflow.any()
    drawn = believed.draws[0:2]  # made for some rows at a time
    assert drawn.shape == (2, 2, 3)
    assert drawn[0] == pytest.approx(np.array([[-1.5 / CAP] * 3, [-0.5 / CAP] * 3]))
    assert believed.draws[1:2].shape == (1, 2, 3)
    assert believed.draws.mean(1) == pytest.approx(np.full((2, 3), -1.0 / CAP))


def test_likely_draws_are_those_of_the_local_hour(plain, setting_of):
    group = tanks(plain, setting_of, known=False)
    chances = group.table.draw_set_kwh.copy()
    chances[:, :, 5] = 2.0
    table = tank.replace(group.table, draw_set_kwh=chances)
    assert np.flatnonzero(tank.draws(table, 3, 24)[0, 0]).tolist() == [2]
    assert np.flatnonzero(tank.draws(table, 20, 24)[0, 0]).tolist() == [9]


def test_losses_pull_the_belief_to_the_room_and_heat_is_held_in_part(plain, setting_of):
    """Time constant 2 h: exp(-1/2) stays of an hour's start, and (1 - exp(-1/2)) / (1/2) of heat given evenly in it."""
    group = tanks(plain, setting_of, ua=0.1, draw=1.0)
    rows, kept = group.believe(Window(0, 2)).stores, np.exp(-0.5)
    held = (1 - kept) / 0.5
    assert rows.leak == pytest.approx(np.full((2, 2), kept))
    assert rows.gain_in == pytest.approx(np.full((2, 2), held / CAP))
    assert rows.inflow == pytest.approx(np.full((2, 2), (1 - kept) * 24 - held * 1.0 / CAP))
    assert tank.held_share(np.array([CAP, CAP]), np.array([0.1, 0.0]), 1.0) == pytest.approx(
        [held, 1.0]
    )


def test_heat_that_is_left_is_worth_its_price_up_to_46_degrees(plain, setting_of):
    rows = tanks(plain, setting_of).believe(Window(0, 2, 0.1)).stores
    assert rows.end_x.tolist() == [[25, 46, 46, 60]] * 2
    assert rows.end_mu == pytest.approx(np.tile([0.1 * CAP, 0.1 * CAP, 0, 0], (2, 1)))
    assert not tanks(plain, setting_of).believe(Window(0, 2, -0.1)).stores.end_mu.any()
    assert (
        rows.x_set[0, 0] == (43 + 60) / 2 and rows.dead[0, 0] == (60 - 43) / 2
    )  # comfort between 43 and 60
    assert (rows.x_min == 25).all() and (rows.x_max == 60).all() and rows.k_x[0, 0] == 0.01


def test_colder_than_the_coldest_is_believed_to_be_the_coldest(plain, setting_of):
    group = tanks(plain, setting_of)
    put(group, np.array([12.0, 30.0]))
    assert group.believe(Window(0, 2)).stores.x0.tolist() == [25.0, 30.0]
    assert group.tender(NOW, np.arange(2)).x0.tolist() == [25.0, 30.0]


@pytest.mark.parametrize(
    ("known", "share", "drawn_kw"),
    [
        (True, 1 / 12, 3.0),  # the truth
        (True, 6 / 12, 3.0),
        (False, 1 / 12, 1.0),  # in the first interval what is likely
        (
            False,
            6 / 12,
            3.0 + 2.0 * 0.5 * 12,
        ),  # then the draw is felt, and half an hour of what is above that to come
        (False, 1.0, 3.0),  # nothing is to come at the end of the hour
    ],
)
def test_a_bid_heats_for_what_it_feels_and_for_what_is_still_to_come(
    plain, setting_of, known, share, drawn_kw
):
    group = tanks(plain, setting_of, known=known, draw=3.0, likely=1.0)
    now = group.tender(Moment(0, 0.0, DT_H, share), np.arange(2))
    assert now.inflow[:, 0] == pytest.approx([-drawn_kw / 12 / CAP] * 2)
    assert now.dt_h.tolist() == [DT_H] and not now.end_mu.any()
    assert group.planned_kw(Window(0, 4), np.ones(4)).shape == (2, 4)


@pytest.mark.parametrize(
    ("gallons", "kw"), [(29.9, 3.2), (30.0, 3.5), (49.9, 3.5), (50.0, 4.5), (80.0, 4.5)]
)
def test_elements_grow_with_tanks(gallons, kw):
    assert tank.size(gallons)[2] == kw


# ------------------------------------------------------------------------------- bound


def test_the_bound_pays_for_cold_water_step_by_step_and_never_for_warm(plain, setting_of):
    group = tanks(plain, setting_of, draw=1.2)
    area = tank.stepped(group.table, group.tanks, Blocks(2, np.repeat([0, 1], 2), 3, 0.1))
    assert area.dt_h == pytest.approx(np.full(12, 1 / 6))
    assert area.inflow == pytest.approx(np.full((2, 12), -1.2 / 6 / CAP))
    assert area.gain_in[0, 0] == pytest.approx(1 / CAP)
    assert area.x_set[0, 0] - area.dead[0, 0] == pytest.approx(43.0)  # cold begins there
    assert area.x_set[0, 0] + area.dead[0, 0] > 1e3  # and warm nowhere
    assert area.x_min[0, 0] == pytest.approx(
        52 - 1.2 * 2 / CAP - 1.0
    )  # a kelvin below what no heat would leave
    assert area.x_max[0, 0] == 60.0
    assert area.end_mu == pytest.approx(np.full((2, 2), 0.1 * CAP))


def test_the_bound_knows_losses_of_every_step(plain, setting_of):
    """Time constant 2 h, steps of 10 minutes: exp(-1/12) is left, and what is given or drawn evenly is held in part."""
    group = tanks(plain, setting_of, draw=1.2, ua=0.1)
    area = tank.stepped(group.table, group.tanks, Blocks(2, np.repeat([0, 1], 2), 3, 0.1))
    kept = np.exp(-1 / 12)
    held = (1 - kept) * 12
    assert area.leak == pytest.approx(np.full((2, 12), kept))
    assert area.gain_in[0, 0] == pytest.approx(held / CAP)
    assert area.inflow == pytest.approx(np.full((2, 12), (1 - kept) * 24 - held * 1.2 / 6 / CAP))


def test_a_thermostat_may_end_a_step_above_the_limit_switch(plain, setting_of):
    group = tanks(plain, setting_of)
    put(group, 59.0)
    area = tank.stepped(group.table, group.tanks, Blocks(1, np.arange(2), 4, 0.1))
    assert area.x_max[0, 0] == pytest.approx(59 + 2.5 + KW / 4 / CAP)


def test_a_tank_that_is_never_heated_cools_by_its_draws():
    path = tank._unheated(
        np.array([50.0, 40.0]), np.array([1.0, 0.5]), np.array([[-1.0, -2.0], [10.0, 10.0]])
    )
    assert path.tolist() == [[50.0, 49.0, 47.0], [40.0, 30.0, 25.0]]


def test_the_bound_heats_in_the_cheap_block_for_the_worth_of_what_is_left(plain, setting_of):
    """.10 for what is left: at .05 the element runs all it can, at .20 not at all. No loss, no cold water."""
    group = tanks(plain, setting_of)
    put(group, 44.0)
    part = group.bound(Blocks(1, np.arange(2), 4, 0.10))
    assert part.most_kw.tolist() == part.reach_kw.tolist() == [9.0, 9.0] and not part.least_kw.any()
    answer = part.answer(np.array([0.05, 0.20]), 1)
    assert answer.p_kw == pytest.approx(
        np.array([[16 * CAP, 0.0]] * 2)
    )  # to 60 degC: 3.2 kWh in the hour
    assert answer.bound_usd - answer.own_usd == pytest.approx([3.2 * 0.05] * 2)


def test_a_tank_drawn_below_the_near_floor_is_answered_with_a_deeper_one(plain, setting_of):
    """12 kWh drawn of a tank that holds 10.4: no element can keep it above 25 degC, and the answer still has a proof."""
    group = tanks(plain, setting_of, draw=12.0)
    part = group.bound(Blocks(1, np.arange(2), 6, 0.10))
    answer = part.answer(np.array([0.1, 0.1]), 1)
    assert answer.p_kw == pytest.approx(np.full((2, 2), KW), abs=1e-6)
    bought = answer.p_kw @ np.array([0.1, 0.1])
    assert answer.own_usd + bought == pytest.approx(answer.bound_usd)
    # water at the end of each sixth of an hour, paid by the square of what is missing below 43
    degc = 52 - (12 - KW) / 6 / CAP * np.arange(1, 13)
    cold = 0.01 / 2 * np.square((43 - degc).clip(min=0)).sum() / 6
    floor = group.tanks.t_tank_degc[0]
    assert floor == 52.0
    more = tank.heat(
        tank.stepped(group.table, group.tanks, Blocks(1, np.arange(2), 6, 0.0)),
        np.array([0.1, 0.1]),
        6,
    )
    assert more.own_usd[0] == pytest.approx(cold)
    assert more.bound_usd[0] == pytest.approx(cold + 9 * 0.1)


def test_orders_of_a_bound_hold_each_block(plain, setting_of):
    group = tanks(plain, setting_of)
    assert group.orders_kw(np.array([[1.0, 2.0], [3.0, 4.0]]), 4, DT_H).tolist() == [
        [1, 1, 2, 2],
        [3, 3, 4, 4],
    ]
