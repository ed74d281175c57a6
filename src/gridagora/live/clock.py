"""The calendar of a run: equal steps in integer seconds UTC. Local time is an offset resolved at the edge, never a time zone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridagora.core.errors import PartError
from gridagora.core.tables import Index

HOUR_S = 3600
DAY_S = 86400
EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0


@dataclass(frozen=True)
class Clock:
    """`count` steps of `step_s` seconds from `start_s` (UTC); `utc_offset_s` is local time minus UTC, one value for the run."""

    start_s: int
    step_s: int
    count: int
    utc_offset_s: int = 0

    def __post_init__(self) -> None:
        """Refuse a clock that does not move."""
        if self.step_s <= 0 or self.count < 0:
            raise PartError(
                f"clock at {self.start_s}: got step_s {self.step_s}, count {self.count}, expected above 0, at least 0"
            )

    @property
    def end_s(self) -> int:
        """Second after the last step."""
        return self.start_s + self.step_s * self.count

    @property
    def dt_h(self) -> float:
        """Length of a step [h]."""
        return self.step_s / HOUR_S

    def times_s(self) -> Index:
        """Return the start of every step, shape (count,) [s UTC]."""
        return self.start_s + self.step_s * np.arange(self.count, dtype=np.int64)

    def index(self, time_s: int | Index) -> Index:
        """Return the step that holds each time, any shape [s UTC]; below 0 or at least `count` outside the run."""
        return np.floor_divide(np.asarray(time_s, dtype=np.int64) - self.start_s, self.step_s)

    def hour(self) -> Index:
        """Return for every step the hour of the run that holds its start, shape (count,), 0 first."""
        return (self.times_s() - self.start_s) // HOUR_S

    def share_of_hour(self) -> NDArray[np.float64]:
        """Return how far into its hour every step ENDS, shape (count,), in (0, 1] for steps of an hour at most."""
        return ((self.times_s() - self.start_s) % HOUR_S + self.step_s) / HOUR_S

    def every(self, step_s: int) -> "Clock":
        """Return the clock of the same span in other steps.

        Raises
        ------
        PartError
            The span is no whole number of such steps.
        """
        if step_s <= 0 or (self.step_s * self.count) % step_s:
            raise PartError(
                f"clock of {self.count} steps of {self.step_s} s: steps of {step_s} s do not tile it"
            )
        return Clock(self.start_s, step_s, self.step_s * self.count // step_s, self.utc_offset_s)

    def window(self, first: int, count: int) -> "Clock":
        """Return `count` steps of the same length that begin at step `first`; they may reach past the end."""
        return Clock(self.start_s + first * self.step_s, self.step_s, count, self.utc_offset_s)

    def local_s(self) -> Index:
        """Return local seconds since the epoch at the start of every step, shape (count,)."""
        return self.times_s() + self.utc_offset_s

    def local_hour(self) -> Index:
        """Return the local hour of day of every step, shape (count,), 0..23."""
        return self.local_s() % DAY_S // HOUR_S

    def local_day(self) -> Index:
        """Return the local day of every step, shape (count,), days since 1 January 1970."""
        return self.local_s() // DAY_S

    def local_weekday(self) -> Index:
        """Return the local weekday of every step, shape (count,), 0 Monday to 6 Sunday."""
        return (self.local_day() + EPOCH_WEEKDAY) % 7
