"""Every part of the package, assigned to the port it must fit: read by the type checker, which fails where one does not."""

from gridagora.core.capacity import CapacityMarket
from gridagora.core.ports import DeviceGroup, Grid, Market, Strategy
from gridagora.core.session import PricePath
from gridagora.devices.battery import BatteryGroup
from gridagora.devices.ev import EvGroup
from gridagora.devices.generator import GeneratorGroup
from gridagora.devices.hvac import HvacGroup
from gridagora.devices.load import LoadGroup
from gridagora.devices.pv import PvGroup
from gridagora.devices.water_heater import WaterHeaterGroup
from gridagora.grid.fixed_point import FixedPoint
from gridagora.markets.auction import Auction, AuctionState
from gridagora.markets.central import Central, Remembered
from gridagora.markets.critical_peak import CriticalPeak
from gridagora.markets.demand_charge import DemandCharge, DemandTariff
from gridagora.markets.demand_subscription import DemandSubscription, Subscriptions
from gridagora.markets.flat import Flat
from gridagora.markets.flat_optimised import FlatOptimised
from gridagora.markets.layered import Layered, LayeredState
from gridagora.markets.peer import Peer, PeerState
from gridagora.markets.retailer import Retailer, RetailState
from gridagora.markets.rtp import RealTimePrice
from gridagora.markets.tou import TimeOfUse
from gridagora.settlement.tariff import Tariff
from gridagora.strategies.habit import Thermostat
from gridagora.strategies.home import HomeBid
from gridagora.strategies.look_ahead import DeviceBids
from gridagora.strategies.price_taker import PriceTaker
from gridagora.strategies.retail_offer import RetailOffer

tariffs: list[Market[Tariff]] = [Flat(), FlatOptimised(), TimeOfUse(), CriticalPeak()]
of_power: tuple[Market[Subscriptions], Market[DemandTariff]] = DemandSubscription(), DemandCharge()
charging: list[CapacityMarket] = [DemandSubscription(), DemandCharge()]
without_memory: list[Market[None]] = [RealTimePrice()]
in_a_book: Market[AuctionState | None] = Auction()
of_prices: Market[PricePath | Remembered | None] = Central()
of_premiums: Market[LayeredState] = Layered()
between_partners: Market[PeerState | None] = Peer()
retail: Market[RetailState] = Retailer()
strategies: list[Strategy] = [Thermostat(), PriceTaker(), DeviceBids(), HomeBid(), RetailOffer()]
devices: list[type[DeviceGroup]] = [
    BatteryGroup,
    EvGroup,
    GeneratorGroup,
    HvacGroup,
    LoadGroup,
    PvGroup,
    WaterHeaterGroup,
]


def as_grid(grid: FixedPoint) -> Grid:
    """Return a grid as the port sees it."""
    return grid
