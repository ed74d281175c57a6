"""Ageing of each transformer: that of its own load alone, however the run is cut, and what no power flow says."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gridagora.grid.ageing import AgeingFold
from gridagora.grid.loading import ratings
from gridagora.settlement.transformer_life import LIFE_H, ageing_rate, steady_hot_spot_c, trace_heat
from gridagora.sources import synthetic_feeder

DT_H, DAY = 0.5, 48


class Steps:
    """Steps of a flow of which ageing reads that they converged."""

    def __init__(self, converged):
        self.converged = converged


@pytest.fixture(scope="module")
def of():
    feeder = synthetic_feeder.make(4, 8)
    lines = feeder.lines._replace(rating_a=np.full(len(feeder.lines.name), 200.0))
    return ratings(replace(feeder, lines=lines))


def aged(of, share, air_c, cuts, converged=None):
    converged = np.ones(len(air_c), bool) if converged is None else converged
    fold = AgeingFold(of, air_c, DT_H)
    for first, last in pairwise(cuts):
        kept = converged[first:last]
        fold.add(Steps(kept), share[first:last][kept])
    return fold.found()


def loads(of, steps):
    return np.random.default_rng(8).uniform(-0.4, 1.7, (steps, len(of.rating)))


def test_a_load_that_lasts_ages_by_its_steady_temperature(of):
    share, air_c = np.full((DAY, len(of.rating)), 1.2), np.full(DAY, 25.0)
    found = aged(of, share, air_c, [0, DAY])
    spot_c = steady_hot_spot_c(1.2, 25.0)
    units = len(of.rating) - of.lines
    assert found.hot_spot_c == pytest.approx(np.full(units, spot_c))
    assert found.ageing_ratio == pytest.approx(np.full(units, ageing_rate(spot_c)))
    assert found.life_lost_share == pytest.approx(np.full(units, 24 * ageing_rate(spot_c) / LIFE_H))


@pytest.mark.parametrize("cuts", [[0, 120], [0, 7, 48, 49, 120], [0, 1, 47, 120]])
def test_each_ages_as_it_would_alone_however_the_run_is_cut(of, cuts):
    share, air_c = loads(of, 120), 25 + 9 * np.sin(np.arange(120) / 7)
    found = aged(of, share, air_c, cuts)
    assert found.name == of.name[of.lines :]
    for unit, name in enumerate(found.name):
        alone = trace_heat(share[:, of.lines + unit], air_c, DT_H)
        assert found.ageing_ratio[unit] == pytest.approx(alone.ageing_pu.mean(), rel=1e-9), name
        assert found.hot_spot_c[unit] == pytest.approx(alone.hot_spot_c.max()), name


def test_a_run_shorter_than_a_day_begins_at_its_own_mean(of):
    share, air_c = loads(of, 9), np.full(9, 31.0)
    found = aged(of, share, air_c, [0, 4, 9])
    alone = trace_heat(share[:, of.lines], air_c, DT_H)
    assert found.ageing_ratio[0] == pytest.approx(alone.ageing_pu.mean(), rel=1e-9)


def test_steps_without_a_flow_are_left_out_with_their_air(of):
    share, air_c = loads(of, 60), np.linspace(10, 40, 60)
    converged = np.ones(60, bool)
    converged[[3, 20, 55]] = False
    found = aged(of, share, air_c, [0, 30, 60], converged)
    alone = aged(of, share[converged], air_c[converged], [0, 57])
    assert found.ageing_ratio == pytest.approx(alone.ageing_ratio, rel=1e-9)
    converged[50:56] = False  # a whole part of the run
    cut = aged(of, share, air_c, [0, 50, 56, 60], converged)
    alone = aged(of, share[converged], air_c[converged], [0, converged.sum()])
    assert cut.ageing_ratio == pytest.approx(alone.ageing_ratio, rel=1e-9)
    assert cut.hot_spot_c == pytest.approx(alone.hot_spot_c)
    none = aged(of, share, air_c, [0, 60], np.zeros(60, bool))
    assert np.isnan(none.ageing_ratio).all()
    assert np.isnan(none.hot_spot_c).all()
