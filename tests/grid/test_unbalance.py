"""Unbalance of voltage: of sequences that are known, by the formula of magnitudes of IEC 61000-4-30, and of published voltages.

References
----------
IEC 61000-4-30:2015, 5.7.1, gives the unbalance by the magnitudes of the voltages between phases alone.
"""

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gridagora.grid import flow
from gridagora.grid.fixed_point import open_grid
from gridagora.grid.flow import held_state
from gridagora.grid.unbalance import UnbalanceFold, phase_triples, sequences
from gridagora.results.supply_quality import Periods, exceeded_by_few, periods_of
from gridagora.sources import opendss, synthetic_feeder

A = np.exp(2j * np.pi / 3)
COMPOSE = np.array([[1, 1, 1], [1, A**2, A], [1, A, A**2]])  # phases of V0, V1 and V2 (Fortescue)


@pytest.fixture(scope="module")
def feeder():
    return synthetic_feeder.make(4, 4)


@pytest.fixture(scope="module")
def solved(feeder):
    rng = np.random.default_rng(5)
    p_kw = feeder.meters.p_kw * rng.uniform(-0.3, 0.7, (9, len(feeder.meters.name)))
    return flow.solve(feeder, p_kw, 0.2 * np.abs(p_kw))


def by_magnitudes(v):
    """The share by the magnitudes of the three voltages between phases."""
    size = np.abs(v - np.roll(v, -1, axis=-1))
    beta = (size**4).sum(-1) / (size**2).sum(-1) ** 2
    root = np.sqrt(3 - 6 * beta)
    return np.sqrt((1 - root) / (1 + root))


def with_voltages(solved, node, v):
    """The flow whose nodes have other voltages."""
    changed = solved.v[: len(v)].copy()
    changed[:, node] = v
    return solved._replace(v=changed)


def test_known_sequences_are_found_whatever_the_three_share():
    for zero in (0, 40 - 7j, 7000):
        v = COMPOSE @ np.array([zero, 2400 * np.exp(0.3j), 36 * np.exp(-2j)])
        positive, negative = sequences(v)
        assert positive == pytest.approx(2400, rel=1e-12)
        assert negative == pytest.approx(36, rel=1e-10)


def test_sequences_are_those_of_the_magnitudes_between_phases():
    rng = np.random.default_rng(3)
    v = 2400 * A ** np.array([0, 2, 1]) * (1 + 0.1 * rng.standard_normal((50, 3)))
    v = v * np.exp(0.1j * rng.standard_normal((50, 3)))
    positive, negative = sequences(v)
    np.testing.assert_allclose(negative / positive, by_magnitudes(v), rtol=1e-9)


def test_the_published_feeder_of_13_nodes_is_as_unbalanced_as_its_published_voltages(
    data_dir: Path,
):
    """Node 671 of Kersting, doi 10.1109/PESW.2001.916993: .9900 at -5.30, 1.0529 at -122.34 and .9778 at 116.02 degrees."""
    taps = {"reg1": 10, "reg2": 8, "reg3": 11}
    feeder = opendss.read(data_dir / "feeders/ieee/13Bus/IEEE13Nodeckt.dss", taps=taps)
    grid = open_grid(feeder, moves_controls=False)
    triples = phase_triples(feeder)
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    fold = UnbalanceFold(triples, Periods(1, 1008))
    fold.add(grid.flow(feeder.meters.p_kw, q_kvar, held_state(feeder)))
    names = [feeder.buses.name[at] for at in triples.bus]
    told = dict(zip(names, fold.found().kept_share, strict=True))
    assert {"645", "646", "611", "652", "684"}.isdisjoint(told)  # one phase or two
    assert {"650", "632", "671", "675", "634"} <= set(told)
    size, angle = np.array([0.9900, 1.0529, 0.9778]), np.radians([-5.30, -122.34, 116.02])
    assert told["671"] == pytest.approx(by_magnitudes(size * np.exp(1j * angle)), abs=2e-4)


