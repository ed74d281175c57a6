"""The leanest form of what homes send: every kind of message in closed form, then every design in a small session."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridagora.core.exchange import Plans, Proposals, tender
from gridagora.core.lean import NUMBER_BITS, POINTS_BITS, LeanCount, match_rows
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.spec import TIMED, spec
from gridagora.kernels.curves.curve import curves
from gridagora.kernels.stores.value import stores

HOUR_S, HOURS = 3600, 4
PARTY = np.array([3, 5])


def hour(start_h=0):
    return Product(Commodity.P, HOUR_S * start_h, HOUR_S, Horizon.DAY_AHEAD, 0)


def interval(at=0):
    return Product(Commodity.P, 300 * at, 300, Horizon.REAL_TIME, 0)


def heard(*answers):
    """Return the bits of each answer in turn."""
    count, found = LeanCount(), []
    for answer in answers:
        before = count.bits
        count.hear(answer)
        found.append(count.bits - before)
    return found


def plans(p_kw, start_h=0, party=PARTY):
    return Plans(hour(start_h), party, np.array(p_kw, dtype=np.float64))


def update(changed, numbers):
    """Return the bits of a row of so many numbers of which some changed: a flag, how many, and each with its place."""
    place = numbers.bit_length()
    return 1 + place + changed * (NUMBER_BITS + place) if changed else 1


FIRST = [[1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 2.0]]
WHOLE = (1 + HOURS * NUMBER_BITS) + (1 + NUMBER_BITS)  # the second plan is one number


def test_a_plan_is_said_whole_once_and_one_that_is_level_as_one_number():
    assert heard(plans(FIRST)) == [WHOLE]


def test_a_plan_that_stands_is_a_bit_and_a_change_is_a_number_with_its_place():
    again = [[1.0, 2.5, 3.0, 4.0], [2.0, 2.0, 2.0, 2.0]]
    assert heard(plans(FIRST), plans(FIRST), plans(again)) == [
        WHOLE,
        2 * update(0, HOURS),
        update(1, HOURS) + update(0, HOURS),
    ]


def test_an_hour_later_only_the_new_hour_is_said_and_only_where_it_is_another():
    later = [[2.0, 3.0, 4.0, 4.5], [2.0, 2.0, 2.0, 2.0]]
    same = [[2.0, 3.0, 4.0, 4.0], [2.0, 2.0, 2.0, 2.0]]
    assert heard(plans(FIRST), plans(later, 1))[1] == update(1, HOURS) + update(0, HOURS)
    assert heard(plans(FIRST), plans(same, 1))[1] == 2 * update(0, HOURS)


def test_a_change_beyond_the_precision_costs_and_one_below_does_not():
    for more, moved in ((4e-6, 0), (6e-6, 1)):
        near = [[1.0 + more, 2.0, 3.0, 4.0], FIRST[1]]
        assert heard(plans(FIRST), plans(near))[1] == update(moved, HOURS) + update(0, HOURS)


def test_no_update_costs_more_than_the_whole_and_a_flag():
    other = [[9.0, 8.0, 7.0, 6.0], [5.0, 5.0, 5.0, 5.0]]
    assert heard(plans(FIRST), plans(other))[1] <= 2 + WHOLE
    assert heard(plans(FIRST), plans(other, 900))[1] <= 2 + WHOLE


def test_a_party_that_is_new_says_its_row_whole():
    joined = plans([FIRST[1], [1.0, 2.0, 3.0, 5.0]], party=np.array([5, 7]))
    assert heard(plans(FIRST), joined)[1] == update(0, HOURS) + 1 + HOURS * NUMBER_BITS


def test_a_proof_is_two_numbers_more():
    proposals = Proposals(hour(), PARTY, np.array(FIRST), np.ones(2), np.ones(2))
    assert heard(proposals, proposals) == [WHOLE + 4 * NUMBER_BITS, 2 + 4 * NUMBER_BITS]


def offers(*rows, at=0):
    return tender(interval(at), np.arange(len(rows)), curves(list(rows)))


SLOPE = ([0.0, 1.0, 2.0], [0.3, 0.2, 0.1])
STEPS = ([0.0, 0.0, 4.0, 4.0], [0.3, 0.2, 0.2, 0.1])  # a unit that is on or off


def test_a_curve_is_its_points_and_a_step_has_one_number():
    slope = POINTS_BITS + 3 * (2 + 2 * NUMBER_BITS)
    steps = POINTS_BITS + 4 * 2 + (2 + 3) * NUMBER_BITS
    assert heard(offers(SLOPE, STEPS)) == [slope + steps]
    assert heard(offers(SLOPE, STEPS), offers(SLOPE, STEPS, at=1))[1] == 2
    moved = ([0.0, 1.0, 2.0], [0.3, 0.2, 0.11])
    assert heard(offers(SLOPE, STEPS), offers(moved, STEPS, at=1))[1] == 1 + slope + 1
    assert heard(offers(SLOPE, STEPS), offers(STEPS, SLOPE, at=1))[1] == 2 + slope + steps


def told(x0, inflow, start_h=0):
    n = len(x0)
    end = {"end_x": [[0.0]] * n, "end_mu": [[0.1]] * n}
    held = stores(x0, np.ones(HOURS), p_max_kw=4.0, x_max=9.0, inflow=inflow, **end)
    return spec(hour(start_h), np.arange(n), held, 0.5)


def test_a_specification_is_said_once_and_then_what_changed():
    """Each column but the inflow of the first is one number; beside them the state, an end value of one point, reactive power."""
    inflow = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.1, 0.1, 0.1]])
    columns, stands = len(TIMED), 4
    level = columns + NUMBER_BITS * (stands + columns)
    first = level + NUMBER_BITS * (HOURS - 1) + level
    numbers = stands + columns * HOURS
    later = np.array([[0.2, 0.3, 0.45, 0.5], [0.1, 0.1, 0.1, 0.1]])
    found = heard(
        (told([1.0, 2.0], inflow),),
        (told([1.5, 2.0], inflow),),  # a state
        (told([1.5, 2.5], later, 1),),  # a state, one forecast, the new hour
    )
    assert found == [
        first,
        update(1, numbers) + update(0, numbers),
        update(2, numbers) + update(1, numbers),
    ]


def test_kinds_of_device_are_remembered_apart():
    one, other = told([1.0], np.zeros((1, HOURS))), told([7.0], np.zeros((1, HOURS)))
    assert heard((one, other), (one, other))[1] == 2


def test_what_is_no_word_of_a_home_costs_nothing():
    assert heard(None, (), "hello") == [0, 0, 0]


@pytest.mark.parametrize(
    ("lean", "numbers", "bits"), [(None, 5, 5 * NUMBER_BITS), (7, 5, 7), (0, 5, 0)]
)
def test_parties_among_themselves_are_counted_as_the_design_says(lean, numbers, bits):
    count = LeanCount()
    count.hear_exchange(lean, numbers)
    assert count.bits == bits


@given(st.lists(st.integers(0, 4), max_size=12), st.lists(st.integers(0, 4), max_size=12))
def test_rows_are_matched_by_party_the_first_to_the_first(party, before):
    got = match_rows(np.array(party, np.int64), np.array(before, np.int64))
    seen = {}
    for name, row in zip(party, got.tolist(), strict=True):
        rank = seen.get(name, 0)
        seen[name] = rank + 1
        places = [at for at, other in enumerate(before) if other == name]
        assert row == (places[rank] if rank < len(places) else -1)
