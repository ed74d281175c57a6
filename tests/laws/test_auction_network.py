"""Laws of an auction with a network operator: what is held, what is paid, what does not change."""

import numpy as np
import pytest

from gridagora.core.exchange import tender
from gridagora.core.limits import limit_substation
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import Baseline, MessageCount, Opening, SupplyOffer, drive
from gridagora.kernels.curves.curve import curves
from gridagora.markets.auction import Auction, AuctionState
from gridagora.results.outcome import over_limit_kwh, welfare_usd
from gridagora.run.evaluate import evaluate
from gridagora.run.settle import RENT
from gridagora.run.simulate import simulate
from gridagora.settlement.ledger import only
from gridagora.settlement.parties import Role, row_of

UUSD, BUY, SELL, OVER = 1e-6, 0.15, 0.05, 0.4


def run(design, study):
    return evaluate("auction", simulate(design, study), study)


@pytest.fixture(scope="module")
def alone(study):
    return run(Auction(), study)


@pytest.mark.parametrize("keys", [{}, {"delivery_share": 0.4, "look_ahead_prices": "trades"}])
def test_the_network_price_holds_the_limit_and_is_worth_it(study, keys):
    without, priced = run(Auction(**keys), study), run(Auction(network="price", **keys), study)
    assert over_limit_kwh(without) > 10
    assert over_limit_kwh(priced) < 0.2 * over_limit_kwh(without)
    assert welfare_usd(priced) > welfare_usd(without)
    assert priced.exchange.messages > without.exchange.messages


def test_congestion_rent_is_the_network_price_of_what_the_supplier_sells_and_the_operator_keeps_it(
    study,
):
    ran = simulate(Auction(network="price", delivery_share=0.4), study)
    o, added = evaluate("auction", ran, study), ran.track.network_per_kwh
    assert added.max() > 0
    assert np.abs(added).max() <= study.wholesale.over_per_kwh
    rent = only(o.ledger, RENT)
    expected = (np.asarray(o.home_kw) * added).sum() * o.dt_h  # trades between homes net to nil
    assert rent.amount_uusd.sum() * UUSD == pytest.approx(expected, abs=len(rent.item) * UUSD)
    assert (rent.payee == row_of(o.parties, Role.OPERATOR)).all()
    assert o.imbalance_uusd == 0


def test_without_a_limit_a_network_operator_changes_nothing(study):
    free = study._replace(wholesale=study.wholesale._replace(limit_kw=np.inf))
    plain, *others = (
        run(Auction(delivery_share=0.4, network=network), free)
        for network in ("none", "price", "envelope")
    )
    for same in others:
        np.testing.assert_array_equal(same.home_kw, plain.home_kw)
        np.testing.assert_array_equal(same.bill_usd, plain.bill_usd)


@pytest.mark.parametrize("keys", [{}, {"delivery_share": 0.0}, {"look_ahead_prices": "trades"}])
def test_envelopes_lower_what_is_beyond_the_limit(alone, study, keys):
    for envelope in ("equal", "baseline"):
        held = run(Auction(network="envelope", envelope=envelope, **keys), study)
        assert over_limit_kwh(held) < 0.6 * over_limit_kwh(alone)
        assert held.imbalance_uusd == 0


