"""Prices posted for an hour at once are those posted interval by interval, message for message."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.registry import find, names
from gridagora.core.session import Clearing, Posted
from gridagora.markets.rtp import RealTimePrice
from gridagora.markets.tou import TimeOfUse
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.result import revenue_gap_usd
from gridagora.run.simulate import advance, simulate
from gridagora.run.state import start_run
from gridagora.run.step import Run
from gridagora.scenario import build, read
from gridagora.scenario.schema import Design
from gridagora.settlement.tariff import Tariff

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


def test_eight_designs_post_hours():
    assert AT_ONCE == [
        "critical_peak",
        "demand_charge",
        "demand_subscription",
        "flat",
        "flat_optimised",
        "retail_tariff",
        "rtp",
        "tou",
    ]


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


STAGGERED = {"groups": 3, "stagger_hours": 4}


@pytest.fixture(scope="module")
def staggered(street):
    """Six homes for a day under windows of three groups, alone."""
    _, study = street
    return evaluate("tou", simulate(TimeOfUse(**STAGGERED), study), study)


def test_each_home_pays_the_price_of_its_group(staggered):
    """The window of group k is [14 + 4 k, 20 + 4 k) round the clock, and both prices are the same in all groups."""
    paid = staggered.paid.price_per_kwh
    assert paid.shape == (6, 288)
    hour = np.arange(288) // 12
    low = paid.min()
    for home in range(6):
        since = (hour - 14 - 4 * (home % 3)) % 24
        np.testing.assert_allclose(paid[home], np.where(since < 6, 3 * low, low), rtol=1e-14)
    np.testing.assert_allclose(staggered.price_per_kwh, paid.mean(0), rtol=1e-14)
    np.testing.assert_array_equal(staggered.paid.credit_per_kwh, paid)
    bill = (paid * np.asarray(staggered.home_kw)).sum(1) / 12
    np.testing.assert_allclose(staggered.bill_usd, bill, atol=1e-6)
    assert np.ptp(staggered.bill_usd) > 0


def test_revenue_of_all_groups_together_is_the_cost_of_the_baseline(street, staggered):
    _, study = street
    assert abs(revenue_gap_usd(staggered, study)) <= 0.5e-6 * (6 + 4)
    first = staggered.paid.price_per_kwh[:1]
    paid = staggered.paid._replace(price_per_kwh=first, credit_per_kwh=first)
    gap_usd = revenue_gap_usd(staggered._replace(paid=paid), study)
    assert abs(gap_usd) > 0.001, "the rates of one group on all homes would earn something else"


def test_homes_of_a_group_move_as_if_all_homes_had_its_window(street):
    """Neither does a home know of other groups, nor do devices hear of them: at the same two prices it does the same."""
    study = street[1]._replace(rule="account")  # homes of a transformer take no turns
    market = TimeOfUse(**STAGGERED)
    both = start_run(market, study).state
    alone = Tariff(*both[:2], both.import_per_kwh[1], both.credit_per_kwh[1])
    ran = []
    for design, prices in ((market, both), (TimeOfUse(), alone)):
        desk = start_run(design, study)
        desk.state = prices
        for _ in range(288):
            advance(desk.demand)
        ran.append(np.asarray(desk.demand.recorder.column("home_kw")))
    np.testing.assert_array_equal(ran[0][1::3], ran[1][1::3])
    assert not np.array_equal(ran[0][0::3], ran[1][0::3])


def test_a_controller_sees_the_price_of_its_home(street):
    scene, study = street
    named = Design(name="staggered", market="tou", keys=STAGGERED)
    own = scene.scenario.model_copy(update={"designs": (named,)})
    run = Run(replace(scene, scenario=own), "staggered", study)
    for _ in range(12 * 15):
        run.step()
    seen = [run.observe(home).price_per_kwh for home in range(6)]
    low = min(seen)
    assert seen == pytest.approx([3 * low, low, low] * 2)
    assert run.observe(1).forecast_per_kwh[3] == pytest.approx(3 * low)  # from 18:00


class Split:
    """A posted price that differs between the devices of an interval."""

    def __init__(self, inner):
        self.inner, self.strategy = inner, inner.strategy
        self.rules = inner.rules._replace(posts_hours=False)

    def start(self, baseline):
        return self.inner.start(baseline)

    def plan(self, opening, state):
        return self.inner.plan(opening, state)

    def clear(self, opening, state):
        yield Posted(quotes := self.inner.quotes(opening))
        each = quotes.buy_per_kwh + np.arange(len(opening.party))[:, None]
        return Clearing(posted=quotes._replace(buy_per_kwh=each))


def test_prices_that_differ_between_devices_are_refused(street):
    desk = start_run(Split(RealTimePrice()), street[1])
    with pytest.raises(PartError, match="different prices to devices"):
        advance(desk.demand)


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
