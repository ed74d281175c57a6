"""Limits that a design posts are counted hour by hour: means, the tightest, hours of nothing, and energy beyond."""

import numpy as np
import pytest

from gridagora.run.home_limits import HomeLimits, open_meters
from gridagora.run.limit_tally import warn_of_closed

ALL = slice(0, 3)


def posted(import_kw, export_kw=None, *, by_interval=False):
    """Limits of the present hour of three homes at 1 $/kWh."""
    columns = [
        np.array(each, float)[:, None] for each in (import_kw, export_kw) if each is not None
    ]
    price = np.ones((3, 1))
    export = (columns[1], price) if export_kw is not None else (None, None)
    return HomeLimits(columns[0], price, *export, by_interval)


def test_hours_without_a_limit_do_not_count():
    meters = open_meters(3)
    for limits in (posted([4.0, np.inf, 0.0]), None, posted([2.0, np.inf, 6.0])):
        meters.begin_hour(limits)
    found = meters.tally.found(ALL)
    assert found.imports.limited_h.tolist() == [2.0, 0.0, 2.0]
    np.testing.assert_array_equal(found.imports.mean_kw, [3.0, np.nan, 3.0])
    np.testing.assert_array_equal(found.imports.least_kw, [2.0, np.nan, 0.0])
    assert found.imports.closed_h.tolist() == [0.0, 0.0, 1.0]
    assert not found.exports.limited_h.any()


@pytest.mark.parametrize("by_interval", [False, True])
def test_what_is_charged_beyond_is_what_went_beyond(by_interval):
    meters = open_meters(3)
    meters.begin_hour(posted([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], by_interval=by_interval))
    for quarter, kw in enumerate(([3.0, 0.0, -6.0], [1.0, 0.0, -2.0]) * 2):
        meters.count(np.array(kw), 0.25, (quarter + 1) / 4)
    found = meters.tally.found(ALL)
    assert found.beyond_kwh.tolist() == pytest.approx([1.0, 0.0, 2.0])
    assert meters.beyond_usd.tolist() == pytest.approx(found.beyond_kwh.tolist())


def test_a_mean_of_the_hour_evens_out_what_an_interval_does_not():
    both = {}
    for by_interval in (False, True):
        meters = open_meters(3)
        meters.begin_hour(posted([1.0, 9.0, 9.0], by_interval=by_interval))
        for quarter, kw in enumerate((3.0, -1.0, 1.0, 1.0)):
            meters.count(np.array([kw, 0.0, 0.0]), 0.25, (quarter + 1) / 4)
        both[by_interval] = meters.tally.found(ALL).beyond_kwh[0]
    assert both == {False: 0.0, True: 0.5}


def test_nothing_is_told_of_homes_that_were_posted_nothing():
    meters = open_meters(3)
    meters.begin_hour(None)
    assert meters.tally.found(ALL) is None
    assert warn_of_closed(None) == ()
    meters.begin_hour(posted([5.0, np.inf, np.inf]))
    assert meters.tally.found(slice(1, 3)) is None
    assert warn_of_closed(meters.tally.found(ALL)) == ()


def test_limits_that_often_leave_nothing_are_warned_of():
    meters = open_meters(3)
    for hour in range(10):
        meters.begin_hour(posted([5.0, 0.0 if hour < 3 else 5.0, 5.0]))
    (text,) = warn_of_closed(meters.tally.found(ALL))
    assert "no import in 10% of their hours" in text
    assert "home_limits" in text
