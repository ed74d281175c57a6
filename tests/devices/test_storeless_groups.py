"""Panels, generators and appliances of a run, by hand: curves, orders, costs and answers of what stores nothing."""

from dataclasses import asdict

import numpy as np
import pytest

from gridagora.core.device import Beside, Blocks, DeviceRecord, Moment, People, Window
from gridagora.core.errors import InputError
from gridagora.core.tables import Weather
from gridagora.devices import generator, load
from gridagora.devices.battery import BatteryKeys
from gridagora.devices.generator import GeneratorGroup, GeneratorKeys
from gridagora.devices.load import LoadGroup, LoadKeys
from gridagora.devices.pv import PvGroup
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.stores.value import best_response
from gridagora.population.charging import owners

DT_H = 1 / 12
NOON = Moment(12, 12 * 3600.0, DT_H, DT_H)
NIGHT = Moment(0, 0.0, DT_H, DT_H)


def beside(n=3, short=None, *, curtails=True, outside=None) -> Beside:
    missed = np.zeros(n) if short is None else np.array(short, float)
    return Beside(
        np.zeros(n), missed, None, curtails, None if outside is None else np.array(outside)
    )


def people(homes) -> People:
    return People(homes, Weather(0, *(np.zeros(1) for _ in range(7))), 5)


def record(n: int) -> DeviceRecord:
    return DeviceRecord(np.zeros((n, 4)), {}, DT_H)


# ------------------------------------------------------------------------------- panels


@pytest.fixture
def panels(plain, setting_of):
    """Homes 0 and 2 of three have panels that give 4 and 2 kW at noon."""
    sun = np.zeros((3, 50))
    sun[0, 12], sun[2, 12] = 4.0, 2.0
    return PvGroup.of(setting_of(plain(3, pv_kw=sun)))


def test_panels_give_all_they_can_without_orders(panels):
    assert panels.home.tolist() == [0, 2]
    assert panels.step(None, NOON, beside()).p_kw.tolist() == [-4.0, -2.0]
    assert panels.step(None, NIGHT, beside()).p_kw.tolist() == [0.0, 0.0]
    assert panels.observe(NOON)["available_kw"].tolist() == [4.0, 2.0]
    assert panels.rated_kva().tolist() == [4.0, 2.0]  # the largest output


@pytest.mark.parametrize(
    ("order", "p_kw"),
    [(-9.0, -4.0), (-4.0, -4.0), (-1.5, -1.5), (0.0, 0.0), (3.0, 0.0), (np.nan, -4.0)],
)
def test_an_order_is_cut_to_the_sun(panels, order, p_kw):
    assert panels.step(np.array([order, 0.0]), NOON, beside()).p_kw[0] == p_kw


def test_a_home_that_may_not_curtail_gives_all_but_what_is_ordered_from_outside(panels):
    orders = np.array([-1.0, -1.0])
    assert panels.step(orders, NOON, beside(curtails=False)).p_kw.tolist() == [-4.0, -2.0]
    assert panels.step(
        orders, NOON, beside(curtails=False, outside=[False, True])
    ).p_kw.tolist() == [-4.0, -1.0]


@pytest.mark.parametrize(
    ("order", "short", "p_kw"),
    [
        (
            -3.0,
            0.5,
            -2.5,
        ),  # the home took half a kW less than it was asked to: the inverter gives as much less
        (-3.0, -0.5, -3.5),
        (-3.0, -5.0, -4.0),  # no more than the sun
        (-3.0, 9.0, 0.0),
        (-4.0, 0.5, -4.0),  # all is all: nothing is curtailed that could be let go
        (-4.0 + 5e-7, 0.5, -4.0 + 5e-7),  # nor within a rounding of it
        (0.0, -0.5, 0.0),  # nothing is nothing
    ],
)
def test_a_panel_curtailed_in_part_holds_what_the_meter_was_to_read(panels, order, short, p_kw):
    got = panels.step(np.array([order, 0.0]), NOON, beside(short=[short, 0.0, 0.0]))
    assert got.p_kw[0] == pytest.approx(p_kw, abs=1e-12)


def test_a_panel_ordered_from_outside_does_not_make_up_for_its_home(panels):
    got = panels.step(
        np.array([-3.0, -1.0]), NOON, beside(short=[0.5, 0.0, 0.5], outside=[True, False])
    )
    assert got.p_kw == pytest.approx([-3.0, -0.5])


