"""Lifting in closed form: one curve up each layer, one price down; slow periods told by cuts of the fast ones."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.limits import Bounds
from gridagora.core.place import Level, places
from gridagora.kernels.curves.curve import clear, curves, power_at
from gridagora.kernels.stores.value import best_response, stores
from gridagora.mechanisms.layers import (
    clear_space,
    descend,
    fixed_energy,
    lift_space,
    lift_time,
    published,
)

T1, T2, ROOT, OTHER = range(4)
TREE = places(
    ["t1", "t2", "feeder", "island"],
    [Level.TRANSFORMER, Level.TRANSFORMER, Level.FEEDER, Level.FEEDER],
    [ROOT, ROOT, -1, -1],
)
# two homes at the first transformer, one at the second, one on an island
ROWS = [([0, 2], [0.6, 0.6]), ([0, 1], [0.4, 0.4]), ([-3, 0], [0.2, 0.2]), ([0, 5], [0.9, 0.1])]
PLACE = np.array([T1, T1, T2, OTHER])
INF = np.inf


def lifted(**limits):
    return lift_space(curves(ROWS), PLACE, TREE, **limits)


# ------------------------------------------------------------------------------- in space


@pytest.mark.parametrize(
    ("price", "power"),
    [
        (0.7, [0, -3, -3, 1.25]),
        (0.5, [2, -3, -1, 2.5]),
        (0.3, [3, -3, 0, 3.75]),
        (0.1, [3, 0, 3, 5]),
    ],
)
def test_every_place_passes_up_the_sum_of_all_below_it(price, power):
    assert power_at(published(lifted(), np.arange(4)), price, 0.0) == pytest.approx(power)


def test_without_places_the_curves_of_the_roots_are_returned_in_the_order_of_the_tree():
    roots = published(lifted())
    assert len(roots.offset) == 3
    assert power_at(roots, 0.5) == pytest.approx([-1.0, 2.5])
    assert np.array_equal(power_at(published(lifted(), np.array([OTHER, T1])), 0.5), [2.5, 2.0])


def test_points_are_counted_for_every_place():
    found = lifted()
    each = published(found, np.arange(4))
    assert found.points.tolist() == np.diff(each.offset).tolist()
    assert not found.loss_usd_per_h.any()


def test_beyond_its_limit_a_place_wants_power_only_for_less_by_the_price_of_it():
    """2.5 kW through the first transformer, .15 beyond: the last half kW of the second home is wanted at .25 only."""
    curve = published(
        lifted(high_kw=np.array([2.5, INF, INF, INF]), over_per_kwh=0.15), np.array([T1])
    )
    assert power_at(curve, 0.5).tolist() == [2.0]
    assert power_at(curve, 0.3).tolist() == [2.5]
    assert power_at(curve, 0.2).tolist() == [3.0]


def test_export_beyond_the_limit_is_kept_back_until_it_earns_the_price_more():
    curve = published(
        lifted(low_kw=np.array([-INF, -1.0, -INF, -INF]), over_per_kwh=0.15), np.array([T2])
    )
    assert power_at(curve, 0.3).tolist() == [-1.0]
    assert power_at(curve, 0.36).tolist() == [-3.0]


def test_fixed_power_stands_beside_the_curves_and_takes_its_part_of_the_limit():
    high = np.array([4.0, INF, INF, INF])
    found = lifted(base_kw=np.array([1.5, 0, 0, 0]), high_kw=high, over_per_kwh=9.0)
    assert power_at(published(found, np.array([T1])), 0.5).tolist() == [3.5]
    assert power_at(published(found, np.array([T1])), 0.3).tolist() == [4.0]


def test_what_comes_down_is_the_price_of_the_parent_within_limits_and_an_own_one_beyond():
    found = lifted(high_kw=np.array([2.5, INF, INF, INF]), over_per_kwh=9.0)
    down = descend(found, np.array([0.3, 0.5]))
    assert down.price_per_kwh == pytest.approx(
        [0.4, 0.3, 0.3, 0.5]
    )  # half of the block at .4 is served
    assert down.p_kw == pytest.approx([2.0, 0.5, -3.0, 2.5])
    assert down.q_kw == pytest.approx([2.5, -3.0, -0.5, 2.5])
    assert down.share[T1] == pytest.approx(0.5)


def test_a_tie_at_the_root_is_shared_by_all_below_it():
    down = descend(lifted(), np.array([0.2, 0.5]), np.array([0.25, 0.0]))
    assert down.p_kw == pytest.approx([2.0, 1.0, -3.0 + 0.25 * 3.0, 2.5])


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (
            {"place": np.array([0, 1, 2])},
            r"place of curves: expected 4 rows of 0 to 3, got shape \(3,\)",
        ),
        ({"place": np.array([0, 1, 2, 4])}, "place of curves: expected 4 rows of 0 to 3"),
        ({"place": np.array([0, 1, 2, -1])}, "place of curves: expected 4 rows of 0 to 3"),
        (
            {"high_kw": np.array([INF, 1, INF, INF]), "low_kw": 2.0},
            "place 't2': got low 2.0, high 1.0, fixed 0.0 kW",
        ),
        ({"over_per_kwh": np.array([0, 0, -1.0, 0])}, r"place 'feeder': .* over -1.0 \$/kWh"),
        (
            {"over_per_kwh": INF},
            "place 't1': .* expected low <= high, a finite price of zero or more",
        ),
        ({"low_kw": INF}, "place 't1': got low inf"),
        ({"high_kw": -INF}, "place 't1': .* high -inf"),
        ({"base_kw": np.nan}, "place 't1': .* fixed nan kW"),
    ],
)
def test_a_tree_that_cannot_be_is_refused_by_the_name_of_the_place(world, says):
    given = {"place": PLACE} | world
    with pytest.raises(PartError, match=says):
        lift_space(curves(ROWS), given.pop("place"), TREE, **given)


# ------------------------------------------------------------------------------- in time


SUPPLY = np.array([-9.0, 0.0, 0.0, 9.0]), np.array([0.1, 0.1, 0.3, 0.35])


def limited(high_kw, base_kw=0.0, over=0.2):
    high = np.array([high_kw, INF, 7.0, INF])[:, None]
    return Bounds(-high, high, np.array([base_kw, 0.0, 2.0, 0.0])[:, None], np.full(4, over))


@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize("high_kw", [INF, 1.5, 0.4])
def test_a_tree_is_cleared_in_one_call_as_step_by_step(high_kw, blocks):
    """Limits less the reserve and the load of others; a root has those of the supply. The same to the last bit."""
    bounds, one = limited(high_kw, 0.25), np.array([0, 1, 2, 3])
    found = clear_space(curves(ROWS), PLACE, TREE, bounds, 0.9, blocks, (0.5, *SUPPLY))
    room = np.where(TREE.parent < 0, INF, bounds.high_kw[:, 0] * 0.9)
    base = np.where(TREE.parent < 0, 0.0, bounds.base_kw[:, 0])
    steps = lifted(
        high_kw=room - base,
        low_kw=-room - base,
        over_per_kwh=bounds.over_per_kwh,
        blocks=blocks,
    )
    cleared = clear(published(steps), 0.5, *SUPPLY)
    down = descend(steps, cleared.price_per_kwh, cleared.share)
    for got, expected in (
        (found.price_per_kwh, down.price_per_kwh),
        (found.q_kw, down.q_kw),
        (found.p_kw, down.p_kw),
        *zip(found.passed, published(steps, one), strict=True),
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("place", "bounds", "says"),
    [
        (np.array([0, 0, 1, 4]), limited(1.0), "rows of 0 to 3"),
        (PLACE, limited(1.0, over=-1.0), "finite price of zero or more"),
        (PLACE, limited(-1.0), "low <= high"),
    ],
)
def test_a_tree_that_cannot_be_cleared_is_refused_as_one_that_cannot_be_lifted(place, bounds, says):
    with pytest.raises(PartError, match=says):
        clear_space(curves(ROWS), place, TREE, bounds, 1.0, 0, (0.0, *SUPPLY))


def days(x0=0.0, worth=0.0, steps=2, **more):
    """Return two periods of a store of 4 kWh and 2 kW without loss."""
    ends = {"end_x": (0.0, 4.0), "end_mu": (worth, worth)}
    one = stores([x0], np.ones(steps), p_min_kw=-2.0, p_max_kw=2.0, x_max=4.0, **ends, **more)
    return [one, one]


CHEAP_THEN_DEAR = [np.array([0.1, 0.2]), np.array([0.3, 0.5])]


def test_two_periods_tied_by_cuts_cost_what_one_of_all_steps_costs():
    """Buy 2 kWh at .1 and 2 at .2 and sell them at .3 and .5: 1.6 - .6 = 1 $. The first alone would sell at .2."""
    found = lift_time(days(), CHEAP_THEN_DEAR)
    whole = best_response(
        days(steps=4)[0], np.concatenate(CHEAP_THEN_DEAR), np.concatenate(CHEAP_THEN_DEAR)
    )
    assert found.lower_usd == pytest.approx([-1.0]) and found.upper_usd == pytest.approx([-1.0])
    assert whole.cost_usd == pytest.approx([-1.0])
    assert found.gap_usd == pytest.approx([0.0], abs=1e-10)
    assert found.state == pytest.approx(np.array([[0.0, 4.0, 0.0]]))
    assert len(found.cuts) == 1
    alone = best_response(days()[0], CHEAP_THEN_DEAR[0], CHEAP_THEN_DEAR[0])
    assert alone.cost_usd == pytest.approx([-0.2])


def test_a_kilowatt_hour_more_at_the_start_is_worth_what_it_saves():
    """Full capacity binds at the start of the second period: a kWh more at first saves one bought at .2."""
    found = lift_time(days(x0=0.5), CHEAP_THEN_DEAR)
    more = lift_time(days(x0=0.6), CHEAP_THEN_DEAR)
    assert found.worth[0, 0] == pytest.approx(0.2)
    assert more.upper_usd - found.upper_usd == pytest.approx([-0.02])


def test_one_period_needs_no_cut_and_one_round():
    found = lift_time(days()[:1], CHEAP_THEN_DEAR[1:])
    assert found.rounds == 1 and found.cuts == ()
    assert found.state.shape == (1, 2)
    assert found.gap_usd == pytest.approx([0.0])


def test_rounds_end_where_they_are_told_to_with_bounds_that_hold():
    found = lift_time(days(), CHEAP_THEN_DEAR, rounds_max=1)
    assert found.rounds == 1
    assert found.lower_usd[0] <= -1.0 <= found.upper_usd[0]
    assert found.gap_usd[0] > 0.5
    assert lift_time(days(), CHEAP_THEN_DEAR, rounds_max=0).rounds == 1


@pytest.mark.parametrize(("periods", "prices"), [(0, 0), (2, 1), (1, 2)])
def test_periods_and_prices_are_as_many_and_one_at_least(periods, prices):
    with pytest.raises(
        PartError, match=f"got {periods} periods and {prices} prices, expected one or more of both"
    ):
        lift_time(days()[:periods], CHEAP_THEN_DEAR[:prices])


@pytest.mark.parametrize(
    ("x", "cost", "beyond"),
    [
        ([0.0, 4.0, 0.0], -1.0, 0.0),
        ([0.0, 2.0, 0.0], -0.8, 0.0),  # 2 kWh at .1, sold at .5: a kWh less than all pays less
        ([0.0, 0.0, 0.0], -0.2 - 0.4, 0.0),  # only within each period: .1 to .2, and .3 to .5
        ([0.0, 5.0, 4.0], None, 1.0),  # 5 kWh cannot be taken in two hours
    ],
)
def test_a_schedule_of_energy_costs_what_its_periods_cost_at_those_ends(x, cost, beyond):
    found, missed = fixed_energy(days(), CHEAP_THEN_DEAR, np.array([x]))
    assert missed == pytest.approx([beyond], abs=1e-9)
    if cost is not None:
        assert found == pytest.approx([cost])


def test_what_is_left_at_the_end_counts_in_the_last_period_alone():
    found, _ = fixed_energy(days(worth=0.25), CHEAP_THEN_DEAR, np.array([[0.0, 4.0, 3.0]]))
    # 4 kWh for .6; one sold at .5; three left at .25
    assert found == pytest.approx([0.6 - 0.5 - 0.75])
