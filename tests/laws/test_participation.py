"""Homes that take no part do in every design what they do under the flat one; the rest live with that."""

import itertools

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.registry import names
from gridagora.results.outcome import welfare_before_losses_usd
from gridagora.run.compare import prepare, study_of
from gridagora.run.evaluate import evaluate
from gridagora.run.participation import draw_participation, expect_load_kw
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.scenario.describe import scene_lines
from gridagora.studies.step_worlds import PreparedScene, _run_design
from tests.laws.uncharged import charge_nobody

FEW = """
[scenario]
seed = 5
days = 1
[homes]
count = 6
pv_share = 0.7
ev_share = 0.5
battery_share = 0.5
participation_share = {0}
[substation]
limit_share_of_flat_peak = 0.9
over_per_kwh = 1.0
"""
EVERY = pytest.mark.parametrize("name", [name for name in names("market") if name != "retailer"])


def made(share):
    scene = build.build(read.parse(FEW.format(share), "few.toml"))
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def nobody():
    """Return a scene in which no home takes part."""
    return made(0.0)


@pytest.fixture(scope="module")
def half():
    """Return the scene in which half of the homes take part."""
    return made(0.5)


def play(pair, name):
    scene, study = pair
    return evaluate(name, simulate(scene.market(name), study), study)


@EVERY
def test_where_nobody_takes_part_every_design_is_the_flat_one(nobody, name):
    """Power, comfort and cost to the last bit; bills alone depend on the design."""
    flat, own = play(nobody, "flat"), play(nobody, name)
    np.testing.assert_array_equal(own.home_kw, flat.home_kw)
    for item, usd in flat.device_usd.items():
        np.testing.assert_array_equal(own.device_usd[item], usd)
    assert welfare_before_losses_usd(own) == welfare_before_losses_usd(flat)


@EVERY
def test_who_takes_no_part_is_the_same_in_all_designs(half, name):
    out = ~half[1].automated
    assert out.sum() == 3
    flat, own = play(half, "flat"), play(half, name)
    np.testing.assert_array_equal(np.asarray(own.home_kw)[out], np.asarray(flat.home_kw)[out])
    assert own.imbalance_uusd == 0
    if name != "flat":
        assert not np.array_equal(np.asarray(own.home_kw)[~out], np.asarray(flat.home_kw)[~out])


def test_prosumers_who_take_no_part_are_no_retailer(half, nobody):
    own = play(half, "retailer")
    sellers = set(own.ledger.payee[own.ledger.item == "retail margin"])
    assert sellers <= set(np.flatnonzero(half[1].automated))
    with pytest.raises(InputError, match="prosumer"):
        play(nobody, "retailer")


def test_a_larger_share_has_the_homes_of_a_smaller_one():
    homes = [f"home-{row}" for row in range(40)]
    drawn = [draw_participation(7, homes, share) for share in (0.0, 0.25, 0.5, 0.75)]
    assert [each.sum() for each in drawn] == [0, 10, 20, 30]
    for less, more in itertools.pairwise(drawn):
        assert not (less & ~more).any()
    assert draw_participation(7, homes, 1.0) is None


def test_what_is_expected_is_the_hourly_mean_of_the_flat_design():
    load_kw, power = np.ones((49, 2)), np.arange(96.0).reshape(2, 48)
    taken = expect_load_kw(load_kw, np.array([True, False]), power, 1)
    np.testing.assert_array_equal(taken[:, 0], 1.0)
    np.testing.assert_array_equal(taken[:24, 1], power[1].reshape(24, 2).mean(1))
    np.testing.assert_array_equal(taken[24:48, 1], taken[:24, 1])
    assert taken[48, 1] == taken[24, 1]


def test_a_design_may_have_a_share_of_its_own():
    own = '[[design]]\nname = "half tou"\nmarket = "tou"\nparticipation_share = 0.5\n'
    scene = build.build(read.parse(FEW.format(1.0) + own, "few.toml"))
    study = prepare(scene)
    assert study.automated is None
    assert study_of(scene, study, "half tou").automated.sum() == 3
    assert study_of(scene, study, "tou") is study
    assert "participation_share = 0.5" in scene_lines(scene)["designs"]
    assert read.parse(scene.text).shares_of("half tou") == (0.5, 0.0)


@pytest.mark.parametrize("share", ["1.5", "-0.1", '"half"'])
def test_what_is_no_share_is_refused(share):
    own = f'[[design]]\nname = "some"\nmarket = "tou"\nparticipation_share = {share}\n'
    with pytest.raises(InputError, match="some participation_share"):
        read.parse(FEW.format(1.0) + own, "few.toml")
    with pytest.raises(InputError, match="participation_share"):
        read.parse(FEW.format(share), "few.toml")


def test_check_says_who_takes_part(half):
    assert "50% of homes take part" in scene_lines(half[0])["equipment"]


def test_a_world_in_step_is_scored_with_the_share_of_its_design():
    own = '[[design]]\nname = "half sell"\nmarket = "retailer"\nparticipation_share = 0.5\n'
    scene = charge_nobody(build.build(read.parse(FEW.format(1.0) + own, "few.toml")))
    study = study_of(scene, prepare(scene), "half sell")
    alone = evaluate("half sell", simulate(scene.market("half sell"), study), study)
    (among,) = _run_design("half sell", [PreparedScene(scene, prepare(scene))])
    np.testing.assert_array_equal(among.bill_usd, alone.bill_usd)