def test_envelopes_are_parts_of_the_limit_that_are_posted_once_a_day():
    """All parts are the limit less its reserve and other customers; midnight alone posts them, every hour plans on them."""
    baseline = Baseline(
        0,
        3600,
        np.arange(48) % 24,
        np.zeros(24),
        np.zeros(24),
        np.zeros(24),
        home_kw=np.array([[3.0] * 24, [1.0] * 24, [-2.0] * 24]),
        limit_kw=12.0,
    )
    for envelope, parts in (("equal", [1 / 3] * 3), ("baseline", [0.75, 0.25, 0.0])):
        design = Auction(network="envelope", envelope=envelope, reserve_share=0.0)
        state = design.start(baseline)
        product = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD, 0)
        supply = SupplyOffer(np.full(24, BUY), np.full(24, SELL), np.full(24, 2.0))
        limits = limit_substation(3, supply.base_kw, 12.0, OVER)
        for binds in (True, False):
            opening = Opening(product, np.arange(3), supply, binds=binds, limits=limits)
            driven = drive(
                design.plan(opening, state), lambda _: None, MessageCount(), private=True
            )
            found = driven.result.limits
            np.testing.assert_allclose(
                found.limit_kw, 10.0 * np.array(parts)[:, None] + np.zeros(24)
            )
            assert (found.over_per_kwh == OVER).all()
            assert driven.traffic.messages == (6 if binds else 3)


def test_only_who_sees_the_limit_says_so():
    assert not Auction().rules.sees_limit
    assert Auction(network="price").rules.sees_limit
    assert Auction(network="envelope").rules.sees_limit


def closed(design, rows, limit_kw):
    """Return the clearing of one interval of homes with these curves, under a limit."""
    product, n = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0), len(rows)
    supply = SupplyOffer(np.array([BUY]), np.array([SELL]), np.zeros(1))
    limits = limit_substation(n, supply.base_kw, limit_kw, OVER)
    opening = Opening(product, np.arange(n), supply, limits=limits)
    offered = tender(product, opening.party, curves(rows))
    session = design.clear(opening, AuctionState())
    return drive(session, lambda _: offered, MessageCount(), private=True).result


FALLING = (np.array([0.0, 10.0]), np.array([0.40, 0.0]))  # wants 10 (1 - price / .4) kW


@pytest.mark.parametrize("limit_kw", [7.0, 5.0, 2.0])
def test_the_price_of_the_network_is_where_curves_meet_the_limit(limit_kw):
    """Two lines of 10 (1 - price / .4) kW meet a limit where price = .4 (1 - limit / 20): nil up to the import price."""
    design = Auction(network="price", reserve_share=0.0, network_rounds=30)
    found = closed(design, [FALLING] * 2, limit_kw)
    least = max(0.4 * (1 - limit_kw / 20) - BUY, 0.0)
    assert found.network_per_kwh == pytest.approx(least, abs=1e-6)
    assert found.transactions.p_kw.sum() == pytest.approx(limit_kw, abs=1e-9)


def test_a_load_that_nobody_moves_pays_what_a_kwh_beyond_costs_and_goes_on():
    fixed = (np.array([6.0]), np.array([0.0]))
    found = closed(Auction(network="price", reserve_share=0.0), [fixed, fixed], 10.0)
    assert found.network_per_kwh == OVER
    assert found.transactions.p_kw[:, 0] == pytest.approx([6.0, 6.0])


def test_a_book_under_a_network_price_trades_between_the_prices_that_were_posted():
    sun = (np.array([-3.0]), np.array([0.0]))
    found = closed(Auction(network="price", reserve_share=0.0), [FALLING] * 3 + [sun], 5.0)
    added, price = found.network_per_kwh, found.local.price_per_kwh[:, 0]
    assert added > 0
    near = OVER / 2**10  # the last two prices that were posted
    assert (price >= SELL + added).all()
    assert (price <= BUY + added + near).all()
    assert found.transactions.p_kw.sum() == pytest.approx(5.0, abs=1e-9)


def test_of_what_all_are_indifferent_to_homes_take_the_share_that_uses_the_limit():
    """Four homes with 3 kW each that are worth .20 $/kWh to all: two prices that hardly differ take all of it or nothing."""
    same = (np.array([0.0, 3.0]), np.array([0.20, 0.20]))
    found = closed(Auction(network="price", reserve_share=0.0), [same] * 4, 7.0)
    assert found.network_per_kwh == pytest.approx(0.20 - BUY, abs=OVER / 2**10)
    assert found.transactions.p_kw[:, 0] == pytest.approx([7 / 4] * 4)
