"""Designs that do not see the network keep it whole with operating envelopes, on a street whose panels break it without."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.grid.limited import limited_quantities, phasors_of
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.power_flow import meter_powers
from gridagora.run.settle import BEYOND
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.settlement.ledger import only

STREET = """
[scenario]
seed = 4
days = 1
start = 2024-07-15
[homes]
count = 12
battery_share = 0.2
ev_share = 0.4
[homes.pv]
share = 1.0
kw = 17.0
[network]
envelopes = "feeder"
"""
DESIGNS = ("flat_optimised", "tou", "rtp", "peer", "auction", "retailer")


@pytest.fixture(scope="module")
def street():
    scene = build.build(read.parse(STREET, "street.toml"))
    return scene, prepare(scene)


def limited_by_flow(study, home_kw, dt_h):
    """Return voltages and loadings by the exact flow of what homes take, and their bounds, (t, k) and (k,) each."""
    wiring = study.wiring
    hour = np.arange(home_kw.shape[1]) // round(1 / dt_h)
    drawn = meter_powers(wiring.home_meter, home_kw, 0.0 * home_kw, wiring.other_kw[hour])
    of = limited_quantities(wiring.grid.feeder)
    value = np.abs(phasors_of(of, wiring.grid.flow(*drawn).v).value)
    return value, *of.bounds(study.network.band_pu)


def intervals_beyond(study, outcome):
    """Return how many intervals have a voltage out of the band or a rating that is exceeded, by the exact flow."""
    value, low, high = limited_by_flow(study, np.asarray(outcome.home_kw), outcome.dt_h)
    return int(((value > high * 1.0001) | (value < low * 0.9999)).any(1).sum())


@pytest.mark.parametrize("name", DESIGNS)
def test_envelopes_of_the_feeder_keep_it_whole_where_the_design_alone_does_not(street, name):
    scene, study = street
    alone = scene.market(name)
    held = replace(alone, network="envelope", envelope="equal")
    assert not alone.rules.sees_limit or name == "retailer"
    assert held.rules.sees_limit
    found = [evaluate(name, simulate(each, study), study) for each in (alone, held)]
    assert intervals_beyond(study, found[0]) > 0
    assert intervals_beyond(study, found[1]) == 0
    assert [each.imbalance_uusd for each in found] == [0, 0]
    assert not only(found[0].ledger, BEYOND).item.size


def test_envelopes_of_the_substation_alone_are_none_where_it_has_no_limit(street):
    scene, study = street
    design = scene.market("rtp")
    whole = study._replace(network=study.network._replace(envelopes="substation"))
    plain, same = (
        evaluate("rtp", simulate(each, whole), whole)
        for each in (design, replace(design, network="envelope"))
    )
    np.testing.assert_array_equal(same.home_kw, plain.home_kw)
    np.testing.assert_array_equal(same.bill_usd, plain.bill_usd)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"network": "price"},
            "market.rtp.network: got 'price', expected one of none, envelope, fee",
        ),
        ({"envelope": "eqal"}, "got 'eqal', expected one of equal, baseline, connection"),
    ],
)
def test_keys_that_no_operator_knows_are_refused(street, keys, said):
    with pytest.raises(Exception, match=said):
        replace(street[0].market("rtp"), **keys)
