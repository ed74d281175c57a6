"""Keyed streams: the exogenous paths of a run belong to the key, not to who drew before (theory 11, T29)."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.rng import stream

KEYS = [(purpose, home, day) for purpose in ("ev", "draw") for home in (0, 1, 17) for day in (0, 1)]


@given(st.permutations(KEYS))
@settings(max_examples=20, deadline=None)
def test_the_same_key_gives_the_same_numbers_in_any_order(
    order: list[tuple[str, int, int]],
) -> None:
    first = {key: stream(7, *key).normal(size=4) for key in KEYS}
    again = {key: stream(7, *key).normal(size=4) for key in order}
    assert all(np.array_equal(first[key], again[key]) for key in KEYS)


def test_different_keys_and_seeds_give_different_numbers() -> None:
    draws = [stream(seed, *key).normal() for seed in (7, 8) for key in KEYS]
    assert len(set(draws)) == len(draws)


def test_kind_of_a_key_part_counts() -> None:
    assert stream(1, "a", 1).normal() != stream(1, "a", "1").normal()
    assert stream(1, "ab", "c").normal() != stream(1, "a", "bc").normal()


def test_drawing_more_from_one_stream_moves_no_other() -> None:
    alone = stream(3, "ev", 4).normal(size=3)
    busy = stream(3, "ev", 5)
    busy.normal(size=1000)
    assert np.array_equal(stream(3, "ev", 4).normal(size=3), alone)
