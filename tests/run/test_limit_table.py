"""The table of limits: a row a home, every figure under the name of its side."""

from types import SimpleNamespace

import numpy as np

from gridagora.results.posted_limits import PostedLimits, PostedSide
from gridagora.run.limit_table import COLUMNS, limit_rows

SCENE = SimpleNamespace(homes=SimpleNamespace(home_id=("h1", "h2")))


def side(first):
    """Four columns of two homes, each with a figure of its own."""
    return PostedSide(*(np.array([first + at, first + at + 0.5]) for at in range(4)))


def test_each_figure_stands_under_its_name():
    posted = PostedLimits(side(1.0), side(10.0), np.array([7.0, 8.0]))
    table = limit_rows(SCENE, SimpleNamespace(name="tou", posted=posted))
    first = ["tou", "h1", 1.0, 2.0, 3.0, 4.0, 10.0, 11.0, 12.0, 13.0, 7.0]
    assert list(table.iloc[0]) == first
    assert table["import_closed_h"].tolist() == [4.0, 4.5]
    assert table["export_limit_min_kw"].tolist() == [12.0, 12.5]


def test_a_design_without_limits_has_no_row():
    table = limit_rows(SCENE, SimpleNamespace(name="flat", posted=None))
    assert not len(table)
    assert tuple(table.columns) == COLUMNS
