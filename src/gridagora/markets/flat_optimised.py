"""The flat tariff with homes that optimise against it: reported beside `flat`, to separate automation from market design.

Theory 3.2.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.exchange import quote
from gridagora.core.registry import register
from gridagora.core.session import Call, Session, nothing
from gridagora.core.tables import Col
from gridagora.core.tariff import NET_METERING, neutral_per_kwh


@register("market", "flat_optimised")
@dataclass(frozen=True)
class FlatOptimised:
    """The price of `flat`, answered by homes that look ahead instead of by thermostats."""

    strategies: ClassVar[tuple[str, ...]] = ("habit", "price_taker")  # it posts a price and hears no tender

    credit_per_kwh: float = NET_METERING
    strategy: str = "price_taker"

    def tariff(self, cost_usd_per_h: Col, load_kw: Col, local_hour: Col, exported_kw: Col | float = 0.0) -> Col:
        """Return the load-weighted cost of the baseline, shape (t,) [$/kWh]."""
        return neutral_per_kwh(np.ones(len(local_hour)), cost_usd_per_h, load_kw, exported_kw, self.credit_per_kwh)

    def outlook(self, call: Call) -> Col:
        """Return the prices homes plan on, shape (h,) [$/kWh]."""
        return call.tariff_per_kwh

    def credit(self, call: Call) -> Col:
        """Return what a kWh that leaves a home earns, shape (h,) [$/kWh]: never more than the import price."""
        return np.minimum(call.tariff_per_kwh, self.credit_per_kwh)

    def session(self, call: Call) -> Session:
        """Post the tariff; nobody answers."""
        yield quote(call.product, call.party, call.tariff_per_kwh[:1], self.credit(call)[:1])
        return nothing(call)
