"""Limits and fees at the meters of homes: those of a window, and what an hour leaves to each of its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import ExportLimits, MeterLimits
from gridagora.core.session import HourPlan
from gridagora.core.tables import Col, Flag
from gridagora.kernels.curves.meter_limits import spread_limits
from gridagora.run.limit_tally import EXPORT, IMPORT, LimitTally, open_tally


class HomeLimits(NamedTuple):
    """What n homes may import and export on the mean of h hours [kW], inf where there is no limit, and the price of more.

    The columns of export are None where no home has a limit of it.
    """

    limit_kw: Col  # (n, h) of import
    over_per_kwh: Col  # (n, h) what a kWh of import beyond costs more [$/kWh]
    export_kw: Col | None = None  # (n, h) of export
    under_per_kwh: Col | None = None  # (n, h) what a kWh of export beyond earns less [$/kWh]
    by_interval: bool = False  # whether they hold in each interval, not on the mean of the hour


@dataclass
class HourMeters:
    """What the meters of n homes count by the hour, for limits and charges of power; a step changes it in place."""

    used_kwh: Col  # (n,) import less export since the hour began
    beyond_usd: Col  # (n,) of import and export beyond posted limits, so far
    peak_kw: Col  # (n,) largest hour so far in which demand counts
    cap_kw: Col  # (n,) up to which homes let their import go under a demand charge
    fee_usd: Col  # (n,) nodal fees so far, import less export
    tally: LimitTally  # of posted limits so far
    posted: HomeLimits | None = None  # by the design, from the present hour on
    limits: HomeLimits | None = None  # that homes keep to: posted, or their own
    fee_per_kwh: Col | None = None  # (n, h) on top of both prices, from the present hour on

    def begin_hour(self, posted: HomeLimits | None, fee_per_kwh: Col | None = None) -> None:
        """Begin an hour with the limits that the design posted, and the fees (n, h) [$/kWh] of the network operator."""
        self.posted = self.limits = posted
        self.fee_per_kwh = fee_per_kwh
        self.used_kwh = np.zeros(len(self.used_kwh))
        if posted is not None:
            self.tally.add_hour(IMPORT, posted.limit_kw[:, 0])
            if posted.export_kw is not None:
                self.tally.add_hour(EXPORT, posted.export_kw[:, 0])

    def count(self, metered_kw: Col, dt_h: float, end_share: float) -> None:
        """Count an interval that ends at a share of the hour, in which homes took `metered_kw` (n,) [kW]."""
        self.used_kwh += metered_kw * dt_h
        if self.fee_per_kwh is not None:
            self.fee_usd += self.fee_per_kwh[:, 0] * metered_kw * dt_h
        if self.posted is None:
            return
        if self.posted.by_interval:
            self._charge(self.posted, metered_kw, dt_h)
        elif end_share == 1.0:
            self._charge(self.posted, self.used_kwh, 1.0)

    def _charge(self, posted: HomeLimits, mean_kw: Col, hours: float) -> None:
        """Charge so many hours at a mean power (n,) [kW] beyond the limits of the present hour."""
        over_kw = (mean_kw - posted.limit_kw[:, 0]).clip(min=0)
        owed_per_h, beyond_kw = posted.over_per_kwh[:, 0] * over_kw, over_kw
        if posted.export_kw is not None and posted.under_per_kwh is not None:
            under_kw = (-mean_kw - posted.export_kw[:, 0]).clip(min=0)
            owed_per_h = owed_per_h + posted.under_per_kwh[:, 0] * under_kw
            beyond_kw = over_kw + under_kw
        self.beyond_usd += hours * owed_per_h
        self.tally.beyond_kwh += hours * beyond_kw

    def count_demand(self, counts: Flag) -> None:
        """Take the hour that ended for the largest so far where it is, in homes for which it counts (n,)."""
        largest = np.maximum(self.peak_kw, self.used_kwh)
        self.peak_kw = np.where(counts, largest, self.peak_kw)


def open_meters(homes: int) -> HourMeters:
    """Return meters that have counted nothing."""
    used_kwh, beyond_usd, peak_kw, cap_kw, fee_usd = (np.zeros(homes) for _ in range(5))
    return HourMeters(used_kwh, beyond_usd, peak_kw, cap_kw, fee_usd, open_tally(homes))


def join_limits(
    plans: Sequence[HourPlan[Any]], sizes: Sequence[int], hours: int
) -> HomeLimits | None:
    """Return the limits of the homes of all runs, so many each; None where no plan has any.

    Raises
    ------
    PartError
        Runs of which some have limits and others do not.
    """
    imports = _join([plan.limits for plan in plans], sizes, hours)
    exports = _join([plan.export_limits for plan in plans], sizes, hours)
    by_interval = any(plan.by_interval for plan in plans)
    if imports is None and exports is None:
        return None
    if imports is None:
        shape = (sum(sizes), hours)
        imports = np.broadcast_to(np.inf, shape), np.broadcast_to(0.0, shape)
    export_kw, under_per_kwh = exports or (None, None)
    return HomeLimits(*imports, export_kw, under_per_kwh, by_interval)


def join_fees(plans: Sequence[HourPlan[Any]], sizes: Sequence[int], hours: int) -> Col | None:
    """Return the fees of the homes of all runs, so many each, (n, hours) [$/kWh]; None where no plan has any."""
    if all(plan.fees is None for plan in plans):
        return None
    fee_per_kwh, first = np.zeros((sum(sizes), hours)), 0
    for plan, size in zip(plans, sizes, strict=True):
        if plan.fees is not None:
            fee_per_kwh[first + plan.fees.party] = plan.fees.fee_per_kwh
        first += size
    return fee_per_kwh


def _join(
    posted: Sequence[MeterLimits | ExportLimits | None], sizes: Sequence[int], hours: int
) -> tuple[Col, Col] | None:
    """Return limits and premiums of one direction of the homes of all runs, (n, h) each; None where no plan has any."""
    limited = [each is not None for each in posted]
    if not any(limited):
        return None
    if not all(limited):
        raise PartError(
            "runs in step: meters have limits in some and not in others, expected one of the two in all"
        )
    limit_kw, over_per_kwh = np.full((sum(sizes), hours), np.inf), np.zeros((sum(sizes), hours))
    first = 0
    for each, size in zip(posted, sizes, strict=True):
        if each is not None:
            rows = first + each.party
            limit_kw[rows], over_per_kwh[rows] = each.limit_kw, each.over_per_kwh
        first += size
    return spread_limits(limit_kw, over_per_kwh, limit_kw.shape)


def limit_interval(
    limits: HomeLimits | None, used_kwh: Col, passed_h: float
) -> tuple[Col | None, Col | None, Col | None, Col | None]:
    """Return what each home may import in the next interval and what is beyond costs more, and the same of export.

    All are (n,) [kW], [$/kWh], or None in a direction without limits. Limits on the mean of the hour: what is left of them
    after `used_kwh` (n,) in the `passed_h` since the hour began is spread over the rest of the hour.
    """
    if limits is None:
        return None, None, None, None
    over, imports = limits.over_per_kwh[:, 0], limits.limit_kw[:, 0]
    if not limits.by_interval:
        imports = ((imports - used_kwh) / (1.0 - passed_h)).clip(min=0)
    if limits.export_kw is None or limits.under_per_kwh is None:
        return imports, over, None, None
    under, exports = limits.under_per_kwh[:, 0], limits.export_kw[:, 0]
    if not limits.by_interval:
        exports = ((exports + used_kwh) / (1.0 - passed_h)).clip(min=0)
    return imports, over, exports, under


def curtail_first(limits: HomeLimits | None, credit_per_kwh: Col) -> HomeLimits | None:
    """Return limits as homes plan on them at a credit of export, (h,) or (n, h) [$/kWh]: beyond, panels are curtailed.

    A kWh that is not generated earns nothing, so export beyond a limit is worth no less than that.
    """
    if limits is None or limits.under_per_kwh is None:
        return limits
    return limits._replace(
        under_per_kwh=np.minimum(limits.under_per_kwh, credit_per_kwh.clip(min=0))
    )
