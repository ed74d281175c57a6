"""Loads of several steps at once draw what the rule for one step says, whatever their model and voltage."""

import numpy as np
import pytest
from numba import njit

from gridagora.kernels.flow.lanes import LANES, load_lanes, store_lanes
from gridagora.kernels.flow.load_models import (
    MODEL_COLUMNS,
    Loads,
    bands_of,
    power_at,
    powers_at,
)

BASE_V = 240.0
# impedance, current, power, exponent and what it is outside for P, then for Q; vlow, vmin, vmax, cut-off
RULES = {
    "constant power in a band": (0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0.5, 0.95, 1.05, 0),
    "impedance and current": (0.3, 0.7, 0, 0, 0, 1, 0, 0, 0, 0, 0.5, 0.9, 1.1, 0),
    "ZIP with a cut-off": (0.2, 0.3, 0.5, 0, 1, 0.4, 0.4, 0.2, 0, 1, 0.1, 0.2, 1.5, 0.7),
    "CVR": (0, 0, 1, 0.8, 0, 0, 0, 1, 2.6, 0, 0.5, 0.9, 1.1, 0),
    "CVR in a wide band": (0, 0, 1, -1.5, 0, 0, 0, 1, 4.0, 0, 0.1, 0.3, 2.0, 0),
    "CVR of whole exponents": (0, 0, 1, 1.0, 1, 0, 0, 1, 2.0, 2, 0.5, 0.9, 1.1, 0),
    "currents on a line below a band": (0.2, 0.3, 0.5, 0, 0, 0, 1, 0, 0, 0, 0.5, 0.9, 1.1, 0),
    "steeper than the series": (0, 0, 1, 7.0, 2, 0, 0, 1, 0.5, 2, 0.5, 0.9, 1.1, 0),
}


@njit
def drawn(u, loads, kw, kvar):
    """Return what a row draws at voltages (n, LANES) [pu], P and Q one behind the other."""
    square, p, q, found = (
        np.empty((1, LANES)),
        np.empty((1, LANES)),
        np.empty((1, LANES)),
        np.empty((2, *u.shape)),
    )
    for row in range(u.shape[0]):
        square[0] = (u[row] * BASE_V) ** 2
        p[0], q[0] = kw, kvar
        a, b = powers_at(loads, 0, load_lanes(square, 0), load_lanes(p, 0), load_lanes(q, 0))
        store_lanes(p, 0, a)
        store_lanes(q, 0, b)
        found[0, row], found[1, row] = p[0], q[0]
    return found


@pytest.mark.parametrize("name", RULES)
def test_powers_of_several_steps_are_those_of_each(name: str) -> None:
    model = np.array([*RULES[name], BASE_V], float)
    assert len(model) == MODEL_COLUMNS
    inside = np.random.default_rng(3).uniform(0.96, 1.04, (40, LANES))
    u = np.concatenate([inside, np.linspace(0.313, 1.417, 40 * LANES).reshape(-1, LANES)])
    want = np.array([power_at(one * BASE_V, model, 3.0, -1.7) for one in u.ravel()])
    one = np.zeros(1, np.int64)
    varies, band_v2 = bands_of(model[None])
    loads = Loads(one, one, one, np.ones(1), varies, model[None], band_v2)
    got = drawn(u, loads, 3.0, -1.7)
    assert np.abs(got.reshape(2, -1).T - want).max() < 3e-14
