"""What homes expect local trade to pay: the mean price of each side, by hour of day, learned from public trades of days past.

A price is held as a position between export credit and import price, 0 to 1, so that it moves with the supplier's forecast. A
buyer pays the price of its trades and the import price for the rest; a seller earns that of its trades and the credit for the
rest. Each day moves the position of its hours by a share of the distance to what was seen (adaptive expectations).

References
----------
M. Nerlove, Adaptive expectations and cobweb phenomena, Quarterly J. Economics 72 (1958), doi 10.2307/1880597.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.product import HOUR_S, Product
from gridagora.core.session import Baseline, SupplyOffer
from gridagora.core.tables import Col, Index

DAY_H = 24
APART = 1e-3  # of the range, that a buyer expects to pay above what a seller earns: two prices throughout, as homes then plan on


class HourOfTrades(NamedTuple):
    """Sums over the intervals of one hour so far, which are of one length, so that powers weigh as energies do."""

    hour: int  # of the run; -1 before the first
    traded_kw: float
    paid_kw: float  # traded, each trade weighed by the position of what its buyer pays
    earned_kw: float  # and by that of what its seller earns
    bought_kw: float  # from the supplier
    sold_kw: float  # to it


class ExpectedPrices(NamedTuple):
    """What is expected of every hour of day, and the hour that is being traded. It holds nothing of a single home."""

    start_s: int
    local_hour: Index  # (H,) of every hour of the run, and of a day after it
    buyer_share: Col  # (24,) position of what a kWh costs a buyer
    seller_share: Col  # (24,) position of what a kWh earns a seller
    hour_trades: HourOfTrades


NO_TRADES = HourOfTrades(-1, 0.0, 0.0, 0.0, 0.0, 0.0)


def expect_import_price(baseline: Baseline) -> ExpectedPrices:
    """Return what is expected before the first trade: the import price on both sides, as a kWh sold spares a neighbour one."""
    hours = baseline.local_hour[:: HOUR_S // baseline.duration_s]
    ones = np.ones(DAY_H)
    return ExpectedPrices(baseline.start_s, hours, ones, ones - APART, NO_TRADES)


def observe_trades(
    known: ExpectedPrices,
    product: Product,
    supply: SupplyOffer,
    trades: tuple[Col, Col],
    rest_kw: Col,
    due_per_kwh: float = 0.0,
) -> ExpectedPrices:
    """Return the expectation with the trades of one interval, which count once their hour has ended (`learn_hour`).

    Parameters
    ----------
    known, product, supply
        What was expected; the interval, and the supplier's two prices in it.
    trades
        Power above zero [kW] and price [$/kWh] of each trade, shape (m,) each.
    rest_kw
        What each home takes from the supplier, or gives it below zero, shape (n,) [kW].
    due_per_kwh
        What a buyer pays beside the price of a trade [$/kWh].
    """
    low, high = float(supply.export_per_kwh[0]), float(supply.import_per_kwh[0])
    if not high > low:
        return known
    power, price = trades
    earned_kw = float(power @ ((price - low) / (high - low)))
    seen = known.hour_trades
    traded_kw = float(power.sum())
    return known._replace(
        hour_trades=HourOfTrades(
            _hour_of(known, product),
            seen.traded_kw + traded_kw,
            seen.paid_kw + earned_kw + traded_kw * due_per_kwh / (high - low),
            seen.earned_kw + earned_kw,
            seen.bought_kw + float(rest_kw.clip(min=0).sum()),
            seen.sold_kw + float((-rest_kw).clip(min=0).sum()),
        )
    )


def learn_hour(known: ExpectedPrices, product: Product, learning_share: float) -> ExpectedPrices:
    """Return the expectation when a product opens: an hour of trades that has ended by then moves that hour of day.

    A side that moved nothing, by trade or with the supplier, has seen no price and keeps what it expected.

    Parameters
    ----------
    known, product
        What was expected, and the product.
    learning_share
        Weight of the day that has passed, above 0 and at most 1; the rest is that of all days before.
    """
    seen = known.hour_trades
    if not 0 <= seen.hour < _hour_of(known, product):
        return known
    buyer, seller = known.buyer_share.copy(), known.seller_share.copy()
    at = known.local_hour[seen.hour]
    sides = (
        (buyer, seen.paid_kw + seen.bought_kw, seen.traded_kw + seen.bought_kw),
        (seller, seen.earned_kw, seen.traded_kw + seen.sold_kw),
    )
    for share, weighed_kw, moved_kw in sides:
        if moved_kw > 0:
            share[at] += learning_share * (weighed_kw / moved_kw - share[at])
    return known._replace(buyer_share=buyer, seller_share=seller, hour_trades=NO_TRADES)


def expected_per_kwh(
    known: ExpectedPrices, product: Product, supply: SupplyOffer, due_per_kwh: float = 0.0
) -> tuple[Col, Col]:
    """Return what a kWh is expected to cost a buyer and to earn a seller in each hour of a window, (h,) each [$/kWh].

    Both lie between the credit and the import price forecast by the supplier, the buyer's a little above the seller's. A seller
    expects no more than the import price less what a buyer owes beside the price of a trade, `due_per_kwh` [$/kWh].
    """
    low, range_per_kwh = supply.export_per_kwh, supply.import_per_kwh - supply.export_per_kwh
    due = np.divide(due_per_kwh, range_per_kwh, out=np.ones(len(low)), where=range_per_kwh > 0)
    first = _hour_of(known, product)
    at = known.local_hour[first : first + len(low)]
    seller = known.seller_share[at].clip(0, (1 - due.clip(APART, 1)))
    buyer = known.buyer_share[at].clip(seller + APART, 1)
    return low + buyer * range_per_kwh, low + seller * range_per_kwh


def _hour_of(known: ExpectedPrices, product: Product) -> int:
    """Return the hour of the run in which a product begins."""
    return (product.start_s - known.start_s) // HOUR_S
