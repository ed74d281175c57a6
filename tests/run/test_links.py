"""Lost, late and doubled tenders: the last curve, then the metered power; counted."""

import numpy as np

from gridagora.core.exchange import tender
from gridagora.core.product import Commodity, Horizon, Product, following
from gridagora.kernels.curves.curve import curves
from gridagora.run.comms import BidCache, CommsFaults, deliver, draw_heard

GATE = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
METERED = np.array([1.0, 2.0, 3.0])


def sent(k: int):
    """Three parties whose largest power tells the gate."""
    rows = [([0.0, 10.0 * (k + 1) + i], [0.3, 0.1]) for i in range(3)]
    return tender(following(GATE, k), np.arange(3), curves(rows))


def test_perfect_links_hand_on_what_was_sent():
    inbox, got = deliver(CommsFaults(), BidCache(), sent(0), METERED)
    assert all(np.array_equal(a, b) for a, b in zip(got[1:], sent(0)[1:], strict=True))
    assert inbox[2:] == (0, 0, 0)


def test_a_duplicate_changes_nothing_and_is_counted():
    inbox, got = deliver(CommsFaults(duplicate_share=0.999999), BidCache(), sent(0), METERED)
    assert np.array_equal(got.p_kw, sent(0).p_kw)
    assert inbox.twice == 3


def test_a_late_curve_stands_for_the_new_one_and_before_it_the_metered_power():
    links, inbox = CommsFaults(delay=1), BidCache()
    inbox, first = deliver(links, inbox, sent(0), METERED)
    assert np.array_equal(first.p_kw, METERED)
    inbox, second = deliver(links, inbox, sent(1), METERED)
    assert np.array_equal(second.p_kw, sent(0).p_kw)
    assert second.product == sent(1).product
    assert (inbox.silent, inbox.missing) == (3, 3)


def test_lost_tenders_leave_the_last_curve_and_are_counted():
    links, inbox = CommsFaults(loss_share=0.5, seed=4), BidCache()
    newest = np.full(3, -1)
    for k in range(40):
        inbox, got = deliver(links, inbox, sent(k), METERED)
        assert np.array_equal(got.party, np.arange(3))
        for i in range(3):
            points = got.p_kw[got.offset[i] : got.offset[i + 1]]
            gate = -1 if len(points) == 1 else round((points[-1] - i) / 10) - 1
            assert newest[i] <= gate <= k
            newest[i] = gate
    assert 40 < inbox.missing + inbox.silent < 80
    assert (newest >= 30).all()


def test_draws_do_not_depend_on_what_was_asked_before():
    assert np.array_equal(
        draw_heard(CommsFaults(0.3, seed=1), 50, 600), draw_heard(CommsFaults(0.3, seed=1), 50, 600)
    )
    assert not np.array_equal(
        draw_heard(CommsFaults(0.3, seed=1), 50, 600), draw_heard(CommsFaults(0.3, seed=1), 50, 900)
    )
