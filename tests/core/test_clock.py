"""The clock against days known from a calendar."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.live.clock import Clock

MONDAY_S = 1721019600  # Monday 15 July 2024 00:00 in Austin, 05:00 UTC
AUSTIN_S = -5 * 3600


def test_local_day_starts_at_local_midnight() -> None:
    clock = Clock(MONDAY_S, 300, 7 * 288, AUSTIN_S)
    assert clock.local_hour()[0] == 0
    assert clock.local_weekday()[[0, 287, 288, -1]].tolist() == [0, 0, 1, 6]
    assert np.unique(clock.local_day()).size == 7
    assert clock.end_s - clock.start_s == 7 * 86400


def test_index_is_the_inverse_of_times() -> None:
    clock = Clock(MONDAY_S, 300, 288)
    assert clock.index(clock.times_s()).tolist() == list(range(288))
    assert clock.index(clock.times_s() + 299).tolist() == list(range(288))
    assert clock.index(MONDAY_S - 1) == -1


def test_hours_and_shares() -> None:
    clock = Clock(MONDAY_S, 300, 24)
    assert clock.hour().tolist() == [0] * 12 + [1] * 12
    assert clock.share_of_hour()[[0, 11, 12]].tolist() == [1 / 12, 1.0, 1 / 12]
    assert clock.every(3600) == Clock(MONDAY_S, 3600, 2)
    assert clock.window(12, 12).start_s == MONDAY_S + 3600


def test_a_clock_that_does_not_move_is_refused() -> None:
    with pytest.raises(PartError, match="step_s 0"):
        Clock(0, 0, 1)
    with pytest.raises(PartError, match="do not tile"):
        Clock(0, 300, 13).every(3600)
