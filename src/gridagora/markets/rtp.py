"""Real-time price, one way: the wholesale price plus delivery is broadcast, homes look ahead, nobody is asked (theory 3.3)."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import quote
from gridagora.core.registry import register
from gridagora.core.session import Call, Session, nothing
from gridagora.core.tables import Col

EXPORTS = ("wholesale", "net_metering")


@register("market", "rtp")
@dataclass(frozen=True)
class RealTimePrice:
    """Every home sees the same price and plans alone; where all move together the load rises in the same cheap hours.

    export says what a kWh that leaves a home earns: "wholesale", the wholesale price and the export credit of `[prices]`, which
    is what it is worth at the substation, or "net_metering", the import price, so that delivery is paid back with it.
    """

    strategies: ClassVar[tuple[str, ...]] = ("habit", "price_taker")  # it posts a price and hears no tender

    export: str = "wholesale"
    strategy: str = "price_taker"

    def __post_init__(self) -> None:
        """Refuse a payment for export that is none of the two."""
        if self.export not in EXPORTS:
            expected = "one of " + ", ".join(EXPORTS)
            raise InputError([Problem("market.rtp.export", repr(self.export), expected)])

    def outlook(self, call: Call) -> Col:
        """Return the forecast of the import price, shape (h,) [$/kWh]."""
        return call.supply.import_per_kwh

    def credit(self, call: Call) -> Col:
        """Return what a kWh that leaves a home earns, shape (h,) [$/kWh]."""
        return call.supply.export_per_kwh if self.export == "wholesale" else call.supply.import_per_kwh

    def session(self, call: Call) -> Session:
        """Broadcast the import price and the export price of the interval; nobody answers."""
        yield quote(call.product, call.party, call.supply.import_per_kwh[:1], self.credit(call)[:1])
        return nothing(call)
