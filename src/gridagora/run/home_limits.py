"""Limits of import at the meters of homes: those of a window, and what an hour leaves to each of its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.session import HourPlan
from gridagora.core.tables import Col, Flag
from gridagora.kernels.curves.meter_limits import spread_limits


class HomeLimits(NamedTuple):
    """What n homes may import on the mean of h hours [kW], inf where there is no limit, and what a kWh beyond costs more."""

    limit_kw: Col  # (n, h)
    over_per_kwh: Col  # (n, h) [$/kWh]


@dataclass
class HourMeters:
    """What the meters of n homes count by the hour, for limits and charges of power; a step changes it in place."""

    used_kwh: Col  # (n,) import less export since the hour began
    beyond_usd: Col  # (n,) of import beyond posted limits, so far
    peak_kw: Col  # (n,) largest hour so far in which demand counts
    cap_kw: Col  # (n,) up to which homes let their import go under a demand charge
    posted: HomeLimits | None = None  # by the design, from the present hour on
    limits: HomeLimits | None = None  # that homes keep to: posted, or their own

    def begin_hour(self, posted: HomeLimits | None) -> None:
        """Begin an hour with the limits that the design posted."""
        self.posted = self.limits = posted
        self.used_kwh = np.zeros(len(self.used_kwh))

    def count(self, metered_kw: Col, dt_h: float, end_share: float) -> None:
        """Count an interval that ends at a share of the hour, in which homes took `metered_kw` (n,) [kW]."""
        self.used_kwh += metered_kw * dt_h
        if end_share < 1.0 or self.posted is None:
            return
        beyond_kwh = (self.used_kwh - self.posted.limit_kw[:, 0]).clip(min=0)
        self.beyond_usd += self.posted.over_per_kwh[:, 0] * beyond_kwh

    def count_demand(self, counts: Flag) -> None:
        """Take the hour that ended for the largest so far where it is, in homes for which it counts (n,)."""
        largest = np.maximum(self.peak_kw, self.used_kwh)
        self.peak_kw = np.where(counts, largest, self.peak_kw)


def open_meters(homes: int) -> HourMeters:
    """Return meters that have counted nothing."""
    used_kwh, beyond_usd, peak_kw, cap_kw = (np.zeros(homes) for _ in range(4))
    return HourMeters(used_kwh, beyond_usd, peak_kw, cap_kw)


def join_limits(
    plans: Sequence[HourPlan[Any]], sizes: Sequence[int], hours: int
) -> HomeLimits | None:
    """Return the limits of the homes of all runs, so many each; None where no plan has any.

    Raises
    ------
    PartError
        Runs of which some have limits and others do not.
    """
    limited = [plan.limits is not None for plan in plans]
    if not any(limited):
        return None
    if not all(limited):
        raise PartError(
            "runs in step: meters have limits in some and not in others, expected one of the two in all"
        )
    limit_kw, over_per_kwh = np.full((sum(sizes), hours), np.inf), np.zeros((sum(sizes), hours))
    first = 0
    for plan, size in zip(plans, sizes, strict=True):
        if plan.limits is not None:
            rows = first + plan.limits.party
            limit_kw[rows], over_per_kwh[rows] = plan.limits.limit_kw, plan.limits.over_per_kwh
        first += size
    return HomeLimits(*spread_limits(limit_kw, over_per_kwh, limit_kw.shape))


def limit_interval(
    limits: HomeLimits | None, used_kwh: Col, passed_h: float
) -> tuple[Col, Col] | tuple[None, None]:
    """Return what each home may import in the next interval, and what is beyond costs more, (n,) each [kW], [$/kWh].

    The limit is on the mean of the hour: what is left of it after `used_kwh` (n,) in the `passed_h` since the hour began is
    spread over the rest of the hour.
    """
    if limits is None:
        return None, None
    left_kwh = limits.limit_kw[:, 0] - used_kwh
    return (left_kwh / (1.0 - passed_h)).clip(min=0), limits.over_per_kwh[:, 0]