def test_sun_is_offered_down_to_a_price_of_nothing(panels):
    curve = panels.tender(NOON, np.array([0, 1]))
    assert power_at(curve, 0.0).tolist() == [-4.0, -2.0]
    assert power_at(curve, -1e-6).tolist() == [0.0, 0.0]
    dark = panels.tender(NIGHT, np.array([0, 1]))
    assert dark.p_kw.tolist() == [0.0, 0.0] and dark.offset.tolist() == [0, 1, 2]  # one point each
    planned = panels.planned_kw(Window(11, 3), np.array([0.1, 0.0, -0.1]))
    assert planned.tolist() == [[0.0, -4.0, 0.0], [0.0, -2.0, 0.0]]
    assert not panels.planned_kw(Window(12, 1), np.array([-0.1])).any()


def test_the_bound_gives_all_sun_at_any_price_above_nothing(panels):
    part = panels.bound(Blocks(2, np.array([11, 11, 12, 12]), 30, 0.1))
    assert part.least_kw.tolist() == [0, 0, -6.0, -6.0] and not part.most_kw.any()
    answer = part.answer(np.array([0.1, 0.1, 0.2, 0.0]), 1)
    assert answer.p_kw.tolist() == [[0, 0, -6.0, 0.0]]
    assert answer.bound_usd == pytest.approx([-6.0 * 0.2 / 2]) and answer.own_usd.tolist() == [0.0]


def test_a_bound_without_sun_has_no_row_and_orders_are_shares_of_what_each_could_give(
    panels, plain, setting_of
):
    dark = PvGroup.of(setting_of(plain(2)))
    assert dark.home.shape == (0,)
    assert dark.bound(Blocks(1, np.arange(2), 60, 0.1)).answer(np.ones(2), 1).p_kw.shape == (0, 2)
    orders = panels.orders_kw(np.array([[0.0] * 12 + [-3.0]]), 13 * 12, DT_H)
    assert orders.shape == (2, 156)
    assert not orders[:, :144].any()
    assert orders[:, 144:] == pytest.approx(np.tile([[-2.0], [-1.0]], 12))


# ------------------------------------------------------------------------------- generators


@pytest.fixture
def makers(plain, setting_of):
    table = generator.of(np.array([2, 0]), np.array([8.0, 3.0]), np.array([0.25, 0.40]))
    return GeneratorGroup.of(setting_of(plain(3, owned={"generator": table})))


def test_a_generator_runs_by_orders_alone_within_its_rating_and_burns_what_it_makes(makers):
    assert makers.step(None, NOON, beside()).p_kw.tolist() == [0.0, 0.0]
    assert makers.step(np.array([-20.0, -1.2]), NOON, beside()).p_kw.tolist() == [-8.0, -1.2]
    assert makers.step(np.array([np.nan, 5.0]), NOON, beside()).p_kw.tolist() == [0.0, 0.0]
    felt = makers.feel(record(3))
    assert felt.device_usd["fuel"] == pytest.approx([1.2 * 0.40 / 12, 0.0, 8 * 0.25 / 12])
    assert (
        not felt.left_kwh.any() and not makers.stored_kwh().any() and not makers.rated_kva().any()
    )
    assert makers.observe(NOON) == {}


def test_a_generator_offers_its_rating_at_its_cost_and_no_more(makers):
    curve = makers.tender(NOON, np.array([1, 0]))  # rows as asked for
    assert power_at(curve, 0.39).tolist() == [0.0, -8.0]
    assert power_at(curve, 0.41).tolist() == [-3.0, -8.0]
    assert power_at(curve, 0.25, 0.25).tolist() == [0.0, -6.0]
    planned = makers.planned_kw(Window(0, 3), np.array([0.25, 0.3, 0.5]))
    assert planned.tolist() == [
        [0.0, -8.0, -8.0],
        [0.0, 0.0, -3.0],
    ]  # at just its cost it stands still


def test_a_generator_believes_that_it_burns_what_it_gives(makers):
    believed = makers.believe(Window(0, 3))
    price = np.array([0.2, 0.3, 0.5])
    found = best_response(believed.stores, price, price)
    assert found.p_kw == pytest.approx(np.array([[0.0, -8.0, -8.0], [0.0, 0.0, -3.0]]))
    assert found.cost_usd == pytest.approx([-8 * (0.05 + 0.25), -3 * 0.10])


def test_the_bound_of_generators_is_their_answer_to_the_price(makers):
    part = makers.bound(Blocks(2, np.zeros(3, np.int64), 30, 0.1))
    answer = part.answer(np.array([0.2, 0.3, 0.5]), 1)
    assert answer.p_kw.tolist() == [[0, -8, -8], [0, 0, -3]]
    assert answer.own_usd == pytest.approx([16 * 0.25 / 2, 3 * 0.40 / 2])
    assert answer.bound_usd == pytest.approx([-8 * 0.3 / 2, -3 * 0.1 / 2])
    assert part.least_kw.tolist() == [-11.0] * 3 and not part.most_kw.any()


