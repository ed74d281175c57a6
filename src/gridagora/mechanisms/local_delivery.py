"""Delivery on energy that homes sell each other: in most places the buyer owes network charges for every kWh of the public grid.

In Germany, Great Britain and most of the United States a kWh that a neighbour sells pays the network charges of any other. Where
energy communities are favoured they pay a part: in Austria, since November 2021, the energy charge of a member of a local
community (one transformer, levels 6 and 7) is reduced by 57 %, and of a regional one by 28 % at these levels.

References
----------
Austria: Elektrizitaetswirtschafts- und -organisationsgesetz 2010, par. 52(2a), as amended by the Erneuerbaren-Ausbau-
Gesetzespaket, BGBl. I 150/2021; Systemnutzungsentgelte-Verordnung 2018, second amendment of 2021.
"""

import numpy as np

from gridagora.core.exchange import WIRES, Transactions
from gridagora.core.product import Product
from gridagora.core.session import SupplyOffer
from gridagora.core.tables import Col, Index

NEAR_PER_KWH = 1e-9  # prices nearer to each other than this leave nothing to gain


def local_delivery_per_kwh(supply: SupplyOffer, share: float) -> float:
    """Return what the buyer of a local kWh owes to the wires [$/kWh], for a share (0..1) of the delivery of the supplier."""
    return share * supply.delivery_per_kwh


def leaves_gain(
    supply: SupplyOffer, share: float, step: int = 0, premium_per_kwh: float = 0.0
) -> bool:
    """Say whether any price of a local trade can be better than the supplier's for its buyer and its seller at once.

    The buyer saves the import price less delivery, and minds energy of the supplier by `premium_per_kwh` [$/kWh] more; the seller
    gives up the export price.
    """
    most = float(supply.import_per_kwh[step]) + premium_per_kwh
    least = float(supply.export_per_kwh[step]) + local_delivery_per_kwh(supply, share)
    return most - least > NEAR_PER_KWH


def list_delivery(
    product: Product, buyer: Index, p_kw: Col, delivery_per_kwh: float, status: Index
) -> Transactions:
    """Return one row for every purchase: the delivery that its buyer owes to the wires; none where there is no charge.

    Parameters
    ----------
    buyer, status
        Of each trade, shape (r,).
    p_kw
        What is bought, shape (r,) [kW].
    delivery_per_kwh
        As `local_delivery_per_kwh` has it.
    """
    rows = np.arange(len(buyer) if delivery_per_kwh > 0 else 0)
    column = p_kw[rows, None], np.full((len(rows), 1), delivery_per_kwh)
    return Transactions(product, buyer[rows], np.full(len(rows), WIRES), *column, status[rows])
