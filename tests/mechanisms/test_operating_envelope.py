"""Operating envelopes: parts of a limit that sum to it, by what homes imported, and none without a limit."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.limits import limit_substation
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import Baseline, Opening, SupplyOffer
from gridagora.mechanisms.operating_envelope import post_envelope, share_limit

HOME_KW = np.array([[1.0, 3.0, -2.0], [0.0, 0.0, 0.0], [2.0, 2.0, 0.0]])


def baseline(home_kw):
    none = np.zeros(3)
    return Baseline(0, 3600, np.arange(3), none, none, none, home_kw=home_kw, limit_kw=6.0)


def opening(limit_kw=10.0, other_kw=(0.0, 4.0, 12.0)):
    supply = SupplyOffer(np.full(3, 0.15), np.full(3, 0.05), np.array(other_kw))
    limits = limit_substation(3, supply.base_kw, limit_kw, 0.4)
    product = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD, 0)
    return Opening(product, np.arange(3), supply, limits=limits)


def test_parts_are_alike_or_as_homes_imported_and_sum_to_one():
    assert share_limit(baseline(HOME_KW), "equal").tolist() == [pytest.approx(1 / 3)] * 3
    by_hour = share_limit(baseline(HOME_KW), "baseline")
    assert by_hour.shape == (3, 24)
    np.testing.assert_allclose(by_hour[:, 0], [1 / 3, 0.0, 2 / 3])
    np.testing.assert_allclose(by_hour[:, 1], [3 / 5, 0.0, 2 / 5])
    np.testing.assert_allclose(by_hour[:, 2:], 1 / 3)  # nobody imports then
    later = baseline(HOME_KW)._replace(start_s=23 * 3600)
    np.testing.assert_allclose(share_limit(later, "baseline")[:, 23], [1 / 3, 0.0, 2 / 3])
    with pytest.raises(PartError, match="does not say what each home takes"):
        share_limit(baseline(None), "equal")


def test_envelopes_sum_to_what_other_customers_leave_of_the_limit_less_its_reserve():
    share = np.array([0.5, 0.2, 0.3])
    posted = post_envelope(opening(), share, 0.1)
    np.testing.assert_allclose(posted.limit_kw.sum(0), [9.0, 5.0, 0.0])
    np.testing.assert_allclose(posted.limit_kw[:, 0], 9.0 * share)
    assert (posted.over_per_kwh == 0.4).all()
    assert posted.party.tolist() == [0, 1, 2]


def test_parts_by_hour_of_day_follow_the_clock():
    share = np.zeros((3, 24))
    share[0, :12], share[1, 12:] = 1.0, 1.0
    noon = opening(other_kw=(0.0, 0.0, 0.0))
    noon = noon._replace(product=noon.product._replace(start_s=86400 * 3 + 11 * 3600))
    assert (post_envelope(noon, share, 0.0).limit_kw > 0).tolist() == [
        [True, False, False],
        [False, True, True],
        [False, False, False],
    ]


def test_without_a_limit_there_is_no_envelope():
    assert post_envelope(opening(limit_kw=np.inf), np.full(3, 1 / 3), 0.03) is None
