"""PV: curtailment at the right price, the curves of IEEE 1547."""

import numpy as np
import pytest

from gridagora.devices import pv
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.stores.value import best_response


def test_volt_var_points_of_category_b():
    """T25."""
    share = pv.volt_var_share(np.array([0.90, 0.95, 1.0, 1.05, 1.10]))
    assert share == pytest.approx([0.44, 0.22, 0.0, -0.22, -0.44], abs=1e-12)
    assert pv.volt_watt_share(np.array([1.0, 1.06, 1.08, 1.2])) == pytest.approx(
        [1.0, 1.0, 0.5, 0.0]
    )


def test_reactive_power_gives_way_to_active():
    limit = pv.reactive_limit_kvar(np.array([5.0, 5.0, 5.0]), np.array([0.0, 4.9, 5.0]))
    assert limit == pytest.approx([2.2, np.sqrt(25 - 4.9**2), 0.0])


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
