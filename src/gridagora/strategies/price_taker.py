"""Homes that look ahead against a posted price and answer it with their own curve, without showing the curve to anybody."""

from dataclasses import dataclass

from gridagora.core.exchange import Quotes, Tenders, Transactions
from gridagora.core.registry import register
from gridagora.core.session import Call
from gridagora.core.tables import Col
from gridagora.kernels.curve import Curves, at


@register("strategy", "price_taker")
@dataclass(frozen=True)
class PriceTaker:
    """The best response of every resource to the price of the interval, by its value of stored energy."""

    plans: bool = True

    def tender(self, call: Call, curves: Curves) -> Tenders | None:
        """Return None: the price is posted, nobody asks."""
        del call, curves

    def dispatch(self, curves: Curves, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return the power of each resource at the posted price, shape (r,) [kW]."""
        del trades
        return at(curves, float(quotes.buy_per_kwh[0, 0]), 1.0)
