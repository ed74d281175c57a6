"""Tiers, sliders and deviations from awards: closed forms, and what must hold for any meter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridagora.core.tables import ALIKE
from gridagora.population.quality import deviation_kwh, energy_share, mean_kw, per_home, together

POWER = arrays(float, (3, 24), elements=st.floats(-20, 20))
FIVE_MIN_H = 1 / 12


def test_an_on_off_unit_misses_every_interval_and_keeps_the_hour():
    award = np.full((1, 12), 2.0)
    unit = np.where(np.arange(12) % 2 == 0, 4.0, 0.0)[None, :]
    missed = deviation_kwh(unit, award, FIVE_MIN_H)
    assert missed == pytest.approx(np.full((1, 12), 2 / 12))
    assert mean_kw(missed, award, FIVE_MIN_H) == pytest.approx(2.0)
    assert energy_share(missed, unit, award, FIVE_MIN_H) == pytest.approx(1.0)
    assert deviation_kwh(unit, award, FIVE_MIN_H, 1.0) == pytest.approx(np.zeros((1, 1)))


def test_where_nothing_is_awarded_nothing_is_missed():
    award = np.full((2, 24), np.nan)
    award[0, :6] = 1.0
    home = np.full((2, 24), 3.0)
    hourly = deviation_kwh(home, award, FIVE_MIN_H, 1.0)
    assert hourly[0, 0] == pytest.approx(6 * 2 / 12)
    assert np.isnan([hourly[0, 1], *hourly[1]]).all()
    assert mean_kw(hourly, award, FIVE_MIN_H)[0] == pytest.approx(2.0)
    assert energy_share(hourly, home, award, FIVE_MIN_H)[0] == pytest.approx(2 / 3)
    assert np.isnan(mean_kw(hourly, award, FIVE_MIN_H)[1])
    assert np.isnan(energy_share(hourly, home, award, FIVE_MIN_H)[1])


def test_homes_together_count_only_who_has_an_award():
    award = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan]])
    delivered, awarded = together(np.array([[1.5, 9.0], [1.5, 9.0], [7.0, 9.0]]), award)
    assert delivered.tolist() == [[3.0, 0.0]]
    assert awarded[0, 0] == 3.0
    assert np.isnan(awarded[0, 1])
    assert deviation_kwh(delivered, awarded, 1.0)[0, 0] == 0


@settings(max_examples=40, deadline=None)
@given(POWER, POWER)
def test_a_longer_window_and_a_larger_group_never_deviate_more(home, award):
    short, hour, day = (
        np.nansum(deviation_kwh(home, award, FIVE_MIN_H, window)) for window in (0.0, 1.0, 2.0)
    )
    group = np.nansum(deviation_kwh(*together(home, award), FIVE_MIN_H))
    assert 0 <= day <= hour + 1e-9 <= short + 2e-9
    assert group <= short + 1e-9
    assert np.nansum(deviation_kwh(home, home, FIVE_MIN_H)) == 0


def test_windows_tile_the_run():
    with pytest.raises(ValueError, match="reshape"):
        deviation_kwh(np.zeros((1, 13)), np.zeros((1, 13)), FIVE_MIN_H, 1.0)


def test_homes_that_are_alike_are_standard_homes():
    own = per_home(ALIKE, 4)
    assert own.slider_ratio.tolist() == own.tier_ratio.tolist() == [1.0] * 4
    assert not own.tier.any()
    assert not own.deviation_per_kwh.any()
