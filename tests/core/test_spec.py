"""Specifications: take and join, what is told and what it weighs."""

import numpy as np
import pytest

from gridagora.core import spec as told
from gridagora.core.errors import PartError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.spec import Spec
from gridagora.kernels.value import Stores, stores

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
    return all(np.array_equal(getattr(a.stores, name), getattr(b.stores, name)) for name in Stores._fields) and np.array_equal(
        a.party, b.party
    )


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
    assert told.count_bytes(told.take(table, [0, 1])) + told.count_bytes(told.take(table, [2, 3, 4])) == told.count_bytes(table)


def test_a_column_that_never_changes_is_told_once() -> None:
    still = told.disclosed(drawn(3, 24)._replace(stores=drawn(3)._replace().stores._replace(inflow=np.zeros((3, 24)))))
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
