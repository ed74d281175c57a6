"""PV: curtailment at the right price."""

import numpy as np
import pytest

from gridagora.devices import pv
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.stores.value import best_response


def test_an_array_sells_above_zero_and_curtails_below(homes):
    table, hour = homes.owned["pv"], 12
    offer, answer = pv.tender(table, hour), pv.spec(table, hour, 1)
    for price in (0.01, 0.0):
        assert power_at(offer, price) == pytest.approx(-table.available_kw[:, hour])
    assert not power_at(offer, -0.01).any()
    assert best_response(answer, [0.01], [0.01]).p_kw[:, 0] == pytest.approx(
        -table.available_kw[:, hour]
    )
    assert not best_response(answer, [-0.01], [-0.01]).p_kw.any()
    assert not power_at(pv.tender(table, 0), np.inf).any()  # at night


def test_step_is_all_there_is_or_the_target_within_it(homes):
    table, rows = homes.owned["pv"], np.array([2, 0])
    most = table.available_kw[:, 12]
    assert np.array_equal(pv.step(table, 12), -most)
    target = np.array([-1.0, 0.0, 3.0, -99.0, -0.5, -0.1])
    assert pv.step(table, 12, target) == pytest.approx([-1.0, 0.0, 0.0, -most[3], -0.5, -0.1])
    assert np.array_equal(
        pv.step(pv.take(table, rows), 12, target[rows]), pv.step(table, 12, target)[rows]
    )
