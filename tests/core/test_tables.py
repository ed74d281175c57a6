"""What stands for a table in a hash: every number of it, some at a time, in an order of its own."""

from dataclasses import dataclass

import numpy as np
import pytest

from gridagora.core.tables import ALIKE, BLOCK_BYTES, Homes, blocks_of


@dataclass(frozen=True)
class Pumps:
    home: np.ndarray
    rated_kw: np.ndarray


def whole(column: object) -> bytes:
    return b"".join(blocks_of(column))


@pytest.mark.parametrize(
    "column",
    [
        np.arange(7.0),
        np.arange(12).reshape(3, 4),
        np.arange(24.0).reshape(4, 6).T,
        np.broadcast_to(np.array([[1.0], [2.0]]), (2, 5)),
        np.array([True, False]),
        np.array(3.5),
        np.zeros((0, 4)),
    ],
    ids=["line", "whole", "turned", "spread", "truths", "one", "none"],
)
def test_an_array_stands_as_its_bytes_whatever_its_layout(column):
    assert whole(column) == column.tobytes()


def test_no_block_of_a_large_array_is_large():
    column = np.random.default_rng(1).random((5000, 301))
    blocks = list(blocks_of(column))
    assert len(blocks) > 10
    assert max(map(len, blocks)) <= BLOCK_BYTES
    assert b"".join(blocks) == column.tobytes()


def test_one_row_that_is_longer_than_a_block_is_a_block():
    column = np.zeros((2, BLOCK_BYTES // 8 + 1))
    assert [len(block) for block in blocks_of(column)] == [8 * column.shape[1]] * 2


def test_tables_by_kind_stand_in_the_order_of_their_names():
    one = {"pump": Pumps(np.arange(2), np.ones(2)), "car": np.ones(3)}
    turned = dict(reversed(one.items()))
    assert whole(one) == whole(turned)


@pytest.mark.parametrize("field", ["home", "rated_kw"])
def test_every_column_of_a_table_counts(field):
    columns = {"home": np.arange(2), "rated_kw": np.ones(2)}
    changed = columns | {field: columns[field] + 1}
    assert whole(Pumps(**columns)) != whole(Pumps(**changed))


def test_the_name_of_a_kind_counts():
    assert whole({"pump": np.ones(2)}) != whole({"kettle": np.ones(2)})


def test_tuples_with_arrays_stand_part_by_part_and_others_as_they_print():
    assert whole((np.ones(2), np.zeros(1))) == np.ones(2).tobytes() + np.zeros(1).tobytes()
    assert whole(("a", "b")) == b"('a', 'b')"
    assert whole(2.5) == b"2.5"


def test_homes_differ_by_what_they_own():
    load = np.ones((2, 49))
    bare = Homes(("a", "b"), load)
    pumps = bare._replace(owned={"pump": Pumps(np.arange(2), np.ones(2))})
    others = bare._replace(owned={"pump": Pumps(np.arange(2), np.full(2, 2.0))})
    texts = {whole(tuple(homes)) for homes in (bare, pumps, others)}
    assert len(texts) == 3
    assert bare.quality is ALIKE
