"""The band that a network operator plans for: that of the scenario's standard, or its own."""

import pytest

from gridagora.core.errors import InputError
from gridagora.run.network_rules import hold_network
from gridagora.scenario import read
from gridagora.scenario.build import build

FEW = ["homes.count=2", "scenario.days=1"]


def band(*keys):
    return hold_network(build(read.parse("", overrides=[*FEW, *keys]))).band_pu


def test_the_band_is_that_of_the_standard_where_nothing_else_is_said():
    assert band() == (0.95, 1.05)


def test_either_end_may_be_the_operators_own():
    assert band("network.voltage_high_pu=1.03") == (0.95, 1.03)
    assert band("network.voltage_low_pu=0.98", "network.voltage_high_pu=1.04") == (0.98, 1.04)


@pytest.mark.parametrize("key", ["voltage_high_pu=0.98", "voltage_low_pu=1.02"])
def test_a_band_without_nominal_voltage_is_refused_by_its_key(key):
    with pytest.raises(InputError, match="network." + key.split("=")[0]):
        band("network." + key)
