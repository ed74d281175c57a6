"""How far homes were from the temperature that they like best, and what of it is felt (theory 1.8)."""

from typing import Any, NamedTuple

import numpy as np

from gridagora.core.records import RunColumn
from gridagora.core.tables import Col, Flag

QUARTER_H = 0.25  # comfort is felt as the mean of a quarter of an hour (theory 1.8)


class ComfortDeviation(NamedTuple):
    """How far the air of n homes was from the bliss temperature, worked out for some at a time; zero without a unit."""

    air_degc: RunColumn  # (n, t)
    best_degc: Col  # (n, h) by the hour
    is_served: Flag  # (n, h)
    dt_h: float

    def of(self, rows: slice, times: slice) -> Col:
        """Return the deviation of some homes in some intervals, shape (k, c) [K]."""
        steps = self.air_degc.shape[1]
        best, served = (
            in_intervals(each[rows], self.dt_h)[:, :steps]
            for each in (self.best_degc, self.is_served)
        )
        return np.where(served, self.air_degc[rows] - best, 0.0)[:, times]


def felt_in_quarters_k2_h(deviation_k: Col, dt_h: float) -> Col:
    """Return the square of the mean of every quarter of an hour over a run, shape (k,) [K2 h], given (k, t) [K]."""
    k, steps = deviation_k.shape
    each = max(1, round(QUARTER_H / dt_h))
    whole = steps // each * each
    quarter = deviation_k[:, :whole].reshape(k, -1, each).mean(2)
    felt: Col = (quarter**2).sum(1) * QUARTER_H
    if whole < steps:  # a quarter that is not over yet
        felt = felt + deviation_k[:, whole:].mean(1) ** 2 * (steps - whole) * dt_h
    return felt


def in_intervals(hourly: Any, dt_h: float) -> Any:
    """Return hourly values (k, h) [any unit] in every interval of length dt_h, shape (k, t)."""
    return np.repeat(hourly, round(1 / dt_h), axis=1)
