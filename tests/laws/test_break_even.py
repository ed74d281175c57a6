"""At the price of overload that E1o names a design is worth what `flat` is; where it does something else there, by reruns."""

import json
import math
from functools import cache

import numpy as np
import pytest
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.core.errors import InputError
from gridagora.core.registry import names
from gridagora.results.gain import break_even_per_kwh
from gridagora.results.outcome import welfare_usd
from gridagora.run.compare import prepare, study_of
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.studies.break_even import (
    NEAR_PER_KWH,
    NEAR_USD,
    PricePoint,
    find_break_even,
    search_break_even,
    spell_break_even,
)

FEW = """
[scenario]
seed = 3
days = 1
[homes]
count = 10
pv_share = 0.5
ev_share = 0.5
battery_share = 0.4
[substation]
limit_share_of_flat_peak = 0.8
over_per_kwh = {0}
"""
PRICE = 0.3
BLIND = ("flat", "rtp", "auction", "peer")  # to the limit, and to the cost of the baseline
OTHERS = [name for name in names("market") if name != "flat"]


@cache
def case(price):
    scene = build.build(read.parse(FEW.format(price), "few.toml"))
    return scene, prepare(scene)


@cache
def play(name, price):
    scene, study = case(price)
    own = study_of(scene, study, name)
    return evaluate(name, simulate(scene.market(name), own), own)


@pytest.mark.parametrize("name", OTHERS)
def test_a_rerun_at_the_price_told_gives_both_the_same_welfare_where_both_do_the_same(name):
    """To a millionth of a dollar; a design that does something else there is told apart, and none of the blind does."""
    price = break_even_per_kwh(play(name, PRICE), play("flat", PRICE))
    if not 0.0 <= price <= 100.0:
        assert name not in BLIND, "the scene has a price for these"
        return
    there, flat = play(name, price), play("flat", price)
    np.testing.assert_array_equal(flat.home_kw, play("flat", PRICE).home_kw)
    is_same = np.array_equal(there.home_kw, play(name, PRICE).home_kw)
    assert is_same or name not in BLIND
    if is_same:
        assert welfare_usd(there) == pytest.approx(welfare_usd(flat), abs=1e-6)


def test_a_tariff_turns_between_two_prices_that_are_near():
    """Its level follows the cost of the baseline, overload included, and on/off units jump with it."""
    name = "tou"
    found = find_break_even(case(PRICE)[0], name)
    assert not found.is_told
    if found.low_per_kwh == found.high_per_kwh:
        assert abs(found.gain_usd) <= NEAR_USD
        return
    assert 0.0 < found.high_per_kwh - found.low_per_kwh <= NEAR_PER_KWH
    below, above = (
        welfare_usd(play(name, price)) - welfare_usd(play("flat", price))
        for price in (found.low_per_kwh, found.high_per_kwh)
    )
    assert below * above < 0.0
    assert "jumps" in spell_break_even(found)


def test_of_a_real_time_price_the_price_told_is_the_price():
    found = find_break_even(case(PRICE)[0], "rtp")
    assert found.is_told
    assert found.price_per_kwh == found.tried[0].told_per_kwh
    assert abs(found.gain_usd) <= NEAR_USD
    assert "does the same at both prices" in spell_break_even(found)


def test_the_flat_design_is_not_held_against_itself():
    with pytest.raises(InputError, match="another design"):
        find_break_even(case(PRICE)[0], "flat")
    with pytest.raises(InputError, match="layerd"):
        find_break_even(case(PRICE)[0], "layerd")


def test_the_command_says_the_price_and_refuses_in_sentences(tmp_path):
    file = tmp_path / "few.toml"
    file.write_text(FEW.format(PRICE))
    call = CliRunner().invoke
    done = call(app, ["study", "break-even", str(file), "--design", "rtp"])
    assert done.exit_code == 0, done.stderr
    assert "it does the same at both prices" in " ".join(done.stdout.split())
    done = call(app, ["study", "break-even", str(file), "--design", "rtp", "--json"])
    told = json.loads(done.stdout)
    assert told["price_per_kwh"] == told["tried"][0]["told_per_kwh"]
    done = call(app, ["study", "break-even", str(file), "--design", "rtpp"])
    assert done.exit_code == 2
    assert "--design rtpp" in done.stderr


def planned(gain, more_kwh):
    """Return a design whose gain [$] and overload beyond that of the flat one [kWh] follow the price."""

    def play_at(price):
        return PricePoint(price, gain(price), price + gain(price) / more_kwh(price))

    return play_at


def test_a_gain_that_bends_with_the_price_is_followed_to_nothing():
    """Gain 2 - 8 p^2 is nothing at a half; what is overloaded more is 16 p, by the theorem of the envelope."""
    found = search_break_even("bent", planned(lambda p: 2 - 8 * p**2, lambda p: 16 * p), 0.1)
    assert found.price_per_kwh == pytest.approx(0.5, abs=1e-6)
    assert abs(found.gain_usd) <= NEAR_USD
    assert len(found.tried) < 12


def test_a_gain_that_jumps_is_held_between_two_prices():
    jumps = planned(lambda p: 1.0 if p < 0.377 else -2.0, lambda p: 5.0)
    found = search_break_even("jumping", jumps, 0.2)
    assert found.low_per_kwh < 0.377 <= found.high_per_kwh
    assert found.high_per_kwh - found.low_per_kwh <= NEAR_PER_KWH
    assert found.low_per_kwh < found.price_per_kwh < found.high_per_kwh


def test_a_design_that_is_better_at_every_price_has_none():
    better = planned(lambda p: 3.0 + p, lambda p: -1.0)
    found = search_break_even("better", better, 0.2)
    assert math.isnan(found.price_per_kwh)
    assert {each.price_per_kwh for each in found.tried} == {0.2, 0.0}
    assert "better than 'flat' at every price tried (0, 0.2 $/kWh)" in spell_break_even(found)


def test_runs_are_counted():
    jumps = planned(lambda p: 1.0 if p < 0.377 else -2.0, lambda p: 5.0)
    assert len(search_break_even("jumping", jumps, 0.2, runs_max=4).tried) == 4
