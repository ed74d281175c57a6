"""Distances and phases of a feeder against circuits whose values are known beforehand."""

import dataclasses

import numpy as np
import pytest

from gridagora.core.feeder import branches, source_bus
from gridagora.grid.distance import BASE_VA, bus_distance_pu
from gridagora.grid.phases import branch_phases, node_phases
from gridagora.sources import synthetic_feeder


@pytest.fixture(scope="module")
def feeder():
    return synthetic_feeder.make(5, 12)


def test_a_way_is_as_long_as_its_parts(feeder):
    found, joins = bus_distance_pu(feeder), branches(feeder)
    assert found[source_bus(feeder)] == 0.0
    assert np.isfinite(found).all()
    assert (found[joins.from_bus] != found[joins.to_bus]).all()


def test_a_transformer_is_as_long_as_its_impedance_on_its_rating(feeder):
    """A short circuit behind it draws its rating over its impedance, by the first winding and without the core to 2 %."""
    found, joins, units = bus_distance_pu(feeder), branches(feeder), feeder.transformers
    row = int(np.nanargmax(np.where(np.array(joins.kind) == "transformer", joins.kva, np.nan)))
    kva = joins.kva[row]  # the substation: two windings on three phases
    unit = int(np.argmax(units.kva))
    length = abs(found[joins.to_bus[row]] - found[joins.from_bus[row]])
    windings = units.windings
    share = abs(units.x_share[unit, 0] * 1j + windings.r_share[windings.transformer == unit].sum())
    assert length == pytest.approx(share * BASE_VA / (1e3 * kva), rel=0.02)


def test_a_bus_that_nothing_reaches_has_no_distance(feeder):
    own = feeder.buses
    columns = [np.append(column, 0.0) for column in (own.x_m, own.y_m, own.base_v)]
    island = dataclasses.replace(feeder, buses=type(own)((*own.name, "island"), *columns))
    found = bus_distance_pu(island)
    assert np.isnan(found[-1])
    np.testing.assert_array_equal(found[:-1], bus_distance_pu(feeder))


def test_legs_are_of_the_phases_between_which_their_winding_stands(feeder):
    letters, found = node_phases(feeder), branch_phases(feeder)
    joins = branches(feeder)
    pairs = list(zip(joins.from_bus.tolist(), joins.to_bus.tolist(), strict=True))
    assert set(found) == set(pairs)
    assert found[pairs[0]] == "ABC"
    assert set("".join(letters)) <= set("ABC")
