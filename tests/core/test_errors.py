"""Problems are sentences, all at once."""

import pytest

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.registry import find


def test_every_problem_is_in_the_message() -> None:
    error = InputError(
        [
            Problem("a.toml: homes.count", "-1", "at least 1"),
            Problem("a.toml: seed", "'x'", "an integer", "Remove the quotes."),
        ]
    )
    assert str(error).splitlines() == [
        "a.toml: homes.count: got -1, expected at least 1.",
        "a.toml: seed: got 'x', expected an integer. Remove the quotes.",
    ]
    assert len(error.problems) == 2


def test_the_nearest_name_is_offered() -> None:
    assert nearest("centrl", ["central", "flat"]) == "Did you mean 'central'?"
    assert nearest("zzz", ["flat", "central"]) == "Valid names: central, flat."


def test_a_part_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean 'flat'"):
        find("market", "flatt")
