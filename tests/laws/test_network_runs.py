"""Laws of a run with limits of the network, between worlds of which one follows from the other, and of its books.

One street of two homes with panels serves all.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gridagora.core.limits import Coefficients, Limits
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.markets.central import Central
from gridagora.markets.layered import Layered
from gridagora.results.outcome import welfare_before_losses_usd
from gridagora.run.compare import add_power_flow, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.state import wiring_of
from gridagora.scenario import build, read
from gridagora.scenario.network_keys import NetworkKeys
from gridagora.scenario.schema import ReactiveKeys
from gridagora.settlement.ledger import only, paid_uusd
from gridagora.settlement.parties import Role, row_of

STREET = """
[scenario]
seed = 4
days = 1
start = 2024-07-15
[homes]
count = 2
battery_share = 0.0
ev_share = 0.0
water_heaters = false
[homes.pv]
share = 1.0
kw = 22.0
[market]
interval_minutes = 15
"""
FREE, WIDE, TIGHT = (0.5, 1.5), (0.95, 1.036), (0.95, 1.035)  # the source stands at 1.03 pu
VOLTAGES = RowPrices(500.0, 0.0)
LAYERED = Layered(network="limits")
# $ of a day that costs 4: homes plan hour by hour, so that a limit may by chance move what is planned to a better hour, and rows
# and flow of an interval agree within a hundredth of half a band
AGREED = 0.02


@pytest.fixture(scope="module")
def street():
    scene = build.build(read.parse(STREET, "street.toml"))
    return scene, prepare(scene)


def live(street, market, band, prices=VOLTAGES, grid=None):
    """Return the record of a day within a band [pu], and its outcome; ratings cost nothing."""
    study = street[1]._replace(network=NetworkRules(band, prices))
    if grid is not None:
        study = study._replace(wiring=wiring_of(study)._replace(grid=grid))
    ran = simulate(market, study)
    return ran, evaluate("central", ran, study)


def run_flow(street, market, lived, losses, **tables):
    """Return the outcome of a run with its power flow and with who pays for losses."""
    scene, study = street
    more = {"network": NetworkKeys(losses=losses), **tables}
    held = replace(scene, scenario=scene.scenario.model_copy(update=more))
    return add_power_flow(held, wiring_of(study).grid, market, *lived)


@pytest.fixture(scope="module")
def none(street):
    return live(street, Central(), FREE)


@pytest.fixture(scope="module")
def tight(street):
    return live(street, Central(network="limits"), TIGHT)


@pytest.fixture(scope="module")
def layered(street):
    return live(street, LAYERED, WIDE)


def assert_same(one, other, **by):
    for column in ("home_kw", "award_kw", "bill_usd"):
        pair = (np.asarray(getattr(each, column)) for each in (one, other))
        np.testing.assert_allclose(*pair, **by)


@pytest.mark.parametrize(
    ("band", "prices"), [(FREE, VOLTAGES), (TIGHT, RowPrices(0.0, 0.0))], ids=["far", "free"]
)
def test_limits_that_are_far_or_cost_nothing_change_nothing(street, none, band, prices):
    ran, outcome = live(street, Central(network="limits"), band, prices)
    assert_same(outcome, none[1], rtol=0, atol=0)
    assert outcome.exchange == none[1].exchange
    assert ran.unconverged == none[0].unconverged
    assert run_flow(street, Central(), none, "none").network.v_max_pu.max() > TIGHT[1]


def test_a_tighter_band_never_raises_welfare(street, none, tight):
    wide = live(street, Central(network="limits"), WIDE)
    worth = [welfare_before_losses_usd(each[1]) for each in (none, wide, tight)]
    assert worth[0] >= worth[1] - AGREED
    assert worth[1] >= worth[2] - AGREED
    assert worth[0] > worth[2] + 3 * AGREED


@dataclass(frozen=True)
class Renamed:
    """A grid that tells its limits in another order and by other names."""

    grid: Any

    def __getattr__(self, name):
        return getattr(self.grid, name)

    def limits(self, at, near_share=np.inf, kept=(), *rest):
        rows = self.grid.limits(at, near_share, [name.removeprefix("x ") for name in kept], *rest)
        turn, meters = np.arange(len(rows.name))[::-1], at.p_kw.shape[1]
        a, b = (each.value.reshape(len(turn), meters)[turn] for each in (rows.a, rows.b))
        return Limits(
            *(
                Coefficients(each.shape[1] * np.arange(len(turn) + 1), old.party, each.ravel())
                for each, old in ((a, rows.a), (b, rows.b))
            ),
            rows.c[turn],
            rows.low[turn],
            rows.high[turn],
            rows.over_per_kwh[turn],
            tuple(f"x {rows.name[at]}" for at in turn),
            rows.kind[turn],
            rows.place[turn],
        )


def test_order_and_names_of_limits_change_nothing(street, tight):
    other = live(street, Central(network="limits"), TIGHT, grid=Renamed(wiring_of(street[1]).grid))
    worth = [welfare_before_losses_usd(each[1]) for each in (tight, other)]
    assert worth[0] == pytest.approx(worth[1], abs=AGREED)
    assert np.abs(np.asarray(tight[1].home_kw) - np.asarray(other[1].home_kw)).max() < 0.02


def of_wires(seen):
    """What wires pay for losses, and what they pay in all [u$]."""
    paid = paid_uusd(seen.ledger, len(seen.parties.id))
    assert seen.imbalance_uusd == paid.sum() == 0
    return only(seen.ledger, "losses").amount_uusd.sum(), paid[row_of(seen.parties, Role.WIRES)]


def test_wires_are_left_with_no_losses_that_customers_are_charged(street, tight):
    market = Central(network="limits")
    seen = {
        rule: run_flow(street, market, tight, rule) for rule in ("none", "averaged", "marginal")
    }
    (cost, bare), *charged = (of_wires(each) for each in seen.values())
    assert cost > 1000
    for same, left in charged:
        assert same == cost
        assert abs(bare - left - cost) < 5


@pytest.mark.parametrize("losses", ["averaged", "marginal"])
def test_books_hold_reactive_power_beside_limits(street, layered, losses):
    """What homes are paid for it comes of the wires alone; losses that are left are charged as before."""
    keys = {}, {"reactive": ReactiveKeys(market="nodal")}
    plain, bought = (run_flow(street, LAYERED, layered, losses, **more) for more in keys)
    assert 0 < bought.network.losses_kw.sum() < plain.network.losses_kw.sum()
    paid = only(bought.ledger, "reactive energy").amount_uusd.sum()
    assert paid > 0
    assert abs(of_wires(bought)[1] - of_wires(plain)[1] - paid) < 5
