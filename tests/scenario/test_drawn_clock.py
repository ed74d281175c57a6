"""What is drawn follows the clock of the scenario: the sun stands high at noon wherever that is."""

import numpy as np
import pytest

import gridagora


def build(zone):
    case = {"days": 2, "timezone": zone}
    return gridagora.build(gridagora.Scenario(scenario=case, homes={"count": 2}))


@pytest.mark.parametrize(
    "zone", ["Etc/GMT-1", "Europe/Berlin", "Asia/Tokyo", "America/Los_Angeles", "Australia/Sydney"]
)
def test_the_sun_of_drawn_weather_is_that_of_the_local_day(zone):
    there = build(zone)
    noon = there.weather.zenith_deg[:24].argmin()
    assert abs(int(noon) - 12) <= 1
    assert there.weather.ghi_w_m2[:5].max() == 0
    peak = np.argmax(there.weather.t_out_degc[:24])
    assert 12 <= peak <= 19
    assert there.weather.start_s == there.start_s


def test_prices_follow_the_local_day_too():
    there, home = build("Etc/GMT-1"), build("Etc/GMT+6")
    assert there.prices.day_ahead_per_kwh == pytest.approx(home.prices.day_ahead_per_kwh, rel=1e-3)


def test_it_is_said_where_the_clock_is_another():
    assert "by the clock of Asia/Tokyo" in build("Asia/Tokyo").weather_note
    assert not build("Etc/GMT+6").weather_note
    assert not build("America/Chicago").weather_note
