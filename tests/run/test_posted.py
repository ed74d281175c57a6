"""Prices posted for an hour at once are those posted interval by interval, message for message."""

import numpy as np
import pytest

from gridagora.core.registry import find, names
from gridagora.run.compare import prepare
from gridagora.run.simulate import advance
from gridagora.run.state import start_run
from gridagora.scenario import build, read

AT_ONCE = [name for name in sorted(names("market")) if find("market", name)().rules.posts_hours]


@pytest.fixture(scope="module")
def street():
    scene = build.build(
        read.parse("[scenario]\nseed = 4\ndays = 1\n[homes]\ncount = 6\n", "s.toml")
    )
    return scene, prepare(scene)


def played(street, name, *, at_once):
    scene, study = street
    desk = start_run(scene.market(name), study)
    desk.rules = desk.rules._replace(posts_hours=at_once)
    for _ in range(30):
        advance(desk.demand)
    return desk


def test_four_designs_post_hours():
    assert AT_ONCE == ["flat", "flat_optimised", "rtp", "tou"]


@pytest.mark.parametrize("name", AT_ONCE)
def test_an_hour_at_once_is_its_intervals(street, name):
    one, other = (played(street, name, at_once=at_once) for at_once in (True, False))
    assert one.traffic == other.traffic
    for column in ("price_per_kwh", "credit_per_kwh", "import_per_kwh", "export_per_kwh"):
        values = getattr(one.track, column)
        np.testing.assert_array_equal(values, getattr(other.track, column))
        assert np.ptp(values[:12]) > 0 or name != "rtp", "an hour of one price would prove nothing"
    np.testing.assert_array_equal(
        one.demand.recorder.column("home_kw"), other.demand.recorder.column("home_kw")
    )


def test_a_design_that_sees_the_flow_is_asked_every_interval(street, monkeypatch):
    scene, study = street
    desk = start_run(scene.market("rtp"), study)
    desk.rules = desk.rules._replace(sees_flow=True)
    asked = []
    clear = type(desk.market).clear
    monkeypatch.setattr(
        type(desk.market), "clear", lambda *given: asked.append(given[1].flow) or clear(*given)
    )
    for _ in range(3):
        advance(desk.demand)
    assert [flow is None for flow in asked] == [True, False, False]
