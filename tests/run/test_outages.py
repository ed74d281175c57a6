"""Agents that are offline: how often and how long, the same for every design, and what a home does meanwhile."""

import numpy as np
import pytest

from gridagora.run.compare import outages_of, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.outages import Outages, draw_outages, hear_quotes, offline_hours
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read

STREET = """
[scenario]
seed = 3
days = 1
[homes]
count = 8
pv_share = 0.5
battery_share = 0.5
ev_share = 0.5
"""
DESIGNS = ("rtp", "central", "layered", "peer", "auction")


def street(*overrides):
    return build.build(read.parse(STREET, "street.toml", overrides=list(overrides)))


@pytest.fixture(scope="module")
def scene():
    return street()


@pytest.fixture(scope="module")
def study(scene):
    return prepare(scene)


def always(scene):
    """Outages of all homes over the whole run."""
    n = len(scene.homes.home_id)
    ends = scene.start_s - 1.0, scene.start_s + 1e9
    return Outages(n, np.arange(n), *(np.full(n, each) for each in ends))


def ran(scene, study, name, outages):
    links = study.links._replace(outages=outages)
    return simulate(scene.market(name), study._replace(links=links))


def test_homes_are_offline_as_often_and_as_long_as_asked():
    """Closed form of M/G/infinity: 1 - exp(-rate mean); onsets by the hour add less than 1 % here."""
    found = draw_outages(1, 4000, 0, 2, 1.0, 3.0)
    share = np.mean([found.offline(3600.0 * hour).mean() for hour in range(0, 48, 3)])
    assert share == pytest.approx(1 - np.exp(-3.0 / 24), abs=0.01)
    assert (found.to_s - found.from_s).mean() == pytest.approx(3 * 3600, rel=0.05)
    assert offline_hours(found, 0, 2, 1.0) == pytest.approx(4000 * 48 * share, rel=0.05)


def test_more_homes_and_a_longer_run_begin_with_the_same_outages():
    small, large = (draw_outages(1, n, 0, days, 4.0, 2.0) for n, days in ((50, 1), (80, 2)))
    for now_s in range(0, 86400, 1800):
        assert np.array_equal(small.offline(now_s), large.offline(now_s)[:50])


def test_no_outages_are_drawn_where_none_are_asked_for(scene):
    assert outages_of(scene) is None
    assert outages_of(street("links.outages_per_day=2")) is not None


@pytest.mark.parametrize("name", DESIGNS)
def test_outages_of_nobody_change_nothing(name, scene, study):
    none = np.zeros(0)
    nobody = Outages(len(scene.homes.home_id), np.zeros(0, np.int64), none, none)
    plain, got = (evaluate(name, ran(scene, study, name, each), study) for each in (None, nobody))
    assert np.array_equal(np.asarray(plain.home_kw), np.asarray(got.home_kw))
    assert np.array_equal(plain.price_per_kwh, got.price_per_kwh)


@pytest.mark.parametrize("name", DESIGNS)
def test_money_and_energy_balance_while_homes_come_and_go(name, scene, study):
    outages = draw_outages(5, len(scene.homes.home_id), scene.start_s, 1, 8.0, 2.0)
    got = evaluate(name, ran(scene, study, name, outages), study)
    assert got.imbalance_uusd == 0
    assert got.energy_balance_kwh <= 1e-9
    assert np.isfinite(np.asarray(got.home_kw)).all()
    plain = evaluate(name, ran(scene, study, name, None), study)
    assert not np.array_equal(np.asarray(plain.home_kw), np.asarray(got.home_kw))


def test_an_operator_that_reaches_nobody_leaves_all_to_their_thermostats(scene, study):
    central, flat = (ran(scene, study, name, always(scene)) for name in ("central", "flat"))
    kinds = central.track.kinds
    assert kinds == flat.track.kinds
    thermal = [kinds.index(kind) for kind in ("hvac", "water_heater", "ev")]
    assert np.array_equal(central.track.device_kw[thermal], flat.track.device_kw[thermal])


@pytest.mark.parametrize("name", ["flat", "tou", "flat_optimised"])
def test_a_price_set_before_the_run_needs_no_message(name, scene, study):
    plain, got = (
        evaluate(name, ran(scene, study, name, each), study) for each in (None, always(scene))
    )
    assert np.array_equal(np.asarray(plain.home_kw), np.asarray(got.home_kw))


def test_a_home_that_is_offline_keeps_to_the_price_it_heard_last():
    from gridagora.core.exchange import Quotes

    def posted(buy):
        rows = np.full((3, 1), buy)
        return Quotes(None, np.arange(3), rows, rows - 0.01, np.ones((3, 1)))

    home = np.array([0, 1, 1])
    nobody, second = np.array([False, False]), np.array([False, True])
    _, heard = hear_quotes(posted(0.1), home, nobody, None)
    quotes, heard = hear_quotes(posted(0.5), home, second, heard)
    assert quotes.buy_per_kwh[:, 0].tolist() == [0.5, 0.1, 0.1]
    quotes, heard = hear_quotes(posted(0.7), home, second, heard)
    assert quotes.buy_per_kwh[:, 0].tolist() == [0.7, 0.1, 0.1]
    quotes, _ = hear_quotes(posted(0.2), home, nobody, heard)
    assert quotes.sell_per_kwh[:, 0].tolist() == pytest.approx([0.19, 0.19, 0.19])


def test_a_duration_of_no_outages_is_refused():
    with pytest.raises(ValueError, match="only of outages"):
        street("links.outage_hours=3")
