"""What layers remember of rows between plans: prices by hour that rise where plans are beyond, and what homes pay of them."""

import numpy as np
import pytest

from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import PricePath
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.mechanisms.layer_plan import (
    add_row_prices,
    keep_cleared,
    learn_row_prices,
    remember_rows,
)
from gridagora.mechanisms.layer_search import stack_network
from gridagora.mechanisms.network_limits import RowPath, RowTable

HOUR = 3600
STEP = 0.005


def product(hour=0):
    return Product(Commodity.P, hour * HOUR, HOUR, Horizon.DAY_AHEAD)


def table(by_kw, high=10.0, low=-10.0, over=0.5, unit=2.0, hours=2):
    k = len(by_kw)
    ends = (np.full((k, hours), end) for end in (low, high))
    names = tuple(f"row {at}" for at in range(k))
    fixed = np.zeros((k, hours))
    return RowTable(names, np.array(by_kw), fixed, *ends, np.full(k, over), np.full(k, unit))


def test_a_price_rises_by_what_an_average_home_is_too_much_and_falls_back_to_nil():
    """Two homes of 8 kW make 16 kW in a row of 10: 3 kW a home at .005 $/kWh for each, and a unit is two kW."""
    rows, loads = table([[1.0, 1.0]]), np.array([[8.0, 2.0], [8.0, 2.0]])
    once = learn_row_prices(rows, None, product(), loads, STEP)
    np.testing.assert_allclose(once.per_unit_h, [[3 * STEP / 2.0, 0.0]])
    # an hour later the second hour comes first, and the price of the first is gone
    later = learn_row_prices(rows, once, product(1), loads[:, ::-1], STEP)
    np.testing.assert_allclose(later.per_unit_h, [[0.0, 3 * STEP / 2.0]])
    eased = learn_row_prices(rows, once, product(), np.zeros((2, 2)), STEP)
    assert eased.name == ()


def test_a_lower_limit_has_a_price_below_nil_and_no_price_is_above_its_own():
    rows = table([[1.0, 1.0]])
    down = learn_row_prices(rows, None, product(), np.full((2, 2), -8.0), STEP)
    np.testing.assert_allclose(down.per_unit_h, -3 * STEP / 2.0)
    most = learn_row_prices(rows, None, product(), np.full((2, 2), 1e4), STEP)
    np.testing.assert_allclose(most.per_unit_h, 0.5 / 2.0)


def test_rows_that_tell_the_same_share_one_step():
    loads = np.full((2, 2), 8.0)
    one, four = (
        learn_row_prices(table([[1.0, 1.0]] * k), None, product(), loads, STEP) for k in (1, 4)
    )
    np.testing.assert_allclose(four.per_unit_h.sum(0), one.per_unit_h.sum(0))


def test_rows_of_one_limit_alone_have_no_price_on_the_other_side():
    rows = table([[1.0]], low=-np.inf)
    assert learn_row_prices(rows, None, product(), np.full((1, 2), -50.0), STEP).name == ()


def test_homes_pay_their_part_of_prices_that_are_remembered_for_the_hour():
    rows = RowPath(0, HOUR, ("row 0",), np.array([[0.2, 0.4]]))
    memory = remember_rows(PricePath(0, np.zeros((4, 2))), rows, table([[1.0, -0.5]]))
    np.testing.assert_allclose(add_row_prices(memory, product(), 2, 2), [[0.4, 0.8], [-0.2, -0.4]])
    np.testing.assert_allclose(add_row_prices(memory, product(1), 2, 2), [[0.8, 0], [-0.4, 0]])
    assert not add_row_prices(None, product(), 2, 2).any()
    strange = memory._replace(name=("another",))
    assert not add_row_prices(strange, product(), 2, 2).any()


def test_what_an_interval_cleared_is_kept_beside_what_a_plan_taught():
    cleared = RowPath(0, HOUR, ("row 0",), np.ones((1, 1)))
    premium = PricePath(0, np.zeros((4, 2)))
    fresh = keep_cleared(premium, cleared, 2)
    assert fresh.cleared is cleared and not add_row_prices(fresh, product(), 2, 2).any()
    known = remember_rows(premium, cleared, table([[1.0, -0.5]]))
    assert keep_cleared(known, cleared, 2) == known._replace(cleared=cleared)
    assert keep_cleared(None, cleared, 2) is None


def test_rows_stand_behind_a_supply_of_any_length():
    supply = SupplyCost(*(np.arange(6.0) + at for at in range(10)))
    found = stack_network(supply, table([[1.0, 1.0]]))
    assert len(found.low_kw) == 8
    np.testing.assert_array_equal(found.base_kw[:6], supply.base_kw)
    assert found.high_kw[6:].tolist() == [10.0, 10.0]
    assert found.over_per_kwh[6:] == pytest.approx([0.5, 0.5])
