"""Homes that look ahead and tender one exact curve of each resource for the next interval."""

from dataclasses import dataclass

from gridagora.core.exchange import Quotes, Tenders, Transactions, tender
from gridagora.core.registry import register
from gridagora.core.session import Behind, Call
from gridagora.core.tables import Col


@register("strategy", "look_ahead")
@dataclass(frozen=True)
class LookAhead:
    """The constraints that link intervals stay inside the resource; the market sees one interval."""

    plans: bool = True

    def tender(self, call: Call, behind: Behind) -> Tenders | None:
        """Return the curve of every resource."""
        return tender(call.product, call.party, behind.curves)

    def dispatch(self, behind: Behind, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return what was bought, shape (r,) [kW]."""
        del behind, quotes
        return trades.p_kw[:, 0]