def test_a_bus_has_three_phases_where_its_voltages_turn(feeder):
    whole = phase_triples(feeder)
    assert len(whole.bus)
    nodes = feeder.nodes
    dead = nodes.v_no_load.copy()
    dead[whole.node[0, 2]] = 0.0
    less = dataclasses.replace(feeder, nodes=nodes._replace(v_no_load=dead))
    assert whole.bus[0] not in phase_triples(less).bus
    assert len(phase_triples(less).bus) == len(whole.bus) - 1
    single = [name.replace(".3", ".9") for name in nodes.name]
    none = dataclasses.replace(feeder, nodes=nodes._replace(name=tuple(single)))
    assert not len(phase_triples(none).bus)


def test_a_source_that_turns_the_other_way_is_as_balanced(feeder, solved):
    nodes = feeder.nodes._replace(v_no_load=feeder.nodes.v_no_load.conj())
    turned = dataclasses.replace(feeder, nodes=nodes)
    found = []
    for each, v in ((feeder, solved.v), (turned, solved.v.conj())):
        fold = UnbalanceFold(phase_triples(each), Periods(1, 4))
        fold.add(solved._replace(v=v))
        found.append(fold.found().kept_share)
    np.testing.assert_allclose(*found, rtol=1e-9)
    assert found[0].max() < 0.1


def test_means_are_roots_of_mean_squares_and_what_did_not_converge_is_left_out(feeder, solved):
    triples = phase_triples(feeder)
    share = np.array([0.01, 0.03, 0.02, np.nan, 0.04, 0.04, 0.05])
    v = (COMPOSE @ np.array([np.zeros(7), np.full(7, 100.0), 100 * share])).T
    fold = UnbalanceFold(triples, Periods(2, 100))
    fold.add(with_voltages(solved, triples.node[0], v))
    found = fold.found()
    assert found.most_share[0] == pytest.approx(0.04)
    assert found.kept_share[0] == pytest.approx(0.04)
    fold = UnbalanceFold(triples, Periods(2, 1))
    fold.add(with_voltages(solved, triples.node[0], v[:2]))
    assert fold.found().kept_share[0] == pytest.approx(np.sqrt((0.01**2 + 0.03**2) / 2))


def test_the_worst_week_counts_and_5_percent_of_its_means_do_not():
    means = np.full((100, 2), 0.01)
    means[:5, 0] = means[:6, 1] = 0.03
    assert exceeded_by_few(means) == pytest.approx([0.01, 0.03])
    assert exceeded_by_few(means[:1]) == pytest.approx([0.03, 0.03])


def test_weeks_are_judged_apart_however_the_run_is_cut(feeder, solved):
    triples = phase_triples(feeder)
    share = np.concatenate([np.full(20, 0.01), np.full(2, 0.03), np.full(18, 0.01), [0.02] * 3])
    v = (COMPOSE @ np.array([0 * share, 100 + 0 * share, 100 * share])).T
    many = np.repeat(solved.v[:1], len(v), axis=0)
    many[:, triples.node[0]] = v
    for week, kept in ((20, 0.03), (43, 0.02), (1008, 0.02)):
        found = []
        for cuts in ([0, 43], [0, 3, 19, 20, 22, 43]):
            fold = UnbalanceFold(triples, Periods(1, week))
            for first, last in pairwise(cuts):
                fold.add(solved._replace(v=many[first:last]))
            found.append(fold.found())
        assert found[0].kept_share[0] == pytest.approx(kept)
        np.testing.assert_array_equal(found[0].kept_share, found[1].kept_share)


def test_a_run_without_a_whole_mean_says_nothing(feeder, solved):
    fold = UnbalanceFold(phase_triples(feeder), Periods(2, 4))
    fold.add(solved._replace(v=solved.v[:1]))
    assert np.isnan(fold.found().kept_share).all()


@pytest.mark.parametrize(
    ("dt_h", "periods"),
    [(1 / 60, (10, 1008)), (1 / 12, (2, 1008)), (0.25, (1, 672)), (1.0, (1, 168))],
)
def test_periods_are_ten_minutes_and_a_week(dt_h, periods):
    assert periods_of(dt_h) == periods
