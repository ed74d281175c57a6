"""Homes of today: thermostats, plug in and charge, and a battery that follows the home's own PV. No price is heard."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.agents import Believed, NoAgents
from gridagora.core.registry import register
from gridagora.core.rules import Bidder
from gridagora.core.session import BehindTheMeter, Clearing, Opening


@register("strategy", "habit")
@dataclass(frozen=True)
class Thermostat:
    """Homes plan and offer nothing: thermostats and chargers run as people set them."""

    plans: ClassVar[bool] = False
    bidder: ClassVar[Bidder] = Bidder.NOBODY

    def agents(self, believed: Believed) -> NoAgents:
        """Return parties that answer nothing."""
        del believed
        return NoAgents()

    def tender(self, opening: Opening, behind: BehindTheMeter) -> None:
        """Offer nothing."""
        del opening, behind

    def dispatch(self, behind: BehindTheMeter, clearing: Clearing) -> None:
        """Leave every device to its own switch."""
        del behind, clearing
