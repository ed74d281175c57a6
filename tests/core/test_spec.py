"""Specifications: take and join, what is told and what it weighs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core import spec as told
from gridagora.core.errors import PartError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.spec import Spec
from gridagora.kernels.stores.value import Stores, stores

HOUR = Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD)


def drawn(n: int = 5, h: int = 24) -> Spec:
    rng = np.random.default_rng(n)
    rows = stores(
        rng.uniform(0, 1, n),
        np.ones(h),
        p_max_kw=rng.uniform(1, 5, (n, 1)),
        x_max=10.0,
        inflow=-rng.uniform(0, 0.1, (n, h)),
        end_x=[[0.0, 10.0]],
        end_mu=[[0.2, 0.1]],
    )
    return told.spec(HOUR, np.arange(n), rows, 0.44)


def same(a: Spec, b: Spec) -> bool:
    return all(
        np.array_equal(getattr(a.stores, name), getattr(b.stores, name)) for name in Stores._fields
    ) and np.array_equal(a.party, b.party)


def test_join_of_takes_restores() -> None:
    table = drawn()
    shuffled = told.join([told.take(table, [4, 1]), told.take(table, [0, 2, 3])])
    assert same(told.take(shuffled, [2, 1, 3, 4, 0]), table)


def test_bytes_counted_are_bytes_sent_whole_or_in_shards() -> None:
    table = drawn()
    sent = told.encode(table)
    assert len(sent) == told.count_messages(table) == 5
    assert sum(map(len, sent)) == told.count_bytes(table)
    assert told.encode(told.take(table, [3, 1])) == [sent[3], sent[1]]
    assert told.count_bytes(told.take(table, [0, 1])) + told.count_bytes(
        told.take(table, [2, 3, 4])
    ) == told.count_bytes(table)


def test_a_column_that_never_changes_is_told_once() -> None:
    still = told.disclosed(
        drawn(3, 24)._replace(stores=drawn(3)._replace().stores._replace(inflow=np.zeros((3, 24))))
    )
    assert (told.disclosed(drawn(3, 24)) - still == 23).all()
    assert still.tolist() == [2 + 24 + len(told.TIMED) + 4] * 3


def test_owners_and_reactive_capability_are_checked() -> None:
    rows = drawn(3).stores
    with pytest.raises(PartError, match="got 2 owners"):
        told.spec(HOUR, np.arange(2), rows)
    with pytest.raises(PartError, match=r"row 1 of party 1: q_max_kvar is -1\.0"):
        told.spec(HOUR, np.arange(3), rows, np.array([0.0, -1.0, 0.0]))
    with pytest.raises(PartError, match="one product"):
        told.join([drawn(2, 24), drawn(2, 12)])


@given(n=st.integers(1, 6), h=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_what_is_sent_is_what_is_read(n: int, h: int) -> None:
    table = drawn(n, h)
    sent = told.encode(table)
    got = told.decode(sent)
    assert same(got, table)
    assert got.product == table.product
    assert np.array_equal(got.q_max_kvar, table.q_max_kvar)
    assert told.encode(got) == sent
    assert told.count_bytes(got) == sum(map(len, sent))


@given(
    noise=st.binary(max_size=300),
    flips=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_noise_is_refused_or_is_a_message(noise: bytes, flips: list[tuple[int, int]]) -> None:
    whole = told.encode(drawn(1, 3))[0]
    bent = bytearray(whole)
    for at, value in flips:
        bent[at] = value
    for message in (noise, whole[:18] + noise, whole[:42] + noise, bytes(bent)):
        try:
            got = told.decode([message])
        except PartError:
            continue
        assert got.product.duration_s > 0


@pytest.mark.parametrize(
    ("bend", "says"),
    [
        (lambda m: m[:20], "message 0 of Spec has 20 bytes, expected 42 at least"),
        (lambda m: m + b"x", r"message 0 of Spec has \d+ bytes, expected \d+"),
        (lambda m: m[:26] + bytes(4) + m[30:], "got 0 steps"),
        (lambda m: m[:42] + np.float64(np.nan).tobytes() + m[50:], "message 0 of Spec: stores"),
        (lambda m: m[:-8] + np.float64(np.inf).tobytes(), "reactive capability of inf"),
        (lambda m: m[:-8] + np.float64(-1).tobytes(), r"q_max_kvar is -1\.0"),
    ],
)
def test_what_is_malformed_is_refused_with_a_sentence(bend, says: str) -> None:
    with pytest.raises(PartError, match=says):
        told.decode([bend(told.encode(drawn(1, 3))[0])])


def test_messages_of_one_specification_are_alike() -> None:
    with pytest.raises(PartError, match="message 1 of Spec is of another product or other steps"):
        told.decode(told.encode(drawn(1, 3)) + told.encode(drawn(1, 4)))
    with pytest.raises(PartError, match="no message of Spec"):
        told.decode([])
