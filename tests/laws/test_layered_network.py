"""The layered market with limits of the network: the exact flow keeps them, and nothing moves where none is near."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.exchange import tender
from gridagora.core.network_operator import NetworkCheck
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import MessageCount, Opening, SupplyOffer, drive
from gridagora.kernels.curves.curve import curves
from gridagora.markets.layered import Layered
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.lookahead import plan_window
from gridagora.run.network_operator import Askers, check_network
from gridagora.run.opening import hour_product
from gridagora.run.simulate import simulate
from gridagora.run.state import start_run
from gridagora.scenario import build, read
from tests.laws.test_feeder_envelopes import limited_by_flow

STREET = """
[scenario]
seed = 4
days = 1
start = 2024-07-15
[homes]
count = {homes}
battery_share = 0.2
ev_share = 0.4
[homes.pv]
share = 1.0
kw = {panels}
[layers]
transformers = true
[market]
interval_minutes = 15
"""


def make_street(homes, panels):
    text = STREET.format(homes=homes, panels=panels)
    scene = build.build(read.parse(text, "street.toml"))
    return scene, prepare(scene)


def run(street, **fields):
    scene, study = street
    design = replace(scene.market("layered"), **fields)
    return evaluate("layered", simulate(design, study), study)


@pytest.fixture(scope="module")
def sunny():
    return make_street(12, 17.0)


@pytest.fixture(scope="module")
def found(sunny):
    return {network: run(sunny, network=network) for network in ("none", "limits")}


def furthest_beyond(study, outcome):
    """Return by how much of it the worst voltage or rating of each interval is beyond, of awards by the exact flow."""
    value, low, high = limited_by_flow(study, np.asarray(outcome.award_kw), outcome.dt_h)
    return np.maximum(value / high - 1, np.where(low > 0, 1 - value / low, -1.0)).max(1)


def test_awards_keep_voltages_and_ratings_that_the_design_alone_breaks(sunny, found):
    alone, held = (furthest_beyond(sunny[1], found[name]) for name in ("none", "limits"))
    assert alone.max() > 0.05 and (alone > 1e-3).sum() >= 3
    assert held.max() < 1e-3


def test_books_close(found):
    assert [each.imbalance_uusd for each in found.values()] == [0, 0]


def test_homes_still_tender_once_and_layers_talk_more(found):
    alone, held = (found[name].exchange for name in ("none", "limits"))
    assert held.messages > alone.messages and held.rounds > alone.rounds
    # a day has 96 tenders of a home; what more it tells is plans of midnight
    assert held.disclosed < 1.3 * alone.disclosed


def test_where_no_row_is_near_its_limit_nothing_moves():
    scene, study = make_street(2, 5.0)
    wide = scene, study._replace(network=study.network._replace(band_pu=(0.5, 1.5)))
    alone, held = (run(wide, network=network) for network in ("none", "limits"))
    assert furthest_beyond(wide[1], alone).max() < -0.06
    for column in ("home_kw", "award_kw", "bill_usd", "place_per_kwh"):
        np.testing.assert_array_equal(
            np.asarray(getattr(held, column)), np.asarray(getattr(alone, column))
        )
    assert held.exchange == alone.exchange


def test_without_a_network_operator_it_is_refused():
    product = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
    opening = Opening(product, np.arange(1), SupplyOffer(np.ones(1), np.ones(1), np.zeros(1)))
    heard = tender(product, opening.party, curves([([0.0, 1.0], [0.5, 0.5])]))
    answers = iter([heard, None])
    with pytest.raises(InputError, match="no network operator"):
        drive(
            Layered(network="limits").clear(opening, None), lambda _: next(answers), MessageCount()
        )


def test_a_word_that_no_network_has_is_refused():
    with pytest.raises(InputError, match=r"network: got 'limit', expected one of none, limits"):
        Layered(network="limit")


@pytest.mark.parametrize("network", ["none", "limits"])
def test_positions_of_midnight_keep_the_network_and_are_certified(sunny, network):
    scene, study = sunny
    desk = start_run(replace(scene.market("layered"), network=network), study)
    plan_window(desk.demand, 0)
    p_kw = desk.positions[Horizon.DAY_AHEAD].p_kw[:, :24]
    n = len(p_kw)
    own = Askers(np.arange(n), desk.expected_kw[:24].T, None, np.ones(n, np.bool_))
    told = check_network(desk, own, NetworkCheck(hour_product(desk, 0), p_kw, near_share=0.0))
    if network == "none":
        assert told.beyond.max(initial=0.0) > 0.5  # kVA of a transformer
    else:
        assert told.beyond.max(initial=0.0) < 0.05
        assert desk.track.worst[1] < 2e-3
