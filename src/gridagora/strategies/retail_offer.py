"""Homes that bid as a whole and, as prosumers, offer energy to end-users in the retail game."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.agents import Believed
from gridagora.core.exchange import Tenders
from gridagora.core.registry import register
from gridagora.core.rules import Bidder
from gridagora.core.session import BehindTheMeter, Clearing, Opening
from gridagora.core.tables import Col
from gridagora.mechanisms.home_bid import bid_home, dispatch_home
from gridagora.mechanisms.retail.agents import ProsumerAgents, make_agents


@register("strategy", "retail_offer")
@dataclass(frozen=True)
class RetailOffer:
    """Prosumers answer prices with offers ahead, and keep to themselves what these cost; in real time homes bid as in `home`."""

    plans: ClassVar[bool] = True
    bidder: ClassVar[Bidder] = Bidder.HOME

    def agents(self, believed: Believed) -> ProsumerAgents:
        """Return homes that answer prices with plans, and prosumers who play the game."""
        return make_agents(believed)

    def tender(self, opening: Opening, behind: BehindTheMeter) -> Tenders:
        """Return one curve for each home."""
        return bid_home(opening, behind)

    def dispatch(self, behind: BehindTheMeter, clearing: Clearing) -> Col | None:
        """Return the power of every resource, shape (r,) [kW]: its own answer to the price, adding up to what was bought."""
        return dispatch_home(behind, clearing)
