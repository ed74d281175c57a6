"""Flow and limits on a synthetic feeder: power balance, sentences, faults."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder, live_nodes
from gridagora.grid import flow, limits
from gridagora.sources import synthetic_feeder


@pytest.fixture(scope="module")
def feeder() -> Feeder:
    return synthetic_feeder.make(5, 40)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), low=st.floats(-6.0, 0.0), high=st.floats(0.1, 8.0))
def test_every_node_balances_and_losses_are_positive(seed: int, low: float, high: float) -> None:
    feeder = synthetic_feeder.make(5, 12)
    p_kw = np.random.Generator(np.random.Philox(seed)).uniform(low, high, (3, 12))
    got = flow.solve(feeder, p_kw, 0.2 * p_kw)
    assert got.converged.all()
    assert got.mismatch_kva.max() < 1e-4
    assert (got.losses_kw > 0).all()
    assert got.substation_p_kw == pytest.approx(p_kw.sum(axis=1) + got.losses_kw)


def test_factors_may_be_kept(feeder: Feeder) -> None:
    p_kw = np.full((2, 40), 2.0)
    fresh, kept = (
        flow.solve(feeder, p_kw, 0 * p_kw),
        flow.solve(feeder, p_kw, 0 * p_kw, factors=flow.factor(feeder)),
    )
    assert np.array_equal(fresh.v, kept.v)


def test_sentences(feeder: Feeder) -> None:
    p_kw = np.repeat([[1.0], [900.0]], 40, axis=1)
    mixed = flow.solve(feeder, p_kw, 0 * p_kw)
    assert "did not converge in 1 of 2 steps, the first of them step 1" in flow.describe(mixed)
    assert "in none of the 1 steps" in flow.describe(flow.solve(feeder, p_kw[1:], 0 * p_kw[1:]))
    assert "converged in all 1 steps" in flow.describe(flow.solve(feeder, p_kw[:1], 0 * p_kw[:1]))


def test_faults_name_the_meter_the_shape_and_the_float(feeder: Feeder) -> None:
    p_kw = np.ones((2, 40))
    p_kw[1, 7] = np.nan
    with pytest.raises(PartError, match="home_00008"):
        flow.solve(feeder, p_kw, np.ones((2, 40)))
    with pytest.raises(PartError, match="expected \\(steps, 40\\)"):
        flow.solve(feeder, np.ones(40), np.ones(40))
    with pytest.raises(PartError, match="q_kvar has shape"):
        flow.solve(feeder, np.ones((2, 40)), np.ones((3, 40)))
    nothing = feeder.sources.blocks._replace(y_siemens=0 * feeder.sources.blocks.y_siemens)
    cut = dataclasses.replace(feeder, sources=feeder.sources._replace(blocks=nothing))
    with pytest.raises(PartError, match="floats"):
        flow.factor(cut)


def test_meters_see_their_own_nodes(feeder: Feeder) -> None:
    p_kw = np.linspace(0.5, 6.0, 80).reshape(2, 40)
    got = flow.solve(feeder, p_kw, 0 * p_kw)
    band = limits.meter_band(feeder, got)
    for j in (0, 17, 39):
        legs = got.v_pu[:, feeder.nodes.bus == feeder.meters.bus[j]]
        assert np.array_equal(band.v_min_pu[:, j], legs.min(axis=1))
        assert np.array_equal(band.v_max_pu[:, j], legs.max(axis=1))


def test_buses_leave_out_neutrals_and_steps_that_failed(feeder: Feeder) -> None:
    p_kw = np.repeat([[1.0], [4.0], [900.0]], 40, axis=1)
    got = flow.solve(feeder, p_kw, 0 * p_kw)
    buses = limits.bus_voltages(feeder, limits.extremes(got))
    home = feeder.meters.bus[3]
    assert buses.v_at_peak_pu[home] in got.v_pu[1, feeder.nodes.bus == home]
    assert buses.v_min_pu[home] == got.v_pu[1, feeder.nodes.bus == home].min()
    still = np.where(feeder.nodes.bus == home, 0.0, feeder.nodes.v_no_load)
    dead = dataclasses.replace(feeder, nodes=feeder.nodes._replace(v_no_load=still))
    assert not live_nodes(dead)[feeder.nodes.bus == home].any()
    assert np.isnan(limits.bus_voltages(dead, limits.extremes(got)).v_min_pu[home])
    failed = flow.solve(feeder, p_kw[2:], 0 * p_kw[2:])
    assert np.isnan(limits.bus_voltages(feeder, limits.extremes(failed)).v_at_peak_pu).all()
