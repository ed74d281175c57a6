"""Operating envelopes of a network: the exact flow keeps its bounds at any point within them, and none is small for nothing."""

import numpy as np
import pytest

from gridagora.grid.envelopes import Envelopes, EnvelopeShares, Surroundings, find_envelopes
from gridagora.grid.fixed_point import FixedPoint, open_grid
from gridagora.grid.limited import limited_quantities, phasors_of
from gridagora.sources import synthetic_feeder

N, H, TAN = 24, 3, 0.33
BAND = (0.95, 1.035)  # the source stands at 1.03: export raises voltages out of it


@pytest.fixture(scope="module")
def grid() -> FixedPoint:
    return open_grid(synthetic_feeder.make(5, N))


def around(other_kw: float = 0.0, band: tuple[float, float] = BAND) -> Surroundings:
    """Other customers draw as much at every meter, more from step to step."""
    other = other_kw * np.arange(H)[:, None] * np.ones(N)
    return Surroundings(np.arange(N), other, TAN * other, TAN, band)


def found(grid: FixedPoint, beside: Surroundings, weight: float = 1.0, most: float = 20.0):
    even = np.full((N, H), weight)
    return find_envelopes(grid, beside, EnvelopeShares(even, even, np.full(N, most)))


def worst(grid: FixedPoint, beside: Surroundings, p_kw: np.ndarray, step: int) -> float:
    """Return how far the exact flow of homes at (n,) is beyond the band or a rating, of 1 pu or the rating."""
    q_kvar = beside.other_kvar[step] + TAN * p_kw.clip(min=0)
    flow = grid.flow(beside.other_kw[step] + p_kw, q_kvar)
    of = limited_quantities(grid.feeder)
    value, (low, high) = np.abs(phasors_of(of, flow.v).value[0]), of.bounds(beside.band_pu)
    return float(np.max(np.maximum(value - high, low - value) / np.minimum(high, 1e6)))


def drawn(e: Envelopes, step: int, rng: np.random.Generator, corner: bool) -> np.ndarray:
    """Any point within the envelopes, or a corner of them."""
    share = rng.random(N)
    if corner:
        share = (share < rng.random()).astype(float)
    return -e.export_kw[:, step] + share * (e.import_kw + e.export_kw)[:, step]


@pytest.fixture(scope="module")
def envelopes(grid: FixedPoint) -> Envelopes:
    return found(grid, around(0.5))


def test_any_point_within_envelopes_keeps_the_network(grid, envelopes):
    rng = np.random.default_rng(1)
    for i in range(60):
        p_kw = drawn(envelopes, i % H, rng, corner=i % 2 == 0)
        assert worst(grid, around(0.5), p_kw, i % H) <= 1e-6
    assert (envelopes.beyond_share <= 1e-6).all()


def test_envelopes_are_worth_having_and_what_is_beyond_them_breaks_the_network(grid, envelopes):
    assert envelopes.import_kw.min() > 3 and envelopes.export_kw.min() > 1
    for step in range(H):
        for corner in (1.3 * envelopes.import_kw, -1.3 * envelopes.export_kw):
            assert worst(grid, around(0.5), corner[:, step], step) > 1e-4


def test_what_others_draw_leaves_less_import_and_more_export(envelopes):
    assert (np.diff(envelopes.import_kw.sum(0)) < 0).all()
    assert (np.diff(envelopes.export_kw.sum(0)) > 0).all()


def test_a_wide_network_gives_each_home_its_most(grid):
    wide = found(grid, around(band=(0.5, 2.0)), most=1.0)
    np.testing.assert_array_equal(wide.import_kw, 1.0)
    np.testing.assert_array_equal(wide.export_kw, 1.0)


def test_who_weighs_nothing_gets_nothing_and_leaves_more_to_others(grid, envelopes):
    weight = np.where(np.arange(N) < N // 2, 1.0, 0.0)[:, None] * np.ones((N, H))
    shares = EnvelopeShares(weight, weight, np.full(N, 20.0))
    half = find_envelopes(grid, around(0.5), shares)
    assert not half.export_kw[N // 2 :].any()
    assert (half.export_kw[: N // 2] >= envelopes.export_kw[: N // 2] - 1e-9).all()


def test_a_bound_that_others_break_alone_is_not_broken_further(grid):
    """The band begins above what the meters see: nobody may import, all may export."""
    beside = around(0.5, (1.029, 1.06))
    tight = found(grid, beside)
    assert tight.import_kw[:, -1].min() < 0.1
    assert tight.export_kw.min() > 1
