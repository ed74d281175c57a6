"""Sums up the tree of places."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.place import Level, ancestor, depth, lift_kw, places

# homes 0-2 at transformers 3, 4 of feeder 5; home 6 hangs directly at the feeder
TREE = places(
    ["a", "b", "c", "tx 1", "tx 2", "feeder", "d"],
    [
        Level.HOME,
        Level.HOME,
        Level.HOME,
        Level.TRANSFORMER,
        Level.TRANSFORMER,
        Level.FEEDER,
        Level.HOME,
    ],
    [3, 3, 4, 5, 5, -1, 5],
)


def test_depth_and_ancestor() -> None:
    assert depth(TREE).tolist() == [2, 2, 2, 1, 1, 0, 1]
    assert ancestor(TREE, Level.FEEDER).tolist() == [5] * 7
    assert ancestor(TREE, Level.TRANSFORMER).tolist() == [3, 3, 4, 3, 4, -1, -1]


def test_every_place_holds_the_sum_of_what_is_below() -> None:
    p_kw = np.array([[1.0, -2.0], [0.1, 0.2], [3.0, 0.0], [5.0, 5.0]])
    total = lift_kw(TREE, np.array([0, 1, 2, 6]), p_kw)
    assert total[3].tolist() == [1.1, -1.8]
    assert total[4].tolist() == [3.0, 0.0]
    assert total[5].tolist() == [9.1, 3.2]


def test_the_sum_up_the_tree_is_the_flat_sum_in_any_order() -> None:
    rng = np.random.default_rng(3)
    home, p_kw = rng.choice([0, 1, 2, 6], 500), rng.normal(0, 7, 500)
    order = rng.permutation(500)
    assert (lift_kw(TREE, home, p_kw) == lift_kw(TREE, home[order], p_kw[order])).all()
    assert lift_kw(TREE, home, p_kw)[5] == pytest.approx(p_kw.sum(), abs=500e-9)


def test_a_tree_that_is_none_is_refused() -> None:
    with pytest.raises(PartError, match=r"place 'a'.*parent 7"):
        places(["a"], [Level.HOME], [7])
    with pytest.raises(PartError, match=r"place 'b' \(TRANSFORMER\).*'a' \(HOME\)"):
        places(["a", "b"], [Level.HOME, Level.TRANSFORMER], [-1, 0])
