"""Homes that look ahead and tender one exact curve of each resource for the next interval."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.agents import Believed, DeviceAgents
from gridagora.core.exchange import Tenders, tender
from gridagora.core.registry import register
from gridagora.core.rules import Bidder
from gridagora.core.session import BehindTheMeter, Clearing, Opening
from gridagora.core.tables import Col


@register("strategy", "look_ahead")
@dataclass(frozen=True)
class DeviceBids:
    """Every device plans ahead by itself and bids for one interval; what links intervals stays inside it."""

    plans: ClassVar[bool] = True
    bidder: ClassVar[Bidder] = Bidder.DEVICE

    def agents(self, believed: Believed) -> DeviceAgents:
        """Return devices that tell the operator their specifications."""
        return DeviceAgents(believed)

    def tender(self, opening: Opening, behind: BehindTheMeter) -> Tenders:
        """Return the curve of every resource."""
        return tender(opening.product, opening.party, behind.curves)

    def dispatch(self, behind: BehindTheMeter, clearing: Clearing) -> Col | None:
        """Return what was bought, shape (r,) [kW]."""
        del behind
        return None if clearing.transactions is None else clearing.transactions.p_kw[:, 0]
