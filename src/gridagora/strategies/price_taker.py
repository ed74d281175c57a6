"""Homes that look ahead against a posted price and answer it with their own curve, without showing the curve to anybody."""

from dataclasses import dataclass

from gridagora.core.exchange import Quotes, Tenders, Transactions
from gridagora.core.registry import register
from gridagora.core.session import Behind, Call
from gridagora.core.tables import Col
from gridagora.kernels.behind import at_own


@register("strategy", "price_taker")
@dataclass(frozen=True)
class PriceTaker:
    """The best response of every resource to the price of the interval, by its value of stored energy."""

    plans: bool = True

    def tender(self, call: Call, behind: Behind) -> Tenders | None:
        """Return None: the price is posted, nobody asks."""
        del call, behind

    def dispatch(self, behind: Behind, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return the power of each resource at the price it is quoted, shape (r,) [kW]."""
        del trades
        return at_own(behind.curves, quotes.buy_per_kwh[:, 0], quotes.share[:, 0])
