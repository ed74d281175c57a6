"""A band that a design clears with and homes are often beyond is told, with how often and how far."""

from types import SimpleNamespace

import numpy as np
import pytest

from gridagora.run.kept_band import warn_of_band

BAND = 0.95, 1.05


def network(lowest, highest):
    return SimpleNamespace(v_min_pu=np.array(lowest), v_max_pu=np.array(highest))


@pytest.mark.parametrize(
    ("lowest", "highest", "told"),
    [
        ([1.0] * 20, [1.04] * 20, None),
        ([1.0] * 20, [1.0504] * 20, None),  # as near as rows and flow agree
        ([1.0] * 20, [1.06] * 2 + [1.0] * 18, None),  # one in ten: homes between two clearings
        ([1.0] * 20, [1.06] * 3 + [1.0] * 17, "in 3 of 20 intervals, at 1.000 to 1.060 pu"),
        ([0.90] * 20, [1.0] * 20, "in 20 of 20 intervals, at 0.900 to 1.000 pu"),
        ([np.nan] * 2 + [1.0] * 18, [np.nan] * 2 + [1.0] * 18, None),  # no solution: told apart
    ],
)
def test_a_band_that_homes_are_often_beyond_is_told(lowest, highest, told):
    found = warn_of_band(network(lowest, highest), BAND)
    if told is None:
        assert found == ()
    else:
        (text,) = found
        assert text.startswith("homes are beyond the band of 0.95 to 1.05 pu") and told in text
