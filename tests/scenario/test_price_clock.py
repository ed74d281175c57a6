"""Prices of Texas stand on clocks of the Americas; any other zone is refused with the key to set."""

import pytest

from gridagora.core.errors import InputError
from gridagora.scenario import read


def parse(zone, source):
    keys = {"scenario.timezone": zone, "prices.source": source}
    return read.parse("", overrides=[f'{key}="{value}"' for key, value in keys.items()])


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Etc/GMT-1", "UTC", "Asia/Tokyo"])
def test_prices_of_texas_are_refused_elsewhere(zone):
    with pytest.raises(InputError, match=rf"prices of Texas.*'{zone}'.*Etc/GMT\+6"):
        parse(zone, "ercot_hub_average")


@pytest.mark.parametrize("zone", ["America/Chicago", "America/St_Johns", "Pacific/Honolulu"])
def test_zones_of_the_americas_are_taken(zone):
    assert parse(zone, "ercot_hub_average").scenario.timezone == zone


def test_other_sources_have_no_clock_of_their_own():
    assert parse("Etc/GMT-1", "synthetic").prices.source == "synthetic"
