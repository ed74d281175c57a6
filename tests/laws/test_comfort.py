"""Laws of comfort: what people like does not follow the price of the week, so dear power never means more of it."""

from dataclasses import replace

import numpy as np
import pytest
from home_columns import changed

from gridagora.core.device import own
from gridagora.core.registry import names
from gridagora.devices.battery import Batteries
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read

SEASONS = {"summer": "2024-07-15", "winter": "2024-01-15", "spring": "2024-04-15"}
PRICES = (0.025, 0.1, 1.0, 9.0)  # 25 to 9,000 $/MWh


def scene_of(season, more=""):
    """Return four homes that heat and cool for a day, and have nothing else that answers a price."""
    text = f"""
    [scenario]
    start = {SEASONS[season]}
    days = 1
    [homes]
    count = 4
    pv_share = 0.0
    ev_share = 0.0
    battery_share = 0.0
    water_heaters = false
    {more}
    """
    return build.build(read.parse(text, "s.toml"))


def priced(scene, per_kwh):
    """Return the scene with one wholesale price, day ahead as in real time."""
    flat = {
        name: np.full_like(column, per_kwh)
        for name, column in scene.prices._asdict().items()
        if "per_kwh" in name
    }
    return replace(scene, prices=scene.prices._replace(**flat))


def taken_kwh(scene, name, per_kwh, rule):
    """Return the heating and cooling energy of a design at a constant price [kWh], and that of the thermostat."""
    at = priced(scene, per_kwh)
    study = prepare(at)._replace(rule=rule)
    return [
        evaluate(one, simulate(scene.market(one), study), study).device_kw["hvac"].sum() / 12
        for one in (name, "flat")
    ]


@pytest.mark.parametrize("season", SEASONS)
def test_dearer_power_never_means_more_heating_or_cooling(season):
    scene = scene_of(season)
    taken = [taken_kwh(scene, "rtp", per_kwh, "continuous")[0] for per_kwh in PRICES]
    assert np.all(np.diff(taken) <= 1e-9)
    assert taken[-1] < 0.3 * taken[0]


def changing(season, first_warm_h):
    """Return the four homes with units that heat from midnight to an hour of the day and cool from then on."""
    scene = scene_of(season)
    shape = scene.homes.load_kw.shape
    heating = np.broadcast_to(np.arange(shape[1]) % 24 < first_warm_h, shape)
    return replace(scene, homes=changed(scene.homes, "hvac", heating=heating))


@pytest.mark.parametrize(
    ("season", "first_warm_h"), [("spring", 6), ("spring", 12), ("winter", 12)]
)
def test_the_law_holds_on_days_that_change_between_heating_and_cooling(season, first_warm_h):
    scene = changing(season, first_warm_h)
    taken = [taken_kwh(scene, "rtp", per_kwh, "continuous")[0] for per_kwh in PRICES]
    assert np.all(np.diff(taken) <= 1e-9)
    assert taken[-1] < 0.3 * taken[0]


@pytest.mark.parametrize("name", ["central", "layered"])
def test_designs_without_a_limit_that_binds_keep_the_law(name):
    scene = scene_of("summer")
    taken = [taken_kwh(scene, name, per_kwh, "continuous")[0] for per_kwh in (0.025, 9.0)]
    assert taken[1] < 0.3 * taken[0]


@pytest.mark.parametrize("season", ["summer", "winter"])
def test_units_that_switch_keep_the_law_too(season):
    scene = scene_of(season)
    taken = np.array([taken_kwh(scene, "rtp", per_kwh, "priority") for per_kwh in PRICES])
    assert np.all(
        np.diff(taken[:, 0]) <= 0.05
    )  # two minutes of one unit, of some hundred kilowatt hours
    assert np.all(
        taken[1:, 0] < taken[1:, 1]
    )  # dearer than the reference price: less than the thermostat
    assert np.ptp(taken[:, 1]) == 0.0


def test_the_best_temperature_follows_the_reference_price_only():
    cheap, dear = (priced(scene_of("summer"), per_kwh) for per_kwh in (0.025, 9.0))
    best = [
        simulate(one.market("flat"), prepare(one)).fleet.of_kind("hvac").table.best_degc
        for one in (cheap, dear)
    ]
    assert np.array_equal(*best)
    twice = scene_of("summer", "[comfort]\nreference_per_kwh = 0.144")
    moved = simulate(twice.market("flat"), prepare(twice)).fleet.of_kind("hvac").table.best_degc
    t_set_degc = twice.homes.owned["hvac"].t_set_degc
    np.testing.assert_allclose(moved - t_set_degc, 2 * (best[0] - t_set_degc), rtol=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("season", ["summer", "winter"])
@pytest.mark.parametrize("has", [(0.0, 0.0, 0.0, 0.0), (1.0, 0.0, 1.0, 0.0)], ids=["none", "some"])
def test_homes_without_a_unit_run_in_every_design_and_feel_nothing(season, has):
    """Gas heat and no cooling: in the data such a home has a capacity of zero."""
    scene = scene_of(season)
    house = scene.homes.owned["hvac"]
    homes = changed(
        scene.homes,
        "hvac",
        cool_kw=house.cool_kw * np.array(has),
        heat_kw=house.heat_kw * np.array(has),
    )
    one = (
        np.zeros(1, np.int64),
        np.full(1, 13.5),
        np.full(1, 5.0),
        np.full(1, 0.95),
    )  # the retailer is made of homes with
    scene = replace(scene, homes=own(homes, "battery", Batteries(*one)))  # something to sell
    study = prepare(scene)
    without = np.array(has) == 0
    for name in names("market"):
        o = evaluate(name, simulate(scene.market(name), study), study)
        assert np.isfinite([*o.home_kw.ravel(), *o.bill_usd, o.left_usd, *o.price_per_kwh]).all()
        for felt in (
            o.device_usd["comfort"],
            o.felt["discomfort_k_h"],
            o.felt["hvac_starts"],
            np.abs(o.series["comfort_dev_k"]).sum(1),
        ):
            assert np.all(felt[without] == 0.0)
        assert np.all(o.device_usd["comfort"][~without] > 0)
