"""Devices of several runs are handed out run by run, and what comes back stands in the order of all."""

import numpy as np
import pytest

from gridagora.core.device import own
from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import BehindTheMeter
from gridagora.core.tables import Homes, Quality
from gridagora.devices.battery import Batteries
from gridagora.kernels.curves.curve import Curves
from gridagora.population.join_homes import join_homes
from gridagora.run.by_run import join_quotes, split_devices

FIRST = np.array([0, 2, 2, 5])  # homes of three runs, of which the second has none
HOME = np.array([0, 4, 1, 2, 3])
CURVES = Curves(np.array([0, 1, 3, 4, 6, 7]), np.arange(7.0), -np.arange(7.0))
BEHIND = BehindTheMeter(CURVES, HOME, np.arange(10.0, 15.0))
HOUR = Product(Commodity.P, 0, 3600, Horizon.REAL_TIME)


def test_each_run_gets_its_devices_and_numbers_homes_from_zero():
    first, none, last = split_devices(BEHIND, FIRST).parts
    assert first.home.tolist() == [0, 1]
    assert first.curves.p_kw.tolist() == [0.0, 3.0]
    assert first.net_kw.tolist() == [10.0, 11.0]
    assert len(none.home) == 0
    assert none.curves.offset.tolist() == [0]
    assert last.home.tolist() == [2, 0, 1]
    assert last.curves.offset.tolist() == [0, 2, 4, 5]
    assert last.curves.p_kw.tolist() == [1.0, 2.0, 4.0, 5.0, 6.0]


def test_answers_come_back_in_the_order_of_all():
    among = split_devices(BEHIND, FIRST)
    answers = [part.home * 1.0 + 100 * at for at, part in enumerate(among.parts)]
    assert among.join(answers).tolist() == [0.0, 202.0, 1.0, 200.0, 201.0]
    assert among.join([answers[0], None, answers[2]]) is None


def test_one_run_is_left_as_it_is():
    among = split_devices(BEHIND, np.array([0, 5]))
    assert among.parts[0] is BEHIND
    power = np.arange(5.0)
    assert among.join([power]) is power


def test_quotes_of_runs_are_quotes_to_all_devices():
    among = split_devices(BEHIND, FIRST)
    quotes = [
        Quotes(
            HOUR, part.home, *(np.full((len(part.home), 1), at + add) for add in (0.0, 0.1, 0.2))
        )
        for at, part in enumerate(among.parts)
    ]
    whole = join_quotes(quotes, among)
    assert whole.buy_per_kwh[:, 0].tolist() == [0.0, 2.0, 0.0, 2.0, 2.0]
    assert whole.sell_per_kwh[:, 0].tolist() == [0.1, 2.1, 0.1, 2.1, 2.1]
    assert whole.party.tolist() == [0, 1, 2, 3, 4]


def street(name, hours=3, window_h=1.0, **columns):
    homes = Homes(
        (name, f"{name}2"),
        np.ones((2, hours)),
        Quality(np.ones(1), np.zeros(1, np.int64), np.ones(1), np.zeros(1), window_h),
    )
    table = {"home": np.array([1]), "cap_kwh": np.array([9.0]), "rated_kw": np.array([3.0])}
    return own(homes, "battery", Batteries(**{**table, "efficiency": np.array([0.9]), **columns}))


def test_homes_of_runs_follow_each_other():
    whole = join_homes([street("a"), street("b", cap_kwh=np.array([5.0]))])
    assert whole.home_id == ("a", "a2", "b", "b2")
    assert whole.load_kw.shape == (4, 3)
    assert whole.owned["battery"].home.tolist() == [1, 3]
    assert whole.owned["battery"].cap_kwh.tolist() == [9.0, 5.0]
    assert whole.quality.tier.shape == (4,)
    alone = street("a")
    assert join_homes([alone]) is alone


def test_a_run_without_a_kind_has_no_rows_of_it():
    bare = street("b")._replace(owned={})
    whole = join_homes([bare, street("a")])
    assert whole.owned["battery"].home.tolist() == [3]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (street("b", hours=4), r"last \[3, 4\] hours"),
        (street("b", window_h=0.25), r"over \[0.25, 1.0\] hours"),
        (street("b", wear_per_kwh=0.5), "battery.wear_per_kwh of several runs: different values"),
        (street("b", efficiency=np.ones((1, 2))), "battery.efficiency of several runs: rows of"),
    ],
)
def test_homes_that_cannot_follow_each_other_are_refused(other, words):
    with pytest.raises(PartError, match=words):
        join_homes([street("a"), other])
