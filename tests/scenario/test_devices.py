"""Generators and loads that answer to price, drawn by their own keys, run in every design."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.results.outcome import costs_usd, welfare_usd
from gridagora.run.compare import compute_bound, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, describe, read

TEXT = """
[scenario]
seed = 4
days = 1
[homes]
count = 6
[homes.generator]
share = 0.5
kw = 6.0
cost_per_kwh = 0.1
[homes.appliances]
part_share = 0.4
elasticity = 0.3
[substation]
limit_share_of_flat_peak = 0.7
over_per_kwh = 1.0
"""


@pytest.fixture(scope="module")
def owned():
    scene = build.build(read.parse(TEXT))
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def ran(owned):
    scene, study = owned
    names = ("flat", "tou", "rtp", "central", "layered", "auction", "peer")
    return {name: evaluate(name, simulate(scene.market(name), study), study) for name in names}


def test_part_of_the_load_becomes_a_device(owned):
    scene = owned[0]
    plain = build.build(read.parse(TEXT.partition("[homes.generator]")[0]))
    kept, table = scene.homes.load_kw, scene.homes.owned["appliances"]
    np.testing.assert_allclose(table.usual_kw + kept, plain.homes.load_kw, atol=1e-12)
    np.testing.assert_allclose(table.usual_kw, 0.4 * plain.homes.load_kw, atol=1e-12)
    assert len(scene.homes.owned["generator"].home) == 3


def test_check_tells_who_owns_them(owned):
    (line,) = (line for line in describe.scene_lines(owned[0]).values() if "with solar" in line)
    assert "3 with generators" in line
    assert "6 with responsive appliances" in line


def test_meters_hold_them_and_thermostat_homes_use_them_as_ever(owned, ran):
    for o in ran.values():
        np.testing.assert_allclose(
            o.fixed_kw + sum(o.device_kw.values()) + o.other_kw, o.load_kw, atol=1e-9
        )
        assert o.energy_balance_kwh <= 1e-9
        assert (o.device_kw["generator"] <= 0).all()
    usual = np.repeat(owned[0].homes.owned["appliances"].usual_kw.sum(0)[:24], 12)
    np.testing.assert_allclose(ran["flat"].device_kw["appliances"], usual, atol=1e-9)
    assert not ran["flat"].device_kw["generator"].any()
    assert costs_usd(ran["flat"])["fuel"] == 0


def test_a_generator_runs_where_energy_is_dearer_than_its_fuel(ran):
    o = ran["tou"]
    dear, cheap = o.price_per_kwh > 0.101, o.price_per_kwh < 0.099
    assert dear.any() and cheap.any()
    np.testing.assert_allclose(o.device_kw["generator"][dear], -18.0, atol=1e-6)
    np.testing.assert_allclose(o.device_kw["generator"][cheap], 0.0, atol=1e-6)
    made = -o.device_kw["generator"].sum() * o.dt_h
    assert costs_usd(o)["fuel"] == pytest.approx(0.1 * made)


def test_a_load_follows_its_demand_curve(owned, ran):
    o, table = ran["tou"], owned[0].homes.owned["appliances"]
    usual = np.repeat(table.usual_kw[:, :24], 12, axis=1)
    share = np.clip(1 - 0.3 * (o.price_per_kwh / 0.072 - 1), 0.0, 2.0)
    np.testing.assert_allclose(o.device_kw["appliances"], (usual * share).sum(0), atol=1e-6)


def test_no_design_is_above_the_bound(owned, ran):
    scene, study = owned
    top = compute_bound(scene, study)
    assert {"generator", "appliances"} <= set(top.device_usd)
    for name, o in ran.items():
        assert welfare_usd(o) <= top.welfare_usd, name
    assert top.feasible_usd <= top.welfare_usd
    assert top.gap_usd < 0.1 * abs(top.welfare_usd)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InputError) as caught:
        read.parse(
            "[homes.generator]\nkw = -3.0\ncost_per_kwh = -1.0\n[homes.appliances]\nelasticity = -0.1\nsize = 3\n",
            "a.toml",
        )
    said = [str(problem) for problem in caught.value.problems]
    assert any(
        "a.toml: [homes.generator] kw: got -3, expected a number above 0" in line for line in said
    )
    assert any("a.toml: [homes.generator] cost_per_kwh: got -1" in line for line in said)
    assert any(
        "an unknown key 'size', expected a key of the device 'appliances'" in line for line in said
    )


BATTERIES = """
[scenario]
seed = 4
days = 1
[homes]
count = 6
pv_share = 1.0
battery_share = 0.5
"""


def played(text):
    scene = build.build(read.parse(text))
    study = prepare(scene)
    runs = {
        name: evaluate(name, simulate(scene.market(name), study), study)
        for name in ("flat", "layered", "tou")
    }
    return scene, study, runs


@pytest.fixture(scope="module")
def columns():
    return played(BATTERIES)


def test_batteries_by_their_own_keys_are_those_of_the_homes(columns):
    """The same owners and ratings, said in `[homes]` or in `[homes.battery]`: bit for bit the same runs."""
    scene, _, runs = played(
        BATTERIES.replace("battery_share = 0.5", "[homes.battery]\nshare = 0.5")
    )
    assert len(scene.homes.owned["battery"].home) == 3
    for name, o in runs.items():
        assert np.array_equal(o.home_kw, columns[2][name].home_kw)
        assert np.array_equal(o.device_usd["wear"], columns[2][name].device_usd["wear"])


def test_two_batteries_of_half_the_size_are_one(columns):
    """A home with two halves does what it did with the whole, and wears as much; in a market ties may fall to other homes."""
    halves = BATTERIES.replace(
        "battery_share = 0.5", "[homes.battery]\nshare = 0.5\neach = 2\nkwh = 6.75\nkw = 2.5"
    )
    scene, study, runs = played(halves)
    group = simulate(scene.market("flat"), study).fleet.of_kind("battery")
    assert len(group.home) == 6
    assert np.bincount(group.home).max() == 2
    for name, o in runs.items():
        whole = columns[2][name]
        assert o.energy_balance_kwh <= 1e-9
        assert o.device_usd["wear"].sum() == pytest.approx(whole.device_usd["wear"].sum(), rel=0.02)
        assert welfare_usd(o) == pytest.approx(welfare_usd(whole), rel=0.01)
        if name != "layered":
            np.testing.assert_allclose(
                o.device_kw["battery"], whole.device_kw["battery"], atol=1e-5, err_msg=name
            )
            np.testing.assert_allclose(o.device_usd["wear"], whole.device_usd["wear"], atol=1e-5)
    top, before = compute_bound(scene, study), compute_bound(columns[0], columns[1])
    assert top.welfare_usd == pytest.approx(before.welfare_usd, rel=1e-3)
    assert all(welfare_usd(o) <= top.welfare_usd for o in runs.values())
