"""Stores that end a run where the flat design leaves them: little of a gain is what they hold, and nothing else moves."""

from types import SimpleNamespace

import numpy as np
import pytest

from gridagora.core.device import GroupBelief
from gridagora.core.errors import InputError
from gridagora.core.registry import names
from gridagora.kernels.stores.value import best_response, stores
from gridagora.population.store_ends import (
    SPREAD_H,
    StoreEnds,
    draw_hours,
    end_bids,
    end_plans,
    find_states,
)
from gridagora.results.gain import left_gain_usd
from gridagora.run.area import area_of
from gridagora.run.area_tree import AreaShape
from gridagora.run.compare import compare, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.studies.step_worlds import PreparedScene, _run_design

SCENE = """
[scenario]
seed = {seed}
days = 2
[homes]
count = 6
pv_share = 0.7
ev_share = 0.5
battery_share = 0.5
{homes}
[substation]
limit_share_of_flat_peak = 0.9
over_per_kwh = 0.228
[market]
closes_stores = {closes}
"""
PLANS = [name for name in names("market") if name != "flat"]
LAST = 47


def made(closes="true", seed=5, homes=""):
    scene = build.build(
        read.parse(SCENE.format(closes=closes, seed=seed, homes=homes), "ends.toml")
    )
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def closed():
    """Return a scene in which stores end as the flat design leaves them."""
    return made()


@pytest.fixture(scope="module")
def free():
    """Return the same scene, in which they end as they do."""
    return made("false")


def play(pair, name):
    scene, study = pair
    ran = simulate(scene.market(name), study)
    return ran, evaluate(name, ran, study)


def left_kwh(ran):
    return {each.about.kind: each.outcome.left_kwh for each in ran.lived}


@pytest.mark.parametrize("name", PLANS)
def test_stores_end_where_the_flat_design_leaves_them(closed, name):
    """A battery to its last part, a tank and a house within what a thermostat leaves open."""
    flat, own = (left_kwh(play(closed, each)[0]) for each in ("flat", name))
    off = {kind: np.abs(own[kind] - flat[kind]).max(initial=0.0) for kind in flat}
    assert off["battery"] < 0.1
    assert off["water_heater"] < 1.0
    assert off["hvac"] < 1.0


@pytest.mark.parametrize("name", ["flat_optimised", "rtp", "central", "layered"])
def test_less_of_the_gain_is_left_in_stores(closed, free, name):
    gains = [
        left_gain_usd(*(play(pair, each)[1] for each in (name, "flat"))) for pair in (closed, free)
    ]
    assert abs(gains[0]) < 0.25 * abs(gains[1]) + 0.01


@pytest.mark.parametrize("name", PLANS)
def test_hours_whose_plans_do_not_reach_the_end_are_the_same(closed, free, name):
    """A plan sees a day ahead, so the first day less the hours in which homes are to be there is as it was."""
    before = 12 * (LAST - SPREAD_H + 2 - closed[1].window_h)
    one, other = (np.asarray(play(pair, name)[1].home_kw)[:, :before] for pair in (closed, free))
    assert before > 12
    np.testing.assert_array_equal(one, other)


def test_the_flat_design_is_the_same(closed, free):
    one, other = (play(pair, "flat")[1] for pair in (closed, free))
    np.testing.assert_array_equal(one.home_kw, other.home_kw)
    assert free[1].end_x is None


def test_no_design_beats_the_bound(closed):
    found = compare(closed[0], ["flat", "rtp", "central", "layered"])
    assert "failed" not in found.summary
    told = found.summary["manifest"]["left_in_stores"]
    assert told["are_closed"]


def test_the_manifest_says_where_stores_are_much_of_a_gain(free):
    found = compare(free[0], ["flat", "flat_optimised", "rtp"]).summary
    told, entries = found["manifest"]["left_in_stores"], found["architectures"]
    warned = [
        name
        for name, entry in entries.items()
        if any("what stores hold" in text for text in entry["warnings"])
    ]
    assert told["designs"] == warned
    assert not told["are_closed"]
    assert told["much_share"] == 0.2


@pytest.mark.parametrize("name", ["rtp", "central", "layered"])
def test_worlds_in_step_end_as_each_alone(closed, name):
    pairs = [closed, made(seed=6, homes="participation_share = 0.5")]
    alone = [play(pair, name)[1] for pair in pairs]
    among = _run_design(name, [PreparedScene(*pair) for pair in pairs])
    for own, other in zip(alone, among, strict=True):
        np.testing.assert_array_equal(other.home_kw, own.home_kw)
        assert other.left_usd == own.left_usd


