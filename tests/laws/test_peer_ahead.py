"""Laws of the look-ahead of peers: what an hour is worth to each home, what is said, and what a run of it leaves."""

import numpy as np
from home_columns import columns_of, homes_of

from gridagora.core.exchange import Plans
from gridagora.core.product import Commodity, Horizon, Product, following
from gridagora.core.session import (
    MessageCount,
    Opening,
    Preference,
    PricePath,
    SupplyOffer,
    drive,
    site_of,
)
from gridagora.markets.peer import Peer
from gridagora.results.outcome import welfare_usd
from gridagora.run.evaluate import evaluate
from gridagora.run.settle import OVERLOAD
from gridagora.run.simulate import simulate
from gridagora.settlement.ledger import only

HOURS, BUY, SELL = 24, 0.15, 0.05


def midnight(n: int) -> Opening:
    """The first opening of a day, of homes at one transformer."""
    product = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD, 0)
    supply = SupplyOffer(*(np.full(HOURS, each) for each in (BUY, SELL, 0.0)))
    return Opening(product, np.arange(n), supply, binds=True)


def day(net_kw: np.ndarray, slope: float, before: PricePath | None = None, hour: int = 0):
    """Drive the look-ahead of homes that take more where it is cheaper, around their own load; return what it ended with."""
    opened = midnight(len(net_kw))._replace(binds=hour == 0)
    opened = opened._replace(product=following(opened.product, hour))
    asked = []

    def plans(quotes):
        asked.append(quotes)
        return Plans(quotes.product, quotes.party, net_kw + slope * (0.1 - quotes.buy_per_kwh))

    return drive(
        Peer(graph="complete").plan(opened, before), plans, MessageCount(), private=True
    ), asked


def sun_at_noon(n: int = 8) -> np.ndarray:
    """Half of the homes have more sun at noon than all take; nobody has any at night."""
    net_kw = np.ones((n, HOURS))
    net_kw[: n // 2, 10:14] = -2.0
    return net_kw


def test_the_worth_of_an_hour_ahead_is_what_clears_the_homes():
    driven, asked = day(sun_at_noon(), slope=4.0)
    found = driven.result
    assert len(asked) == 2
    assert (asked[0].buy_per_kwh == BUY).all()
    assert (asked[1].buy_per_kwh == SELL).all()
    night = np.r_[0:10, 14:24]
    np.testing.assert_allclose(found.price_per_kwh[:, night], BUY)
    # at noon -2 and 1 kW meet where 4 (0.1 - worth) = 0.5: too low a price, so the supplier takes the rest at its credit
    np.testing.assert_allclose(found.price_per_kwh[:, 10:14], SELL, atol=1e-4)
    mild = sun_at_noon()
    mild[:4, 10:14] = -1.1
    cleared = 0.1 - 0.05 / 4
    np.testing.assert_allclose(
        day(mild, slope=4.0)[0].result.price_per_kwh[:, 10:14], cleared, atol=1e-3
    )


def test_between_midnights_homes_keep_their_place_between_the_forecasts_and_ask_nobody():
    mild = sun_at_noon()
    mild[:4, 10:14] = -1.1
    found = day(mild, slope=4.0)[0].result
    driven, asked = day(mild, slope=4.0, before=found.state, hour=1)
    assert asked == []
    assert driven.traffic.messages == 8
    assert driven.traffic.disclosed == 0
    np.testing.assert_array_equal(
        driven.result.price_per_kwh, np.roll(found.price_per_kwh, -1, axis=1)
    )
    for hour in range(2, HOURS + 1):
        driven, _ = day(mild, slope=4.0, before=driven.result.state, hour=hour)
    np.testing.assert_array_equal(driven.result.price_per_kwh, found.price_per_kwh)


def test_a_home_that_moves_energy_in_time_may_take_less_where_it_is_cheaper():
    """A plan may fall in one hour as the whole day gets cheaper: its mean is a fixed power there, and no curve rises."""
    driven, _ = day(sun_at_noon(), slope=-4.0)
    np.testing.assert_allclose(driven.result.p_kw.mean(), sun_at_noon().mean(), atol=1e-6)
    assert ((driven.result.price_per_kwh >= SELL) & (driven.result.price_per_kwh <= BUY)).all()


def test_a_green_home_plans_on_what_grey_energy_is_worth_to_it():
    n = 4
    wants = Preference(0.01, 0.04, np.array([True, False, False, False]), np.full(4, False))
    opened = midnight(n)
    opened = opened._replace(site=site_of(opened)._replace(prefers=wants))
    driven = drive(
        Peer().plan(opened, None),
        lambda q: Plans(q.product, q.party, np.ones((n, HOURS))),
        MessageCount(),
        private=True,
    )
    np.testing.assert_allclose(
        driven.result.price_per_kwh[:, 0], [BUY + 0.05, BUY + 0.01, BUY + 0.01, BUY + 0.01]
    )


def with_sun(study):
    """The same homes, each with panels of 4 kW or more."""
    own = columns_of(study.homes)
    every = own.pv_kw.max(0) / own.pv_kw.max()
    return study._replace(homes=homes_of(own._replace(pv_kw=np.maximum(own.pv_kw, 4.0 * every))))


def test_looking_ahead_together_pays_where_homes_have_more_sun_than_they_take(scene, study):
    sunny = with_sun(study)
    outcome = evaluate("peer", simulate(Peer(delivery_share=0.0), sunny), sunny)
    alone = evaluate("rtp", simulate(scene.market("rtp"), sunny), sunny)
    assert outcome.imbalance_uusd == 0
    assert outcome.surplus_uusd + only(outcome.ledger, OVERLOAD).amount_uusd.sum() >= 0
    assert not [item for item in set(outcome.ledger.item) if item in ("day-ahead", "deviation")]
    assert welfare_usd(outcome) > welfare_usd(alone)
    assert outcome.unconverged_sessions == 0


def test_sessions_that_spent_their_rounds_are_counted_and_their_money_balances(study):
    hasty = Peer(rounds_max=2, delivery_share=0.0)
    outcome = evaluate("peer", simulate(hasty, with_sun(study)), with_sun(study))
    assert 10 < outcome.unconverged_sessions < len(outcome.start_s)
    assert outcome.imbalance_uusd == 0
    assert outcome.surplus_uusd + only(outcome.ledger, OVERLOAD).amount_uusd.sum() >= 0
    assert np.isfinite(outcome.bill_usd).all()
