"""The curves of inverters: points of the standards, and what is given within a rating."""

import numpy as np
import pytest

from gridagora.core.inverters import STANDARDS, InverterTable, given_kw_kvar

ONE = InverterTable(np.zeros(1, np.int64), np.array([5.0]), np.array([5.0]))


def given(rule, v_pu, available_kw, *, gives_var=True):
    p, q = given_kw_kvar(
        ONE, rule, np.array([[v_pu]]), np.array([[available_kw]]), np.array([[gives_var]])
    )
    return p[0, 0], q[0, 0]


@pytest.mark.parametrize(
    ("standard", "v_pu", "share"),
    [
        ("ieee1547_b", 0.90, 0.44),
        ("ieee1547_b", 0.92, 0.44),
        ("ieee1547_b", 0.95, 0.22),
        ("ieee1547_b", 0.98, 0.0),
        ("ieee1547_b", 1.02, 0.0),
        ("ieee1547_b", 1.05, -0.22),
        ("ieee1547_b", 1.08, -0.44),
        ("ieee1547_b", 1.2, -0.44),
        ("rule21", 0.92, 0.30),
        ("rule21", 0.967, 0.0),
        ("rule21", 1.033, 0.0),
        ("rule21", 1.0515, -0.15),
        ("rule21", 1.07, -0.30),
    ],
)
def test_volt_var_is_that_of_the_standard(standard, v_pu, share):
    assert given(STANDARDS[standard], v_pu, 0.0)[1] == pytest.approx(5.0 * share, abs=1e-12)
    assert given(STANDARDS[standard], v_pu, 0.0, gives_var=False) == (0.0, 0.0)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize(("v_pu", "share"), [(1.0, 1), (1.06, 1), (1.08, 0.5), (1.10, 0), (1.2, 0)])
def test_volt_watt_is_that_of_the_standard(standard, v_pu, share):
    rule = STANDARDS[standard]._replace(var_first=False)
    assert given(rule, v_pu, 9.0)[0] == pytest.approx(5.0 * share, abs=1e-12)
    assert given(rule._replace(volt_watt=None), v_pu, 9.0)[0] == 5.0


def test_active_power_gives_way_to_reactive_power_or_the_other_way_round():
    """A rating of 5 kVA: 2.2 kvar leave 4.49 kW, 4.8 kW leave the 1.4 kvar of the triangle."""
    rule = STANDARDS["ieee1547_b"]
    assert given(rule, 0.9, 5.0) == pytest.approx((np.sqrt(25.0 - 2.2**2), 2.2))
    assert given(rule._replace(var_first=False), 0.9, 4.8) == pytest.approx((4.8, 1.4))
    assert given(rule._replace(var_first=False), 0.9, 9.0) == pytest.approx((5.0, 0.0))
