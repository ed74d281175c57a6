"""Laws between two worlds of which one follows from the other: scaled, shifted, mirrored, split, silent, tighter, dearer.

Nothing is known of the outcome of a drawn world, but how it must change when the world does.
"""

import numpy as np
import pytest

from gridagora.core.exchange import NETWORK, tender
from gridagora.core.limits import limit_substation
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import MessageCount, Opening, PricePath, SupplyOffer, drive
from gridagora.kernels.curves.curve import Curves, power_at
from gridagora.markets.auction import Auction
from gridagora.markets.central import Central
from gridagora.markets.layered import Layered
from gridagora.markets.peer import Peer
from gridagora.markets.retailer import Retailer, RetailState
from gridagora.settlement.tariff import Tariff

BUY, SELL, LIMIT_KW, OVER, RETAIL = 0.20, 0.08, 9.0, 3.0, 0.24
HOMES = 12
UNIFORM = {"central": Central(), "layered": Layered(), "retailer": Retailer()}
EVERY = {
    **UNIFORM,
    "peer": Peer(graph="complete", tolerance_kw=1e-7, tolerance_per_kwh=1e-8, rounds_max=3000),
    "auction": Auction(),
}
CLEARING = pytest.mark.parametrize("name", UNIFORM)
TRADING = pytest.mark.parametrize("name", EVERY)
SEEDS = pytest.mark.parametrize("seed", range(5))


def drawn(seed: int, n: int = HOMES) -> Curves:
    """Curves of falling lines, so that no two parties are ever indifferent at one price; some give, some take, some do both."""
    rng = np.random.default_rng(seed)
    points = rng.integers(2, 6, n)
    offset = np.concatenate([[0], np.cumsum(points)])
    p_kw = [np.sort(rng.uniform(-3, 4, m)) + 1e-3 * np.arange(m) for m in points]
    price = [-np.sort(-rng.uniform(-0.1, 0.6, m)) - 1e-3 * np.arange(m) for m in points]
    return Curves(offset, np.concatenate(p_kw), np.concatenate(price))


def cleared(
    name,
    curves,
    *,
    buy=BUY,
    sell=SELL,
    limit_kw=LIMIT_KW,
    base_kw=0.5,
    retail=RETAIL,
    over=OVER,
    leads=None,
    party=None,
):
    """Return price and power of every party, and the whole outcome."""
    n = len(curves.offset) - 1
    parties = np.arange(n) if party is None else party
    product = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.array([buy]), np.array([sell]), np.array([base_kw]))
    limits = limit_substation(n, supply.base_kw, limit_kw, over)
    roles = np.arange(n) % 3 > 0 if leads is None else leads
    opening = Opening(product, parties, supply, is_prosumer=roles, limits=limits)
    agreed = PricePath(0, np.array([[0.0], [retail], [1.0]]))
    state = RetailState(Tariff(0, 300, np.full(1, retail), np.full(1, retail)), agreed)
    session = EVERY[name].clear(opening, state if name == "retailer" else None)
    heard = tender(product, parties, curves)
    found = drive(session, lambda _: heard, MessageCount(), private=True).result
    return found.transactions.price_per_kwh[:, 0], found.transactions.p_kw[:, 0], found


def joined(*tables: Curves) -> Curves:
    length = np.concatenate([np.diff(table.offset) for table in tables])
    return Curves(
        np.concatenate([[0], np.cumsum(length)]),
        np.concatenate([table.p_kw for table in tables]),
        np.concatenate([table.price_per_kwh for table in tables]),
    )


@CLEARING
@SEEDS
def test_twice_of_everything_is_twice_the_power_at_the_same_price(name, seed):
    curves = drawn(seed)
    price, power, _ = cleared(name, curves)
    larger = curves._replace(p_kw=2 * curves.p_kw)
    price2, power2, _ = cleared(name, larger, limit_kw=2 * LIMIT_KW, base_kw=1.0)
    assert price2 == pytest.approx(price, abs=1e-9)
    assert power2 == pytest.approx(2 * power, abs=1e-6)


