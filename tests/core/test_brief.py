"""Tables in brief and things by name: short, and a name that is not there is a sentence."""

import pickle

import numpy as np
import pytest

from gridagora import InputError
from gridagora.core.brief import LINES, WIDTH, in_lines, spell_column
from gridagora.core.by_name import ByName


@pytest.fixture
def things():
    return ByName({"bills": 1, "load": 2}, "figures", "a figure")


def test_a_name_that_is_not_there_is_a_sentence(things):
    with pytest.raises(InputError, match=r"figures\['bill'\].*Did you mean 'bills'"):
        things["bill"]
    with pytest.raises(InputError, match=r"figures\[3\]"):
        things[3]
    with pytest.raises(InputError, match="none"):
        ByName({}, "figures", "a figure")["bills"]


def test_it_is_a_dictionary_otherwise(things):
    assert things == {"bills": 1, "load": 2}
    assert "bill" not in things and things.get("bill") is None
    again = pickle.loads(pickle.dumps(things))
    assert again == things and again.where == "figures"


def test_brief_is_brief():
    said = in_lines("Table", [(f"column_{row}", "x" * 200) for row in range(40)]).splitlines()
    assert len(said) == LINES and max(map(len, said)) <= WIDTH
    assert said[-1] == "  ... and 27 more"


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (np.array([1.0, np.nan, 3.0]), "(3,) 1 to 3"),
        (np.array([2, 2]), "(2,) 2"),
        (np.array([True, False]), "(2,) 1 true"),
        (np.array([np.nan]), "(1,) nan"),
        (("a", "b", "c", "d"), "a, b, c ... (4)"),
        ({}, "none"),
        (1.5, "1.5"),
    ],
)
def test_a_column_is_said_by_shape_and_range(column, said):
    assert spell_column(column) == said
