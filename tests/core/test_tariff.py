"""Revenue-neutral tariffs, with net metering and with a lower credit for export."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.settlement.tariff import NET_METERING, neutral_per_kwh


def week(seed):
    """Return shape, cost, and load of homes of which some export, over 12 intervals; the shape goes on for two more."""
    rng = np.random.default_rng(seed)
    return rng.choice([1.0, 3.0], 14), rng.uniform(0.05, 0.3, 12), rng.uniform(-2, 4, (20, 12))


@given(seed=st.integers(0, 1000), credit=st.floats(0.0, 0.03))
def test_revenue_on_the_baseline_is_its_cost(seed, credit):
    shape, cost, home = week(seed)
    bought, sold = home.clip(min=0).sum(0), (-home).clip(min=0).sum(0)
    price = neutral_per_kwh(shape, cost * home.sum(0), home.sum(0), sold, credit)
    revenue = price[:12] @ bought - credit * sold.sum()
    assert revenue == pytest.approx(cost @ home.sum(0), abs=1e-9)
    assert len(price) == 14
    np.testing.assert_allclose(price / price[0], shape / shape[0])


def test_the_credit_of_a_flat_tariff_may_reach_its_net_metering_price_and_is_then_the_same_tariff():
    _, cost, home = week(3)
    shape, load, sold = np.ones(12), home.sum(0), (-home).clip(min=0).sum(0)
    plain = neutral_per_kwh(shape, cost * load, load, sold, NET_METERING)
    assert plain[0] == pytest.approx((cost @ load) / load.sum())
    np.testing.assert_allclose(
        neutral_per_kwh(shape, cost * load, load, sold, plain[0]), plain, rtol=1e-12
    )
    with pytest.raises(InputError, match="at most the cheapest import price"):
        neutral_per_kwh(shape, cost * load, load, sold, 1.01 * plain[0])


@pytest.mark.parametrize("credit", [0.2, -0.01])
def test_a_credit_above_the_cheap_hours_or_below_zero_is_refused(credit):
    shape, cost, home = week(4)
    with pytest.raises(InputError, match=rf"\[tariff\] credit_per_kwh: got {credit} \$/kWh"):
        neutral_per_kwh(shape, cost * home.sum(0), home.sum(0), (-home).clip(min=0).sum(0), credit)
