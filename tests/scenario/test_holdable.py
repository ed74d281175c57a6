"""A limit that no device could hold is refused with the hour and the kW; one that only stores could hold is warned of."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.population.fleet import beliefs, make_fleet
from gridagora.run.compare import prepare
from gridagora.scenario import build, read
from gridagora.scenario.holdable import fixed_load_kw, least_load_kw, spell_hour, warn_of_limit
from gridagora.scenario.overload import spell_limit

FEW = """
[scenario]
seed = 3
days = 2
[homes]
count = 6
pv_share = {0}
battery_share = 0.5
[substation]
{1}
"""


def made(limit="", pv_share=0.0):
    return build.build(read.parse(FEW.format(pv_share, limit), "few.toml"))


@pytest.fixture(scope="module")
def dark():
    """Return a scene without panels."""
    return made()


@pytest.fixture(scope="module")
def sunny():
    """Return a scene in which all homes have panels."""
    return made(pv_share=1.0)


def least_of(scene):
    return least_load_kw(scene.homes, scene.other_kw, scene.days)


def test_without_panels_the_least_is_the_load_before_devices(dark):
    fixed = dark.homes.load_kw[:, :48].sum(0) + dark.other_kw[:48].sum(1)
    np.testing.assert_allclose(least_of(dark), fixed)


def test_panels_lower_the_least_by_all_they_can_make_and_batteries_do_not(sunny):
    fixed = fixed_load_kw(sunny.homes, sunny.other_kw, 2)
    made_kw = sunny.homes.owned["pv"].available_kw[:, :48].sum(0)
    np.testing.assert_allclose(least_of(sunny), fixed - made_kw)
    assert "battery" in sunny.homes.owned


def test_nothing_a_device_believes_it_can_do_goes_below_the_least(sunny):
    """Held against the tables that designs plan with, a day at a time."""
    homes = sunny.homes
    hours = np.arange(homes.load_kw.shape[1]) % 24
    fleet = make_fleet(homes, hours, 1.0, 0.07, 1.0, rule="continuous", draws_known=True)
    least = fixed_load_kw(homes, sunny.other_kw, 2)[24:]
    for group, each in zip(fleet.groups, beliefs(fleet, 24, 24, 0.07)[0], strict=True):
        if group.about.kind != "battery":
            least = least + each.stores.p_min_kw.sum(0)
    np.testing.assert_allclose(least_of(sunny)[24:], least)


def test_a_limit_below_the_least_of_every_hour_is_refused_before_anything_runs(dark):
    least = least_of(dark)
    hour = int(least.argmin())
    with pytest.raises(InputError) as fault:
        made(f"limit_kw = {0.9 * least.min()}")
    text = str(fault.value)
    assert "[substation] limit_kw" in text
    assert f"at least {least.min():,.4g} kW {spell_hour(dark.scenario, hour)}" in text
    assert f"above {least.max():,.4g} kW" in text
    made(f"limit_kw = {1.01 * least.min()}")


def test_a_share_that_comes_to_such_a_limit_is_refused_once_it_is_known():
    with pytest.raises(InputError, match=r"limit_share_of_flat_peak: got .* any of 48 hours"):
        prepare(made("limit_share_of_flat_peak = 0.01"))


def test_a_limit_that_is_passed_in_some_hours_is_warned_of_with_the_worst(dark):
    least = least_of(dark)
    limit = float(np.sort(least)[-3])
    said = warn_of_limit(dark.scenario, dark.homes, dark.other_kw, limit)
    assert said.startswith("only stores could hold it in 2 of 48 hours")
    assert (
        f"{least.max():,.4g} kW are taken {spell_hour(dark.scenario, int(least.argmax()))}" in said
    )
    assert said in spell_limit(made(f"limit_kw = {limit!r}"))


def test_a_limit_above_all_that_must_be_taken_is_not_spoken_of(dark):
    assert not warn_of_limit(dark.scenario, dark.homes, dark.other_kw, float(least_of(dark).max()))
    assert not warn_of_limit(dark.scenario, dark.homes, dark.other_kw, np.inf)


def test_sun_that_holds_a_limit_at_noon_leaves_it_a_matter_of_price(sunny):
    limit = 0.9 * float(fixed_load_kw(sunny.homes, sunny.other_kw, 2).min())
    assert "hours" in spell_limit(made(f"limit_kw = {limit!r}", pv_share=1.0))


@pytest.mark.parametrize(("hour", "said"), [(0, "at 0:00 on 15 July"), (41, "at 17:00 on 16 July")])
def test_an_hour_is_said_as_people_do(dark, hour, said):
    assert spell_hour(dark.scenario, hour) == said
