"""What every kind of device declares, and the constants that plans, comfort and costs of published results stand on."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from gridagora.core.device import Blocks, DeviceRecord, Turn, Window
from gridagora.core.registry import find, names
from gridagora.devices import battery, ev, generator, hvac, load, pv, water_heater
from gridagora.kernels.physics.fleet import houses
from gridagora.population import comfort

# in tables: rank; in an interval: turn; valued by a plan, makes a prosumer, inverter, shown as generation; series of a step
KINDS = {
    "hvac": ("Heating and cooling", 0, Turn.FIRST, True, False, False, False, ("t_air_degc",)),
    "water_heater": ("Water heaters", 1, Turn.FIRST, True, False, False, False, ()),
    "battery": ("Batteries", 2, Turn.LAST, True, True, True, False, ("each_battery_kw",)),
    "ev": ("Electric vehicles", 3, Turn.FIRST, True, True, False, False, ()),
    "pv": ("Solar", 4, Turn.SECOND, False, True, True, True, ()),
    "appliances": ("Responsive appliances", 100, Turn.FIRST, False, False, False, False, ()),
    "generator": ("Generators", 100, Turn.FIRST, False, False, False, True, ()),
}
EVERY = pytest.mark.parametrize("name", KINDS)
BLOCKS = Blocks(1, np.arange(2), 60, 0.1)


def test_every_kind_is_declared_here():
    assert set(KINDS) == set(names("device"))


@EVERY
def test_what_a_kind_is(name):
    about = find("device", name).about
    assert about.kind == name
    facts = (about.is_valued, about.is_prosumer, about.has_inverter, about.is_generation)
    assert (about.label, about.rank, about.turn, *facts, about.series) == KINDS[name]


def test_colours_of_kinds_are_their_own():
    colours = [find("device", name).about.color for name in KINDS]
    assert len(set(colours)) == len(KINDS)
    assert all(
        len(colour) == 7 and colour[0] == "#" and int(colour[1:], 16) >= 0 for colour in colours
    )


def test_panels_step_after_what_homes_consume_and_batteries_after_both():
    """A panel holds what the meter was to read, a battery covers what is left: each must know the ones before."""
    assert Turn.FIRST < Turn.SECOND < Turn.LAST


def test_constants_of_theory():
    assert (battery.WEAR_PER_KWH, battery.END_UPPER_SHARE) == (0.01, 0.8)
    assert (ev.EV_VALUE_PER_KWH, ev.EV_EFFICIENCY) == (1.0, 0.9)
    assert (hvac.T_REF_DEGC, hvac.FAST_PRESENT, hvac.REACH_K, hvac.END_SHARE) == (
        24.0,
        0.5,
        40.0,
        0.5,
    )
    assert (hvac.DEFAULT_K, hvac.MASS_ABOVE_AIR_K, hvac.BAND_K, comfort.QUARTER_H) == (
        0.05,
        0.5,
        1.0,
        0.25,
    )
    assert (water_heater.DEFAULT_K, water_heater.FULL_ENOUGH_DEGC, water_heater.COLDEST_DEGC) == (
        0.01,
        46.0,
        25.0,
    )


@pytest.fixture
def group(name, plain, setting_of):
    """Return the group of a kind in two homes that own one of each."""
    homes = plain(
        2,
        battery_kwh=np.full(2, 10.0),
        battery_kw=np.full(2, 4.0),
        tank_kwh_k=np.full(2, 0.2),
        ev_home=np.arange(2),
        ev_arrive_s=np.zeros(2, np.int64),
        ev_depart_s=np.full(2, 7200),
        ev_need_kwh=np.full(2, 9.0),
        ev_kw=np.full(2, 7.2),
        pv_kw=np.full((2, 50), 3.0),
        owned={
            "generator": generator.of(np.arange(2), np.array([4.0, 8.0]), np.array([0.2, 0.3])),
            "appliances": load.Load(np.arange(2), np.array([[1.0] * 50, [2.0] * 50]), 0.5, 0.1),
        },
    )
    return find("device", name).of(setting_of(homes))


@EVERY
def test_only_kinds_with_an_inverter_have_a_rating(name, group):
    rating = group.rated_kva()
    assert rating.shape == group.home.shape
    assert (rating > 0).all() if group.about.has_inverter else not rating.any()


@EVERY
def test_only_kinds_that_a_plan_values_store_and_those_alone_plan_by_themselves(name, group):
    stored, planned = group.stored_kwh(), group.planned_kw(Window(0, 3), np.full(3, 0.25))
    assert planned.shape == (2, 3)
    if group.about.is_valued:
        assert not planned.any()
        assert (stored > 0).all() or name == "ev"  # a car comes with nothing that counts
    else:
        assert planned.any() and not stored.any()


@EVERY
def test_what_is_left_is_counted_of_stores_alone(name, group):
    lived = {series: np.full((2, 12), 24.0) for series in group.about.series}
    felt = group.feel(DeviceRecord(np.zeros((2, 12)), lived, 1 / 12))
    assert felt.left_kwh.shape == (2,)
    assert felt.left_kwh.any() == (name in {"battery", "water_heater", "hvac"})


@EVERY
def test_rows_of_a_bound_mix_with_their_like(name, group):
    """By efficiency, hours of the mass, block of arrival, cost or size; how many mixtures; what a kWh in and out is."""
    part = group.bound(BLOCKS)
    alike, mixes, gain = {
        "hvac": ([5.0, 5.0], 12, 1.0),
        "water_heater": ([0.0, 0.0], 4, 1.0),
        "battery": ([5.0, 5.0], 1, 0.9),
        "ev": ([0.0, 0.0], 6, 1.0),
        "pv": ([0.0], 1, 1.0),
        "appliances": ([1.0, 2.0], 4, 1.0),
        "generator": ([0.2, 0.3], 4, 1.0),
    }[name]
    assert part.mixes_count == mixes
    assert part.gain_in.tolist() == part.gain_out.tolist() == [gain] * len(alike)
    if name == "water_heater":
        assert np.ptp(part.alike) == 0  # alike by what flows out
    else:
        assert part.alike.tolist() == alike


@EVERY
def test_a_bound_holds_all_that_its_answer_takes(name, group):
    part = group.bound(BLOCKS)
    for price in (-0.5, 0.01, 0.25, 5.0):
        total = part.answer(np.full(2, price), 1).p_kw.sum(0)
        assert (total >= part.least_kw - 1e-9).all() and (total <= part.most_kw + 1e-9).all()
    assert (part.reach_kw >= part.most_kw).all()


@EVERY
def test_rows_that_believe_are_rows_of_the_group_in_order(name, group):
    believed = group.believe(Window(0, 24, 0.1))
    assert believed.rows.tolist() == [0, 1]
    assert believed.stores.dt_h.tolist() == [1.0] * 24
    assert len(believed.stores.x0) == 2


def test_a_window_is_a_day_and_an_interval_five_minutes_unless_told(plain):
    homes = plain(
        2,
        tank_kwh_k=np.full(2, 0.2),
        battery_kwh=np.ones(2),
        battery_kw=np.ones(2),
        pv_kw=np.ones((2, 50)),
        ev_home=np.arange(2),
        ev_arrive_s=np.zeros(2, np.int64),
        ev_depart_s=np.full(2, 7200),
        ev_need_kwh=np.ones(2),
        ev_kw=np.ones(2),
    )
    packs, cars, units = battery.of(homes.owned["battery"]), ev.of(homes), hvac.of(homes)
    tanks = water_heater.of(homes, np.arange(50) % 24)
    loads, makers = load.of(homes), generator.of(np.arange(2), np.ones(2), 0.3)
    days = [
        battery.spec(packs, np.zeros(2)),
        ev.spec(cars, np.zeros(2), 0.0),
        generator.spec(makers),
        load.spec(loads, 0),
        pv.spec(homes.owned["pv"], 0),
        water_heater.spec(tanks, water_heater.start(tanks), 0),
        hvac.spec(units, houses(np.full(2, 24.0)), 0),
    ]
    assert [len(rows.dt_h) for rows in days] == [24] * 7
    assert water_heater.draws(tanks, 0).shape[2] == 24
    short = [table.resting.dt_h[0] for table in (packs, cars, units, tanks)]
    assert short == [1 / 12] * 4
    assert [table.short_h for table in (packs, cars, units, tanks)] == short
    assert (packs.wear_per_kwh, tanks.set_degc[0]) == (0.01, 52.0)
    assert (loads.elasticity, loads.reference_per_kwh) == (0.0, 0.072)


@pytest.mark.parametrize("name", KINDS)
def test_nothing_changes_the_keys_of_a_kind_once_they_are_read(name):
    keys = find("device", name).about.keys()
    with pytest.raises(FrozenInstanceError):
        keys.share = 0.5


def test_a_step_of_a_generator_is_five_minutes_unless_told():
    _, cost_usd = generator.step(generator.of(np.zeros(1), np.full(1, 6.0), 0.2), np.full(1, -6.0))
    assert cost_usd == pytest.approx([6.0 * 0.2 / 12])


def test_a_charger_is_of_seven_kilowatts_unless_told():
    assert ev.EvKeys().kw == 7.2