def test_homes_are_to_be_there_in_one_of_the_last_hours():
    homes = [f"home-{row}" for row in range(200)]
    since = draw_hours(3, homes, LAST)
    assert set(since.tolist()) == set(range(LAST - SPREAD_H + 1, LAST + 1))
    np.testing.assert_array_equal(draw_hours(3, homes[:50], LAST), since[:50])


def battery(hours, x0=2.0):
    return stores(
        [x0] * 2,
        np.ones(hours),
        p_min_kw=-4.0,
        p_max_kw=4.0,
        x_max=10.0,
        gain_in=0.9,
        gain_out=0.9,
        end_x=(0.0, 10.0),
        end_mu=(0.05, 0.05),
    )


GROUP = SimpleNamespace(about=SimpleNamespace(kind="battery"), home=np.array([0, 1]))


def test_a_plan_is_where_it_is_to_be_from_its_hour_on():
    """Home 0 from hour 44 on, home 1 from hour 46 on; after the end both do as they like."""
    ends = StoreEnds(LAST, np.array([44, 46]), {"battery": np.tile([[6.0], [1.0]], SPREAD_H)})
    price = np.linspace(0.02, 0.10, 12)
    plan = end_plans(GroupBelief(np.arange(2), battery(12)), GROUP, ends, 40)
    x = best_response(plan.stores, price, price).x[:, 1:]
    np.testing.assert_allclose(x[0, 4:8], 6.0, atol=0.15)
    np.testing.assert_allclose(x[1, 6:8], 1.0, atol=0.15)
    assert abs(x[1, 4] - 1.0) > 0.5
    assert (np.abs(x[:, -1] - [6.0, 1.0]) > 0.5).all()


def test_off_by_a_little_costs_what_is_said():
    """The slope of what a plan pays is one dollar a kWh for every kWh of electricity off."""
    ends = StoreEnds(LAST, np.array([LAST, LAST]), {"battery": np.full((2, SPREAD_H), 5.0)})
    table = end_bids(battery(1), GROUP, np.arange(2), ends, LAST)
    price = np.array([0.5])
    x = best_response(table._replace(x0=np.full(2, 5.0)), price, price).x[:, 1]
    # discharging earns 0.9 of 0.5 $ a kWh stored, of which 0.05 is kept if it stays: (5 - x) / 0.9**2 = 0.4
    np.testing.assert_allclose(5.0 - x, 0.4 * 0.9**2, rtol=1e-9)


def test_each_hour_wants_the_state_as_it_counts_it():
    states = np.arange(2.0 * SPREAD_H).reshape(2, SPREAD_H)
    ends = StoreEnds(LAST, np.full(2, LAST - SPREAD_H + 1), {"battery": states})
    for column, hour in enumerate(range(LAST - SPREAD_H + 1, LAST + 1)):
        table = end_bids(battery(1), GROUP, np.arange(2), ends, hour)
        np.testing.assert_array_equal(table.x_set[:, 0], states[:, column])


def test_other_hours_and_other_kinds_are_the_very_same_table():
    ends = StoreEnds(LAST, np.array([44, 46]), {"battery": np.full((2, SPREAD_H), 5.0)})
    table, rows = battery(1), np.arange(2)
    other = SimpleNamespace(about=SimpleNamespace(kind="hvac"), home=np.array([0, 1]))
    assert end_bids(table, GROUP, rows, ends, LAST - SPREAD_H) is table
    assert end_bids(table, GROUP, rows, ends, LAST + 1) is table
    assert end_bids(table, other, rows, ends, LAST) is table
    assert end_bids(table, GROUP, rows, None, LAST) is table


def test_a_state_is_counted_as_each_hour_counts_it():
    def believe(window):
        x0 = np.array([1.0, 2.0]) * (-1.0 if window.hour < LAST else 1.0)
        return GroupBelief(np.array([0, 2]), battery(1)._replace(x0=x0))

    about = SimpleNamespace(kind="hvac", family="thermal comfort", is_valued=True)
    group = SimpleNamespace(about=about, home=np.arange(3), believe=believe)
    found = find_states([group], LAST)["hvac"]
    assert found[0].tolist() == [-1.0] * (SPREAD_H - 1) + [1.0]
    assert np.isnan(found[1]).all()
    assert found[2, -1] == 2.0


def test_an_area_has_no_flat_run_to_end_as():
    scene = build.build(
        read.parse(
            "[homes]\ncount = 4\n[area]\nhomes = 8\n[market]\ncloses_stores = true\n", "a.toml"
        )
    )
    with pytest.raises(InputError, match="closes_stores"):
        area_of(scene, AreaShape(homes=8))