@CLEARING
@SEEDS
def test_a_cent_more_for_everything_is_a_cent_more_for_all_and_the_same_power(name, seed):
    curves, more = drawn(seed), 0.01
    price, power, _ = cleared(name, curves)
    dearer = curves._replace(price_per_kwh=curves.price_per_kwh + more)
    price2, power2, _ = cleared(
        name, dearer, buy=BUY + more, sell=SELL + more, retail=RETAIL + more
    )
    assert price2 == pytest.approx(price + more, abs=1e-9)
    assert power2 == pytest.approx(power, abs=1e-6)


@CLEARING
@SEEDS
def test_another_currency_changes_prices_and_no_power(name, seed):
    curves, rate = drawn(seed), 7.0
    price, power, _ = cleared(name, curves)
    other = curves._replace(price_per_kwh=rate * curves.price_per_kwh)
    world = {"buy": rate * BUY, "sell": rate * SELL, "retail": rate * RETAIL, "over": rate * OVER}
    price2, power2, _ = cleared(name, other, **world)
    assert price2 == pytest.approx(rate * price, abs=1e-8)
    assert power2 == pytest.approx(power, abs=1e-6)


@pytest.mark.parametrize("name", ["central", "layered"])
@SEEDS
def test_a_world_of_sellers_for_buyers_is_its_mirror(name, seed):
    """Power and price with their signs turned, buying for selling: the outcome with its signs turned."""
    curves = drawn(seed)
    price, power, _ = cleared(name, curves)
    rows = [slice(a, b) for a, b in zip(curves.offset[:-1], curves.offset[1:], strict=True)]
    mirror = Curves(
        curves.offset,
        np.concatenate([-curves.p_kw[row][::-1] for row in rows]),
        np.concatenate([-curves.price_per_kwh[row][::-1] for row in rows]),
    )
    price2, power2, _ = cleared(name, mirror, buy=-SELL, sell=-BUY, base_kw=-0.5)
    assert price2 == pytest.approx(-price, abs=1e-9)
    assert power2 == pytest.approx(-power, abs=1e-6)


@CLEARING
@SEEDS
def test_two_halves_of_a_party_get_what_the_whole_got(name, seed):
    curves = drawn(seed)
    price, power, _ = cleared(name, curves)
    half = curves._replace(p_kw=curves.p_kw / 2)
    leads = np.tile(np.arange(HOMES) % 3 > 0, 2)
    price2, power2, _ = cleared(name, joined(half, half), leads=leads)
    assert price2 == pytest.approx(np.tile(price, 2), abs=1e-9)
    assert power2[:HOMES] + power2[HOMES:] == pytest.approx(power, abs=1e-6)


@CLEARING
@SEEDS
def test_parties_that_offer_nothing_change_nothing(name, seed):
    curves = drawn(seed)
    price, power, _ = cleared(name, curves)
    silent = Curves(np.arange(4), np.zeros(3), np.zeros(3))
    leads = np.append(np.arange(HOMES) % 3 > 0, [True] * 3)
    price2, power2, _ = cleared(name, joined(curves, silent), leads=leads)
    assert np.array_equal(price2[:HOMES], price) and np.array_equal(power2[:HOMES], power)
    assert not power2[HOMES:].any()


@TRADING
@SEEDS
def test_parties_called_otherwise_get_the_same(name, seed):
    """Numbers of parties are names: rising ones in place of 0, 1, 2 and so on change no price and no power."""
    curves = drawn(seed)
    price, power, found = cleared(name, curves)
    party = np.arange(HOMES) * 7 + 3
    price2, power2, found2 = cleared(name, curves, party=party)
    assert np.array_equal(price2, price) and np.array_equal(power2, power)
    if found.local is not None:
        homes = found.local.counterparty != NETWORK
        assert np.array_equal(found2.local.party[homes], party[found.local.party[homes]])


