"""Homes that look ahead against a posted price and answer it with their own curve, without showing the curve to anybody."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.agents import Believed, NoAgents
from gridagora.core.registry import register
from gridagora.core.rules import Bidder
from gridagora.core.session import BehindTheMeter, Clearing, Opening
from gridagora.core.tables import Col
from gridagora.kernels.curves.internal_price import power_at_own


@register("strategy", "price_taker")
@dataclass(frozen=True)
class PriceTaker:
    """Every device takes its best response to the price of the interval, by the value of its stored energy."""

    plans: ClassVar[bool] = True
    bidder: ClassVar[Bidder] = Bidder.NOBODY

    def agents(self, believed: Believed) -> NoAgents:
        """Return parties that answer nothing: the price is posted."""
        del believed
        return NoAgents()

    def tender(self, opening: Opening, behind: BehindTheMeter) -> None:
        """Offer nothing: the price is posted, nobody asks."""
        del opening, behind

    def dispatch(self, behind: BehindTheMeter, clearing: Clearing) -> Col | None:
        """Return the power of each resource at the price it is quoted, shape (r,) [kW]."""
        quotes = clearing.posted
        return (
            None
            if quotes is None
            else power_at_own(behind.curves, quotes.buy_per_kwh[:, 0], quotes.share[:, 0])
        )
