"""Panels that give up active power for reactive power in the market of every meter: what it costs, what it saves, who pays."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.markets.layered import Layered
from gridagora.results.outcome import costs_usd
from gridagora.results.reactive_market import WITH
from gridagora.run import compare as runs
from gridagora.run.evaluate import evaluate
from gridagora.run.reactive import GIVEN_UP_ITEM, equip_homes, make_inverters, rows_of_panels
from gridagora.run.reactive_against import follow_curve, saved_usd
from gridagora.run.reactive_nodal import clear_run
from gridagora.run.simulate import simulate
from gridagora.run.state import wiring_of
from gridagora.scenario.schema import NetworkKeys, ReactiveKeys
from gridagora.settlement import ledger as books
from gridagora.settlement.parties import Role, row_of
from tests.run.test_reactive_against import MARKET_TOLERANCE, STEEP, panels_of
from tests.run.test_reactive_nodal_run import DT, exact_flow, network_cost, street, terms

HIGH = (
    0.9,
    1.015,
)  # below what the source of the street holds, so that drawing reactive power is worth much
DEAR = 1000.0


def full_sun():
    """Return the street as its panels give all that they are rated for."""
    wiring, drawn, table, _ = street(load=0.3)
    p_kw = np.full((len(table.home), drawn.home_kw.shape[1]), -5.0)
    home_kw = drawn.motor_kw.copy()
    home_kw[table.home] += p_kw
    return wiring, drawn._replace(home_kw=home_kw), table, p_kw


@pytest.fixture(scope="module")
def cleared():
    case = full_sun()
    asked = terms(HIGH, DEAR)
    rows = np.arange(len(case[2].home))
    return case, clear_run(*case, asked), clear_run(*case, asked, rows)


def cost_of(case, q, lost):
    at = exact_flow(case, q, lost)
    return network_cost(case, at, HIGH, DEAR) + 0.1 * lost.sum(0)


def test_in_full_sun_only_those_that_give_way_have_anything_to_offer(cleared):
    _, keeps, gives = cleared
    assert not keeps.q_kvar.any()
    assert not keeps.given_up_kw.any()
    assert gives.q_kvar.sum() > 1.0
    assert gives.saved_usd_per_h.sum() > keeps.saved_usd_per_h.sum() + 0.1


def test_what_is_given_up_is_what_no_longer_fits(cleared):
    (_, _, table, p_kw), _, gives = cleared
    left = np.sqrt(25.0 - gives.q_kvar**2)
    np.testing.assert_allclose(gives.given_up_kw, -p_kw - left, atol=1e-9)
    lost = table.loss_share[:, None] / 5.0 * gives.q_kvar**2
    np.testing.assert_allclose(gives.lost_kw, lost + gives.given_up_kw, atol=1e-12)
    assert (np.abs(gives.q_kvar) <= 2.2 + 1e-9).all()


def test_what_is_saved_counts_what_is_given_up_in_the_exact_flow(cleared):
    case, _, gives = cleared
    nothing = np.zeros_like(gives.q_kvar)
    saved = cost_of(case, nothing, nothing) - cost_of(case, gives.q_kvar, gives.lost_kw)
    np.testing.assert_allclose(gives.saved_usd_per_h, saved, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_to_give_way_never_saves_less_and_not_less_than_volt_var(seed):
    case, asked = street(load=0.5 + 0.5 * seed, seed=seed), terms()
    rows = np.arange(len(case[2].home))
    keeps, gives = (clear_run(*case, asked, who).saved_usd_per_h.sum() * DT for who in (None, rows))
    panels = panels_of(case)
    did = follow_curve(case[0], STEEP, case[1], panels, DT)
    assert gives >= keeps - MARKET_TOLERANCE
    assert gives >= saved_usd(*case[:2], panels, did, asked) - MARKET_TOLERANCE


def asking(scene, priority):
    keys = {
        "reactive": ReactiveKeys(market="nodal", priority=priority, day_ahead=True),
        "network": NetworkKeys(voltage_high_pu=1.03, voltage_over_per_pu_h=300.0),
    }
    return replace(scene, scenario=scene.scenario.model_copy(update=keys))


def rated_by_day(ran):
    """Return a run whose panels are rated for what they gave in it, so that noon leaves them no room."""
    row = ran.track.kinds.index("pv")
    panels = ran.lived[row]
    most = -ran.track.kind_kw[row].min(0)[panels.home]
    lived = [*ran.lived]
    lived[row] = panels._replace(rated_kva=most)
    return ran._replace(lived=tuple(lived))


@pytest.fixture(scope="module")
def both(scene, study):
    """A run whose network operator holds a low voltage, with either priority."""
    ran = rated_by_day(simulate(scene.market("layered"), study._replace(keeps_forecasts=True)))
    bare, grid = evaluate("layered", ran, study), wiring_of(study).grid
    return ran, [
        runs.add_power_flow(asking(scene, priority), grid, Layered(), ran, bare)
        for priority in ("active", "reactive")
    ]


def test_rows_of_panels_are_those_of_generation(both):
    ran, _ = both
    fitted = equip_homes(ran.lived, 10, ran.track.kind_kw)
    table, p_kw = make_inverters(fitted)
    rows = rows_of_panels(fitted, ran.lived)
    (pv,) = (each for each in ran.lived if each.about.kind == "pv")
    assert sorted(table.home[rows]) == sorted(set(pv.home.tolist()))
    assert (p_kw[rows] <= 0).all()
    assert (np.delete(p_kw, rows, axis=0) > 0).any()


def test_homes_buy_what_their_panels_give_up_and_books_close(both):
    _, (keeps, gives) = both
    side = gives.reactive_market
    assert keeps.reactive_market.given_up_kwh == 0.0
    assert side.given_up_kwh > 0.0
    entries = books.only(gives.ledger, GIVEN_UP_ITEM)
    operator = row_of(gives.parties, Role.OPERATOR)
    paid = entries.payee == operator
    assert entries.quantity_uwh[paid].sum() / 1e9 == pytest.approx(side.given_up_kwh, abs=1e-6)
    assert entries.amount_uusd[paid].sum() / 1e6 == pytest.approx(side.given_up_usd, abs=1e-5)
    assert gives.imbalance_uusd == 0
    assert gives.surplus_uusd == keeps.surplus_uusd
    assert not len(books.only(keeps.ledger, GIVEN_UP_ITEM).payer)
    assert costs_usd(gives)["reactive"] == pytest.approx(side.loss_usd + side.given_up_usd)
    last = side.cases[-1]
    assert (last.name, last.use.curtailed_kwh) == (WITH, side.given_up_kwh)
    assert side.saved_usd >= keeps.reactive_market.saved_usd - MARKET_TOLERANCE


def test_a_day_ahead_offers_by_the_same_priority(both):
    _, (keeps, gives) = both
    held = [np.abs(each.reactive_market.ahead.q_kvar).sum() for each in (keeps, gives)]
    assert held[1] > held[0]
