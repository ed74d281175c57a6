"""Starts that fall together are told, and staggered by `[market] start_spread_minutes`."""

import numpy as np
import pytest

from gridagora.core.device import DeviceKind
from gridagora.kernels.curves.curve import curves
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.starts import StartDelay, delay_starts, find_simultaneous_starts
from gridagora.scenario import build, read

STREET = """
[scenario]
seed = 3
days = 1
[homes]
count = 16
pv_share = 0.0
battery_share = 0.0
ev_share = 0.5
"""
TANKS = 1  # row of `Record.kind_kw`
HVAC = (DeviceKind("hvac", "Heating and cooling"),)


@pytest.fixture(scope="module")
def street():
    scene = build.build(read.parse(STREET))
    return scene, prepare(scene)


def ran(street, name, spread_min):
    scene, study = street
    return simulate(scene.market(name), study._replace(start_spread_min=spread_min))


def rise(kind_kw):
    return np.diff(kind_kw, axis=0).clip(min=0).sum(1).max() / kind_kw.max(0).sum()


def test_an_hour_of_spread_halves_the_largest_start_and_cars_are_charged_as_before(street):
    at_once, apart = ran(street, "tou", 0.0), ran(street, "tou", 60.0)
    assert rise(at_once.track.kind_kw[TANKS]) > 0.5
    assert rise(apart.track.kind_kw[TANKS]) <= 0.5 * rise(at_once.track.kind_kw[TANKS])
    np.testing.assert_allclose(
        apart.fleet.of_kind("ev").e_kwh, at_once.fleet.of_kind("ev").e_kwh, atol=1e-6
    )
    warned = evaluate("tou", at_once, street[1]).warnings
    assert any("% of water heaters at 13:00" in text for text in warned)
    assert not any("water heaters" in text for text in evaluate("tou", apart, street[1]).warnings)


@pytest.mark.parametrize("name", ["central", "auction"])
def test_designs_that_clear_do_not_wait(street, name):
    assert np.array_equal(
        ran(street, name, 0.0).track.kind_kw, ran(street, name, 60.0).track.kind_kw
    )


def test_a_start_waits_for_the_offset_of_its_home_and_what_is_needed_at_any_price_does_not():
    """Homes wait 12, 12 and 3 minutes in steps of 5: the first starts in the third interval, the others at once."""
    offered = curves([([0.0, 4.0], [0.1, 0.1]), ([0.0, 4.0], [9.0, 9.0]), ([0.0, 4.0], [0.1, 0.1])])
    memory = StartDelay(np.array([12.0, 12.0, 3.0]), (np.zeros(3),))
    home, dearest = np.arange(3), np.full(3, 0.3)
    asked = [np.full(3, 4.0)] * 4 + [np.zeros(3)] + [np.full(3, 4.0)]
    given = [delay_starts(memory, each, offered, home, (home,), dearest, 1 / 12) for each in asked]
    assert [float(each[0]) for each in given] == [0.0, 0.0, 4.0, 4.0, 0.0, 0.0]
    assert [float(each[1]) for each in given] == [4.0, 4.0, 4.0, 4.0, 0.0, 4.0]
    assert [float(each[2]) for each in given] == [4.0, 4.0, 4.0, 4.0, 0.0, 4.0]


def test_where_nobody_waits_power_is_bit_equal(street):
    offered, home, p_kw = (
        curves([([0.0, 4.0], [0.1, 0.1])] * 3),
        np.arange(3),
        np.array([1.3, 4.0, -2.0]),
    )
    memory = StartDelay(np.zeros(3), (np.zeros(3),))
    assert np.array_equal(
        delay_starts(memory, p_kw, offered, home, (home,), np.full(3, 0.3), 1 / 12), p_kw
    )
    once, again = (ran(street, "tou", spread).track.kind_kw for spread in (0.0, 1e-9))
    assert np.array_equal(once, again)


def test_the_key_reaches_the_run():
    assert (
        prepare(
            build.build(read.parse(STREET, overrides=["market.start_spread_minutes=45"]))
        ).start_spread_min
        == 45
    )


def said_of(power_kw):
    """What is said of power (g, t, n)."""
    return find_simultaneous_starts(HVAC, power_kw.transpose(0, 2, 1), 1 / 12)


def test_the_measure_is_the_largest_rise_over_what_all_can_draw():
    """Six homes of 2 kW: four start in one interval and two later, 67 %; three and three, 50 %, is not above the threshold."""
    power = np.zeros((1, 12, 6))
    power[0, 6:, :4], power[0, 8:, 4:] = 2.0, 2.0
    (text,) = said_of(power)
    assert (
        "within one interval of 5 minutes starts, by power, 67% of heating and cooling at 00:30;"
        in text
    )
    power[0, 6:, 3], power[0, 8:, 3] = 0.0, 2.0
    assert said_of(power) == ()
    assert said_of(power[:, :, :4]) == ()
    assert said_of(power - 2.0) == (), "batteries that stop giving start nothing"
