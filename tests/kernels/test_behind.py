"""The price inside a home: the conditions of its optimum on random curves, and the closed cases."""

import numpy as np
import pytest

from gridagora.kernels.curves.curve import curves, power_at
from gridagora.kernels.curves.internal_price import clear, power_at_own

SELL, BUY = 0.05, 0.2


def devices(rng, n, each):
    """Curves of n homes with `each` devices, ramps and blocks mixed, in a random order of rows."""
    rows = []
    for _ in range(n * each):
        points = rng.integers(1, 7)
        p, price = (
            np.sort(rng.uniform(-4, 5, points)),
            np.sort(rng.choice([0.02, 0.05, 0.1, 0.13, 0.2, 0.3], points))[::-1],
        )
        rows.append((p, price))
    return curves(rows), rng.permutation(np.repeat(np.arange(n), each))


def test_no_home_can_do_better():
    """Import only at the import price, export only at the credit, nothing crosses between; devices answer the price."""
    rng = np.random.default_rng(5)
    offered, home = devices(rng, 300, 3)
    rest = rng.uniform(-8, 8, 300)
    found = clear(offered, home, rest, BUY, SELL)
    power = power_at_own(offered, found.price_per_kwh[home], found.share[home])
    net = rest + np.bincount(home, power, 300)
    at_buy, at_sell = found.price_per_kwh == BUY, found.price_per_kwh == SELL
    assert np.all((found.price_per_kwh >= SELL) & (found.price_per_kwh <= BUY))
    assert np.all((found.share >= 0) & (found.share <= 1))
    assert np.all(net[at_buy] >= -1e-12)
    assert np.all(net[at_sell] <= 1e-12)
    np.testing.assert_allclose(net[~at_buy & ~at_sell], 0.0, atol=1e-10)
    assert min(at_buy.sum(), at_sell.sum(), (~at_buy & ~at_sell).sum()) > 20


def test_without_a_kink_devices_hear_the_posted_price():
    rng = np.random.default_rng(6)
    offered, home = devices(rng, 50, 2)
    found = clear(offered, home, rng.uniform(-8, 8, 50), 0.13, 0.13)
    own = power_at_own(offered, found.price_per_kwh[home], found.share[home])
    assert np.array_equal(own, power_at(offered, 0.13, 1.0))


def test_a_battery_takes_just_what_the_roof_has_left():
    """A block at 0.1 from -5 to 5 kW and 2 kW of surplus: charged with 2 kW at 0.1, seven tenths of the block."""
    found = clear(curves([([-5.0, 5.0], [0.1, 0.1])]), np.array([0]), np.array([-2.0]), BUY, SELL)
    assert found.price_per_kwh[0] == 0.1
    assert found.share[0] == pytest.approx(0.7, abs=1e-15)


def test_two_devices_share_a_ramp():
    """3 - 20 price and 2 - 10 price meet a surplus of 2 kW at 0.1."""
    offered = curves([([0.0, 3.0], [0.15, 0.0]), ([0.0, 2.0], [0.2, 0.0])])
    found = clear(offered, np.array([0, 0]), np.array([-2.0]), 0.25, 0.01)
    assert found.price_per_kwh[0] == pytest.approx(0.1, abs=1e-15)
    np.testing.assert_allclose(
        power_at_own(offered, np.full(2, 0.1), np.zeros(2)), [1.0, 1.0], atol=1e-14
    )


def test_nothing_is_imported_to_be_used_at_the_credit():
    found = clear(curves([([0.0, 4.0], [SELL, SELL])]), np.array([0]), np.array([-1.0]), BUY, SELL)
    assert (found.price_per_kwh[0], found.share[0]) == (SELL, 0.25)


@pytest.mark.parametrize(("rest", "price"), [(1.0, BUY), (0.0, BUY), (-1.0, SELL)])
def test_a_home_without_devices_pays_or_earns_at_its_meter(rest, price):
    none = curves([])
    assert clear(none, np.zeros(0, np.int64), np.array([rest]), BUY, SELL).price_per_kwh[0] == price
