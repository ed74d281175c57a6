"""Homes behind a meter that buys dear and sells cheap: the price each plans on, and the one its devices see in an interval."""

from typing import NamedTuple

import numpy as np

from gridagora.core.exchange import Quotes
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.internal_price import clear
from gridagora.kernels.curves.shared_meter import solve_meter
from gridagora.kernels.stores.value import Stores, rows
from gridagora.population.fleet import THREADS
from gridagora.settlement.tariff import make_kinked

ROUNDS = 10  # of sharing an hour, begun at the price found the hour before


class InternalPrices(NamedTuple):
    """Price inside each home over a window (n, h) [$/kWh], and the certified gap of the plans that set it over their cost."""

    price_per_kwh: Col
    gap_share: float


def find_internal_prices(
    specs: tuple[Stores, ...],
    home: tuple[Index, ...],
    net_kw: Col,
    buy_per_kwh: Col,
    sell_per_kwh: Col,
    before: Col | None,
) -> InternalPrices:
    """Return the price that each home plans on, between the credit and the import price; the latter where it cannot export.

    Parameters
    ----------
    specs, home
        Beliefs of every kind of device over h steps, and the home of each row.
    net_kw
        Load less PV of every home, shape (n, h) [kW].
    buy_per_kwh, sell_per_kwh
        Import price and export credit, shape (h,) [$/kWh].
    before
        Prices of the window that began an hour before, shape (h,) or (n, h), or None.
    """
    n, h = net_kw.shape
    exports: Flag = np.asarray((net_kw < 0).any(1))
    for spec, at in zip(specs, home, strict=True):
        exports[at[(spec.p_min_kw < 0).any(1)]] = True
    price = np.tile(buy_per_kwh, (n, 1))
    start = np.tile(0.5 * (buy_per_kwh + sell_per_kwh), (n, 1))
    if before is not None:
        start[:, :-1] = np.broadcast_to(before, (n, h))[:, 1:]
    gap_usd, cost_usd = 0.0, 0.0
    moves: Flag = np.isin(np.arange(n), np.concatenate([*home, np.zeros(0, np.int64)]))
    still = exports & ~moves  # the side of the meter is that of the load
    price[still] = np.where(net_kw[still] < 0, sell_per_kwh, buy_per_kwh)
    exports &= moves
    if exports.any():
        among = np.cumsum(exports) - 1
        found = solve_meter(
            [rows(spec, exports[at]) for spec, at in zip(specs, home, strict=True)],
            net_kw[exports],
            buy_per_kwh,
            sell_per_kwh,
            home=[among[at[exports[at]]] for at in home],
            rounds=ROUNDS,
            threads=THREADS,
            start_per_kwh=start[exports],
        )
        price[exports] = found.price_per_kwh
        gap_usd = float(found.gap_usd.sum())
        cost_usd = float(np.abs(found.cost_usd).sum())
    return InternalPrices(price, gap_usd / max(cost_usd, 1e-9))


def quote_devices(
    meter: Quotes, curves: Curves, home: Index, net_kw: Col
) -> tuple[Quotes, Index | None]:
    """Return what each device is quoted inside its home, and which way each home trades (n,): 1 imports, -1 exports, 0 neither.

    Devices stand in homes `home` (r,), whose load without them is `net_kw` (n,) [kW]. The quotes at the meters hold one price
    pair for all. Where it has no kink, or nothing is planned, devices hear it as it is and the second answer is None.
    """
    if not len(meter.party) or len(curves.offset) == 1:
        return meter, None
    buy, sell = float(meter.buy_per_kwh[0, 0]), float(meter.sell_per_kwh[0, 0])
    if not make_kinked(buy, sell):
        return meter, None
    found = clear(curves, home, net_kw, buy, sell)
    price = found.price_per_kwh[home, None]
    way = (found.price_per_kwh >= buy).astype(np.int64) - (found.price_per_kwh <= sell)
    return meter._replace(buy_per_kwh=price, sell_per_kwh=price, share=found.share[home, None]), way
