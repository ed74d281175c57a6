"""Trades that homes agree on a day ahead and that bind: delivered at their price, while real time trades what changes.

What a home would take from the supplier, or give it, is a position: it is bought or sold at the supplier's day-ahead price, and
the supplier's real-time prices settle what it takes in the end against that. Delivery and network charges of a forward trade are
owed when it is delivered.

References
----------
Two settlements, day ahead and real time: S. Stoft, Power system economics, IEEE Press (2002), part 3.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.product import HOUR_S
from gridagora.core.session import Commitment, Opening, SupplyOffer
from gridagora.core.tables import Col
from gridagora.kernels.coordination.consensus import party_of_end
from gridagora.kernels.curves.curve import Curves
from gridagora.mechanisms.peer_deal import Deal

DAY_H = 24


class ForwardTrades(NamedTuple):
    """What homes agreed on for consecutive hours from a time on."""

    start_s: int
    deals: tuple[Deal, ...]


def find_forward(forward: ForwardTrades | None, opening: Opening) -> Deal | None:
    """Return what was agreed for the hour of an opening; None where nothing was."""
    if forward is None:
        return None
    hour = (opening.product.start_s - forward.start_s) // HOUR_S
    return forward.deals[hour] if 0 <= hour < len(forward.deals) else None


def net_trade_kw(deal: Deal | None, homes: int) -> Col:
    """Return what each of n homes bought of others less what it sold to them in a deal, shape (n,) [kW]."""
    if deal is None:
        return np.zeros(homes)
    ends = party_of_end(deal.graph)
    return np.asarray(np.bincount(ends, deal.trade_kw, minlength=homes)[:homes], np.float64)


def shift_curves(curves: Curves, bought_kw: Col) -> Curves:
    """Return what homes would take beside what they bought before, (n,) [kW], at each price."""
    each = np.repeat(bought_kw, np.diff(curves.offset))
    return curves._replace(p_kw=curves.p_kw - each)


def commit_residuals(opening: Opening, supply: SupplyOffer, deals: Sequence[Deal]) -> Commitment:
    """Return the positions of homes with the supplier over the next day: what their deals leave, at its import or export price.

    Parameters
    ----------
    opening
        Whose supplier's import price is that without a network price.
    supply
        What the supplier asked and paid in the deals, h hours each.
    deals
        Of the h hours.
    """
    residual_kw = np.stack([deal.supplier_kw for deal in deals[:DAY_H]], axis=1)
    hours = residual_kw.shape[1]
    price = np.where(residual_kw >= 0, supply.import_per_kwh[:hours], supply.export_per_kwh[:hours])
    premium = price - opening.supply.import_per_kwh[:hours]
    return Commitment(opening.product, hours, residual_kw, premium)
