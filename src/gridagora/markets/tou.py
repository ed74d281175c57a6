"""Time-of-use tariff: a dear window and a cheap rest, scaled to the revenue of the flat tariff on the baseline load.

Theory 3.2.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import quote
from gridagora.core.registry import register
from gridagora.core.session import Call, Session, nothing
from gridagora.core.tables import Col
from gridagora.core.tariff import NET_METERING, neutral_per_kwh

DAY_H = 24


@register("market", "tou")
@dataclass(frozen=True)
class TimeOfUse:
    """Two prices a day, known to all: homes plan against them and move together, ahead of the window and when it ends.

    peak_ratio is the dear price over the cheap one; the window [peak_start_h, peak_end_h) is in local hours of day.
    """

    strategies: ClassVar[tuple[str, ...]] = ("habit", "price_taker")  # it posts a price and hears no tender

    peak_ratio: float = 3.0
    peak_start_h: float = 14.0
    peak_end_h: float = 20.0
    credit_per_kwh: float = NET_METERING
    strategy: str = "price_taker"

    def __post_init__(self) -> None:
        """Refuse a window that is no window and a ratio that is no price."""
        problems = []
        if not 0 <= self.peak_start_h < self.peak_end_h <= DAY_H:
            problems.append(
                Problem("market.tou", f"{self.peak_start_h} to {self.peak_end_h} h", "0 <= peak_start_h < peak_end_h <= 24")
            )
        if not self.peak_ratio > 0:
            problems.append(Problem("market.tou.peak_ratio", str(self.peak_ratio), "a number above 0"))
        if problems:
            raise InputError(problems)

    def tariff(self, cost_usd_per_h: Col, load_kw: Col, local_hour: Col, exported_kw: Col | float = 0.0) -> Col:
        """Return the import price of every interval, shape (t,) [$/kWh]; revenue on the baseline is its cost (theory 3.2)."""
        shape = np.where((local_hour >= self.peak_start_h) & (local_hour < self.peak_end_h), self.peak_ratio, 1.0)
        return neutral_per_kwh(shape, cost_usd_per_h, load_kw, exported_kw, self.credit_per_kwh)

    def outlook(self, call: Call) -> Col:
        """Return the prices homes plan on, shape (h,) [$/kWh]."""
        return call.tariff_per_kwh

    def credit(self, call: Call) -> Col:
        """Return what a kWh that leaves a home earns, shape (h,) [$/kWh]: never more than the import price."""
        return np.minimum(call.tariff_per_kwh, self.credit_per_kwh)

    def session(self, call: Call) -> Session:
        """Post the tariff of the interval; nobody answers."""
        yield quote(call.product, call.party, call.tariff_per_kwh[:1], self.credit(call)[:1])
        return nothing(call)