@TRADING
@SEEDS
def test_every_award_is_on_the_curve_at_its_price(name, seed):
    """What a party takes is what it wanted at the price it was given; in an auction what it wanted between both prices."""
    curves = drawn(seed)
    price, power, _ = cleared(name, curves)
    for row in range(HOMES):
        own = Curves(
            np.array([0, curves.offset[row + 1] - curves.offset[row]]),
            curves.p_kw[curves.offset[row] : curves.offset[row + 1]],
            curves.price_per_kwh[curves.offset[row] : curves.offset[row + 1]],
        )
        if name == "auction":
            least, most = power_at(own, BUY, 0.0)[0], power_at(own, SELL, 1.0)[0]
            assert least - 1e-6 <= power[row] <= most + 1e-6
        else:
            slack = 1e-9 if name in UNIFORM else 1e-4
            least, most = (
                power_at(own, price[row] + slack, 0.0)[0],
                power_at(own, price[row] - slack, 1.0)[0],
            )
            assert least - 1e-6 <= power[row] <= most + 1e-6


@pytest.mark.parametrize("name", ["central", "layered"])
@SEEDS
def test_price_rises_with_load_and_falls_with_room_for_import(name, seed):
    curves = drawn(seed)
    by_load = [cleared(name, curves, base_kw=base)[0][0] for base in np.linspace(-9, 9, 13)]
    assert (np.diff(by_load) >= -1e-12).all()
    importing = [
        cleared(name, curves, base_kw=20.0, limit_kw=kw)[0][0] for kw in np.linspace(1, 20, 13)
    ]
    assert (np.diff(importing) <= 1e-12).all()
    exporting = [
        cleared(name, curves, base_kw=-40.0, limit_kw=kw)[0][0] for kw in np.linspace(1, 20, 13)
    ]
    assert (np.diff(exporting) >= -1e-12).all()
    assert np.ptp(importing) > 0.1 and np.ptp(exporting) > 0.1  # the limit is felt on both sides


@CLEARING
@SEEDS
def test_who_bids_more_gets_no_less(name, seed):
    curves = drawn(seed)
    before = cleared(name, curves)[1]
    for row in range(0, HOMES, 4):
        own = slice(curves.offset[row], curves.offset[row + 1])
        price = curves.price_per_kwh.copy()
        price[own] += 0.05
        after = cleared(name, curves._replace(price_per_kwh=price))[1]
        assert after[row] >= before[row] - 1e-9
        others = np.arange(HOMES) != row
        assert after[others].sum() <= before[others].sum() + 1e-9


@SEEDS
def test_net_power_is_priced_by_the_side_of_the_substation_that_it_uses(seed):
    """Import at the import price or above, export at the export price or below, nothing between them; the reserve is kept."""
    for name in ("central", "layered"):
        for base in (-8.0, 0.0, 8.0):
            price, power, _ = cleared(name, drawn(seed), base_kw=base)
            net, level = base + power.sum(), price[0]
            usable = LIMIT_KW * 0.97
            if net > 1e-6:
                assert level >= BUY - 1e-12
            if net < -1e-6:
                assert level <= SELL + 1e-12
            if BUY + 1e-9 < level < BUY + OVER - 1e-9:
                assert net == pytest.approx(usable, abs=1e-6)
            if SELL - OVER + 1e-9 < level < SELL - 1e-9:
                assert net == pytest.approx(-usable, abs=1e-6)


@SEEDS
def test_without_layers_the_layered_market_is_the_central_one(seed):
    """One root, no limits inside: the same prices and powers, whoever sums the curves."""
    price, power, _ = cleared("central", drawn(seed))
    price2, power2, _ = cleared("layered", drawn(seed))
    assert price2 == pytest.approx(price, abs=1e-9)
    assert power2 == pytest.approx(power, abs=1e-6)


@SEEDS
def test_where_all_lead_the_retailer_clears_as_the_central_market(seed):
    price, power, _ = cleared("central", drawn(seed))
    price2, power2, _ = cleared("retailer", drawn(seed), leads=np.ones(HOMES, bool))
    assert price2 == pytest.approx(price, abs=1e-9)
    assert power2 == pytest.approx(power, abs=1e-6)


@SEEDS
def test_peers_who_know_no_limit_end_where_a_central_market_without_one_does(seed):
    price, power, _ = cleared("central", drawn(seed), limit_kw=np.inf, base_kw=0.0)
    price2, power2, found = cleared("peer", drawn(seed), limit_kw=np.inf, base_kw=0.0)
    assert (found.transactions.status == 0).all()
    assert power2 == pytest.approx(power, abs=1e-2)
    assert price2 == pytest.approx(price, abs=1e-3)
