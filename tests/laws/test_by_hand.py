"""Homes that act by hand on dear windows, and do everywhere else what they do under the flat design."""

import numpy as np
import pytest

from gridagora.core.device import DearWindows
from gridagora.core.errors import InputError, PartError
from gridagora.core.registry import find, names
from gridagora.kernels.physics.fleet import Hours
from gridagora.population.by_hand import SET_BACK_K, set_back
from gridagora.run.compare import prepare, study_of
from gridagora.run.dear_windows import find_dear_hours, find_ends, find_windows, join_windows
from gridagora.run.evaluate import evaluate
from gridagora.run.participation import draw_by_hand, draw_participation
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.scenario.describe import scene_lines
from gridagora.settlement.tariff import Tariff
from gridagora.studies.step_worlds import PreparedScene, _run_design
from tests.laws.uncharged import charge_nobody

SCENE = """
[scenario]
seed = 5
days = 2
architectures = ["tou", "critical_peak", "staggered", "rtp"]
[homes]
count = 8
pv_share = 0.5
ev_share = 0.9
battery_share = 0.5
participation_share = {0}
by_hand_share = {1}
[homes.ev]
share = 0.9
daily_share = 1.0
[substation]
limit_share_of_flat_peak = 0.5
over_per_kwh = 1.0
[[design]]
name = "staggered"
market = "tou"
groups = 2
stagger_hours = 3
"""
WINDOWS = ("tou", "critical_peak", "staggered")
ELSEWHERE = [name for name in names("market") if not find("market", name)().rules.posts_windows]
HOUR_S = 3600


def made(automated, by_hand, more=""):
    text = SCENE.replace("ev_share = 0.9\n", "", 1).format(automated, by_hand) + more
    scene = build.build(read.parse(text, "hand.toml"))
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def mixed():
    """Return a scene in which two homes are automated, four act by hand and two do nothing."""
    return made(0.25, 0.5)


@pytest.fixture(scope="module")
def idle():
    """Return the same scene, in which who acted by hand does nothing."""
    return made(0.25, 0.0)


def play(pair, name):
    scene, study = pair
    own = study_of(scene, study, name)
    return evaluate(name, simulate(scene.market(name), own), own)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_where_no_window_is_posted_they_do_what_they_do_under_flat(mixed, name):
    flat, own, hand = play(mixed, "flat"), play(mixed, name), mixed[1].by_hand
    assert hand.sum() == 4
    np.testing.assert_array_equal(np.asarray(own.home_kw)[hand], np.asarray(flat.home_kw)[hand])


@pytest.mark.parametrize("name", ELSEWHERE)
def test_where_no_window_is_posted_the_share_changes_nothing(mixed, idle, name):
    one, other = play(mixed, name), play(idle, name)
    np.testing.assert_array_equal(one.home_kw, other.home_kw)
    np.testing.assert_array_equal(one.bill_usd, other.bill_usd)


@pytest.mark.parametrize("name", WINDOWS)
def test_they_act_on_windows_and_nobody_else_changes(mixed, idle, name):
    hand = mixed[1].by_hand
    one, other = play(mixed, name), play(idle, name)
    np.testing.assert_array_equal(np.asarray(one.home_kw)[~hand], np.asarray(other.home_kw)[~hand])
    assert (np.asarray(one.home_kw)[hand] != np.asarray(other.home_kw)[hand]).any()
    assert one.imbalance_uusd == 0
    assert one.energy_balance_kwh < 1e-9


@pytest.mark.parametrize("name", WINDOWS)
def test_nothing_changes_before_the_first_window_and_less_is_drawn_in_it(mixed, idle, name):
    scene, study = mixed
    market, hand = scene.market(name), np.flatnonzero(study.by_hand)
    one, other = (np.asarray(play(pair, name).home_kw) for pair in (mixed, idle))
    per, hours = round(1 / study.dt_h), 24 * study.days
    state = market.start(start_of(study))
    windows = find_windows(market, state, study.local_hour, study.by_hand)
    dear = np.array([windows.end_of(hand, hour) > hour for hour in range(hours)]).T
    for home, own in zip(hand, dear, strict=True):
        first = int(np.flatnonzero(own)[0]) * per
        np.testing.assert_array_equal(one[home, :first], other[home, :first])
    inside = np.repeat(dear, per, axis=1)
    assert (one[hand] * inside).sum() < (other[hand] * inside).sum()


def start_of(study):
    from gridagora.run.forecast import real_time_per_kwh
    from gridagora.run.state import baseline

    return baseline(study, real_time_per_kwh(study.wholesale, 24 * study.days + 24, study.dt_h))


