"""A whole home as one party: the curve it tenders, and how what it bought is shared out inside."""

import numpy as np

from gridagora.core.exchange import Tenders, tender
from gridagora.core.session import BehindTheMeter, Clearing, Opening
from gridagora.core.tables import Col
from gridagora.kernels.curves.groups import allocate_rows, gather, price_at_quantity, soft_limit


def bid_home(opening: Opening, behind: BehindTheMeter) -> Tenders:
    """Return one curve for each home: the exact sum of those of its devices and of its load less PV.

    Beyond a limit of its meter it bids as much less as a kWh there costs more, or asks as much more as it earns less. Its fee
    lowers all that it bids and asks.
    """
    parties = len(opening.party)
    curves = gather(behind.curves, behind.home, parties, behind.net_kw)
    if behind.limit_kw is not None and behind.over_per_kwh is not None:
        curves = soft_limit(curves, -np.inf, behind.limit_kw, behind.over_per_kwh)
    if behind.export_kw is not None and behind.under_per_kwh is not None:
        curves = soft_limit(curves, -behind.export_kw, np.inf, behind.under_per_kwh)
    if behind.fee_per_kwh is not None:
        points = np.diff(curves.offset)
        lower = curves.price_per_kwh - np.repeat(behind.fee_per_kwh, points)
        curves = curves._replace(price_per_kwh=lower)
    return tender(opening.product, opening.party, curves)


def dispatch_home(behind: BehindTheMeter, clearing: Clearing) -> Col | None:
    """Return the power of every device, shape (r,) [kW]: its own answer to the price, adding up to what was bought."""
    trades = clearing.transactions
    if trades is None:
        return None
    price = trades.price_per_kwh[:, 0]
    if behind.fee_per_kwh is not None:
        price = price + behind.fee_per_kwh
    return share_inside(behind, trades.p_kw[:, 0], price)


def share_inside(behind: BehindTheMeter, p_kw: Col, price_per_kwh: Col) -> Col:
    """Return the power of every device, shape (r,) [kW], of homes that take p_kw (n,) [kW] at a price (n,) [$/kWh]."""
    bought_kw = p_kw - behind.net_kw
    price, share = price_at_quantity(behind.curves, behind.home, bought_kw, price_per_kwh, 1.0)
    return allocate_rows(behind.curves, behind.home, price, share, bought_kw)