def test_a_bid_of_a_generator_is_for_five_minutes_unless_said(makers):
    assert generator.spec_now(makers.table).dt_h.tolist() == [DT_H]
    assert generator.spec_now(makers.table, 0.25).dt_h.tolist() == [0.25]


def test_orders_of_a_bound_hold_each_block(makers, appliances):
    """One row each: a block of 1 kW and one of 2 over six steps."""
    for group in (makers, appliances):
        orders = group.orders_kw(np.array([[1.0, 2.0]]), 6, DT_H)
        assert orders.tolist() == [[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]]


def test_homes_without_generators_have_no_group(plain, setting_of):
    assert GeneratorGroup.of(setting_of(plain(2))) is None
    assert LoadGroup.of(setting_of(plain(2))) is None


def test_generators_are_drawn_for_a_share_of_homes(plain):
    drawn = generator.draw(
        GeneratorKeys(share=0.5, kw=5.0, cost_per_kwh=0.3), people(plain(4))
    ).owned["generator"]
    assert (
        len(drawn.home) == 2
        and drawn.rated_kw.tolist() == [5.0, 5.0]
        and drawn.cost_per_kwh.tolist() == [0.3, 0.3]
    )


@pytest.mark.parametrize(
    "keys",
    [
        {"share": 1.01},
        {"share": -0.01},
        {"kw": 0.0},
        {"cost_per_kwh": -0.1},
        {"share": 2.0, "kw": -1.0, "cost_per_kwh": -0.1},
    ],
)
def test_keys_of_generators_that_cannot_be_are_refused_all_at_once(keys):
    with pytest.raises(InputError) as caught:
        GeneratorKeys(**keys)
    assert [str(problem).split(":")[0] for problem in caught.value.problems] == [
        f"homes.generator.{key}" for key in keys
    ]
    GeneratorKeys(cost_per_kwh=0.0)


@pytest.mark.parametrize(
    ("rated", "cost", "says"),
    [([0.5, -3.0], 0.3, "row 1: got rated_kw -3"), ([1.0], -0.1, "row 0: got cost_per_kwh -0.1")],
)
def test_a_generator_that_cannot_be_names_its_row(rated, cost, says):
    with pytest.raises(ValueError, match=says):
        generator.of(np.arange(len(rated)), np.array(rated), cost)


# ------------------------------------------------------------------------------- appliances


@pytest.fixture
def appliances(plain, setting_of):
    """2 kW and nothing at 10 cents, elasticity .5: twice as dear asks for half, free energy for half as much again."""
    usual = np.zeros((2, 50))
    usual[0] = 2.0
    table = load.Load(np.array([1, 2]), usual, 0.5, 0.10)
    return LoadGroup.of(setting_of(plain(3, owned={"appliances": table})))


@pytest.mark.parametrize(
    ("price", "p_kw"),
    [(0.10, 2.0), (0.20, 1.0), (0.0, 3.0), (0.30, 0.0), (0.50, 0.0), (-0.10, 4.0), (-0.30, 4.0)],
)
def test_demand_falls_in_a_line_from_twice_the_usual_to_nothing(appliances, price, p_kw):
    assert load.demand_kw(appliances.table, 0, price) == pytest.approx([p_kw, 0.0])
    assert power_at(appliances.tender(NOON, np.array([0, 1])), price) == pytest.approx(
        [p_kw, 0.0], abs=1e-12
    )
    assert appliances.planned_kw(Window(3, 2), np.array([price, 0.10])) == pytest.approx(
        np.array([[p_kw, 2.0], [0, 0]])
    )
    found = best_response(
        appliances.believe(Window(0, 1)).stores, np.array([price]), np.array([price])
    )
    assert found.p_kw[:, 0] == pytest.approx([p_kw, 0.0])
    answer = appliances.bound(Blocks(1, np.zeros(1, np.int64), 60, 0.1)).answer(
        np.array([price]), 1
    )
    assert answer.p_kw[:, 0] == pytest.approx([p_kw, 0.0])


@pytest.mark.parametrize(
    ("order", "p_kw"), [(None, 2.0), (np.nan, 2.0), (1.3, 1.3), (9.0, 4.0), (-1.0, 0.0)]
)
def test_appliances_follow_orders_up_to_twice_their_usual_power(appliances, order, p_kw):
    orders = None if order is None else np.array([order, 0.0])
    assert appliances.step(orders, NOON, beside()).p_kw.tolist() == [p_kw, 0.0]
    assert appliances.observe(NOON)["usual_kw"].tolist() == [2.0, 0.0]


