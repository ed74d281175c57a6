"""Homes that look ahead and tender one curve of the whole home for the next interval: what is inside stays inside."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.agents import Believed, HomeAgents
from gridagora.core.exchange import Tenders
from gridagora.core.registry import register
from gridagora.core.rules import Bidder
from gridagora.core.session import BehindTheMeter, Clearing, Opening
from gridagora.core.tables import Col
from gridagora.mechanisms.home_bid import bid_home, dispatch_home


@register("strategy", "home")
@dataclass(frozen=True)
class HomeBid:
    """A home bids the exact sum of the curves of its devices and of its load less PV, and shares out what it buys."""

    plans: ClassVar[bool] = True
    bidder: ClassVar[Bidder] = Bidder.HOME

    def agents(self, believed: Believed) -> HomeAgents:
        """Return homes that answer prices with plans."""
        return HomeAgents(believed)

    def tender(self, opening: Opening, behind: BehindTheMeter) -> Tenders:
        """Return one curve for each home."""
        return bid_home(opening, behind)

    def dispatch(self, behind: BehindTheMeter, clearing: Clearing) -> Col | None:
        """Return the power of every resource, shape (r,) [kW]: its own answer to the price, adding up to what was bought."""
        return dispatch_home(behind, clearing)
