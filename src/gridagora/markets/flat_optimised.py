"""The flat tariff with homes that optimise against it: reported beside `flat`, to separate automation from market design."""

from dataclasses import dataclass

import numpy as np

from gridagora.core.exchange import quote
from gridagora.core.registry import register
from gridagora.core.session import Call, Session, nothing
from gridagora.core.tables import Col


@register("market", "flat_optimised")
@dataclass(frozen=True)
class FlatOptimised:
    """The price of `flat`, answered by homes that look ahead instead of by thermostats."""

    strategy: str = "price_taker"

    def tariff(self, cost_per_kwh: Col, load_kw: Col, local_hour: Col) -> Col:
        """Return the load-weighted cost of the baseline, shape (t,) [$/kWh]."""
        return np.full(len(local_hour), (cost_per_kwh * load_kw).sum() / load_kw.sum())

    def outlook(self, call: Call) -> Col:
        """Return the prices homes plan on, shape (h,) [$/kWh]."""
        return call.tariff_per_kwh

    def session(self, call: Call) -> Session:
        """Post the tariff; nobody answers."""
        yield quote(call.product, call.party, call.tariff_per_kwh[:1])
        return nothing(call)
