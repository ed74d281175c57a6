"""Real-time price, one way: the wholesale price plus delivery is broadcast, homes look ahead, nobody is asked."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.exchange import quote
from gridagora.core.registry import register
from gridagora.core.session import Call, Session, nothing
from gridagora.core.tables import Col


@register("market", "rtp")
@dataclass(frozen=True)
class RealTimePrice:
    """Every home sees the same price and plans alone; where all move together the load rebounds, which is the point to see."""

    strategies: ClassVar[tuple[str, ...]] = ("habit", "price_taker")  # it posts a price and hears no tender

    strategy: str = "price_taker"

    def outlook(self, call: Call) -> Col:
        """Return the forecast of the import price, shape (h,) [$/kWh]."""
        return call.supply.import_per_kwh

    def session(self, call: Call) -> Session:
        """Broadcast the import price of the interval; nobody answers."""
        yield quote(call.product, call.party, call.supply.import_per_kwh[:1])
        return nothing(call)
