"""Values that laws of sums and signs do not see: what stores hold, comfort, windows of a tariff, what is known, premiums."""

import numpy as np
import pytest
from home_columns import columns_of

from gridagora.core.session import Baseline
from gridagora.core.tables import LEAD_H
from gridagora.markets.tou import TimeOfUse
from gridagora.run.evaluate import evaluate, left_usd
from gridagora.run.forecast import energy_per_kwh
from gridagora.run.simulate import simulate

DELIVERY = 0.045


@pytest.fixture(scope="module")
def runs(scene, study):
    """Return three runs and what they scored."""
    made = {name: simulate(scene.market(name), study) for name in ("tou", "central", "layered")}
    return {name: (ran, evaluate(name, ran, study)) for name, ran in made.items()}


def test_what_stores_hold_is_worth_what_it_displaces(study, runs):
    """A battery gives back its efficiency times what it holds, a tank all of it, a house its heat by the COP, cold below zero."""
    ran, outcome = runs["central"]
    homes, fleet = columns_of(study.homes), ran.fleet
    price = outcome.wholesale_per_kwh.mean() + DELIVERY
    packs = np.zeros(len(homes.home_id))
    packs[homes.battery_kwh > 0] = (
        homes.battery_efficiency[homes.battery_kwh > 0] * fleet.of_kind("battery").e_kwh
    )
    tank = np.zeros(len(homes.home_id))
    water, houses = fleet.of_kind("water_heater"), fleet.of_kind("hvac").houses
    tank[water.home] = homes.tank_kwh_k[water.home] * water.tanks.t_tank_degc
    heat = homes.cm_kwh_k * houses.t_mass_degc + homes.ca_kwh_k * houses.t_air_degc
    sign = np.where(homes.heating[:, 23], 1.0, -1.0)
    np.testing.assert_allclose(
        left_usd(ran, study),
        price * (packs + tank + sign * heat / homes.cop[:, 23]),
        rtol=1e-12,
    )
    assert fleet.of_kind("battery").e_kwh.max() > 0.5, "a battery that is empty would prove nothing"
    assert homes.battery_efficiency[homes.battery_kwh > 0].max() < 0.99


def test_comfort_is_felt_as_the_mean_of_a_quarter_of_an_hour(runs):
    """k/2 (mean of three five-minute values)^2, k = .05 $/(K^2 h); squares of single values would be dearer."""
    _, outcome = runs["tou"]
    quarter = (
        outcome.series["comfort_dev_k"][:, 0::3]
        + outcome.series["comfort_dev_k"][:, 1::3]
        + outcome.series["comfort_dev_k"][:, 2::3]
    ) / 3
    np.testing.assert_allclose(
        outcome.device_usd["comfort"], 0.025 * (quarter**2).sum(1) * 0.25, rtol=1e-9
    )
    assert (
        abs(
            outcome.device_usd["comfort"]
            - 0.025 * (outcome.series["comfort_dev_k"][:, ::3] ** 2).sum(1) * 0.25
        ).max()
        > 1e-6
    )


def test_the_dear_window_opens_and_closes_on_the_minute(study, runs):
    """Dear from 14:00 to 20:00 local time: the interval that begins at 20:00 is cheap, that which begins at 14:00 is dear."""
    _, outcome = runs["tou"]
    hour = np.repeat(study.local_hour[:24], 12) + np.tile(np.arange(12) / 12, 24)
    dear = outcome.price_per_kwh > outcome.price_per_kwh.min() * 1.5
    np.testing.assert_array_equal(dear, (hour >= 14) & (hour < 20))
    assert outcome.price_per_kwh.max() / outcome.price_per_kwh.min() == pytest.approx(3.0)


def test_the_window_of_the_tariff_itself_is_closed_at_its_end():
    hour = np.arange(0, 24, 0.25)
    baseline = Baseline(0, 900, hour, np.ones(96), np.ones(96), np.zeros(96))
    price = TimeOfUse(peak_start_h=6.5, peak_end_h=9.25).start(baseline).import_per_kwh
    np.testing.assert_array_equal(price > price.min() * 1.5, (hour >= 6.5) & (hour < 9.25))


@pytest.mark.parametrize(
    ("hour", "known"), [(0, False), (6, False), (12, False), (13, True), (23, True)]
)
def test_tomorrow_is_known_from_one_o_clock(study, hour, known):
    """Day-ahead prices of tomorrow are out at 13:00: before, nothing in a forecast may depend on them."""
    w = study.wholesale
    later = w.prices.day_ahead_per_kwh.copy()
    later[LEAD_H + 24 :] += 1.0
    other = w._replace(prices=w.prices._replace(day_ahead_per_kwh=later))
    plain, changed = (energy_per_kwh(each, hour, 36) for each in (w, other))
    today = np.arange(hour, hour + 36) < 24
    np.testing.assert_array_equal(plain[today], changed[today])
    tomorrow = (np.arange(hour, hour + 36) >= 24) & (np.arange(hour, hour + 36) < 48)
    np.testing.assert_allclose(
        changed[tomorrow] - plain[tomorrow], 1.0 if known else 0.0, atol=1e-12
    )


@pytest.mark.parametrize("name", ["central", "layered"])
def test_positions_of_a_full_hour_are_dearer_than_wholesale_and_delivery(study, runs, name):
    """Where the plan fills the limit its premium is paid by homes: above the day-ahead price and delivery, never below."""
    ran, _ = runs[name]
    (position,) = ran.positions
    ahead = study.wholesale.prices.day_ahead_per_kwh[LEAD_H : LEAD_H + 24]
    premium = (position.price_per_kwh - ahead - DELIVERY).mean(0)
    load, limit = position.p_kw.sum(0), study.wholesale.limit_kw
    full, loose = load > 0.96 * limit, (load > 0.05 * limit) & (load < 0.8 * limit)
    assert full.any() and loose.any()
    assert premium[full].min() > -1e-9
    assert premium[full].max() > 1e-3
    assert np.abs(premium[loose]).max() < 1e-6
