"""Homes that look ahead and tender one exact curve of each resource for the next interval."""

from dataclasses import dataclass

from gridagora.core.exchange import Quotes, Tenders, Transactions, tender
from gridagora.core.registry import register
from gridagora.core.session import Call
from gridagora.core.tables import Col
from gridagora.kernels.curve import Curves


@register("strategy", "look_ahead")
@dataclass(frozen=True)
class LookAhead:
    """The constraints that link intervals stay inside the resource; the market sees one interval."""

    plans: bool = True

    def tender(self, call: Call, curves: Curves) -> Tenders | None:
        """Return the curve of every resource."""
        return tender(call.product, call.party, curves)

    def dispatch(self, curves: Curves, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return what was bought, shape (r,) [kW]."""
        del curves, quotes
        return trades.p_kw[:, 0]
