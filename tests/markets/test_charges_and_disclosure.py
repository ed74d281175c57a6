"""Two figures by value: which trades pay a zonal charge, and how many numbers a tender discloses."""

import numpy as np

from gridagora.core.exchange import Status, Transactions, tender
from gridagora.core.place import Level, places
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    Clearing,
    GateOpen,
    MessageCount,
    Opening,
    SupplyOffer,
    Topology,
    drive,
)
from gridagora.kernels.coordination.consensus import party_of_end
from gridagora.kernels.curves.curve import curves
from gridagora.markets.peer import Peer
from gridagora.mechanisms.trade_graph import complete


def test_a_zonal_charge_falls_on_trades_that_leave_the_zone_and_on_no_other():
    """Half at each end: four homes, two in each zone, 3 ct/kWh a trade."""
    tree = places(
        ["zone a", "zone b", "feeder"], [Level.ZONE, Level.ZONE, Level.FEEDER], [2, 2, -1]
    )
    site, graph = Topology(tree, np.array([0, 0, 1, 1]), np.full(3, np.inf)), complete(4)
    zone = np.array([0, 0, 1, 1])
    crosses = zone[party_of_end(graph)] != zone[graph.peer]
    assert crosses.sum() == 8 and (~crosses).sum() == 4
    fee = Peer(network_fee="zonal", fee_per_kwh=0.03).fees(site, graph)
    np.testing.assert_allclose(fee, np.where(crosses, 0.015, 0.0), atol=1e-15)


def test_a_tender_discloses_power_and_price_of_every_point():
    """Two homes, two points and three points: ten numbers."""
    product = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.array([0.1]), np.array([0.05]), np.array([0.0]))
    call = Opening(product, np.arange(2), supply)
    offered = tender(
        product, call.party, curves([([0.0, 4.0], [0.3, 0.1]), ([0.0, 1.0, 2.0], [0.3, 0.2, 0.1])])
    )

    def session():
        yield GateOpen(product)
        nil = np.zeros((2, 1))
        return Clearing(
            Transactions(product, call.party, np.full(2, -1), nil, nil, np.full(2, Status.FILLED))
        )

    assert drive(session(), lambda _: offered, MessageCount()).traffic.disclosed == 10
