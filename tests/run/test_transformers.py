"""Transformers in a run: the one that carries all ages by the power of the source, and each has its row."""

import numpy as np
import pytest

from gridagora.grid.fixed_point import open_grid
from gridagora.run import compare as runs
from gridagora.run.transformer_table import transformer_rows
from gridagora.scenario.overload import outdoor_c
from gridagora.settlement.transformer_life import LIFE_H, trace_heat


@pytest.fixture(scope="module")
def outcome(scene, study):
    market = scene.market("flat")
    ran = runs.simulate(market, study)
    evaluated = runs.evaluate("flat", ran, study)
    return runs.add_power_flow(scene, open_grid(scene.feeder), market, ran, evaluated)


def test_the_transformer_that_carries_all_ages_by_the_power_of_the_source(scene, outcome):
    net, units = outcome.network, scene.feeder.transformers
    row = int(np.argmax(units.kva))
    load_pu = np.hypot(net.source_kw, net.source_kvar) / units.kva[row]
    heat = trace_heat(load_pu, outdoor_c(scene, len(load_pu)), outcome.dt_h)
    at = net.ageing.name.index(units.name[row])
    assert net.ageing.ageing_ratio[at] == pytest.approx(heat.ageing_pu.mean(), rel=1e-4)
    assert net.ageing.hot_spot_c[at] == pytest.approx(heat.hot_spot_c.max(), abs=1e-3)


def test_the_table_has_a_row_of_each_with_a_rating(scene, outcome):
    table = transformer_rows(scene, outcome)
    assert set(table["name"]) == set(scene.feeder.transformers.name)
    hours = len(outcome.start_s) * outcome.dt_h
    lost = table["ageing_ratio"] * hours / LIFE_H
    np.testing.assert_allclose(table["life_lost_share"], lost, rtol=1e-12)
    bare = transformer_rows(scene, outcome._replace(network=None))
    assert not len(bare)
    assert list(bare.columns) == list(table.columns)
