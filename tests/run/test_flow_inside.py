"""The flow inside the interval: what a design sees is what is solved after the run, and others see nothing."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import PartError
from gridagora.grid.fixed_point import open_grid
from gridagora.markets.rtp import RealTimePrice
from gridagora.run.compare import add_power_flow, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import read
from gridagora.sources import synthetic_feeder


@dataclass(frozen=True)
class Seeing(RealTimePrice):
    """Posts real-time prices and keeps what it is shown."""

    seen: tuple = ()

    def quotes(self, opening):
        self.seen[0].append(opening.flow)
        return super().quotes(opening)


@pytest.fixture(scope="module")
def case():
    scene = gridagora.build(
        read.parse("", overrides=["scenario.days=1", "homes.count=8", "homes.pv_share=0.5"])
    )
    study = prepare(scene)
    return scene, study.wiring.grid, study


@pytest.mark.parametrize("sees", [True, False])
def test_what_a_design_sees_inside_is_the_flow_after_the_run(case, sees, monkeypatch):
    scene, grid, study = case
    monkeypatch.setattr(Seeing, "rules", RealTimePrice().rules._replace(sees_flow=sees))
    flows: list = []
    market = Seeing(seen=(flows,))
    ran = simulate(market, study)
    after = add_power_flow(scene, grid, market, ran, evaluate("rtp", ran, study)).network
    clears = [flow for flow in flows if flow is not None]
    if not sees:
        assert not clears
        return
    assert len(clears) == len(after.losses_kw) - 1  # the last one is seen by nobody
    for name, column in (
        ("substation_p_kw", "source_kw"),
        ("substation_q_kvar", "source_kvar"),
        ("losses_kw", "losses_kw"),
    ):
        inside = np.concatenate([getattr(flow, name) for flow in clears])
        np.testing.assert_allclose(inside, getattr(after, column)[:-1], rtol=0, atol=1e-6)


def test_a_study_without_a_grid_is_refused(case, monkeypatch):
    monkeypatch.setattr(Seeing, "rules", RealTimePrice().rules._replace(sees_flow=True))
    with pytest.raises(PartError, match="the study has no grid"):
        simulate(Seeing(seen=([],)), case[2]._replace(wiring=None))


def test_an_interval_has_the_same_flow_alone_and_in_a_batch():
    grid = open_grid(synthetic_feeder.make(5, 12))
    p_kw = np.random.default_rng(1).uniform(-3.0, 6.0, (20, 12))
    batch = grid.flow(p_kw, 0.3 * p_kw)
    for step in (0, 7, 19):
        alone = grid.flow(p_kw[step], 0.3 * p_kw[step])
        np.testing.assert_allclose(alone.v_pu[0], batch.v_pu[step], rtol=0, atol=1e-7)
        assert alone.losses_kw[0] == pytest.approx(batch.losses_kw[step], abs=1e-6)
    with pytest.raises(PartError, match="expected"):
        grid.flow(p_kw[None], p_kw[None])
    assert replace(grid, threads=1).flow(p_kw, 0.3 * p_kw).rounds.max() > 0
