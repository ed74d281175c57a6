"""Designs that the laws of markets hold beside the registered ones: markets with keys that change who pays or what is known."""

from collections.abc import Mapping
from typing import Any

from gridagora.core.ports import Market
from gridagora.core.retail_tariff import Amount, DemandRate, EnergyRate, RetailTariff, always
from gridagora.markets.auction import Auction
from gridagora.markets.demand_charge import DemandCharge
from gridagora.markets.demand_subscription import DemandSubscription
from gridagora.markets.peer import Peer
from gridagora.markets.retail_tariff import FiledTariff
from gridagora.markets.retailer import Retailer
from gridagora.markets.rtp import RealTimePrice
from gridagora.scenario.build import Scene

PEAK = tuple(tuple(int(14 <= hour < 20) for hour in range(24)) for _ in range(12))
OWN = RetailTariff(
    "two periods, two blocks",
    (
        EnergyRate("rest", (0.10, 0.14), (500.0,), 0.03),
        EnergyRate("peak", (0.25, 0.30), (500.0,), 0.03),
    ),
    PEAK,
    always(),
    Amount(per_month=10.0),
    Amount(per_month=30.0),
    (DemandRate("peak", 6.0, PEAK, PEAK), DemandRate("any", 2.0, always(1), always(1))),
    "rate",
)

VARIANTS: Mapping[str, Market[Any]] = {
    "demand_subscription, share and a window": DemandSubscription(
        subscription="share", subscribed_share=0.6, peak_ratio=1.5
    ),
    "demand_charge, in the window": DemandCharge(counted="peak", charge_per_kw_month=10.0),
    "retail_tariff, blocks and demand": FiledTariff(OWN),
    "peer, reduced delivery": Peer(delivery_share=0.43),
    "peer, pools without delivery": Peer(community=True, delivery_share=0.0),
    "peer, network price": Peer(network="price"),
    "peer, network price, no delivery": Peer(network="price", delivery_share=0.0),
    "peer, envelopes": Peer(network="envelope"),
    "peer, binding day ahead": Peer(day_ahead_binds=True, delivery_share=0.0),
    "peer, binding, network price": Peer(
        day_ahead_binds=True, network="price", delivery_share=0.43
    ),
    "auction, reduced delivery": Auction(delivery_share=0.43),
    "auction, network price": Auction(network="price"),
    "auction, network price, learned prices": Auction(
        network="price", delivery_share=0.43, look_ahead_prices="trades"
    ),
    "auction, envelopes": Auction(network="envelope", delivery_share=0.43),
    "auction, equal envelopes, learned prices": Auction(
        network="envelope", envelope="equal", delivery_share=0.0, look_ahead_prices="trades"
    ),
    "rtp, envelopes": RealTimePrice(network="envelope", envelope="connection"),
    "retailer, envelopes": Retailer(network="envelope", envelope="equal"),
    "auction, learned prices": Auction(delivery_share=0.43, look_ahead_prices="trades"),
}


def market_of(scene: Scene, name: str) -> Market[Any]:
    """Return a variant, or the design of that name in a scene."""
    return VARIANTS[name] if name in VARIANTS else scene.market(name)
