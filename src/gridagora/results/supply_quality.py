"""The periods over which EN 50160 judges a supply, and how unbalanced the voltages of a run were in them."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Index

KEPT_SHARE = 0.95  # of the means of a week that stay below what is told (EN 50160:2010, 4.2.4)
ROUNDING = 1e-9  # of a count of means
MEAN_H, WEEK_H = 1 / 6, 168  # of a mean, and of what is judged together (EN 50160:2010, 3 and 4.2)


class Periods(NamedTuple):
    """How many intervals make a mean, and how many means a week."""

    steps: int  # of a mean
    means: int  # of a week


class VoltageUnbalance(NamedTuple):
    """Negative over positive sequence of voltage at k buses of three phases, over the run; nan where no mean has a power flow."""

    bus: Index  # (k,) row of the bus
    kept_share: Col  # (k,) that 95 % of the means of a week do not exceed, of the worst week [1]
    most_share: Col  # (k,) largest mean of the run [1]


def periods_of(dt_h: float) -> Periods:
    """Return the periods of a run by the length of its intervals [h]; one longer than ten minutes is a mean by itself."""
    steps = max(1, round(MEAN_H / dt_h))
    return Periods(steps, max(1, round(WEEK_H / dt_h) // steps))


def exceeded_by_few(means: Col, share: float = KEPT_SHARE) -> Col:
    """Return the smallest value that this share of the means (w, k) [1] does not exceed, shape (k,) [1]; w is at least one."""
    rank = int(np.ceil(share * len(means) - ROUNDING))
    found: Col = np.partition(means, rank - 1, axis=0)[rank - 1]
    return found
