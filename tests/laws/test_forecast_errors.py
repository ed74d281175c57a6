"""Errors of forecasts: nil for what is measured, nil in the mean, growing with lead, known to plans and never to physics."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.device import Beside, Moment, Setting, Window
from gridagora.core.forecast_error import NO_ERRORS, ForecastErrors, draw_error, log_spread
from gridagora.core.registry import find, names
from gridagora.devices import generator, load
from gridagora.run.compare import prepare
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.scenario.schema import ForecastKeys

DEVICES = names("device")
N, H = 6, 49
KEYS = ForecastKeys(
    load_error_share=0.4, sun_error_share=0.3, temperature_error_k=2.0, draws_error_share=0.3
)
SCENE = """
[scenario]
seed = 3
days = 1
[homes]
count = 6
pv_share = 1
battery_share = 0.5
ev_share = 1
"""


@pytest.fixture(scope="module")
def scene():
    return build.build(read.parse(SCENE, "errors.toml"))


@pytest.fixture(scope="module")
def homes(scene):
    rows = np.arange(0, N, 2)
    more = {
        "generator": generator.of(rows, np.full(3, 4.0), np.linspace(0.05, 0.3, 3)),
        "appliances": load.Load(rows, 0.5 * scene.homes.load_kw[rows], 0.3, 0.072),
    }
    return scene.homes._replace(owned={**scene.homes.owned, **more})


def errors_of(seed, keys=KEYS, shape=(N, H)):
    from gridagora.run.forecast import draw_errors

    return draw_errors(keys, seed, shape)


def made(name, homes, errors, draws_known=False):
    hour = np.arange(H) % 24
    own = np.zeros(N, np.int64)
    setting = Setting(homes, hour, 1 / 12, 0.05, 0.072, "priority", 3, draws_known, own, errors)
    group = find("device", name).of(setting)
    assert group is not None, f"no home of the laws owns a {name}"
    return group


def columns(believed):
    found = {name: np.asarray(column) for name, column in believed.stores._asdict().items()}
    if believed.draws is not None:
        found["draws"] = np.asarray(believed.draws[slice(None)])
    return found


def equal(first, second):
    one, two = columns(first), columns(second)
    return all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("name", DEVICES)
def test_without_an_error_beliefs_are_as_they_were(name, homes):
    assert errors_of(1, ForecastKeys()) == NO_ERRORS
    window = Window(5, 24, 0.05)
    plain, none = (made(name, homes, errors) for errors in (NO_ERRORS, ForecastErrors()))
    assert equal(plain.believe(window), none.believe(window))


@pytest.mark.parametrize("draws_known", [False, True])
@pytest.mark.parametrize("name", DEVICES)
def test_the_first_hour_of_a_belief_is_the_truth_to_the_last_bit(name, homes, draws_known):
    for hour in (0, 7, 23):
        window = Window(hour, 1, 0.05)
        told, true = (
            made(name, homes, errors, draws_known) for errors in (errors_of(4), NO_ERRORS)
        )
        assert equal(told.believe(window), true.believe(window))
        if not told.about.is_valued:
            price = np.array([0.05])
            assert np.array_equal(told.planned_kw(window, price), true.planned_kw(window, price))


@pytest.mark.parametrize("name", ["appliances", "hvac", "pv", "water_heater"])
def test_later_hours_are_believed_otherwise_than_they_will_be(name, homes):
    window = Window(9, 12, 0.05)
    told, true = (made(name, homes, errors).believe(window) for errors in (errors_of(4), NO_ERRORS))
    assert not equal(told, true)


def test_the_mean_of_likely_draws_has_the_error_of_the_draws(homes):
    draws = made("water_heater", homes, errors_of(4)).believe(Window(9, 12, 0.05)).draws
    assert np.allclose(draws.mean(1), draws[slice(None)].mean(1), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", DEVICES)
def test_physics_and_the_bid_of_an_interval_never_see_an_error(name, homes):
    """Both groups step through a morning; whatever they are believed to do, the same happens."""
    told, true = (made(name, homes, errors) for errors in (errors_of(4), NO_ERRORS))
    beside = Beside(homes.load_kw[:, 0], np.zeros(N), None, True)
    for interval in range(0, 12 * 14, 7):
        hour, within = divmod(interval, 12)
        now = Moment(hour, 300.0 * interval, 1 / 12, (within + 1) / 12)
        rows = true.believe(Window(hour, 24, 0.05)).rows
        assert np.array_equal(told.believe(Window(hour, 24, 0.05)).rows, rows)
        bids = [group.tender(now, rows) for group in (told, true)]
        for one, two in zip(*bids, strict=True):
            assert np.array_equal(one, two)
        got, expected = (group.step(None, now, beside) for group in (told, true))
        assert np.array_equal(got.p_kw, expected.p_kw)
        assert np.array_equal(told.stored_kwh(), true.stored_kwh())


def test_errors_are_nil_in_the_mean_and_grow_with_lead_to_what_was_asked():
    """Closed form: the variance of a lead is 1 - keep**(2 lead) of that far ahead; 4 standard errors of slack."""
    homes, seeds, lead = np.arange(N), 400, 24
    found = np.stack(
        [
            draw_error(seed, "outdoor", (N, H), 6.0, 2.0, 0.3).offset(homes, 10, 10, lead)
            for seed in range(seeds)
        ]
    )
    assert (found[:, :, 0] == 0.0).all()
    assert np.abs(found.mean(0)).max() < 5 * 2.0 / seeds**0.5
    spread = found.std(axis=(0, 1))
    wanted = 2.0 * np.sqrt(1 - np.exp(-2 * np.arange(lead) / 6.0))
    assert np.allclose(spread[1:], wanted[1:], rtol=0.1)
    shared = np.corrcoef(found[:, 0, -1], found[:, 1, -1])[0, 1]
    assert shared == pytest.approx(0.3, abs=4 / seeds**0.5)


def test_a_factor_is_above_zero_one_in_the_mean_and_has_the_spread_asked_for():
    made_by = [
        draw_error(seed, "load", (50, H), 6.0, log_spread(0.45), 0.0).factor(
            np.arange(50), 0, 0, 25
        )
        for seed in range(200)
    ]
    far = np.stack(made_by)[:, :, -1]
    assert far.min() > 0.0
    assert far.mean() == pytest.approx(1.0, abs=4 * 0.45 / far.size**0.5)
    assert far.std() == pytest.approx(0.45, rel=0.05)


def test_later_forecasts_of_an_hour_know_more_and_never_contradict_the_earlier_in_the_mean():
    """The change from one issue to the next has nothing to do with the error that remains: a martingale."""
    pairs = []
    for seed in range(600):
        error = draw_error(seed, "sun", (1, H), 6.0, 1.0, 1.0)
        early, late = (error.offset(np.zeros(1, int), at, 20, 1)[0, 0] for at in (8, 14))
        pairs.append((early - late, late))
    change, remains = np.array(pairs).T
    assert abs(np.corrcoef(change, remains)[0, 1]) < 4 / 600**0.5


def test_more_homes_and_a_longer_run_begin_with_the_same_errors():
    small, large = (draw_error(1, "load", shape, 6.0, 1.0, 0.5) for shape in ((3, 25), (6, 49)))
    assert np.array_equal(small.common, large.common[:, :25])
    assert np.array_equal(small.own, large.own[:3, :25])


def test_an_error_of_one_quantity_draws_no_other_anew():
    alone = errors_of(7, ForecastKeys(load_error_share=0.4))
    assert np.array_equal(alone.load.own, errors_of(7).load.own)


@pytest.mark.parametrize("name", ["flat", "tou", "rtp", "central", "layered"])
def test_a_run_has_errors_in_its_plans_alone(name, scene):
    """The load that is metered is the same; a design whose homes look ahead acts otherwise, one of thermostats does not."""
    study = prepare(scene)
    wrong = study._replace(errors=errors_of(3, shape=scene.homes.load_kw.shape))
    true, told = (simulate(scene.market(name), each) for each in (study, wrong))
    same = np.array_equal(true.track.device_kw, told.track.device_kw)
    plans = find("strategy", scene.market(name).strategy)().plans
    assert same is not plans


def test_a_scenario_without_errors_draws_none(scene):
    assert prepare(scene).errors == NO_ERRORS
    keys = scene.scenario.model_copy(update={"forecast": KEYS})
    assert None not in prepare(replace(scene, scenario=keys)).errors


@pytest.mark.parametrize(
    "key", ["load_common_share=0.1", "sun_common_share=0.1", "correlation_hours=3"]
)
def test_a_key_of_no_error_is_refused(key):
    with pytest.raises(ValueError, match="only of an error"):
        read.parse("", overrides=[f"forecast.{key}"])
