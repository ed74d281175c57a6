"""Nodal fees: what a kWh through the meter of a home adds to losses and to limits of the network, posted a day ahead.

A home pays the fee of its hour for what it takes, beside whatever the market asks, and is paid it for what it gives; below zero
it is the other way round. The market itself need not know the network. When the gate of the day ahead closes, homes tell the
network operator, not each other, what they would take at the prices they expect and a fee. The operator solves the flow of
that, moves the prices of limits, and posts anew, some rounds long (`grid.nodal_fees`). The fees that it chose hold for the day.

References
----------
Tariffs of a day ahead from nodal prices of expected demand: N. O'Connell, Q. Wu, J. Oestergaard, A. H. Nielsen, S. T. Cha, Y.
Ding, Day-ahead tariffs for the alleviation of distribution grid congestion from electric vehicles, Electric Power Systems
Research 92 (2012), doi 10.1016/j.epsr.2012.05.018; R. Li, Q. Wu, S. S. Oren, Distribution locational marginal pricing for
optimal electric vehicle charging management, IEEE Trans. Power Systems 29 (2014), doi 10.1109/TPWRS.2013.2278952.
"""

from collections.abc import Generator
from typing import Any

from gridagora.core.encoding import message_bytes
from gridagora.core.exchange import LAYOUT, MeterFees, Plans
from gridagora.core.lean import NUMBER_BITS
from gridagora.core.network_operator import FeeRequest, FeeState
from gridagora.core.session import Opening, PeerMessages, Posted
from gridagora.core.tables import Col

FEE = "fee"  # of the key `network` of a design


def hear_fees(
    opening: Opening, buy_per_kwh: Col, sell_per_kwh: Col | None = None
) -> Generator[Any, Any, MeterFees | None]:
    """Ask the operator for the fees of a plan, and post them where the gate of the day ahead closes; None where all are nil.

    Parameters
    ----------
    opening
        Of a look-ahead.
    buy_per_kwh, sell_per_kwh
        What homes expect import to cost and export to earn beside the fee, (h,) or (n, h) [$/kWh]; the second is the first
        where it is left out.
    """
    sell = buy_per_kwh if sell_per_kwh is None else sell_per_kwh
    told = yield FeeRequest(opening.product, buy_per_kwh, sell)
    if not isinstance(told, FeeState):
        return None
    if told.rounds:
        yield count_plans(opening, told)
    if not told.fee_per_kwh.any():
        return None
    fees = MeterFees(opening.product, opening.party, told.fee_per_kwh)
    if opening.binds:
        yield Posted(fees)
    return fees


def count_plans(opening: Opening, told: FeeState) -> PeerMessages:
    """Return the messages of the rounds in which homes heard a fee and told the operator what they would take."""
    homes, (_, steps) = len(opening.party), told.fee_per_kwh.shape
    asked = told.rounds * homes
    size = message_bytes(LAYOUT[MeterFees], steps) + message_bytes(LAYOUT[Plans], steps)
    numbers = asked * steps
    return PeerMessages(2 * asked, asked * size, 2 * told.rounds, numbers, NUMBER_BITS * numbers)
