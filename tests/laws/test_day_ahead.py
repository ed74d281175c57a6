"""Laws of every design that binds a day ahead: what is bound, and at which price, is what the printed certificate proves."""

import numpy as np
import pytest

from gridagora.core.product import Horizon
from gridagora.core.registry import find, names
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import coordinate, dual_value
from gridagora.markets.central import Central, find_responses
from gridagora.run.compare import prepare
from gridagora.run.lookahead import plan_window
from gridagora.run.state import start_run
from gridagora.scenario import build, read

SCENE = """
[scenario]
seed = 1
days = 1
[homes]
count = 24
[substation]
limit_share_of_flat_peak = 0.6
[market.central]
rounds_day_ahead = 100
[market.layered]
rounds_day_ahead = 100
"""
REACH_KW = 1e5  # more than the homes can draw


def midnight(market, study):
    """Return the desk of a run after its first midnight."""
    desk = start_run(market, study)
    plan_window(desk.demand, 0)
    return desk


@pytest.fixture(scope="module")
def tight():
    """Return a scene whose limit binds for hours, what its designs share, and the first midnight as an operator sees it."""
    scene = build.build(read.parse(SCENE, "tight.toml"))
    study = prepare(scene)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        prices = Central.search_prices
        patch.setattr(
            Central,
            "search_prices",
            lambda market, *given: seen.append(given) or prices(market, *given),
        )
        midnight(scene.market("central"), study)
    opening, specs, _ = seen[0]
    return scene, study, opening, specs


def problem(opening, specs, usable_kw):
    """Return the supply of a midnight as the coordinator reads it, and the least cost of the day to a hundred-millionth."""
    s, h = opening.supply, len(opening.supply.base_kw)
    rows = (
        np.ones(h),
        s.base_kw,
        s.import_per_kwh,
        s.export_per_kwh,
        np.full(h, -usable_kw),
        np.full(h, usable_kw),
    )
    supply = SupplyCost(
        *rows,
        np.full(h, opening.limits.over_per_kwh[0]),
        np.zeros(h),
        np.full(h, -REACH_KW),
        np.full(h, REACH_KW),
    )
    kind = np.repeat(np.arange(len(specs)), [len(spec.party) for spec in specs])
    found = coordinate(
        lambda price: find_responses(specs, price),
        supply,
        kind,
        s.import_per_kwh,
        homes=len(kind),
        rounds_max=200,
        tolerance=1e-8,
    )
    return supply, found


BINDING = [
    name for name in names("market") if Horizon.DAY_AHEAD in find("market", name)().rules.commits
]


@pytest.mark.parametrize("name", BINDING)
def test_positions_are_bound_at_the_price_that_the_certificate_proves(tight, name):
    """Answers of all devices to the price of the positions prove a bound as near to the least cost as the printed gap says.

    A certificate holds at one price. Bound at another, the rent of the limit is anybody's guess: 312 $ where
    602 is right, one day of January.
    """
    scene, study, opening, specs = tight
    market = scene.market(name)
    desk = midnight(market, study)
    position, w = desk.positions[Horizon.DAY_AHEAD], study.wholesale
    supply, best = problem(opening, specs, w.limit_kw * (1 - market.reserve_share))
    premium = position.price_per_kwh[0] - position.wholesale_per_kwh - w.delivery_per_kwh
    assert np.ptp(position.price_per_kwh, axis=0).max() == 0  # no place has a limit of its own here
    price = opening.supply.import_per_kwh + premium
    proven = dual_value(find_responses(specs, price), supply, price)
    assert premium.max() > 0.005  # the limit binds
    assert best.low_usd - proven <= (desk.track.worst[1] + 1e-7) * abs(best.low_usd)
