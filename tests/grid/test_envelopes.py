"""Operating envelopes of a network: the exact flow keeps its bounds at any point within them, and none is small for nothing."""

import numpy as np
import pytest

from gridagora.grid.envelopes import Envelopes, EnvelopeShares, Surroundings, find_envelopes
from gridagora.grid.fixed_point import FixedPoint, open_grid
from gridagora.grid.limited import limited_quantities, phasors_of
from gridagora.sources import gridlabd, synthetic_feeder

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


STREET = """object node { name s; phases ABCN; bustype SWING; nominal_voltage 7200; }
object line_configuration { name lc; z11 1+1j; z22 1+1j; z33 1+1j;
  z12 .1+.4j; z21 .1+.4j; z13 .1+.4j; z31 .1+.4j; z23 .1+.4j; z32 .1+.4j; }
object overhead_line { phases ABC; from s; to n; length 2 mile; configuration lc; }
object node { name n; phases ABCN; nominal_voltage 7200; }
object triplex_line_configuration { name tl; z11 3+1j; z22 3+1j; z12 1+.6j; z21 1+.6j; }
object transformer_configuration { name tc; connect_type SINGLE_PHASE_CENTER_TAPPED; power_rating 50; powerA_rating 50;
  powerB_rating 50; powerC_rating 50; primary_voltage 7200; secondary_voltage 120; resistance .011; reactance .018; }
"""
SERVICE = """object transformer {{ name x{0}; phases {1}S; from n; to t{0}; configuration tc; }}
object triplex_node {{ name t{0}; phases {1}S; nominal_voltage 120; }}
object triplex_line {{ phases {1}S; from t{0}; to h{0}; length {2}; configuration tl; }}
object triplex_node {{ name h{0}; phases {1}S; nominal_voltage 120; power_12 2000; }}
"""


def test_a_long_service_limits_the_home_behind_it_and_no_other(tmp_path):
    """Three homes of nine are behind 250 feet, a transformer each: what they take and give fills their own voltages alone."""
    services = (SERVICE.format(at, "ABC"[at % 3], 250 if at < 3 else 20) for at in range(9))
    (tmp_path / "street.glm").write_text(STREET + "".join(services))
    street = open_grid(gridlabd.read(tmp_path / "street.glm"))
    even, nothing = np.ones((9, 1)), np.zeros((1, 9))
    beside = Surroundings(np.arange(9), nothing, nothing, TAN, (0.95, 1.05))
    e = find_envelopes(street, beside, EnvelopeShares(even, even, np.full(9, 24.0)))
    for limit_kw, least in ((e.import_kw, 10.0), (e.export_kw, 12.0)):
        np.testing.assert_array_equal(limit_kw[3:], 24.0)
        assert (limit_kw[:3] > least).all() and (limit_kw[:3] < 20.0).all()
    for corner in (1.2 * e.import_kw, -1.2 * e.export_kw):
        assert worst(street, beside, corner[:, 0], 0) > 1e-4
    rng = np.random.default_rng(2)
    for _ in range(30):
        mixed = np.where(rng.random(9) < 0.5, e.import_kw[:, 0], -e.export_kw[:, 0])
        assert worst(street, beside, mixed, 0) <= 1e-6