def test_no_car_charges_in_a_window_that_it_can_wait_for(mixed):
    scene, study = mixed
    ran = simulate(scene.market("tou"), study)
    cars, per = scene.homes.owned["ev"], round(1 / study.dt_h)
    column = np.asarray(ran.track.recorder.column("ev_kw"))
    waited = 0
    for row in np.flatnonzero(study.by_hand[cars.home]):
        day = int(cars.arrive_s[row]) // (24 * HOUR_S)
        begin_s, end_s = ((24 * day + hour) * HOUR_S for hour in (14, 20))
        fits = 7.2 * 0.9 * (cars.depart_s[row] - end_s) / HOUR_S >= cars.need_kwh[row]
        if begin_s <= cars.arrive_s[row] < end_s and fits:
            at = slice(cars.arrive_s[row] * per // HOUR_S, end_s * per // HOUR_S)
            assert not column[cars.home[row], at].any()
            assert column[cars.home[row], end_s * per // HOUR_S] == pytest.approx(7.2)
            waited += 1
    assert waited
    assert play(mixed, "tou").felt["ev_unmet_kwh"][study.by_hand].max() == pytest.approx(0.0)


def test_an_even_price_has_no_window(mixed):
    scene, study = mixed
    for market in (find("market", "tou")(peak_ratio=1.0), scene.market("flat")):
        state = market.start(start_of(study))
        assert find_windows(market, state, study.local_hour, study.by_hand) is None


def test_windows_of_two_days_and_two_groups():
    price = np.ones((2, 48))
    price[0, [14, 15, 16, 38]] = 2.0
    price[1, [0, 1, 23]] = 2.0
    price[1, 24:] = 5.0  # an even day: dear by no lower price of its own
    local = np.arange(48) % 24
    dear = find_dear_hours(price, local)
    assert np.flatnonzero(dear[0]).tolist() == [14, 15, 16, 38]
    assert np.flatnonzero(dear[1]).tolist() == [0, 1, 23]
    ends = find_ends(dear)
    assert ends[0, [13, 14, 15, 16, 17, 38]].tolist() == [13, 17, 17, 17, 17, 39]
    assert ends[1, [0, 1, 2, 23, 24]].tolist() == [2, 2, 2, 24, 24]


def test_the_thermostat_takes_less_where_it_cools_and_where_it_heats():
    ends = np.array([np.arange(4), [0, 3, 3, 3]])
    windows, home = DearWindows(np.array([0, 1, 1]), ends), np.arange(3)
    unit = np.array([-5.0, -5.0, 6.0])
    now = Hours(*(np.zeros(3),) * 2, unit, np.full(3, 2.0), np.full(3, 22.0))
    assert set_back(now, windows, home, 0).set_degc.tolist() == [22.0] * 3
    got = set_back(now, windows, home, 2).set_degc
    assert got.tolist() == [22.0, 22.0 + SET_BACK_K, 22.0 - SET_BACK_K]
    assert set_back(now, None, home, 2) is now


def test_windows_of_runs_in_step_are_those_of_each():
    one = DearWindows(np.array([0, 1]), np.array([[0, 1], [1, 1]]))
    other = DearWindows(np.array([1, 0]), np.array([[0, 1], [2, 2]]))
    joined = join_windows([one, None, other], [2, 3, 2])
    assert joined.end_of(np.arange(7), 0).tolist() == [0, 1, 0, 0, 0, 2, 0]
    assert join_windows([None, None], [1, 2]) is None


def test_a_design_that_posts_windows_starts_with_a_tariff():
    market, tariff = find("market", "tou")(), Tariff(0, HOUR_S, np.ones(24), np.ones(24))
    hand, local = np.ones(2, np.bool_), np.arange(24)
    assert find_windows(market, tariff, local, hand) is None
    with pytest.raises(PartError, match="expected a Tariff"):
        find_windows(market, None, local, hand)


def test_shares_are_nested_and_never_overlap():
    homes = [f"home-{row}" for row in range(41)]
    before = np.zeros(41, np.bool_)
    for share in (0.0, 0.2, 0.5):
        hand = draw_by_hand(7, homes, 0.5, share)
        now = before if hand is None else hand
        assert not (before & ~now).any()
        assert not (now & draw_participation(7, homes, 0.5)).any()
        before = now
    assert before.sum() == 41 - round(0.5 * 41)


@pytest.mark.parametrize(
    ("homes", "design", "where"),
    [
        ("by_hand_share = 0.2", "", r"\[homes\] by_hand_share"),
        ("participation_share = 0.7\nby_hand_share = 0.4", "", r"\[homes\] by_hand_share"),
        ("by_hand_share = -0.1", "", "by_hand_share"),
        ("", "by_hand_share = 0.1", "some by_hand_share"),
        ("", "participation_share = 0.5\nby_hand_share = 0.6", "some by_hand_share"),
        (
            "participation_share = 0.5\nby_hand_share = 0.5",
            "participation_share = 0.6",
            "some participation_share",
        ),
        ("", 'by_hand_share = "all"', "some by_hand_share"),
    ],
)
def test_shares_of_more_than_all_homes_are_refused(homes, design, where):
    own = f'[[design]]\nname = "some"\nmarket = "tou"\n{design}\n' if design else ""
    with pytest.raises(InputError, match=where):
        read.parse(f"[homes]\n{homes}\n{own}", "few.toml")


def test_a_design_has_shares_of_its_own():
    own = '[[design]]\nname = "hand"\nmarket = "tou"\nparticipation_share = 0.0\nby_hand_share = 1.0\n'
    scene, study = made(1.0, 0.0, own)
    assert study.by_hand is None
    assert study_of(scene, study, "hand").by_hand.all()
    assert study_of(scene, study, "tou") is study


def test_check_says_who_acts_by_hand_and_where_nothing_asks_for_it(mixed):
    said = scene_lines(mixed[0])["equipment"]
    assert "25% of homes take part, 50% act by hand in dear windows, the others" in said
    assert "no design" not in said
    text = mixed[0].text.replace('["tou", "critical_peak", "staggered", "rtp"]', '["rtp"]')
    alone = build.build(read.parse(text, "hand.toml"))
    assert "no design that they live under posts dear windows" in scene_lines(alone)["equipment"]


def test_worlds_in_step_do_as_each_alone(mixed, idle):
    pairs = [PreparedScene(charge_nobody(scene), study) for scene, study in (mixed, idle)]
    for name in ("tou", "staggered"):
        alone = [play(pair, name) for pair in (mixed, idle)]
        for own, among in zip(alone, _run_design(name, pairs), strict=True):
            np.testing.assert_array_equal(among.home_kw, own.home_kw)
            np.testing.assert_array_equal(among.bill_usd, own.bill_usd)
