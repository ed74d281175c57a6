"""Few rows at a time: which are added, and that an interval ends where all rows together would."""

from itertools import pairwise

import numpy as np
import pytest

from gridagora.core.product import Commodity, Horizon, Product
from gridagora.kernels.curves.curve import clear, power_at
from gridagora.mechanisms.network_interval import ClearedRows, IntervalTerms, clear_with_rows
from gridagora.mechanisms.network_limits import NetworkPlan, begin_rows, no_rows, read_rows
from gridagora.mechanisms.row_choice import find_kept_kw, plan_with_few, widen_choice
from tests.mechanisms.test_network_interval import (
    BUY,
    SELL,
    draw_curves,
    feeder,
    find_best,
    rows_of,
    supply,
)

PRODUCT = Product(Commodity.P, 0, 900, Horizon.REAL_TIME)


def clear_alone(curves):
    """Return the plan of an interval that knows no row."""
    offered = np.array([-1e6, 0.0, 0.0, 1e6]), np.array([SELL, SELL, BUY, BUY])
    cleared = clear(curves, 0.0, *offered)
    p_kw = power_at(curves, cleared.price_per_kwh, cleared.share)
    found = ClearedRows(p_kw, np.array([cleared.price_per_kwh]), 0.0, 0.0, ())
    return NetworkPlan(p_kw[:, None], no_rows(PRODUCT, 1), found)


def clear_few(n, k, over, seed=1):
    """Return the last clearing, the rows of every search, and the table of all of them."""
    curves = draw_curves(n, seed=seed)
    by_kw, fixed, low = feeder(curves, k, 0.6, seed)
    rows, searches = rows_of(by_kw, fixed, low, over), []

    def plan_rows(some, before):
        yield from ()
        searches.append(some.name)
        start = np.r_[before.found.price_per_kwh[:1], begin_rows(before.rows, some, PRODUCT)[:, 0]]
        found = clear_with_rows(
            curves, supply(n), some, start, IntervalTerms(), before.found.answers
        )
        path = read_rows(found.price_per_kwh, some, PRODUCT)
        return NetworkPlan(found.p_kw[:, None], path, found)

    first = clear_alone(curves)
    with pytest.raises(StopIteration) as ended:
        next(plan_with_few(rows, first, plan_rows))
    best = find_best(curves, by_kw, fixed, low, over)
    return ended.value.value, searches, rows, best


@pytest.mark.parametrize(("n", "k", "over"), [(100, 40, 1e3), (200, 120, 1e3)])
def test_few_rows_end_at_the_value_of_all(n, k, over):
    plan, searches, rows, best = clear_few(n, k, over)
    load = rows.base_kw[:, 0] + rows.by_kw @ plan.p_kw[:, 0]
    beyond = np.maximum(load - rows.high_kw[:, 0], rows.low_kw[:, 0] - load).clip(min=0)
    within = [row for row, name in enumerate(rows.name) if name not in searches[-1]]
    value = plan.found.value_usd_per_h
    assert value == pytest.approx(best, rel=2e-6)
    assert beyond[within].max(initial=0.0) <= 1e-6
    assert len(searches[-1]) < k / 2
    assert all(set(few) <= set(more) for few, more in pairwise(searches))


def test_the_worst_row_is_added_and_none_like_it():
    by_kw = np.array([[1.0, 0.2], [1.0, 0.21], [0.1, 1.0], [0.5, 0.5]])
    none = np.zeros(4, np.bool_)
    wider = widen_choice(none, np.array([3.0, 4.0, 1.0, -1.0]), by_kw, 4)
    assert wider.tolist() == [False, True, True, False]
    assert widen_choice(wider, np.array([3.0, 0.0, 0.0, 0.0]), by_kw, 4).tolist() == [1, 1, 1, 0]
    assert widen_choice(none, np.array([3.0, 4.0, 1.0, 2.0]), by_kw, 1).tolist() == [0, 1, 0, 0]
    assert (widen_choice(wider, np.zeros(4), by_kw, 4) == wider).all()


def test_a_plan_keeps_a_band_within_a_thousandth_of_half_of_it():
    curves = draw_curves(20)
    by_kw, fixed, low = feeder(curves, 3, 0.6)
    rows = rows_of(by_kw, fixed, low, 1e3)
    day = rows._replace(
        **{name: np.repeat(getattr(rows, name), 24, 1) for name in ("base_kw", "low_kw", "high_kw")}
    )
    half = 0.5 * (day.high_kw - day.low_kw)
    assert find_kept_kw(day) == pytest.approx(1e-3 * half + 1e-6)
    assert find_kept_kw(rows) == pytest.approx(np.full((3, 1), 1e-6))


def test_a_plan_that_breaks_and_prices_no_row_stays_as_it_is():
    curves = draw_curves(50)
    by_kw, fixed, low = feeder(curves, 10, 1.5)
    first = clear_alone(curves)

    def refuse(some, before):
        raise AssertionError((some, before))

    with pytest.raises(StopIteration) as ended:
        next(plan_with_few(rows_of(by_kw, fixed, low, 1e3), first, refuse))
    assert ended.value.value is first
