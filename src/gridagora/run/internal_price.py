"""Homes behind a meter that buys dear and sells cheap: the price each plans on, and the one its devices see in an interval."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes
from gridagora.core.session import BehindTheMeter
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.internal_price import clear
from gridagora.kernels.curves.shared_meter import RHO, solve_meter
from gridagora.kernels.stores.value import Stores, rows
from gridagora.population.fleet import THREADS
from gridagora.run.home_limits import HomeLimits
from gridagora.settlement.tariff import make_kinked

ROUNDS_FIRST = 12  # of sharing at most, begun from no power
ROUNDS = 6  # begun at the price and the powers found the hour before
CHECK = 2  # rounds from one proof to the next: homes that are near leave early
NEAR = 2e-3  # of its cost: the gap at which a home leaves


class Effort(NamedTuple):
    """How long homes share, and in which steps."""

    rounds: int  # at most
    check: int  # from one proof to the next
    near: float  # the gap over its cost at which a home leaves
    rho: float = RHO  # $/kWh for each kW that a store moves in a round


ANEW = Effort(ROUNDS_FIRST, CHECK, NEAR)
AFTER = Effort(ROUNDS, CHECK, NEAR)


class InternalPrices(NamedTuple):
    """Price inside each home over a window (n, h) [$/kWh]; certified gap and cost of the plans that set it, (n,) [$].

    p_kw: powers of these plans by kind of device, (k, h) each [kW], nil in homes that cannot export.
    """

    price_per_kwh: Col
    gap_usd: Col
    cost_usd: Col
    p_kw: tuple[Col, ...] = ()


def find_internal_prices(
    specs: tuple[Stores, ...],
    home: tuple[Index, ...],
    net_kw: Col,
    buy_per_kwh: Col,
    sell_per_kwh: Col,
    before: Col | None,
    begin_kw: Sequence[Col] = (),
    limits: HomeLimits | None = None,
    effort: Effort | None = None,
) -> InternalPrices:
    """Return the price that each home plans on, between the credit and the import price; the latter where it cannot export.

    A home that can import more than its limit plans on up to what import beyond it costs, one that can export more than its
    limit on down to what export beyond it earns.

    Parameters
    ----------
    specs, home
        Beliefs of every kind of device over h steps, and the home of each row.
    net_kw
        Load less PV of every home, shape (n, h) [kW].
    buy_per_kwh, sell_per_kwh
        Import price and export credit, shape (h,) or (n, h) [$/kWh].
    before
        Prices of the window that began an hour before, shape (h,) or (n, h), or None.
    begin_kw
        Powers to begin with by kind of device, (k, h) each [kW]; none: nobody takes any.
    limits
        Of all homes, over the h steps; None: no home has one.
    effort
        None: what is usual, less where powers to begin with are given.
    """
    n, h = net_kw.shape
    rounds, check, near, rho = effort or (AFTER if begin_kw else ANEW)
    exports: Flag = np.asarray((net_kw < 0).any(1))
    for spec, at in zip(specs, home, strict=True):
        exports[at[(spec.p_min_kw < 0).any(1)]] = True
    limit, over = (np.inf, 0.0) if limits is None else limits[:2]
    may_exceed = _may_exceed(specs, home, net_kw, limit)
    export, under, beyond = _limit_exports(specs, home, net_kw, limits)
    buy, sell = (np.broadcast_to(each, (n, h)) for each in (buy_per_kwh, sell_per_kwh))
    if limits is not None:  # export may earn what import costs, so that only the limit is a kink
        exports = (exports & make_kinked(buy, sell).any(1)) | may_exceed.any(1) | beyond.any(1)
    price, start = buy.copy(), 0.5 * (buy + sell)
    if before is not None:
        start[:, :-1] = np.broadcast_to(before, (n, h))[:, 1:]
    gap_usd, cost_usd = np.zeros(n), np.zeros(n)
    moves: Flag = np.isin(np.arange(n), np.concatenate([*home, np.zeros(0, np.int64)]))
    still = exports & ~moves  # the side of the meter is that of the load
    earned = np.where(net_kw < -export, sell - under, sell)
    price[still] = np.where(net_kw[still] < 0, earned[still], (buy + over * may_exceed)[still])
    exports &= moves
    p_kw = tuple(np.zeros((len(at), h)) for at in home)
    if exports.any():
        chosen = [exports[at] for at in home]
        among = np.cumsum(exports) - 1
        found = solve_meter(
            [rows(spec, own) for spec, own in zip(specs, chosen, strict=True)],
            net_kw[exports],
            _of_rows(buy, exports),
            _of_rows(sell, exports),
            home=[among[at[own]] for at, own in zip(home, chosen, strict=True)],
            rounds=rounds,
            tolerance=near,
            check=check,
            threads=THREADS,
            rho=rho,
            start_per_kwh=start[exports],
            start_kw=np.concatenate([p[own] for p, own in zip(begin_kw, chosen, strict=True)])
            if begin_kw
            else None,
            limit_kw=limit if limits is None else limits.limit_kw[exports],
            over_per_kwh=over if limits is None else limits.over_per_kwh[exports],
            export_kw=export[exports],
            under_per_kwh=under[exports],
        )
        ends = np.cumsum([own.sum() for own in chosen])[:-1]
        for power, own, part in zip(p_kw, chosen, np.split(found.p_kw, ends), strict=True):
            power[own] = part
        price[exports] = found.price_per_kwh
        gap_usd[exports], cost_usd[exports] = found.gap_usd, np.abs(found.cost_usd)
    return InternalPrices(price, gap_usd, cost_usd, p_kw)


def _may_exceed(
    specs: tuple[Stores, ...], home: tuple[Index, ...], net_kw: Col, limit_kw: Col | float
) -> Flag:
    """Return where a home with all its devices at their most imports more than its limit, (n, h)."""
    if np.all(np.isinf(limit_kw)):
        return np.zeros(net_kw.shape, np.bool_)
    most_kw = net_kw.copy()
    for spec, at in zip(specs, home, strict=True):
        np.add.at(most_kw, at, spec.p_max_kw.clip(min=0))
    return np.asarray(most_kw > limit_kw)


def _limit_exports(
    specs: tuple[Stores, ...], home: tuple[Index, ...], net_kw: Col, limits: HomeLimits | None
) -> tuple[Col, Col, Flag]:
    """Return limits of export and what is beyond earns less, (n, h) each, and where a home could export more, (n, h)."""
    shape = net_kw.shape
    if limits is None or limits.export_kw is None or limits.under_per_kwh is None:
        none = np.broadcast_to(np.False_, shape)
        return np.broadcast_to(np.inf, shape), np.broadcast_to(0.0, shape), none
    least_kw = net_kw.copy()
    for spec, at in zip(specs, home, strict=True):
        np.add.at(least_kw, at, spec.p_min_kw.clip(max=0))
    return limits.export_kw, limits.under_per_kwh, np.asarray(least_kw < -limits.export_kw)


def shift_powers(p_kw: Col, before: Index, rows: Index) -> Col:
    """Return powers of rows (k,) over a window, (k, h) [kW], from those of rows `before` (b,) an hour earlier, (b, h) [kW].

    Nil in the last hour, and in rows that did not take part then.
    """
    found = np.zeros((len(rows), p_kw.shape[1]))
    _, now, then = np.intersect1d(rows, before, assume_unique=True, return_indices=True)
    found[now, :-1] = p_kw[then, 1:]
    return found


def _of_rows(price: Col, chosen: Flag) -> Col:
    """Return the prices of chosen homes, (k, h) [$/kWh]; one row alone where all homes see it."""
    return price[:1] if price.strides[0] == 0 else price[chosen]


def quote_devices(meter: Quotes, inner: BehindTheMeter) -> tuple[Quotes, Index | None]:
    """Return what each device is quoted inside its home, and which way each home trades (n,): 1 imports, -1 exports, 0 neither.

    What devices are quoted at the meter is the same for all of a home; the fee of the home comes on top. Where it has no kink and
    no limit, or nothing is planned, they hear that; the second answer is None where export earns what import costs.

    Raises
    ------
    PartError
        Prices with a kink at some meters and without one at others.
    """
    curves, home, net_kw, *beyond, fee_per_kwh = inner
    if not len(meter.party) or len(curves.offset) == 1:
        return meter, None
    if fee_per_kwh is not None:
        meter = _add_fee(meter, fee_per_kwh[home, None])
    kinked = make_kinked(_once(meter.buy_per_kwh), _once(meter.sell_per_kwh))
    limited = any(each is not None for each in beyond)
    if not kinked.any() and not limited:
        return meter, None
    buy, sell = (_at_meters(column[:, 0], home, len(net_kw)) for column in meter[2:4])
    if kinked.any() and not make_kinked(buy, sell).all():
        raise PartError(
            "export earns less than import costs at some meters and not at others, expected one of the two at all"
        )
    free = (np.inf, 0.0, np.inf, 0.0)
    limits = [none if each is None else each for none, each in zip(free, beyond, strict=True)]
    found = clear(curves, home, net_kw, buy, sell, *limits)
    price = found.price_per_kwh[home, None]
    way = (
        None
        if not kinked.any()
        else (found.price_per_kwh >= buy).astype(np.int64) - (found.price_per_kwh <= sell)
    )
    return meter._replace(buy_per_kwh=price, sell_per_kwh=price, share=found.share[home, None]), way


def _add_fee(meter: Quotes, fee_per_kwh: Col) -> Quotes:
    """Return quotes with a fee of every device (r, 1) on top [$/kWh]."""
    return meter._replace(
        buy_per_kwh=meter.buy_per_kwh + fee_per_kwh, sell_per_kwh=meter.sell_per_kwh + fee_per_kwh
    )


def _once(quoted_per_kwh: Col) -> Col:
    """Return a column (r, 1) of quotes [$/kWh]; one row alone where all devices hear it."""
    return quoted_per_kwh[:1] if quoted_per_kwh.strides[0] == 0 else quoted_per_kwh


def _at_meters(quoted_per_kwh: Col, home: Index, homes: int) -> Col:
    """Return the price at every meter, (n,) [$/kWh], from what its devices (r,) are quoted; a home without any sees the first."""
    price = np.full(homes, quoted_per_kwh[0])
    price[home] = quoted_per_kwh
    return price