def test_energy_forgone_is_worth_the_area_under_demand(appliances):
    """From 2 down to 1 kW the worth of a kW rises from .10 to .20: .15 in the mean; up to 3 kW it falls to nothing: .05."""
    usual = np.array([[2.0], [0.0]])
    assert load.forgone_per_h(appliances.table, usual, np.array([[1.0], [0.0]]))[
        0, 0
    ] == pytest.approx(0.15)
    assert load.forgone_per_h(appliances.table, usual, np.array([[3.0], [0.0]]))[
        0, 0
    ] == pytest.approx(-0.05)
    assert not load.forgone_per_h(appliances.table, usual, usual).any()
    appliances.step(np.array([1.0, 0.0]), NOON, beside())
    appliances.step(np.array([3.0, 0.0]), NOON, beside())
    felt = appliances.feel(record(3))
    assert felt.device_usd["use forgone"] == pytest.approx([0.0, (0.15 - 0.05) / 12, 0.0])


def test_the_bound_of_appliances_counts_energy_and_what_is_forgone(appliances):
    part = appliances.bound(Blocks(2, np.zeros(2, np.int64), 30, 0.1))
    answer = part.answer(np.array([0.20, 0.10]), 1)
    assert answer.own_usd == pytest.approx([0.15 / 2, 0.0])
    assert answer.bound_usd == pytest.approx([0.15 / 2 + (1.0 * 0.20 + 2.0 * 0.10) / 2, 0.0])
    assert part.least_kw.tolist() == [0.0, 0.0] and part.most_kw.tolist() == [4.0, 4.0]


def test_a_load_that_does_not_bend_takes_its_usual_power_at_any_price(plain, setting_of):
    table = load.Load(np.array([1]), np.full((1, 50), 2.0), 0.0, 0.10)
    group = LoadGroup.of(setting_of(plain(3, owned={"appliances": table})))
    assert load.demand_kw(table, 0, 9.0).tolist() == [2.0]
    assert group.step(np.array([0.0]), NOON, beside()).p_kw.tolist() == [2.0]
    assert power_at(group.tender(NOON, np.array([0])), 9.0).tolist() == [2.0]
    rows = load.spec(table, 0, 3)
    assert (rows.p_min_kw == 2.0).all() and (rows.p_max_kw == 2.0).all()
    assert load.spec_now(table, 0).dt_h.tolist() == [DT_H]
    assert not load.forgone_per_h(table, np.full((1, 1), 2.0), np.zeros((1, 1))).any()
    part = group.bound(Blocks(1, np.arange(3), 60, 0.1))
    assert (
        part.least_kw.tolist() == part.most_kw.tolist() == [2.0, 2.0, 2.0]
    )  # a number for each block


def test_a_part_of_the_load_of_a_share_of_homes_becomes_a_device(plain):
    homes = plain(4, load_kw=np.full((4, 50), 3.0))
    drawn = load.draw(
        LoadKeys(share=0.5, part_share=0.2, elasticity=0.3, reference_per_kwh=0.08), people(homes)
    )
    table = drawn.owned["appliances"]
    assert table.home.tolist() == owners(5, "appliances", homes.home_id, 0.5).tolist()
    assert len(table.home) == 2 and table.usual_kw == pytest.approx(np.full((2, 50), 0.6))
    assert (table.elasticity, table.reference_per_kwh) == (0.3, 0.08)
    left = np.full(4, 3.0)
    left[table.home] = 2.4
    assert drawn.load_kw[:, 0] == pytest.approx(left)
    assert (homes.load_kw == 3.0).all()  # the homes that were drawn from are as they were


@pytest.mark.parametrize(
    "keys", [{"share": 2.0}, {"part_share": -0.1}, {"elasticity": -0.1}, {"reference_per_kwh": 0.0}]
)
def test_keys_of_appliances_that_cannot_be_are_refused(keys):
    with pytest.raises(InputError, match=f"homes.appliances.{next(iter(keys))}"):
        LoadKeys(**keys)
    LoadKeys(elasticity=0.0)


def test_results_with_devices_of_their_own_keys_stand_on_these_defaults():
    battery = {
        "share": 0.15,
        "each": 1,
        "kwh": 13.5,
        "kw": 5.0,
        "efficiency": 0.95,
        "wear_per_kwh": 0.01,
    }
    assert asdict(BatteryKeys()) == battery
    assert asdict(GeneratorKeys()) == {"share": 0.1, "kw": 8.0, "cost_per_kwh": 0.35}
    bends = {"share": 1.0, "part_share": 0.2, "elasticity": 0.1, "reference_per_kwh": 0.072}
    assert asdict(LoadKeys()) == bends
