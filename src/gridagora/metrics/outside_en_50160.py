"""V5, homes whose supply voltage does not keep EN 50160 (theory 8.3)."""

import numpy as np

from gridagora.core.tables import Col, Flag
from gridagora.results.home_block import HomeBlock
from gridagora.results.metric import VOLTAGE, Reference, home_metric
from gridagora.results.outcome import Outcome
from gridagora.results.solved_flow import solved_intervals
from gridagora.results.supply_quality import periods_of

MOST, LEAST, LEAST_EVER = 1.10, 0.90, 0.85  # of the nominal voltage, EN 50160:2010, 4.2.2
KEPT_SHARE = 0.95  # of the means of a week that lie from LEAST to MOST


def is_told(outcome: Outcome) -> bool:
    """Return whether the scenario of a run holds voltages to EN 50160."""
    net = outcome.network
    return net is not None and net.nominal_pu is not None


@home_metric(
    "V5",
    "homes outside EN 50160",
    "homes",
    "down",
    explanation="Homes with more than 5 % of the ten-minute means of a week outside 230 V ±10 %, or any outside +10/−15 %.",
    family=VOLTAGE,
    order=5,
    applies=is_told,
)
class OutsideEn50160:
    """Homes that do not keep the limits of slow changes of EN 50160, in the means that have a power flow; nan where none has.

    Weeks are counted from the start of the run, and what is left at its end is one of its own. Intervals longer than ten minutes
    are taken as they are, which is kinder than the standard.
    """

    def __init__(self, outcome: Outcome, _: Reference) -> None:
        self._per, self._week = periods_of(outcome.dt_h)
        net = outcome.network
        self._nominal_pu = None if net is None else net.nominal_pu
        self._has_flow = solved_intervals(outcome) is not None
        self._count = 0

    def add(self, block: HomeBlock) -> None:
        """Count homes of some that break a limit."""
        if self._nominal_pu is None:
            return
        voltage = block.home_v_pu / self._nominal_pu[block.rows, None]
        whole = voltage.shape[1] // self._per * self._per
        means = voltage[:, :whole].reshape(len(voltage), -1, self._per).mean(2)
        self._count += int(np.count_nonzero(breaks_limits(means, self._week)))

    def value(self) -> float:
        """Return the number of homes."""
        told = self._has_flow and self._nominal_pu is not None
        return float(self._count) if told else float("nan")


def breaks_limits(means: Col, week: int) -> Flag:
    """Return which homes break a limit, shape (n,), by means (n, k) [of the nominal voltage], nan where there is none.

    `week` is the number of means in a week.
    """
    known = np.isfinite(means)
    broken: Flag = np.asarray((known & ((means > MOST) | (means < LEAST_EVER))).any(1))
    for first in range(0, means.shape[1], week):
        held, seen = means[:, first : first + week], known[:, first : first + week]
        inside = np.count_nonzero(seen & (held >= LEAST) & (held <= MOST), axis=1)
        broken |= inside < KEPT_SHARE * np.count_nonzero(seen, axis=1)
    return broken
