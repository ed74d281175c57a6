"""Loadings against a circuit solved by hand, against rows of limits, and their laws over the steps of a run."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from gridagora.core.feeder import LINE
from gridagora.grid import flow
from gridagora.grid.fixed_point import open_grid
from gridagora.grid.loading import (
    SLOTS,
    TOP,
    LoadingFold,
    branch_loading,
    heavier,
    loading_share,
    loads,
    ratings,
)
from gridagora.sources import synthetic_feeder


@pytest.fixture(scope="module")
def grid():
    feeder = synthetic_feeder.make(5, 12)
    lines = feeder.lines._replace(rating_a=np.full(len(feeder.lines.name), 200.0))
    return open_grid(dataclasses.replace(feeder, lines=lines))


@pytest.fixture(scope="module")
def solved(grid):
    rng = np.random.default_rng(2)
    p_kw = grid.feeder.meters.p_kw * rng.uniform(-0.3, 0.7, (6, len(grid.feeder.meters.name)))
    return flow.solve(grid.feeder, p_kw, 0.2 * np.abs(p_kw), factors=grid.factors)


def test_shares_are_the_rows_of_limits_over_their_ratings(grid, solved):
    of = ratings(grid.feeder)
    for step in range(2):
        (at,) = parts_of(solved, [step, step + 1])
        rows = grid.limits(at)
        held = rows.a.value.reshape(len(rows.name), -1) @ at.p_kw[0]
        held += rows.b.value.reshape(len(rows.name), -1) @ at.q_kvar[0]
        names = [name.removesuffix(", reverse") for name in rows.name]
        value = dict(zip(names, (held + rows.c[:, 0]) / rows.high[:, 0], strict=True))
        share = loading_share(of, solved.v[step : step + 1])[0]
        for branch, name in enumerate(of.name):
            own = [
                one
                for text, one in value.items()
                if text == f"transformer {name}" or text.startswith(f"line {name} at ")
            ]
            assert share[branch] == pytest.approx(max(own), rel=1e-6, abs=1e-9)


def test_a_transformer_carries_what_hangs_below_it(grid, solved):
    found = branch_loading(ratings(grid.feeder), loads(ratings(grid.feeder), solved))
    whole = np.abs(solved.substation_p_kw + 1j * solved.substation_q_kvar)
    carried = found.most_share * found.rating
    assert carried[[kind != LINE for kind in found.kind]].max() <= whole.max() * (1 + 1e-9)


def test_two_halves_of_a_run_are_the_run(grid, solved):
    of = ratings(grid.feeder)
    parts = parts_of(solved, [0, 2, 6])
    whole, joined = loads(of, solved), heavier(*(loads(of, part) for part in parts))
    for one, other in zip(whole, joined, strict=True):
        np.testing.assert_array_equal(one, other)


def test_half_the_rating_is_twice_the_share_and_more_steps_above(grid, solved):
    of = ratings(grid.feeder)
    small = of._replace(rating=of.rating / 2)
    np.testing.assert_allclose(loads(small, solved).most, 2 * loads(of, solved).most)
    assert (loads(small, solved).over_steps >= loads(of, solved).over_steps).all()


def test_steps_that_failed_are_left_out(grid, solved):
    of, good = ratings(grid.feeder), np.array([True, True, False, True, False, True])
    spoilt = solved.v.copy()
    spoilt[~good] = np.nan
    found = loads(of, solved._replace(v=spoilt, converged=good))
    np.testing.assert_array_equal(found.most, loading_share(of, solved.v[good]).max(0))
    none = loads(of, solved._replace(converged=np.zeros(6, np.bool_)))
    assert np.isnan(none.most).all()
    assert none.over_steps.sum() == 0


def test_a_feeder_without_ratings_has_no_loadings(grid):
    feeder = grid.feeder
    units = feeder.transformers
    bare = dataclasses.replace(
        feeder,
        lines=feeder.lines._replace(rating_a=np.full(len(feeder.lines.name), np.nan)),
        transformers=units._replace(kva=np.full(len(units.name), np.nan)),
    )
    assert ratings(bare) is None


def parts_of(solved, cuts):
    """Steps of a flow that no inverter follows, cut."""
    assert solved.infeed is None
    held = {"after": solved.after, "infeed": None}
    columns = {name: column for name, column in solved._asdict().items() if name not in held}
    cut = [{name: column[a:b] for name, column in columns.items()} for a, b in pairwise(cuts)]
    return [type(solved)(**each, **held) for each in cut]


def test_the_fullest_branches_keep_their_loading_over_time_however_the_run_is_cut(grid, solved):
    of = ratings(grid.feeder)
    share = loading_share(of, solved.v)
    found = []
    for cuts in ([0, 6], [0, 1, 4, 6]):
        fold = LoadingFold(of, 6)
        for part in parts_of(solved, cuts):
            fold.add(part)
        found.append(fold.found())
    series = found[0].series
    np.testing.assert_array_equal(series.branch, np.argsort(-share.max(0), kind="stable")[:TOP])
    np.testing.assert_allclose(series.share, share[:, series.branch].T, rtol=1e-6)
    np.testing.assert_array_equal(series.share, found[1].series.share)
    np.testing.assert_array_equal(found[0].most_share, share.max(0))
    np.testing.assert_array_equal(found[0].over_steps, found[1].over_steps)


def test_a_long_run_is_kept_in_slots_by_the_largest_of_each(grid, solved):
    of, steps = ratings(grid.feeder), 6 * 200
    fold = LoadingFold(of, steps)
    for _ in range(200):
        fold.add(solved)
    series = fold.found().series
    per = 3  # 1,200 steps in 400 slots
    assert series.share.shape == (TOP, SLOTS)
    np.testing.assert_array_equal(series.first_steps, per * np.arange(SLOTS))
    share = loading_share(of, solved.v)[:, series.branch]
    np.testing.assert_allclose(series.share[:, 0], share[:3].max(0), rtol=1e-6)
    np.testing.assert_allclose(series.share[:, 1], share[3:].max(0), rtol=1e-6)


def test_a_slot_without_a_flow_is_not_known(grid, solved):
    fold = LoadingFold(ratings(grid.feeder), 6)
    good = np.array([True, True, False, True, False, True])
    fold.add(solved._replace(converged=good))
    np.testing.assert_array_equal(np.isfinite(fold.found().series.share[0]), good)
    none = LoadingFold(ratings(grid.feeder), 6)
    none.add(solved._replace(converged=np.zeros(6, np.bool_)))
    assert none.found().series.share.size == 0
