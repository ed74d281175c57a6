"""Limits of meters: as a plan posts them, as an hour shares them out, and what a run refuses."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.exchange import ExportLimits, MeterLimits
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.rules import POSTED_PRICE
from gridagora.core.session import HourPlan, MessageCount, Posted, count_posted
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.home_limits import (
    HomeLimits,
    curtail_first,
    join_limits,
    limit_interval,
    open_meters,
)
from gridagora.run.simulate import simulate, simulate_runs
from gridagora.scenario import build, read
from gridagora.settlement.tariff import post, set_tariff, tariff_quotes

STREET = """
[scenario]
seed = {0}
days = 1
[homes]
count = 12
pv_share = 0.5
battery_share = 0.5
ev_share = 0.6
{1}
"""
CREDIT = "[tariff]\ncredit_per_kwh = 0.02\n"
PRODUCT = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD)


@dataclass(frozen=True)
class Capped:
    """A flat rate, and a limit of every meter beyond which import costs more."""

    rules: ClassVar = POSTED_PRICE._replace(is_tariff=True, posts_hours=True)

    limit_kw: float = 2.0
    over_per_kwh: float = 0.5
    of: tuple[int, ...] | None = None
    export_kw: float | None = None
    credit_per_kwh: float = float("inf")
    strategy: str = "price_taker"

    def start(self, baseline):
        return set_tariff(baseline, np.ones(len(baseline.local_hour)), self.credit_per_kwh)

    def plan(self, opening, state):
        quotes = tariff_quotes(state, opening)
        yield Posted(quotes)
        party = opening.party if self.of is None else np.array(self.of)
        shape = len(party), quotes.buy_per_kwh.shape[1]
        limits = MeterLimits(
            opening.product,
            party,
            *(np.full(shape, each) for each in (self.limit_kw, self.over_per_kwh)),
        )
        yield Posted(limits)
        plan = HourPlan(quotes.buy_per_kwh[0], state, quotes.sell_per_kwh[0], limits=limits)
        if self.export_kw is None:
            return plan
        kw, less = (np.full(shape, each) for each in (self.export_kw, self.over_per_kwh))
        exports = ExportLimits(opening.product, party, kw, less)
        yield Posted(exports)
        return plan._replace(export_limits=exports, by_interval=True)

    def clear(self, opening, state):
        return post(tariff_quotes(state, opening))


def street(seed, more=""):
    scene = build.build(read.parse(STREET.format(seed, more), "street.toml"))
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def alone():
    return street(3)


def hourly_kw(outcome):
    home_kw = np.asarray(outcome.home_kw)
    return home_kw.reshape(len(home_kw), 24, -1).mean(2)


def play(market, study):
    return evaluate("capped", simulate(market, study), study)


@pytest.mark.parametrize("more", ["", CREDIT])
def test_homes_keep_under_a_limit_as_far_as_they_can(more):
    scene, study = street(3, more)
    credit = scene.market("flat_optimised").credit_per_kwh
    free = play(scene.market("flat_optimised"), study)
    held = play(Capped(credit_per_kwh=credit), study)
    beyond = [(hourly_kw(each) - 2.0).clip(min=0).sum() for each in (free, held)]
    assert beyond[1] < 0.5 * beyond[0]


@pytest.mark.parametrize("more", ["", CREDIT])
def test_homes_keep_under_a_limit_of_export_in_every_interval(more):
    scene, study = street(3, more)
    credit = scene.market("flat_optimised").credit_per_kwh
    free = play(Capped(limit_kw=500.0, credit_per_kwh=credit), study)
    held = play(Capped(limit_kw=500.0, credit_per_kwh=credit, export_kw=1.0), study)
    beyond = [(-np.asarray(each.home_kw) - 1.0).clip(min=0).sum() for each in (free, held)]
    assert beyond[0] > 4 and beyond[1] < 1e-6
    assert held.imbalance_uusd == 0


def test_a_limit_of_export_that_nobody_reaches_moves_nothing(alone):
    _, study = alone
    free, wide = play(Capped(limit_kw=500.0), study), play(Capped(500.0, export_kw=500.0), study)
    assert np.array_equal(free.home_kw, wide.home_kw)


def test_a_limit_that_nobody_reaches_moves_nothing(alone):
    _, study = alone
    free, wide = play(Capped(over_per_kwh=0.0), study), play(Capped(limit_kw=500.0), study)
    assert np.array_equal(free.home_kw, wide.home_kw)


def test_a_home_without_a_row_has_no_limit(alone):
    """Homes share a transformer, behind which units take turns, so that the rest of them move a little."""
    _, study = alone
    own = np.isin(np.arange(12), (0, 5, 7))
    every, some = (hourly_kw(play(each, study)) for each in (Capped(), Capped(of=(0, 5, 7))))
    assert (some[own] - 2.0).clip(min=0).sum() == pytest.approx(
        (every[own] - 2.0).clip(min=0).sum(), abs=1.0
    )
    assert (some[~own] - 2.0).clip(min=0).sum() > 2.0 * (every[~own] - 2.0).clip(min=0).sum()


def test_limits_are_messages_of_their_own():
    """A head of 18 bytes, the party, and two numbers for each of 24 products."""
    limits = MeterLimits(PRODUCT, np.array([2, 5]), np.ones((2, 24)), np.ones((2, 24)))
    assert count_posted(MessageCount(), limits) == MessageCount(2, 2 * (18 + 8 * 49), 1, 0)


def test_runs_in_step_end_as_alone():
    worlds = [street(seed, CREDIT) for seed in (3, 4)]
    market = Capped(credit_per_kwh=0.02)
    together = simulate_runs([market] * 2, [study for _, study in worlds])
    for (_, study), ran in zip(worlds, together, strict=True):
        among, own = evaluate("capped", ran, study), play(market, study)
        assert np.array_equal(among.home_kw, own.home_kw)
        assert np.array_equal(among.bill_usd, own.bill_usd)


def test_runs_with_and_without_limits_are_not_stepped_together():
    plain = HourPlan(np.zeros(2), None)
    limited = plain._replace(
        limits=MeterLimits(PRODUCT, np.zeros(0, np.int64), *(np.zeros((0, 2)),) * 2)
    )
    assert join_limits([plain], [3], 2) is None
    with pytest.raises(PartError, match="limits in some"):
        join_limits([plain, limited], [3, 3], 2)
    assert np.isinf(join_limits([limited], [3], 2).limit_kw).all()


def test_the_hour_leaves_what_it_has_not_used():
    """3 kWh of which .5 are gone in a quarter of an hour: 2.5 in the rest; who used all of it may take no more."""
    limits = HomeLimits(np.full((3, 2), 3.0), np.full((3, 2), 0.2))
    limit_kw, over, *exports = limit_interval(limits, np.array([0.5, 3.5, -0.25]), 0.25)
    assert limit_kw == pytest.approx([2.5 / 0.75, 0.0, 3.25 / 0.75])
    assert np.array_equal(over, [0.2] * 3)
    assert exports == [None, None]
    assert limit_interval(None, np.zeros(1), 0.25) == (None,) * 4


def test_the_hour_leaves_what_it_has_not_exported():
    """2 kWh of export of which .5 are gone in half an hour: 1.5 in the rest; limits of an interval know no hour."""
    two, none = np.full((1, 1), 2.0), np.full((1, 1), np.inf)
    limits = HomeLimits(none, 0 * two, two, 0.1 * two)
    *_, export_kw, under = limit_interval(limits, np.array([-0.5]), 0.5)
    assert export_kw == pytest.approx([3.0]) and under == pytest.approx([0.2])
    each = limits._replace(by_interval=True)
    assert limit_interval(each, np.array([-0.5]), 0.5)[2] == pytest.approx([2.0])


@pytest.mark.parametrize(("by_interval", "owed"), [(False, 0.05), (True, 0.1)])
def test_export_beyond_a_limit_is_owed_on_the_mean_of_the_hour_or_in_each_interval(
    by_interval, owed
):
    """3 kW out and then nothing, of a limit of 1 kW at .1 $/kWh: .5 kWh of the hour, 1 kWh of the half hour at 3 kW."""
    one = np.ones((1, 1))
    meters = open_meters(1)
    meters.begin_hour(HomeLimits(np.inf * one, 0 * one, one, 0.1 * one, by_interval))
    meters.count(np.array([-3.0]), 0.5, 0.5)
    meters.count(np.array([0.0]), 0.5, 1.0)
    assert meters.beyond_usd == pytest.approx([owed])


def test_beyond_a_limit_of_export_panels_are_curtailed_and_nothing_is_worth_less_than_nothing():
    one = np.ones((2, 3))
    limits = HomeLimits(np.inf * one, 0 * one, one, 0.3 * one)
    assert np.array_equal(
        curtail_first(limits, np.array([0.1, 0.5, 0.0])).under_per_kwh[0], [0.1, 0.3, 0.0]
    )
    assert curtail_first(None, np.zeros(3)) is None


@pytest.mark.parametrize(
    ("market", "said"),
    [
        (Capped(limit_kw=-1.0), "limit_kw -1.0 in row 0, expected 0 or more"),
        (Capped(over_per_kwh=float("nan")), "over_per_kwh nan"),
        (Capped(export_kw=-2.0), "limit_kw -2.0 in row 0, expected 0 or more"),
        (Capped(of=(0, 12)), "each at most once, of 0 to 11"),
        (Capped(of=(1, 1)), "each at most once"),
    ],
)
def test_what_is_no_limit_is_refused(alone, market, said):
    with pytest.raises(PartError, match=said):
        simulate(market, alone[1])
