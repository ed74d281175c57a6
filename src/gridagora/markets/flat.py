"""The flat tariff: one price, revenue-neutral to wholesale and delivery on the baseline load (theory 3.2)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.exchange import quote
from gridagora.core.registry import register
from gridagora.core.session import Call, Session, nothing
from gridagora.core.tables import Col
from gridagora.core.tariff import NET_METERING, neutral_per_kwh


@register("market", "flat")
@dataclass(frozen=True)
class Flat:
    """Today's default: homes keep their thermostats and charge when they plug in; a battery only follows its own PV."""

    strategies: ClassVar[tuple[str, ...]] = ("habit", "price_taker")  # it posts a price and hears no tender

    credit_per_kwh: float = NET_METERING
    strategy: str = "habit"

    def tariff(self, cost_usd_per_h: Col, load_kw: Col, local_hour: Col, exported_kw: Col | float = 0.0) -> Col:
        """Return the import price of every interval, shape (t,) [$/kWh]: mean cost of a kWh of the baseline, the same all day.

        Parameters
        ----------
        cost_usd_per_h
            What the homes of the baseline cost: wholesale and delivery, shape (t,) [$/h].
        load_kw
            Their net load, shape (t,) [kW]; cost over load makes revenue equal cost (theory 3.2).
        local_hour
            Local time of day of each interval, shape (t,) [h].
        exported_kw
            What homes export on the baseline, shape (t,) [kW]; read where export earns a credit below the import price.
        """
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
