"""Sliders and tiers as a scenario states them: draws, faults, and what is said of them."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.tables import ALIKE
from gridagora.population.quality import TIERS
from gridagora.scenario import build, describe, read
from gridagora.scenario import populate as draw

MANY = tuple(f"home {row}" for row in range(200))
FIRM, FLEXIBLE = TIERS.index("firm"), TIERS.index("flexible")


def drawn(homes=MANY, *overrides):
    return draw.quality(read.parse("", overrides=overrides), homes)


def test_defaults_are_standard_homes_and_leave_the_table_alone(scene):
    assert not draw.draws_quality(scene.scenario)
    assert scene.homes.quality is ALIKE
    own = drawn()
    assert (own.slider_ratio == 1).all()
    assert (own.tier_ratio == 1).all()


def test_shares_are_exact_and_factors_follow_the_tier():
    own = drawn(
        MANY, "quality.firm_share=0.3", "quality.flexible_share=0.25", "quality.firm_value=3.0"
    )
    assert [np.count_nonzero(own.tier == row) for row in range(len(TIERS))] == [90, 60, 50]
    assert set(own.tier_ratio[own.tier == FIRM]) == {3.0}
    assert set(own.tier_ratio[own.tier == FLEXIBLE]) == {0.25}
    odd = drawn(MANY[:7], "quality.firm_share=0.5", "quality.flexible_share=0.5")
    assert np.count_nonzero(odd.tier) == 7


def test_a_draw_knows_the_home_and_not_its_place():
    keys = (
        "quality.firm_share=0.3",
        "quality.flexible_share=0.3",
        "comfort.slider_low=0.5",
        "comfort.slider_high=3.0",
    )
    order = np.random.default_rng(0).permutation(len(MANY))
    plain, turned = drawn(MANY, *keys), drawn(tuple(MANY[row] for row in order), *keys)
    assert np.array_equal(plain.slider_ratio[order], turned.slider_ratio)
    assert np.array_equal(plain.tier[order], turned.tier)
    other = drawn(MANY, *keys, "scenario.seed=2")
    assert not np.array_equal(plain.tier, other.tier)


def test_a_larger_share_keeps_the_homes_of_a_smaller_one():
    few, more = (
        drawn(MANY, "quality.firm_share=0.1"),
        drawn(MANY, "quality.firm_share=0.4", "quality.flexible_share=0.2"),
    )
    assert (more.tier[few.tier == FIRM] == FIRM).all()
    assert np.array_equal(few.slider_ratio, more.slider_ratio)


def test_sliders_are_spread_evenly_in_their_logarithm():
    slider = drawn(MANY, "comfort.slider_low=0.25", "comfort.slider_high=4.0").slider_ratio
    assert slider.min() >= 0.25
    assert slider.max() <= 4.0
    assert abs(np.log(slider).mean()) < 3 * np.log(4) / np.sqrt(3 * len(MANY))
    assert (
        drawn(MANY, "comfort.slider_low=2.0", "comfort.slider_high=2.0").slider_ratio == 2
    ).all()


@pytest.mark.parametrize(
    ("text", "where", "got", "expected"),
    [
        ("[comfort]\nslider_low = 0", "[comfort] slider_low", "0", "above 0"),
        (
            "[comfort]\nslider_low = 2.0",
            "[comfort] slider_low",
            "2 above slider_high = 1",
            "at most slider_high",
        ),
        ("[quality]\nfirm_share = 1.5", "[quality] firm_share", "1.5", "at most 1"),
        (
            "[quality]\nfirm_share = 0.7\nflexible_share = 0.4",
            "[quality] firm_share",
            "flexible_share = 0.4",
            "at most 1",
        ),
        ("[quality]\nfirm_value = 0.5", "[quality] firm_value", "0.5", "at least 1"),
        ("[quality]\nflexible_value = 2.0", "[quality] flexible_value", "2.0", "at most 1"),
        ("[quality]\nflexible_value = 0", "[quality] flexible_value", "0", "above 0"),
        (
            "[quality]\ndeviation_per_kwh = -0.1",
            "[quality] deviation_per_kwh",
            "-0.1",
            "at least 0",
        ),
        (
            "[quality]\ndeviation_window = 'day'",
            "[quality] deviation_window",
            "'day'",
            "'interval' or 'hour'",
        ),
        ("[quality]\nfirm_shar = 0.1", "[quality] firm_shar", "unknown key", "a key of [quality]"),
    ],
)
def test_one_fault_one_sentence(text, where, got, expected):
    with pytest.raises(InputError) as caught:
        read.parse(text, "case.toml")
    (problem,) = caught.value.problems
    assert where in problem.where
    assert got in problem.got
    assert expected in problem.expected


def test_shares_that_fill_up_are_fine():
    assert read.parse("[quality]\nfirm_share = 0.7\nflexible_share = 0.3").quality.firm_share == 0.7


def made(scene, *overrides, homes=None):
    keys = read.parse(scene.text, overrides=overrides)
    return build.assemble(scene.feeder, homes or scene.homes, scene.weather, scene.prices, keys)


def test_what_is_said_of_it(scene):
    plain = describe.scene_lines(scene)
    assert plain["comfort"] == "0.05 $/(K2 h)"
    assert "every home standard" in plain["quality of service"]
    assert "not charged" in plain["quality of service"]
    keys = (
        "quality.firm_share=0.3",
        "quality.deviation_per_kwh=0.05",
        "comfort.slider_low=0.5",
        "comfort.slider_high=2.0",
    )
    lines = describe.scene_lines(made(scene, *keys))
    assert "3 firm homes to whom energy is worth 4 times as much" in lines["quality of service"]
    assert "pays 0.05 $/kWh" in lines["quality of service"]
    assert "the mean of 1 h" in lines["quality of service"]
    assert "by their sliders" in lines["comfort"]


def test_homes_keep_what_they_came_with_unless_the_scenario_says_otherwise(scene):
    firm = made(scene, "quality.firm_share=1.0").homes
    assert (firm.quality.tier_ratio == 4).all()
    assert made(scene, homes=firm).homes.quality is firm.quality
    assert (
        made(scene, "quality.flexible_share=1.0", homes=firm).homes.quality.tier_ratio == 0.25
    ).all()


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("tier_ratio", np.array([0.0]), "above 0"),
        ("slider_ratio", np.array([np.nan]), "above 0"),
        ("deviation_per_kwh", np.array([-1.0]), "at least 0"),
        ("tier", np.array([7]), "standard, firm, flexible"),
        ("slider_ratio", np.ones(3), "alike"),
    ],
)
def test_a_table_made_in_code_is_checked(scene, column, value, word):
    with pytest.raises(InputError) as caught:
        made(scene, homes=scene.homes._replace(quality=ALIKE._replace(**{column: value})))
    (problem,) = caught.value.problems
    assert f"homes.quality.{column}" in problem.where
    assert word in problem.expected
