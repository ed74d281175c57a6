"""What a home's slider and tier do to its devices: a factor on what they may be denied, and a bliss temperature to match."""

import numpy as np
import pytest

from gridagora.core.tables import Quality
from gridagora.devices import ev, hvac, water_heater

FLAT_PER_KWH = 0.08


@pytest.fixture(scope="module")
def mixed(homes):
    n = len(homes.home_id)
    tier = np.arange(n) % 3
    return homes._replace(
        quality=Quality(
            np.linspace(0.5, 2, n), tier, np.array([1.0, 4.0, 0.25])[tier], np.zeros(n), 1.0
        ),
    )


def test_comfort_is_worth_slider_times_tier_and_bliss_follows(mixed):
    own = mixed.quality.slider_ratio * mixed.quality.tier_ratio
    table, house = hvac.of(mixed, 0.05, FLAT_PER_KWH), mixed.owned["hvac"]
    assert table.comfort_per_k2_h == pytest.approx(0.05 * own)
    lower_k = FLAT_PER_KWH * house.ua_kw_k[:, None] / (house.cop * 0.05 * own[:, None])
    assert house.t_set_degc - table.best_degc == pytest.approx(lower_k)
    assert table.resting.k_c[:, 0] == pytest.approx(
        table.comfort_per_k2_h / (1 - hvac.FAST_PRESENT)
    )


def test_hot_water_and_charge_are_worth_the_tier_and_know_no_slider(mixed):
    tanks = water_heater.of(mixed, np.arange(mixed.load_kw.shape[1]) % 24)
    cars = ev.of(mixed)
    assert tanks.discomfort_per_k2_h == pytest.approx(
        water_heater.DEFAULT_K * mixed.quality.tier_ratio[tanks.home]
    )
    assert tanks.resting.k_x[:, 0] == pytest.approx(tanks.discomfort_per_k2_h)
    assert cars.missing_per_kwh == pytest.approx(
        ev.EV_VALUE_PER_KWH * mixed.quality.tier_ratio[cars.home]
    )
    told = ev.spec(cars, np.zeros(len(cars.home)), 0.0)
    assert told.end_mu == pytest.approx(np.repeat(cars.missing_per_kwh[:, None], 2, axis=1))


def test_rows_keep_their_worth(mixed):
    rows = np.array([2, 0])
    tanks, cars = water_heater.of(mixed, np.arange(mixed.load_kw.shape[1]) % 24), ev.of(mixed)
    assert np.array_equal(
        water_heater.take(tanks, rows).discomfort_per_k2_h, tanks.discomfort_per_k2_h[rows]
    )
    assert np.array_equal(ev.take(cars, rows).missing_per_kwh, cars.missing_per_kwh[rows])
